package aggregate

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/sql/row"
)

// definition computes an aggregate from its textbook definition over the means, in
// rationals; the root of the result, with its sign, if root.
type definition struct {
	oid    uint32
	root   bool
	result func(s *sample) *big.Rat
}

// sample is pairs and the exact sums of products of their distances from the means.
type sample struct {
	n, meanX, meanY, sxx, syy, sxy *big.Rat
}

func quo(a, b *big.Rat) *big.Rat { return new(big.Rat).Quo(a, b) }
func mul(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }
func sub(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }

var definitions = []definition{
	{2819, false, func(s *sample) *big.Rat { return s.sxx }},
	{2820, false, func(s *sample) *big.Rat { return s.syy }},
	{2821, false, func(s *sample) *big.Rat { return s.sxy }},
	{2822, false, func(s *sample) *big.Rat { return s.meanX }},
	{2823, false, func(s *sample) *big.Rat { return s.meanY }},
	{2824, false, func(s *sample) *big.Rat { return quo(mul(s.sxy, s.sxy), mul(s.sxx, s.syy)) }},
	{2825, false, func(s *sample) *big.Rat { return quo(s.sxy, s.sxx) }},
	{2826, false, func(s *sample) *big.Rat { return sub(s.meanY, mul(s.meanX, quo(s.sxy, s.sxx))) }},
	{2827, false, func(s *sample) *big.Rat { return quo(s.sxy, s.n) }},
	{2828, false, func(s *sample) *big.Rat { return quo(s.sxy, sub(s.n, big.NewRat(1, 1))) }},
	{2829, true, func(s *sample) *big.Rat {
		r := quo(mul(s.sxy, s.sxy), mul(s.sxx, s.syy))
		return mul(r, big.NewRat(int64(s.sxy.Sign()), 1))
	}},
	{2152, false, func(s *sample) *big.Rat { return quo(s.sxx, sub(s.n, big.NewRat(1, 1))) }},
	{2722, false, func(s *sample) *big.Rat { return quo(s.sxx, s.n) }},
	{2158, true, func(s *sample) *big.Rat { return quo(s.sxx, sub(s.n, big.NewRat(1, 1))) }},
	{2728, true, func(s *sample) *big.Rat { return quo(s.sxx, s.n) }},
	{2105, false, func(s *sample) *big.Rat { return s.meanX }},
}

func newSample(x, y []float64) *sample {
	s := &sample{n: big.NewRat(int64(len(x)), 1), meanX: new(big.Rat), meanY: new(big.Rat), sxx: new(big.Rat), syy: new(big.Rat), sxy: new(big.Rat)}
	rat := func(f float64) *big.Rat { return new(big.Rat).SetFloat64(f) }
	for i := range x {
		s.meanX.Add(s.meanX, rat(x[i]))
		s.meanY.Add(s.meanY, rat(y[i]))
	}
	s.meanX, s.meanY = quo(s.meanX, s.n), quo(s.meanY, s.n)
	for i := range x {
		dx, dy := sub(rat(x[i]), s.meanX), sub(rat(y[i]), s.meanY)
		s.sxx.Add(s.sxx, mul(dx, dx))
		s.syy.Add(s.syy, mul(dy, dy))
		s.sxy.Add(s.sxy, mul(dx, dy))
	}
	return s
}

// round rounds the result once.
func (d definition) round(s *sample) float64 {
	r := d.result(s)
	if !d.root {
		x, _ := r.Float64()
		return x
	}
	f := new(big.Float).SetPrec(3000).SetRat(r)
	sign := f.Sign()
	x, _ := f.Sqrt(f.Abs(f)).Float64()
	return x * float64(sign)
}

// TestRoundedOnce: over floats of any size each result is the true one, rounded once.
func TestRoundedOnce(t *testing.T) {
	const seed = 41
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 120 {
		spread := []int{0, 3, 60, 200}[round%4]
		var x, y []float64
		for range 2 + r.IntN(10) {
			x = append(x, math.Ldexp(r.Float64()-0.3, r.IntN(spread+1)))
			y = append(y, math.Ldexp(r.Float64()-0.7, -r.IntN(spread+1)))
		}
		if round%10 == 9 { // the results of squares are subnormal
			for i := range x {
				x[i], y[i] = math.Ldexp(x[i], -530-spread), math.Ldexp(y[i], -530)
			}
		}
		s := newSample(x, y)
		for _, d := range definitions {
			f, err := New(Spec{Function: d.oid, Args: []Arg{{Type: types["double precision"]}, {Type: types["double precision"]}}})
			if err != nil {
				t.Fatal(err)
			}
			a := f()
			for i := range x {
				args := []row.Value{row.Float8Value(y[i]), row.Float8Value(x[i])}
				if d.oid < 2818 {
					args = args[1:]
				}
				a.Add(args, 1)
			}
			got, err := a.Result()
			if err != nil || math.Float64bits(got.Float8()) != math.Float64bits(d.round(s)) {
				t.Errorf("seed %d, round %d: function %d over x = %g, y = %g: %x, %v, want %g", seed, round, d.oid, x, y, got, err, d.round(s))
			}
		}
	}
}

// A weight is as many rows, also where it is large.
func TestWeights(t *testing.T) {
	x, y := row.Float8Value(0.1), row.Float8Value(-3.7e-9)
	for _, oid := range []uint32{2111, 2105, 2728, 2821, 2829, 2827} {
		f, err := New(Spec{Function: oid, Args: []Arg{{Type: types["double precision"]}}})
		if err != nil {
			t.Fatal(err)
		}
		once, often := f(), f()
		var total int64
		for _, w := range []int64{1, 2, -1, 5, 1000, 1 << 40, -(1 << 40) + 3, math.MaxInt64, -math.MaxInt64} {
			total += w
			often.Add([]row.Value{y, x}[2-args(oid):], w)
		}
		for range total {
			once.Add([]row.Value{y, x}[2-args(oid):], 1)
		}
		if a, b := saved(t, often), saved(t, once); string(a) != string(b) {
			t.Errorf("function %d: %x after %d rows, want %x", oid, a, total, b)
		}
	}
}

func args(oid uint32) int {
	if oid < 2818 {
		return 1
	}
	return 2
}

// The sum of float4 is rounded to float4 from the true sum, not from a float8.
func TestNarrowSum(t *testing.T) {
	f, err := New(Spec{Function: 2110, Args: []Arg{{Type: types["real"]}}})
	if err != nil {
		t.Fatal(err)
	}
	a := f()
	// 1 + 2^-24 is a tie of float4; the rest is too small for a float8 beside it.
	for _, x := range []float32{1, 0x1p-24, 0x1p-60} {
		a.Add([]row.Value{row.Float4Value(x)}, 1)
	}
	if got, err := a.Result(); err != nil || got.Float4() != 1+0x1p-23 {
		t.Errorf("sum = %g, %v, want %g", got.Float4(), err, 1+0x1p-23)
	}
	b := f()
	for range 1000000 / 1000 {
		b.Add([]row.Value{row.Float4Value(0.1)}, 1000)
	}
	if got, err := b.Result(); err != nil || got.Float4() != 100000 {
		t.Errorf("sum of a million 0.1 = %g, %v, want 100000", got.Float4(), err)
	}
}
