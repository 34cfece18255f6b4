package supervise

import (
	"log/slog"
	"os"
	"os/exec"
	"time"
)

// Config says what to run and how patient to be.
type Config struct {
	// Command makes the command of one start: program, arguments, environment and
	// standard files. Its ExtraFiles and SysProcAttr belong to this package. Required.
	Command func() *exec.Cmd

	// HeartbeatTimeout is how long the child may be silent. Defaults to 2 s.
	HeartbeatTimeout time.Duration

	// StartTimeout bounds the time from the start to the first heartbeat, and to
	// [Link.Ready]. Defaults to 30 s.
	StartTimeout time.Duration

	// StopTimeout is how long a child that was asked to stop may take before it is
	// killed. Defaults to 20 s.
	StopTimeout time.Duration

	// Tries is how many failures in a row end the supervisor. A failure counts as
	// the first in a row if the child had been ready for Stable. Defaults to 8.
	Tries int

	// Stable is how long a child has to be ready to be thought healthy. Defaults to 10 s.
	Stable time.Duration

	// Backoff is the delay before the second start in a row; it doubles with each
	// further one, up to MaxBackoff. A child that had been ready is replaced
	// without a delay the first time. Default to 250 ms and 5 s.
	Backoff, MaxBackoff time.Duration

	// Signals are passed on to the child. Each of them means stop: afterwards the
	// child is not started again. Defaults to none.
	Signals <-chan os.Signal

	// Ready, if set, is called each time that a child reports that it is ready.
	Ready func(pid int)

	// Log takes every failure and restart. Defaults to slog.Default.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.HeartbeatTimeout, 2 * time.Second}, {&c.StartTimeout, 30 * time.Second}, {&c.StopTimeout, 20 * time.Second},
		{&c.Stable, 10 * time.Second}, {&c.Backoff, 250 * time.Millisecond}, {&c.MaxBackoff, 5 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Tries == 0 {
		c.Tries = 8
	}
	if c.Ready == nil {
		c.Ready = func(int) {}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// delay is the time to wait before the next start after a number of failures in a
// row, at least 1.
func (c Config) delay(failures int, wasReady bool) time.Duration {
	if failures == 1 && wasReady {
		return 0
	}
	d := c.Backoff
	for range failures - 1 {
		if d = 2 * d; d >= c.MaxBackoff {
			break
		}
	}
	return min(d, c.MaxBackoff)
}
