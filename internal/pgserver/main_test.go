package pgserver

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestMain lets the test binary play the parent whose death is tested.
func TestMain(m *testing.M) {
	if dir := os.Getenv("MILLRACE_TEST_PARENT_OF"); dir != "" {
		playParent(dir)
	}
	os.Exit(m.Run())
}

// playParent starts a server, prints its process number and address, and waits.
func playParent(dir string) {
	ctx := context.Background()
	b, err := Find(ctx, testMajor())
	if err == nil {
		var s *Server
		if s, err = Start(ctx, Config{Binaries: b, DataDir: dir}); err == nil {
			fmt.Println(s.PID(), s.URL(s.Superuser(), s.Password(), "postgres"))
			<-s.Done()
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// quick are settings for servers whose data need not survive the machine.
var quick = map[string]string{"fsync": "off", "shared_buffers": "16MB"}

// testContext bounds a test that waits for a server.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// testMajor returns the version to test with, as package pgtest takes it.
func testMajor() int {
	major, err := strconv.Atoi(cmp.Or(os.Getenv("MILLRACE_TEST_PG"), "0"))
	if err != nil {
		panic("MILLRACE_TEST_PG: " + err.Error())
	}
	return major
}

// local returns the binaries of the version to test with.
func local(t *testing.T) Binaries {
	t.Helper()
	b, err := Find(testContext(t), testMajor())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// home returns a folder that the server's user can reach, which t.TempDir is not:
// the testing package makes it private.
func home(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "millrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start starts a server that is stopped at the end of the test.
func start(t *testing.T, c Config) *Server {
	t.Helper()
	if c.Settings == nil {
		c.Settings = quick
	}
	s, err := Start(testContext(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	// The test's own context has ended when its cleanup runs.
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// query runs one statement on a new connection and returns its one value as text.
func query(t *testing.T, url, sql string) string {
	t.Helper()
	out, err := tryQuery(testContext(t), url, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// tryQuery is query with the error returned. A statement without rows gives "".
func tryQuery(ctx context.Context, url, sql string) (string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return "", nil
	}
	return string(last.Rows[0][0]), nil
}

// admin returns the superuser's address of a server over TCP.
func admin(s *Server) string { return s.URL(s.Superuser(), s.Password(), "postgres") }
