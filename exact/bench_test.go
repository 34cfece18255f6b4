package exact

import (
	"math/rand/v2"
	"testing"
)

var benchmarkDraws = []struct {
	name string
	draw func(*rand.Rand) float64
}{
	{name: "Normal", draw: func(r *rand.Rand) float64 { return r.NormFloat64() }},
	{name: "Decimal", draw: similar},
	{name: "Dummy", draw: func(r *rand.Rand) float64 { return float64(r.IntN(2)) }},
	{name: "Wide", draw: func(r *rand.Rand) float64 { return r.NormFloat64() * r.ExpFloat64() * 1e-20 / r.Float64() }},
	{name: "Any", draw: anyFloat},
}

func BenchmarkAddDot(b *testing.B) {
	for _, bb := range benchmarkDraws {
		x, y := columns(rand.New(rand.NewPCG(1, 1)), 1<<14, bb.draw)
		b.Run(bb.name, func(b *testing.B) {
			var s Sum
			for b.Loop() {
				s.AddDot(x, y)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/element")
		})
	}
}

func BenchmarkAddAll(b *testing.B) {
	for _, bb := range benchmarkDraws {
		x, _ := columns(rand.New(rand.NewPCG(1, 1)), 1<<14, bb.draw)
		b.Run(bb.name, func(b *testing.B) {
			var s Sum
			for b.Loop() {
				s.AddAll(x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/element")
		})
	}
}

func BenchmarkFloat64(b *testing.B) {
	var s Sum
	x, y := columns(rand.New(rand.NewPCG(1, 1)), 1<<10, similar)
	s.AddDot(x, y)
	for b.Loop() {
		_ = s.Float64()
	}
}
