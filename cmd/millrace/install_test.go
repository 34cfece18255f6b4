package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
)

// TestInstall looks at what install prints and keeps.
func TestInstall(t *testing.T) {
	t.Parallel()
	admin := pgtest.Database(t)
	t.Cleanup(func() { execute(t, "uninstall", "--database-url", admin) })
	login := "worker_" + strings.ToLower(filepath.Base(t.TempDir())) + strconv.Itoa(os.Getpid())
	install := func(args ...string) string {
		t.Helper()
		return succeed(t, append([]string{"install", "--database-url", admin, "--worker-host", "127.0.0.1", "--worker-role", login}, args...)...)
	}
	connects := func(out string) {
		t.Helper()
		m := regexp.MustCompile(`worker URL: +(\S+)`).FindStringSubmatch(out)
		if m == nil || !strings.Contains(m[1], login+":") || !strings.Contains(out, "shown only now") {
			t.Fatalf("no address with login and password in\n%s", out)
		}
		pgtest.Exec(t, m[1], "SELECT name FROM ml_private.role")
	}
	connects(install())
	if out := install("--madlib"); strings.Contains(out, login+":") || !strings.Contains(out, "--reset-worker-password") {
		t.Errorf("a second install printed a password or no hint:\n%s", out)
	}
	connects(install("--reset-worker-password"))

	file := filepath.Join(t.TempDir(), "password")
	if out := install("--worker-password-file", file); strings.Contains(out, login+":") || !strings.Contains(out, file) {
		t.Errorf("install with a password file printed\n%s", out)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("password file has mode %v (%v), want 0600", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte("it's chosen\\\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	install("--worker-password-file", file)
	pgtest.Exec(t, withLogin(t, admin, login, `it's chosen\`), "SELECT name FROM ml_private.role")

	succeed(t, "uninstall", "--database-url", admin)
	if o := execute(t, "uninstall", "--database-url", admin); o.code != 1 || !strings.Contains(o.stderr, "not installed") {
		t.Errorf("a second uninstall ended with %d and %q", o.code, o.stderr)
	}
	if o := execute(t, "enroll", "postgres", "--database-url", admin); o.code != 1 || !strings.Contains(o.stderr, "hint: run millrace install first") {
		t.Errorf("enroll without install ended with %d and %q", o.code, o.stderr)
	}
}

// TestUnenroll takes back what a role could do.
func TestUnenroll(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	succeed(t, "unenroll", s.role, "--database-url", s.admin)
	if state := stateOf(regress(t, pgtest.Connect(t, s.caller))); state != "42501" {
		t.Errorf("a call of a role that is not enrolled any more gave %s, want 42501", state)
	}
	o := execute(t, "enroll", "nobody_at_all", "--database-url", s.admin)
	if o.code != 1 || !strings.Contains(o.stderr, `role "nobody_at_all" does not exist`) {
		t.Errorf("enrolling a role that does not exist ended with %d and %q", o.code, o.stderr)
	}
	o = execute(t, "enroll", s.role, "--database-url", s.caller)
	if o.code != 1 || !strings.Contains(o.stderr, "hint: connect as a superuser") {
		t.Errorf("enrolling as an ordinary role ended with %d and %q", o.code, o.stderr)
	}
}

func TestLoginURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ admin, password, want string }{
		{"postgres://admin:pw@db:5433/app?sslmode=require&user=x", "n/w", "postgres://w:n%2Fw@db:5433/app?sslmode=require"},
		{"host=/run/pg port=5433 dbname=app user=admin password=pw", "", "postgres://w@/app?host=%2Frun%2Fpg&port=5433"},
		{"postgresql:///app?host=/run/pg", "p", "postgres://w:p@/app?host=%2Frun%2Fpg&port=5432"},
		{"postgres://[::1]/app", "", "postgres://w@[::1]:5432/app"},
	} {
		if got, err := loginURL(tt.admin, "w", tt.password); err != nil || got != tt.want {
			t.Errorf("loginURL(%q) = %q, %v, want %q", tt.admin, got, err, tt.want)
		}
	}
}

func TestWithPassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"postgres://w@db/app?sslmode=disable", "host=db user=w dbname=app", "postgres://w:old@db/app"} {
		const password = `a'b\c /@:`
		got, err := withPassword(address, password)
		if err != nil {
			t.Fatal(err)
		}
		c, err := pgx.ParseConfig(got)
		if err != nil || c.Password != password || c.User != "w" || c.Host != "db" || c.Database != "app" {
			t.Errorf("%q becomes %q: user %q, password %q, host %q, %v", address, got, c.User, c.Password, c.Host, err)
		}
	}
}
