package plan_test

import (
	"slices"
	"testing"
)

const refusedDDL = `
CREATE MATERIALIZED VIEW mv AS SELECT 1 AS q;
CREATE UNLOGGED TABLE ul (a int);
CREATE TABLE rls (a int); ALTER TABLE rls ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION stab(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION vola(int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT $1';
CREATE TABLE js (a json, p point, q int, nd text);
CREATE VIEW deep AS SELECT id, vola(a) AS q FROM t;
`

// refusedQueries is what is not maintained; those without a construct are.
var refusedQueries = []struct{ query, construct string }{
	{"SELECT a FROM t LIMIT 1", "LIMIT"},
	{"SELECT a FROM t ORDER BY a OFFSET 2", "OFFSET"},
	{"SELECT a, (SELECT k FROM u LIMIT 1) FROM t", "LIMIT"},
	{"SELECT a, row_number() OVER (ORDER BY a) FROM t", "a window function"},
	{"WITH RECURSIVE x AS (SELECT 1 AS q UNION SELECT q + 1 FROM x WHERE q < 3) SELECT * FROM x", "WITH RECURSIVE"},
	{"SELECT generate_series(1, a) FROM t", "a set-returning function in the target list"},
	{"SELECT * FROM t, unnest(arr)", "set-returning function unnest"},
	{"SELECT * FROM generate_series(1, 3)", "set-returning function generate_series"},
	{"SELECT * FROM t, lower(t.s) x", "a function in FROM"},
	{"SELECT a FROM t TABLESAMPLE SYSTEM (10)", "TABLESAMPLE"},
	{"SELECT a FROM t FOR UPDATE", "FOR UPDATE"},
	{"SELECT a FROM t WHERE ts > now()", "now()"},
	{"SELECT a FROM t WHERE d > CURRENT_DATE", "CURRENT_DATE"},
	{"SELECT a, CURRENT_USER FROM t", "CURRENT_USER"},
	{"SELECT a FROM t WHERE tz > CURRENT_TIMESTAMP - interval '1 day'", "CURRENT_TIMESTAMP"},
	{"SELECT clock_timestamp() FROM t", "clock_timestamp()"},
	{"SELECT age(ts) FROM t", "stable function age"},
	{"SELECT random() FROM t", "volatile function random"},
	{"SELECT vola(a) FROM t", "volatile function public.vola"},
	{"SELECT id FROM deep", "volatile function public.vola"},
	{"SELECT stab(a) FROM t", "stable function public.stab"},
	{"SELECT current_setting('search_path') FROM t", "stable function current_setting"},
	{"SELECT s::regclass FROM t", "stable function regclass"},
	{"SELECT to_regclass(s) FROM t", "stable function to_regclass"},
	{"SELECT xmlelement(name x, a) FROM t", "an XML expression"},
	{"SELECT t FROM t", "a reference to a whole row"},
	{"SELECT count(t.*) FROM t", "a reference to a whole row"},
	{"SELECT tableoid, a FROM t", "a system column"},
	{"SELECT a FROM t WHERE ctid = '(0,1)'", "a system column"},
	{"SELECT * FROM mv", "materialized view public.mv"},
	{"SELECT * FROM ul", "temporary or unlogged table public.ul"},
	{"SELECT * FROM rls", "row-level security of table public.rls"},
	{"SELECT relname FROM pg_class", "system catalog pg_catalog.pg_class"},
	{"SELECT s::varchar::regproc FROM t", "a cast through text of type regproc"},
	{"SELECT DISTINCT p::text FROM js GROUP BY p::text, q", ""},
	{"SELECT q FROM js UNION SELECT q FROM js", ""},
	{"SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, v COLLATE \"en-x-icu\"", "ORDER BY of DISTINCT ON with collation pg_catalog.\"en-x-icu\""},
	{"SELECT (SELECT sum(t.a) FROM u) FROM t", "an aggregate of an outer query in a subquery"},
	{"SELECT id, (WITH x AS (SELECT t.a AS q) SELECT max(q) FROM x) FROM t", "a WITH query that refers to an outer query"},
	{"SELECT id, (SELECT count(*) FROM u FULL JOIN w ON u.k = w.x AND u.k = t.a) FROM t", "FULL JOIN that refers to an outer query"},
}

// TestRefused compiles what is not maintained: the error names the construct.
func TestRefused(t *testing.T) {
	w := newWorld(t, ddl+refusedDDL)
	for _, tt := range refusedQueries {
		_, err := w.compile("refused", tt.query)
		w.exec("DROP VIEW refused")
		r := refused(err)
		switch {
		case tt.construct == "" && err != nil:
			t.Errorf("%s: %v", tt.query, err)
		case tt.construct != "" && (r == nil || r.Construct != tt.construct):
			t.Errorf("%s: error %v, want %q", tt.query, err, tt.construct)
		}
	}
}

// viewFacts is queries and what their views say of themselves.
var viewFacts = []struct {
	query    string
	key      []int
	none     bool // there is no key
	columns  []int16
	remote   int
	settings bool
}{
	{query: "SELECT count(*) FROM t", key: []int{}},
	{query: "SELECT sum(b), a FROM t GROUP BY a", key: []int{1}, columns: []int16{2, 3}},
	{query: "SELECT sum(b) FROM t GROUP BY a", none: true, columns: []int16{2, 3}},
	{query: "SELECT a, b FROM t GROUP BY ROLLUP (a, b)", none: true, columns: []int16{2, 3}},
	{query: "SELECT DISTINCT s, a FROM t", key: []int{0, 1}, columns: []int16{2, 5}},
	{query: "SELECT DISTINCT ON (a) b, a FROM t ORDER BY a, id", key: []int{1}, columns: []int16{1, 2, 3}},
	{query: "SELECT a FROM t UNION SELECT b FROM t", key: []int{0}, columns: []int16{2, 3}},
	{query: "SELECT a FROM t UNION ALL SELECT b FROM t", none: true, columns: []int16{2, 3}},
	{query: "SELECT id FROM t", none: true, columns: []int16{1}},
	{query: "SELECT tz::date FROM t", none: true, columns: []int16{9}, settings: true, remote: 1},
	{query: "SELECT format('%s', a) FROM t WHERE s > 'b'", none: true, columns: []int16{2, 5}, settings: true, remote: 1},
	{query: "SELECT twice(a), twice(b) FROM t", none: true, columns: []int16{2, 3}, remote: 2},
	{query: "SELECT x.id FROM (SELECT *, twice(a) FROM t) x", none: true, columns: []int16{1}},
	{query: "SELECT string_agg(s, ',' ORDER BY s) FROM t", key: []int{}, columns: []int16{5}, remote: 1},
}

// TestView checks what a view says besides its circuit.
func TestView(t *testing.T) {
	w := newWorld(t, ddl)
	for _, tt := range viewFacts {
		v, err := w.compile("one", tt.query)
		w.exec("DROP VIEW one")
		switch {
		case err != nil:
			t.Errorf("%s: %v", tt.query, err)
		case tt.none && v.Key != nil || !tt.none && (v.Key == nil || !slices.Equal(v.Key, tt.key)):
			t.Errorf("%s: key %v, want %v", tt.query, v.Key, tt.key)
		case len(v.Tables) != 1 || v.Tables[0].Name != "public.t" || !slices.Equal(v.Tables[0].Columns, tt.columns):
			t.Errorf("%s: tables %v, want columns %v", tt.query, v.Tables, tt.columns)
		case v.Settings != tt.settings || len(v.Remote) != tt.remote:
			t.Errorf("%s: settings %v, PostgreSQL evaluates %q", tt.query, v.Settings, v.Remote)
		}
	}
}

// TestRowErrors checks that errors of rows are PostgreSQL's, and heal with the data.
func TestRowErrors(t *testing.T) {
	w := newWorld(t, ddl, "t", "u", "w")
	w.maintain([]string{
		"SELECT id, 1 / b AS q FROM t",
		"SELECT id, (SELECT k FROM u WHERE u.a = t.a) FROM t",
		"SELECT id, (SELECT k FROM u) FROM t",
		"SELECT id FROM t WHERE s::int > 3",
		"SELECT a, sum(bi) FROM t GROUP BY a HAVING sum(100 / b) > 0",
		"SELECT id, twice(a * 1000000000) FROM t",
		"SELECT id, CASE WHEN b <> 0 THEN 1 / b END AS q FROM t",
		"SELECT id, 1 / b AS q FROM t WHERE b <> 0",
		"SELECT q FROM (SELECT b, 1 / b AS q FROM t) x WHERE b <> 0",
		"SELECT q FROM (SELECT id, b AS c, 1 / b AS q FROM t) x JOIN u ON u.k = x.id AND c <> 0",
		"SELECT q FROM (SELECT b, twice(1 / b) AS q FROM t) x WHERE b > 0 AND q < 5",
	})
	for _, sql := range []string{
		"INSERT INTO t (id, a, b, s) VALUES (1, 1, 1, '5'), (2, 2, 2, '6')",
		"INSERT INTO t (id, a, b, s) VALUES (3, 1, 0, '7')",
		"UPDATE t SET b = 4 WHERE id = 3",
		"INSERT INTO u (k, a) VALUES (1, 1), (2, 2)",
		"INSERT INTO u (k, a) VALUES (3, 2)",
		"DELETE FROM u WHERE k = 3",
		"DELETE FROM u WHERE k = 2",
		"UPDATE t SET s = 'x' WHERE id = 1",
		"UPDATE t SET s = NULL",
		"UPDATE t SET a = 2000000000 WHERE id = 2",
		"DELETE FROM t WHERE id = 2",
		"UPDATE t SET b = 0",
		"DELETE FROM t",
	} {
		w.exec(sql)
		w.step(sql)
	}
}
