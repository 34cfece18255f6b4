package view_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

// TestAlter gives maintained views other columns.
func TestAlter(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	for name, test := range map[string]func(*testing.T, desk){
		"kept": keptAlter, "lost": lostAlter, "way": wayAlter, "itself": itselfAlter, "definition": definitionAlter, "siblings": siblingsAlter,
		"plain": plainAlter, "renamed": renamedAlter, "owner": func(t *testing.T, d desk) { ownerAlter(t, e, d) }, "beside": besideAlter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, openDesk(t, e))
		})
	}
}

const keyedT = `CREATE TABLE t (id int PRIMARY KEY, x int, a int, b text, z int);
	INSERT INTO t SELECT i, i % 4, i % 3, 'b' || i % 5, i FROM generate_series(1, 40) AS i; SELECT ml.track('t');
	SELECT ml.create_view('v', 'SELECT a, b, count(*) AS n, sum(id) AS s FROM t GROUP BY a, b', key => '{a,b}')`

// of lists what a table has beside its rows.
const of = `SELECT concat_ws(' | ', (SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid = r.oid),
	(SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint WHERE conrelid = r.oid AND contype <> 'n'), (SELECT string_agg(stxname, ' ') FROM pg_statistic_ext WHERE stxrelid = r.oid),
	obj_description(r.oid, 'pg_class'), (SELECT string_agg(concat(attname, ' ', col_description(r.oid, attnum), ' ', replace(attacl::text, relowner::regrole::text, 'me'), ' ', attnotnull), ', ' ORDER BY attname)
		FROM pg_attribute WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped),
	replace(r.relacl::text, relowner::regrole::text, 'me'), r.reloptions, (SELECT string_agg(tgname, ' ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = r.oid), r.oid)
	FROM pg_class AS r WHERE r.oid = 'v'::regclass`

func keptAlter(t *testing.T, d desk) {
	d.step("v", keyedT)
	d.each(`CREATE INDEX v_s ON v (s); CREATE INDEX v_n ON v (n) WHERE s > 0; CREATE INDEX v_e ON v ((n + 1)); ALTER TABLE v ADD CONSTRAINT c1 CHECK (n > 0);
		ALTER TABLE v ALTER s SET NOT NULL; ALTER TABLE v ADD CONSTRAINT u1 UNIQUE (a, b, s); COMMENT ON TABLE v IS 'mine'; COMMENT ON COLUMN v.s IS 'a sum';
		GRANT SELECT ON v TO public; GRANT SELECT (s, b) ON v TO public; ALTER TABLE v SET (fillfactor = 70); CREATE STATISTICS st ON n, s FROM v;
		CREATE TRIGGER own AFTER TRUNCATE ON v EXECUTE FUNCTION suppress_redundant_updates_trigger(); DROP TRIGGER own ON v; CREATE VIEW on_a AS SELECT a, b FROM v`)
	before := d.Text(of)
	// One more at the end, then one in the middle, and one retyped.
	d.step("v", "SELECT ml.alter_view('v', 'SELECT a, b, count(*) AS n, sum(id) AS s, max(z) AS m FROM t GROUP BY a, b')")
	d.step("v", "SELECT ml.alter_view('v', 'SELECT a, b, max(z) AS m, count(*)::int AS n, sum(id) AS s FROM t GROUP BY a, b')")
	d.step("v", "UPDATE t SET a = a + 1, z = 7 WHERE id < 9; TABLE on_a")
	if got := strings.Replace(d.Text(of), "m   f, ", "", 1); got != before {
		t.Errorf("beside its rows the table has\n%s, and had\n%s", got, before)
	}
	if got := d.Text("SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'v'::regclass AND attnum > 0 AND NOT attisdropped"); got != "a b m n s" {
		t.Errorf("columns %s, not in the query's order", got)
	}
	d.Refused("55000", "DELETE FROM v")
	// A column of the owner's own stays, and one query less brings back the former.
	d.each("ALTER TABLE v ADD COLUMN words text GENERATED ALWAYS AS (upper(b)) STORED; SELECT ml.alter_view('v', 'SELECT a, b, count(*) AS n FROM t GROUP BY a, b', cascade => true); SELECT ml.wait('v')")
	if got := d.Text("SELECT concat(bool_and(words = upper(b)), ' ', (SELECT count(*) FROM (SELECT a, b, n FROM v EXCEPT ALL TABLE v_definition) AS x)) FROM v"); got != "t 0" {
		t.Errorf("a generated column of the owner's: %s", got)
	}
}

func lostAlter(t *testing.T, d desk) {
	d.step("v", keyedT)
	d.each("CREATE INDEX v_s ON v (s); COMMENT ON COLUMN v.s IS 'a sum'; CREATE INDEX v_n ON v (n) WHERE s > 0; CREATE INDEX v_text ON v (b text_pattern_ops)")
	text := d.notices("SELECT ml.alter_view('v', 'SELECT a, count(*)::int AS b, count(*) AS n FROM t GROUP BY a')")
	d.same("v", "other columns")
	told(t, text, "WARNING: gone with the columns:", "v_s", "v_n", "v_text", "comment on column s")
	// (a, b) is unique in the new rows too.
	if got := d.Text("SELECT string_agg(c.relname, ' ') FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid = 'v'::regclass"); got != "v_a_b_idx" {
		t.Errorf("indexes %s, want the key", got)
	}
	f := d.Refused("23505", "SELECT ml.alter_view('v', 'SELECT a, NULL::int AS z, 1 AS b FROM t')")
	told(t, f.Message+f.Hint, "v_a_b_idx", "Drop it")
	d.step("v", "UPDATE t SET a = 17 WHERE id = 1")
}

// wayAlter changes columns that other objects depend on.
func wayAlter(t *testing.T, d desk) {
	const less = "SELECT ml.alter_view('v', 'SELECT a, b, count(*) AS n FROM t GROUP BY a, b'%)"
	d.step("v", keyedT)
	d.each("CREATE VIEW on_s AS SELECT s FROM v; CREATE VIEW on_a AS SELECT a FROM v")
	told(t, d.Refused("2BP01", replace(less, "")).Detail, "on_s")
	d.each("DROP VIEW on_s; ALTER TABLE v ADD UNIQUE (a, b); CREATE TABLE referring (a int, b text, FOREIGN KEY (a, b) REFERENCES v (a, b)); SELECT ml.log_view('v', 'v_log')")
	f := d.Refused("2BP01", replace(less, ""))
	told(t, f.Detail, "referring", "millrace_log_insert")
	told(t, f.Hint, "cascade")
	d.step("v", "UPDATE t SET a = 100 WHERE id = 1")
	told(t, d.notices(replace(less, ", cascade => true")), "NOTICE: dropped:", "referring", "millrace_log_insert")
	d.step("v", "TABLE on_a; UPDATE t SET a = 101 WHERE id = 1")
	d.Run("SELECT ml.drop_view('v', cascade => true); TABLE v_log; TABLE referring")
}

func itselfAlter(t *testing.T, d desk) {
	d.step("v", keyedT)
	d.each("CREATE VIEW over AS SELECT a, b, n, s FROM v; SELECT ml.create_view('w', 'SELECT a, b, n, s FROM over'); CREATE VIEW by AS SELECT a, b, n, s FROM v_definition")
	for _, source := range []string{"v", "over", "w", "by"} {
		told(t, d.Refused("42P19", "SELECT ml.alter_view('v', 'SELECT a, b, n, s FROM "+source+"')").Message, "itself")
	}
	told(t, d.Refused("2BP01", "SELECT ml.alter_view('v', 'SELECT a, b, count(*) AS n, max(id)::bigint AS s FROM t GROUP BY a, b')").Message, "v_definition")
	d.step("w", "UPDATE t SET a = 100 WHERE id = 1")
}

// definitionAlter expects what the plain view carries to stay.
func definitionAlter(t *testing.T, d desk) {
	const carries = "SELECT concat(obj_description(oid, 'pg_class'), ' ', has_table_privilege('public', oid, 'SELECT'), ' ', reloptions) FROM pg_class WHERE oid = 'v_definition'::regclass"
	d.step("v", keyedT)
	d.each("COMMENT ON VIEW v_definition IS 'as told'; GRANT SELECT ON v_definition TO public; ALTER VIEW v_definition SET (security_barrier = true)")
	for _, query := range []string{"SELECT a, b, count(*) AS n, sum(id) + 1 AS s FROM t GROUP BY a, b", "SELECT a FROM t"} {
		d.step("v", "SELECT ml.alter_view('v', '"+query+"', cascade => true)")
		if got := d.Text(carries); got != "as told t {security_barrier=true}" {
			t.Errorf("after %s the plain view carries %s", query, got)
		}
	}
	if got := d.Text("SELECT count(*) FROM pg_class WHERE relname LIKE 'millrace%' AND relnamespace = current_schema()::regnamespace"); got != "0" {
		t.Errorf("%s relations are left over", got)
	}
}

func siblingsAlter(t *testing.T, d desk) {
	d.step("v", keyedT+"; SELECT ml.maintain_view('v_definition', 'w')")
	for _, change := range []string{"SELECT ml.alter_view('v', 'SELECT a, b, count(*) AS n, max(id)::bigint AS s FROM t GROUP BY a, b')", "SELECT ml.drop_view('v')"} {
		told(t, d.Refused("2BP01", change).Detail, "w")
	}
	d.Run("SELECT ml.drop_view('w'); SELECT ml.drop_view('v')")
}

// plainAlter changes a plain view that was there before.
func plainAlter(t *testing.T, d desk) {
	d.each(keyedT)
	d.each("CREATE VIEW w_definition AS SELECT a, count(*) AS n FROM t GROUP BY a")
	d.step("w", "SELECT ml.maintain_view('w_definition', 'w')")
	f := d.Refused("42809", "SELECT ml.alter_view('w', 'SELECT a FROM t')")
	told(t, f.Hint, "CREATE OR REPLACE VIEW", "w_definition", "ml.rebuild_view")
	d.step("w", "CREATE OR REPLACE VIEW w_definition AS SELECT a, count(*) + 1 AS n FROM t GROUP BY a")
	d.each("CREATE INDEX w_n ON w (n); CREATE OR REPLACE VIEW w_definition AS SELECT a, count(*) AS n, max(z) AS m FROM t GROUP BY a")
	d.until("w", "lagging", "column m")
	d.step("w", "SELECT ml.rebuild_view('w'); UPDATE t SET a = a + 1 WHERE id < 5")
	if got := d.Text("SELECT to_regclass('w_n') IS NOT NULL"); got != "t" {
		t.Error("the index is gone")
	}
	d.each("DROP VIEW w_definition")
	d.until("w", "orphaned")
	d.step("w", "SELECT ml.alter_view('w', 'SELECT a, max(z) AS n FROM t GROUP BY a')")
	d.step("w", "SELECT ml.alter_view('w', 'SELECT a, min(z) AS n FROM t GROUP BY a')")
}

// renamedAlter renames columns of the plain view.
func renamedAlter(t *testing.T, d desk) {
	d.step("v", keyedT)
	d.each("CREATE INDEX v_n ON v (n); ALTER VIEW v_definition SET (security_barrier = true); ALTER VIEW v_definition RENAME n TO number; ALTER VIEW v_definition RENAME b TO \"B b\"")
	d.step("v", "SELECT ml.rebuild_view('v'); UPDATE t SET a = a + 1 WHERE id < 5")
	const shape = `SELECT concat((SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'v'::regclass AND attnum > 0), ' ',
		to_regclass('v_n'), ' ', (SELECT reloptions FROM pg_class WHERE oid = 'v_definition'::regclass))`
	if got := d.Text(shape); got != "a B b number s v_n {security_barrier=true}" {
		t.Errorf("after renames: %s", got)
	}
}

// ownerAlter has a member of the owner's role change a view.
func ownerAlter(t *testing.T, e *milltest.Env, d desk) {
	d.step("v", keyedT)
	pgtest.Exec(t, e.AdminURL, "GRANT USAGE ON SCHEMA "+d.role+" TO public")
	other := openDesk(t, e)
	pgtest.Exec(t, e.AdminURL, "GRANT "+d.role+" TO "+other.role)
	f := other.Refused("42501", "SELECT ml.alter_view('"+d.role+".v', 'SELECT a FROM "+d.role+".t')")
	told(t, f.Hint, "SET ROLE "+d.role)
	other.Run("SET ROLE " + d.role + "; SELECT ml.alter_view('" + d.role + ".v', 'SELECT a, b FROM " + d.role + ".t WHERE id < 3'); RESET ROLE")
	d.same("v", "altered by a member")
	pgtest.Exec(t, e.AdminURL, "REVOKE "+d.role+" FROM "+other.role)
}

// besideAlter has two sessions change one view.
func besideAlter(t *testing.T, d desk) {
	d.step("v", keyedT)
	f := d.Refused("23505", "SELECT ml.alter_view('v', 'SELECT a, b FROM t')")
	told(t, f.Message+f.Hint, "v_a_b_idx", "Drop it")
	beside := milltest.Open(t, d.url)
	d.Run("BEGIN; SELECT ml.alter_view('v', 'SELECT a, b FROM t GROUP BY a, b')")
	done := make(chan error, 1)
	go func() {
		done <- beside.Try("SELECT ml.alter_view('v', 'SELECT b, a, max(z) AS z FROM t GROUP BY a, b')")
	}()
	milltest.Until(t, "the second waits", func() bool {
		return d.Text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'v'::regclass") == "1"
	})
	d.Run("COMMIT")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	d.step("v", "UPDATE t SET a = a + 1")
	if got := d.Text("SELECT count(*) FROM pg_attribute WHERE attrelid = 'v'::regclass AND attnum > 0 AND NOT attisdropped"); got != "3" {
		t.Errorf("%s columns, want those of the later query", got)
	}
	d.Run("BEGIN; SELECT ml.drop_view('v')")
	go func() { done <- beside.Try("SELECT ml.drop_view('v')") }()
	milltest.Until(t, "the second waits", func() bool {
		return d.Text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = "+strconv.Itoa(int(beside.PgConn().PID()))) == "1"
	})
	d.Run("COMMIT")
	if err := <-done; err == nil || !strings.Contains(err.Error(), "42P01") {
		t.Errorf("a second drop: %v", err)
	}
}

// notices runs a statement and returns what it tells.
func (d desk) notices(statement string) string {
	d.t.Helper()
	config, err := pgx.ParseConfig(d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	var told strings.Builder
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { told.WriteString(n.Severity + ": " + n.Message + "\n") }
	conn, err := pgx.ConnectConfig(d.t.Context(), config)
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(d.t.Context(), statement); err != nil {
		d.t.Fatalf("%s: %v", statement, err)
	}
	return told.String()
}
