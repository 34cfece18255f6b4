// Package numeric computes with PostgreSQL's type numeric: the same values, the
// same display scales and the same errors.
//
// A finite number is an integer of any size divided by a power of ten; the power
// is its display scale, which PostgreSQL keeps with each value: 1.0 and 1.00 are
// equal and print differently. Every operation is exact and then rounded once, half
// away from zero, to the scale that PostgreSQL gives to the result.
//
// The errors of this package read as PostgreSQL's messages do, because they are
// shown in their place.
//
// Source: the PostgreSQL documentation, section 8.1.2, and the behaviour of servers
// 14 to 18, which the tests compare with.
package numeric

import (
	"errors"
	"math"
	"math/big"
)

var (
	// ErrOverflow says that a result has more than 131072 digits before the decimal
	// point.
	ErrOverflow = errors.New("value overflows numeric format")
	// ErrDivisionByZero says that a divisor is zero.
	ErrDivisionByZero = errors.New("division by zero")
)

const (
	maxScale  = 16383  // largest display scale
	maxDigits = 131072 // largest number of digits before the decimal point
)

// form tells the numbers from what is none. The order is that of Cmp.
type form uint8

const (
	minusInf form = iota + 1
	finite
	plusInf
	nan
)

// Decimal is a numeric: a finite number with its display scale, NaN, Infinity or
// -Infinity. It is immutable and may be copied. The zero Decimal is the number 0
// of scale 0.
type Decimal struct {
	big   *big.Int // unscaled number; nil where it fits small; never written to
	small int64
	scale int32
	form  form // 0 is read as finite
}

// NaN and the infinities, which PostgreSQL has since version 14.
var (
	NaN              = Decimal{form: nan}
	Infinity         = Decimal{form: plusInf}
	NegativeInfinity = Decimal{form: minusInf}
)

// FromInt64 returns n with scale 0.
func FromInt64(n int64) Decimal { return Decimal{small: n} }

// FromBig returns n·10^-scale with that display scale, which must be between 0 and
// 16383. It keeps no reference to n.
func FromBig(n *big.Int, scale int) (Decimal, error) {
	return checked(new(big.Int).Set(n), int32(scale))
}

// IsNaN reports whether d is NaN.
func (d Decimal) IsNaN() bool { return d.form == nan }

// IsInf reports whether d is Infinity or -Infinity.
func (d Decimal) IsInf() bool { return d.form == plusInf || d.form == minusInf }

// IsFinite reports whether d is a number.
func (d Decimal) IsFinite() bool { return d.form == finite || d.form == 0 }

// Scale is the display scale of a finite d.
func (d Decimal) Scale() int { return int(d.scale) }

// Sign returns -1, 0 or +1. That of NaN is 0.
func (d Decimal) Sign() int {
	switch {
	case d.form == minusInf:
		return -1
	case d.form == plusInf:
		return 1
	case d.form == nan:
		return 0
	case d.big != nil:
		return d.big.Sign()
	case d.small < 0:
		return -1
	case d.small > 0:
		return 1
	}
	return 0
}

// Unscaled returns the integer d·10^Scale of a finite d. It is the caller's.
func (d Decimal) Unscaled() *big.Int { return new(big.Int).Set(d.unscaled()) }

// unscaled returns the integer that d divides by 10^scale; not to be written to.
func (d Decimal) unscaled() *big.Int {
	if d.big != nil {
		return d.big
	}
	return big.NewInt(d.small)
}

// number makes a finite Decimal of n, which it takes over. The caller knows that it
// is in range.
func number(n *big.Int, scale int32) Decimal {
	if n.IsInt64() {
		return Decimal{small: n.Int64(), scale: scale}
	}
	return Decimal{big: n, scale: scale}
}

// checked is number with the limits of the type.
func checked(n *big.Int, scale int32) (Decimal, error) {
	if scale > maxScale || !inRange(n, scale) {
		return Decimal{}, ErrOverflow
	}
	return number(n, scale), nil
}

// inRange reports whether n·10^-scale has at most maxDigits before the point.
func inRange(n *big.Int, scale int32) bool {
	const bitsPerDigit = 3.3219280948873626 // log2(10), rounded up
	digits := maxDigits + int(scale)
	if float64(n.BitLen()) < float64(digits)*bitsPerDigit-2 {
		return true
	}
	return n.CmpAbs(pow10(digits)) < 0
}

// Powers of ten that fit 64 bits.
var smallPow10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// bigPow10 are the powers of ten that most rescaling needs; not to be written to.
var bigPow10 = func() (p [64]*big.Int) {
	p[0] = big.NewInt(1)
	for i := 1; i < len(p); i++ {
		p[i] = new(big.Int).Mul(p[i-1], big.NewInt(10))
	}
	return p
}()

// pow10 returns 10^n; not to be written to.
func pow10(n int) *big.Int {
	if n < len(bigPow10) {
		return bigPow10[n]
	}
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// scaleSmall returns n·10^by if that fits 64 bits.
func scaleSmall(n int64, by int32) (int64, bool) {
	if by == 0 || n == 0 {
		return n, true
	}
	if by >= int32(len(smallPow10)) {
		return 0, false
	}
	return mulSmall(n, smallPow10[by])
}

// mulSmall returns a·b if that fits 64 bits.
func mulSmall(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	p := a * b
	if p/b != a || a == math.MinInt64 && b == -1 || b == math.MinInt64 && a == -1 {
		return 0, false
	}
	return p, true
}

// rescaled returns the unscaled number of d at a scale that is not smaller; not to
// be written to.
func (d Decimal) rescaled(scale int32) *big.Int {
	if scale == d.scale {
		return d.unscaled()
	}
	return new(big.Int).Mul(d.unscaled(), pow10(int(scale-d.scale)))
}
