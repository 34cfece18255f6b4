package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// echo answers every scan with one row that repeats the request in each column,
// but for the requests that it knows better.
type echo struct{ ended chan int }

func (h *echo) EndTransaction(*Session) {}

func (h *echo) EndSubtransaction(_ *Session, depth int) {
	if h.ended != nil {
		h.ended <- depth
	}
}

func (h *echo) Open(ctx context.Context, s *Session, q Query) (Rows, error) {
	switch q.Request {
	case "panic":
		panic("as asked")
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &echoRows{text: s.Role + ":" + q.Request, columns: q.Columns}, nil
}

type echoRows struct {
	text    string
	columns []string
	sent    bool
}

func (r *echoRows) Next(w *RowWriter) (bool, error) {
	if r.sent {
		return false, nil
	}
	r.sent = true
	for _, c := range r.columns {
		if c == "" {
			w.Null()
		} else {
			w.Text(r.text)
		}
	}
	return true, nil
}

func (r *echoRows) Close() {}

// secrets are the passwords of the test's roles.
type secrets map[string]Verifier

func (s secrets) Verifier(_ context.Context, role string) (Verifier, bool, error) {
	v, ok := s[role]
	return v, ok, nil
}

// testServer is a server on a port of its own, and the password of role alice.
type testServer struct {
	*Server
	address  string
	password string
	verifier Verifier
	handler  *echo
}

func startServer(t testing.TB, encrypted bool) *testServer {
	t.Helper()
	password, verifier, err := NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	_, bob, err := NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Handler: &echo{}, Authenticator: secrets{"alice": verifier, "bob": bob},
		MaxConnections: 20, Handshake: 5 * time.Second, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if encrypted {
		certificate, err := SelfSigned()
		if err != nil {
			t.Fatal(err)
		}
		config.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	server := NewServer(config)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &testServer{Server: server, address: l.Addr().String(), password: password, verifier: verifier, handler: config.Handler.(*echo)}
}

func (s *testServer) url(user, password, more string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/millrace?connect_timeout=5&%s", user, password, s.address, more)
}

func wantCode(t *testing.T, code string, err error) {
	t.Helper()
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error = %v, want SQLSTATE %s", err, code)
	}
}

// TestLogin checks whom the server lets in by libpq's own ways.
func TestLogin(t *testing.T) {
	t.Parallel()
	plain, secure := startServer(t, false), startServer(t, true)
	for _, tt := range []struct {
		name, user, password, more, code string
		server                           *testServer
	}{
		{name: "Right", user: "alice", password: plain.password, more: "sslmode=disable", server: plain},
		{name: "RightEncrypted", user: "alice", password: secure.password, more: "sslmode=require", server: secure},
		{name: "ChannelBinding", user: "alice", password: secure.password, more: "sslmode=require&channel_binding=require", server: secure},
		{name: "Wrong", user: "alice", password: "x" + plain.password, more: "sslmode=disable", server: plain, code: "28P01"},
		{name: "Empty", user: "alice", password: "", more: "sslmode=disable", server: plain, code: "28P01"},
		{name: "OthersPassword", user: "bob", password: plain.password, more: "sslmode=disable", server: plain, code: "28P01"},
		{name: "Unknown", user: "carol", password: plain.password, more: "sslmode=disable", server: plain, code: "28P01"},
		{name: "NoUser", user: "x", password: "", more: "sslmode=disable", server: plain, code: "28P01"},
		{name: "WrongEncrypted", user: "alice", password: plain.password, more: "sslmode=require", server: secure, code: "28P01"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn, err := pgconn.Connect(t.Context(), tt.server.url(tt.user, tt.password, tt.more))
			if tt.code != "" {
				wantCode(t, tt.code, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			if got := scan(t, conn, "hello"); got != tt.user+":hello" {
				t.Errorf("the session answers %q, want it to be %s", got, tt.user)
			}
		})
	}
}

// scan runs one scan as postgres_fdw does and returns the one value.
func scan(t *testing.T, conn *pgconn.PgConn, request string) string {
	t.Helper()
	results, err := conn.Exec(t.Context(), "START TRANSACTION ISOLATION LEVEL REPEATABLE READ; DECLARE c1 CURSOR FOR SELECT answer, NULL FROM ml.worker WHERE ((request = '"+
		request+"')); FETCH 100 FROM c1; CLOSE c1; COMMIT TRANSACTION").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if rows := results[2].Rows; len(rows) != 1 || rows[0][1] != nil {
		t.Fatalf("rows %q, want one, its second field NULL", rows)
	}
	return string(results[2].Rows[0][0])
}

// TestPanic has a request hit a bug: it gets XX000, and the session, the others
// and the server go on.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := startServer(t, false)
	conn, err := pgconn.Connect(t.Context(), s.url("alice", s.password, "sslmode=disable"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "START TRANSACTION; DECLARE c1 CURSOR FOR SELECT answer FROM ml.worker WHERE ((request = 'panic')); FETCH 1 FROM c1").ReadAll()
	wantCode(t, "XX000", err)
	if conn.TxStatus() != 'E' {
		t.Errorf("status %c, want E", conn.TxStatus())
	}
	if _, err := conn.Exec(t.Context(), "ABORT TRANSACTION").ReadAll(); err != nil {
		t.Fatal(err)
	}
	if got := scan(t, conn, "again"); got != "alice:again" {
		t.Errorf("the session answers %q afterwards", got)
	}
}

// TestCancelKey stops a waiting scan with its key, and with no other.
func TestCancelKey(t *testing.T) {
	t.Parallel()
	s := startServer(t, false)
	conn, err := pgconn.Connect(t.Context(), s.url("alice", s.password, "sslmode=disable"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), "START TRANSACTION; DECLARE c1 CURSOR FOR SELECT answer FROM ml.worker WHERE ((request = 'wait')); FETCH 1 FROM c1").ReadAll()
		done <- err
	}()
	for range 50 { // Keys of nobody.
		r := dialRaw(t, s, "")
		r.put(&pgproto3.CancelRequest{ProcessID: conn.PID(), SecretKey: []byte{1, 2, 3, 4}})
		r.outcome()
	}
	select {
	case err := <-done:
		t.Fatalf("a wrong key ended the scan: %v", err)
	default:
	}
	for {
		if err := conn.CancelRequest(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			wantCode(t, "57014", err)
			return
		case <-time.After(10 * time.Millisecond): // The scan may not have begun.
		}
	}
}

// TestDepth follows the caller's subtransactions.
func TestDepth(t *testing.T) {
	t.Parallel()
	s := startServer(t, false)
	s.handler.ended = make(chan int, 10)
	conn, err := pgx.Connect(t.Context(), s.url("alice", s.password, "sslmode=disable&default_query_exec_mode=simple_protocol"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.PgConn().Exec(t.Context(), "START TRANSACTION; SAVEPOINT s2; SAVEPOINT s3; ROLLBACK TO SAVEPOINT s3; RELEASE SAVEPOINT s3; ROLLBACK TO SAVEPOINT s2; RELEASE SAVEPOINT s2; COMMIT TRANSACTION").ReadAll(); err != nil {
		t.Fatal(err)
	}
	if a, b := <-s.handler.ended, <-s.handler.ended; a != 2 || b != 1 {
		t.Errorf("subtransactions ended at depths %d and %d, want 2 and 1", a, b)
	}
}
