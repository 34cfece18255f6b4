package bridge

import (
	"context"
	"io"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// failingListener fails as often as asked before each connection, and for good
// when its channel is closed.
type failingListener struct {
	net.Listener
	failures chan error
}

func (l *failingListener) Accept() (net.Conn, error) {
	select {
	case err, ok := <-l.failures:
		if !ok {
			return nil, net.ErrClosed
		}
		return nil, err
	default:
		return l.Listener.Accept()
	}
}

// TestAcceptFails goes on when connections cannot be accepted for a while, and
// ends with all sessions when the listener is gone.
func TestAcceptFails(t *testing.T) {
	t.Parallel()
	password, verifier, err := NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	l := &failingListener{Listener: inner, failures: make(chan error, 10)}
	for _, err := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS, syscall.EMFILE} {
		l.failures <- &net.OpError{Op: "accept", Net: "tcp", Err: err}
	}
	server := NewServer(Config{
		Handler: &echo{}, Authenticator: secrets{"alice": verifier}, MaxConnections: 2, Handshake: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- server.Serve(context.Background(), l) }()
	s := &testServer{address: inner.Addr().String()}
	conn, err := pgconn.Connect(t.Context(), s.url("alice", password, "sslmode=disable"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if waited := time.Since(began); waited < 310*time.Millisecond { // 10 + 20 + 40 + 80 + 160
		t.Errorf("five failures took %s, want pauses of 310 ms in all", waited)
	}
	close(l.failures)
	second, err := net.Dial("tcp", s.address) // wakes Accept for the last time
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	select {
	case err := <-done:
		if err == nil {
			t.Error("Serve returns no error, and its listener is gone")
		}
	case <-time.After(5 * time.Second):
		t.Error("Serve does not return: the listener is gone, and a session is still open")
	}
}

// TestSilentSockets opens sockets that say nothing: they take no session's place
// and are bounded too.
func TestSilentSockets(t *testing.T) {
	t.Parallel()
	s := startServer(t, false)
	var silent []net.Conn
	for range s.config.MaxConnections + cancelAllowance {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent = append(silent, conn)
	}
	until(t, func() bool { return s.sockets() == len(silent) })
	if got := dialRaw(t, s, "").outcome(); got != "53300" {
		t.Errorf("a socket too many: %s, want 53300", got)
	}
	for i := range s.config.MaxConnections {
		silent[i].Close()
	}
	until(t, func() bool { return s.sockets() == cancelAllowance })
	for range s.config.MaxConnections { // the silent ones are still there
		conn, err := pgconn.Connect(t.Context(), s.url("alice", s.password, "sslmode=disable"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
	}
}

// TestCancelWhenFull cancels a scan while every place is taken, and refuses one
// session more.
func TestCancelWhenFull(t *testing.T) {
	t.Parallel()
	s := startServer(t, false)
	var conns []*pgconn.PgConn
	for range s.config.MaxConnections {
		conn, err := pgconn.Connect(t.Context(), s.url("alice", s.password, "sslmode=disable"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		conns = append(conns, conn)
	}
	if got := dialRaw(t, s, "alice").outcome(); got != "53300" {
		t.Errorf("a session too many: %s, want 53300", got)
	}
	time.AfterFunc(100*time.Millisecond, func() {
		if err := conns[0].CancelRequest(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	wantCode(t, "57014", tryScan(ctx, conns[0], "wait"))
}

// sockets is how many connections are open.
func (s *Server) sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func until(t *testing.T, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited 5 s in vain")
		}
	}
}

// tryScan asks for the rows of a request and returns the error.
func tryScan(ctx context.Context, conn *pgconn.PgConn, request string) error {
	_, err := conn.Exec(ctx, "START TRANSACTION; DECLARE c1 CURSOR FOR SELECT answer FROM ml.worker WHERE ((request = '"+request+"')); FETCH 1 FROM c1").ReadAll()
	return err
}
