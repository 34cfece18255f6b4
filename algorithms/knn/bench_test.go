package knn

import (
	"context"
	"math/rand/v2"
	"testing"
)

// BenchmarkSearch searches 100,000 rows of 64 normal coordinates for the 5 nearest
// of 1,000 rows (100 where a metric is costly) and reports pairs of rows per
// second.
func BenchmarkSearch(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	train, query := normalPoints(r, 100_000, 64), normalPoints(r, 1000, 64)
	for _, bb := range []struct {
		name    string
		p       float64
		queries int
	}{
		{"euclidean", 0, 1000},
		{"manhattan", 0, 1000},
		{"chebyshev", 0, 1000},
		{"cosine", 0, 1000},
		{"inner_product", 0, 1000},
		{"tanimoto", 0, 1000},
		{"hamming", 0, 100},
		{"jaccard", 0, 100},
		{"minkowski", 3, 100},
		{"minkowski", 2.5, 100},
		{"euclidean", 0, 1}, // One query on all cores.
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := Search{Metric: mustMetric(b, bb.name, bb.p), K: 5}
			q := Points{query.Values[:bb.queries*query.Dim], query.Dim}
			for b.Loop() {
				if _, err := s.Run(context.Background(), train, q); err != nil {
					b.Fatal(err)
				}
			}
			pairs := float64(train.Len()) * float64(bb.queries)
			b.ReportMetric(pairs*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func normalPoints(r *rand.Rand, n, dim int) Points {
	p := Points{Values: make([]float64, n*dim), Dim: dim}
	for i := range p.Values {
		p.Values[i] = r.NormFloat64()
	}
	return p
}
