package exact

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// reference adds the terms in math/big with enough bits for every product.
func reference(x, y []float64) *big.Float {
	const prec = 2048 + 2148 + 64
	sum := new(big.Float).SetPrec(prec)
	for i := range x {
		p := new(big.Float).SetPrec(prec).SetFloat64(x[i])
		if y != nil {
			p.Mul(p, new(big.Float).SetFloat64(y[i]))
		}
		sum.Add(sum, p)
	}
	return sum
}

// anyFloat draws a finite float64: any bits, near 1, an extreme, or zero.
func anyFloat(r *rand.Rand) float64 {
	switch r.IntN(6) {
	case 0:
		return r.NormFloat64()
	case 1:
		extremes := []float64{0, math.Copysign(0, -1), math.MaxFloat64, -math.MaxFloat64,
			math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 0x1p-1022, 1, -1}
		return extremes[r.IntN(len(extremes))]
	case 2:
		return math.Ldexp(r.NormFloat64(), -1040) // Subnormal.
	}
	for {
		v := math.Float64frombits(r.Uint64())
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
}

// similar draws a number as columns of data hold them.
func similar(r *rand.Rand) float64 { return math.Round(r.NormFloat64()*1e4) / 100 }

func columns(r *rand.Rand, n int, draw func(*rand.Rand) float64) (x, y []float64) {
	x, y = make([]float64, n), make([]float64, n)
	for i := range x {
		x[i], y[i] = draw(r), draw(r)
	}
	return x, y
}

func check(t *testing.T, name string, s *Sum, want *big.Float) {
	t.Helper()
	w, _ := want.Float64()
	if want.Sign() == 0 {
		w = 0
	}
	if got := s.Float64(); math.Float64bits(got) != math.Float64bits(w) {
		t.Errorf("%s: Float64 = %g, want %g", name, got, w)
	}
	if got := s.Big(); got.Cmp(want) != 0 {
		t.Errorf("%s: Big = %g, want %g", name, got, want)
	}
	if s.Sign() != want.Sign() {
		t.Errorf("%s: Sign = %d, want %d", name, s.Sign(), want.Sign())
	}
}

func TestAgainstBig(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	draws := map[string]func(*rand.Rand) float64{"Any": anyFloat, "Similar": similar}
	for name, draw := range draws {
		for trial := range 60 {
			n := r.IntN(40)
			if trial%10 == 0 {
				n = 500 + r.IntN(3000)
			}
			x, y := columns(r, n, draw)
			var all, one, dot, pairs Sum
			all.AddAll(x)
			dot.AddDot(x, y)
			for i := range x {
				one.Add(x[i])
				pairs.AddProduct(x[i], y[i])
			}
			check(t, name+"/AddAll", &all, reference(x, nil))
			check(t, name+"/Add", &one, reference(x, nil))
			check(t, name+"/AddDot", &dot, reference(x, y))
			check(t, name+"/AddProduct", &pairs, reference(x, y))
			if !all.Equal(&one) || !dot.Equal(&pairs) {
				t.Errorf("%s: bulk and single sums differ", name)
			}
		}
	}
}

// A permutation and a split into shards merged in any order leave the bytes.
func TestOrderAndSplit(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		x, y := columns(r, 1+r.IntN(4000), anyFloat)
		var want Sum
		want.AddDot(x, y)
		r.Shuffle(len(x), func(i, j int) { x[i], x[j], y[i], y[j] = x[j], x[i], y[j], y[i] })
		shards := make([]Sum, 1+r.IntN(5))
		for from := 0; from < len(x); {
			to := min(len(x), from+1+r.IntN(1500))
			shards[r.IntN(len(shards))].AddDot(x[from:to], y[from:to])
			from = to
		}
		var got Sum
		for _, k := range r.Perm(len(shards)) {
			got.AddSum(&shards[k])
		}
		if !got.Equal(&want) || got.Float64() != want.Float64() {
			t.Fatalf("merged = %g, want %g", got.Float64(), want.Float64())
		}
		for i := range x {
			got.SubProduct(x[i], y[i])
		}
		if !got.IsZero() {
			t.Fatalf("after every term was removed: %g, want 0", got.Float64())
		}
	}
}

func TestRounding(t *testing.T) {
	t.Parallel()
	tiny := math.SmallestNonzeroFloat64
	for _, tt := range []struct {
		name  string
		terms []float64
		scale float64 // each term is multiplied by it
		want  float64
	}{
		{name: "Empty", want: 0},
		{name: "NegativeZero", terms: []float64{math.Copysign(0, -1)}, scale: 1, want: 0},
		{name: "TieToEvenDown", terms: []float64{1, 0x1p-53}, scale: 1, want: 1},
		{name: "TieToEvenUp", terms: []float64{1 + 0x1p-52, 0x1p-53}, scale: 1, want: 1 + 0x1p-51},
		{name: "AboveTie", terms: []float64{1, 0x1p-53, tiny}, scale: 1, want: 1 + 0x1p-52},
		{name: "BelowTie", terms: []float64{1, 0x1p-53, -tiny}, scale: 1, want: 1},
		{name: "Cancel", terms: []float64{1e300, 1, -1e300}, scale: 1, want: 1},
		{name: "NegativeCancel", terms: []float64{1e300, -1, -1e300}, scale: 1, want: -1},
		{name: "HalfOfSmallest", terms: []float64{tiny}, scale: 0.5, want: 0},
		{name: "ThreeHalvesOfSmallest", terms: []float64{tiny, tiny, tiny}, scale: 0.5, want: 2 * tiny},
		{name: "AboveHalfOfSmallest", terms: []float64{tiny, 0x1p-1070}, scale: 0.5, want: 8 * tiny},
		{name: "FarBelow", terms: []float64{tiny}, scale: tiny, want: 0},
		{name: "Overflow", terms: []float64{math.MaxFloat64, math.MaxFloat64}, scale: 1, want: math.Inf(1)},
		{name: "OverflowNegative", terms: []float64{-math.MaxFloat64}, scale: 2, want: math.Inf(-1)},
		{name: "JustFinite", terms: []float64{math.MaxFloat64, 0x1p969}, scale: 1, want: math.MaxFloat64},
		{name: "JustInfinite", terms: []float64{math.MaxFloat64, 0x1p970}, scale: 1, want: math.Inf(1)},
		{name: "ThroughOverflow", terms: []float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64}, scale: 1, want: math.MaxFloat64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s Sum
			for _, v := range tt.terms {
				s.AddProduct(v, tt.scale)
			}
			if got := s.Float64(); math.Float64bits(got) != math.Float64bits(tt.want) {
				t.Errorf("Float64 = %g, want %g", got, tt.want)
			}
		})
	}
}

// Carries must happen before a limb overflows, in single adds and in merges.
func TestPendingCarries(t *testing.T) {
	t.Parallel()
	var s, term Sum
	v := math.Float64frombits(0x433fffffffffffff) // All 53 bits set.
	term.Add(v)
	want := new(big.Float).SetPrec(4300).SetFloat64(v)
	s = term
	for range 100 { // Doubling passes the bound of pending many times.
		other := s
		s.AddSum(&other)
		want.Add(want, want)
	}
	check(t, "doubled", &s, want)
	s.SubSum(&s)
	if !s.IsZero() {
		t.Errorf("s - s = %g", s.Float64())
	}
	s = term
	s.pending = maxPending - 2 // As after that many small terms.
	for range 5 {
		s.Add(v)
	}
	check(t, "counted", &s, new(big.Float).SetPrec(80).Mul(big.NewFloat(v), big.NewFloat(6)))
}

func TestNotFinitePanics(t *testing.T) {
	t.Parallel()
	ones := slices.Repeat([]float64{1}, 700)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, at := range []int{0, 300, 699} {
			x := slices.Clone(ones)
			x[at] = bad
			for name, f := range map[string]func(*Sum){
				"Add":        func(s *Sum) { s.Add(bad) },
				"SubProduct": func(s *Sum) { s.SubProduct(1, bad) },
				"AddAll":     func(s *Sum) { s.AddAll(x) },
				"AddDot":     func(s *Sum) { s.AddDot(ones, x) },
				"Zero":       func(s *Sum) { s.AddDot(make([]float64, 700), x) },
			} {
				func() {
					defer func() {
						if recover() == nil {
							t.Errorf("%s(%g) at %d did not panic", name, bad, at)
						}
					}()
					f(new(Sum))
				}()
			}
		}
	}
}

func TestEncoding(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		x, y := columns(r, r.IntN(4), anyFloat)
		var s, back Sum
		s.AddDot(x, y)
		b, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := back.UnmarshalBinary(b); err != nil || !back.Equal(&s) {
			t.Fatalf("back = %g, %v, want %g", back.Float64(), err, s.Float64())
		}
	}
	for _, bad := range [][]byte{{0}, {0, 0, 0, 0, 0, 0}, {2, 0, 1, 0, 0, 0}, {0, 200, 1, 0, 0, 0}, {0, limbs, 0, 0, 0, 128}} {
		if err := new(Sum).UnmarshalBinary(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("UnmarshalBinary(%v) = %v, want ErrFormat", bad, err)
		}
	}
}

func FuzzEncoding(f *testing.F) {
	f.Add([]byte{1, 70, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Sum
		if s.UnmarshalBinary(b) != nil {
			return
		}
		if again, err := s.MarshalBinary(); err != nil || !slices.Equal(again, b) {
			t.Errorf("encoded %v, want %v (%v)", again, b, err)
		}
	})
}

func FuzzDot(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789ABCDEF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var x, y []float64
		for ; len(b) >= 16; b = b[16:] {
			u := math.Float64frombits(binary.LittleEndian.Uint64(b))
			v := math.Float64frombits(binary.LittleEndian.Uint64(b[8:]))
			if u-u == 0 && v-v == 0 {
				x, y = append(x, u), append(y, v)
			}
		}
		var s, all Sum
		s.AddDot(x, y)
		check(t, "AddDot", &s, reference(x, y))
		all.AddAll(x)
		check(t, "AddAll", &all, reference(x, nil))
	})
}

func TestTransforms(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		a, b := math.Ldexp(r.NormFloat64(), r.IntN(200)), math.Ldexp(r.NormFloat64(), r.IntN(200))
		for name, pair := range map[string][2]*big.Float{
			"TwoSum":  exactPair(TwoSum, a, b, new(big.Float).Add),
			"TwoProd": exactPair(TwoProd, a, b, new(big.Float).Mul),
			"FastTwoSum": exactPair(FastTwoSum, math.Copysign(max(math.Abs(a), math.Abs(b)), a),
				math.Copysign(min(math.Abs(a), math.Abs(b)), b), new(big.Float).Add),
		} {
			if pair[0].Cmp(pair[1]) != 0 {
				t.Errorf("%s(%g, %g) = %g, want %g", name, a, b, pair[0], pair[1])
			}
		}
	}
}

// exactPair returns the sum of the two results of f, and the exact result.
func exactPair(f func(a, b float64) (x, y float64), a, b float64, op func(x, y *big.Float) *big.Float) (p [2]*big.Float) {
	wide := func(v float64) *big.Float { return new(big.Float).SetPrec(2200).SetFloat64(v) }
	hi, lo := f(a, b)
	p[0] = new(big.Float).Add(wide(hi), wide(lo))
	p[1] = op(wide(a), wide(b))
	return p
}
