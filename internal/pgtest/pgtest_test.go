package pgtest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

func TestMain(m *testing.M) { Run(m) }

// value returns the one value of a query as text.
func value(t *testing.T, conn *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	var out string
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func TestServer(t *testing.T) {
	t.Parallel()
	conn := Connect(t, AdminURL(t, "postgres"))
	for name, want := range map[string]string{
		"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on", "max_connections": "200", "max_replication_slots": "40", "wal_level": "logical",
	} {
		if got := value(t, conn, "SELECT current_setting($1)", name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	if text := os.Getenv(VersionVariable); text != "" && strconv.Itoa(Server(t).Major()) != text {
		t.Errorf("server has major version %d, want %s", Server(t).Major(), text)
	}
	if first, second := Server(t), Server(t); first != second {
		t.Error("two calls of Server give two servers")
	}
}

// TestDatabase checks that a database is dropped although a session and an active
// replication slot use it.
func TestDatabase(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("Use", func(t *testing.T) {
		address := Database(t)
		conn := Connect(t, address)
		name = value(t, conn, "SELECT current_database()")
		if got := value(t, conn, "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"); got != "0" {
			t.Errorf("a new database has %s relations in schema public, want 0", got)
		}
		value(t, conn, "SELECT pg_create_logical_replication_slot($1, 'pgoutput')::text", name)
		Exec(t, address, "CREATE PUBLICATION everything FOR ALL TABLES")
		replicate(t, address, name)
	})
	conn := Connect(t, AdminURL(t, "postgres"))
	for _, sql := range []string{
		"SELECT count(*)::text FROM pg_database WHERE datname = $1",
		"SELECT count(*)::text FROM pg_replication_slots WHERE slot_name = $1",
	} {
		if got := value(t, conn, sql, name); got != "0" {
			t.Errorf("%s after the test: %s, want 0", sql, got)
		}
	}
}

// replicate opens a connection that streams from a slot and leaves it open.
func replicate(t *testing.T, address, slot string) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), address+"&replication=database")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	start := fmt.Sprintf("START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names 'everything')", slot)
	conn.Frontend().SendQuery(&pgproto3.Query{String: start})
	if err := conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	if msg, err := conn.ReceiveMessage(t.Context()); err != nil || fmt.Sprintf("%T", msg) != "*pgproto3.CopyBothResponse" {
		t.Fatalf("START_REPLICATION gave %T, %v, want a CopyBothResponse", msg, err)
	}
}

// TestRole checks that a role goes with all that it owns and was granted, whether
// its database goes before it or after it.
func TestRole(t *testing.T) {
	t.Parallel()
	for _, databaseFirst := range []bool{true, false} {
		var role string
		t.Run(fmt.Sprintf("DatabaseFirst=%v", databaseFirst), func(t *testing.T) {
			var address, password string
			if databaseFirst {
				address = Database(t)
			}
			role, password = Role(t, "some one", "LOGIN CREATEDB")
			if !databaseFirst {
				address = Database(t)
			}
			name := pgx.Identifier{role}.Sanitize()
			Exec(t, address, "CREATE SCHEMA own AUTHORIZATION "+name+"; CREATE TABLE public.given (n int); GRANT SELECT ON public.given TO "+name+
				"; CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw; CREATE USER MAPPING FOR "+name+" SERVER s")
			conn := Connect(t, withUser(t, address, role, password))
			if got := value(t, conn, "SELECT session_user::text"); got != role {
				t.Errorf("session user is %q, want %q", got, role)
			}
			if _, err := conn.Exec(t.Context(), "CREATE TABLE own.rows AS SELECT * FROM public.given"); err != nil {
				t.Fatal(err)
			}
		})
		conn := Connect(t, AdminURL(t, "postgres"))
		if got := value(t, conn, "SELECT count(*)::text FROM pg_roles WHERE rolname = $1", role); got != "0" || !strings.HasPrefix(role, "some one_") {
			t.Errorf("roles with name %q after the test: %s, want 0", role, got)
		}
	}
}

// withUser replaces the user of an address.
func withUser(t *testing.T, address, user, password string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

// TestSocketDir has the server connect to a socket in the folder, by postgres_fdw. It
// reaches the listener, which hangs up.
func TestSocketDir(t *testing.T) {
	t.Parallel()
	dir := SocketDir(t)
	path := filepath.Join(dir, ".s.PGSQL.6432")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	uid, gid := Server(t).RunAs()
	if os.Geteuid() == 0 {
		if err := os.Chown(path, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
	}
	accepted := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = conn.Close()
		}
		accepted <- err
	}()
	address := Database(t)
	Exec(t, address, fmt.Sprintf(`CREATE EXTENSION postgres_fdw;
		CREATE SERVER w FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '6432', dbname 'x');
		CREATE USER MAPPING FOR CURRENT_USER SERVER w OPTIONS (user 'x', password 'x');
		CREATE FOREIGN TABLE f (n int) SERVER w`, dir))
	if err := exec(address, "SELECT * FROM f"); err == nil || !strings.Contains(err.Error(), "could not connect to server") {
		t.Errorf("SELECT from a server that hangs up: %v, want that it could not connect", err)
	}
	if err := <-accepted; err != nil {
		t.Error(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != uid || info.Mode().Perm() != 0o700 {
		t.Errorf("folder belongs to %d with mode %v, want %d and 0700", st.Uid, info.Mode().Perm(), uid)
	}
}

func TestRandomName(t *testing.T) {
	if a, b := randomName("x"), randomName("x"); a == b || len(a) != 18 {
		t.Errorf("randomName = %q, %q, want two names of 18 bytes", a, b)
	}
}
