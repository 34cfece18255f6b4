package knn

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/exact"
)

// prepared returns the space of one metric.
func prepared(t *testing.T, m Metric, train Points) space {
	t.Helper()
	s, err := newSpace(context.Background(), m, train, 2)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestScoreLaw checks that no row is excluded by its own distance, the tightest
// case of the law of scores, and that the fast distance is the definition.
func TestScoreLaw(t *testing.T) {
	t.Parallel()
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		dim := []int{1, 2, 5, 16, 64, 300, 2000}[r.IntN(7)]
		train, query := attack(r, 12, dim)
		for _, m := range everyMetric {
			metric := mustMetric(t, m.name, m.p)
			s := prepared(t, metric, train)
			q := s.query(query.Row(0))
			scores := make([]float64, train.Len())
			s.scores(scores, q, cut{0, math.Inf(1)})
			for i, score := range scores {
				d := Distance(metric, query.Row(0), train.Row(i))
				if got := s.distance(q, i); math.Float64bits(got) != math.Float64bits(d) && got == got {
					t.Fatalf("seed %d: %s p %g, row %d: distance %g, want %g", seed, m.name, m.p, i, got, d)
				}
				limit := s.limit(q, d)
				if score > limit {
					t.Fatalf("seed %d: %s p %g, row %d: score %.17g > limit %.17g of its distance %.17g",
						seed, m.name, m.p, i, score, limit, d)
				}
				s.scores(scores[i:i+1], q, cut{i, limit})
				if scores[i] > limit {
					t.Fatalf("seed %d: %s p %g, row %d: cut at its own limit", seed, m.name, m.p, i)
				}
			}
		}
	}
}

// TestScoresExclude guards the speed: of 2000 random rows, the score at the
// distance of the fifth must leave few to evaluate exactly.
func TestScoresExclude(t *testing.T) {
	t.Parallel()
	for _, size := range []float64{1, 1e150, 1e-150} {
		r := rand.New(rand.NewPCG(5, 0))
		train, query := normalPoints(r, 2000, 24), normalPoints(r, 1, 24)
		for _, values := range [][]float64{train.Values, query.Values} {
			for i := range values {
				values[i] *= size
			}
		}
		for _, m := range everyMetric {
			if m.p > 0 && size != 1 || m.name == "hamming" || m.name == "jaccard" {
				continue // Powers leave float64; all rows tie.
			}
			metric := mustMetric(t, m.name, m.p)
			s := prepared(t, metric, train)
			q := s.query(query.Row(0))
			nearest := plain(Search{Metric: metric, K: 5}, train, query)
			limit := s.limit(q, nearest.Distance[4])
			scores := make([]float64, train.Len())
			s.scores(scores, q, cut{0, limit})
			left := 0
			for _, score := range scores {
				if !(score > limit) {
					left++
				}
			}
			if left != 5 {
				t.Errorf("%s p %g, values %g: %d rows left, want the nearest 5", m.name, m.p, size, left)
			}
		}
	}
}

// TestCompensated has sums whose last bit needs more than twice the precision:
// they must be given up, the others be right.
func TestCompensated(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		terms []float64
		want  float64
		sure  bool
	}{
		{name: "Empty", want: 0, sure: true},
		{name: "Zeros", terms: []float64{0, 0}, want: 0, sure: true},
		{name: "Plain", terms: []float64{1, 2, 4}, want: 7, sure: true},
		{name: "LowBits", terms: []float64{1, 0x1p-60, 0x1.8p-53}, want: 1 + 0x1p-52, sure: true},
		{name: "Halfway", terms: []float64{1, 0x1p-53}},                   // 1 by the rule of even, but a hair decides.
		{name: "HalfwayAndAHair", terms: []float64{1, 0x1p-53, 0x1p-120}}, // 1 + 2^-52.
		{name: "Cancelled", terms: []float64{1, 0x1p-120, -1}},
		{name: "Small", terms: []float64{0x1p-1000}},
		{name: "Large", terms: []float64{0x1p1020}},
		{name: "Overflow", terms: []float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c compensated
			for _, v := range tt.terms {
				c.add(v)
			}
			got, sure := c.rounded(len(tt.terms))
			if sure != tt.sure || sure && got != tt.want {
				t.Errorf("rounded = %g, %t, want %g, %t", got, sure, tt.want, tt.sure)
			}
		})
	}
	var c compensated
	c.addProduct(1e-200, 1e-200)
	if got, sure := c.rounded(1); sure {
		t.Errorf("lost product: rounded = %g, true", got)
	}
}

// TestCompensatedRandom compares sure sums with exact ones, and wants most to be
// sure: else searches are slow.
func TestCompensatedRandom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 0))
	unsure := 0
	for range 20_000 {
		n := 1 + r.IntN(40)
		var c compensated
		var want exact.Sum
		for range n {
			x, y := r.NormFloat64()*math.Ldexp(1, r.IntN(60)), r.NormFloat64()
			c.addProduct(x, y)
			want.AddProduct(x, y)
		}
		got, sure := c.rounded(n)
		if !sure {
			unsure++
		} else if got != want.Float64() {
			t.Fatalf("rounded = %g, want %g", got, want.Float64())
		}
	}
	if unsure > 20 {
		t.Errorf("%d of 20000 sums unsure", unsure)
	}
}
