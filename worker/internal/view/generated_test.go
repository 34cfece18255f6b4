package view_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

// TestGenerated maintains views over generated columns, which the log does not carry.
func TestGenerated(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	for name, test := range map[string]func(*testing.T, *milltest.Env, desk){
		"law": lawGenerated, "virtual": virtualGenerated, "members": membersGenerated, "alter": alterGenerated, "identity": identityGenerated,
		"privileges": privilegesGenerated, "refused": refusedGenerated, "tools": toolsGenerated,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, e, openDesk(t, e))
		})
	}
}

// major is the server's major version.
func (d desk) major() int {
	d.t.Helper()
	n, err := strconv.Atoi(d.Text("SELECT current_setting('server_version_num')::int / 10000"))
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

// generatedColumns have types with lengths, a domain, a collation, and expressions
// that are computed by the worker and by PostgreSQL.
const generatedColumns = `id int NOT NULL, a int, n numeric, ga int GENERATED ALWAYS AS (a * 2) STORED, s text, j jsonb, m mood, k int NOT NULL,
	gn numeric(10,2) GENERATED ALWAYS AS (n * 1.005) STORED, gv varchar(3) GENERATED ALWAYS AS (substr(s, 1, 3)) STORED,
	gc text COLLATE "C" GENERATED ALWAYS AS (s || '!') STORED, gd small GENERATED ALWAYS AS (a % 7) STORED,
	gm mood GENERATED ALWAYS AS (CASE WHEN a > 2 THEN 'happy' ELSE m END) STORED, gj text GENERATED ALWAYS AS (j ->> 'k') STORED,
	gf int NOT NULL GENERATED ALWAYS AS (coalesce(twice(a), 0)) STORED`

// overGenerated makes views over each of the tables and over all of them.
func (d desk) overGenerated(tables []string) (views []string) {
	for _, t := range tables {
		d.Run("SELECT ml.track('" + t + "')")
		for i, query := range []string{
			"SELECT * FROM $t", "SELECT ga, gf, count(*), sum(gn), max(gc) AS most FROM $t WHERE gd > 0 OR gd IS NULL GROUP BY ga, gf", "SELECT gm, gj, gv FROM $t WHERE gf > 2",
		} {
			view := "v" + t + strconv.Itoa(i)
			d.Run("SELECT ml.create_view('" + view + "', '" + strings.ReplaceAll(query, "$t", t) + "')")
			views = append(views, view)
		}
	}
	d.Run(`SELECT ml.create_view('joined', 'SELECT p.id, p.gc, f.gf, f.gc AS other, x.gd, x.gf AS last FROM p LEFT JOIN f ON f.ga = p.gf LEFT JOIN x ON x.gd = f.gd')`)
	d.Run(`SELECT ml.create_view('stacked', 'SELECT ga, sum(gf) FROM vp0 GROUP BY ga')`)
	return append(views, "joined", "stacked")
}

// lawGenerated changes tables at random, whose changes the log identifies in each way.
func lawGenerated(t *testing.T, _ *milltest.Env, d desk) {
	d.Run(`CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE DOMAIN small AS int CHECK (VALUE < 1000);
		CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 * 2; END'`)
	tables := []string{"p", "f", "x"}
	for _, table := range tables {
		d.Run("CREATE TABLE " + table + " (" + generatedColumns + ")")
	}
	d.each("ALTER TABLE p ADD PRIMARY KEY (id); ALTER TABLE f REPLICA IDENTITY FULL; CREATE UNIQUE INDEX xk ON x (k); ALTER TABLE x REPLICA IDENTITY USING INDEX xk")
	const insert = `INSERT INTO $t (id, a, n, s, j, m, k) SELECT i, i % 5, i / 8.0, (ARRAY['a', 'B', 'äbcd', NULL])[1 + i % 4], '{"k": "x"}', (ARRAY['sad', NULL]::mood[])[1 + i % 2], i
		FROM generate_series($from, $from + 5) AS i`
	changes := []string{
		insert, insert, "UPDATE $t SET a = (id + $n) % 6, n = n + 0.01 WHERE id % 3 = $n", `UPDATE $t SET s = NULL, m = 'ok', j = '{"k": $n}' WHERE id % 4 = $n`,
		"UPDATE $t SET id = -id, k = -k WHERE id % 5 = $n", "UPDATE $t SET a = NULL WHERE id % 5 = $n", "DELETE FROM $t WHERE id % 6 = $n", "TRUNCATE $t",
	}
	const seed = 90125
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	fill := func(i int, change string) string {
		return strings.NewReplacer("$t", tables[rng.IntN(len(tables))], "$n", strconv.Itoa(rng.IntN(6)), "$from", strconv.Itoa(10*i)).Replace(change)
	}
	for i := range 9 {
		d.Run(fill(i, insert)) // what is copied first
	}
	views := d.overGenerated(tables)
	for i := range 15 {
		var transaction []string
		for range 1 + rng.IntN(3) {
			transaction = append(transaction, fill(100+10*i+len(transaction), changes[rng.IntN(len(changes))]))
		}
		d.Run(strings.Join(transaction, "; "))
		for _, v := range views {
			d.same(v, strings.Join(transaction, "; "))
		}
	}
}

// virtualGenerated maintains columns that PostgreSQL computes when they are read.
func virtualGenerated(t *testing.T, _ *milltest.Env, d desk) {
	if d.major() < 18 {
		return // there are none
	}
	d.step("v", `CREATE TABLE t (id int PRIMARY KEY, a int, b int, s text, v int GENERATED ALWAYS AS (a + 1), w text COLLATE "C" GENERATED ALWAYS AS (upper(s)), q int GENERATED ALWAYS AS (10 / b));
		INSERT INTO t SELECT i, i % 4, 1, 's' || i FROM generate_series(1, 20) AS i; SELECT ml.track('t');
		SELECT ml.create_view('v', 'SELECT v, min(w), count(*) FROM t WHERE w > ''S1'' GROUP BY v')`)
	d.step("w", "SELECT ml.create_view('w', 'SELECT x.v, y.w FROM t AS x LEFT JOIN t AS y ON y.v = x.id')")
	d.step("q", "SELECT ml.create_view('q', 'SELECT id, q FROM t')")
	d.step("v", "UPDATE t SET a = a + 1 WHERE id < 5; UPDATE t SET s = NULL WHERE id = 6; DELETE FROM t WHERE id = 7; INSERT INTO t (id) VALUES (100)")
	d.same("w", "the changes")
	// An error of the expression is one of whoever reads it.
	d.Run("UPDATE t SET b = 0 WHERE id = 1")
	d.until("q", "errored", "division by zero")
	d.step("v", "SELECT 1")
	d.step("q", "UPDATE t SET b = 5 WHERE id = 1")
	// PostgreSQL publishes no virtual columns: whole rows would not be told apart.
	d.Run("CREATE TABLE f (a int, v int GENERATED ALWAYS AS (a)); ALTER TABLE f REPLICA IDENTITY FULL")
	f := d.Refused("55000", "SELECT ml.track('f')")
	told(t, f.Message, "of f", "virtual generated columns")
	d.step("f_", "ALTER TABLE f ADD PRIMARY KEY (a), REPLICA IDENTITY DEFAULT; INSERT INTO f VALUES (1); SELECT ml.track('f'); SELECT ml.create_view('f_', 'SELECT v FROM f'); UPDATE f SET a = 2")
}

// membersGenerated computes the rows of partitions and descendants, whose columns are
// in other orders.
func membersGenerated(t *testing.T, _ *milltest.Env, d desk) {
	d.step("v", `CREATE TABLE p (id int, a int, g int GENERATED ALWAYS AS (a * 2) STORED, b int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
		CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
		CREATE TABLE p2 (gone int, b int, g int GENERATED ALWAYS AS (b * 0) STORED, a int, id int NOT NULL);
		ALTER TABLE p2 DROP COLUMN gone, DROP COLUMN g; ALTER TABLE p2 ADD COLUMN g int GENERATED ALWAYS AS (a * 2) STORED;
		ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200);
		INSERT INTO p (id, a, b) SELECT i * 9, i, i % 3 FROM generate_series(1, 20) AS i; SELECT ml.track('p');
		SELECT ml.create_view('v', 'SELECT b, sum(g), count(g) FROM p GROUP BY b')`)
	d.step("v", "UPDATE p SET a = a + 1; UPDATE p SET id = id + 100 WHERE id < 50; DELETE FROM p WHERE id = 180")
	d.step("v", "CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (200) TO (300); INSERT INTO p (id, a, b) VALUES (200, 3, 1)")
	d.step("vi", `CREATE TABLE i (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a + 1) STORED); CREATE TABLE c (extra int, PRIMARY KEY (id)) INHERITS (i);
		SELECT ml.track('i'); SELECT ml.track('c'); INSERT INTO i (id, a) VALUES (1, 1); INSERT INTO c (id, a) VALUES (2, 2); SELECT ml.create_view('vi', 'SELECT id, g FROM i')`)
	d.step("vi", "UPDATE i SET a = a + 1; INSERT INTO c (id, a) VALUES (3, NULL)")
	// A child whose column is generated otherwise; before PostgreSQL 16 only a plain
	// column's may be.
	other, column := "CREATE TABLE other (a int GENERATED ALWAYS AS (id) STORED, PRIMARY KEY (id)) INHERITS (i)", "a"
	if d.major() >= 16 {
		other, column = "CREATE TABLE other (g int GENERATED ALWAYS AS (a - 1) STORED, PRIMARY KEY (id)) INHERITS (i)", "g"
	}
	d.each(other + "; SELECT ml.track('other')")
	d.until("vi", "errored", "column "+column+" of", ".other", ".i")
	f := d.Refused("0A000", "SELECT ml.create_view('wi', 'SELECT g FROM i')")
	told(t, f.Message, "column "+column+" of", ".other")
	d.step("ids", "SELECT ml.create_view('ids', 'SELECT count(*) FROM i'); INSERT INTO other (id) VALUES (9)")
	d.step("only_other", "SELECT ml.create_view('only_other', 'SELECT id, "+column+" FROM ONLY other'); UPDATE other SET id = 10")
	if column == "a" {
		told(t, d.Refused("0A000", "SELECT ml.create_view('wo', 'SELECT g FROM ONLY other')").Message, "generated column g of", "another generated column")
	}
	d.step("vi", "ALTER TABLE other NO INHERIT i; INSERT INTO i (id, a) VALUES (4, 4)")
}

// alterGenerated changes what columns are generated by, and the columns beside them.
func alterGenerated(t *testing.T, _ *milltest.Env, d desk) {
	d.step("v", `CREATE TABLE t (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a * 2) STORED, b int); INSERT INTO t (id, a, b) SELECT i, i, i % 3 FROM generate_series(1, 9) AS i;
		SELECT ml.track('t'); SELECT ml.create_view('v', 'SELECT b, sum(g) FROM t GROUP BY b')`)
	d.step("v", "UPDATE t SET a = 100 WHERE id = 3; ALTER TABLE t RENAME COLUMN g TO gg; DELETE FROM t WHERE id = 4; INSERT INTO t (id, a) VALUES (50, 50)")
	d.step("v", "ALTER TABLE t RENAME COLUMN a TO aa; UPDATE t SET aa = 101 WHERE id = 3; ALTER TABLE t RENAME COLUMN b TO a; ALTER TABLE t RENAME COLUMN aa TO b")
	d.step("v", "UPDATE t SET b = 7 WHERE id = 5; ALTER TABLE t ADD COLUMN h int GENERATED ALWAYS AS (b + 1) STORED; UPDATE t SET b = 8 WHERE id = 6")
	d.step("w", "SELECT ml.create_view('w', 'SELECT gg, h FROM t')")
	if d.major() >= 17 {
		d.step("v", "ALTER TABLE t ALTER COLUMN gg SET EXPRESSION AS (b * 1000)")
		d.step("w", "BEGIN; ALTER TABLE t ALTER COLUMN h SET EXPRESSION AS (b * 7); UPDATE t SET b = 9 WHERE id = 7; COMMIT")
		d.step("v", "UPDATE t SET b = b + 1; ALTER TABLE t ALTER COLUMN gg SET EXPRESSION AS (id)")
	}
	// A column that is no longer generated keeps its values and is in the log.
	d.step("v", "ALTER TABLE t ALTER COLUMN gg DROP EXPRESSION")
	d.step("v", "UPDATE t SET gg = 5 WHERE id = 8; UPDATE t SET b = 0; INSERT INTO t (id, gg) VALUES (60, 60)")
	d.same("w", "DROP EXPRESSION")
	d.step("n", "SELECT ml.create_view('n', 'SELECT id FROM t WHERE id NOT IN (SELECT h FROM t)'); UPDATE t SET b = 0 WHERE b IS NULL; ALTER TABLE t ALTER COLUMN h SET NOT NULL")
	d.step("n", "ALTER TABLE t ALTER COLUMN h DROP NOT NULL; UPDATE t SET b = NULL WHERE id = 7")
	d.Run("CREATE TYPE size AS ENUM ('small', 'large'); ALTER TABLE t ADD COLUMN e size GENERATED ALWAYS AS (CASE WHEN b > 5 THEN 'large'::size ELSE 'small' END) STORED")
	d.step("e", "SELECT ml.create_view('e', 'SELECT e, count(*) FROM t GROUP BY e'); ALTER TYPE size RENAME VALUE 'large' TO 'big'")
	d.step("e", "UPDATE t SET b = 10 WHERE id < 4; DELETE FROM t WHERE id = 6")
	// A function that is replaced: rows that are written from then on have its values.
	d.Run("CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1'; ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (f(b)) STORED")
	d.step("c", "SELECT ml.create_view('c', 'SELECT c, count(*) FROM t GROUP BY c')")
	d.Run("CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 2'; UPDATE t SET b = b + 1")
	milltest.Until(t, "the view has the new function's values", func() bool {
		return d.Text("SELECT count(*) FROM (TABLE c_definition EXCEPT ALL TABLE c) AS x") == "0"
	})
	d.step("c", "UPDATE t SET b = 70 WHERE id = 1; DELETE FROM t WHERE id = 2")
}

// identityGenerated is about rows that the log identifies by generated columns.
func identityGenerated(t *testing.T, _ *milltest.Env, d desk) {
	d.each(`CREATE TABLE t (id int, a int, g int NOT NULL GENERATED ALWAYS AS (coalesce(id, 0) * 2) STORED, PRIMARY KEY (id, g)); INSERT INTO t (id, a) VALUES (1, 1), (2, 2); SELECT ml.track('t')`)
	if d.major() < 18 {
		f := d.Refused("0A000", "SELECT ml.create_view('v', 'SELECT a, g FROM t')")
		told(t, f.Message, "t", "generated column g")
		told(t, f.Hint, "REPLICA IDENTITY FULL")
		d.Refused("0A000", "SELECT ml.create_view('v', 'SELECT a FROM t')")
		d.Run("ALTER TABLE t REPLICA IDENTITY FULL")
	}
	d.step("v", "SELECT ml.create_view('v', 'SELECT a, g FROM t'); UPDATE t SET id = id + 10, a = 5 WHERE id = 1; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (3, 3)")
	d.step("v", "UPDATE t SET a = 6; UPDATE t SET id = -id")
}

// privilegesGenerated: the worker computes a column as the view's owner.
func privilegesGenerated(t *testing.T, e *milltest.Env, d desk) {
	other := openDesk(t, e)
	other.Run("CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1'; REVOKE EXECUTE ON FUNCTION f FROM public")
	other.each("CREATE TABLE s (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a * 2) STORED, h int GENERATED ALWAYS AS (f(id)) STORED); INSERT INTO s VALUES (1, 1); SELECT ml.track('s')")
	other.each("GRANT USAGE ON SCHEMA " + other.role + " TO " + d.role + "; GRANT SELECT (id, g, h) ON s TO " + d.role)
	s := other.role + ".s"
	f := d.Refused("42501", "SELECT ml.create_view('v', 'SELECT g FROM "+s+"')")
	told(t, f.Message, "may not read column a of", s)
	f = d.Refused("42501", "SELECT ml.create_view('v', 'SELECT h FROM "+s+"')")
	told(t, f.Message, "may not call "+other.role+".f(integer)")
	d.step("ids", "SELECT ml.create_view('ids', 'SELECT id FROM "+s+"')")
	other.Run("GRANT SELECT (a) ON s TO " + d.role + "; GRANT EXECUTE ON FUNCTION f TO " + d.role)
	d.step("v", "SELECT ml.create_view('v', 'SELECT g, h FROM "+s+"')")
	other.Run("UPDATE s SET a = 7; INSERT INTO s VALUES (2, 2)")
	d.same("v", "the other's changes")
	other.Run("REVOKE SELECT (a) ON s FROM " + d.role)
	d.until("v", "errored", "may not read column a", "computed from")
	other.Run("GRANT SELECT (a) ON s TO " + d.role + "; REVOKE SELECT (g) ON s FROM " + d.role)
	d.until("v", "errored", "may not read column g")
	other.Run("GRANT SELECT (g) ON s TO " + d.role)
	milltest.Until(t, "the view is back", func() bool { return d.state("v") == "live" })
	d.step("v", "SELECT 1")
}

// refusedGenerated names the column that cannot be computed.
func refusedGenerated(t *testing.T, _ *milltest.Env, d desk) {
	d.each("CREATE TABLE t (id int PRIMARY KEY, o oid GENERATED ALWAYS AS (tableoid) STORED, n int GENERATED ALWAYS AS (id) STORED); SELECT ml.track('t')")
	f := d.Refused("0A000", "SELECT ml.create_view('v', 'SELECT o FROM t')")
	told(t, f.Message, "tableoid", "generated column o of", ".t")
	d.step("v", "SELECT ml.create_view('v', 'SELECT n FROM t'); INSERT INTO t VALUES (1), (2)")
}

// TestGeneratedPublished has the publication send stored generated columns, as
// PostgreSQL 18 can, and take that back.
func TestGeneratedPublished(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	d := openDesk(t, e)
	if d.major() < 18 {
		return // it cannot
	}
	d.step("v", `CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (a * 2) STORED, a int, v int GENERATED ALWAYS AS (a + 1)); INSERT INTO t (id, a) SELECT i, i FROM generate_series(1, 9) AS i;
		SELECT ml.track('t'); SELECT ml.create_view('v', 'SELECT g, v, count(*) FROM t GROUP BY g, v')`)
	for _, columns := range []string{"none", "stored", "none", "stored"} {
		pgtest.Exec(t, e.AdminURL, "ALTER PUBLICATION millrace SET (publish_generated_columns = "+columns+")")
		d.step("v", "UPDATE t SET a = a + 1 WHERE id < 6; INSERT INTO t (id, a) SELECT max(id) + 1, 7 FROM t")
		d.step("v", "UPDATE t SET id = -id WHERE id = 9; DELETE FROM t WHERE id = 1")
	}
}

// toolsGenerated asks for the views' own words.
func toolsGenerated(t *testing.T, _ *milltest.Env, d desk) {
	d.step("v", `CREATE TABLE t (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a * 2) STORED, b text); INSERT INTO t SELECT i, i FROM generate_series(1, 50) AS i;
		SELECT ml.track('t'); SELECT ml.create_view('v', 'SELECT id, g FROM t WHERE g > 10')`)
	if got := d.Text("SELECT differing FROM ml.check_view('v')"); got != "0" {
		t.Errorf("ml.check_view says that %s rows differ", got)
	}
	told(t, d.Text("SELECT string_agg(l::text, ' ') FROM ml.explain_view('v') AS l"), "2 of its columns kept, 50 rows")
}
