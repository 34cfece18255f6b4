package row_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/sql/row"
)

// connect opens a database with the types that samples name.
func connect(t *testing.T) (*pgx.Conn, int) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	if _, err := conn.Exec(ctx, `CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'A'); CREATE TYPE pair AS (n numeric, t text COLLATE "C")`); err != nil {
		t.Fatal(err)
	}
	var version int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return conn, version
}

// binary returns the only column of a query's rows, in binary format.
func binary(t *testing.T, conn *pgx.Conn, query string, args ...any) []row.Value {
	t.Helper()
	rows, err := conn.Query(context.Background(), query, append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var values []row.Value
	for rows.Next() {
		values = append(values, slices.Clone(rows.RawValues()[0]))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return values
}

// TestOracle compares, for each kind of type, what AppendKey and AppendOrder say of
// each two of many values with what PostgreSQL says.
func TestOracle(t *testing.T) {
	t.Parallel()
	const seed = 7
	conn, version := connect(t)
	g := rand.New(rand.NewPCG(seed, 0))
	tested := map[row.Kind]bool{}
	for i, s := range samples {
		if version < s.since {
			continue
		}
		literals := slices.Clone(s.literals)
		for range 40 {
			if s.random != nil {
				literals = append(literals, s.random(g))
			}
		}
		table := fmt.Sprintf("sample_%d", i)
		if _, err := conn.Exec(context.Background(), fmt.Sprintf("CREATE TABLE %s (id int, v %s)", table, s.name)); err != nil {
			t.Fatal(err)
		}
		for _, l := range literals {
			_, err := conn.Exec(context.Background(), fmt.Sprintf("INSERT INTO %s SELECT count(*), %s FROM %s", table, quote(l)+"::"+bare(s.name), table))
			if err != nil {
				t.Fatalf("%s %q: %v", s.name, l, err)
			}
		}
		tested[s.typ.Kind] = true
		t.Run(s.name, func(t *testing.T) { compare(t, conn, s, table) })
	}
	for k := row.Opaque + 1; k <= row.Multirange; k++ {
		if !tested[k] {
			t.Errorf("kind %d is not tested", k)
		}
	}
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}

func compare(t *testing.T, conn *pgx.Conn, s sample, table string) {
	less := "WHEN a.v < b.v THEN '<'"
	if s.unorder {
		less = ""
	}
	values := binary(t, conn, "SELECT v FROM "+table+" ORDER BY id")
	texts := binary(t, conn, "SELECT v::text FROM "+table+" ORDER BY id")
	want := binary(t, conn, fmt.Sprintf("SELECT string_agg(CASE WHEN a.v = b.v THEN '=' %s ELSE '>' END, '' ORDER BY b.id) FROM %s a, %s b GROUP BY a.id ORDER BY a.id", less, table, table))
	if !s.typ.Equatable() || s.typ.Ordered() == s.unorder {
		t.Fatalf("Equatable = %t, Ordered = %t", s.typ.Equatable(), s.typ.Ordered())
	}
	for i, a := range values {
		for j, b := range values {
			equal, order := bytes.Equal(s.typ.AppendKey(nil, a), s.typ.AppendKey(nil, b)), want[i][j]
			if equal != (order == '=') {
				t.Errorf("%q and %q: equal keys %t, but %c", texts[i], texts[j], equal, order)
			}
			if equal && s.typ.Exact() && !bytes.Equal(a, b) {
				t.Errorf("%q and %q are equal and other bytes, but the type is Exact", texts[i], texts[j])
			}
			if !s.unorder {
				compareOrder(t, &s.typ, a, b, map[byte]int{'<': -1, '=': 0, '>': 1}[order])
			}
		}
	}
	if !s.unorder {
		compareNulls(t, conn, s, table)
	}
}

// compareOrder checks the order of two values, alone, in front of another column,
// and descending.
func compareOrder(t *testing.T, typ *row.Type, a, b row.Value, want int) {
	t.Helper()
	for _, desc := range []bool{false, true} {
		x, y := typ.AppendOrder(nil, a, desc, false), typ.AppendOrder(nil, b, desc, false)
		if got := bytes.Compare(x, y); got != want {
			t.Errorf("%x and %x: order %d, want %d (desc %t)", a, b, got, want, desc)
		}
		// Whatever follows, it decides only between equal values.
		second := cmp.Or(want, -1)
		if got := bytes.Compare(append(x, 0), append(y, 255)); got != second {
			t.Errorf("%x and %x: order %d before another column, want %d", a, b, got, second)
		}
		want = -want
	}
}

// compareNulls checks the four places where NULL may come.
func compareNulls(t *testing.T, conn *pgx.Conn, s sample, table string) {
	t.Helper()
	for _, desc := range []bool{false, true} {
		for _, first := range []bool{false, true} {
			direction := map[bool]string{false: "ASC", true: "DESC"}[desc] + " NULLS " + map[bool]string{false: "LAST", true: "FIRST"}[first]
			got := binary(t, conn, fmt.Sprintf("SELECT v FROM (SELECT v, id FROM %s UNION ALL SELECT NULL, -1) x ORDER BY v %s, id", table, direction))
			for i := range got[1:] {
				if bytes.Compare(s.typ.AppendOrder(nil, got[i], desc, first), s.typ.AppendOrder(nil, got[i+1], desc, first)) > 0 {
					t.Errorf("%s: %x before %x", direction, got[i], got[i+1])
				}
			}
		}
	}
}

func quote(s string) string { return "E'" + escaper.Replace(s) + "'" }
