package exact

import "math"

const (
	// block is the number of terms that a grid can add before it is emptied.
	block = 256

	// smallBlock is the length below which a grid does not pay.
	smallBlock = 16

	// span is the number of binades, from the largest term down, in which the
	// nonzero terms of a block must lie.
	span = 33

	magnitudeMask = 1<<63 - 1
)

// grid adds up to 256 terms without error in float64 registers.
//
// A register starts at 1.5·2^k and stays within [2^k, 2^(k+1)), so its last bit
// is worth 2^(k-52) throughout: adding a term rounds it to that grid, and what
// was rounded off is found exactly and passed to a register 43 bits finer. With
// all nonzero terms in [2^(E-33), 2^E), a term p is used up by two registers
// (its last bit is at least 2^(E-85)); the rounding error of a product, at most
// 2^(E-54) and a multiple of 2^(E-138), by two more.
//
// Source: Demmel and Nguyen, Parallel Reproducible Summation, IEEE Transactions
// on Computers 64(7), 2015; Rump, Ogita and Oishi, Accurate Floating-Point
// Summation Part I, SIAM Journal on Scientific Computing 31(1), 2008.
type grid struct {
	low, high uint64     // bits of 2^(E-span) and of 2^E
	start     [4]float64 // 1.5·2^k of the registers for p and for its error
}

// extent describes the terms of a block by the bits of their magnitudes.
type extent struct {
	most  uint64 // largest
	least uint64 // smallest nonzero minus 1; all ones if every term is zero
	zero  bool   // some term is zero
}

// covers reports whether g adds terms of extent e exactly. A NaN or an infinity
// is never covered.
func (g *grid) covers(e extent) bool {
	return e.most < g.high && e.least >= g.low-1 && g.low != 0
}

// fit chooses the grid for terms of extent e, with two binades to spare for the
// blocks to come. It returns false if no grid serves.
func (g *grid) fit(e extent) bool {
	top := int(e.most>>52) - 1022 + 2 // every term is below 2^(top-2)
	if e.most == 0 {
		top = 0 // All zeros: any grid serves.
	}
	if top > 1000 || top < -900 {
		*g = grid{}
		return false
	}
	g.high = math.Float64bits(math.Ldexp(1, top))
	g.low = math.Float64bits(math.Ldexp(1, top-span))
	for i, k := range [...]int{top + 10, top - 33, top - 44, top - 87} {
		g.start[i] = math.Ldexp(1.5, k)
	}
	return g.covers(e)
}

// sum returns two numbers that add up to the sum of x if g covers the extent.
func (g *grid) sum(x []float64) (sum [2]float64, e extent) {
	a, b := g.start[0], g.start[1]
	most, least, zero := uint64(0), ^uint64(0), uint64(0)
	for _, p := range x {
		u := math.Float64bits(p) & magnitudeMask
		most = max(most, u)
		least = min(least, u-1)
		zero |= u - 1
		t := a + p
		b += p - (t - a)
		a = t
	}
	sum = [2]float64{a - g.start[0], b - g.start[1]}
	return sum, extent{most: most, least: least, zero: zero>>63 == 1}
}

// dot returns four numbers that add up to the inner product of x and y if g
// covers the extent of the products and none of them underflows.
func (g *grid) dot(x, y []float64) (sum [4]float64, e extent) {
	a, b, c, d := g.start[0], g.start[1], g.start[2], g.start[3]
	most, least, zero := uint64(0), ^uint64(0), uint64(0)
	y = y[:len(x)]
	for i, v := range x {
		w := y[i]
		p := float64(v * w)
		u := math.Float64bits(p) & magnitudeMask
		most = max(most, u)
		least = min(least, u-1)
		zero |= u - 1
		t := a + p
		b += p - (t - a)
		a = t
		rest := math.FMA(v, w, -p)
		t = c + rest
		d += rest - (t - c)
		c = t
	}
	sum = [4]float64{a - g.start[0], b - g.start[1], c - g.start[2], d - g.start[3]}
	return sum, extent{most: most, least: least, zero: zero>>63 == 1}
}
