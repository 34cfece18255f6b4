package knn

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// everyMetric lists the metrics of both parsers, minkowski in each of its forms.
var everyMetric = []struct {
	name string
	p    float64
}{
	{"euclidean", 0}, {"sqeuclidean", 0}, {"manhattan", 0}, {"chebyshev", 0},
	{"minkowski", 1.25}, {"minkowski", 3}, {"minkowski", 7.5}, {"minkowski", 16},
	{"minkowski", 40}, {"minkowski", 700}, {"minkowski", 1e7}, {"minkowski", 1e14},
	{"cosine", 0}, {"angular", 0}, {"inner_product", 0}, {"hamming", 0}, {"jaccard", 0}, {"tanimoto", 0},
	{"dist_angle", 0}, {"cosine_similarity", 0}, {"dist_tanimoto", 0},
}

// plain is the law in the doc of the package, word for word. It shares nothing
// with Run but Distance.
func plain(s Search, train, query Points) Neighbors {
	out := Neighbors{Offset: []int{0}}
	for i := range query.Len() {
		var found []neighbour
		for j := range train.Len() {
			if s.TrainKey != nil && s.TrainKey[j] == s.QueryKey[i] {
				continue
			}
			x := neighbour{Distance(s.Metric, query.Row(i), train.Row(j)), int32(j), int32(j)}
			if s.Rank != nil {
				x.rank = s.Rank[j]
			}
			found = append(found, x)
		}
		slices.SortStableFunc(found, func(a, b neighbour) int {
			if c := comparePostgres(a.distance, b.distance); c != 0 {
				return c
			}
			return int(a.rank) - int(b.rank)
		})
		for _, x := range found[:min(s.K, len(found))] {
			out.Row = append(out.Row, x.row)
			out.Distance = append(out.Distance, x.distance)
		}
		out.Offset = append(out.Offset, len(out.Row))
	}
	return out
}

// comparePostgres orders numbers as PostgreSQL does: NaN last.
func comparePostgres(a, b float64) int {
	switch {
	case a < b || !math.IsNaN(a) && math.IsNaN(b):
		return -1
	case a > b || math.IsNaN(a) && !math.IsNaN(b):
		return 1
	}
	return 0
}

// sameBits reports whether two answers are equal, distances bit for bit.
func sameBits(a, b Neighbors) bool {
	return slices.Equal(a.Offset, b.Offset) && slices.Equal(a.Row, b.Row) &&
		slices.EqualFunc(a.Distance, b.Distance, func(x, y float64) bool {
			return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
		})
}

// adversary draws train rows against a query.
type adversary struct {
	name string
	row  func(r *rand.Rand, q []float64) []float64
}

// adversaries makes float64 sums lie: in each, some rows are equally far in exact
// arithmetic, or differ in the last bit of the distance, and float64 says
// otherwise.
var adversaries = []adversary{
	{"Normal", func(r *rand.Rand, q []float64) []float64 {
		return each(q, func(float64) float64 { return r.NormFloat64() })
	}},
	{"Grid", func(r *rand.Rand, q []float64) []float64 {
		return each(q, func(float64) float64 { return float64(r.IntN(4)) })
	}},
	{"Decimal", func(r *rand.Rand, q []float64) []float64 {
		return each(q, func(float64) float64 { return float64(r.IntN(9)-4) / 10 })
	}},
	{"Duplicate", func(r *rand.Rand, q []float64) []float64 { return slices.Clone(q) }},
	// The same coordinates in another order around a constant query.
	{"Permuted", func(r *rand.Rand, q []float64) []float64 {
		out := make([]float64, len(q))
		for i, j := range r.Perm(len(q)) {
			out[i] = q[i] + float64(j+1)*0x1.3p-3 + float64(j*j)*0x1p-40
		}
		return out
	}},
	// A few last bits away from the query.
	{"LastBits", func(r *rand.Rand, q []float64) []float64 {
		return each(q, func(v float64) float64 { return ulps(v, r.IntN(5)-2) })
	}},
	// Parallel to the query but for last bits: the cosine is 1 − 2^-53 or so.
	{"Parallel", func(r *rand.Rand, q []float64) []float64 {
		c := 1 + 7*r.Float64()
		return each(q, func(v float64) float64 { return ulps(c*v, r.IntN(3)-1) })
	}},
	// Pairs that cancel in the inner product.
	{"Cancelling", func(r *rand.Rand, q []float64) []float64 {
		out := make([]float64, len(q))
		for i := 0; i+1 < len(q); i += 2 {
			c := r.NormFloat64()
			out[i], out[i+1] = ulps(c*q[i+1], r.IntN(3)-1), -c*q[i]
		}
		return out
	}},
	// 1e-150 to 1e150 in one row.
	{"Wide", func(r *rand.Rand, q []float64) []float64 {
		return each(q, func(float64) float64 { return math.Copysign(math.Pow(10, 300*r.Float64()-150), r.NormFloat64()) })
	}},
	// One size per row, from 1e-150 to 1e150.
	{"Sizes", func(r *rand.Rand, q []float64) []float64 {
		c := math.Pow(10, 300*r.Float64()-150)
		return each(q, func(float64) float64 { return c * r.NormFloat64() })
	}},
	// All of float64: squares overflow and underflow, differences too.
	{"Any", func(r *rand.Rand, q []float64) []float64 {
		return each(q, func(float64) float64 {
			for {
				if v := math.Float64frombits(r.Uint64()); v-v == 0 {
					return v
				}
			}
		})
	}},
	// Products have a few bits left, or none.
	{"Underflowing", func(r *rand.Rand, q []float64) []float64 {
		return each(q, func(float64) float64 { return r.NormFloat64() * 0x1p-536 })
	}},
	{"Tiny", func(r *rand.Rand, q []float64) []float64 {
		return each(q, func(float64) float64 { return float64(r.IntN(9)-4) * 0x1p-1074 })
	}},
	{"Sparse", func(r *rand.Rand, q []float64) []float64 {
		return each(q, func(v float64) float64 { return v * float64(r.IntN(8)/7) })
	}},
}

// each maps f over x.
func each(x []float64, f func(float64) float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = f(v)
	}
	return out
}

// ulps returns v moved n float64 numbers up or down.
func ulps(v float64, n int) float64 {
	for ; n > 0; n-- {
		v = math.Nextafter(v, math.Inf(1))
	}
	for ; n < 0; n++ {
		v = math.Nextafter(v, math.Inf(-1))
	}
	return v
}

// attack draws queries and n train rows, each from one of the adversaries; if
// pure, all from the same one, so that ties are frequent.
func attack(r *rand.Rand, n, dim int) (train, query Points) {
	train, query = Points{Dim: dim}, Points{Dim: dim}
	base := adversaries[r.IntN(len(adversaries))].row(r, make([]float64, dim))
	query.Values = append(query.Values, base...)
	query.Values = append(query.Values, each(base, func(float64) float64 { return r.NormFloat64() })...)
	one := adversaries[r.IntN(len(adversaries))]
	pure := r.IntN(2) == 0
	for range n {
		a := one
		if !pure {
			a = adversaries[r.IntN(len(adversaries))]
		}
		train.Values = append(train.Values, each(a.row(r, query.Row(r.IntN(2))), finite)...)
	}
	query.Values = each(query.Values, finite)
	return train, query
}

// finite replaces what an adversary pushed out of float64.
func finite(v float64) float64 {
	if v-v != 0 {
		return math.MaxFloat64
	}
	return v
}

// directed replaces rows of zeros, which cosine and angular refuse.
func directed(p Points) {
	for i := range p.Len() {
		if row := p.Row(i); !slices.ContainsFunc(row, func(v float64) bool { return v != 0 }) {
			row[0] = 1
		}
	}
}

// checkLaw compares one random search with the law.
func checkLaw(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	dims := []int{1, 2, 3, 4, 7, 15, 16, 17, 33, 64, 80}
	dim := dims[r.IntN(len(dims))]
	n := 1 + r.IntN(120)
	train, query := attack(r, n, dim)
	ks := []int{1, 2, 5, n, n + 3}
	s := Search{K: ks[r.IntN(len(ks))], Workers: 1 + r.IntN(4)}
	if r.IntN(2) == 0 {
		for range n {
			s.Rank = append(s.Rank, int32(r.IntN(n)-n/2)) // Some are equal.
		}
	}
	if r.IntN(3) == 0 {
		s.QueryKey = []int32{1, int32(r.IntN(3))}
		for range n {
			s.TrainKey = append(s.TrainKey, int32(r.IntN(3)))
		}
	}
	for _, m := range everyMetric {
		s.Metric = mustMetric(t, m.name, m.p)
		if s.Metric.kind == cosine {
			directed(train)
			directed(query)
		}
		got, err := s.Run(context.Background(), train, query)
		if err != nil {
			t.Fatalf("seed %d: %s p %g: %v", seed, m.name, m.p, err)
		}
		if want := plain(s, train, query); !sameBits(got, want) {
			t.Fatalf("seed %d: %s p %g, dim %d, n %d, k %d:\ngot  %v\nwant %v", seed, m.name, m.p, dim, n, s.K, got, want)
		}
	}
}

func TestLaw(t *testing.T) {
	t.Parallel()
	count := uint64(400)
	if testing.Short() {
		count = 50
	}
	for seed := range count {
		checkLaw(t, seed)
	}
}

func FuzzLaw(f *testing.F) {
	f.Add(uint64(1 << 40))
	f.Fuzz(func(t *testing.T, seed uint64) { checkLaw(t, seed) })
}
