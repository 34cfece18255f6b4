package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/internal/pgtest"
)

// upOn brings up a private server and returns the addresses that it prints.
func upOn(t *testing.T, dir string) (r *running, owner, superuser string) {
	t.Helper()
	r = launch(t, nil, "up", "--data-dir", dir)
	text := strings.Join(await(t, r.stdout, "SELECT ml.help();"), "\n")
	m := regexp.MustCompile(`(?s)database: +(\S+)\s+as superuser: +(\S+)`).FindStringSubmatch(text)
	if m == nil || !strings.Contains(text, "psql") {
		t.Fatalf("up printed\n%s", text)
	}
	return r, m[1], m[2]
}

// end stops a command that must end well, and returns what it wrote.
func (r *running) end(t *testing.T, sig syscall.Signal) outcome {
	t.Helper()
	o := r.stop(t, sig)
	if o.code != 0 || !strings.Contains(o.stdout, "stopped") {
		t.Errorf("up ended with %d and\n%s%s", o.code, o.stdout, o.stderr)
	}
	return o
}

// TestUp looks at a new server.
func TestUp(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(pgtest.Folder(t), "new", "data")
	r, owner, superuser := upOn(t, dir)
	makePoints(t, owner)
	conn := pgtest.Connect(t, owner)
	if err := regress(t, conn); err != nil {
		t.Error(err)
	}
	var super bool
	if err := conn.QueryRow(t.Context(), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").Scan(&super); err != nil || super {
		t.Errorf("the owner is a superuser: %v, %v", super, err)
	}
	var read string
	conn = pgtest.Connect(t, superuser)
	err := conn.QueryRow(t.Context(), "SELECT details ->> 'read' FROM ml.linear_regression('points', 'y', '{x}', 'other')").Scan(&read)
	if err != nil || read != "session" {
		t.Errorf("a superuser's call reads by %q, %v, want session", read, err)
	}
	if o := execute(t, "up", "--data-dir", dir); o.code != 1 || !strings.Contains(o.stderr, "is in use") || !strings.Contains(o.stderr, "hint: ") {
		t.Errorf("a second up on the folder ended with %d and\n%s", o.code, o.stderr)
	}
	if out := succeed(t, "doctor", "--database-url", superuser); strings.Contains(out, "FAIL") {
		t.Errorf("doctor says\n%s", out)
	}
	o := r.end(t, syscall.SIGINT)
	checkSecrets(t, dir, o.stderr, owner, superuser)
}

func makePoints(t *testing.T, address string) {
	t.Helper()
	pgtest.Exec(t, address, "CREATE TABLE points AS SELECT n::float8 AS x, n % 7 + n::float8 AS y FROM generate_series(1, 100) AS n")
}

// TestUpAgain starts a server on the folder of an older one, after a clean end and
// after a crash.
func TestUpAgain(t *testing.T) {
	t.Parallel()
	dir := pgtest.Folder(t)
	r, owner, superuser := upOn(t, dir)
	makePoints(t, owner)
	// Functions that something of the user's depends on cannot be replaced: they stay.
	pgtest.Exec(t, owner, "CREATE VIEW running AS SELECT job FROM ml.jobs")
	r.end(t, syscall.SIGINT)
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		r, owner2, superuser2 := upOn(t, dir)
		if owner2 != owner || superuser2 != superuser {
			t.Errorf("after a restart the addresses are %s and %s, want %s and %s", owner2, superuser2, owner, superuser)
		}
		if err := regress(t, pgtest.Connect(t, owner2)); err != nil {
			t.Errorf("after a restart: %v", err)
		}
		if sig == syscall.SIGKILL {
			r.stop(t, sig)
		} else {
			r.end(t, sig)
		}
	}
}

// checkSecrets looks for passwords where they do not belong.
func checkSecrets(t *testing.T, dir, stderr string, addresses ...string) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(dir, clusterFolder, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{}
	for _, a := range addresses {
		_, password, _ := strings.Cut(strings.TrimPrefix(a, "postgres://"), ":")
		password, _, _ = strings.Cut(password, "@")
		secrets = append(secrets, password)
	}
	for _, name := range []string{ownerPasswordFile, workerPasswordFile, portFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("file %s: mode %v, %v, want 0600", name, info.Mode(), err)
		}
	}
	worker, err := os.ReadFile(filepath.Join(dir, workerPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range append(secrets, strings.TrimSpace(string(worker))) {
		if len(secret) < 20 || strings.Contains(string(log), secret) || strings.Contains(stderr, secret) {
			t.Errorf("a password is short (%d letters) or in a log", len(secret))
		}
	}
	info, err := os.Stat(filepath.Join(dir, socketFolder))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder of the worker's socket: mode %v, %v, want 0700", info.Mode(), err)
	}
}

func TestDefaultDataDir(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/data/home")
	want := "/data/home/millrace"
	if os.Geteuid() == 0 {
		want = "/var/lib/millrace"
	}
	if got, err := defaultDataDir(); err != nil || got != want {
		t.Errorf("defaultDataDir = %q, %v, want %q", got, err, want)
	}
}

func TestLongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(pgtest.Folder(t), strings.Repeat("x", 100))
	o := execute(t, "up", "--data-dir", dir)
	if o.code != 1 || !strings.Contains(o.stderr, "and a socket's may have") || !strings.Contains(o.stderr, "hint: ") {
		t.Errorf("up on a folder with a long path ended with %d and\n%s", o.code, o.stderr)
	}
}
