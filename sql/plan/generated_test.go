package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// generatedDDL is a table whose generated columns have types with lengths, domains,
// collations of their own, and expressions that PostgreSQL evaluates.
const generatedDDL = `
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN small AS int CHECK (VALUE < 1000);
CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 * 2; END';
CREATE TABLE g (id int PRIMARY KEY, a int, n numeric, s text, j jsonb, m mood, tz timestamptz,
	ga int GENERATED ALWAYS AS (a * 2) STORED,
	gn numeric(10,2) GENERATED ALWAYS AS (n * 1.005) STORED,
	gv varchar(3) GENERATED ALWAYS AS (substr(s, 1, 3)) STORED,
	gp char(5) GENERATED ALWAYS AS (s::varchar(4)) STORED,
	gc text COLLATE "C" GENERATED ALWAYS AS (s || '!') STORED,
	gd small GENERATED ALWAYS AS (a % 7) STORED,
	gm mood GENERATED ALWAYS AS (CASE WHEN a > 2 THEN 'happy' ELSE m END) STORED,
	gj text GENERATED ALWAYS AS (j ->> 'k') STORED,
	gf int NOT NULL GENERATED ALWAYS AS (coalesce(twice(a), 0)) STORED,
	gk text GENERATED ALWAYS AS ('k') STORED,
	gt timestamp GENERATED ALWAYS AS (tz AT TIME ZONE 'UTC') STORED,
	gi text COLLATE "und-x-icu" GENERATED ALWAYS AS (s COLLATE "C") STORED);
CREATE TABLE u (k int, a int);
CREATE VIEW gview AS SELECT * FROM g;
`

var generatedQueries = []string{
	`SELECT * FROM g`,
	`SELECT id, ga, gn, gn::text AS q, gv, gp, octet_length(gp) AS l, gm, gj, gf, gk, gt FROM g`,
	`SELECT ga, count(*), sum(gn), min(gc), max(gm) FROM g GROUP BY ga`,
	`SELECT id, ga, gf FROM g GROUP BY id`,
	`SELECT id FROM g WHERE gf > 4 AND ga < 8 AND gc < 'b'`,
	`SELECT id, gc < 'a' AS q, gc || s AS r, upper(gc) AS x FROM g WHERE gc > 'B' OR gc IS NULL`,
	`SELECT gc, gv FROM g ORDER BY gc`,
	`SELECT a, array_agg(gi ORDER BY gi, id) AS l, string_agg(gi, ',' ORDER BY gi, id) AS q, min(gi), max(greatest(gi, 'b')) AS m FROM g GROUP BY a`,
	`SELECT id, gi < 'b' AS q, greatest(gi, 'b') AS m FROM g WHERE gi > 'a'`,
	`SELECT DISTINCT gm, gk FROM g`,
	`SELECT u.k, g.id, g.gk, g.gf, g.ga, g.gc FROM u LEFT JOIN g ON g.ga = u.a`,
	`SELECT u.k, g.gk, g.gf FROM u LEFT JOIN g ON g.a = u.a AND g.gf > 2 WHERE g.gk IS NULL OR g.gf = 4`,
	`SELECT u.k, g.gk, g.gf FROM g FULL JOIN u ON u.a = g.gf`,
	`SELECT x.id, y.id AS other FROM g AS x JOIN g AS y ON x.ga = y.gf`,
	`SELECT id FROM g WHERE ga NOT IN (SELECT gf FROM g AS o WHERE o.gd > 1)`,
	`SELECT id FROM g WHERE gf NOT IN (SELECT k FROM u WHERE k IS NOT NULL)`,
	`SELECT k, (SELECT count(*) FROM g WHERE g.gf = u.a), EXISTS (SELECT FROM g WHERE g.gd = u.k) AS q FROM u`,
	`SELECT u.k, l.q FROM u, LATERAL (SELECT gf + u.a AS q FROM g WHERE ga = u.a) AS l`,
	`SELECT gd, gd::text AS q, gd + 1 AS r FROM g`,
	`SELECT ga FROM g UNION SELECT gf FROM g EXCEPT SELECT k FROM u`,
	`SELECT gc, count(*) FROM gview WHERE gf > 0 GROUP BY gc`,
	`SELECT row_to.gm, array_agg(row_to.gv ORDER BY row_to.id) FROM gview AS row_to GROUP BY row_to.gm`,
}

// virtualQueries are over columns that PostgreSQL 18 computes when they are read.
var virtualQueries = []string{
	`SELECT * FROM h`,
	`SELECT va, count(*) FROM h WHERE vs > 'a' GROUP BY va`,
	`SELECT u.k, h.va, h.vk FROM u LEFT JOIN h ON h.va = u.a`,
	`SELECT x.vs, y.sa FROM h AS x FULL JOIN h AS y ON x.va = y.sa`,
	`SELECT vd FROM h WHERE b <> 0`,
	`SELECT vd FROM h`,
}

// TestGenerated maintains queries over generated columns, which the circuits compute:
// their inputs are rows without them.
func TestGenerated(t *testing.T) {
	r := random(t, 4711)
	w := newWorld(t, generatedDDL+pickers, "g", "u")
	if w.catalog.version >= 18 { // with virtual columns, too
		w = newWorld(t, generatedDDL+pickers+`
			CREATE TABLE h (id int, a int, b int, s text COLLATE "C", va int GENERATED ALWAYS AS (a + 1), vs text COLLATE "C" GENERATED ALWAYS AS (upper(s)) VIRTUAL,
				vk int GENERATED ALWAYS AS (7), vd int GENERATED ALWAYS AS (10 / b), sa bigint GENERATED ALWAYS AS (a) STORED)`, "g", "u", "h")
		w.maintain(virtualQueries)
	}
	w.maintain(generatedQueries)
	w.exec("SELECT setseed(0.5)")
	next := 1
	for i := range 12 {
		sql := []string{
			`UPDATE g SET a = pick(ARRAY[NULL,0,1,2,3,4]) WHERE random() < 0.5`,
			`UPDATE g SET s = pick(ARRAY[NULL,'','a','B','abc','äöü','abcdef']), n = n + 0.5, m = pick(ARRAY[NULL,'sad','ok']::mood[]) WHERE random() < 0.5`,
			`DELETE FROM g WHERE random() < 0.4; DELETE FROM u WHERE random() < 0.4`,
			"",
		}[r.IntN(4)]
		if sql == "" || i < 2 {
			sql = fmt.Sprintf(`INSERT INTO g (id, a, n, s, j, m, tz) SELECT i, pick(ARRAY[NULL,0,1,2,3,4]), pick(ARRAY[NULL,1.005,-2.5,33,1000]), pick(ARRAY[NULL,'a','B','abcd','é']),
				pick(ARRAY[NULL,'{}','{"k": "x"}','{"k": 1.0}']::jsonb[]), pick(ARRAY[NULL,'sad','happy']::mood[]), pick(ARRAY[NULL,'2024-03-31 01:30:00+00']::timestamptz[]) FROM generate_series(%d, %d) AS i;
				INSERT INTO u SELECT pick(ARRAY[NULL,0,1,2,3]), pick(ARRAY[NULL,0,2,4,6]) FROM generate_series(1, 4)`, next, next+7)
			next += 8
		}
		w.exec(sql)
		if w.catalog.version >= 18 {
			w.exec([]string{"INSERT INTO h VALUES (1, 1, 1, 'x'), (2, NULL, 5, NULL), (3, 3, 1, 'b')", "UPDATE h SET b = 0 WHERE id = 2", "UPDATE h SET a = a + 1, b = 2", "DELETE FROM h WHERE id = 3"}[i%4])
		}
		w.step(fmt.Sprintf("change %d: %s", i, sql))
	}
}

// TestGeneratedTables checks what a view asks of a table with generated columns: only
// what its own are computed from.
func TestGeneratedTables(t *testing.T) {
	w := newWorld(t, generatedDDL)
	for _, tt := range []struct {
		query              string
		columns, generated []int16
		remote             int
	}{
		{"SELECT id FROM g", []int16{1}, nil, 0},
		{"SELECT ga FROM g", []int16{2}, []int16{8}, 0},
		{"SELECT gk FROM g", nil, []int16{17}, 0},
		{"SELECT gc, gv, gf FROM g", []int16{2, 4}, []int16{10, 12, 16}, 1},
		{"SELECT id, gd FROM gview", []int16{1, 2}, []int16{13}, 0},
		{"SELECT id FROM gview", []int16{1}, nil, 0},
		{"SELECT count(*) FROM g WHERE gj = 'x'", []int16{5}, []int16{15}, 1},
	} {
		v, err := w.compile("one", tt.query)
		w.exec("DROP VIEW one")
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		in := v.Tables[0]
		if len(v.Tables) != 1 || !slices.Equal(in.Columns, tt.columns) || !slices.Equal(in.Generated, tt.generated) || len(v.Remote) != tt.remote || v.Settings {
			t.Errorf("%s: columns %v, generated %v, PostgreSQL evaluates %q, settings %v; want %+v", tt.query, in.Columns, in.Generated, v.Remote, v.Settings, tt)
		}
	}
}

// TestGeneratedRefused refuses expressions that are not maintained, by the names of
// column and table, where a query needs them.
func TestGeneratedRefused(t *testing.T) {
	w := newWorld(t, `
		CREATE FUNCTION volatile_later(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
		CREATE TABLE g (a int, b oid GENERATED ALWAYS AS (tableoid) STORED, c int GENERATED ALWAYS AS (volatile_later(a)) STORED);
		CREATE VIEW gv AS SELECT * FROM g;
		ALTER FUNCTION volatile_later VOLATILE`)
	for query, words := range map[string][]string{
		"SELECT b FROM g":                   {"column tableoid", "generated column b of public.g"},
		"SELECT a FROM gv WHERE c > 1":      {"volatile function public.volatile_later", "generated column c of public.g"},
		"SELECT a FROM g":                   nil,
		"SELECT a + 1 AS q, a AS r FROM gv": nil,
	} {
		_, err := w.compile("one", query)
		w.exec("DROP VIEW one")
		r := refused(err)
		if words == nil && err != nil || words != nil && (r == nil || r.Location != -1) {
			t.Errorf("%s: error %v", query, err)
		}
		for _, word := range words {
			if r != nil && !strings.Contains(r.Construct, word) {
				t.Errorf("%s: %q does not tell %q", query, r.Construct, word)
			}
		}
	}
}
