package dataflow

import (
	"context"
	"testing"

	"github.com/millrace/millrace/sql/aggregate"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// BenchmarkGroup changes 1000 rows a step, in a thousand or a million groups.
func BenchmarkGroup(b *testing.B) {
	bigint := &row.Type{Kind: row.Int8}
	for name, groups := range map[string]int{"Thousand": 1000, "Million": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			g := NewGroup(GroupSpec{Keys: []int{0}, KeyTypes: []*row.Type{intType}, Aggregates: []aggregate.Spec{
				{Function: 2803, Star: true, Filter: -1, Result: bigint},
				{Function: 2108, Args: []aggregate.Arg{{Column: 1, Type: intType}}, Filter: -1, Result: bigint},
			}})
			c, in, out, n := &Context{Context: context.Background()}, new(zset.Batch), new(zset.Batch), 0
			for b.Loop() {
				in.Reset()
				out.Reset()
				for range 1000 {
					in.Add(row.Make(intValue(n%groups), intValue(n)), 1)
					n += 7
				}
				if err := g.Step(c, []*zset.Batch{in}, out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkFirst replaces the first row of one group of 10000 rows, or adds another.
func BenchmarkFirst(b *testing.B) {
	for name, leaves := range map[string]bool{"Comes": false, "ComesAndGoes": true} {
		b.Run(name, func(b *testing.B) {
			f := NewFirst([]int{0}, []*row.Type{intType}, []Order{{Column: 1, Type: intType, Desc: true}})
			c, in, out := &Context{Context: context.Background()}, new(zset.Batch), new(zset.Batch)
			for i := range 10_000 {
				in.Add(row.Make(intValue(1), intValue(i)), 1)
			}
			for n := 10_000; b.Loop(); n++ {
				if err := f.Step(c, []*zset.Batch{in}, out); err != nil {
					b.Fatal(err)
				}
				in.Reset()
				out.Reset()
				in.Add(row.Make(intValue(1), intValue(n)), 1)
				if leaves {
					in.Add(row.Make(intValue(1), intValue(n-1)), -1)
				}
			}
		})
	}
}
