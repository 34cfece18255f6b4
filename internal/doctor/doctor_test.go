package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/ext"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// site is a database in which Millrace is installed and one role is enrolled.
type site struct {
	admin, caller, worker string // addresses
	role                  string
	address               worker.Address
}

func newSite(t *testing.T) site {
	t.Helper()
	role, password := pgtest.Role(t, "caller", "LOGIN")
	admin := pgtest.Database(t)
	s := site{admin: admin, role: role, caller: withLogin(t, admin, role, password)}
	s.address = worker.Address{Network: "unix", Host: pgtest.SocketDir(t), Port: 6432}
	t.Cleanup(func() {
		if err := worker.Uninstall(context.Background(), admin); err != nil { // logins outlive the database
			t.Error(err)
		}
	})
	made, err := worker.Install(t.Context(), admin, worker.InstallOptions{Host: s.address.Host, Port: s.address.Port})
	if err != nil {
		t.Fatal(err)
	}
	s.worker = withLogin(t, admin, made.Worker, made.WorkerPassword)
	if err := worker.Enroll(t.Context(), admin, role, false); err != nil {
		t.Fatal(err)
	}
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

// serve runs the worker until the end of the test.
func (s site) serve(t *testing.T) {
	t.Helper()
	w, err := worker.New(t.Context(), worker.Config{DatabaseURL: s.worker, Listen: s.address.String(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// run examines with defaults.
func run(t *testing.T, c Config) []Finding {
	t.Helper()
	if c.Version == "" {
		c.Version = ext.Version()
	}
	return Run(t.Context(), c)
}

// expect wants a finding of a level with a text.
func expect(t *testing.T, findings []Finding, level Level, text string) {
	t.Helper()
	for _, f := range findings {
		if f.Level == level && strings.Contains(oneLine(f.What), text) {
			if (f.Fix == "") != (level == OK) {
				t.Errorf("%v: fix %q", f, f.Fix)
			}
			return
		}
	}
	t.Errorf("no %v with %q in\n%s", level, text, lines(findings))
}

func lines(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve(t)
	findings := run(t, Config{DatabaseURL: s.admin})
	for _, want := range []string{
		"connected to database", "PostgreSQL 1", "encoding of the database is UTF8", "wal_level is logical",
		"postgres_fdw is installed and loads", "is a superuser", "Millrace is installed, functions " + ext.Version(),
		"the database reaches the worker, as role " + s.role, "the worker answers at " + s.address.String(),
		"reader logins can connect: 1", "maintained views can be made", "event triggers tell the worker", "the clocks", "GiB are free",
	} {
		expect(t, findings, OK, want)
	}
	if len(findings) != 14 {
		t.Errorf("%d findings, want 14:\n%s", len(findings), lines(findings))
	}

	findings = run(t, Config{DatabaseURL: s.caller, Listen: s.address.String()})
	expect(t, findings, OK, "the database reaches the worker, as role "+s.role)
	expect(t, findings, Warn, s.role+" cannot install or enroll: it lacks CREATEROLE")
	if Failed(findings) {
		t.Errorf("as the caller:\n%s", lines(findings))
	}

	findings = run(t, Config{DatabaseURL: s.worker})
	expect(t, findings, OK, "reader logins can connect: 1")
	expect(t, findings, Warn, "is not enrolled, so the way from the database to the worker was not tried")
	if Failed(findings) {
		t.Errorf("as the worker:\n%s", lines(findings))
	}

	if brief := run(t, Config{DatabaseURL: s.admin, Brief: true}); len(brief) != 4 || Failed(brief) {
		t.Errorf("brief examination:\n%s", lines(brief))
	}
}

func TestNoConnection(t *testing.T) {
	t.Parallel()
	admin := pgtest.Database(t)
	closed := withPort(t, admin, "1")
	for address, want := range map[string]string{
		closed:                                   "connection refused",
		withLogin(t, admin, "postgres", "wrong"): "password authentication failed",
		strings.Replace(admin, "/test_", "/no_such_", 1):            "does not exist",
		withLogin(t, admin, "no such role", "x"):                    "password authentication failed",
		"postgres://127.0.0.1:x/db?sslmode=disable&password=s3cr3t": "cannot parse",
	} {
		findings := run(t, Config{DatabaseURL: address})
		expect(t, findings, Fail, want)
		if len(findings) != 1 || strings.Contains(lines(findings), "s3cr3t") {
			t.Errorf("without a database:\n%s", lines(findings))
		}
	}
	// The worker is examined all the same, if its address is given.
	findings := run(t, Config{DatabaseURL: closed, Listen: "unix:" + t.TempDir() + "?port=6432"})
	expect(t, findings, Fail, "the worker does not answer at unix:")
}

func withPort(t *testing.T, address, port string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return u.String()
}

func TestNotInstalled(t *testing.T) {
	t.Parallel()
	admin := pgtest.Database(t)
	findings := run(t, Config{DatabaseURL: admin})
	expect(t, findings, Fail, "Millrace is not installed")
	expect(t, findings, OK, "postgres_fdw is available")
	var installed bool
	conn := pgtest.Connect(t, admin)
	if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'postgres_fdw')").Scan(&installed); err != nil || installed {
		t.Errorf("doctor has installed postgres_fdw: %v, %v", installed, err)
	}

	role, password := pgtest.Role(t, "ordinary", "LOGIN")
	findings = run(t, Config{DatabaseURL: withLogin(t, admin, role, password)})
	expect(t, findings, Fail, "it lacks CREATEROLE, CREATE on the database")
	expect(t, findings, Fail, "this login may not install it")
}

func TestOtherVersion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	expect(t, run(t, Config{DatabaseURL: s.admin, Version: "other"}), Fail, "have version "+ext.Version()+", this program has other")
}

// TestEncoding needs a database with a locale that fits every encoding.
func TestEncoding(t *testing.T) {
	t.Parallel()
	admin := pgtest.Database(t)
	name := "latin_" + strings.TrimPrefix(filepath.Base(t.TempDir()), "0") + "_" + strings.TrimPrefix(databaseOf(t, admin), "test_")
	pgtest.Exec(t, admin, "CREATE DATABASE "+name+" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	t.Cleanup(func() { pgtest.Exec(t, pgtest.AdminURL(t, "postgres"), "DROP DATABASE "+name) })
	expect(t, run(t, Config{DatabaseURL: pgtest.AdminURL(t, name)}), Fail, "the encoding of the database is LATIN1")
}

func databaseOf(t *testing.T, address string) string {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	return config.Database
}
