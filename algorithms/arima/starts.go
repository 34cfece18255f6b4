package arima

import (
	"cmp"
	"math"
	"slices"
)

// The likelihood has several maxima where AR and MA factors nearly cancel,
// often at a seasonal frequency and next to the unit circle. So the search
// screens many points, descends from the best that differ, and from zero and
// the conditional estimate in any case.

// primes are the bases of the Halton sequence, one per coefficient; models with
// more coefficients reuse them shifted.
var primes = []int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29}

// halton returns the radical inverse of index in the base.
func halton(index, base int) float64 {
	f, out := 1.0, 0.0
	for index > 0 {
		f /= float64(base)
		out += f * float64(index%base)
		index /= base
	}
	return out
}

// scatter returns count points that fill the space of partial autocorrelations
// (−0.97, 0.97)^k evenly, as free numbers.
func (s Spec) scatter(count int) [][]float64 {
	k := s.coefficients()
	out := make([][]float64, count)
	for i := range out {
		out[i] = make([]float64, k)
		for j := range k {
			v := halton(i+1+7*(j/len(primes)), primes[j%len(primes)])
			out[i][j] = math.Atanh(0.97 * (2*v - 1))
		}
	}
	return out
}

// factor is a polynomial 1 − Σ coef[i] z^(i+1) of degree 1 or 2.
type factor []float64

// pair returns the factor with the inverse roots radius·exp(±i·angle).
func pair(radius, angle float64) factor {
	return factor{2 * radius * math.Cos(angle), -radius * radius}
}

// cancelling returns points where a factor of the AR polynomial almost cancels
// one of the MA polynomial, the rest being zero.
func (s Spec) cancelling() [][]float64 {
	var out [][]float64
	add := func(ar, ma factor) {
		coef := make([]float64, s.coefficients())
		a, m, _, _ := s.split(coef)
		if len(ar) > len(a) || len(ma) > len(m) {
			return
		}
		copy(a, ar)
		for i, v := range ma {
			m[i] = -v
		}
		out = append(out, s.freeFrom(coef))
	}
	for _, sign := range []float64{1, -1} {
		for _, r := range []float64{0.5, 0.8, 0.95, 0.99} {
			add(factor{sign * r}, factor{sign * 0.9 * r})
			add(factor{sign * 0.9 * r}, factor{sign * r})
			add(factor{sign * 0.97}, factor{sign * 0.995})
		}
	}
	for step := 1; step < 24; step++ {
		angle := math.Pi * float64(step) / 24
		for _, r := range [][2]float64{{0.95, 0.99}, {0.98, 0.9}, {0.9, 0.7}, {0.7, 0.9}} {
			add(pair(r[0], angle), pair(r[1], angle))
		}
	}
	return out
}

// scored is a start with its objective.
type scored struct {
	free []float64
	f    float64
}

// screen returns the count best of the points, of which no two are within
// distance 0.5 of each other.
func screen(f objective, points [][]float64, count int) [][]float64 {
	all := make([]scored, 0, len(points))
	for _, x := range points {
		if v := f(x); !math.IsInf(v, 1) && !math.IsNaN(v) {
			all = append(all, scored{x, v})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(a.f, b.f) })
	var out [][]float64
	for _, s := range all {
		if len(out) == count {
			break
		}
		if !slices.ContainsFunc(out, func(x []float64) bool { return norm(minus(x, s.free)) < 0.5 }) {
			out = append(out, s.free)
		}
	}
	return out
}
