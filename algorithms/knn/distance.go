package knn

import (
	"math"

	"github.com/millrace/millrace/exact"
)

// Distance returns the distance of a and b, which have equal lengths and hold
// finite values. It is the definition that [Search.Run] is held to, in O(p) and
// slowly: every sum is exact and rounded once, so it does not depend on the order
// of the coordinates, and Distance(m, a, b) == Distance(m, b, a).
//
//   - euclidean, sqeuclidean, manhattan, chebyshev, minkowski: of the float64
//     differences a−b. The squares are summed exactly. If the root's sum is too
//     large or too small for float64, the differences are scaled by a power of
//     two first, so euclidean neither overflows nor underflows. sqeuclidean is the
//     rounded sum itself: below 2^-1075, for differences below about 1e-162, it is
//     0, and those rows tie. A difference that overflows is +Inf.
//   - minkowski: the differences are scaled by the power of two below the largest
//     (for p > 512 divided by the largest), raised with math.Pow, summed exactly.
//   - cosine, angular: a and b are scaled by powers of two, then cos is
//     a·b/√(|a|²·|b|²) of three exact sums, clamped to [−1, 1]. NaN if one is zero;
//     a search returns [ErrZeroVector] instead. The cosine is right to 4e-16, the
//     angle thus to 3e-8 near 0 and π, and to 1e-15 elsewhere.
//   - tanimoto: |a−b|²/(|a|²+|b|²−a·b), the same fraction without cancellation,
//     both parts exact sums of products of the values.
//   - inner_product: the exact sum, which is ±Inf where it exceeds float64: such
//     rows tie, and a search orders them by rank. Scaling all rows by a power of
//     two separates them.
//   - hamming, jaccard: counts, and one division. −0 equals 0.
func Distance(m Metric, a, b []float64) float64 {
	if len(a) != len(b) {
		panic("knn: lengths differ")
	}
	switch m.kind {
	case euclidean:
		return rootSquares(a, b)
	case sqeuclidean:
		return sumSquares(a, b, 0)
	case manhattan:
		return sumAbsolutes(a, b)
	case chebyshev:
		return largest(a, b)
	case minkowski:
		return sumPowers(a, b, m.p)
	case cosine, angular:
		return fromCos(m.kind, cosineOf(a, b))
	case innerProduct:
		return 0 - exact.Dot(a, b) // Not −0 for orthogonal rows.
	case hamming:
		return float64(unequal(a, b)) / float64(len(a))
	case jaccard:
		return jaccardOf(a, b)
	case tanimoto:
		num, den := tanimotoParts(a, b)
		if den == 0 {
			return 0
		}
		return num / den
	}
	return madlibDistance(m.kind, a, b)
}

// sumSquares returns Σ((a−b)·2^-e)².
func sumSquares(a, b []float64, e int) float64 {
	var s exact.Sum
	for i, v := range a {
		d := math.Ldexp(v-b[i], -e)
		if math.IsInf(d, 0) {
			return math.Inf(1)
		}
		s.AddProduct(d, d)
	}
	return s.Float64()
}

// smallestNormal is the smallest float64 with all its bits.
const smallestNormal = 0x1p-1022

// rootSquares returns √Σ(a−b)².
func rootSquares(a, b []float64) float64 {
	s := sumSquares(a, b, 0)
	if s >= smallestNormal && s <= math.MaxFloat64 {
		return math.Sqrt(s)
	}
	m := largest(a, b)
	if m == 0 || math.IsInf(m, 1) {
		return m
	}
	_, e := math.Frexp(m)
	return math.Ldexp(math.Sqrt(sumSquares(a, b, e)), e)
}

// sumAbsolutes returns Σ|a−b|.
func sumAbsolutes(a, b []float64) float64 {
	var s exact.Sum
	for i, v := range a {
		d := math.Abs(v - b[i])
		if math.IsInf(d, 1) {
			return d
		}
		s.Add(d)
	}
	return s.Float64()
}

// largest returns max|a−b|.
func largest(a, b []float64) float64 {
	m := 0.0
	for i, v := range a {
		m = max(m, math.Abs(v-b[i]))
	}
	return m
}

// largeP is the exponent above which powers of a number in [1, 2) overflow.
const largeP = 512

// sumPowers returns (Σ|a−b|ᵖ)^(1/p) for 1 < p < ∞.
func sumPowers(a, b []float64, p float64) float64 {
	m := largest(a, b)
	if m == 0 || math.IsInf(m, 1) {
		return m
	}
	var s exact.Sum
	for i, v := range a {
		s.Add(powerTerm(math.Abs(v-b[i]), m, p))
	}
	return powerRoot(s.Float64(), m, p)
}

// powerTerm returns (d·2^-e)ᵖ with 2^e ≤ m < 2^(e+1), or (d/m)ᵖ for large p.
func powerTerm(d, m, p float64) float64 {
	if p > largeP {
		return math.Pow(d/m, p)
	}
	_, e := math.Frexp(m)
	return math.Pow(math.Ldexp(d, 1-e), p)
}

// powerRoot turns a sum of terms of powerTerm into the distance.
func powerRoot(sum, m, p float64) float64 {
	r := math.Pow(sum, 1/p)
	if p > largeP {
		return r * m
	}
	_, e := math.Frexp(m)
	return math.Ldexp(r, e-1)
}

// scaled returns a·2^-e, with e such that the largest coordinate is in [½, 1).
func scaled(a []float64) (out []float64, e int) {
	e = exponent(a)
	out = make([]float64, len(a))
	for i, v := range a {
		out[i] = math.Ldexp(v, -e)
	}
	return out, e
}

// exponent returns e with max|a| in [2^(e-1), 2^e), or 0 for a zero row.
func exponent(a []float64) int {
	m := 0.0
	for _, v := range a {
		m = max(m, math.Abs(v))
	}
	_, e := math.Frexp(m)
	return e
}

// cosineOf returns the cosine of the angle between a and b, NaN if one is zero.
func cosineOf(a, b []float64) float64 {
	a, _ = scaled(a)
	b, _ = scaled(b)
	return cosineFrom(exact.Dot(a, b), exact.Dot(a, a), exact.Dot(b, b))
}

// cosineFrom returns ab/√(aa·bb) clamped to [−1, 1].
func cosineFrom(ab, aa, bb float64) float64 {
	c := ab / math.Sqrt(aa*bb)
	return max(-1, min(1, c)) // Both keep NaN.
}

// fromCos turns a cosine into the value of k.
func fromCos(k kind, c float64) float64 {
	switch k {
	case cosine:
		return 1 - c
	case angular:
		return math.Acos(c)
	}
	return madlibFromCos(k, c)
}

// tanimotoParts returns |a|²+|b|²−2a·b and |a|²+|b|²−a·b, scaled by the same
// power of two.
func tanimotoParts(a, b []float64) (num, den float64) {
	m := 0.0
	for i, v := range a {
		m = max(m, math.Abs(v), math.Abs(b[i]))
	}
	_, e := math.Frexp(m)
	var d, ab exact.Sum
	for i := range a {
		x, y := math.Ldexp(a[i], -e), math.Ldexp(b[i], -e)
		d.AddProduct(x, x)
		d.AddProduct(y, y)
		ab.AddProduct(x, y)
	}
	d.SubSum(&ab)
	n := d
	n.SubSum(&ab)
	return n.Float64(), d.Float64()
}

// unequal counts the coordinates in which a and b differ.
func unequal(a, b []float64) int {
	n := 0
	for i, v := range a {
		if v != b[i] {
			n++
		}
	}
	return n
}

// jaccardOf returns 1 − |a∧b|/|a∨b|.
func jaccardOf(a, b []float64) float64 {
	both, either := 0, 0
	for i, v := range a {
		if v != 0 && b[i] != 0 {
			both++
		}
		if v != 0 || b[i] != 0 {
			either++
		}
	}
	return jaccardFrom(both, either)
}

// jaccardFrom returns 1 − both/either, 0 for two empty rows.
func jaccardFrom(both, either int) float64 {
	if either == 0 {
		return 0
	}
	return 1 - float64(both)/float64(either)
}
