package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/pgtest"
)

// site is a database with Millrace, an enrolled role in it, and what a worker needs.
type site struct {
	admin, caller string // addresses
	role          string
	listen        string
	env           []string // of millrace serve
}

// newSite installs and enrolls with the command.
func newSite(t *testing.T) site {
	t.Helper()
	role, password := pgtest.Role(t, "caller", "LOGIN")
	admin := pgtest.Database(t)
	s := site{admin: admin, role: role, listen: "unix:" + pgtest.SocketDir(t) + "?port=6432"}
	s.caller = withLogin(t, admin, role, password)
	t.Cleanup(func() { execute(t, "uninstall", "--database-url", admin) }) // before the database goes: logins outlive it
	file := filepath.Join(t.TempDir(), "password")
	out := succeed(t, "install", "--database-url", admin, "--listen", s.listen, "--worker-password-file", file)
	address := regexp.MustCompile(`worker URL: +(\S+)`).FindStringSubmatch(out)
	if address == nil {
		t.Fatalf("install printed no address:\n%s", out)
	}
	s.env = []string{"MILLRACE_DATABASE_URL=" + address[1], "MILLRACE_DATABASE_PASSWORD_FILE=" + file, "MILLRACE_LISTEN=" + s.listen}
	if out := succeed(t, "enroll", role, "--database-url", admin); !strings.Contains(out, "role "+role+" is enrolled") {
		t.Errorf("enroll printed %q", out)
	}
	pgtest.Exec(t, admin, fmt.Sprintf("CREATE SCHEMA s AUTHORIZATION %s; ALTER ROLE %[1]s SET search_path = s", role))
	pgtest.Exec(t, s.caller, "CREATE TABLE points AS SELECT n::float8 AS x, 2 * n + 1 + mod(n, 2)::float8 AS y FROM generate_series(1, 100) AS n")
	return s
}

func withLogin(t *testing.T, address, user, password string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

// serve starts the worker and returns it with the number of its worker process.
func (s site) serve(t *testing.T, args ...string) (*running, int) {
	t.Helper()
	r := launch(t, s.env, append([]string{"serve"}, args...)...)
	return r, awaitWorker(t, r)
}

// awaitWorker waits until a worker process is ready and returns its number.
func awaitWorker(t *testing.T, r *running) int {
	t.Helper()
	lines := await(t, r.stderr, "worker process is ready")
	m := regexp.MustCompile(`pid=(\d+)`).FindStringSubmatch(lines[len(lines)-1])
	if m == nil {
		t.Fatalf("no process number in %q", lines[len(lines)-1])
	}
	pid, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// regress makes a call.
func regress(t *testing.T, conn *pgx.Conn) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	var rows int
	err := conn.QueryRow(ctx, "SELECT rows_used FROM ml.linear_regression('points', 'y', '{x}', 'line', replace => true)").Scan(&rows)
	if err == nil && rows != 100 {
		return fmt.Errorf("%d rows used, want 100", rows)
	}
	return err
}

// stateOf returns the SQLSTATE of an error.
func stateOf(err error) string {
	if e, ok := err.(*pgconn.PgError); ok {
		return e.Code
	}
	return fmt.Sprint(err)
}

// TestServe goes the whole way, from install to a call, and stops.
func TestServe(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r, child := s.serve(t)
	if err := regress(t, pgtest.Connect(t, s.caller)); err != nil {
		t.Fatal(err)
	}
	if out := succeed(t, "doctor", "--database-url", s.admin, "--listen", s.listen); strings.Contains(out, "FAIL") || !strings.Contains(out, "the database reaches the worker, as role") {
		t.Errorf("doctor says\n%s", out)
	}
	if out := succeed(t, "doctor", "--healthcheck", "--database-url", s.admin); out != "" {
		t.Errorf("doctor --healthcheck says %q, want nothing", out)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if second := awaitWorker(t, r); second == child {
		t.Errorf("worker process %d is the old one", second)
	}
	if err := regress(t, pgtest.Connect(t, s.caller)); err != nil {
		t.Errorf("after the worker was killed: %v", err)
	}
	if o := r.stop(t, syscall.SIGTERM); o.code != 0 {
		t.Errorf("serve ended with exit status %d:\n%s", o.code, o.stderr)
	}
	if o := execute(t, "doctor", "--healthcheck", "--database-url", s.admin); o.code != 1 || !strings.Contains(o.stdout, "FAIL") {
		t.Errorf("without a worker doctor --healthcheck ended with %d and %q, want 1 and a FAIL", o.code, o.stdout)
	}
}

// ended is how and when a call ended.
type ended struct {
	state string
	at    time.Time
}

// begin makes a call in the background.
func begin(call func() error) <-chan ended {
	c := make(chan ended, 1)
	go func() {
		state := stateOf(call())
		c <- ended{state, time.Now()}
	}()
	return c
}

// TestServeHung stops the worker process, before a call and during one. The caller
// gets an error of class 08 (connection), and the next call goes well, both soon.
func TestServeHung(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pgtest.Exec(t, s.caller, "CREATE TABLE many AS SELECT n, sin(n) AS x, cos(1.1 * n) AS y FROM generate_series(1, 100000) AS n")
	r, child := s.serve(t)
	conn := pgtest.Connect(t, s.caller)

	began := stopProcess(t, child)
	call := begin(func() error { return regress(t, conn) })
	child = awaitWorker(t, r)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("a stopped worker process was replaced after %v, want at most 15 s", took)
	}
	checkHung(t, call, began)
	if err := regress(t, conn); err != nil {
		t.Errorf("after the worker was stopped before a call: %v", err)
	}

	call = begin(func() error {
		_, err := conn.Exec(t.Context(), "SELECT ml.knn('many', 'ARRAY[x, y]', 'n', 'many', 'ARRAY[x, y]', 'n', 'near')")
		return err
	})
	awaitJob(t, s, call)
	began = stopProcess(t, child)
	checkHung(t, call, began)
	awaitWorker(t, r)
	if err := regress(t, conn); err != nil {
		t.Errorf("after the worker was stopped during a call: %v", err)
	}
	if o := r.stop(t, syscall.SIGTERM); o.code != 0 {
		t.Errorf("serve ended with exit status %d:\n%s", o.code, o.stderr)
	}
}

// stopProcess stops a process as a debugger does, and returns when.
func stopProcess(t *testing.T, pid int) time.Time {
	t.Helper()
	began := time.Now()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return began
}

// awaitJob waits until the role's call is running.
func awaitJob(t *testing.T, s site, call <-chan ended) {
	t.Helper()
	watch := pgtest.Connect(t, s.caller)
	for deadline := time.Now().Add(bound); time.Now().Before(deadline); {
		var running bool
		err := watch.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM ml.jobs WHERE state = 'running')").Scan(&running)
		if err != nil {
			t.Fatal(err)
		}
		if running {
			return
		}
		select {
		case e := <-call:
			t.Fatalf("the call ended too early: %s", e.state)
		default:
		}
	}
	t.Fatalf("no call is running within %v", bound)
}

// checkHung wants the end of a call to a worker that was stopped at a time.
func checkHung(t *testing.T, call <-chan ended, began time.Time) {
	t.Helper()
	select {
	case e := <-call:
		if took := e.at.Sub(began); took > 15*time.Second || !strings.HasPrefix(e.state, "08") {
			t.Errorf("the call to a stopped worker gave %s after %v, want class 08 within 15 s", e.state, took)
		}
	case <-time.After(bound):
		t.Fatal("the call to a stopped worker does not end")
	}
}

// TestServeKilled kills the supervisor: its worker process goes too, and takes the
// pipe of standard error with it.
func TestServeKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r, child := s.serve(t)
	if o := r.stop(t, syscall.SIGKILL); o.code != -1 {
		t.Errorf("exit status %d, want -1 for a killed process", o.code)
	}
	if err := syscall.Kill(child, 0); err == nil {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		if err == nil && !strings.Contains(string(state), ") Z ") { // nobody may have waited for it yet
			t.Errorf("worker process %d is alive: %s", child, state)
		}
	}
	r, _ = s.serve(t) // the socket that was left behind is replaced
	if err := regress(t, pgtest.Connect(t, s.caller)); err != nil {
		t.Error(err)
	}
	if o := r.stop(t, syscall.SIGINT); o.code != 0 {
		t.Errorf("serve ended with exit status %d:\n%s", o.code, o.stderr)
	}
}

// TestServeTCP reaches the worker over TLS, where channel binding proves who it is.
func TestServeTCP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	succeed(t, "install", "--database-url", s.admin, "--worker-host", "127.0.0.1", "--worker-port", port, "--worker-sslmode", "require")
	r, _ := s.serve(t, "--listen", "tcp://0.0.0.0:"+port)
	if err := regress(t, pgtest.Connect(t, s.caller)); err != nil {
		t.Error(err)
	}
	if out := succeed(t, "doctor", "--database-url", s.admin); !strings.Contains(out, "the worker answers at tcp://127.0.0.1:"+port) {
		t.Errorf("doctor says\n%s", out)
	}
	if o := r.stop(t, syscall.SIGTERM); o.code != 0 {
		t.Errorf("serve ended with exit status %d:\n%s", o.code, o.stderr)
	}
}

// TestServeGivesUp has no database, and a setting that no start can cure.
func TestServeGivesUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"--database-url", "postgres://127.0.0.1:1/x", "--tries", "3"}, 1, []string{"given up after 3 failures in a row", "connection refused", "failures=2"}},
		{[]string{"--database-url", "postgres://127.0.0.1:1/x", "--tls-cert", "only"}, 1, []string{"cannot run", "belong together"}},
	} {
		o := launch(t, nil, append([]string{"serve", "--listen", "unix:" + dir + "?port=6432"}, tt.args...)...).wait(t)
		for _, want := range tt.want {
			if o.code != tt.code || !strings.Contains(o.stderr, want) {
				t.Errorf("serve %q ended with %d and\n%s\nwant %d and %q", tt.args, o.code, o.stderr, tt.code, want)
			}
		}
	}
}
