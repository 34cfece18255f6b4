package exact

import "math"

// Of returns the exact sum of x, rounded once. Errors and cost are those of
// [Sum.AddAll].
func Of(x []float64) float64 {
	var s Sum
	s.AddAll(x)
	return s.Float64()
}

// Dot returns the exact inner product of x and y, rounded once. Errors and cost
// are those of [Sum.AddDot].
func Dot(x, y []float64) float64 {
	var s Sum
	s.AddDot(x, y)
	return s.Float64()
}

// AddAll adds every element of x. It panics if one is NaN or infinite. Elements
// of like magnitude take about 1 ns each, others about 6.
func (s *Sum) AddAll(x []float64) {
	var g grid
	for len(x) > 0 {
		n := min(len(x), block)
		if !s.addAllOn(&g, x[:n]) {
			for _, v := range x[:n] {
				s.Add(v)
			}
		}
		x = x[n:]
	}
}

// AddDot adds x[i]·y[i] for every i. It panics if the lengths differ or an
// element is NaN or infinite. Products of like magnitude take about 1.5 ns each (3 if some are 0),
// others about 10.
func (s *Sum) AddDot(x, y []float64) {
	if len(x) != len(y) {
		panic("exact: lengths differ")
	}
	var g grid
	for len(x) > 0 {
		n := min(len(x), block)
		if !s.addDotOn(&g, x[:n], y[:n]) {
			for i, v := range x[:n] {
				s.AddProduct(v, y[i])
			}
		}
		x, y = x[n:], y[n:]
	}
}

// addAllOn adds a block with g, fitting g to the block if need be. It returns
// false, and adds nothing, if no grid serves.
func (s *Sum) addAllOn(g *grid, x []float64) bool {
	if len(x) < smallBlock {
		return false
	}
	sum, e := g.sum(x)
	if !g.covers(e) {
		if !g.fit(e) {
			return false
		}
		sum, _ = g.sum(x)
	}
	s.Add(sum[0])
	s.Add(sum[1])
	return true
}

// addDotOn is addAllOn for a block of products.
func (s *Sum) addDotOn(g *grid, x, y []float64) bool {
	if len(x) < smallBlock {
		return false
	}
	sum, e := g.dot(x, y)
	if !g.covers(e) {
		if !g.fit(e) {
			return false
		}
		sum, e = g.dot(x, y)
	}
	if e.zero && !(apart(x) && apart(y)) {
		return false // A product may have underflowed to zero.
	}
	for _, v := range sum {
		s.Add(v)
	}
	return true
}

// apart reports whether every element of x is zero or at least 2^-480 in
// magnitude: products of two such columns do not underflow.
func apart(x []float64) bool {
	least := ^uint64(0)
	for _, v := range x {
		least = min(least, math.Float64bits(v)&magnitudeMask-1)
	}
	return least >= math.Float64bits(0x1p-480)-1
}
