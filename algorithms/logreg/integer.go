package logreg

import (
	"math"
	"math/big"
	"math/bits"
)

// fraction returns how many binary places the coordinates of the points have at
// most.
func (c *cone) fraction() int {
	places := 0
	for k, s := range c.scale {
		_, e := math.Frexp(s.spread)
		x := c.data.X[c.column[k]]
		places = max(places, binaryPlaces(s.centre)+e-1)
		for _, p := range c.point {
			places = max(places, binaryPlaces(x[c.row[p.row]])-s.shift+e-1)
		}
	}
	return places
}

// binaryPlaces returns the least k for which x·2^k is an integer; it is negative
// for multiples of higher powers of 2, and very low for 0.
func binaryPlaces(x float64) int {
	if x == 0 {
		return math.MinInt32
	}
	m, e := mantissa(x)
	return -e - bits.TrailingZeros64(uint64(m))
}

// mantissa returns integers m and e with x = m·2^e.
func mantissa(x float64) (m int64, e int) {
	f, e := math.Frexp(x)
	return int64(math.Ldexp(f, 53)), e - 53
}

// integer returns x·2^up, which must be an integer.
func integer(x float64, up int) *big.Int {
	m, e := mantissa(x)
	out := big.NewInt(m)
	if e += up; e >= 0 {
		return out.Lsh(out, uint(e))
	}
	return out.Rsh(out, uint(-e))
}

// exactPoint returns s·(1, z)·2^bits of a point without rounding.
func (c *cone) exactPoint(i int) []*big.Int {
	r := c.point[i].row
	out := make([]*big.Int, 0, c.terms())
	if c.intercept {
		out = append(out, integer(1, c.bits))
	}
	for k, s := range c.scale {
		_, e := math.Frexp(s.spread)
		up := c.bits - (e - 1)
		v := integer(c.data.X[c.column[k]][c.row[r]], up+s.shift)
		out = append(out, v.Sub(v, integer(s.centre, up)))
	}
	if c.sign[r] < 0 {
		for _, v := range out {
			v.Neg(v)
		}
	}
	return out
}

// inner returns a·b.
func inner(a, b []*big.Int) *big.Int {
	sum, t := new(big.Int), new(big.Int)
	for j, v := range a {
		sum.Add(sum, t.Mul(v, b[j]))
	}
	return sum
}

// floats returns q scaled so that its largest element is in [½, 1], each rounded
// once.
func floats(q []*big.Int) []float64 {
	top := longest(q)
	out := make([]float64, len(q))
	for j, v := range q {
		f := new(big.Float).SetInt(v)
		out[j], _ = f.SetMantExp(f, -top).Float64()
	}
	return out
}

// longest returns the length of the longest element of q in bits.
func longest(q []*big.Int) int {
	bits := 0
	for _, v := range q {
		bits = max(bits, v.BitLen())
	}
	return bits
}

// reduce divides q by its greatest common divisor, in place.
func reduce(q []*big.Int) []*big.Int {
	divisor := new(big.Int)
	for _, v := range q {
		divisor.GCD(nil, nil, divisor, new(big.Int).Abs(v))
	}
	if divisor.Sign() > 0 {
		for _, v := range q {
			v.Quo(v, divisor)
		}
	}
	return q
}

// identity returns the basis of all directions.
func identity(q int) [][]*big.Int {
	out := make([][]*big.Int, q)
	for i := range out {
		out[i] = make([]*big.Int, q)
		for j := range out[i] {
			out[i][j] = new(big.Int)
		}
		out[i][i].SetInt64(1)
	}
	return out
}

// orthogonal returns a basis of the span of basis that is orthogonal to v.
func orthogonal(basis [][]*big.Int, v []*big.Int) [][]*big.Int {
	pivot := -1
	var by *big.Int
	for k, b := range basis {
		w := inner(v, b)
		if w.Sign() == 0 {
			continue
		}
		if pivot < 0 {
			pivot, by = k, w
			continue
		}
		next := make([]*big.Int, len(b))
		for j := range b {
			next[j] = new(big.Int).Mul(b[j], by)
			next[j].Sub(next[j], new(big.Int).Mul(basis[pivot][j], w))
		}
		basis[k] = reduce(next)
	}
	if pivot < 0 {
		return basis
	}
	return append(basis[:pivot], basis[pivot+1:]...)
}
