package supervise

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roleVariable makes the test program play one of the roles below instead of
// running tests.
const roleVariable = "SUPERVISE_TEST_ROLE"

var roles = map[string]func() error{
	"healthy":    playHealthy,
	"deaf":       playDeaf,
	"crash":      playCrash,
	"permanent":  playPermanent,
	"mute":       playMute,
	"unready":    playUnready,
	"ends":       playEnds,
	"supervisor": playSupervisor,
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := roles[role](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// playHealthy says its number, is ready, and stops on a signal, whose name it says.
func playHealthy() error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	link, err := Attach()
	if err != nil {
		return err
	}
	fmt.Println("child", os.Getpid())
	if err := link.Ready(); err != nil {
		return err
	}
	fmt.Println("got", <-signals)
	return nil
}

// playDeaf is healthy but does not stop.
func playDeaf() error {
	signal.Ignore(syscall.SIGTERM)
	link, err := Attach()
	if err != nil {
		return err
	}
	if err := link.Ready(); err != nil {
		return err
	}
	select {}
}

func playCrash() error {
	link, err := Attach()
	if err != nil {
		return err
	}
	if err := link.Fail(errors.New("no database\nat \"all\""), false); err != nil {
		return err
	}
	os.Exit(1)
	return nil
}

func playPermanent() error {
	link, err := Attach()
	if err != nil {
		return err
	}
	if err := link.Fail(errors.New("wrong setting"), true); err != nil {
		return err
	}
	os.Exit(1)
	return nil
}

// playMute never says a word.
func playMute() error { return syscall.Pause() }

// playUnready sends heartbeats and never gets ready.
func playUnready() error {
	if _, err := Attach(); err != nil {
		return err
	}
	select {}
}

// playEnds ends without a reason.
func playEnds() error {
	_, err := Attach()
	return err
}

// playSupervisor supervises a healthy child.
func playSupervisor() error {
	return Run(context.Background(), Config{Command: command("healthy", os.Stdout)})
}

// command makes commands that run this program in a role.
func command(role string, out io.Writer) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleVariable+"="+role)
		cmd.Stdout, cmd.Stderr = out, os.Stderr
		return cmd
	}
}

// quiet is a log that nobody reads.
var quiet = slog.New(slog.DiscardHandler)

// output is a pipe for the standard output of children, and its lines. The channel
// closes when the last process that holds the pipe has ended.
type output struct {
	file  *os.File
	lines chan string
}

func newOutput(t *testing.T) output {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o := output{file: w, lines: make(chan string, 100)}
	go func() {
		defer close(o.lines)
		defer r.Close()
		for s := bufio.NewScanner(r); s.Scan(); {
			o.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { w.Close() })
	return o
}

// bound is how long a test waits for what should happen at once.
const bound = 20 * time.Second

// next returns the rest of the next line after a prefix.
func (o output) next(t *testing.T, prefix string) string {
	t.Helper()
	select {
	case line, ok := <-o.lines:
		if rest, found := strings.CutPrefix(line, prefix); ok && found {
			return rest
		}
		t.Fatalf("got %q (open: %v), want a line that begins with %q", line, ok, prefix)
	case <-time.After(bound):
		t.Fatalf("no line with %q within %v", prefix, bound)
	}
	return ""
}

func (o output) child(t *testing.T) int {
	t.Helper()
	pid, err := strconv.Atoi(o.next(t, "child "))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// result waits for the end of a supervisor.
func result(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(bound):
		t.Fatalf("the supervisor did not end within %v", bound)
		return nil
	}
}
