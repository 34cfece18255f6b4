package catalog

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// administrator connects as the package asks for; the connection is closed at
// the end of the test.
func administrator(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// installed makes a database with Millrace, which is gone with its logins at the
// end of the test.
func installed(t *testing.T) *pgx.Conn {
	t.Helper()
	conn := administrator(t, pgtest.Database(t))
	if _, err := Install(t.Context(), conn, InstallOptions{Host: "/nowhere", Port: 6432}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Uninstall(context.Background(), conn); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// TestImmutableInCatalog decides what another role's model may call.
func TestImmutableInCatalog(t *testing.T) {
	t.Parallel()
	conn := installed(t)
	pool, err := pgxpool.New(t.Context(), conn.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	// The trap would answer for any list of names, if the query asked it.
	trap := "CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT ''ln''::text'"
	if _, err := conn.Exec(t.Context(), trap); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE FUNCTION public.own(float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1'"); err != nil {
		t.Fatal(err)
	}
	for names, want := range map[string]bool{
		"": true, "ln": true, "ln,sqrt,abs": true, "own": false, "ln,own": false, "random": false, "now": false, "pg_sleep": false, "set_config": false, "to_char": false, "current_setting": false, "no_such_function": false, "LN": false, "query_to_xml": false,
	} {
		var list []string
		if names != "" {
			list = strings.Split(names, ",")
		}
		got, err := NewStore(pool).ImmutableInCatalog(t.Context(), list)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", names, got, err, want)
		}
	}
}

// TestEnrollErrors enrolls who cannot be.
func TestEnrollErrors(t *testing.T) {
	t.Parallel()
	conn := installed(t)
	for _, name := range []string{"nobody", `"; DROP SCHEMA ml; --`, ""} {
		if err := Enroll(t.Context(), conn, name, false); !errors.Is(err, ErrRole) {
			t.Errorf("Enroll(%q) error = %v, want ErrRole", name, err)
		}
		if err := Unenroll(t.Context(), conn, name); !errors.Is(err, ErrRole) {
			t.Errorf("Unenroll(%q) error = %v, want ErrRole", name, err)
		}
	}
}

// TestReaderOfSuperuser gives a superuser a reader login only when that is said.
func TestReaderOfSuperuser(t *testing.T) {
	t.Parallel()
	conn := installed(t)
	boss, _ := pgtest.Role(t, "boss", "SUPERUSER")
	for _, asReader := range []bool{false, true, false} {
		if err := Enroll(t.Context(), conn, boss, asReader); err != nil {
			t.Fatal(err)
		}
		var known, exists bool
		err := conn.QueryRow(t.Context(), `SELECT reader IS NOT NULL, EXISTS (SELECT FROM pg_auth_members AS m
			JOIN pg_roles AS r ON r.oid = m.member WHERE m.roleid = e.role AND r.rolname LIKE 'ml\_r\_%')
			FROM ml_private.role AS e WHERE name = $1`, boss).Scan(&known, &exists)
		if err != nil {
			t.Fatal(err)
		}
		if known != asReader || exists != asReader {
			t.Errorf("asReader %v: a reader is known: %v, exists: %v", asReader, known, exists)
		}
	}
	if err := Unenroll(t.Context(), conn, boss); err != nil {
		t.Fatal(err)
	}
}

// TestEncoding refuses a database whose text is not UTF-8.
func TestEncoding(t *testing.T) {
	t.Parallel()
	admin := pgtest.Connect(t, pgtest.AdminURL(t, "postgres"))
	name, _ := pgtest.Role(t, "latin", "NOLOGIN") // a random name to borrow
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"); err != nil {
		t.Fatal(err)
	}
	conn, err := Connect(t.Context(), pgtest.AdminURL(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Install(t.Context(), conn, InstallOptions{Host: "/nowhere", Port: 1}); err == nil || !strings.Contains(err.Error(), "LATIN1") {
		t.Errorf("Install error = %v, want one that names the encoding", err)
	}
	conn.Close(t.Context())
	if _, err := admin.Exec(t.Context(), "DROP DATABASE "+name); err != nil {
		t.Error(err)
	}
}
