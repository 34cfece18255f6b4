package knn

import "math"

// These spaces score a row by a plain float64 sum over the differences, which the
// definition uses too: only the sum is rounded differently.
var (
	_ space = squaresSpace{}
	_ space = absolutesSpace{}
	_ space = largestSpace{}
)

// squaresSpace serves euclidean and sqeuclidean.
type squaresSpace struct{ rows }

// scores implements space: the sum of squares.
func (s squaresSpace) scores(out []float64, q *query, at cut) {
	for i := range out {
		out[i] = squaresUpTo(q.x, s.Row(at.lo+i), at.limit)
	}
}

// limit implements space.
func (s squaresSpace) limit(_ *query, d float64) float64 {
	if s.metric.kind == sqeuclidean {
		return s.above(d, 0)
	}
	return s.above(d*d, 0) // The root was rounded: 2 of the 32 operations.
}

// distance implements space.
func (s squaresSpace) distance(q *query, row int) float64 {
	var c compensated
	c.addSquares(q.x, s.Row(row))
	sum, ok := c.rounded(s.Dim)
	switch {
	case !ok:
		return Distance(s.metric, q.x, s.Row(row))
	case s.metric.kind == sqeuclidean:
		return sum
	}
	return math.Sqrt(sum)
}

// squaresUpTo returns Σ(x−y)² in float64, or a part of it that exceeds limit. Four
// sums run side by side, for an addition takes several cycles to finish.
func squaresUpTo(x, y []float64, limit float64) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 16 && len(y) >= 16 {
		a, b := (*[16]float64)(x), (*[16]float64)(y)
		for i := 0; i < 16; i += 4 {
			d0, d1, d2, d3 := a[i]-b[i], a[i+1]-b[i+1], a[i+2]-b[i+2], a[i+3]-b[i+3]
			s0 += d0 * d0
			s1 += d1 * d1
			s2 += d2 * d2
			s3 += d3 * d3
		}
		if s := (s0 + s1) + (s2 + s3); s > limit {
			return s
		}
		x, y = x[16:], y[16:]
	}
	y = y[:len(x)]
	for i, v := range x {
		d := v - y[i]
		s0, s1, s2, s3 = s1, s2, s3, s0+d*d
	}
	return (s0 + s1) + (s2 + s3)
}

// absolutesSpace serves manhattan.
type absolutesSpace struct{ rows }

// scores implements space: the sum of absolute values.
func (s absolutesSpace) scores(out []float64, q *query, at cut) {
	for i := range out {
		out[i] = absolutesUpTo(q.x, s.Row(at.lo+i), at.limit)
	}
}

// limit implements space.
func (s absolutesSpace) limit(_ *query, d float64) float64 { return s.above(d, 0) }

// distance implements space.
func (s absolutesSpace) distance(q *query, row int) float64 {
	var c compensated
	c.addAbsolutes(q.x, s.Row(row))
	if sum, ok := c.rounded(s.Dim); ok {
		return sum
	}
	return Distance(s.metric, q.x, s.Row(row))
}

// absolutesUpTo returns Σ|x−y| in float64, or a part of it that exceeds limit.
func absolutesUpTo(x, y []float64, limit float64) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 16 && len(y) >= 16 {
		a, b := (*[16]float64)(x), (*[16]float64)(y)
		for i := 0; i < 16; i += 4 {
			s0 += math.Abs(a[i] - b[i])
			s1 += math.Abs(a[i+1] - b[i+1])
			s2 += math.Abs(a[i+2] - b[i+2])
			s3 += math.Abs(a[i+3] - b[i+3])
		}
		if s := (s0 + s1) + (s2 + s3); s > limit {
			return s
		}
		x, y = x[16:], y[16:]
	}
	y = y[:len(x)]
	for i, v := range x {
		s0, s1, s2, s3 = s1, s2, s3, s0+math.Abs(v-y[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// largestSpace serves chebyshev. Its score is the distance.
type largestSpace struct{ rows }

// scores implements space.
func (s largestSpace) scores(out []float64, q *query, at cut) {
	for i := range out {
		out[i] = largestUpTo(q.x, s.Row(at.lo+i), at.limit)
	}
}

// limit implements space.
func (s largestSpace) limit(_ *query, d float64) float64 { return d }

// distance implements space.
func (s largestSpace) distance(q *query, row int) float64 { return largest(q.x, s.Row(row)) }

// largestUpTo returns max|x−y|, or a difference that exceeds limit. It looks for
// one of those first: a branch that is taken once costs less than a maximum that
// changes at every turn.
func largestUpTo(x, y []float64, limit float64) float64 {
	y = y[:len(x)]
	for i, v := range x {
		if d := math.Abs(v - y[i]); d > limit {
			return d
		}
	}
	return largest(x, y)
}
