package knn

import (
	"context"
	"math"

	"github.com/millrace/millrace/exact"
)

// These spaces score a row by a float64 inner product, whose error is at most
// slack·|x|·|y| by Cauchy and Schwarz. Rows whose length is so large or so small
// that products might overflow or underflow get the score NaN.
var (
	_ space = (*innerSpace)(nil)
	_ space = (*cosineSpace)(nil)
	_ space = (*tanimotoSpace)(nil)
)

// Between these lengths products and their sums neither overflow, as |x·y| ≤
// |x|·|y| also holds for partial sums, nor underflow by more than n·2^-64 of
// |x|·|y|.
const (
	leastLength = 0x1p-505
	mostLength  = 0x1p510
)

// newProductsSpace computes the lengths of the train rows.
func newProductsSpace(ctx context.Context, base rows, workers int) (space, error) {
	n := base.Len()
	var s space
	var each func(i int)
	switch base.metric.kind {
	case innerProduct:
		t := &innerSpace{base, make([]float64, n)}
		s, each = t, func(i int) { t.norm[i] = length(base.Row(i)) }
	case tanimoto, madlibTanimoto:
		t := &tanimotoSpace{base, make([]float64, n)}
		s, each = t, func(i int) { t.sum[i] = squareLength(base.Row(i)) }
	default:
		t := &cosineSpace{base, make([]float64, n), make([]float64, n), make([]int32, n)}
		s, each = t, t.prepare
	}
	err := inBlocks(ctx, workers, blocks{n, base.Dim}, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			each(i)
		}
	})
	return s, err
}

// length returns |x| in float64, NaN if it is above mostLength.
func length(x []float64) float64 {
	y, e := scaled(x)
	l := math.Ldexp(math.Sqrt(dot(y, y)), e)
	if l <= mostLength {
		return l
	}
	return math.NaN()
}

// squareLength returns |x|² in float64, NaN if x is not zero and its length is not
// between leastLength and mostLength.
func squareLength(x []float64) float64 {
	l := length(x)
	if l == 0 || l >= leastLength {
		return l * l
	}
	return math.NaN()
}

// dot returns x·y in float64, in four sums side by side.
func dot(x, y []float64) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 16 && len(y) >= 16 {
		a, b := (*[16]float64)(x), (*[16]float64)(y)
		for i := 0; i < 16; i += 4 {
			s0 += a[i] * b[i]
			s1 += a[i+1] * b[i+1]
			s2 += a[i+2] * b[i+2]
			s3 += a[i+3] * b[i+3]
		}
		x, y = x[16:], y[16:]
	}
	y = y[:len(x)]
	for i, v := range x {
		s0, s1, s2, s3 = s1, s2, s3, s0+v*y[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// innerSpace serves inner_product.
type innerSpace struct {
	rows
	norm []float64 // |y|
}

// query implements space.
func (s *innerSpace) query(x []float64) *query { return &query{x: x, norm: length(x)} }

// scores implements space: a lower bound of −x·y.
func (s *innerSpace) scores(out []float64, q *query, at cut) {
	bound := s.slack * q.norm
	for i := range out {
		out[i] = -dot(q.x, s.Row(at.lo+i)) - bound*s.norm[at.lo+i]
	}
}

// limit implements space.
func (s *innerSpace) limit(_ *query, d float64) float64 {
	return d + math.Abs(d)*0x1p-48 + float64(s.Dim+32)*0x1p-1074
}

// distance implements space.
func (s *innerSpace) distance(q *query, row int) float64 {
	var c compensated
	c.addDot(q.x, s.Row(row))
	if sum, ok := c.rounded(s.Dim); ok {
		return 0 - sum
	}
	return Distance(s.metric, q.x, s.Row(row))
}

// cosineSpace serves cosine, angular, dist_angle and cosine_similarity.
type cosineSpace struct {
	rows
	inverse []float64 // 1/|y|, NaN for lengths outside the bounds
	sum     []float64 // |y|² scaled by 2^(-2·exp), rounded once
	exp     []int32   // exponent of the largest coordinate
}

// prepare computes what is held for train row i.
func (s *cosineSpace) prepare(i int) {
	q := s.query(s.Row(i))
	s.inverse[i], s.sum[i], s.exp[i] = 1/q.norm, q.sum, int32(q.exp)
}

// query implements space.
func (s *cosineSpace) query(x []float64) *query {
	y, e := scaled(x)
	var c compensated
	c.addDot(y, y)
	sum, ok := c.rounded(len(y))
	if !ok {
		sum = exact.Dot(y, y)
	}
	q := &query{x: x, sum: sum, exp: e, norm: math.Ldexp(math.Sqrt(sum), e)}
	if !(q.norm >= leastLength && q.norm <= mostLength) {
		q.norm = math.NaN()
	}
	return q
}

// scores implements space: ∓|x|·cos.
func (s *cosineSpace) scores(out []float64, q *query, at cut) {
	sign := -1.0
	if s.metric.kind == madlibCosine {
		sign = 1
	}
	for i := range out {
		out[i] = sign * dot(q.x, s.Row(at.lo+i)) * s.inverse[at.lo+i]
	}
}

// limit implements space. The angle is found from the cosine as if the cosine
// were off by a few 2^-53, whatever the angle.
func (s *cosineSpace) limit(q *query, d float64) float64 {
	c := d
	switch s.metric.kind {
	case cosine:
		c = d - 1
	case angular, madlibAngle:
		c = -math.Cos(d)
	}
	return q.norm * (c + 2*s.slack)
}

// distance implements space.
func (s *cosineSpace) distance(q *query, row int) float64 {
	var c compensated
	c.addDot(q.x, s.Row(row))
	sum, ok := c.rounded(s.Dim)
	ab := math.Ldexp(sum, -q.exp-int(s.exp[row]))
	if ok && (sum == 0 || math.Abs(ab) > 1e-250) {
		return fromCos(s.metric.kind, cosineFrom(ab, q.sum, s.sum[row]))
	}
	return Distance(s.metric, q.x, s.Row(row))
}

// tanimotoSpace serves tanimoto and dist_tanimoto.
type tanimotoSpace struct {
	rows
	sum []float64 // |y|² in float64
}

// query implements space.
func (s *tanimotoSpace) query(x []float64) *query {
	return &query{x: x, sum: squareLength(x)}
}

// scores implements space: −t, t = x·y/(|x|²+|y|²) in [−½, ½]. The distance is
// (1−2t)/(1−t), so it grows with −t; two zero rows have NaN.
func (s *tanimotoSpace) scores(out []float64, q *query, at cut) {
	for i := range out {
		out[i] = -dot(q.x, s.Row(at.lo+i)) / (q.sum + s.sum[at.lo+i])
	}
}

// limit implements space.
func (s *tanimotoSpace) limit(_ *query, d float64) float64 {
	return (d-1)/(2-d) + 2*s.slack
}

// distance implements space.
func (s *tanimotoSpace) distance(q *query, row int) float64 {
	var num, den compensated
	y := s.Row(row)
	for i, v := range q.x {
		w := y[i]
		num.addProduct(v, v)
		num.addProduct(w, w)
		num.addProduct(-2*v, w)
		den.addProduct(v, v)
		den.addProduct(w, w)
		den.addProduct(-v, w)
	}
	a, okNum := num.rounded(3 * s.Dim)
	b, okDen := den.rounded(3 * s.Dim)
	if okNum && okDen && b > 0 {
		return a / b
	}
	return Distance(s.metric, q.x, y)
}
