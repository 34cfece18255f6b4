package catalog

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
)

// listener reads the hints of a database from the log, in the place of a worker.
type listener struct {
	*pgx.Conn
	t    *testing.T
	slot string
}

// listen follows the log until the end of the test.
func listen(t *testing.T, conn *pgx.Conn) *listener {
	t.Helper()
	l := &listener{Conn: conn, t: t}
	l.follow()
	t.Cleanup(func() {
		l.exec("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '" + l.slot + "'")
	})
	return l
}

// follow makes the slot that a worker would.
func (l *listener) follow() {
	l.t.Helper()
	if err := l.QueryRow(l.t.Context(), "SELECT 'millrace_' || oid FROM pg_database WHERE datname = current_database()").Scan(&l.slot); err != nil {
		l.t.Fatal(err)
	}
	l.exec("SELECT pg_create_logical_replication_slot('" + l.slot + "', 'pgoutput')")
}

func (l *listener) exec(sql string) {
	l.t.Helper()
	pgtest.Exec(l.t, l.Config().ConnString(), sql)
}

// heard counts the hints since the last call.
func (l *listener) heard() (n int) {
	l.t.Helper()
	err := l.QueryRow(l.t.Context(), `
		SELECT count(*) FROM pg_logical_slot_get_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', 'millrace', 'messages', 'true')
		WHERE get_byte(data, 0) = ascii('M') AND position('millrace'::bytea IN data) > 0`, l.slot).Scan(&n)
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

// stranger makes a role that may not look into any schema of Millrace's.
func stranger(t *testing.T, conn *pgx.Conn) *pgx.Conn {
	t.Helper()
	role, password := pgtest.Role(t, "stranger", "LOGIN")
	url := conn.Config().ConnString()
	pgtest.Exec(t, url, "REVOKE USAGE ON SCHEMA ml, ml_private, ml_view FROM PUBLIC; CREATE SCHEMA "+role+" AUTHORIZATION "+role+
		"; ALTER ROLE "+role+" SET search_path = "+role)
	config := conn.Config().Copy()
	config.User, config.Password = role, password
	delete(config.RuntimeParams, "search_path")
	c, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(t.Context()) })
	return c
}

// TestHints has a role without any rights change what views may depend on, and what
// they do not.
func TestHints(t *testing.T) {
	t.Parallel()
	conn := installed(t)
	l, c := listen(t, conn), stranger(t, conn)
	for _, tt := range []struct {
		sql  string
		hint bool
	}{
		{"CREATE TABLE p (id int PRIMARY KEY, s text DEFAULT 'x') PARTITION BY RANGE (id)", true},
		{"CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)", true},
		{"ALTER TABLE p DETACH PARTITION p1", true},
		{"ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (10)", true},
		{"ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY", true},
		{"ALTER TABLE p1 REPLICA IDENTITY FULL", true},
		{"ALTER TABLE p1 RENAME COLUMN s TO q", true},
		{"ALTER TABLE p1 ENABLE ROW LEVEL SECURITY", true},
		{"CREATE TYPE mood AS ENUM ('low')", false},
		{"ALTER TYPE mood ADD VALUE 'high'", true},
		{"ALTER TYPE mood RENAME VALUE 'low' TO 'deep'", true},
		{"CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1", true},
		{"CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql RETURN 2", true},
		{"ALTER FUNCTION f() COST 7", true},
		{"CREATE VIEW v AS SELECT id FROM p", true},
		{"CREATE OR REPLACE VIEW v AS SELECT id FROM p WHERE id > 1", true},
		{"GRANT SELECT ON p TO PUBLIC", true},
		{"REVOKE SELECT ON p FROM PUBLIC", true},
		{"CREATE INDEX by_q ON p1 (q)", false},
		{"DROP INDEX CONCURRENTLY by_q", true},
		{"COMMENT ON TABLE p IS 'x'; ANALYZE p; INSERT INTO p1 VALUES (1, 'a'); TRUNCATE p1", false},
		{"CREATE TABLE copied AS SELECT 1 AS a", false},
		{"DROP FUNCTION f", false}, // no view can have read it
		{"DROP TABLE p, p1 CASCADE", true},
		{"DROP TABLE IF EXISTS nothing; ALTER TABLE IF EXISTS nothing ADD a int", false},
		{"CREATE TEMP TABLE scratch (id serial PRIMARY KEY, a text DEFAULT 'x'); ALTER TABLE scratch ADD b int; ALTER TABLE scratch DROP b; CREATE TEMP VIEW sv AS TABLE scratch", false},
		{"CREATE TEMP TABLE gone (a int) ON COMMIT DROP", false},
		{"DROP TABLE scratch CASCADE", false},
		{"CREATE UNLOGGED TABLE quick (a int)", true}, // it may be a partition
		{"BEGIN; ALTER TABLE quick ADD b int; ROLLBACK", false},
		{"BEGIN; SAVEPOINT a; ALTER TABLE quick ADD b int; ROLLBACK TO a; COMMIT", false},
		{"BEGIN; SAVEPOINT a; ALTER TABLE quick ADD b int; RELEASE a; COMMIT", true},
		{"DROP OWNED BY CURRENT_USER", true},
	} {
		if _, err := c.Exec(t.Context(), tt.sql); err != nil {
			t.Errorf("%s: %v", tt.sql, err)
		}
		if n := l.heard(); n > 0 != tt.hint {
			t.Errorf("%s: %d hints, want some: %v", tt.sql, n, tt.hint)
		}
	}
	l.exec("CREATE TABLE public.common (id int); GRANT SELECT ON public.common TO " + c.Config().User)
	l.heard()
	l.exec("DROP OWNED BY " + c.Config().User) // nothing but a privilege
	if n := l.heard(); n == 0 {
		t.Error("no hint of a privilege that went with DROP OWNED")
	}
}

// TestHintsNeedReader writes nothing to the log while nobody follows it.
func TestHintsNeedReader(t *testing.T) {
	t.Parallel()
	conn := installed(t)
	l, c := listen(t, conn), stranger(t, conn)
	l.exec("SELECT pg_drop_replication_slot('" + l.slot + "')")
	former := l.slot
	l.slot += "_of_somebody"
	l.exec("SELECT pg_create_logical_replication_slot('" + l.slot + "', 'pgoutput')")
	if _, err := c.Exec(t.Context(), "CREATE TABLE a (id int); DROP TABLE a"); err != nil {
		t.Fatal(err)
	}
	if n := l.heard(); n != 0 {
		t.Errorf("%d hints without the slot %s", n, former)
	}
}

// TestHintsReplaced installs again, over a function of somebody who could change it,
// and over event triggers that were disabled.
func TestHintsReplaced(t *testing.T) {
	t.Parallel()
	conn := installed(t)
	l := listen(t, conn)
	role, _ := pgtest.Role(t, "restorer", "NOLOGIN")
	again := func() {
		t.Helper()
		if _, err := Install(t.Context(), conn, InstallOptions{Host: "/nowhere", Port: 6432}); err != nil {
			t.Fatal(err)
		}
	}
	const facts = `SELECT format('%s %s %s', string_agg(concat(e.evtname, e.evtenabled), ' ' ORDER BY e.evtname), min(e.evtowner::regrole::text) = current_user, bool_and(p.proowner::regrole::text = current_user AND p.prosecdef))
		FROM pg_event_trigger AS e LEFT JOIN pg_proc AS p ON p.oid = e.evtfoid`
	check := func(after, want string) {
		t.Helper()
		var got string
		if err := conn.QueryRow(t.Context(), facts).Scan(&got); err != nil || got != want {
			t.Errorf("after %s: %s, %v, want %s", after, got, err, want)
		}
	}
	check("install", "millrace_hintA millrace_hint_dropA t t")
	l.exec("ALTER EVENT TRIGGER millrace_hint DISABLE")
	again()
	check("disabling", "millrace_hintD millrace_hint_dropA t t")
	l.exec(fmt.Sprintf(`DROP EVENT TRIGGER millrace_hint; ALTER FUNCTION ml_view.hint OWNER TO %s; ALTER FUNCTION ml_view.hint SECURITY INVOKER`, role))
	again()
	check("a restore", "millrace_hintA millrace_hint_dropA t t")
	// What the installation itself does over an older version is followed by them too.
	l.heard()
	l.exec("CREATE OR REPLACE FUNCTION ml_private.version() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$SELECT 'older'$$")
	again()
	if n := l.heard(); n == 0 {
		t.Error("no hint of a new version")
	}
	check("a new version", "millrace_hintA millrace_hint_dropA t t")
	l.exec("DROP SCHEMA ml_view CASCADE") // and with it the function
	check("the schema was dropped", "  ")
	l.exec("CREATE TABLE behind (id int)")
}
