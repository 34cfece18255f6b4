package numeric

import (
	"math/big"
	"math/bits"
)

// Neg returns -d.
func (d Decimal) Neg() Decimal {
	switch d.form {
	case nan:
		return d
	case plusInf:
		return NegativeInfinity
	case minusInf:
		return Infinity
	}
	if d.big == nil && d.small != -1<<63 {
		d.small = -d.small
		return d
	}
	return number(new(big.Int).Neg(d.unscaled()), d.scale)
}

// Abs returns |d|.
func (d Decimal) Abs() Decimal {
	if d.Sign() < 0 {
		return d.Neg()
	}
	return d
}

// Add returns d + e with the larger of their scales. Infinity + -Infinity is NaN.
func (d Decimal) Add(e Decimal) (Decimal, error) {
	if !d.IsFinite() || !e.IsFinite() {
		switch {
		case d.IsNaN() || e.IsNaN() || d.IsInf() && e.IsInf() && d.form != e.form:
			return NaN, nil
		case d.IsInf():
			return d, nil
		}
		return e, nil
	}
	if d.big == nil && e.big == nil {
		scale := max(d.scale, e.scale)
		x, okX := scaleSmall(d.small, scale-d.scale)
		y, okY := scaleSmall(e.small, scale-e.scale)
		sum := x + y
		if okX && okY && (sum > x) == (y > 0) {
			return Decimal{small: sum, scale: scale}, nil
		}
	}
	scale := max(d.scale, e.scale)
	return checked(new(big.Int).Add(d.rescaled(scale), e.rescaled(scale)), scale)
}

// Sub returns d - e, as Add does.
func (d Decimal) Sub(e Decimal) (Decimal, error) { return d.Add(e.Neg()) }

// Mul returns d·e with the sum of their scales, and at most 16383. Zero times an
// infinity is NaN.
func (d Decimal) Mul(e Decimal) (Decimal, error) {
	if !d.IsFinite() || !e.IsFinite() {
		if d.IsNaN() || e.IsNaN() {
			return NaN, nil
		}
		return signed(d.Sign() * e.Sign()), nil
	}
	scale := d.scale + e.scale
	if d.big == nil && e.big == nil && scale <= maxScale {
		if p, ok := mulSmall(d.small, e.small); ok {
			return Decimal{small: p, scale: scale}, nil
		}
	}
	product := new(big.Int).Mul(d.unscaled(), e.unscaled())
	if scale > maxScale {
		product, scale = quoRound(product, pow10(int(scale-maxScale))), maxScale
	}
	return checked(product, scale)
}

// signed returns the infinity of that sign, NaN for 0.
func signed(sign int) Decimal {
	switch sign {
	case 1:
		return Infinity
	case -1:
		return NegativeInfinity
	}
	return NaN
}

// Cmp returns -1, 0 or +1 as d is less than, equal to or greater than e in
// PostgreSQL's order: NaN is equal to itself and greater than all else.
func (d Decimal) Cmp(e Decimal) int {
	a, b := d.order(), e.order()
	if a != finite || b != finite {
		return int(min(max(int8(a)-int8(b), -1), 1))
	}
	if d.big == nil && e.big == nil && d.scale == e.scale {
		return compare(d.small, e.small)
	}
	if s, t := d.Sign(), e.Sign(); s != t {
		return compare(int64(s), int64(t))
	}
	scale := max(d.scale, e.scale)
	if d.big == nil && e.big == nil {
		x, okX := scaleSmall(d.small, scale-d.scale)
		y, okY := scaleSmall(e.small, scale-e.scale)
		if okX && okY {
			return compare(x, y)
		}
	}
	return d.rescaled(scale).Cmp(e.rescaled(scale))
}

// Equal reports whether d and e are equal; their scales may differ.
func (d Decimal) Equal(e Decimal) bool { return d.Cmp(e) == 0 }

func (d Decimal) order() form {
	if d.form == 0 {
		return finite
	}
	return d.form
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// quoRound returns n/m rounded half away from zero, for m > 0. It may overwrite n.
func quoRound(n, m *big.Int) *big.Int {
	r := new(big.Int)
	n.QuoRem(n, m, r)
	if r.Lsh(r, 1).CmpAbs(m) >= 0 {
		// The quotient may be zero, so the sign is that of the remainder.
		n.Add(n, big.NewInt(int64(r.Sign())))
	}
	return n
}

// quoRoundSmall is quoRound for 64 bits.
func quoRoundSmall(n, m int64) int64 {
	q, r := n/m, n%m
	twice := uint64(r) << 1
	if r < 0 {
		twice = uint64(-r) << 1
	}
	if _, less := bits.Sub64(twice, uint64(m), 0); less == 1 {
		return q
	}
	if r < 0 {
		return q - 1
	}
	return q + 1
}
