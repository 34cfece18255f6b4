package supervise

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervised runs a healthy child under a supervisor.
func supervised(t *testing.T, config Config) (o output, cancel context.CancelFunc, done <-chan error) {
	t.Helper()
	o = newOutput(t)
	config.Command, config.Log = command("healthy", o.file), quiet
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, config) }()
	return o, cancel, ended
}

func kill(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

// TestHang stops the child. With the default timeout of 2 s it is replaced within 3 s.
func TestHang(t *testing.T) {
	t.Parallel()
	o, cancel, done := supervised(t, Config{})
	first := o.child(t)
	began := time.Now()
	kill(t, first, syscall.SIGSTOP)
	second := o.child(t)
	if took := time.Since(began); took < 1500*time.Millisecond || took > 15*time.Second {
		t.Errorf("replaced after %v, want 1.5 s to 15 s", took)
	}
	if second == first {
		t.Errorf("the child is still process %d", first)
	}
	cancel()
	o.next(t, "got terminated")
	if err := result(t, done); err != nil {
		t.Error(err)
	}
}

// TestKill kills the child, several times, each after it had been ready for a while
// that counts as stable: so Tries is not reached.
func TestKill(t *testing.T) {
	t.Parallel()
	ready := make(chan int, 10)
	o, cancel, done := supervised(t, Config{Tries: 2, Stable: time.Nanosecond, Ready: func(pid int) { ready <- pid }})
	for i := range 5 {
		child := o.child(t)
		select {
		case pid := <-ready:
			if pid != child {
				t.Fatalf("process %d is ready, want %d", pid, child)
			}
		case <-time.After(bound):
			t.Fatalf("child %d is not ready within %v", child, bound)
		}
		if i < 4 {
			kill(t, child, syscall.SIGKILL)
		}
	}
	cancel()
	o.next(t, "got terminated")
	if err := result(t, done); err != nil {
		t.Error(err)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		signals := make(chan os.Signal, 1)
		o, _, done := supervised(t, Config{Signals: signals})
		o.child(t)
		signals <- sig
		o.next(t, "got "+sig.String())
		if err := result(t, done); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
	}
}

// TestSupervisorKilled kills a supervisor in a process of its own. The child holds
// the only other end of the pipe, so the pipe closes when the child has ended. The
// child is stopped before in one case: then only the kernel can end it.
func TestSupervisorKilled(t *testing.T) {
	t.Parallel()
	for _, stopped := range []bool{false, true} {
		o := newOutput(t)
		supervisor := command("supervisor", o.file)()
		if err := supervisor.Start(); err != nil {
			t.Fatal(err)
		}
		if err := o.file.Close(); err != nil {
			t.Fatal(err)
		}
		child := o.child(t)
		if stopped {
			kill(t, child, syscall.SIGSTOP)
		}
		kill(t, supervisor.Process.Pid, syscall.SIGKILL)
		if err := supervisor.Wait(); err == nil {
			t.Error("the supervisor ended without an error, want signal: killed")
		}
		select {
		case line, ok := <-o.lines:
			if ok {
				t.Errorf("the child said %q, want its end", line)
			}
		case <-time.After(bound):
			t.Errorf("child %d (stopped: %v) lives %v after its supervisor", child, stopped, bound)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		role    string
		config  Config
		wantErr error
		want    string        // part of the error
		atLeast time.Duration // because of the delays between the starts
	}{
		// Three tries: delays of 40 and 80 ms between them.
		{role: "crash", config: Config{Tries: 3, Backoff: 20 * time.Millisecond}, wantErr: ErrGivenUp, want: "no database\nat \"all\"", atLeast: 60 * time.Millisecond},
		{role: "ends", config: Config{Tries: 2, Backoff: time.Millisecond}, wantErr: ErrGivenUp, want: "without being asked to"},
		{role: "permanent", config: Config{Tries: 8}, wantErr: ErrPermanent, want: "wrong setting"},
		{role: "mute", config: Config{Tries: 1, StartTimeout: 500 * time.Millisecond}, wantErr: ErrGivenUp, want: "was not ready within 500ms"},
		{role: "unready", config: Config{Tries: 1, StartTimeout: time.Second}, wantErr: ErrGivenUp, want: "was not ready within 1s"},
	} {
		t.Run(tt.role, func(t *testing.T) {
			t.Parallel()
			tt.config.Command, tt.config.Log = command(tt.role, os.Stdout), quiet
			began := time.Now()
			done := make(chan error, 1)
			go func() { done <- Run(t.Context(), tt.config) }()
			err := result(t, done)
			if !errors.Is(err, tt.wantErr) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run = %v, want %v with %q", err, tt.wantErr, tt.want)
			}
			if took := time.Since(began); took < tt.atLeast {
				t.Errorf("Run took %v, want at least %v", took, tt.atLeast)
			}
		})
	}
}

// TestDeaf has a child that does not stop when asked.
func TestDeaf(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	config := Config{Command: command("deaf", os.Stdout), Log: quiet, StopTimeout: 100 * time.Millisecond, Ready: func(int) { cancel() }}
	go func() { done <- Run(ctx, config) }()
	if err := result(t, done); !errors.Is(err, ErrKilled) {
		t.Errorf("Run = %v, want %v", err, ErrKilled)
	}
}

// TestSecondSignal kills a child that was asked to stop before.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	signals := make(chan os.Signal, 2)
	done := make(chan error, 1)
	config := Config{Command: command("deaf", os.Stdout), Log: quiet, StopTimeout: time.Hour, Signals: signals,
		Ready: func(int) { signals <- syscall.SIGTERM; signals <- syscall.SIGTERM }}
	go func() { done <- Run(t.Context(), config) }()
	if err := result(t, done); !errors.Is(err, ErrKilled) || !strings.Contains(err.Error(), "second") {
		t.Errorf("Run = %v, want %v at the second signal", err, ErrKilled)
	}
}

// TestStopWhilePausing stops a supervisor between two starts.
func TestStopWhilePausing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	config := Config{Command: command("crash", os.Stdout), Log: quiet, Backoff: time.Hour, MaxBackoff: time.Hour}
	go func() { done <- Run(ctx, config) }()
	if err := result(t, done); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestNoProgram(t *testing.T) {
	t.Parallel()
	cmd := command("healthy", os.Stdout)
	broken := cmd()
	broken.Path = "/nonexistent/program"
	config := Config{Command: func() *exec.Cmd { return broken }, Log: quiet}
	if err := Run(t.Context(), config); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Run = %v, want %v", err, os.ErrNotExist)
	}
}

// TestDetached starts a child that nobody supervises.
func TestDetached(t *testing.T) {
	t.Parallel()
	cmd := command("healthy", nil)()
	cmd.Stdout, cmd.Stderr = nil, nil
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), ErrDetached.Error()) {
		t.Errorf("the child printed %q and ended with %v, want %q", out, err, ErrDetached)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	c := Config{}.withDefaults()
	for _, tt := range []struct {
		failures int
		wasReady bool
		want     time.Duration
	}{
		{1, true, 0},
		{1, false, 250 * time.Millisecond},
		{2, true, 500 * time.Millisecond},
		{3, false, time.Second},
		{5, false, 4 * time.Second},
		{6, false, 5 * time.Second},
		{1 << 20, false, 5 * time.Second}, // does not overflow
	} {
		if got := c.delay(tt.failures, tt.wasReady); got != tt.want {
			t.Errorf("delay(%d, %v) = %v, want %v", tt.failures, tt.wasReady, got, tt.want)
		}
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxReason+1)
	for _, tt := range []struct{ in, want message }{
		{message{word: wordBeat}, message{word: wordBeat}},
		{message{wordFail, "two\nlines \"quoted\""}, message{wordFail, "two\nlines \"quoted\""}},
		{message{wordPermanent, long}, message{wordPermanent, long[:maxReason]}},
		{message{word: "nonsense"}, message{}},
	} {
		line := string(tt.in.line())
		if strings.Count(line, "\n") != 1 || parseLine(strings.TrimSuffix(line, "\n")) != tt.want {
			t.Errorf("line %q gives %v, want %v", line, parseLine(strings.TrimSuffix(line, "\n")), tt.want)
		}
	}
}
