package aggregate

import (
	"testing"

	"github.com/millrace/millrace/sql/row"
)

// BenchmarkAdd adds rows to one group.
func BenchmarkAdd(b *testing.B) {
	for _, c := range []struct {
		name  string
		oid   uint32
		kind  string
		value func(i int) row.Value
	}{
		{"Count", 2147, "bigint", func(i int) row.Value { return row.Int8Value(int64(i)) }},
		{"SumInt8", 2107, "bigint", func(i int) row.Value { return row.Int8Value(int64(i)) }},
		{"SumFloat8", 2111, "double precision", func(i int) row.Value { return row.Float8Value(float64(i) * 0.1) }},
		{"StdDevFloat8", 2158, "double precision", func(i int) row.Value { return row.Float8Value(float64(i) * 0.1) }},
		{"MaxInt8", 2115, "bigint", func(i int) row.Value { return row.Int8Value(int64(i) * 0x9E3779B97F4A7C >> 3) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			f, err := New(Spec{Function: c.oid, Args: []Arg{{Type: types[c.kind]}}})
			if err != nil {
				b.Fatal(err)
			}
			values := make([][]row.Value, 1<<14)
			for i := range values {
				values[i] = []row.Value{c.value(i)}
			}
			a := f()
			b.ResetTimer()
			for i := range b.N {
				a.Add(values[i&(1<<14-1)], 1)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
