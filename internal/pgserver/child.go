package pgserver

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// A child is a running postgres process. It is safe for concurrent use.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; read after done
}

// startChild starts postgres as the user of the cluster, in a process group of its
// own: an interrupt typed at the terminal must not reach it before its clients.
func startChild(cl cluster, log *os.File, cmd *exec.Cmd) (*child, error) {
	cmd.Dir, cmd.Env = "/", environment()
	cmd.Stdout, cmd.Stderr = log, log
	// An immediate shutdown: nobody is left to wait for a fast one, or to escalate.
	cmd.SysProcAttr = attributes(cl.who, syscall.SIGQUIT)
	cmd.SysProcAttr.Setpgid = true
	c := &child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go c.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("pgserver: %w: %w", ErrStart, err)
	}
	return c, nil
}

// run starts the process and waits for its end, all on one thread. Linux ties the
// signal at the parent's death to the thread that forked, so this thread must not
// end before the process does, as it could under a goroutine of the caller.
func (c *child) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	c.err = c.cmd.Wait()
	close(c.done)
}

// ended reports whether the process has ended.
func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// environment returns the variables for PostgreSQL's programs: only those they
// need, so that no PGDATA or PGPORT misleads them and no secret is handed on.
func environment() []string {
	var out []string
	for _, name := range []string{"PATH", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			out = append(out, name+"="+value)
		}
	}
	return append(out, "LC_ALL=C")
}

// logTail returns the end of a log file, at most 4 kB in whole lines.
func logTail(log *os.File, from int64) string {
	info, err := log.Stat()
	if err != nil {
		return err.Error()
	}
	from = max(from, info.Size()-4096)
	text := make([]byte, info.Size()-from)
	n, err := log.ReadAt(text, from)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[:n]))
}
