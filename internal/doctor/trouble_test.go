package doctor

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/ext"
	"github.com/millrace/millrace/internal/pgserver"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// TestWrapper points the validator of postgres_fdw to a file that is no library, and
// to none: what an upgrade under a running server looks like from inside.
func TestWrapper(t *testing.T) {
	t.Parallel()
	dir := pgtest.SocketDir(t) // the server can read it
	library := filepath.Join(dir, "broken.so")
	if err := os.WriteFile(library, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{library, "$libdir/no_such_library"} {
		s := newSite(t)
		pgtest.Exec(t, s.admin, "UPDATE pg_proc SET probin = '"+path+"' WHERE proname = 'postgres_fdw_validator'")
		expect(t, run(t, Config{DatabaseURL: s.admin}), Fail, "postgres_fdw cannot be loaded: could not")
		pgtest.Exec(t, s.admin, "UPDATE pg_proc SET probin = '$libdir/postgres_fdw' WHERE proname = 'postgres_fdw_validator'")
	}
}

// TestAdmin has a role that can install. Since PostgreSQL 16 it cannot enroll others
// without ADMIN OPTION.
func TestAdmin(t *testing.T) {
	t.Parallel()
	admin := pgtest.Database(t)
	role, password := pgtest.Role(t, "installer", "LOGIN CREATEROLE")
	other, _ := pgtest.Role(t, "aaa_other", "LOGIN") // among the first, whatever roles other tests make
	pgtest.Exec(t, admin, "CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO "+role+
		"; GRANT CREATE ON DATABASE "+databaseOf(t, admin)+" TO "+role+" WITH GRANT OPTION")
	findings := run(t, Config{DatabaseURL: withLogin(t, admin, role, password)})
	if pgtest.Server(t).Major() < 16 {
		expect(t, findings, OK, role+" has CREATEROLE")
	} else {
		expect(t, findings, Warn, role+" cannot enroll "+other)
	}
}

// TestNoWorker has nobody listening, somebody else, and somebody silent.
func TestNoWorker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	findings := run(t, Config{DatabaseURL: s.admin})
	expect(t, findings, Fail, "a call from the database to the worker fails, as role "+s.role)
	expect(t, findings, Warn, "from here, the worker does not answer")
	expect(t, run(t, Config{DatabaseURL: s.admin, Listen: s.address.String()}), Fail, "from here, the worker does not answer")
	// The worker's login cannot make the database ask, so what it sees itself counts.
	if findings := run(t, Config{DatabaseURL: s.worker, Brief: true}); !Failed(findings) {
		t.Errorf("health check as the worker's login:\n%s", lines(findings))
	}
	for answer, want := range map[string]string{"E": `it is no worker: it answers "E"`, "": "gives no answer"} {
		listen := "tcp://" + listenAs(t, answer)
		expect(t, run(t, Config{DatabaseURL: s.admin, Listen: listen}), Fail, want)
	}
}

// listenAs accepts connections and sends an answer to what comes, or nothing.
func listenAs(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := io.WriteString(conn, answer); err == nil {
					_, _ = io.Copy(io.Discard, conn) // until the other side is fed up
				}
			}()
		}
	}()
	return l.Addr().String()
}

func TestWay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve(t)
	pgtest.Exec(t, s.admin, "ALTER USER MAPPING FOR "+s.role+" SERVER millrace OPTIONS (SET password 'wrong')")
	findings := run(t, Config{DatabaseURL: s.admin})
	expect(t, findings, Fail, "as role "+s.role)
	if text := lines(findings); !strings.Contains(text, "run millrace enroll "+s.role) {
		t.Errorf("a wrong secret is not recognised:\n%s", text)
	}
	if err := worker.Unenroll(t.Context(), s.admin, s.role); err != nil {
		t.Fatal(err)
	}
	expect(t, run(t, Config{DatabaseURL: s.admin}), Warn, "no role is enrolled")
}

func TestReaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var login string
	conn := pgtest.Connect(t, s.admin)
	if err := conn.QueryRow(t.Context(), "SELECT reader FROM ml_private.role").Scan(&login); err != nil {
		t.Fatal(err)
	}
	const cannot = "cannot connect: failed to connect"
	pgtest.Exec(t, s.admin, "ALTER ROLE "+login+" NOLOGIN")
	expect(t, run(t, Config{DatabaseURL: s.admin}), Fail, "is not permitted to log in")
	pgtest.Exec(t, s.admin, "ALTER ROLE "+login+" LOGIN PASSWORD 'other'")
	expect(t, run(t, Config{DatabaseURL: s.admin}), Fail, "the reader login of role "+s.role+" "+cannot)
	pgtest.Exec(t, s.admin, "UPDATE ml_private.role SET name = 'renamed'")
	expect(t, run(t, Config{DatabaseURL: s.admin}), Warn, "role renamed was renamed or dropped")
	pgtest.Exec(t, s.admin, "UPDATE ml_private.role SET name = '"+s.role+"'")
}

// TestConfiguration has a server of its own, without a logical log and places for its
// readers, whose pg_hba.conf locks the reader out.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	config := pgserver.Config{Binaries: pgtest.Server(t).Binaries(), DataDir: filepath.Join(pgtest.SocketDir(t), "data"),
		Settings: map[string]string{"wal_level": "replica", "fsync": "off", "max_replication_slots": "0", "max_wal_senders": "0"}}
	if err := os.Chmod(filepath.Dir(config.DataDir), 0o755); err != nil {
		t.Fatal(err)
	}
	reader := prepareServer(t, config)
	hba := filepath.Join(config.DataDir, "pg_hba.conf")
	text, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hba, append([]byte("host all "+reader+" all reject\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := pgserver.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer stopServer(t, server)
	findings := run(t, Config{DatabaseURL: server.URL(server.Superuser(), server.Password(), "postgres"), Version: ext.Version()})
	expect(t, findings, Warn, "wal_level is replica")
	expect(t, findings, Warn, "all 0 replication slots are in use")
	expect(t, findings, Warn, "all 0 places for WAL senders are in use")
	expect(t, findings, Fail, "pg_hba.conf rejects connection")
	if text := lines(findings); !strings.Contains(text, "allow login "+reader+" in pg_hba.conf") {
		t.Errorf("no advice on pg_hba.conf:\n%s", text)
	}
}

// prepareServer installs and enrolls on a new server, stops it, and returns the name
// of the reader login.
func prepareServer(t *testing.T, config pgserver.Config) (reader string) {
	t.Helper()
	server, err := pgserver.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer stopServer(t, server)
	admin := server.URL(server.Superuser(), server.Password(), "postgres")
	if _, err := worker.Install(t.Context(), admin, worker.InstallOptions{Host: "127.0.0.1", Port: 1}); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CREATE ROLE someone LOGIN"); err != nil {
		t.Fatal(err)
	}
	if err := worker.Enroll(t.Context(), admin, "someone", false); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(t.Context(), "SELECT reader FROM ml_private.role").Scan(&reader); err != nil {
		t.Fatal(err)
	}
	return reader
}

func stopServer(t *testing.T, server *pgserver.Server) {
	t.Helper()
	if err := server.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
