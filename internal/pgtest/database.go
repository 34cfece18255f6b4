package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Database makes an empty database with a random name and returns the superuser's
// address of it. At the end of the test the database is dropped, with all its
// sessions and replication slots.
func Database(t testing.TB) string {
	t.Helper()
	admin := AdminURL(t, "postgres")
	name := randomName("test")
	// Nobody is ever connected to template0, so nobody is in the way of the copy.
	if err := exec(admin, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dropDatabase(admin, name); err != nil {
			t.Error(err)
		}
	})
	return AdminURL(t, name)
}

// dropDatabase drops a database. FORCE ends its sessions, but a walsender that
// holds a slot makes the command fail before it gets there, so those go first.
func dropDatabase(admin, name string) error {
	return withConn(admin, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false"); err != nil {
			return err
		}
		const end = `SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE database = $1 AND active`
		if _, err := conn.Exec(ctx, end, name); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		return err
	})
}

// Role makes a role with a random name and password and returns both. The
// attributes are those of CREATE ROLE, for example "LOGIN REPLICATION". At the end
// of the test the role is dropped, with its sessions and with everything that it
// owns or was granted in any database.
func Role(t testing.TB, prefix, attributes string) (role, password string) {
	t.Helper()
	admin := AdminURL(t, "postgres")
	role, password = randomName(prefix), randomName("pw")
	create := fmt.Sprintf("CREATE ROLE %s %s PASSWORD '%s'", pgx.Identifier{role}.Sanitize(), attributes, password)
	if err := exec(admin, create); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := dropRole(t, role)
		for range 5 {
			if err == nil || !strings.Contains(err.Error(), "tuple concurrently") {
				break
			}
			err = dropRole(t, role) // a parallel test has changed the grants on the same database
		}
		if err != nil {
			t.Error(err)
		}
	})
	return role, password
}

// dropRole drops a role and what belongs to it. DROP OWNED works in one database
// only, so it runs in each that knows the role.
func dropRole(t testing.TB, role string) error {
	admin, name := AdminURL(t, "postgres"), pgx.Identifier{role}.Sanitize()
	const end = `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = $1`
	var databases []string
	err := withConn(admin, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "ALTER ROLE "+name+" NOLOGIN"); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, end, role); err != nil {
			return err
		}
		const users = `SELECT DISTINCT d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
			WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1)`
		rows, err := conn.Query(ctx, users, role)
		if err != nil {
			return err
		}
		databases, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return err
	}
	for _, database := range databases {
		err := exec(AdminURL(t, database), "DROP OWNED BY "+name+" CASCADE")
		if err != nil && !beingDropped(err) {
			return err
		}
	}
	// What is left is shared: databases, which a test drops by itself, and grants.
	return exec(admin, "REASSIGN OWNED BY "+name+" TO CURRENT_USER; DROP OWNED BY "+name+"; DROP ROLE "+name)
}

// beingDropped reports whether a parallel test is dropping the database just now:
// it is gone, takes no connections, or has ended ours.
func beingDropped(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == "3D000" || e.Code == "55000" || e.Code == "57P01"
}

// Folder makes a folder that the user of a database server can pass through, which
// t.TempDir is not, and removes it at the end of the test. Its path is short enough for
// sockets.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "millrace-t-")
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return dir
}

// SocketDir makes a folder for Unix sockets that the shared server's processes and
// this process may use, and removes it at the end of the test. Its path is short,
// since that of a socket may have 107 bytes only, and private to the two users.
func SocketDir(t testing.TB) string {
	t.Helper()
	uid, gid := Server(t).RunAs()
	dir, err := os.MkdirTemp("/tmp", "millrace-s-")
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatalf("pgtest: %v", err)
		}
	}
	return dir
}
