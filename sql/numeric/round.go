package numeric

import (
	"errors"
	"math/big"
)

// ErrScale says that a number of digits to round to is one that the versions of
// PostgreSQL disagree about: until 17 all beyond 2000 are read as 2000.
var ErrScale = errors.New("numeric: scale to round to is not between -2000 and 2000")

// ErrFieldOverflow says that a value has more digits before the point than its
// column's type.
var ErrFieldOverflow = errors.New("numeric field overflow")

const maxRound = 2000

// Round returns d rounded half away from zero to scale digits after the point; a
// negative scale rounds before it. What is not finite stays.
//
// Errors: [ErrScale], [ErrOverflow].
func (d Decimal) Round(scale int) (Decimal, error) {
	if scale < -maxRound || scale > maxRound {
		return Decimal{}, ErrScale
	}
	if !d.IsFinite() {
		return d, nil
	}
	return d.round(int32(scale))
}

func (d Decimal) round(scale int32) (Decimal, error) {
	if scale >= d.scale {
		return d.widen(scale), nil
	}
	drop := d.scale - scale
	if d.big == nil && drop < int32(len(smallPow10)) {
		n, ok := scaleSmall(quoRoundSmall(d.small, smallPow10[drop]), max(-scale, 0))
		if ok {
			return Decimal{small: n, scale: max(scale, 0)}, nil
		}
	}
	n := quoRound(d.Unscaled(), pow10(int(drop)))
	if scale < 0 {
		n.Mul(n, pow10(int(-scale)))
	}
	return checked(n, max(scale, 0))
}

// widen returns d at a scale that is not smaller.
func (d Decimal) widen(scale int32) Decimal {
	if d.big == nil {
		if n, ok := scaleSmall(d.small, scale-d.scale); ok {
			return Decimal{small: n, scale: scale}
		}
	}
	return number(new(big.Int).Set(d.rescaled(scale)), scale)
}

// Trunc returns d cut off after scale digits behind the point, towards zero.
//
// Errors: [ErrScale].
func (d Decimal) Trunc(scale int) (Decimal, error) {
	if scale < -maxRound || scale > maxRound {
		return Decimal{}, ErrScale
	}
	if !d.IsFinite() {
		return d, nil
	}
	return d.trunc(int32(scale)), nil
}

func (d Decimal) trunc(scale int32) Decimal {
	if scale >= d.scale {
		return d.widen(scale)
	}
	n := d.Unscaled()
	n.Quo(n, pow10(int(d.scale-scale)))
	if scale < 0 {
		n.Mul(n, pow10(int(-scale)))
	}
	return number(n, max(scale, 0))
}

// Ceil returns the smallest integer that is not less than d.
func (d Decimal) Ceil() (Decimal, error) { return d.toward(1) }

// Floor returns the largest integer that is not greater than d.
func (d Decimal) Floor() (Decimal, error) { return d.toward(-1) }

// toward rounds to an integer, up for +1 and down for -1.
func (d Decimal) toward(direction int) (Decimal, error) {
	if !d.IsFinite() {
		return d, nil
	}
	whole := d.trunc(0)
	if d.Sign() == direction && whole.Cmp(d) != 0 {
		return whole.Add(FromInt64(int64(direction)))
	}
	return whole, nil
}

// MinScale returns the least scale that holds d without loss, and TrimScale gives d
// that scale.
func (d Decimal) MinScale() int {
	if !d.IsFinite() || d.Sign() == 0 {
		return 0
	}
	n, scale := d.Unscaled(), int(d.scale)
	q, r, ten := new(big.Int), new(big.Int), big.NewInt(10)
	for ; scale > 0; scale-- {
		if q.QuoRem(n, ten, r); r.Sign() != 0 {
			break
		}
		n, q = q, n
	}
	return scale
}

// TrimScale returns d at its least scale, without zeros at the end of its fraction.
func (d Decimal) TrimScale() Decimal {
	if !d.IsFinite() {
		return d
	}
	return d.trunc(int32(d.MinScale()))
}

// Coerce returns d as a column of numeric(precision, scale) stores it. mod is the
// column's type modifier; below 4 there is no limit.
//
// Errors: [ErrFieldOverflow], also for an infinity; [ErrOverflow].
func (d Decimal) Coerce(mod int32) (Decimal, error) {
	if mod < 4 || d.IsNaN() {
		return d, nil
	}
	if d.IsInf() {
		return Decimal{}, ErrFieldOverflow
	}
	precision := (mod - 4) >> 16 & 0xffff
	scale := (mod-4)&0x7ff ^ 1024 - 1024
	r, err := d.round(scale)
	if err != nil {
		return Decimal{}, err
	}
	// |r| < 10^(precision-scale), in units of r's own scale.
	whole := precision - scale + r.scale
	if r.Sign() != 0 && (whole <= 0 || r.unscaled().CmpAbs(pow10(int(whole))) >= 0) {
		return Decimal{}, ErrFieldOverflow
	}
	return r, nil
}

// Int64 returns d rounded half away from zero to an integer. ok is false if d is
// not finite or the integer does not fit.
func (d Decimal) Int64() (n int64, ok bool) {
	if !d.IsFinite() {
		return 0, false
	}
	r, err := d.round(0)
	if err != nil || r.big != nil {
		return 0, false
	}
	return r.small, true
}
