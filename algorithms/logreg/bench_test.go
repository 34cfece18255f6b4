package logreg

import (
	"context"
	"testing"
)

// BenchmarkFit reports rows/s of whole fits: one million rows, ten features.
func BenchmarkFit(b *testing.B) {
	const n, p = 1_000_000, 10
	d := simulate(1, n, p)
	d.W = nil
	for _, bb := range []struct {
		name   string
		config Config
	}{
		{"Plain", Config{Intercept: true}},
		{"OneWorker", Config{Intercept: true, Workers: 1}},
		{"L1", Config{Intercept: true, L1: 1000}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			iterations := 0
			for b.Loop() {
				m, err := bb.config.Fit(context.Background(), d)
				if err != nil {
					b.Fatal(err)
				}
				iterations = m.Iterations
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(iterations), "iterations")
		})
	}
}

// BenchmarkSeparation reports rows/s of finding complete separation in all ten
// features at once.
func BenchmarkSeparation(b *testing.B) {
	const n, p = 100_000, 10
	d := simulate(1, n, p)
	d.W = nil
	for i := range d.Y {
		sum := 0.0
		for _, x := range d.X {
			sum += x[i]
		}
		d.Y[i] = sum > 50*p
	}
	for b.Loop() {
		if _, err := (Config{Intercept: true}).Fit(context.Background(), d); err == nil {
			b.Fatal("no separation")
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
