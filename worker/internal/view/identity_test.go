package view_test

import (
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestIdentity changes rows of tables whose changes the log identifies in each of the
// ways that PostgreSQL knows.
func TestIdentity(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	for name, test := range map[string]func(*testing.T, desk){
		"keys": keysIdentity, "full": fullIdentity, "index": indexIdentity, "nothing": nothingIdentity, "changed": changedIdentity,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, openDesk(t, e))
		})
	}
}

func keysIdentity(t *testing.T, d desk) {
	for i, table := range []string{
		"t (k int, n int, s text, PRIMARY KEY (k))", "t (k int, n int, s text, PRIMARY KEY (s, k))",
		"t (k numeric PRIMARY KEY, n int, s text)", "t (k text, n int, s text, PRIMARY KEY (k))",
	} {
		if i > 0 {
			d.each("SELECT ml.drop_view('v'); DROP TABLE t")
		}
		d.step("v", "CREATE TABLE "+table+`; INSERT INTO t SELECT i, i % 5, 's' || i FROM generate_series(1, 30) AS i; SELECT ml.track('t');
			SELECT ml.create_view('v', 'SELECT n, count(*), count(n) AS known, min(k), string_agg(s, '','' ORDER BY s) FROM t GROUP BY n')`)
		d.step("v", "INSERT INTO t VALUES (100, NULL, 'x'), (101, NULL, ''), (102, 7, 'y')")
		d.step("v", "UPDATE t SET n = NULL WHERE n = 2; UPDATE t SET n = 0 WHERE n IS NULL AND s <> 'x'")
		d.step("v", "UPDATE t SET k = '1000' WHERE k = '5'; UPDATE t SET k = '5' WHERE k = '6'; UPDATE t SET k = '6', n = 3 WHERE k = '1000'")
		d.step("v", "UPDATE t SET k = 5.00 WHERE k = '5'; UPDATE t SET s = s || '!' WHERE n = 3; DELETE FROM t WHERE n = 4")
		d.step("v", "BEGIN; DELETE FROM t WHERE k = '7'; INSERT INTO t VALUES (7, 7, 'back'); UPDATE t SET n = 8 WHERE k = '7'; DELETE FROM t WHERE k = '7'; COMMIT")
	}
}

func fullIdentity(t *testing.T, d desk) {
	d.step("v", `CREATE TABLE t (a int, b text); INSERT INTO t SELECT i % 3, 'b' || i % 2 FROM generate_series(1, 24) AS i; ALTER TABLE t REPLICA IDENTITY FULL; SELECT ml.track('t');
		SELECT ml.create_view('v', 'SELECT a, b, count(*) FROM t GROUP BY a, b'); SELECT ml.create_view('w', 'SELECT b FROM t WHERE a > 0')`)
	d.step("v", "INSERT INTO t VALUES (1, 'b1'), (1, 'b1'), (NULL, NULL), (NULL, NULL)")
	d.step("v", "DELETE FROM t WHERE ctid IN (SELECT ctid FROM t WHERE a = 1 LIMIT 1); DELETE FROM t WHERE ctid IN (SELECT ctid FROM t WHERE a IS NULL LIMIT 1)")
	d.step("v", "UPDATE t SET a = 2 WHERE a IS NULL; UPDATE t SET b = b; UPDATE t SET b = NULL WHERE a = 2")
	d.same("w", "all of it")
	// The same with a primary key, whose rows are known by all their columns too.
	d.step("v", "ALTER TABLE t ADD COLUMN id serial; ALTER TABLE t ADD PRIMARY KEY (id); UPDATE t SET a = a + 1 WHERE id % 2 = 0; DELETE FROM t WHERE id = 3")
	d.step("w", "UPDATE t SET id = -id; DELETE FROM t WHERE id = -4")
}

func indexIdentity(t *testing.T, d desk) {
	d.step("v", `CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b text); CREATE UNIQUE INDEX by_a ON t (a); INSERT INTO t SELECT i, -i, 'b' || i % 2 FROM generate_series(1, 24) AS i;
		ALTER TABLE t REPLICA IDENTITY USING INDEX by_a; SELECT ml.track('t'); SELECT ml.create_view('v', 'SELECT b, count(*), sum(id) FROM t GROUP BY b')`)
	d.step("v", "UPDATE t SET a = 100 WHERE id = 1; UPDATE t SET id = 100 WHERE id = 2; UPDATE t SET id = 200, a = 200 WHERE id = 3; DELETE FROM t WHERE id = 4")
	d.step("v", "UPDATE t SET a = -4 WHERE id = 5; DELETE FROM t WHERE id = 200; INSERT INTO t VALUES (3, -3, 'b9')")
}

func nothingIdentity(t *testing.T, d desk) {
	d.Run("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1); CREATE TABLE u (a int PRIMARY KEY); ALTER TABLE u REPLICA IDENTITY NOTHING")
	f := d.Refused("55000", "SELECT ml.track('t')")
	told(t, f.Hint, "ALTER TABLE t REPLICA IDENTITY FULL", "ml.track('t', append_only => true)")
	told(t, d.Refused("55000", "SELECT ml.track('u')").Message, "u")
	d.step("v", "SELECT ml.track('t', append_only => true); SELECT ml.create_view('v', 'SELECT a, count(*) FROM t GROUP BY a')")
	d.step("v", "INSERT INTO t VALUES (1), (2), (NULL)")
	d.Refused("55000", "UPDATE t SET a = 2")
	d.Refused("55000", "DELETE FROM t")
	d.step("v", "TRUNCATE t; INSERT INTO t VALUES (3)")
	d.step("v", "ALTER TABLE t REPLICA IDENTITY FULL; UPDATE t SET a = 4; INSERT INTO t VALUES (3); DELETE FROM t WHERE a = 4")
}

func changedIdentity(t *testing.T, d desk) {
	d.step("v", `CREATE TABLE t (id int PRIMARY KEY, k int NOT NULL UNIQUE, n int); INSERT INTO t SELECT i, 100 - i, i % 3 FROM generate_series(1, 30) AS i; SELECT ml.track('t');
		SELECT ml.create_view('v', 'SELECT n, count(*), sum(id) FROM t GROUP BY n')`)
	d.step("v", "ALTER TABLE t REPLICA IDENTITY FULL; UPDATE t SET id = id + 1000 WHERE id = 1; DELETE FROM t WHERE id = 2")
	d.step("v", "ALTER TABLE t REPLICA IDENTITY USING INDEX t_k_key; UPDATE t SET id = 1 WHERE id = 1001; DELETE FROM t WHERE id = 3; UPDATE t SET k = 1000 WHERE id = 4")
	// Two rows of one former key, which identifies nothing any more.
	d.step("v", "ALTER TABLE t DROP CONSTRAINT t_pkey; UPDATE t SET id = 5 WHERE id = 6; UPDATE t SET id = 6, n = 2 WHERE k = 94; DELETE FROM t WHERE k = 95")
	d.step("v", "ALTER TABLE t REPLICA IDENTITY FULL; UPDATE t SET n = n + 1; ALTER TABLE t ADD PRIMARY KEY (id); ALTER TABLE t REPLICA IDENTITY DEFAULT; UPDATE t SET n = n + 1; DELETE FROM t WHERE id = 7")
	d.Run("ALTER TABLE t DROP CONSTRAINT t_pkey")
	d.Refused("55000", "DELETE FROM t WHERE id = 8")
	d.step("v", "ALTER TABLE t REPLICA IDENTITY FULL; DELETE FROM t WHERE id = 8")
}

// TestToast updates rows whose large values the log does not repeat, with a restart of
// the worker in between.
func TestToast(t *testing.T) {
	t.Parallel()
	e := milltest.Install(t)
	e.Config.StateDir = t.TempDir()
	stop := e.Run(t)
	d := openDesk(t, e)
	const big = "(SELECT string_agg(md5(i::text || j::text), '') FROM generate_series(1, 600) AS j)"
	names := []string{"d", "f", "i"}
	for _, name := range names {
		d.each("CREATE TABLE " + name + " (id int PRIMARY KEY, k int NOT NULL UNIQUE, n int, big text, doc jsonb, PLAIN text); ALTER TABLE " + name + " ALTER big SET STORAGE EXTERNAL")
		d.Run("INSERT INTO " + name + " SELECT i, i, i % 3, " + big + ", jsonb_build_object('x', " + big + "), 'p' FROM generate_series(1, 9) AS i")
	}
	d.each("ALTER TABLE f REPLICA IDENTITY FULL; ALTER TABLE i REPLICA IDENTITY USING INDEX i_k_key")
	for _, name := range names {
		d.each("SELECT ml.track('" + name + "'); SELECT ml.create_view('v" + name + "', 'SELECT n, id, big, doc, length(big) AS l FROM " + name + "')")
	}
	for i, change := range []string{
		"UPDATE % SET n = n + 1 WHERE id < 4", "UPDATE % SET id = id + 100 WHERE id = 5", "UPDATE % SET k = k + 100, n = 7 WHERE id = 6",
		"UPDATE % SET big = big || 'x' WHERE id = 7", "UPDATE % SET doc = doc || '{\"y\": 1}', n = 9 WHERE id = 8", "DELETE FROM % WHERE id = 9", "UPDATE % SET big = NULL WHERE id = 1",
	} {
		if i%3 == 1 {
			stop()
			for _, name := range names {
				d.Run("UPDATE " + name + " SET n = -n WHERE id = 2")
			}
			stop = e.Run(t)
		}
		for _, name := range names {
			d.step("v"+name, replace(change, name))
		}
	}
}
