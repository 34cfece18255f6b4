package linreg

import (
	"math/rand/v2"
	"testing"
)

// gaussian draws n rows of p features.
func gaussian(n, p int) Data {
	r := rand.New(rand.NewPCG(1, 1))
	d := Data{X: make([][]float64, p), Y: make([]float64, n), Cluster: make([]int32, n)}
	for j := range d.X {
		d.X[j] = make([]float64, n)
		for i := range n {
			d.X[j][i] = r.NormFloat64()
			d.Y[i] += d.X[j][i]
		}
	}
	for i := range n {
		d.Y[i] += r.NormFloat64()
		d.Cluster[i] = int32(r.IntN(10_000))
	}
	return d
}

func BenchmarkFit(b *testing.B) {
	for _, bb := range []struct {
		name string
		n, p int
		c    Covariance
	}{
		{name: "1000000x10", n: 1_000_000, p: 10},
		{name: "1000000x10/HC1", n: 1_000_000, p: 10, c: HC1},
		{name: "1000000x10/HC3", n: 1_000_000, p: 10, c: HC3},
		{name: "1000000x10/cluster", n: 1_000_000, p: 10, c: Clustered},
		{name: "10000x100", n: 10_000, p: 100},
		{name: "30x3", n: 30, p: 3},
	} {
		d := gaussian(bb.n, bb.p)
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				mustFit(b, Regression{Intercept: true, Covariance: bb.c}, d)
			}
			b.ReportMetric(float64(bb.n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkWide has many terms: nearly all time goes to the system.
func BenchmarkWide(b *testing.B) {
	d := gaussian(1000, 300)
	for b.Loop() {
		mustFit(b, Regression{Intercept: true}, d)
	}
}
