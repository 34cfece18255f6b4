package dataflow

import (
	"testing"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// benchmark steps a circuit by n rows in and the same rows out, and reports rows/s.
func benchmark(b *testing.B, c *Circuit, table any, rows []row.Row) {
	b.Helper()
	var in, gone, out zset.Batch
	for _, r := range rows {
		in.Add(r, 1)
		gone.Add(r, -1)
	}
	ctx := &Context{Context: b.Context()}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		for _, delta := range []*zset.Batch{&in, &gone} {
			out.Reset()
			if err := c.Step(ctx, map[any]*zset.Batch{table: delta}, &out); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(2*len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func benchRows(n, keys int) []row.Row {
	rows := make([]row.Row, n)
	for i := range rows {
		rows[i] = row.Append(ints(i%keys, i), row.Value("a text of some length"))
	}
	return rows
}

// BenchmarkFilterMap: the condition holds for all rows but one in ten.
func BenchmarkFilterMap(b *testing.B) {
	c := NewCircuit()
	no, yes := row.Value{0}, row.Value{1}
	ten := func(values []row.Value) (row.Value, error) {
		if intOf(values[1])%10 == 0 {
			return no, nil
		}
		return yes, nil
	}
	c.SetOutput(c.Add(NewMap([]Scalar{Column(2), Column(0)}), c.Add(NewFilter(scalarFunc(ten)), c.Input(1))))
	benchmark(b, c, 1, benchRows(10_000, 100))
}

// BenchmarkJoin changes one side; each row meets one of 100,000 rows of the other.
func BenchmarkJoin(b *testing.B) {
	c := NewCircuit()
	side := Side{Key: []Scalar{Column(0)}, Types: []*row.Type{intType}}
	c.SetOutput(c.Add(NewJoin(side, side, nil), c.Input(1), c.Input(2)))
	var right, out zset.Batch
	for _, r := range benchRows(100_000, 100_000) {
		right.Add(r, 1)
	}
	if err := c.Step(&Context{Context: b.Context()}, map[any]*zset.Batch{2: &right}, &out); err != nil {
		b.Fatal(err)
	}
	benchmark(b, c, 1, benchRows(10_000, 100_000))
}

// BenchmarkMatch: rows and their matches come and go together.
func BenchmarkMatch(b *testing.B) {
	c := NewCircuit()
	c.SetOutput(c.Add(NewMatch(MatchSemi, 0), c.Input(1), c.Input(1)))
	benchmark(b, c, 1, benchRows(10_000, 10_000))
}

// BenchmarkOneRow steps a filter, a projection and a join by one row at a time, as a
// tick does at low load: what a step costs beside its rows shows here.
func BenchmarkOneRow(b *testing.B) {
	c := NewCircuit()
	yes := scalarFunc(func([]row.Value) (row.Value, error) { return row.Value{1}, nil })
	side := Side{Key: []Scalar{Column(0)}, Types: []*row.Type{intType}}
	left := c.Add(NewMap([]Scalar{Column(0), Column(1)}), c.Add(NewFilter(yes), c.Input(1)))
	c.SetOutput(c.Add(NewJoin(side, side, nil), left, c.Input(2)))
	var right, out zset.Batch
	for _, r := range benchRows(100_000, 100_000) {
		right.Add(r, 1)
	}
	if err := c.Step(&Context{Context: b.Context()}, map[any]*zset.Batch{2: &right}, &out); err != nil {
		b.Fatal(err)
	}
	benchmark(b, c, 1, benchRows(1, 100_000))
}
