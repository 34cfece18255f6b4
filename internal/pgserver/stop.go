package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Stop ends the server and removes its temporary folders. It asks for a fast
// shutdown, which ends all sessions and writes a checkpoint. If that does not
// finish before ctx ends or within Config.StopTimeout, Stop asks for an immediate
// one, and at last kills the process. A server that has ended already is no error.
//
// Errors: [ErrUnclean] if a fast shutdown was not enough.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.StopTimeout)
	defer cancel()
	err := s.signal(syscall.SIGINT)
	select {
	case <-s.child.done:
	case <-ctx.Done():
		err = errors.Join(fmt.Errorf("pgserver: %w: fast shutdown of process %d: %w", ErrUnclean, s.PID(), ctx.Err()), s.end())
	}
	return errors.Join(err, s.removeFolders())
}

// Kill ends the server as a crash does: at once, without a checkpoint. With sig
// SIGQUIT the postmaster takes its sessions with it; with SIGKILL they find out by
// themselves. Kill waits for the end of the postmaster and keeps the data folder, so
// that [Start] can recover it. A temporary folder is still removed by [Server.Stop].
func (s *Server) Kill(sig syscall.Signal) error {
	if sig != syscall.SIGQUIT && sig != syscall.SIGKILL {
		return fmt.Errorf("pgserver: %w: signal %v, want %v or %v", ErrConfig, sig, syscall.SIGQUIT, syscall.SIGKILL)
	}
	if err := s.signal(sig); err != nil {
		return err
	}
	if !s.within(s.config.StopTimeout) {
		return fmt.Errorf("pgserver: %w: process %d is alive %v after %v", ErrUnclean, s.PID(), s.config.StopTimeout, sig)
	}
	return nil
}

// end makes sure that the process has ended: immediate shutdown first, then SIGKILL.
func (s *Server) end() error {
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		if err := s.signal(sig); err != nil {
			return err
		}
		if s.within(s.config.StopTimeout) {
			return nil
		}
	}
	return fmt.Errorf("pgserver: %w: process %d does not end", ErrUnclean, s.PID())
}

// within waits for the end of the process and reports whether it came in time.
func (s *Server) within(bound time.Duration) bool {
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case <-s.child.done:
		return true
	case <-timer.C:
		return false
	}
}

// signal sends a signal unless the process has ended.
func (s *Server) signal(sig syscall.Signal) error {
	if err := s.child.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("pgserver: signal %v to process %d: %w", sig, s.PID(), err)
	}
	return nil
}
