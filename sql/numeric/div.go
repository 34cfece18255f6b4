package numeric

import "math/big"

// Div returns d/e, rounded half away from zero to PostgreSQL's scale for it: at
// least 16 significant digits and the scales of both, at most 1000. A number
// divided by an infinity is 0.
//
// Errors: [ErrDivisionByZero], [ErrOverflow].
func (d Decimal) Div(e Decimal) (Decimal, error) {
	switch {
	case d.IsNaN() || e.IsNaN() || d.IsInf() && e.IsInf():
		return NaN, nil
	case e.IsInf():
		return Decimal{}, nil
	case e.Sign() == 0:
		return Decimal{}, ErrDivisionByZero
	case d.IsInf():
		return signed(d.Sign() * e.Sign()), nil
	}
	return d.quotient(e, divScale(d, e))
}

// quotient returns d/e rounded to scale.
func (d Decimal) quotient(e Decimal, scale int32) (Decimal, error) {
	// d/e = (n·10^-a)/(m·10^-b) = n/m · 10^(b-a); in units of 10^-scale, n/m·10^by.
	by := scale + e.scale - d.scale
	if d.big == nil && e.big == nil && by >= 0 {
		if n, ok := scaleSmall(d.small, by); ok && n != -1<<63 && e.small != -1<<63 {
			m := e.small
			if m < 0 {
				n, m = -n, -m
			}
			return Decimal{small: quoRoundSmall(n, m), scale: scale}, nil
		}
	}
	n, m := d.Unscaled(), e.Unscaled()
	if m.Sign() < 0 {
		n.Neg(n)
		m.Neg(m)
	}
	if by >= 0 {
		n.Mul(n, pow10(int(by)))
	} else {
		m.Mul(m, pow10(int(-by)))
	}
	return checked(quoRound(n, m), scale)
}

// divScale is the scale of a quotient. PostgreSQL estimates the quotient's size
// from the first base-10000 digits alone, so 16 significant digits may be up to 20.
func divScale(d, e Decimal) int32 {
	weight1, first1 := d.leading()
	weight2, first2 := e.leading()
	weight := weight1 - weight2
	if first1 <= first2 {
		weight--
	}
	scale := max(16-4*weight, int(d.scale), int(e.scale), 0)
	return int32(min(scale, 1000))
}

// leading returns the weight and the value of the first base-10000 digit that is
// not zero; 0, 0 for zero.
func (d Decimal) leading() (weight, first int) {
	if d.Sign() == 0 {
		return 0, 0
	}
	if d.big == nil {
		n := uint64(d.small)
		if d.small < 0 {
			n = -n
		}
		top, digits := n, 1
		for t := n; t >= 10; t /= 10 {
			digits++
		}
		power := digits - 1 - int(d.scale)
		weight = floorDiv4(power)
		// Of the digits, those down to 10^(4·weight) are in the first group.
		keep := power - 4*weight + 1
		for ; digits > keep; digits-- {
			top /= 10
		}
		for ; digits < keep; digits++ {
			top *= 10
		}
		return weight, int(top)
	}
	text := new(big.Int).Abs(d.big).String()
	power := len(text) - 1 - int(d.scale)
	weight = floorDiv4(power)
	for i := range power - 4*weight + 1 {
		first *= 10
		if i < len(text) {
			first += int(text[i] - '0')
		}
	}
	return weight, first
}

// Mod returns the remainder of d/e truncated: it has the sign of d, and the larger
// of the scales. The remainder of a number by an infinity is the number.
//
// Errors: [ErrDivisionByZero].
func (d Decimal) Mod(e Decimal) (Decimal, error) {
	switch {
	case d.IsNaN() || e.IsNaN():
		return NaN, nil
	case e.Sign() == 0:
		return Decimal{}, ErrDivisionByZero
	case d.IsInf():
		return NaN, nil
	case e.IsInf():
		return d, nil
	}
	scale := max(d.scale, e.scale)
	if d.big == nil && e.big == nil {
		x, okX := scaleSmall(d.small, scale-d.scale)
		y, okY := scaleSmall(e.small, scale-e.scale)
		if okX && okY && y != -1 {
			return Decimal{small: x % y, scale: scale}, nil
		}
	}
	return number(new(big.Int).Rem(d.rescaled(scale), e.rescaled(scale)), scale), nil
}

// DivTrunc returns d/e truncated to an integer, as PostgreSQL's div(numeric,
// numeric) does.
//
// Errors: [ErrDivisionByZero], [ErrOverflow].
func (d Decimal) DivTrunc(e Decimal) (Decimal, error) {
	if !d.IsFinite() || !e.IsFinite() || e.Sign() == 0 {
		return d.Div(e)
	}
	scale := max(d.scale, e.scale)
	return checked(new(big.Int).Quo(d.rescaled(scale), e.rescaled(scale)), 0)
}
