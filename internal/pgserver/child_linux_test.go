package pgserver

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestThreadEnds starts a server on a thread that ends afterwards. The server must not
// take the end of that thread for the end of its parent.
func TestThreadEnds(t *testing.T) {
	t.Parallel()
	s, task := startOnThread(t)
	defer stop(t, s)
	ctx := testContext(t)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(task); errors.Is(err, os.ErrNotExist) {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("thread %s does not end", task)
		case <-tick.C:
		}
	}
	query(t, admin(s), "SELECT pg_sleep(0.2)") // an immediate shutdown would end it
	select {
	case <-s.Done():
		t.Error("the server has ended with the thread that started it")
	default:
	}
}

// startOnThread starts a server on a thread that is about to end, and returns the
// thread's folder in /proc. It is never the main thread, which Go does not end.
func startOnThread(t *testing.T) (s *Server, task string) {
	t.Helper()
	b := local(t)
	err := errors.New("no thread other than the main one in 100 tries")
	thread := 0
	for range 100 {
		var wg sync.WaitGroup
		wg.Go(func() {
			runtime.LockOSThread() // without unlocking: the thread ends with the goroutine
			if thread = syscall.Gettid(); thread != os.Getpid() {
				s, err = Start(testContext(t), Config{Binaries: b, Settings: quick})
			}
		})
		wg.Wait()
		if thread != os.Getpid() {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, "/proc/self/task/" + strconv.Itoa(thread)
}
