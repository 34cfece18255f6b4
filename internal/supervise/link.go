package supervise

import (
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// Descriptors of the two pipes in the child: os/exec puts the first of the extra
// files at 3.
const (
	beatDescriptor = 3 // the child writes messages to it
	lifeDescriptor = 4 // nothing comes; it closes when the supervisor is gone
)

// exitOrphan is the exit status of a child whose supervisor is gone.
const exitOrphan = 70

// A Link is the child's connection to its supervisor. It lives as long as the
// process. It is safe for concurrent use.
type Link struct {
	mu   sync.Mutex
	pipe io.Writer
}

// Attach starts the heartbeat. From then on the process ends, at once and with
// whatever it is doing, when its supervisor does.
//
// Errors: [ErrDetached] if the two pipes are not there.
func Attach() (*Link, error) {
	for _, fd := range []int{beatDescriptor, lifeDescriptor} {
		var st syscall.Stat_t
		if err := syscall.Fstat(fd, &st); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
			return nil, fmt.Errorf("supervise: %w: descriptor %d is not a pipe", ErrDetached, fd)
		}
		syscall.CloseOnExec(fd)
	}
	l := &Link{pipe: os.NewFile(beatDescriptor, "heartbeat")}
	life := os.NewFile(lifeDescriptor, "life")
	go func() {
		// Whatever ends the read, there is nobody left to report to.
		_, _ = io.Copy(io.Discard, life)
		os.Exit(exitOrphan)
	}()
	if err := l.send(message{word: wordBeat}); err != nil {
		return nil, err
	}
	go l.beat()
	return l, nil
}

// beat never returns. It computes nothing and takes no lock that is held for long.
func (l *Link) beat() {
	for range time.Tick(Interval) {
		if err := l.send(message{word: wordBeat}); err != nil {
			os.Exit(exitOrphan)
		}
	}
}

// Ready reports that the child does its work now.
func (l *Link) Ready() error { return l.send(message{word: wordReady}) }

// Fail reports why the child is about to end. Permanent says that another start
// cannot help, for example because the configuration is wrong.
func (l *Link) Fail(reason error, permanent bool) error {
	m := message{word: wordFail, reason: reason.Error()}
	if permanent {
		m.word = wordPermanent
	}
	return l.send(m)
}

func (l *Link) send(m message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.pipe.Write(m.line()); err != nil {
		return fmt.Errorf("supervise: heartbeat: %w", err)
	}
	return nil
}
