package knn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// No finite rows panic, whatever their sizes, and a search agrees with Distance.
func TestExtremes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	rows := make([]float64, 3*60)
	for i := range rows {
		rows[i] = math.Ldexp(r.NormFloat64(), r.IntN(2100)-1080)
		if r.IntN(6) == 0 {
			rows[i] = math.Copysign(math.MaxFloat64, r.NormFloat64())
		}
	}
	names := []string{"euclidean", "sqeuclidean", "manhattan", "chebyshev", "minkowski", "cosine", "angular", "inner_product", "hamming", "jaccard", "tanimoto"}
	for _, name := range names {
		p := 0.0
		if name == "minkowski" {
			p = 3
		}
		metric, err := ParseMetric(name, p)
		if err != nil {
			t.Fatal(err)
		}
		train, query := Points{Values: rows, Dim: 3}, Points{Values: rows[:30], Dim: 3}
		n, err := Search{Metric: metric, K: 5}.Run(context.Background(), train, query)
		if errors.Is(err, ErrZeroVector) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for q := range n.Len() {
			found, distances := n.At(q)
			for i, row := range found {
				if want := Distance(metric, train.Row(int(row)), query.Row(q)); want != distances[i] {
					t.Errorf("%s: distance of %d and %d = %g, want %g", name, row, q, distances[i], want)
				}
			}
		}
	}
}
