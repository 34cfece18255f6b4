package view_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// desk is a role with a schema of its own, and in it a view that nothing below
// touches, which therefore has to stay live.
type desk struct {
	*milltest.Client
	t    *testing.T
	role string
	url  string
}

func openDesk(t *testing.T, e *milltest.Env) desk {
	t.Helper()
	role, url := e.Role(t, "desk")
	pgtest.Exec(t, e.AdminURL, "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO "+role+"', current_database()); END $$")
	d := desk{milltest.Open(t, url), t, role, url}
	d.each(`CREATE TABLE calm (id int PRIMARY KEY); INSERT INTO calm VALUES (1); SELECT ml.track('calm');
		SELECT ml.create_view('calm_view', 'SELECT count(*) FROM calm'); SELECT ml.wait('calm_view')`)
	return d
}

// each runs statements, without a semicolon within, one by one: together they would
// be one transaction.
func (d desk) each(statements string) {
	d.t.Helper()
	for statement := range strings.SplitSeq(statements, ";") {
		d.Run(statement)
	}
}

// step runs statements, waits, and compares a view with its query.
func (d desk) step(view, statements string) {
	d.t.Helper()
	d.each(statements)
	d.same(view, statements)
}

// same waits for a view and compares it.
func (d desk) same(view, after string) {
	d.t.Helper()
	if err := d.Try("SELECT ml.wait('" + view + "', '20 s')"); err != nil {
		d.t.Fatalf("after %s: %v; reason: %s", after, err, d.reason(view))
	}
	before := d.t.Failed()
	equal(d.t, d.Client, view)
	got := d.Text("SELECT concat(state, ': ', reason) FROM ml.views WHERE name = 'calm_view'")
	if strings.Contains(got, "a partition was attached") { // PostgreSQL 14 needs a new stream
		d.until("calm_view", "live")
	} else if !strings.HasPrefix(got, "live") {
		d.t.Errorf("a view beside it is %s", got)
	}
	if d.t.Failed() && !before {
		d.t.Logf("first after: %s", after)
	}
}

func (d desk) state(view string) string {
	d.t.Helper()
	return d.Text("SELECT state FROM ml.views WHERE name = '" + view + "'")
}

func (d desk) reason(view string) string {
	d.t.Helper()
	return d.Text("SELECT reason FROM ml.views WHERE name = '" + view + "'")
}

// until waits until a view is in a state, for a reason that contains all the words,
// and returns both.
func (d desk) until(view, state string, words ...string) string {
	d.t.Helper()
	last := ""
	defer func() {
		if d.t.Failed() {
			d.t.Logf("%s is %s", view, last)
		}
	}()
	milltest.Until(d.t, view+" is "+state, func() bool {
		last = d.Text("SELECT concat(state, ': ', reason) FROM ml.views WHERE name = '" + view + "'")
		for _, w := range words {
			if !strings.Contains(last, w) {
				return false
			}
		}
		return strings.HasPrefix(last, state)
	})
	return last
}

// told fails the test unless text contains all the words.
func told(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q does not tell %q", text, w)
		}
	}
}

// TestDDL changes tables below views in the ways that PostgreSQL allows.
func TestDDL(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	for name, test := range map[string]func(*testing.T, desk){
		"columns": columnsDDL, "renames": renamesDDL, "tables": tablesDDL, "truncate": truncateDDL, "partitions": partitionsDDL,
		"subpartitions": subpartitionsDDL, "inheritance": inheritanceDDL, "orphan": orphanDDL, "publication": publicationDDL,
		"plain view": plainViewDDL, "result": resultDDL, "schema": schemaDDL, "enum": enumDDL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, openDesk(t, e))
		})
	}
}

const tableT = `CREATE TABLE t (id int PRIMARY KEY, x int, a int, b text, z int);
	INSERT INTO t SELECT i, i % 4, i % 3, 'b' || i % 5, i FROM generate_series(1, 40) AS i; SELECT ml.track('t');
	SELECT ml.create_view('v', 'SELECT a, b, count(*), sum(id) FROM t GROUP BY a, b')`

func columnsDDL(t *testing.T, d desk) {
	d.step("v", tableT)
	d.step("v", "ALTER TABLE t ADD COLUMN c1 int DEFAULT 7; INSERT INTO t VALUES (50, 1, 1, 'n', 1, 1); UPDATE t SET c1 = 8 WHERE id < 9")
	d.step("v", "ALTER TABLE t DROP COLUMN x; INSERT INTO t (id, a, b) VALUES (51, 1, 'n'); DELETE FROM t WHERE id = 3")
	d.step("v", "ALTER TABLE t ALTER COLUMN z TYPE text USING z::text || 'z'; UPDATE t SET z = 'q', a = a + 1 WHERE id = 4")
	d.step("v", "ALTER TABLE t DROP COLUMN z, ADD COLUMN z int; UPDATE t SET z = 5, b = 'zz' WHERE id > 30")
	d.Refused("0A000", "ALTER TABLE t ALTER COLUMN a TYPE bigint")
	d.Refused("2BP01", "ALTER TABLE t DROP COLUMN b")
	d.step("v", "INSERT INTO t VALUES (60, 1, 'x', 1, 1); ALTER TABLE t ADD COLUMN y int DEFAULT random() * 10; UPDATE t SET a = y; ALTER TABLE t ALTER a SET STATISTICS 10; DELETE FROM t WHERE id % 7 = 0")
	d.step("v", "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id); UPDATE t SET id = -id WHERE id < 10; DELETE FROM t WHERE id = -1")
}

func renamesDDL(t *testing.T, d desk) {
	d.step("v", tableT)
	d.step("v", "ALTER TABLE t RENAME COLUMN x TO xx; UPDATE t SET a = 9 WHERE id = 1")
	d.step("v", "ALTER TABLE t RENAME COLUMN a TO aa; UPDATE t SET aa = 8 WHERE id = 1; INSERT INTO t VALUES (70, 1, 2, 'x', 3)")
	d.step("v", "ALTER TABLE t RENAME COLUMN aa TO aaa; ALTER TABLE t RENAME COLUMN aaa TO a; DELETE FROM t WHERE id = 2")
	// A used and an unused column of one type change their names.
	d.step("v", "BEGIN; ALTER TABLE t RENAME a TO tmp; ALTER TABLE t RENAME z TO a; ALTER TABLE t RENAME tmp TO z; UPDATE t SET z = 100, a = 200 WHERE id = 5; COMMIT")
	d.step("v", "UPDATE t SET z = 101 WHERE id = 6; INSERT INTO t (id, z, a) VALUES (71, 5, 6)")
	// The count of columns stays, and a rename looks like another column.
	d.step("v", "BEGIN; ALTER TABLE t DROP COLUMN xx; ALTER TABLE t RENAME z TO zz; ALTER TABLE t ADD COLUMN new int; UPDATE t SET zz = 11, new = 12 WHERE id = 8; COMMIT")
	d.step("v", "ALTER TABLE t RENAME COLUMN id TO ident; UPDATE t SET ident = 1000 WHERE ident = 9; DELETE FROM t WHERE ident = 10")
}

func tablesDDL(t *testing.T, d desk) {
	d.step("v", tableT)
	d.step("v", "ALTER TABLE t RENAME TO was_t; INSERT INTO was_t (id, a) VALUES (80, 1)")
	d.step("v", "CREATE TABLE t (id int PRIMARY KEY, x int, a int, b text, z int); SELECT ml.track('t'); INSERT INTO t VALUES (1, 1, 1, 'other', 1); DELETE FROM was_t WHERE id = 80")
	d.step("v", "BEGIN; ALTER TABLE t RENAME TO s; ALTER TABLE was_t RENAME TO t; COMMIT; INSERT INTO t (id, a) VALUES (81, 1); INSERT INTO s (id, a) VALUES (81, 1)")
	d.step("v", "CREATE SCHEMA "+d.role+"_2; ALTER TABLE t SET SCHEMA "+d.role+"_2; INSERT INTO "+d.role+"_2.t (id, a) VALUES (82, 1)")
	d.step("v", "VACUUM FULL "+d.role+"_2.t; INSERT INTO "+d.role+"_2.t (id, a) VALUES (83, 1); DROP SCHEMA IF EXISTS nothing")
	d.Run("DROP SCHEMA " + d.role + "_2 CASCADE")
	d.until("v", "orphaned", "dropped")
}

func truncateDDL(t *testing.T, d desk) {
	d.step("v", tableT+`; CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t); INSERT INTO u VALUES (1, 1); SELECT ml.track('u');
		SELECT ml.create_view('w', 'SELECT count(*), sum(t.a) FROM u JOIN t ON t.id = u.t')`)
	d.step("w", "INSERT INTO u VALUES (2, 2), (3, 3)")
	d.step("w", "BEGIN; INSERT INTO u VALUES (9, 2); TRUNCATE u; INSERT INTO u VALUES (4, 4); COMMIT")
	d.step("w", "BEGIN; TRUNCATE t CASCADE; INSERT INTO t VALUES (1, 1, 1, 'new', 1); INSERT INTO u VALUES (1, 1); COMMIT")
	d.same("v", "truncate cascade")
	d.step("w", "BEGIN; TRUNCATE t, u RESTART IDENTITY; ROLLBACK; TRUNCATE t, u")
	d.same("v", "truncate both")
}

const partitioned = `CREATE TABLE p (k int, v text, n int, PRIMARY KEY (k)) PARTITION BY RANGE (k);
	CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
	CREATE TABLE p2 (n int, gone int, v text, k int NOT NULL, PRIMARY KEY (k)); ALTER TABLE p2 DROP COLUMN gone; INSERT INTO p2 VALUES (7, 'pre', 150);
	ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200);
	INSERT INTO p SELECT i, 'v' || i % 3, i FROM generate_series(1, 149, 7) AS i; SELECT ml.track('p');
	SELECT ml.create_view('v', 'SELECT v, count(*), sum(n), min(k) FROM p GROUP BY v')`

func partitionsDDL(t *testing.T, d desk) {
	d.step("v", partitioned)
	d.step("v", "INSERT INTO p SELECT i, 'w' || i % 3, i FROM generate_series(2, 149, 7) AS i; DELETE FROM p2 WHERE k = 150")
	d.step("v", "UPDATE p SET k = k + 100 WHERE k < 90 AND k % 2 = 0 AND k + 100 NOT IN (SELECT k FROM p)")
	d.step("v", "CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (200) TO (300); INSERT INTO p VALUES (250, 'new', 1)")
	d.step("v", "INSERT INTO p VALUES (251, 'new', 1); UPDATE p SET k = 252 WHERE k = 1")
	d.step("v", "CREATE TABLE p4 (LIKE p INCLUDING ALL); INSERT INTO p4 VALUES (350, 'attached', 3), (351, NULL, NULL); ALTER TABLE p ATTACH PARTITION p4 FOR VALUES FROM (300) TO (400)")
	d.step("v", "UPDATE p SET n = n + 1; TRUNCATE p1")
	d.step("v", "ALTER TABLE p DETACH PARTITION p2")
	d.step("v", "INSERT INTO p2 VALUES (1, 'unseen', 199); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200)")
	d.step("v", "DROP TABLE p3; INSERT INTO p VALUES (10, 'x', 1)")
	d.step("v", "TRUNCATE p; INSERT INTO p VALUES (10, 'x', 1)")
	d.step("v", "ALTER TABLE p RENAME COLUMN n TO m; INSERT INTO p (k, v, m) VALUES (11, 'x', 1)")
	d.Run("CREATE UNLOGGED TABLE p5 PARTITION OF p FOR VALUES FROM (500) TO (600)")
	d.until("v", "errored", "p5")
	d.step("v", "DROP TABLE p5")
}

func subpartitionsDDL(t *testing.T, d desk) {
	d.step("v", `CREATE TABLE p (k int, r text, n int, PRIMARY KEY (k, r)) PARTITION BY RANGE (k);
		CREATE TABLE a PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (r); CREATE TABLE a_x PARTITION OF a FOR VALUES IN ('x');
		INSERT INTO p VALUES (1, 'x', 1); SELECT ml.track('p'); SELECT ml.create_view('v', 'SELECT r, count(*), sum(n) FROM p GROUP BY r')`)
	d.step("v", "CREATE TABLE a_y PARTITION OF a DEFAULT; INSERT INTO p VALUES (2, 'y', 1), (3, 'x', 4)")
	d.step("v", `CREATE TABLE b (LIKE p INCLUDING ALL) PARTITION BY LIST (r); CREATE TABLE b_x PARTITION OF b FOR VALUES IN ('x', 'y');
		INSERT INTO b VALUES (150, 'y', 10); ALTER TABLE p ATTACH PARTITION b FOR VALUES FROM (100) TO (200)`)
	d.step("v", "UPDATE p SET r = 'y' WHERE k = 1; UPDATE p SET k = k + 100 WHERE k < 3")
	d.step("v", "ALTER TABLE b DETACH PARTITION b_x")
	d.step("v", "DROP TABLE a")
}

func inheritanceDDL(t *testing.T, d desk) {
	d.step("v", `CREATE TABLE p (id int PRIMARY KEY, n int); CREATE TABLE c (extra text, PRIMARY KEY (id)) INHERITS (p);
		INSERT INTO p VALUES (1, 1); INSERT INTO c VALUES (1, 2, 'x'); SELECT ml.track('p'); SELECT ml.create_view('v', 'SELECT n, count(*) FROM p GROUP BY n');
		SELECT ml.create_view('only_p', 'SELECT n, count(*) FROM ONLY p GROUP BY n')`)
	d.step("v", "INSERT INTO c VALUES (2, 2, 'x'); UPDATE p SET n = n + 1; DELETE FROM c WHERE id = 1")
	d.same("only_p", "changes of the child")
	d.each("CREATE TABLE c2 (PRIMARY KEY (id)) INHERITS (p); INSERT INTO c2 VALUES (3, 3)")
	d.until("v", "errored", "c2", "ml.track")
	d.step("v", "SELECT ml.track('c2')")
	d.step("v", "ALTER TABLE c NO INHERIT p")
}

func orphanDDL(t *testing.T, d desk) {
	d.step("v", tableT+"; SELECT ml.create_view('w', 'SELECT b, max(id) FROM t GROUP BY b')")
	d.each("CREATE TABLE last AS TABLE v; DROP TABLE t CASCADE")
	d.until("v", "orphaned", "dropped")
	if got := d.Text("SELECT count(*) FROM (TABLE v EXCEPT ALL TABLE last) AS x"); got != "0" {
		t.Errorf("%s rows changed when the plain view was dropped", got)
	}
	told(t, d.Refused("55000", "SELECT ml.wait('v')").Message, "orphaned")
	d.Run("SELECT ml.drop_view('w')")
	d.each(`CREATE TABLE t (id int PRIMARY KEY, a int, b text); INSERT INTO t VALUES (1, 2, 'again'); SELECT ml.track('t')`)
	d.step("v", "SELECT ml.alter_view('v', 'SELECT a, b, count(*), sum(id) FROM t GROUP BY a, b')")
	d.step("v", "INSERT INTO t VALUES (2, 2, 'again')")
}

func publicationDDL(t *testing.T, d desk) {
	d.step("v", tableT)
	d.each("ALTER PUBLICATION millrace DROP TABLE t; INSERT INTO t (id, a) VALUES (90, 1)")
	d.until("v", "errored", "ml.track")
	told(t, d.Refused("55000", "SELECT ml.wait('v')").Message, "ml.track")
	d.each("DELETE FROM t WHERE id < 5; SELECT ml.track('t')")
	milltest.Until(t, "v is followed again", func() bool { return d.state("v") == "live" })
	d.same("v", "tracked again")
	d.step("v", "ALTER PUBLICATION millrace DROP TABLE t; INSERT INTO t (id, a) VALUES (91, 1); SELECT ml.track('t')")
	d.Refused("2BP01", "SELECT ml.untrack('t')")
}

func plainViewDDL(t *testing.T, d desk) {
	d.step("v", tableT)
	d.step("v", "CREATE OR REPLACE VIEW v_definition AS SELECT a, b, count(*), sum(id) + 1 AS sum FROM t WHERE id > 3 GROUP BY a, b")
	d.step("v", "INSERT INTO t (id, a) VALUES (95, 1)")
	d.each("ALTER VIEW v_definition RENAME TO v_def; INSERT INTO t (id, a) VALUES (96, 1); SELECT ml.wait('v')")
	if got := d.Text("SELECT count(*) FROM ((TABLE v EXCEPT ALL TABLE v_def) UNION ALL (TABLE v_def EXCEPT ALL TABLE v)) AS x"); got != "0" {
		t.Errorf("%s rows differ after the plain view was renamed", got)
	}
	if got := d.Text("SELECT differing FROM ml.check_view('v')"); got != "0" {
		t.Errorf("check_view after a rename: %s rows differ", got)
	}
	d.Run("DROP VIEW v_def")
	d.until("v", "orphaned")
	d.Run("SELECT ml.drop_view('v')")
	// A function that the query calls.
	d.Run("CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1'")
	d.step("f", "SELECT ml.create_view('f', 'SELECT twice(a) AS a2, count(*) FROM t GROUP BY 1')")
	d.Run("CREATE OR REPLACE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 20 * $1'")
	milltest.Until(t, "the new function is used", func() bool {
		return d.Text("SELECT count(*) FROM (TABLE f EXCEPT ALL TABLE f_definition) AS x") == "0"
	})
	d.step("f", "UPDATE t SET a = 5 WHERE id < 20")
}

func resultDDL(t *testing.T, d desk) {
	d.step("v", tableT)
	d.Run(`CREATE INDEX ON v (b); CREATE TABLE log (n int); GRANT SELECT ON v TO public;
		CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ` + d.role + `.log VALUES (1); RETURN NULL; END $$;
		CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON v FOR EACH STATEMENT EXECUTE FUNCTION noted()`)
	d.step("v", "UPDATE t SET a = 77 WHERE id = 20")
	if d.Text("SELECT count(*) > 0 FROM log") != "t" {
		t.Error("the owner's trigger did not run")
	}
	for _, statement := range []string{"VACUUM FULL v", "CREATE INDEX by_b ON v (b)", "CLUSTER v USING by_b", "ALTER TABLE v SET (fillfactor = 50)", "ALTER TABLE v ADD CHECK (count >= 0)", "ANALYZE v", "REINDEX TABLE v"} {
		d.Run(statement)
		d.step("v", "UPDATE t SET a = a + 1 WHERE id % 3 = 0")
	}
	d.each("ALTER TABLE v RENAME TO v_new; ALTER VIEW v_definition RENAME TO v_new_definition")
	d.step("v_new", "UPDATE t SET a = a + 1 WHERE id % 3 = 0")
	d.each("CREATE SCHEMA " + d.role + "_3; ALTER TABLE v_new SET SCHEMA " + d.role + "_3; SET search_path = " + d.role + ", " + d.role + "_3")
	d.each("UPDATE t SET a = a + 1 WHERE id % 2 = 0; SELECT ml.wait()")
	equal(t, d.Client, "v_new")
	if got := d.Text("SELECT differing FROM ml.check_view('v_new')"); got != "0" {
		t.Errorf("check_view after the table was moved: %s rows differ", got)
	}
	d.Run("DROP SCHEMA " + d.role + "_3 CASCADE")
	milltest.Until(t, "the dropped view is forgotten", func() bool { return d.Text("SELECT count(*) FROM ml.views") == "1" })
}

func schemaDDL(t *testing.T, d desk) {
	d.each("CREATE SCHEMA " + d.role + "_4; SET search_path = " + d.role + "_4, " + d.role)
	d.each(tableT + "; SELECT ml.create_view('w', 'SELECT sum(count) FROM v'); SELECT ml.wait('w')")
	equal(t, d.Client, "w")
	d.Run("DROP SCHEMA " + d.role + "_4 CASCADE")
	milltest.Until(t, "dropped views are forgotten", func() bool { return d.Text("SELECT count(*) FROM ml_private.view") == "1" })
	d.same("calm_view", "DROP SCHEMA")
}

func enumDDL(t *testing.T, d desk) {
	d.step("v", `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (id int PRIMARY KEY, m mood); INSERT INTO t VALUES (1, 'sad'), (2, 'ok');
		SELECT ml.track('t'); SELECT ml.create_view('v', 'SELECT m, count(*) FROM t GROUP BY m')`)
	d.step("v", "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'; INSERT INTO t VALUES (3, 'blue')")
	d.Run("ALTER TYPE mood ADD VALUE 'first' BEFORE 'blue'")
	d.step("v", "INSERT INTO t VALUES (4, 'first'), (5, 'blue')")
}

// replace puts a name in the place of each percent sign.
func replace(statement, name string) string { return strings.ReplaceAll(statement, "%", name) }

// TestPublication changes the publication itself, which any enrolled role may.
func TestPublication(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	d, other := openDesk(t, e), openDesk(t, e)
	d.step("v", tableT)
	for _, change := range []string{"SET (publish = 'insert')", "SET (publish_via_partition_root = true)", "SET TABLE t (id, a)", "SET TABLE t WHERE (id > 5)", "SET TABLE calm", "DROP TABLE t"} {
		if strings.Contains(change, "t (id") || strings.Contains(change, "WHERE") {
			if d.Text("SELECT current_setting('server_version_num')::int < 150000") == "t" {
				continue
			}
		}
		d.Run("ALTER PUBLICATION millrace " + change)
		d.until("v", "errored", "ml.track")
		_ = d.Try("UPDATE t SET b = b || 'x', z = 3 WHERE id < 5") // refused with a column list
		d.each("SELECT ml.track('t'); SELECT ml.track('calm')")
		other.Run("SELECT ml.track('calm')")
		d.Run("SELECT ml.wait('calm_view')")
		d.step("v", "UPDATE t SET b = b || 'y' WHERE id IN (2, 7); DELETE FROM t WHERE id = 40")
	}
	other.step("calm_view", "INSERT INTO calm VALUES (2)")
	other.Run("DROP PUBLICATION millrace")
	d.Run("UPDATE t SET a = a + 1")
	told(t, d.Refused("55000", "SELECT ml.track('t')").Hint, "millrace install")
	if _, err := worker.Install(t.Context(), e.AdminURL, worker.InstallOptions{Host: e.Address.Host, Port: e.Address.Port}); err != nil {
		t.Fatal(err)
	}
	d.each("UPDATE t SET a = a + 1; SELECT ml.track('t'); SELECT ml.track('calm'); UPDATE t SET a = a + 1")
	milltest.Until(t, "views go on", func() bool { return d.state("v") == "live" && d.state("calm_view") == "live" })
	d.step("v", "UPDATE t SET a = a + 1")
	other.Run("SELECT ml.track('calm')")
	milltest.Until(t, "views go on", func() bool { return other.state("calm_view") == "live" })
	other.step("calm_view", "INSERT INTO calm VALUES (3)")
}

// TestOwned gives the function that writes as a role away, or drops it.
func TestOwned(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	d, other := openDesk(t, e), openDesk(t, e)
	d.step("v", tableT)
	pgtest.Exec(t, e.AdminURL, "GRANT "+other.role+" TO "+d.role)
	d.Refused("42501", "REASSIGN OWNED BY "+d.role+" TO "+other.role)
	pgtest.Exec(t, e.AdminURL, "REVOKE "+other.role+" FROM "+d.role+"; REASSIGN OWNED BY "+d.role+" TO "+other.role)
	pgtest.Exec(t, e.AdminURL, "ALTER SCHEMA "+d.role+" OWNER TO "+d.role)
	d.until("v", "errored", "owner")
	// What is written now is written by a function of the other role's.
	d.each("CREATE TABLE mine (id int PRIMARY KEY); SELECT ml.track('mine'); SELECT ml.create_view('w', 'SELECT id FROM mine'); CREATE TABLE record (role name); GRANT INSERT ON record TO public; GRANT ALL ON w TO public; GRANT USAGE ON SCHEMA " + d.role + " TO public")
	d.Run("CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO " + d.role + ".record VALUES (current_user); RETURN NULL; END $$; CREATE TRIGGER x AFTER INSERT ON w FOR EACH ROW EXECUTE FUNCTION spy()")
	d.Run("INSERT INTO mine VALUES (1)")
	d.until("w", "lagging", "does not belong")
	if err := worker.Enroll(t.Context(), e.AdminURL, d.role, false); err != nil {
		t.Fatal(err)
	}
	d = desk{milltest.Open(t, d.url), t, d.role, d.url}
	d.Run("SELECT ml.wait('w')")
	equal(t, d.Client, "w")
	if got := d.Text("SELECT string_agg(DISTINCT role, ' ') FROM record"); got != d.role {
		t.Errorf("the trigger ran as %s, want %s", got, d.role)
	}
}
