package view_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/worker"
)

// processVariable holds the configuration of a worker that this test binary is to be.
const processVariable = "MILLRACE_CRASH_PROCESS"

// processConfig is what such a worker needs.
type processConfig struct {
	DatabaseURL, Listen, StateDir string
	Checkpoint                    time.Duration
}

// TestWorkerProcess is no test but a worker, in a process that others kill.
func TestWorkerProcess(t *testing.T) {
	text := os.Getenv(processVariable)
	if text == "" {
		return
	}
	var c processConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // it ends with the process that has begun this one
		cancel()
	}()
	err := worker.Run(ctx, worker.Config{
		DatabaseURL: c.DatabaseURL, Listen: c.Listen, StateDir: c.StateDir, Checkpoint: c.Checkpoint,
		Ready: func() { fmt.Println("worker is ready") }, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// launch runs a worker in a process of its own, until kill is called or the test ends.
func (s *site) launch() (kill func()) {
	s.t.Helper()
	text, err := json.Marshal(processConfig{s.config.DatabaseURL, s.config.Listen, s.config.StateDir, s.config.Checkpoint})
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestWorkerProcess$", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), processVariable+"="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stderr = s.t.Output()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := false
	kill = func() {
		if ended {
			return
		}
		ended = true
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			s.t.Error(err)
		}
		_ = cmd.Wait() // killed, it ends with an error
		in.Close()
	}
	s.t.Cleanup(kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "worker is ready") {
			go func() { _, _ = io.Copy(io.Discard, out) }() // until the process ends
			return kill
		}
	}
	s.t.Fatal("the worker's process is not ready")
	return nil
}

// TestCrashWorker kills the worker's process at random moments while money moves.
func TestCrashWorker(t *testing.T) {
	for _, name := range []string{"Memory", "StateDir"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.config.Checkpoint = 30 * time.Millisecond
			if name == "StateDir" {
				s.config.StateDir = t.TempDir()
			}
			kill := s.launch()
			b := newBank(s)
			s.settle()
			b.begin(3, 2)
			for range rounds(t, 4) {
				b.pause(700 * time.Millisecond)
				kill()
				b.pause(100 * time.Millisecond)
				kill = s.launch()
			}
			b.pause(300 * time.Millisecond)
			b.verify()
		})
	}
}
