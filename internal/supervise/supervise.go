package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// checks is how many times within a heartbeat timeout the supervisor looks. It counts
// these looks instead of reading the clock: a supervisor that was stopped itself,
// or a machine that slept, must not take a healthy child for a silent one.
const checks = 8

// Run keeps a child running until ctx ends or a signal arrives, then stops it and
// returns nil. A child that had not become ready in time, was silent, or ended by
// itself is replaced.
//
// Errors: [ErrGivenUp] after Config.Tries failures in a row, [ErrPermanent] at once
// if the child says so, [ErrKilled] if it did not stop when asked.
func Run(ctx context.Context, config Config) error {
	config = config.withDefaults()
	failures := 0
	for {
		e := runOnce(ctx, config)
		switch {
		case e.stopped:
			return e.err
		case e.permanent:
			return fmt.Errorf("supervise: %w: %w", ErrPermanent, e.err)
		}
		if e.readyFor >= config.Stable {
			failures = 0
		}
		failures++
		if failures >= config.Tries {
			return fmt.Errorf("supervise: %w after %d failures in a row, the last: %w", ErrGivenUp, failures, e.err)
		}
		delay := config.delay(failures, e.readyFor > 0)
		config.Log.Warn("process failed and is started again", "err", e.err, "failures", failures, "delay", delay)
		if !pause(ctx, config.Signals, delay) {
			return nil
		}
	}
}

// pause waits, and reports whether nobody asked to stop meanwhile.
func pause(ctx context.Context, signals <-chan os.Signal, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	case <-signals:
		return false
	}
}

// end says how one child ended.
type end struct {
	stopped   bool // on request
	permanent bool
	readyFor  time.Duration
	err       error
}

// watcher is what is known of one running child.
type watcher struct {
	config   Config
	process  *process
	silent   int       // looks since the last message
	looks    int       // looks since the start
	heard    bool      // a message has come
	readyAt  time.Time // zero before
	stopping bool
	why      error // why the supervisor killed it, or nil
	said     message
	deadline <-chan time.Time // of stopping
}

func runOnce(ctx context.Context, config Config) end {
	p, err := start(config.Command())
	if err != nil {
		return end{err: err, permanent: true}
	}
	w := &watcher{config: config, process: p}
	w.watch(ctx)
	if err := p.release(w.receive); err != nil {
		config.Log.Warn("pipe to the process", "err", err)
	}
	return w.end()
}

// watch returns when the child has ended.
func (w *watcher) watch(ctx context.Context) {
	interval := w.config.HeartbeatTimeout / checks
	tick := time.NewTicker(interval)
	defer tick.Stop()
	messages, stop := w.process.messages, ctx.Done()
	for {
		select {
		case <-w.process.done:
			return
		case m, ok := <-messages:
			if !ok {
				messages = nil // it closed the pipe: silence from now on
				continue
			}
			w.receive(m)
		case <-tick.C:
			w.look(interval)
		case sig := <-w.config.Signals:
			w.stop(sig)
		case <-stop:
			stop = nil
			w.stop(syscall.SIGTERM)
		case <-w.deadline:
			w.kill(fmt.Errorf("supervise: %w: process %d did not stop within %v", ErrKilled, w.process.cmd.Process.Pid, w.config.StopTimeout))
		}
	}
}

func (w *watcher) receive(m message) {
	w.silent, w.heard = 0, true
	switch m.word {
	case wordReady:
		if w.readyAt.IsZero() {
			w.readyAt = time.Now()
			w.config.Ready(w.process.cmd.Process.Pid)
		}
	case wordFail, wordPermanent:
		w.said = m
	}
}

// look kills a child that is silent, or not ready after the time for its start.
func (w *watcher) look(interval time.Duration) {
	w.silent++
	w.looks++
	if w.why != nil {
		return
	}
	started := time.Duration(w.looks) * interval
	switch {
	case w.heard && w.silent > checks:
		w.kill(fmt.Errorf("supervise: process %d gave no heartbeat for %v", w.process.cmd.Process.Pid, w.config.HeartbeatTimeout))
	case w.readyAt.IsZero() && !w.stopping && started >= w.config.StartTimeout:
		w.kill(fmt.Errorf("supervise: process %d was not ready within %v", w.process.cmd.Process.Pid, w.config.StartTimeout))
	}
}

// stop passes a signal on. The second request to stop kills.
func (w *watcher) stop(sig os.Signal) {
	if w.stopping {
		w.kill(fmt.Errorf("supervise: %w: process %d, at the second %v", ErrKilled, w.process.cmd.Process.Pid, sig))
		return
	}
	w.stopping = true
	w.deadline = time.After(w.config.StopTimeout)
	if err := w.process.signal(sig); err != nil {
		w.kill(err)
	}
}

func (w *watcher) kill(why error) {
	if w.why == nil {
		w.why = why
	}
	if err := w.process.signal(syscall.SIGKILL); err != nil {
		w.config.Log.Error("cannot kill", "err", err)
	}
}

// end sums up; the process has ended and all its messages are read.
func (w *watcher) end() end {
	e := end{stopped: w.stopping, err: w.why, permanent: w.said.word == wordPermanent}
	if !w.readyAt.IsZero() {
		e.readyFor = time.Since(w.readyAt)
	}
	pid := w.process.cmd.Process.Pid
	switch {
	case e.err != nil:
	case w.said.reason != "":
		e.err = errors.New(w.said.reason)
	case w.stopping && w.process.err == nil:
	case w.process.err == nil:
		e.err = fmt.Errorf("supervise: process %d ended without being asked to", pid)
	default:
		e.err = fmt.Errorf("supervise: process %d ended: %w", pid, w.process.err)
	}
	return e
}
