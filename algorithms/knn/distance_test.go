package knn

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// v is short for the rows of the table.
type v = []float64

var third = 1.0 / 3 // Not a constant, which would be exact.

// distanceCases are done by hand.
var distanceCases = []struct {
	metric string
	p      float64
	a, b   []float64
	want   float64
}{
	{"euclidean", 0, v{1, 1}, v{4, 5}, 5},
	{"sqeuclidean", 0, v{1, 1}, v{4, 5}, 25},
	{"manhattan", 0, v{1, 1}, v{4, -3}, 7},
	{"chebyshev", 0, v{1, 1}, v{4, -3}, 4},
	{"minkowski", 1, v{1, 1}, v{4, -3}, 7},
	{"minkowski", 2, v{1, 1}, v{4, 5}, 5},
	{"minkowski", 3, v{0, 0, 0}, v{3, -4, 5}, 6}, // 27 + 64 + 125 = 216.
	{"minkowski", 3, v{0, 0}, v{6e120, 0}, 6e120},
	{"minkowski", 3, v{0, 0}, v{6e-120, 0}, 6e-120},
	{"minkowski", 2000, v{0, 0}, v{3, 4}, 4}, // (3/4)^2000 is far below 2^-53.
	{"minkowski", math.Inf(1), v{1, 1}, v{4, -3}, 4},
	{"cosine", 0, v{1, 0}, v{0, 3}, 1},
	{"cosine", 0, v{1, 2}, v{2, 4}, 0},
	{"cosine", 0, v{1, 0}, v{-5, 0}, 2},
	{"cosine", 0, v{1e150, 1e150}, v{0, 2e-150}, 1 - math.Sqrt(0.5)},
	{"cosine", 0, v{1e-200, 0}, v{1e200, 0}, 0},
	{"angular", 0, v{1, 0}, v{0, 3}, math.Pi / 2},
	{"angular", 0, v{3, 4}, v{3, 4}, 0},
	{"angular", 0, v{3, 4}, v{-3, -4}, math.Pi},
	{"inner_product", 0, v{1, 2}, v{3, 4}, -11},
	{"inner_product", 0, v{1, 0}, v{0, 1}, 0},
	{"inner_product", 0, v{1e150, 1, -1e150}, v{1e150, 1, 1e150}, -1}, // 1e300 cancels.
	{"hamming", 0, v{1, 2, 3, 0}, v{1, 5, 3, math.Copysign(0, -1)}, 0.25},
	{"jaccard", 0, v{1, 7, 0, 0}, v{2, 0, 1, 0}, 1 - third},
	{"jaccard", 0, v{0, 0}, v{0, 0}, 0},
	{"jaccard", 0, v{0, 0}, v{1, 0}, 1},
	{"tanimoto", 0, v{1, 2}, v{3, 4}, 8.0 / 19}, // 30 − 22 over 30 − 11.
	{"tanimoto", 0, v{0, 0}, v{0, 0}, 0},
	{"tanimoto", 0, v{0, 0}, v{0, 1}, 1},
	{"tanimoto", 0, v{1, 0}, v{-1, 0}, 4.0 / 3},
	{"tanimoto", 0, v{1e-200, 0}, v{0, 1e-200}, 1},

	{"dist_norm1", 0, v{1, 1}, v{4, -3}, 7},
	{"dist_norm2", 0, v{1, 1}, v{4, 5}, 5},
	{"squared_dist_norm2", 0, v{1, 1}, v{4, 5}, 25},
	{"dist_pnorm", 3, v{0, 0, 0}, v{3, -4, 5}, 6},
	{"dist_inf_norm", 0, v{1, 1}, v{4, -3}, 4},
	{"dist_angle", 0, v{1, 0}, v{0, 3}, math.Pi / 2},
	{"dist_angle", 0, v{0, 0}, v{0, 3}, math.Pi},
	{"dist_angle", 0, v{0, 0}, v{0, 0}, math.Pi},
	{"cosine_similarity", 0, v{3, 4}, v{4, 3}, 0.96}, // 24/25.
	{"cosine_similarity", 0, v{3, 4}, v{0, 0}, -1},
	{"dist_tanimoto", 0, v{1, 2}, v{3, 4}, 8.0 / 19},
	{"dist_tanimoto", 0, v{0, 0}, v{1, 0}, 1},
	{"dist_tanimoto", 0, v{0, 0}, v{0, 0}, math.NaN()},

	// The range: a root neither under- nor overflows, a sum of squares does.
	{"euclidean", 0, v{0, 0}, v{3 * 0x1p-600, 4 * 0x1p-600}, 5 * 0x1p-600},
	{"euclidean", 0, v{0, 0}, v{3 * 0x1p600, 4 * 0x1p600}, 5 * 0x1p600},
	{"euclidean", 0, v{0}, v{0x1.23456789p-530}, 0x1.23456789p-530}, // Its square keeps 14 bits.
	{"euclidean", 0, v{math.MaxFloat64}, v{-math.MaxFloat64}, math.Inf(1)},
	{"manhattan", 0, v{math.MaxFloat64}, v{-math.MaxFloat64}, math.Inf(1)},
	{"sqeuclidean", 0, v{0}, v{1e-170}, 0},
	{"sqeuclidean", 0, v{0}, v{1e170}, math.Inf(1)},

	// One rounding: 1 + 2^-53 is halfway to the next number, a hair decides.
	{"sqeuclidean", 0, v{1, 0x1p-27, 0x1p-27, 0}, v{0, 0, 0, 0}, 1},
	{"sqeuclidean", 0, v{1, 0x1p-27, 0x1p-27, 0x1p-90}, v{0, 0, 0, 0}, 1 + 0x1p-52},
	{"manhattan", 0, v{0x1p-53, 1, 0x1p-200}, v{0, 0, 0}, 1 + 0x1p-52},
	{"inner_product", 0, v{1, 0x1p-53, 0x1p-200}, v{-1, -1, -1}, 1 + 0x1p-52},
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tt := range distanceCases {
		got := Distance(mustMetric(t, tt.metric, tt.p), tt.a, tt.b)
		if got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) || got == 0 && math.Signbit(got) {
			t.Errorf("%s p %g: Distance(%v, %v) = %.17g, want %.17g", tt.metric, tt.p, tt.a, tt.b, got, tt.want)
		}
		if back := Distance(mustMetric(t, tt.metric, tt.p), tt.b, tt.a); back != got && got == got {
			t.Errorf("%s p %g: Distance(%v, %v) = %.17g backwards %.17g", tt.metric, tt.p, tt.a, tt.b, got, back)
		}
	}
}

// TestDistanceByBigFloats computes the formulas again with 2000 bits from the
// differences, or the values, of random rows.
func TestDistanceByBigFloats(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 0))
	number := func(x float64) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(x) }
	product := func(x, y float64) *big.Float { return number(0).Mul(number(x), number(y)) }
	for range 200 {
		n := 1 + r.IntN(20)
		a, b := normalPoints(r, 1, n).Values, normalPoints(r, 1, n).Values
		squares, absolutes, ab, aa, bb := number(0), number(0), number(0), number(0), number(0)
		for i := range a {
			d := a[i] - b[i]
			squares.Add(squares, product(d, d))
			absolutes.Add(absolutes, number(math.Abs(d)))
			ab.Add(ab, product(a[i], b[i]))
			aa.Add(aa, product(a[i], a[i]))
			bb.Add(bb, product(b[i], b[i]))
		}
		both := number(0).Mul(aa, bb)
		cos, _ := number(0).Quo(ab, both.Sqrt(both)).Float64()
		s := number(0).Add(aa, bb)
		den := number(0).Sub(s, ab)
		jt, _ := number(0).Quo(number(0).Sub(den, ab), den).Float64()
		sum, _ := squares.Float64()
		abs, _ := absolutes.Float64()
		dot, _ := ab.Float64()
		steep := 1e-15 + 5e-16/math.Sqrt(max(1-cos*cos, 1e-16)) // The slope of acos.
		for _, tt := range []struct {
			metric    string
			want, tol float64
		}{
			{"sqeuclidean", sum, 0}, {"euclidean", math.Sqrt(sum), 0}, {"manhattan", abs, 0}, {"inner_product", -dot, 0},
			{"cosine", 1 - cos, 4e-16}, {"angular", math.Acos(cos), steep}, {"tanimoto", jt, 4e-16 * jt},
		} {
			if got := Distance(mustMetric(t, tt.metric, 0), a, b); math.Abs(got-tt.want) > tt.tol {
				t.Errorf("%s: Distance(%v, %v) = %.17g, want %.17g", tt.metric, a, b, got, tt.want)
			}
		}
	}
}

func TestParseMetric(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		parse   func(string, float64) (Metric, error)
		name    string
		p       float64
		wantErr error
	}{
		{ParseMetric, "minkowski", 0.999, ErrParameter},
		{ParseMetric, "minkowski", math.NaN(), ErrParameter},
		{ParseMetric, "minkowski", math.Inf(-1), ErrParameter},
		{ParseMetric, "minkowski", 1, nil},
		{ParseMetric, "euclidean", math.NaN(), nil}, // p is not its business.
		{ParseMetric, "Euclidean", 0, ErrUnknownMetric},
		{ParseMetric, "dist_norm2", 0, ErrUnknownMetric},
		{ParseMADlibMetric, "dist_pnorm", 0.5, ErrParameter},
		{ParseMADlibMetric, "euclidean", 0, ErrUnknownMetric},
		{ParseMADlibMetric, "dist_norm2", 0, nil},
	} {
		m, err := tt.parse(tt.name, tt.p)
		if !errors.Is(err, tt.wantErr) || err == nil && m.String() != tt.name {
			t.Errorf("%s p %g: %v, %v, want error %v", tt.name, tt.p, m, err, tt.wantErr)
		}
	}
	_, err := ParseMetric("l2", 0)
	for name := range metrics {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %s", err, name)
		}
	}
}
