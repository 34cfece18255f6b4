package tpch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// loaded makes a database with the tables at a scale and the queries as views.
func loaded(t *testing.T, scale float64, seed uint64) *pgx.Conn {
	t.Helper()
	conn := pgtest.Connect(t, pgtest.Database(t))
	statements := Tables()
	for _, q := range Queries() {
		statements = append(statements, "CREATE VIEW "+q.Name+" AS "+q.SQL)
	}
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if err := Load(t.Context(), conn, scale, seed); err != nil {
		t.Fatal(err)
	}
	return conn
}

// contents returns the rows of a table or view as one text, and their number.
func contents(t *testing.T, conn *pgx.Conn, name string) (text string, rows int) {
	t.Helper()
	sql := fmt.Sprintf(`SELECT coalesce(string_agg(r::text, ' ' ORDER BY r::text COLLATE "C"), ''), count(*) FROM %s AS r`, name)
	if err := conn.QueryRow(t.Context(), sql).Scan(&text, &rows); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return text, rows
}

// TestQueries: each query has rows, at the smallest scales too, and not only NULLs.
func TestQueries(t *testing.T) {
	t.Parallel()
	for i, scale := range []float64{0.000001, 0.0005, 0.002} {
		conn := loaded(t, scale, uint64(i))
		for _, q := range Queries() {
			if text, rows := contents(t, conn, q.Name); rows == 0 || text == "()" {
				t.Errorf("scale %g: %s has %d rows: %s", scale, q.Name, rows, text)
			}
		}
	}
}

// TestSizes compares with the specification's table sizes; stories add some rows.
func TestSizes(t *testing.T) {
	t.Parallel()
	conn := loaded(t, 0.002, 7)
	for name, want := range map[string][2]int{
		"region": {5, 5}, "nation": {25, 25}, "part": {400, 410}, "supplier": {20, 30}, "partsupp": {1600, 1640},
		"customer": {300, 310}, "orders": {3000, 3100}, "lineitem": {11500, 12500},
	} {
		if _, rows := contents(t, conn, name); rows < want[0] || rows > want[1] {
			t.Errorf("%s has %d rows, want %d to %d", name, rows, want[0], want[1])
		}
	}
	var orphans int
	const sql = `SELECT count(*) FROM lineitem WHERE NOT EXISTS (SELECT FROM partsupp WHERE ps_partkey = l_partkey AND ps_suppkey = l_suppkey)
		OR NOT EXISTS (SELECT FROM orders WHERE o_orderkey = l_orderkey)`
	if err := conn.QueryRow(t.Context(), sql).Scan(&orphans); err != nil || orphans > 30 {
		t.Errorf("%d lines refer to nothing, error %v", orphans, err)
	}
}

// TestChange: each cycle changes each query and each table, and leaves no query
// without rows.
func TestChange(t *testing.T) {
	t.Parallel()
	conn := loaded(t, 0.0005, 3)
	rng := rand.New(rand.NewPCG(4, 5))
	names := []string{}
	for _, q := range Queries() {
		names = append(names, q.Name)
	}
	for _, table := range tables {
		names = append(names, table.name)
	}
	before := map[string]string{}
	for cycle := range 12 {
		for _, name := range names {
			text, rows := contents(t, conn, name)
			if text == before[name] || rows == 0 || text == "()" {
				t.Errorf("before cycle %d: %s has %d rows, changed %v", cycle, name, rows, text != before[name])
			}
			before[name] = text
		}
		if err := Change(t.Context(), conn, rng, 1+cycle*3); err != nil {
			t.Fatal(err)
		}
	}
	for _, sql := range []string{"SELECT count(*) FROM lineitem WHERE l_linenumber > 100", "SELECT count(*) FROM orders WHERE o_orderdate IS NULL OR o_custkey IS NULL OR o_comment IS NULL"} {
		var n int
		if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil || n == 0 {
			t.Errorf("%s: %d, %v, want some", sql, n, err)
		}
	}
}

// TestSame: the same seeds give the same rows, another seed others.
func TestSame(t *testing.T) {
	t.Parallel()
	var all []string
	for _, seed := range []uint64{1, 1, 2} {
		conn := loaded(t, 0.0001, seed)
		rng := rand.New(rand.NewPCG(seed, 0))
		for range 2 {
			if err := Change(t.Context(), conn, rng, 5); err != nil {
				t.Fatal(err)
			}
		}
		var text string
		for _, table := range tables {
			part, _ := contents(t, conn, table.name)
			text += part
		}
		all = append(all, text)
	}
	if all[0] != all[1] {
		t.Error("the same seed gives other rows")
	}
	if all[0] == all[2] {
		t.Error("another seed gives the same rows")
	}
}

// TestScale: only positive scales exist.
func TestScale(t *testing.T) {
	t.Parallel()
	for _, scale := range []float64{0, -1} {
		if err := Load(t.Context(), nil, scale, 0); err == nil {
			t.Errorf("Load at scale %g gives no error", scale)
		}
	}
}

// TestNames: the queries are complete and in order.
func TestNames(t *testing.T) {
	t.Parallel()
	q := Queries()
	if len(q) != 22 || q[0].Name != "q01" || q[21].Name != "q22" || !slices.IsSortedFunc(q, func(a, b Query) int { return len(a.Name) - len(b.Name) }) {
		t.Errorf("queries %v", q)
	}
}
