package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/pgtest"
)

// program is the built command.
var program string

func TestMain(m *testing.M) { os.Exit(withProgram(m)) }

// withProgram builds the command into a folder that goes with the tests.
func withProgram(m *testing.M) int {
	for _, s := range serveSettings {
		os.Unsetenv(s.variable()) // tests say themselves what is set
	}
	dir, err := os.MkdirTemp("", "millrace-cmd-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "millrace")
	build := exec.Command("go", "build", "-ldflags", "-X main.version=tested", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return pgtest.Main(m)
}

// bound is how long a test waits for what should happen soon. It covers a first start
// of PostgreSQL on a busy machine.
const bound = 2 * time.Minute

// outcome is how a command ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// execute runs a command to its end.
func execute(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound) // a test's own context is over in its cleanup
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// succeed runs a command that must succeed and returns its standard output.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	o := execute(t, args...)
	if o.code != 0 {
		t.Fatalf("millrace %s: exit status %d\n%s%s", args[0], o.code, o.stdout, o.stderr)
	}
	return o.stdout
}

// running is a command that runs in the background.
type running struct {
	cmd    *exec.Cmd
	stdout <-chan string // lines; closed when all processes that could write have ended
	stderr <-chan string
}

// launch starts a command, which is killed at the end of the test if it still runs.
func launch(t *testing.T, env []string, args ...string) *running {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	r := &running{cmd: cmd}
	var files []io.Closer
	for _, stream := range []struct {
		file  *io.Writer
		lines *<-chan string
	}{{&cmd.Stdout, &r.stdout}, {&cmd.Stderr, &r.stderr}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		*stream.file, *stream.lines = write, linesOf(read)
		files = append(files, write)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // it may have ended by itself just now
			_ = cmd.Wait()
		}
	})
	return r
}

// linesOf reads lines into a channel that is wide enough for all of a test.
func linesOf(file io.ReadCloser) <-chan string {
	lines := make(chan string, 10_000)
	go func() {
		defer close(lines)
		defer file.Close()
		for s := bufio.NewScanner(file); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

// await reads lines until one contains the text, and returns the lines read.
func await(t *testing.T, lines <-chan string, text string) []string {
	t.Helper()
	timer := time.NewTimer(bound)
	defer timer.Stop()
	var seen []string
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the output ended without %q:\n%s", text, strings.Join(seen, "\n"))
			}
			if seen = append(seen, line); strings.Contains(line, text) {
				return seen
			}
		case <-timer.C:
			t.Fatalf("no %q within %v:\n%s", text, bound, strings.Join(seen, "\n"))
		}
	}
}

// rest reads lines until the last process that could write one has ended.
func rest(t *testing.T, lines <-chan string) string {
	t.Helper()
	timer := time.NewTimer(bound)
	defer timer.Stop()
	var seen []string
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				return strings.Join(seen, "\n")
			}
			seen = append(seen, line)
		case <-timer.C:
			t.Fatalf("the output did not end within %v:\n%s", bound, strings.Join(seen, "\n"))
		}
	}
}

// stop sends a signal and returns the exit status, and what was still written.
func (r *running) stop(t *testing.T, sig syscall.Signal) outcome {
	t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	return r.wait(t)
}

// wait waits for the end of the command and of the processes it started.
func (r *running) wait(t *testing.T) outcome {
	t.Helper()
	o := outcome{stdout: rest(t, r.stdout), stderr: rest(t, r.stderr)}
	err := r.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	o.code = r.cmd.ProcessState.ExitCode()
	return o
}
