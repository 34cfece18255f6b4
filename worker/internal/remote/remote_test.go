package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/dictionary"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// A bed is a database with a table s.t, read as the worker reads it.
type bed struct {
	*testing.T
	conn      *pgx.Conn
	evaluator *Evaluator
	columns   []*row.Type
	rows      []row.Row // of s.t, in the order of its first column
}

// newBed runs a script that makes s.t.
func newBed(t *testing.T, script string) *bed {
	t.Helper()
	url := pgtest.Database(t)
	pgtest.Exec(t, url, "CREATE SCHEMA s; SET search_path = s, public; "+script)
	b := &bed{T: t, conn: pgtest.Connect(t, url)}
	if _, err := b.conn.Exec(t.Context(), "SET search_path = pg_catalog"); err != nil {
		t.Fatal(err)
	}
	b.evaluator = New(func(context.Context) (*pgx.Conn, func(), error) { return b.conn, func() {}, nil })
	var oid uint32
	if err := b.conn.QueryRow(t.Context(), "SELECT 's.t'::regclass::oid").Scan(&oid); err != nil {
		t.Fatal(err)
	}
	relation, err := dictionary.New(t.Context(), b.conn).Relation(oid)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range relation.Columns {
		b.columns = append(b.columns, c.Type)
	}
	b.rows = b.query("SELECT * FROM s.t ORDER BY 1")
	return b
}

// query returns a query's rows in binary.
func (b *bed) query(sql string) []row.Row {
	b.Helper()
	result := b.conn.PgConn().ExecParams(b.Context(), sql, nil, nil, nil, []int16{1}).Read()
	if result.Err != nil {
		b.Fatalf("%s: %v", sql, result.Err)
	}
	var rows []row.Row
	for _, values := range result.Rows {
		r := row.Row{}
		for _, v := range values {
			r = row.Append(r, v)
		}
		rows = append(rows, r)
	}
	return rows
}

// batch puts rows into a batch, each with weight 1.
func batch(rows ...row.Row) *zset.Batch {
	var b zset.Batch
	for _, r := range rows {
		b.Add(r, 1)
	}
	return &b
}

// scalars evaluates over all rows of the table.
func (b *bed) scalars(expressions ...string) ([]row.Row, []string) {
	b.Helper()
	call := &dataflow.ScalarCall{Columns: b.columns, Expressions: expressions}
	results, failed, err := b.evaluator.Scalars(b.Context(), call, batch(b.rows...))
	if err != nil {
		b.Fatal(err)
	}
	return results, failed
}

// checkScalars compares with the query over the table, whose columns have the names
// that expressions use.
func (b *bed) checkScalars(expressions ...string) {
	b.Helper()
	results, failed := b.scalars(expressions...)
	want := b.query("SELECT (" + strings.Join(expressions, "), (") + ") FROM s.t ORDER BY t.c0")
	for i := range want {
		if failed[i] != "" || string(results[i]) != string(want[i]) {
			b.Errorf("row %d of %s: %q, error %q, want %q", i, expressions, results[i], failed[i], want[i])
		}
	}
}

// nasty has a column of each kind that takes another way to PostgreSQL.
const nasty = `
	CREATE TYPE pair AS (a int, b text[]); CREATE TYPE mood AS ENUM ('sad', 'ok');
	CREATE DOMAIN given AS int NOT NULL CHECK (VALUE IS NOT NULL); CREATE DOMAIN somepair AS pair; CREATE DOMAIN list AS int[] CHECK (array_length(VALUE, 1) IS DISTINCT FROM 9);
	CREATE DOMAIN code AS varchar(5) COLLATE "C"; CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	CREATE FUNCTION kind(anyelement) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_typeof($1)::text';
	CREATE TABLE filled (c0 int, c1 given); INSERT INTO filled VALUES (1, 1), (3, 3);
	CREATE TABLE t (c0 int, c1 numeric(10,2), c2 text COLLATE "C", c3 char(4), c4 pair, c5 mood, c6 int, c7 somepair, c8 list, c9 int[],
		c10 code, c11 text COLLATE loose, c12 jsonb, c13 int4multirange, c14 text[] COLLATE "C", c15 mood[], c16 name, c17 "char", c18 bit(3), c19 interval);
	INSERT INTO t VALUES (2); INSERT INTO t VALUES
		(1, 1.50, 'B', 'a', (1, '{x,NULL}'), 'ok', 7, (NULL, NULL), '{1}', '[5:6]={1,2}', 'b', 'É', '{"a": [1.0]}', '{[1,3)}', '{b,A}', '{ok,NULL}', 'n', 'x', B'101', '1 mon'),
		(3, 'NaN', '', '', (NULL, '{}'), 'sad', NULL, (2, '{}'), '{}', '{{1,2},{3,NULL}}', 'B', 'é', 'null', '{}', '{}', '{}', '', '', B'000', '30 days'),
		(4, -0.01, E'a\n\\', 'aa  ', NULL, 'sad', 7, NULL, '{1}', '{}', '', '', '[]', NULL, '{B,a}', NULL, 'N', '-', B'111', '-1 us');`

// TestScalarTypes passes every kind of value, whole or through functions that see
// the column's exact type and collation.
func TestScalarTypes(t *testing.T) {
	t.Parallel()
	// A NULL of a NOT NULL domain exists only behind an outer join.
	b := newBed(t, nasty)
	for i := range b.columns {
		c := fmt.Sprint("c", i)
		b.checkScalars(c, c+"::text", c+" IS NULL", "s.kind("+c+")")
	}
	b.checkScalars("c2 < 'a'", "c10 < 'a'", "c11 = 'É'", "c14 < '{a}'", "c4 = ROW(1, '{x,NULL}'::text[])::s.pair", "c4 IS NOT NULL", "c7 IS NULL",
		"c7 IS DISTINCT FROM NULL", "array_dims(c9)", "c8[1] + c9[5]", "c5 < 'ok'", "c12 -> 'a'", "length(c3)", "c13 @> 1")
}

// TestNullDomain passes a NULL that the domain's own check forbids.
func TestNullDomain(t *testing.T) {
	t.Parallel()
	b := newBed(t, nasty)
	b.columns = []*row.Type{b.columns[0], nil}
	var oid uint32
	if err := b.conn.QueryRow(t.Context(), "SELECT 's.given'::regtype::oid").Scan(&oid); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.columns[1], err = dictionary.New(t.Context(), b.conn).Type(oid, -1, 0); err != nil {
		t.Fatal(err)
	}
	const from = " FROM s.t LEFT JOIN s.filled USING (c0) ORDER BY t.c0"
	b.rows = b.query("SELECT t.c0, filled.c1" + from)
	results, failed := b.scalars("c1", "c1 + c0", "s.kind(c1)", "c1 IS NULL")
	want := b.query("SELECT filled.c1, filled.c1 + t.c0, s.kind(filled.c1), filled.c1 IS NULL" + from)
	for i := range want {
		if failed[i] != "" || string(results[i]) != string(want[i]) {
			t.Errorf("row %d: %q, error %q, want %q", i, results[i], failed[i], want[i])
		}
	}
}

// TestScalarErrors has failing rows at random places, from none to all, and more
// rows than one statement takes.
func TestScalarErrors(t *testing.T) {
	t.Parallel()
	b := newBed(t, "CREATE TABLE t AS SELECT i AS c0, 1 AS c1, ARRAY[i % 3] AS c2 FROM generate_series(1, 23000) AS i")
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, tt := range []struct {
		n       int
		percent int
	}{{23000, 0}, {12000, 1}, {500, 50}, {300, 100}, {1, 100}, {1, 0}, {0, 0}} {
		for _, expression := range []string{"100 / c1", "100 / (c1 + c2[1] * 0)"} {
			if tt.n > 12000 && strings.Contains(expression, "c2") {
				continue
			}
			var in zset.Batch
			var bad []bool
			for i := range tt.n {
				values := b.rows[i].Split(nil)
				bad = append(bad, rng.IntN(100) < tt.percent)
				if bad[i] {
					values[1] = make([]byte, 4)
				}
				in.Add(row.Make(values...), int64(i%5-7))
			}
			call := &dataflow.ScalarCall{Columns: b.columns, Expressions: []string{"c0", expression}}
			results, failed, err := b.evaluator.Scalars(t.Context(), call, &in)
			if err != nil || len(results) != tt.n || len(failed) != tt.n {
				t.Fatalf("seed %d: %d results, %d failed of %d, error %v", seed, len(results), len(failed), tt.n, err)
			}
			hundred := binary.BigEndian.AppendUint32(nil, 100)
			for i := range tt.n {
				want := row.Make(b.rows[i].Split(nil)[0], hundred)
				if bad[i] && (failed[i] != "division by zero" || results[i] != nil) || !bad[i] && (failed[i] != "" || string(results[i]) != string(want)) {
					t.Fatalf("seed %d: %d%% of %d rows fail: row %d (bad %v): %q, error %q", seed, tt.percent, tt.n, i, bad[i], results[i], failed[i])
				}
			}
		}
	}
}

// TestOrder: an expression is not evaluated before its turn.
func TestOrder(t *testing.T) {
	t.Parallel()
	b := newBed(t, "CREATE TABLE t AS SELECT i AS c0, i % 2 AS c1, ARRAY[0] AS c2 FROM generate_series(1, 4) AS i")
	b.checkScalars("CASE WHEN c1 = 0 THEN 0 ELSE 1 / c1 END", "c2[1] = 0 OR 1 / c2[1] > 0")
	b.rows = b.rows[:1]
	results, failed := b.scalars("CASE WHEN c2[1] = 0 THEN 0 ELSE 1 / c2[1] END", "c2[1] = 0 OR 1 / c2[1] > 0")
	if failed[0] != "" || len(results[0]) == 0 {
		t.Errorf("one row: %q, error %q, want none", results[0], failed[0])
	}
}

// TestErrorAlone: errors that are no row's, and a connection that can go on.
func TestErrorAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t, "CREATE TABLE t AS SELECT 1 AS c0;"+
		"CREATE FUNCTION raise(text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE EXCEPTION USING ERRCODE = $1, MESSAGE = ''''; END'")
	call := &dataflow.ScalarCall{Columns: b.columns[:1], Expressions: []string{"c0"}}
	value := b.rows[0].Split(nil)[0]
	one := batch(b.rows[0])
	for _, tt := range []struct {
		expression string
		code       string // of the error; "" for the row's
	}{
		{"nothing(c0)", "42883"}, {"c0 +", "42601"}, {"s.raise('40001')", "40001"}, {"s.raise('53200')", "53200"},
		{"s.raise('57014')", "57014"}, {"s.raise('22012')", ""}, {"s.raise('P0001')", ""}, {"s.raise('XX000')", ""},
	} {
		call.Expressions[0] = tt.expression
		_, failed, err := b.evaluator.Scalars(t.Context(), call, one)
		var e *pgconn.PgError
		switch {
		case tt.code != "" && (!errors.As(err, &e) || e.Code != tt.code):
			t.Errorf("%s: %v, want error %s", tt.expression, err, tt.code)
		case tt.code == "" && (err != nil || !strings.HasPrefix(failed[0], "error ")):
			t.Errorf("%s: %q, %v, want a row's error without a message", tt.expression, failed, err)
		}
	}
	record := &row.Type{OID: 2249, Name: "record", BaseName: "record"}
	wide := &dataflow.ScalarCall{Columns: []*row.Type{b.columns[0], record}, Expressions: []string{"c0"}}
	if _, _, err := b.evaluator.Scalars(t.Context(), wide, batch(row.Make(value, nil))); !errors.Is(err, ErrType) {
		t.Errorf("a column of type record: %v, want ErrType", err)
	}
	if _, _, err := b.evaluator.Scalars(t.Context(), wide, one); err == nil {
		t.Error("a row of one value for two columns gives no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	call.Expressions[0] = "c0 + 1"
	if _, _, err := b.evaluator.Scalars(ctx, call, one); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestConnection: a transaction is refused, a lost connection is no row's error.
func TestConnection(t *testing.T) {
	t.Parallel()
	b := newBed(t, "CREATE TABLE t AS SELECT i AS c0 FROM generate_series(1, 3) AS i")
	call := &dataflow.ScalarCall{Columns: b.columns, Expressions: []string{"pg_sleep(c0 * 0)", "CASE c0 WHEN 2 THEN pg_terminate_backend(pg_backend_pid()) END"}}
	begin := func(sql string) {
		if _, err := b.conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	begin("BEGIN")
	if _, _, err := b.evaluator.Scalars(t.Context(), call, batch(b.rows...)); err == nil || !strings.Contains(err.Error(), "transaction") {
		t.Errorf("in a transaction: %v", err)
	}
	begin("COMMIT")
	if _, _, err := b.evaluator.Scalars(t.Context(), call, batch(b.rows...)); err == nil || !b.conn.IsClosed() {
		t.Errorf("terminated: %v, want an error", err)
	}
	refused := errors.New("no connection")
	e := New(func(context.Context) (*pgx.Conn, func(), error) { return nil, nil, refused })
	if _, _, err := e.Scalars(t.Context(), call, batch(b.rows...)); !errors.Is(err, refused) {
		t.Errorf("no connection: %v", err)
	}
}

// TestAggregates compares with GROUP BY over the table, whose c0 is the group; some
// groups have no rows, rows have weights, and some groups fail.
func TestAggregates(t *testing.T) {
	t.Parallel()
	b := newBed(t, `CREATE TYPE pair AS (a int, b text); CREATE TABLE t AS
		SELECT g AS c0, i AS c1, CASE WHEN i % 3 > 0 THEN repeat('x', i % 5) COLLATE "C" END AS c2, ARRAY[i % 2, NULL] AS c3, ROW(i, NULL)::pair AS c4, g % 7 AS c5
		FROM generate_series(1, 400) AS g, generate_series(1, 10 + g % 40) AS i`)
	expressions := []string{"count(*)", "sum(c1)", "string_agg(c2, ',' ORDER BY c1, c2)", "array_agg(c3 ORDER BY c1)", "jsonb_agg(c4 ORDER BY c1) FILTER (WHERE c1 > 3)",
		"count(DISTINCT c2)", "percentile_disc(0.5) WITHIN GROUP (ORDER BY c1)", "10 / min(c5)"}
	var groups []*zset.Batch
	for range 501 {
		groups = append(groups, &zset.Batch{})
	}
	for _, r := range b.rows {
		// Group 0 and those from 401 on remain empty.
		values := r.Split(nil)
		weight := int64(1)
		if binary.BigEndian.Uint32(values[1]) == 2 {
			weight = 3
		}
		groups[binary.BigEndian.Uint32(values[0])].Add(r, weight)
	}
	call := &dataflow.AggregateCall{Columns: b.columns, Expressions: expressions}
	results, failed, err := b.evaluator.Aggregates(t.Context(), call, groups)
	if err != nil {
		t.Fatal(err)
	}
	const from = " FROM s.t CROSS JOIN LATERAL generate_series(1, CASE c1 WHEN 2 THEN 3 ELSE 1 END) AS r"
	list := strings.Join(expressions, ", ")
	want := map[uint32]row.Row{}
	for _, r := range b.query("SELECT c0, " + list + from + " WHERE c5 <> 0 GROUP BY c0") {
		values := r.Split(nil)
		want[binary.BigEndian.Uint32(values[0])] = row.Make(values[1:]...)
	}
	none := b.query("SELECT " + list + from + " WHERE false")[0]
	for g := range groups {
		expected, message := want[uint32(g)], ""
		switch {
		case groups[g].Len() == 0:
			expected = none
		case expected == nil:
			message = "division by zero"
		}
		if !slices.Equal(results[g], expected) || failed[g] != message {
			t.Errorf("group %d of %d rows: %q, error %q, want %q, error %q", g, groups[g].Len(), results[g], failed[g], expected, message)
		}
	}
}

// TestAggregateErrors has groups fail while they are hashed, so before any result.
func TestAggregateErrors(t *testing.T) {
	t.Parallel()
	b := newBed(t, "CREATE TABLE t AS SELECT g AS c0, CASE WHEN g % 97 = 50 AND i = 5 THEN 0 ELSE 1 END AS c1 FROM generate_series(0, 999) AS g, generate_series(1, 8) AS i")
	groups := make([]*zset.Batch, 1000)
	for i := range groups {
		groups[i] = &zset.Batch{}
	}
	for _, r := range b.rows {
		groups[binary.BigEndian.Uint32(r.Split(nil)[0])].Add(r, 1)
	}
	call := &dataflow.AggregateCall{Columns: b.columns, Expressions: []string{"sum(10 / c1)"}}
	results, failed, err := b.evaluator.Aggregates(t.Context(), call, groups)
	if err != nil {
		t.Fatal(err)
	}
	for g := range groups {
		message, want := "division by zero", row.Row(nil)
		if g%97 != 50 {
			message, want = "", row.Make(binary.BigEndian.AppendUint64(nil, 80))
		}
		if failed[g] != message || !slices.Equal(results[g], want) {
			t.Errorf("group %d: %q, error %q, want error %q", g, results[g], failed[g], message)
		}
	}
}

// TestPosition: n numbers a group's rows in the order of the batch.
func TestPosition(t *testing.T) {
	t.Parallel()
	b := newBed(t, "CREATE TABLE t AS SELECT i AS c0 FROM generate_series(1, 2000) AS i")
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(b.rows), func(i, j int) { b.rows[i], b.rows[j] = b.rows[j], b.rows[i] })
	call := &dataflow.AggregateCall{Columns: b.columns, Expressions: []string{"array_send(array_agg(c0 ORDER BY n))"}}
	results, failed, err := b.evaluator.Aggregates(t.Context(), call, []*zset.Batch{batch(b.rows[:1500]...), batch(b.rows[1500:]...)})
	if err != nil || failed[0] != "" {
		t.Fatal(failed, err)
	}
	for i, rows := range [][]row.Row{b.rows[:1500], b.rows[1500:]} {
		var values []row.Value
		for _, r := range rows {
			values = append(values, r.Split(nil)[0])
		}
		want := row.MakeArray(23, values...)
		want[7] = 0
		if got := results[i].Split(nil)[0]; string(got) != string(want) {
			t.Errorf("group %d is not in the order of its batch", i)
		}
	}
}

// TestNegativeWeight: a group holds what is there.
func TestNegativeWeight(t *testing.T) {
	t.Parallel()
	b := newBed(t, "CREATE TABLE t AS SELECT 1 AS c0")
	var g zset.Batch
	g.Add(b.rows[0], -1)
	call := &dataflow.AggregateCall{Columns: b.columns, Expressions: []string{"count(*)"}}
	if _, _, err := b.evaluator.Aggregates(t.Context(), call, []*zset.Batch{&g}); err == nil {
		t.Error("a negative weight gives no error")
	}
}
