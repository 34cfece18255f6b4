package plan_test

import (
	"testing"
)

// spelled is queries that tell spellings apart, or must not.
var spelled = []string{
	"SELECT n, (SELECT e.n::text) AS q FROM e",
	"SELECT n, f::text, (SELECT count(*) FROM g WHERE g.n = e.n), (SELECT max(e.f::text || g.k) FROM g WHERE g.f = e.f) FROM e",
	"SELECT trim_scale(n) AS q, count(*) FROM e GROUP BY trim_scale(n)",
	"SELECT count(*), sum(f) FROM e GROUP BY n",
	"SELECT count(*), min(s) FROM e GROUP BY f",
	"SELECT count(*) FROM (SELECT DISTINCT n, f, iv, j FROM e) x",
	"SELECT count(*) FROM (SELECT iv FROM e INTERSECT ALL SELECT iv FROM e WHERE f > 0) x",
	"SELECT count(*) FROM e a JOIN e b ON a.n = b.n AND a.iv = b.iv",
	"SELECT a.n::text, b.n::text FROM e a JOIN e b ON a.n = b.n",
	"SELECT a.f::text, b.f::text, b.k FROM e a LEFT JOIN g b ON a.f = b.f",
	"SELECT a.f::text, a.n IN (SELECT n FROM g) AS q, a.f NOT IN (SELECT f FROM g) AS r FROM e a",
	"SELECT a.c, b.c FROM e a JOIN e b ON a.c = b.c",
	"SELECT count(*) FROM (SELECT n FROM e UNION SELECT n FROM g) x",
	"SELECT x.q, count(*) FROM (SELECT n, n::text AS q FROM e) x GROUP BY x.q",
	"SELECT l.q, l.r FROM e, LATERAL (SELECT e.n::text AS q, count(*) AS r FROM g WHERE g.n = e.n) l",
	"SELECT s, q FROM ci WHERE s = 'A'",
	"SELECT a.q, b.q AS r FROM ci a JOIN ci b ON a.s = b.s",
	"SELECT a.q FROM ci a WHERE a.s IN (SELECT s FROM ci WHERE q = 'x')",
	"SELECT s COLLATE \"C\" AS q, count(*) FROM ci GROUP BY 1",
	"SELECT q FROM ci WHERE s NOT IN (SELECT s FROM ci WHERE q = 'x')",
}

// spellings is changes of what they read.
var spellings = []string{
	"INSERT INTO e VALUES (1.5, 0, 'a', '1 mon', '1', 'x'), (1.50, '-0', 'a  ', '30 days', '1.0', 'y'), (2, 'NaN', NULL, '720:00', NULL, 'z'), (NULL, NULL, 'b', NULL, 'null', NULL)",
	"INSERT INTO g VALUES (1.5, 0, 1), (1.5, '-0', 2), (NULL, 'NaN', 3), (2, NULL, NULL)",
	"INSERT INTO ci VALUES ('a', 'x'), ('A', 'y'), ('b', 'z'), (NULL, 'n')",
	"INSERT INTO e SELECT * FROM e",
	"UPDATE e SET n = 1.500 WHERE s = 'x'",
	"DELETE FROM g WHERE k = 1",
	"DELETE FROM ci WHERE q = 'x'",
	"DELETE FROM e WHERE s = 'y'",
	"INSERT INTO g VALUES ('NaN', 1, 7), (1.500, 1, 8)",
	"DELETE FROM e",
}

// TestSpellings maintains queries over values that are equal and not the same, and
// over tables with partitions and descendants.
func TestSpellings(t *testing.T) {
	w := newWorld(t, `
CREATE TABLE e (n numeric, f float8, c char(3), iv interval, j jsonb, s text COLLATE "C");
CREATE TABLE g (n numeric(20,3), f float4, k int);
CREATE TABLE p (k int, v text) PARTITION BY LIST (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 (v text, k int); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2);
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE ci (s text COLLATE ci, q text);`, "e", "g", "ci")
	w.maintain(spelled)
	for _, sql := range spellings {
		w.exec(sql)
		w.step(sql)
	}
	for _, query := range []string{
		"SELECT s, count(*) FROM ci GROUP BY s", "SELECT DISTINCT s FROM ci", "SELECT s FROM ci UNION SELECT q FROM ci",
	} {
		_, err := w.compile("refused", query)
		if r := refused(err); r == nil {
			t.Errorf("%s: error %v, want a refusal of the collation", query, err)
		}
		w.exec("DROP VIEW refused")
	}
	v, err := w.compile("parts", "SELECT a.v, b.v AS w FROM p a JOIN ONLY p b ON a.k = b.k")
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Tables) != 2 || v.Tables[0].Inherit || !v.Tables[1].Inherit || v.Tables[0].OID != v.Tables[1].OID {
		t.Errorf("tables %v", v.Tables)
	}
}
