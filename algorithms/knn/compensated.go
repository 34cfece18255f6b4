package knn

import "math"

// compensated is a sum carried in two float64 numbers, about twice the working
// precision. It tells whether that is enough to know the exact sum rounded once,
// which it is but for one sum in millions, unless terms cancel.
//
// Source: Ogita, Rump, Oishi, Accurate Sum and Dot Product, algorithms 4.3 and
// 5.3: after n terms |hi + lo − Σ| ≤ γₙ²·Σ|term|, γₙ ≈ n·2^-53. The test of the
// rounding is Ziv's.
type compensated struct {
	hi, lo float64
	mag    float64 // Σ|term|
	lost   bool    // a product underflowed to 0
}

// add adds x.
func (c *compensated) add(x float64) {
	s := c.hi + x
	t := s - c.hi
	c.lo += (c.hi - (s - t)) + (x - t)
	c.hi = s
	c.mag += math.Abs(x)
}

// addProduct adds x·y.
func (c *compensated) addProduct(x, y float64) {
	p := x * y
	if p == 0 {
		c.lost = c.lost || x != 0 && y != 0
		return
	}
	c.add(p)
	c.lo += math.FMA(x, y, -p)
}

// addSquares adds (a−b)² for each pair of coordinates.
func (c *compensated) addSquares(a, b []float64) {
	b = b[:len(a)]
	for i, v := range a {
		d := v - b[i]
		c.addProduct(d, d)
	}
}

// addAbsolutes adds |a−b| for each pair of coordinates.
func (c *compensated) addAbsolutes(a, b []float64) {
	b = b[:len(a)]
	for i, v := range a {
		c.add(math.Abs(v - b[i]))
	}
}

// addDot adds a·b.
func (c *compensated) addDot(a, b []float64) {
	b = b[:len(a)]
	for i, v := range a {
		c.addProduct(v, b[i])
	}
}

// rounded returns the exact sum of the n terms rounded to nearest, or false if
// that is not certain.
//
// Outside [1e-270, 1e305] it is not: products may have underflowed or sums
// overflowed. Inside, what underflow loses, n·2^-1074, is far below the bound,
// which is 4 times the theorem's, so it also covers its own rounding.
func (c *compensated) rounded(n int) (float64, bool) {
	s := c.hi + c.lo
	if c.mag == 0 && !c.lost {
		return 0, true
	}
	if !(math.Abs(s) >= 1e-270 && c.mag <= 1e305) {
		return 0, false
	}
	t := s - c.hi
	rest := (c.hi - (s - t)) + (c.lo - t)
	m := float64(n + 8)
	bound := m * m * 0x1p-104 * c.mag
	up, down := s+(rest+bound), s+(rest-bound)
	return up, up == down
}
