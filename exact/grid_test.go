package exact

import (
	"math"
	"math/rand/v2"
	"testing"
)

// full returns a number in [2^e, 2^(e+1)) with all 53 bits in use.
func full(r *rand.Rand, e int) float64 {
	return math.Ldexp(float64(r.Uint64()|1<<63|1<<11)/0x1p64*2, e)
}

// A grid must be exact where it says that it covers: a full block, terms of
// every bit at both ends of the span, one sign or both, at both ends of the
// range of exponents.
func TestGridIsExact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	for _, e := range []int{0, 300, 493, -300, -420, 600, -600} {
		for trial := range 60 {
			x, y := make([]float64, block), make([]float64, block)
			for i := range x {
				x[i], y[i] = full(r, e), full(r, e)
				if trial%3 > 0 && r.IntN(2) == 0 {
					x[i] = math.Ldexp(x[i], -r.IntN(30))
				}
				if trial%3 > 1 && r.IntN(2) == 0 {
					x[i] = -x[i]
				}
				if trial%5 == 0 && r.IntN(4) == 0 {
					x[i] = 0
				}
			}
			var all, dot Sum
			var g, h grid
			if !all.addAllOn(&g, x) {
				t.Fatalf("2^%d: sum is not covered", e)
			}
			if ok := dot.addDotOn(&h, x, y); ok != (e > -450 && e < 500) {
				t.Fatalf("2^%d: dot covered: %t", e, ok)
			} else if ok {
				check(t, "dot", &dot, reference(x, y))
			}
			check(t, "sum", &all, reference(x, nil))
		}
	}
}

// Extremes: the largest possible drift of each register.
func TestGridDrift(t *testing.T) {
	t.Parallel()
	most := math.Float64frombits(0x3fffffffffffffff) // Just below 2.
	for _, tt := range []struct {
		name string
		x, y float64
	}{
		{name: "AllBits", x: most, y: most},
		{name: "Negative", x: -most, y: most},
		{name: "LeastBit", x: 1 + 0x1p-52, y: 1 + 0x1p-52},
		{name: "Tie", x: 1 + 0x1p-43 + 0x1p-52, y: 1},
		{name: "NegativeTie", x: 1 + 0x1p-43, y: -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, y := make([]float64, block), make([]float64, block)
			for i := range x {
				x[i], y[i] = tt.x, tt.y
			}
			for shift := range span {
				x[0] = math.Ldexp(tt.x, -shift)
				var dot, all Sum
				var g, h grid
				if ok := all.addAllOn(&g, x) && dot.addDotOn(&h, x, y); ok != (shift < span-2) {
					t.Fatalf("span %d: covered: %t", shift, ok)
				} else if !ok {
					continue
				}
				check(t, "dot", &dot, reference(x, y))
				check(t, "sum", &all, reference(x, nil))
			}
		})
	}
}

// Products that underflow must not be taken for zeros.
func TestUnderflowIsNotZero(t *testing.T) {
	t.Parallel()
	x, y := make([]float64, 64), make([]float64, 64)
	for i := range x {
		x[i], y[i] = float64(i), 1
	}
	x[7], y[7] = 0x1p-600, 0x1p-600
	var s Sum
	s.AddDot(x, y)
	check(t, "dot", &s, reference(x, y))
}
