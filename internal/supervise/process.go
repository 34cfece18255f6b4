package supervise

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// A process is one child. Its fields are set by start; err is read after done.
type process struct {
	cmd      *exec.Cmd
	messages chan message  // closed when the child has closed its pipe
	done     chan struct{} // closed when the child has ended
	err      error         // how it ended
	life     *os.File      // held open as long as the child shall live
}

// start starts a command with both pipes, in a process group of its own: an
// interrupt typed at the terminal reaches the supervisor, which passes it on.
func start(cmd *exec.Cmd) (*process, error) {
	beatRead, beatWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("supervise: %w", err)
	}
	lifeRead, lifeWrite, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("supervise: %w", err), beatRead.Close(), beatWrite.Close())
	}
	cmd.ExtraFiles = []*os.File{beatWrite, lifeRead}
	cmd.SysProcAttr = attributes()
	p := &process{cmd: cmd, messages: make(chan message), done: make(chan struct{}), life: lifeWrite}
	started := make(chan error)
	go p.run(started)
	err = <-started
	err = errors.Join(err, beatWrite.Close(), lifeRead.Close()) // the child has its own
	if err != nil {
		return nil, errors.Join(fmt.Errorf("supervise: start %s: %w", cmd.Path, err), beatRead.Close(), lifeWrite.Close())
	}
	go listen(beatRead, p.messages)
	return p, nil
}

// run starts the process and waits for its end, all on one thread. Linux ties the
// signal at the parent's death to the thread that forked, so this thread must not
// end before the process does.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// signal sends a signal; a process that has ended already is no error.
func (p *process) signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("supervise: signal %v to process %d: %w", sig, p.cmd.Process.Pid, err)
	}
	return nil
}

// release waits for the rest of the messages and closes what is left. The process
// has ended.
func (p *process) release(last func(message)) error {
	for m := range p.messages {
		last(m)
	}
	return p.life.Close()
}
