package worker_test

import (
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// keyClient is a session of an ordinary role.
func keyClient(t *testing.T) *client {
	t.Helper()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	return open(t, url)
}

// TestArrayThatHadNull keeps a point whose array still has a bitmap of NULLs but
// no NULL any more.
func TestArrayThatHadNull(t *testing.T) {
	t.Parallel()
	c := keyClient(t)
	c.run("CREATE TABLE p (id int, v float8[]); INSERT INTO p VALUES (1, '{1,2,NULL}'), (2, '{4,5,6}'), (3, '{7,8,NULL}'); UPDATE p SET v[3] = 3 WHERE id = 1")
	const nearest = "SELECT string_agg(id, ' ') FROM ml.nearest('p', 'v', 'id', '{1,2,3}')"
	if got := c.text(nearest); got != "1 2" {
		t.Errorf("nearest %s, want 1 2", got)
	}
	c.run("BEGIN; SAVEPOINT s")
	if got := c.text(nearest); got != "1 2" {
		t.Errorf("nearest by the session %s, want 1 2", got)
	}
}

// TestEqualKeys groups values as GROUP BY does, whatever the session's settings.
func TestEqualKeys(t *testing.T) {
	t.Parallel()
	c := keyClient(t)
	c.run(`CREATE TABLE k AS SELECT i AS id, i * 1.0::float8 AS x, sin(i) AS y,
			CASE WHEN i % 2 = 0 THEN 1.0 ELSE 1.00 END AS num, CASE WHEN i % 2 = 0 THEN 0::float8 ELSE '-0'::float8 END AS zero,
			CASE WHEN i % 2 = 0 THEN 0.3::float8 ELSE 0.1::float8 + 0.2::float8 END AS close, DATE '2020-01-01' + i % 2 AS day,
			TIMESTAMPTZ '2020-01-01 00:00+00' + i % 2 * INTERVAL '30 minutes' AS at
		FROM generate_series(1, 20) AS i;
		SET extra_float_digits = 0; SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kolkata'`)
	for _, begin := range []string{"BEGIN", "BEGIN; SAVEPOINT s"} {
		c.run(begin)
		for _, column := range []string{"num", "zero", "close", "day", "at"} {
			want := c.text("SELECT count(DISTINCT " + column + ")::text FROM k")
			c.run("SELECT ml.linear_regression('k', 'y', '{x}', 'g', group_by => '{" + column + "}', replace => true)")
			if got := c.text("SELECT count(*)::text FROM g_summary"); got != want {
				t.Errorf("%s: %s gives %s groups, want %s", begin, column, got, want)
			}
			if got := c.text("SELECT count(*)::text FROM g_summary AS s WHERE NOT EXISTS (SELECT FROM k WHERE k." + column + " = s." + column + ")"); got != "0" {
				t.Errorf("%s: %s groups of %s are none of the table's", begin, got, column)
			}
		}
		c.run("SELECT ml.linear_regression('k', 'y', '{x}', 'm', group_by => '{day}', replace => true)")
		c.run("SET LOCAL DateStyle = 'German'; SELECT ml.predict('m', 'k', 'p', keep => '{id,num,close,at}', replace => true)")
		if got := c.text("SELECT count(*)::text FROM p JOIN k USING (id, num, close, at) WHERE prediction IS NOT NULL AND p.num::text = k.num::text"); got != "20" {
			t.Errorf("%s: %s of 20 rows come back as they were", begin, got)
		}
		c.run("ROLLBACK")
	}
	c.refused("22000", "SELECT ml.linear_regression('k', 'y', '{x}', 'c', covariance => 'cluster', cluster => 'num')") // one cluster
}

// TestNumericOrder breaks ties of numeric ids and labels by their value.
func TestNumericOrder(t *testing.T) {
	t.Parallel()
	c := keyClient(t)
	c.run("CREATE TABLE t AS SELECT id::numeric, 1.0::float8 AS x, id::numeric AS label FROM unnest('{100,9,10}'::int[]) AS id")
	if got := c.text("SELECT string_agg(id, ' ') FROM ml.nearest('t', 'ARRAY[x]', 'id', '{1}')"); got != "9 10 100" {
		t.Errorf("ties in the order %s, want 9 10 100", got)
	}
	c.run("SELECT ml.knn('t', 'ARRAY[x]', 'id', 't', 'ARRAY[x]', 'id', 'k', k => 3, label => 'label', task => 'classification')")
	if got := c.text("SELECT DISTINCT prediction::text FROM k"); got != "9" {
		t.Errorf("tied vote goes to %s, want 9", got)
	}
	c.run("CREATE TABLE big AS SELECT 9007199254740992 + i AS o, i AS x, sin(i) AS y FROM generate_series(1.0, 20) AS i")
	c.run("SELECT ml.linear_regression('big', 'y', '{x}', 'b', order_by => 'o')")
	c.run("CREATE DOMAIN one_or_two AS int CHECK (VALUE IN (1, 2)); CREATE TABLE d AS SELECT i AS id, i::float8 AS x, i::one_or_two AS l FROM generate_series(1, 2) AS i")
	c.run("SELECT ml.knn('d', 'ARRAY[x]', 'id', 'd', 'ARRAY[x]', 'id', 'dk', k => 2, label => 'l', task => 'regression')")
	if got := c.text("SELECT DISTINCT prediction::text FROM dk"); got != "1.5" {
		t.Errorf("mean %s, want 1.5", got)
	}
	c.refused("42804", "SELECT ml.knn('t', 'ARRAY[x]', 'ARRAY[id]', 't', 'ARRAY[x]', 'id', 'z')")
}

// TestNullGroup gives no prediction where the group is NULL, and says so.
func TestNullGroup(t *testing.T) {
	t.Parallel()
	c := keyClient(t)
	c.run(`CREATE TABLE t AS SELECT i % 2 AS g, i::float8 AS x, i * (1 + i % 2) + sin(i) AS y FROM generate_series(1, 20) AS i;
		SELECT ml.linear_regression('t', 'y', '{x}', 'm', group_by => '{g}');
		CREATE TABLE fresh (g int, x float8); INSERT INTO fresh VALUES (NULL, 10), (0, 10)`)
	if got := c.text("SELECT details ->> 'null_predictions' FROM ml.predict('m', 'fresh', 'p')"); got != `{"null_group": 1}` {
		t.Errorf("counted %s", got)
	}
	if got := c.text("SELECT count(*)::text FROM p WHERE g IS NULL AND prediction IS NULL"); got != "1" {
		t.Error("a row without a group has a prediction")
	}
}

// TestMixedModels applies to each group its own model's levels.
func TestMixedModels(t *testing.T) {
	t.Parallel()
	c := keyClient(t)
	c.run(`CREATE TABLE one AS SELECT 'A' AS g, (ARRAY['a', 'b'])[1 + i % 2] AS f, (i % 2) * 100 + sin(i) AS y FROM generate_series(1, 20) AS i;
		CREATE TABLE two AS SELECT 'B' AS g, (ARRAY['b', 'c'])[1 + i % 2] AS f, (i % 2) * 100 + sin(i) AS y FROM generate_series(1, 20) AS i;
		SELECT ml.linear_regression('one', 'y', '{f}', 'm1', group_by => '{g}');
		SELECT ml.linear_regression('two', 'y', '{f}', 'm2', group_by => '{g}');
		CREATE TABLE both_models AS TABLE m1_summary UNION ALL TABLE m2_summary;
		CREATE TABLE fresh (g text, f text); INSERT INTO fresh VALUES ('A', 'b'), ('B', 'b'), ('B', 'c'), ('A', 'c');
		SELECT ml.predict('both_models', 'fresh', 'p', keep => '{f}')`)
	if got := c.text("SELECT string_agg(coalesce(round(prediction::numeric / 100)::text, '-'), ' ' ORDER BY g, f) FROM p"); got != "1 - 0 1" {
		t.Errorf("predictions %s, want 1 - 0 1 hundreds", got)
	}
	c.run("INSERT INTO both_models TABLE m1_summary")
	c.refused("22000", "SELECT ml.predict('both_models', 'fresh', 'p2')")
}

// TestLinkLimits keeps limits of the log odds where the probability is 1 in float64.
func TestLinkLimits(t *testing.T) {
	t.Parallel()
	c := keyClient(t)
	c.run(`SELECT ml.load_dataset('mtcars'); SELECT ml.logistic_regression('mtcars', 'am = 1', '{wt}', 'm');
		CREATE TABLE far AS SELECT -30.0::float8 AS wt; SELECT ml.predict('m', 'far', 'p', type => 'link', intervals => 'confidence')`)
	if got := c.text("SELECT (abs(conf_high - (prediction + 1.959963984540054 * std_error)) < 1e-9 * conf_high AND conf_high < 'Infinity')::text FROM p"); got != "true" {
		t.Error("the upper limit is not z standard errors above the prediction")
	}
}

// TestCatalogValues reads by the session what a reader would see otherwise:
// labels that the transaction has renamed, names of relations, its own catalog rows.
func TestCatalogValues(t *testing.T) {
	t.Parallel()
	c := keyClient(t)
	c.run(`CREATE TYPE flavour AS ENUM ('sweet', 'sour');
		CREATE TABLE t AS SELECT i::float8 AS x, (i % 2) * 10.0::float8 AS y, (ARRAY['sweet', 'sour'])[1 + i % 2]::flavour AS f FROM generate_series(1, 20) AS i;
		CREATE TABLE shade (a int); CREATE TABLE r AS SELECT i::float8 AS x, sin(i) AS y, 'shade'::regclass AS rel FROM generate_series(1, 20) AS i`)
	c.run("BEGIN; ALTER TYPE flavour RENAME VALUE 'sweet' TO 'x'; ALTER TYPE flavour RENAME VALUE 'sour' TO 'sweet'; ALTER TYPE flavour RENAME VALUE 'x' TO 'sour'")
	c.run("SELECT ml.linear_regression('t', 'y', '{}', 'm', group_by => '{f}')")
	if got := c.text("SELECT string_agg(f || '=' || estimate, ' ' ORDER BY f::text) FROM m"); got != "sour=0 sweet=10" {
		t.Errorf("after the labels were swapped: %s, want sour=0 sweet=10", got)
	}
	c.run("ROLLBACK; CREATE TEMPORARY TABLE shade (a int)")
	c.run("SELECT ml.linear_regression('r', 'y', '{x}', 'g', group_by => '{rel}')")
	if got := c.text("SELECT count(*)::text FROM g_summary JOIN r ON r.rel = g_summary.rel"); got != "20" {
		t.Error("the group is another relation of the same name")
	}
	c.run("BEGIN; CREATE TABLE zzz_mine (a int)")
	if got := c.text("SELECT count(*)::text FROM ml.nearest('pg_catalog.pg_class', 'ARRAY[1]', 'relname', '{1}', k => 100000) WHERE id = 'zzz_mine'"); got != "1" {
		t.Error("the transaction's own table is not in pg_class")
	}
	c.run("ROLLBACK")
}
