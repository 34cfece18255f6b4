package view_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

// TestSurface calls the functions of maintained views with what they take and with
// what they refuse.
func TestSurface(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	for name, test := range map[string]func(*testing.T, *milltest.Env, desk){
		"make": makeSurface, "alter": alterSurface, "pause": pauseSurface, "wait": waitSurface, "names": namesSurface, "drop": dropSurface,
		"ask": askSurface, "register": registerSurface, "privileges": privilegeSurface, "guard": guardSurface, "noise": noiseSurface,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, e, openDesk(t, e))
		})
	}
}

func makeSurface(t *testing.T, _ *milltest.Env, d desk) {
	d.each("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 1), (3, NULL); SELECT ml.track('t')")
	d.Run("BEGIN; SELECT ml.create_view('v', 'SELECT n, count(*) FROM t GROUP BY n'); ROLLBACK")
	if got := d.Text("SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE 'v%' AND relnamespace = current_schema()::regnamespace) + (SELECT count(*) FROM ml_private.view)"); got != "1" {
		t.Errorf("%s objects after ROLLBACK, want the one view beside it", got)
	}
	for _, r := range []struct{ code, query string }{
		{"22023", ""}, {"22023", " ; "}, {"42601", "SELECT FROM WHERE"}, {"42601", "SELECT 1 AS a; SELECT 2 AS b"}, {"42601", "SELECT 1 AS a; DROP TABLE t"},
		{"42601", "DELETE FROM t RETURNING id"}, {"42P01", "SELECT * FROM nothing"}, {"42703", "SELECT nothing FROM t"}, {"0A000", "SELECT id INTO x FROM t"},
		{"0A000", "WITH d AS (DELETE FROM t RETURNING id) SELECT id FROM d"}, {"0A000", "SELECT random() FROM t"}, {"42601", "SELECT id FROM t) WITH NO DATA; SELECT (1"},
	} {
		d.Refused(r.code, "SELECT ml.create_view('v', $$"+r.query+"$$)")
	}
	f := d.Refused("42601", "SELECT ml.create_view('v', 'SELECT id,, n FROM t')")
	if f.InternalPosition == 0 || f.InternalQuery == "" {
		t.Errorf("the place of the syntax error is not told: %+v", f)
	}
	d.Refused("22023", "SELECT ml.create_view('v', NULL)")
	d.Refused("22023", "SELECT ml.create_view(NULL, 'SELECT id FROM t')")
	d.Refused("22023", "SELECT ml.create_view('', 'SELECT id FROM t')")
	d.Refused("42703", "SELECT ml.create_view('v', 'SELECT id FROM t', key => '{nothing}')")
	d.Refused("23505", "SELECT ml.create_view('v', 'SELECT n FROM t WHERE n = 1', key => '{n}')")
	d.Refused("22023", "SELECT ml.create_view('v', 'SELECT n FROM t WHERE n = 1', key => '{NULL}')")
	d.Refused("42P07", "SELECT ml.create_view('t', 'SELECT n FROM t')")
	d.Refused("0A000", "SELECT ml.create_view('v', 'SELECT FROM t')")
	d.step("v", "SELECT ml.create_view('v', 'SELECT id, n FROM t -- all of it', key => '{id}'); UPDATE t SET n = id")
	d.step("v", "UPDATE t SET id = -id, n = 7; INSERT INTO t VALUES (1, 1)")
	d.step("w", "CREATE VIEW w_definition AS SELECT n, max(id) FROM t GROUP BY n; SELECT ml.maintain_view('w_definition', 'w'); DELETE FROM t WHERE id = 1")
	d.Run("SELECT ml.drop_view('w'); TABLE w_definition")
	d.Refused("42809", "SELECT ml.maintain_view('t', 'x')")
	d.Refused("42809", "SELECT ml.maintain_view(NULL, 'x')")
	d.Refused("22023", "SELECT ml.track(NULL)")
	d.Refused("22023", "SELECT ml.untrack(NULL)")
	d.Refused("42809", "SELECT ml.track('w_definition')")
	d.Run("CREATE TEMP TABLE tt (id int PRIMARY KEY); CREATE UNLOGGED TABLE ul (id int PRIMARY KEY)")
	d.Refused("0A000", "SELECT ml.track('tt')")
	d.Refused("0A000", "SELECT ml.track('ul')")
}

func alterSurface(t *testing.T, _ *milltest.Env, d desk) {
	d.step("v", tableT)
	d.each("CREATE INDEX by_a ON v (a); GRANT SELECT ON v TO public; CREATE VIEW above AS SELECT sum(count) FROM v")
	before := d.Text("SELECT 'v'::regclass::oid")
	d.Run("CREATE TABLE places AS SELECT v.ctid AS place, v.* FROM v")
	d.step("v", "SELECT ml.alter_view('v', 'SELECT a, b, count(*), sum(id) FROM t WHERE id <> 7 GROUP BY a, b')")
	if got := d.Text("SELECT format('%s %s %s', 'v'::regclass::oid, has_table_privilege('public', 'v', 'SELECT'), (SELECT count(*) FROM pg_index WHERE indrelid = 'v'::regclass))"); got != before+" t 1" {
		t.Errorf("oid, grant and indexes after ml.alter_view: %s, want %s t 1", got, before)
	}
	if got := d.Text("SELECT count(*) FROM places AS p JOIN v ON v.ctid = p.place AND v.a = p.a AND v.b = p.b AND v.count = p.count"); got != "14" {
		t.Errorf("%s of 15 rows stay in their places, want 14", got)
	}
	f := d.Refused("2BP01", "SELECT ml.alter_view('v', 'SELECT b FROM t')")
	told(t, f.Detail, "above")
	d.same("v", "a refused change")
	d.Refused("0A000", "SELECT ml.alter_view('v', 'SELECT a, b, count(*), (sum(id) + (random() * 0)::bigint)::bigint AS sum FROM t GROUP BY a, b')")
	d.Refused("42601", "SELECT ml.alter_view('v', 'SELEC')")
	d.step("v", "SELECT ml.alter_view('v', 'SELECT b, max(z) FROM t GROUP BY b', cascade => true)")
	d.step("v", "UPDATE t SET z = z + 1 WHERE id > 20")
	if got := d.Text("SELECT to_regclass('above') IS NULL"); got != "t" {
		t.Error("cascade left a view that read the former columns")
	}
	d.Run("BEGIN; SELECT ml.alter_view('v', 'SELECT b, min(z) AS max FROM t GROUP BY b'); ROLLBACK")
	d.step("v", "UPDATE t SET z = z + 1 WHERE id > 30")
}

func pauseSurface(t *testing.T, e *milltest.Env, d desk) {
	d.step("v", tableT)
	d.Run("SELECT ml.pause_view('v')")
	d.Run("CREATE TABLE places AS SELECT v.ctid AS place, v.* FROM v")
	d.until("v", "paused", "ml.pause_view")
	d.Run("UPDATE t SET a = 100 WHERE id = 1")
	told(t, d.Refused("55000", "SELECT ml.wait('v')").Message, "paused", "ml.pause_view")
	if got := d.Text("SELECT count(*) FROM (TABLE v EXCEPT ALL SELECT a, b, count, sum FROM places) AS x"); got != "0" {
		t.Errorf("%s rows changed while the view was paused", got)
	}
	d.step("v", "SELECT ml.resume_view('v')")
	// A row that somebody changed behind the guard is put right; the others stay where
	// they are, and no reader sees fewer of them.
	reader := milltest.Open(t, d.url)
	var done atomic.Bool
	fewest := make(chan int, 1)
	go func() {
		least := 1 << 30
		for !done.Load() {
			var n int
			if reader.QueryRow(context.Background(), "SELECT count(*) FROM v").Scan(&n) == nil {
				least = min(least, n)
			}
		}
		fewest <- least
	}()
	pgtest.Exec(t, e.AdminURL, "SET session_replication_role = replica; UPDATE "+d.role+".v SET sum = -1 WHERE a = 100")
	d.Run("DROP TABLE places; CREATE TABLE places AS SELECT v.ctid AS place, v.* FROM v")
	d.step("v", "SELECT ml.rebuild_view('v')")
	done.Store(true)
	rows := d.Text("SELECT count(*) FROM v")
	if got := d.Text("SELECT count(*) FROM places AS p JOIN v ON v.ctid = p.place AND v.* = ROW(p.a, p.b, p.count, p.sum)"); got != d.Text("SELECT count(*) - 1 FROM v") {
		t.Errorf("%s of %s rows stay in their places, want all but one", got, rows)
	}
	if got := <-fewest; got < 15 {
		t.Errorf("a reader saw %d rows", got)
	}
}

func waitSurface(t *testing.T, _ *milltest.Env, d desk) {
	d.Run(tableT)
	d.Refused("25001", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT ml.wait('v')")
	d.Run("ROLLBACK")
	d.Refused("25001", "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT ml.wait()")
	d.Run("ROLLBACK")
	d.Refused("55000", "BEGIN; SELECT ml.create_view('w', 'SELECT a FROM t'); SELECT ml.wait('w')")
	d.Run("ROLLBACK")
	d.Refused("55000", "BEGIN; LOCK TABLE v IN EXCLUSIVE MODE; SELECT ml.wait()")
	d.Run("ROLLBACK")
	d.Refused("42P01", "SELECT ml.wait('t')")
	d.Refused("42P01", "SELECT ml.wait('nothing')")
	d.Run("SELECT ml.wait('v'); SELECT ml.create_view('bad', 'SELECT 10 / a AS q FROM t WHERE id > 90')")
	d.Run("SELECT ml.wait('bad')")
	d.Run("INSERT INTO t (id, a) VALUES (91, 0)")
	told(t, d.Refused("55000", "SELECT ml.wait('bad')").Message, "errored", "division by zero")
	d.step("bad", "DELETE FROM t WHERE id = 91; INSERT INTO t (id, a) VALUES (92, 5)")
	locker := milltest.Open(t, d.url)
	locker.Run("BEGIN; LOCK TABLE v IN EXCLUSIVE MODE")
	d.Run("UPDATE t SET a = a + 1")
	f := d.Refused("55000", "SELECT ml.wait('v', '300 ms')")
	told(t, f.Message, "have not reached")
	told(t, f.Hint, "ml.views")
	locker.Run("ROLLBACK")
	d.same("v", "a lock")
}

func namesSurface(t *testing.T, _ *milltest.Env, d desk) {
	d.each(`CREATE TABLE "T ""x" ("Id" int PRIMARY KEY, "a b" text); SELECT ml.track('"T ""x"'); CREATE SCHEMA "` + d.role + ` S"`)
	for _, name := range []string{`"My View"`, `"a""b"`, `"` + d.role + ` S"."V.x"`, "UPPER", `"select"`, d.role + ".plain"} {
		d.Run(`SELECT ml.create_view($$` + name + `$$, $$SELECT "a b" AS "Ä '""x", count(*) AS "select" FROM "T ""x" GROUP BY 1$$)`)
		d.Run(`INSERT INTO "T ""x" SELECT coalesce(max("Id"), 0) + 1, 'v' FROM "T ""x"`)
		d.Run("SELECT ml.wait($$" + name + "$$)")
		if got := d.Text("SELECT differing FROM ml.check_view($$" + name + "$$)"); got != "0" {
			t.Errorf("%s: %s rows differ", name, got)
		}
		if got := d.Text("SELECT ml.explain_view($$" + name + "$$) <> ''"); got != "t" {
			t.Errorf("%s is not explained", name)
		}
		d.Run("SELECT ml.rebuild_view($$" + name + "$$); SELECT ml.pause_view($$" + name + "$$); SELECT ml.resume_view($$" + name + "$$); SELECT ml.drop_view($$" + name + "$$)")
	}
}

func dropSurface(t *testing.T, _ *milltest.Env, d desk) {
	d.step("w", tableT+"; SELECT ml.create_view('w', 'SELECT b, sum(count) AS n FROM v GROUP BY b')")
	d.Refused("2BP01", "SELECT ml.drop_view('v')")
	d.same("w", "a refused drop")
	d.Run("SELECT ml.drop_view('v', cascade => true)")
	d.until("w", "orphaned")
	d.Run("SELECT ml.drop_view('w')")
	d.Refused("42P01", "SELECT ml.drop_view('w')")
	d.Refused("22023", "SELECT ml.drop_view(NULL)")
	d.step("v", "SELECT ml.create_view('v', 'SELECT max(id) FROM t')")
	d.Run("DROP TABLE v")
	milltest.Until(t, "a dropped table is forgotten", func() bool { return d.Text("SELECT count(*) FROM ml_private.view") == "1" })
}

// askSurface sends requests that the functions would not send.
func askSurface(t *testing.T, e *milltest.Env, d desk) {
	other := openDesk(t, e)
	foreign := other.Text("SELECT 'calm_view'::regclass::oid")
	for _, verb := range []string{"explain", "compare", "compared", "wait", "list", "check", "nothing"} {
		for _, args := range []string{"{}", `{"view": ` + foreign + `}`, `{"view": ` + foreign + `, "lsn": "0/0", "ticket": 1}`, `{"view": "x"}`, "null", "[]", `{"lsn": "zz"}`, `{"view": -1}`, `{"definition": ` + foreign + `}`} {
			if err := d.Try("SELECT ml_private.ask(ml_private.view_request('" + verb + "', '" + args + "'))"); err == nil {
				text := d.Text("SELECT ml_private.ask(ml_private.view_request('" + verb + "', '" + args + "'))")
				if verb != "list" && verb != "check" {
					t.Errorf("%s %s is answered: %s", verb, args, text)
				}
				if verb == "list" && d.Text("SELECT strpos($$"+text+"$$, '"+foreign+"') > 0") == "t" {
					t.Errorf("list shows another role's view: %s", text)
				}
			} else {
				told(t, err.Error(), "SQLSTATE")
				if d.Text("SELECT strpos($$"+err.Error()+"$$, 'XX000') > 0") == "t" {
					t.Errorf("%s %s: %v", verb, args, err)
				}
			}
		}
	}
	d.Run("SELECT ml.wait(); SELECT ml.check_view('calm_view')")
	d.Refused("42501", "SELECT ml.explain_view('"+other.role+".calm_view')")
}

// registerSurface writes the catalog of views by hand.
func registerSurface(t *testing.T, e *milltest.Env, d desk) {
	other := openDesk(t, e)
	other.step("v", tableT+"; GRANT USAGE ON SCHEMA "+other.role+" TO public")
	d.Run("CREATE VIEW mine AS SELECT 1 AS a; CREATE TABLE own (a int); CREATE VIEW spy AS SELECT count(*) AS a FROM " + other.role + ".t; CREATE TABLE spied (a bigint)")
	const insert = "INSERT INTO ml_private.view (view, definition, owner, made, settings) VALUES ('%1'::regclass, '%2'::regclass, '%3'::regrole, true, '%4')"
	row := func(view, definition, owner, settings string) string {
		s := insert
		for i, v := range []string{view, definition, owner, settings} {
			s = replaceAt(s, i+1, v)
		}
		return s
	}
	for _, bad := range []string{
		row(other.role+".t", "mine", d.role, "{}"), row("own", other.role+".v_definition", d.role, "{}"), row("own", "mine", other.role, "{}"), row("mine", "mine", d.role, "{}"),
		row(other.role+".t", other.role+".v_definition", other.role, "{}"), row("own", "own", d.role, "{}"),
	} {
		d.Refused("42501", bad)
	}
	d.Run(row("spied", "spy", d.role, "{}") + "; NOTIFY millrace_view")
	d.until("spied", "errored", "may not read")
	for _, settings := range []string{"[]", "3", `{"TimeZone": 3}`, `{"search_path": "public"}`, `{"role": "postgres"}`, `{"DateStyle": "ISO; DROP TABLE own"}`, `{"DateStyle": "nonsense"}`} {
		d.Run("DELETE FROM ml_private.view WHERE view = 'own'::regclass; " + row("own", "mine", d.role, settings) + "; NOTIFY millrace_view")
		d.until("own", "errored")
		other.step("v", "UPDATE t SET a = a + 1 WHERE id = 1")
	}
	d.Run("UPDATE ml_private.view SET settings = '{}' WHERE view = 'own'::regclass; NOTIFY millrace_view")
	d.until("own", "live")
	if got := d.Text("SELECT string_agg(a::text, ' ') FROM own"); got != "1" {
		t.Errorf("a table registered by hand holds %s", got)
	}
	d.Refused("42501", "UPDATE ml_private.view SET owner = '"+other.role+"'::regrole WHERE view = 'own'::regclass")
	d.Refused("42501", "UPDATE ml_private.view SET view = '"+other.role+".t'::regclass WHERE view = 'own'::regclass")
	d.Refused("42501", "INSERT INTO ml_private.position (lsn, system_identifier, timeline, at) VALUES ('0/0', 1, 1, now())")
}

func replaceAt(s string, i int, v string) string {
	old := "%" + string(rune('0'+i))
	for at := 0; at+1 < len(s); at++ {
		if s[at:at+2] == old {
			return s[:at] + v + s[at+2:]
		}
	}
	return s
}

// privilegeSurface takes rights away after a view was made.
func privilegeSurface(t *testing.T, e *milltest.Env, d desk) {
	other := openDesk(t, e)
	other.each("CREATE TABLE s (id int PRIMARY KEY, a int, b int); INSERT INTO s VALUES (1, 1, 1); SELECT ml.track('s'); GRANT USAGE ON SCHEMA " + other.role + " TO public; GRANT SELECT (id, a) ON s TO " + d.role)
	d.step("v", "SELECT ml.create_view('v', 'SELECT a, count(*) FROM "+other.role+".s GROUP BY a')")
	d.Refused("42501", "SELECT ml.create_view('w', 'SELECT b FROM "+other.role+".s')")
	other.Run("REVOKE SELECT (a) ON s FROM " + d.role)
	d.until("v", "errored", "may not read column a")
	other.Run("GRANT SELECT ON s TO " + d.role)
	milltest.Until(t, "the view is back", func() bool { return d.state("v") == "live" })
	d.step("v", "SELECT 1")
	other.Run("ALTER TABLE s ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON s USING (a > 5)")
	d.until("v", "errored", "row")
	d.Refused("0A000", "SELECT ml.create_view('w', 'SELECT id FROM "+other.role+".s')")
	other.step("x", "SELECT ml.create_view('x', 'SELECT id FROM s'); INSERT INTO s VALUES (2, 9, 9)")
	other.Run("ALTER TABLE s DISABLE ROW LEVEL SECURITY")
	milltest.Until(t, "the view is back", func() bool { return d.state("v") == "live" })
	d.step("v", "SELECT 1")
	// The result's owner.
	pgtest.Exec(t, e.AdminURL, "ALTER TABLE "+d.role+".v OWNER TO "+other.role)
	d.until("v", "errored", "owner")
	pgtest.Exec(t, e.AdminURL, "ALTER TABLE "+d.role+".v OWNER TO "+d.role)
	milltest.Until(t, "the view is back", func() bool { return d.state("v") == "live" })
	d.step("v", "SELECT 1")
}

func guardSurface(t *testing.T, e *milltest.Env, d desk) {
	other := openDesk(t, e)
	d.step("v", tableT)
	d.Run("GRANT ALL ON v TO " + other.role + "; GRANT USAGE ON SCHEMA " + d.role + " TO " + other.role)
	for _, c := range []*milltest.Client{d.Client, other.Client, milltest.Open(t, e.AdminURL)} {
		for _, s := range []string{"INSERT INTO % VALUES (1, 'x', 1, 1)", "UPDATE % SET a = 1", "DELETE FROM %", "TRUNCATE %", "DELETE FROM % WHERE false", "INSERT INTO % SELECT * FROM % WHERE false",
			"COPY % FROM PROGRAM 'true'", "MERGE"} {
			switch {
			case s == "MERGE":
				if c.Text("SELECT current_setting('server_version_num')::int >= 150000") == "t" {
					c.Refused("55000", replace("MERGE INTO % AS v USING (VALUES (1)) AS s (a) ON false WHEN NOT MATCHED THEN INSERT (a) VALUES (1)", d.role+".v"))
				}
			case s[:4] != "COPY" || c.Text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "t":
				c.Refused("55000", replace(s, d.role+".v"))
			}
		}
	}
	d.step("v", "UPDATE t SET a = a + 1")
}

// noiseSurface forges messages and signals.
func noiseSurface(t *testing.T, _ *milltest.Env, d desk) {
	d.step("v", tableT)
	for _, prefix := range []string{"millrace", "millrace.barrier", "millrace.ddl", "other"} {
		d.Run("SELECT count(pg_logical_emit_message(i % 2 = 0, '" + prefix + "', repeat(E'{\"', i))) FROM generate_series(1, 200) AS i")
		d.step("v", "UPDATE t SET a = a + 1 WHERE id = 1")
	}
	d.Run("DO $$ BEGIN FOR i IN 1..2000 LOOP PERFORM pg_notify('millrace_view', i::text), pg_notify('millrace', i::text); END LOOP; END $$")
	d.step("v", "UPDATE t SET a = a + 1 WHERE id = 1")
}

// TestDown makes and changes views while no worker runs.
func TestDown(t *testing.T) {
	t.Parallel()
	e := milltest.Install(t)
	e.Config.StateDir = t.TempDir()
	stop := e.Run(t)
	d := openDesk(t, e)
	d.step("v", tableT)
	stop()
	d.Run("SELECT ml.create_view('w', 'SELECT b, count(*) FROM t GROUP BY b')")
	equal(t, d.Client, "w")
	told(t, d.reason("w"), "not running")
	d.each("INSERT INTO t (id, a, b) VALUES (300, 1, 'down'); ALTER TABLE t RENAME a TO q; ALTER TABLE t RENAME z TO a; UPDATE t SET q = 9, a = 8 WHERE id = 5; ALTER TABLE t DROP COLUMN x; ALTER TABLE t ADD COLUMN x int; UPDATE t SET q = 5 WHERE id = 6")
	stop = e.Run(t)
	d.same("v", "renames while the worker was down")
	d.same("w", "made while the worker was down")
	stop()
	d.each("SELECT ml.alter_view('v', 'SELECT q AS a, b, count(*), sum(id) FROM t WHERE id > 3 GROUP BY q, b'); SELECT ml.drop_view('w'); TRUNCATE t; INSERT INTO t (id, q) VALUES (5, 5)")
	stop = e.Run(t)
	d.same("v", "altered while the worker was down")
	stop()
	d.each("ALTER PUBLICATION millrace DROP TABLE t; INSERT INTO t (id) VALUES (6); SELECT ml.track('t'); INSERT INTO t (id) VALUES (7)")
	_ = e.Run(t)
	d.same("v", "untracked for a while")
}
