package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestServer(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Binaries: local(t), Superuser: "Big Boss", Settings: map[string]string{
		"fsync": "off", "shared_buffers": "16MB", "cluster_name": `it's a \ test`,
	}})
	for _, tt := range []struct{ sql, want string }{
		{"SHOW wal_level", "logical"},
		{"SHOW listen_addresses", "127.0.0.1"},
		{"SHOW port", strconv.Itoa(s.Port())},
		{"SHOW cluster_name", `it's a \ test`},
		{"SHOW server_encoding", "UTF8"},
		{"SHOW data_directory", s.DataDir()},
		{"SELECT rolname FROM pg_roles WHERE oid = 10", "Big Boss"},
		{"SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules", "scram-sha-256"},
		{"SELECT current_setting('server_version_num')::int / 10000", strconv.Itoa(s.Major())},
		{"CREATE EXTENSION postgres_fdw; SELECT extname FROM pg_extension WHERE extname = 'postgres_fdw'", "postgres_fdw"},
	} {
		if got := query(t, admin(s), tt.sql); got != tt.want {
			t.Errorf("%s = %q, want %q", tt.sql, got, tt.want)
		}
	}
	socket := s.SocketURL(s.Superuser(), s.Password(), "postgres")
	if got := query(t, socket, "SELECT coalesce(host(inet_server_addr()), 'socket')"); got != "socket" {
		t.Errorf("SocketURL connects to address %s, want the socket", got)
	}
	for _, url := range []string{s.URL(s.Superuser(), "wrong", "postgres"), s.SocketURL(s.Superuser(), "wrong", "postgres")} {
		if _, err := tryQuery(testContext(t), url, "SELECT 1"); err == nil || !strings.Contains(err.Error(), "28P01") {
			t.Errorf("connecting with a wrong password: %v, want SQLSTATE 28P01", err)
		}
	}
}

// TestRunAs looks at the process itself: it must not be root's, and it must run as
// the user that the server says.
func TestRunAs(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Binaries: local(t)})
	info, err := os.Stat(filepath.Join(s.DataDir(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	uid, gid := s.RunAs()
	st := info.Sys().(*syscall.Stat_t)
	if st.Uid != uid || st.Gid != gid || uid == 0 {
		t.Errorf("the server runs as %d:%d, RunAs = %d:%d, want the same and not 0", st.Uid, st.Gid, uid, gid)
	}
}

// TestRestart covers the whole life of one folder: clean stop, crash in both ways
// with work in flight, and a start by a configuration that knows no password.
func TestRestart(t *testing.T) {
	t.Parallel()
	b, dir := local(t), filepath.Join(home(t), "data")
	s := start(t, Config{Binaries: b, DataDir: dir})
	query(t, admin(s), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (0)")
	for i, end := range []func() error{
		func() error { return s.Stop(testContext(t)) },
		func() error { return s.Kill(syscall.SIGQUIT) },
		func() error { return s.Kill(syscall.SIGKILL) },
	} {
		password := s.Password()
		if err := end(); err != nil {
			t.Fatal(err)
		}
		s = start(t, Config{Binaries: b, DataDir: dir})
		if s.Password() != password {
			t.Errorf("password after restart %d differs from the one before", i)
		}
		query(t, admin(s), fmt.Sprintf("INSERT INTO kept VALUES (%d)", i+1))
	}
	if got := query(t, admin(s), "SELECT string_agg(n::text, ',' ORDER BY n) FROM kept"); got != "0,1,2,3" {
		t.Errorf("rows after three restarts are %s, want 0,1,2,3", got)
	}
}

func TestStopTemporary(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Binaries: local(t)})
	stop(t, s)
	if err := syscall.Kill(s.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("signal 0 to the stopped server: %v, want %v", err, syscall.ESRCH)
	}
	if _, err := os.Stat(filepath.Dir(s.DataDir())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("temporary folder after Stop: %v, want %v", err, os.ErrNotExist)
	}
}

// TestStopUnclean stops the postmaster with SIGSTOP, so that it cannot answer
// a fast shutdown, nor an immediate one.
func TestStopUnclean(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Binaries: local(t), StopTimeout: 500 * time.Millisecond})
	if err := syscall.Kill(s.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(context.Background()); !errors.Is(err, ErrUnclean) {
		t.Errorf("Stop = %v, want %v", err, ErrUnclean)
	}
	select {
	case <-s.Done():
	default:
		t.Error("the server has not ended after Stop")
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	b, dir := local(t), home(t)
	running := start(t, Config{Binaries: b, DataDir: filepath.Join(dir, "running"), Password: "secret"})
	foreign := filepath.Join(dir, "foreign")
	write(t, filepath.Join(foreign, "letter.txt"), "keep me")
	tests := startErrors(t, dir, running)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.Binaries = b
			s, err := Start(testContext(t), tt.config)
			if err == nil {
				stop(t, s)
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("Start error = %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(foreign, "letter.txt")); err != nil {
		t.Errorf("a file that is not ours: %v", err)
	}
}

// A startError is a configuration that Start refuses.
type startError struct {
	name   string
	config Config
	want   error
}

// startErrors makes folders below dir and returns the configurations to refuse.
func startErrors(t *testing.T, dir string, running *Server) []startError {
	t.Helper()
	other := filepath.Join(dir, "other")
	write(t, filepath.Join(other, "PG_VERSION"), "9.6\n")
	half := filepath.Join(dir, "half")
	write(t, filepath.Join(half, "PG_VERSION"), strconv.Itoa(running.Major())+"\n")
	hidden := filepath.Join(dir, "hidden")
	if err := os.Mkdir(hidden, 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []startError{
		{"Running", Config{DataDir: running.DataDir()}, ErrRunning},
		{"OtherMajor", Config{DataDir: other}, ErrMajor},
		{"NotACluster", Config{DataDir: filepath.Join(dir, "foreign")}, ErrDataDir},
		{"HalfInitialised", Config{DataDir: half}, ErrDataDir},
		{"LongSocketDir", Config{SocketDir: filepath.Join(dir, strings.Repeat("x", 100))}, ErrConfig},
		{"Port", Config{Port: 65536}, ErrConfig},
		{"PortTaken", Config{Port: running.Port()}, ErrStart},
		{"SettingName", Config{Settings: map[string]string{"a b": "1"}}, ErrConfig},
		{"SettingReserved", Config{Settings: map[string]string{"port": "1"}}, ErrConfig},
		{"SettingTwoLines", Config{Settings: map[string]string{"application_name": "a\nb"}}, ErrConfig},
		{"SettingUnknown", Config{Settings: map[string]string{"no_such_setting": "1"}}, ErrStart},
	}
	if os.Geteuid() == 0 {
		tests = append(tests, startError{"HiddenParent", Config{DataDir: filepath.Join(hidden, "data")}, ErrUser},
			startError{"RootAsUser", Config{User: "root"}, ErrUser}, startError{"NoSuchUser", Config{User: "no such user"}, ErrUser})
	}
	return tests
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	b, dir := local(t), filepath.Join(home(t), "data")
	stop(t, start(t, Config{Binaries: b, DataDir: dir, Password: "right"}))
	_, err := Start(testContext(t), Config{Binaries: b, DataDir: dir, Password: "wrong"})
	if !errors.Is(err, ErrPassword) {
		t.Errorf("Start error = %v, want %v", err, ErrPassword)
	}
}

// TestStalePID leaves a postmaster.pid with the number of a living process that is
// no server, as happens when a container starts again: this test's own.
func TestStalePID(t *testing.T) {
	t.Parallel()
	b, dir := local(t), filepath.Join(home(t), "data")
	stop(t, start(t, Config{Binaries: b, DataDir: dir}))
	write(t, filepath.Join(dir, "postmaster.pid"), fmt.Sprintf("%d\n%s\n", os.Getpid(), dir))
	start(t, Config{Binaries: b, DataDir: dir})
}

// TestConcurrentStarts starts two servers at once, which must not meet in a port, a
// socket or a folder.
func TestConcurrentStarts(t *testing.T) {
	t.Parallel()
	b := local(t)
	servers := make([]*Server, 2)
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() { servers[i], errs[i] = Start(testContext(t), Config{Binaries: b, Settings: quick}) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		defer stop(t, s)
		if got := query(t, admin(s), "SHOW data_directory"); got != s.DataDir() {
			t.Errorf("port %d leads to %s, want %s", s.Port(), got, s.DataDir())
		}
	}
}

// TestLongDataDir starts a server whose data folder is too deep for a socket in it.
func TestLongDataDir(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Binaries: local(t), DataDir: filepath.Join(home(t), strings.Repeat("d", 100), "data")})
	query(t, s.SocketURL(s.Superuser(), s.Password(), "postgres"), "SELECT 1")
	stop(t, s)
	if _, err := os.Stat(s.SocketDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket folder after Stop: %v, want %v", err, os.ErrNotExist)
	}
}

// TestParentDeath kills a process that has started a server, and waits for the
// server to end.
func TestParentDeath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(home(t), "data")
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "MILLRACE_TEST_PARENT_OF="+dir)
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var url string
	_, scanErr := fmt.Fscan(out, &pid, &url)
	if scanErr == nil {
		query(t, url, "SELECT 1")
	}
	if err := errors.Join(scanErr, parent.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Error("the killed parent ended without an error")
	}
	ctx := testContext(t)
	// The server is an orphan, which nobody here can wait for: look until it is gone.
	for tick := time.NewTicker(20 * time.Millisecond); serves(pid, dir); {
		select {
		case <-ctx.Done():
			t.Fatalf("server %d has survived its parent", pid)
		case <-tick.C:
		}
	}
	start(t, Config{Binaries: local(t), DataDir: dir})
}

// write writes a file of a test and the folder around it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	// A child that another test starts now would inherit the open file, and the
	// system refuses to run a program that somebody has open for writing.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
