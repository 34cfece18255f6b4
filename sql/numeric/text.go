package numeric

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// ErrSyntax says that a text is no number.
var ErrSyntax = errors.New("invalid input syntax for type numeric")

// FromString reads what every version from 14 on reads as a numeric. Hexadecimal,
// octal and binary integers and digits parted by underscores, which only version 16
// and later know, are [ErrSyntax].
func FromString(s string) (Decimal, error) {
	t := strings.Trim(s, " \t\n\v\f\r")
	switch strings.ToLower(t) {
	case "nan":
		return NaN, nil
	case "infinity", "+infinity", "inf", "+inf":
		return Infinity, nil
	case "-infinity", "-inf":
		return NegativeInfinity, nil
	}
	mantissa, exponent, err := splitExponent(t)
	if err != nil {
		if errors.Is(err, ErrOverflow) {
			return Decimal{}, err
		}
		return Decimal{}, fmt.Errorf("%w: \"%s\"", err, s)
	}
	negative := strings.HasPrefix(mantissa, "-")
	if negative || strings.HasPrefix(mantissa, "+") {
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return Decimal{}, fmt.Errorf("%w: \"%s\"", ErrSyntax, s)
	}
	digits = strings.TrimLeft(digits, "0")
	if negative {
		digits = "-" + digits
	}
	return compose(digits, len(fraction)-exponent)
}

// splitExponent parts the exponent from a number. One that no numeric can have is
// an overflow, whatever the digits are.
func splitExponent(t string) (mantissa string, exponent int, err error) {
	i := strings.IndexAny(t, "eE")
	if i < 0 {
		return t, 0, nil
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(t[i+1:], "+"), "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || len(t[i+1:])-len(digits) > 1 {
		return "", 0, ErrSyntax
	}
	n, err := strconv.ParseInt(t[i+1:], 10, 64)
	if err != nil || n >= math.MaxInt32/2 || n <= -(math.MaxInt32/2) {
		return "", 0, ErrOverflow
	}
	return t[:i], int(n), nil
}

// compose returns the integer times 10^-scale. A negative scale is one of 0.
func compose(integer string, scale int) (Decimal, error) {
	zero := integer == "" || integer == "-"
	switch {
	case scale > maxScale, !zero && len(integer)-scale > maxDigits+1:
		return Decimal{}, ErrOverflow
	case zero:
		return Decimal{scale: int32(max(scale, 0))}, nil
	}
	if scale < 0 {
		integer, scale = integer+strings.Repeat("0", -scale), 0
	}
	if len(integer) < 19 {
		n, err := strconv.ParseInt(integer, 10, 64)
		return Decimal{small: n, scale: int32(scale)}, err
	}
	n := fromDigits(strings.TrimPrefix(integer, "-"))
	if integer[0] == '-' {
		n.Neg(n)
	}
	return checked(n, int32(scale))
}

// fromDigits returns the number of decimal digits. It halves long ones, since big
// reads them in quadratic time.
func fromDigits(digits string) *big.Int {
	if len(digits) < 2000 {
		n, ok := new(big.Int).SetString(digits, 10)
		if !ok {
			panic("numeric: not digits: " + digits)
		}
		return n
	}
	half := len(digits) / 2
	n := fromDigits(digits[:len(digits)-half])
	n.Mul(n, pow10(half))
	return n.Add(n, fromDigits(digits[len(digits)-half:]))
}

// FromFloat64 returns x as PostgreSQL casts float8 to numeric: its 15 leading
// digits.
func FromFloat64(x float64) (Decimal, error) { return fromFloat(x, 15) }

// FromFloat32 returns x as PostgreSQL casts float4 to numeric: its 6 leading
// digits.
func FromFloat32(x float32) (Decimal, error) { return fromFloat(float64(x), 6) }

func fromFloat(x float64, digits int) (Decimal, error) {
	switch {
	case math.IsNaN(x):
		return NaN, nil
	case math.IsInf(x, 1):
		return Infinity, nil
	case math.IsInf(x, -1):
		return NegativeInfinity, nil
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(x, 'e', digits-1, 64), "e")
	return FromString(strings.TrimRight(strings.TrimRight(mantissa, "0"), ".") + "e" + exponent)
}

// String returns d as PostgreSQL prints it.
func (d Decimal) String() string {
	switch d.form {
	case nan:
		return "NaN"
	case plusInf:
		return "Infinity"
	case minusInf:
		return "-Infinity"
	}
	text, sign := d.unscaled().String(), ""
	if text[0] == '-' {
		text, sign = text[1:], "-"
	}
	if d.scale == 0 {
		return sign + text
	}
	if missing := int(d.scale) + 1 - len(text); missing > 0 {
		text = strings.Repeat("0", missing) + text
	}
	point := len(text) - int(d.scale)
	return sign + text[:point] + "." + text[point:]
}

// Float64 returns the nearest float64. ok is false where PostgreSQL's cast fails: d
// is finite and the result is infinite, or d is not zero and the result is.
func (d Decimal) Float64() (x float64, ok bool) { return d.float(64) }

// Float32 is [Decimal.Float64] for float4: rounded once.
func (d Decimal) Float32() (x float32, ok bool) {
	v, ok := d.float(32)
	return float32(v), ok
}

func (d Decimal) float(bits int) (float64, bool) {
	x, err := strconv.ParseFloat(d.String(), bits)
	return x, err == nil && (x != 0 || d.Sign() == 0)
}
