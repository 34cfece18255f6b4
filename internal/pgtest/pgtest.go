// Package pgtest gives tests a real PostgreSQL server: one for each test process,
// started by the first test that asks for it and stopped by [Main].
//
// A package that uses it has this in one of its test files:
//
//	func TestMain(m *testing.M) { pgtest.Run(m) }
//
// Tests share the server and nothing else: each takes databases and roles of its
// own, with random names, that are dropped at its end, and so they can run in
// parallel. The environment variable MILLRACE_TEST_PG is the major version to test
// with; without it, the version is the one that [pgserver.Find] prefers.
//
// A missing server fails the test. No test is skipped for it.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgserver"
)

// VersionVariable names the environment variable with the major version.
const VersionVariable = "MILLRACE_TEST_PG"

// startTimeout bounds finding and starting the server. It covers the download of
// binaries that are not on the machine.
const startTimeout = 5 * time.Minute

// commandTimeout bounds each connection and statement of this package.
const commandTimeout = time.Minute

// settings of the shared server. What a commit means to a running server stays:
// synchronous_commit is on. Only what survives a crash of the machine is given up.
var settings = map[string]string{
	"fsync":                 "off",
	"full_page_writes":      "off",
	"synchronous_commit":    "on",
	"max_connections":       "200",
	"max_replication_slots": "40",
	"max_wal_senders":       "40",
	"shared_buffers":        "128MB",
	"autovacuum_naptime":    "10min", // tests that need statistics run ANALYZE
	"log_min_messages":      "warning",
	"log_line_prefix":       "%m [%p] %q%u@%d ",
	"log_lock_waits":        "on",
}

// shared is the server of this process.
var shared struct {
	sync.Mutex
	armed  bool // Main runs, and will stop the server
	server *pgserver.Server
	err    error // why it could not be started; remembered, so that later tests fail at once
}

// Run runs the tests of a package and ends the process.
func Run(m interface{ Run() int }) { os.Exit(Main(m)) }

// Main runs the tests of a package, stops the server if one was started, and returns
// the exit code. A server that does not stop cleanly makes it 1.
func Main(m interface{ Run() int }) int {
	shared.Lock()
	shared.armed = true
	shared.Unlock()
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// stop stops the server, if there is one.
func stop() error {
	shared.Lock()
	defer shared.Unlock()
	shared.armed = false
	if shared.server == nil {
		return nil
	}
	err := shared.server.Stop(context.Background())
	shared.server = nil
	return err
}

// Server returns the shared server, after starting it if this is the first call.
func Server(t testing.TB) *pgserver.Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.armed {
		t.Fatal("pgtest: TestMain does not call pgtest.Main, so nothing would stop the server")
	}
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// start finds binaries of the wanted version and starts the server.
func start() (*pgserver.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	major := 0
	if text := os.Getenv(VersionVariable); text != "" {
		var err error
		if major, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("pgtest: %s: %w", VersionVariable, err)
		}
	}
	b, err := pgserver.Find(ctx, major)
	if err != nil {
		return nil, err
	}
	return pgserver.Start(ctx, pgserver.Config{Binaries: b, Settings: settings})
}

// AdminURL returns the superuser's address of a database on the shared server.
func AdminURL(t testing.TB, database string) string {
	t.Helper()
	s := Server(t)
	return s.URL(s.Superuser(), s.Password(), database)
}

// Connect opens a connection that is closed at the end of the test.
func Connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		defer cancel()
		// The test may have had the session ended on purpose; either way it is gone.
		_ = conn.Close(ctx)
	})
	return conn
}

// Exec runs statements on a new connection and fails the test on an error.
func Exec(t testing.TB, url, sql string) {
	t.Helper()
	if err := exec(url, sql); err != nil {
		t.Fatal(err)
	}
}

// exec runs statements, all in one transaction unless one of them forbids that.
func exec(url, sql string) error {
	return withConn(url, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		return err
	})
}

// withConn runs a function on a new connection, within the time of a command.
func withConn(url string, f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	if err := errors.Join(f(ctx, conn), conn.Close(ctx)); err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	return nil
}

// randomName returns a name that no other test uses: the prefix and 16 of 2^80
// random letters. It needs no quotes in SQL if the prefix needs none.
func randomName(prefix string) string {
	return prefix + "_" + strings.ToLower(rand.Text()[:16])
}
