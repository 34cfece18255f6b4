package expr

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/millrace/millrace/sql/numeric"
	"github.com/millrace/millrace/sql/row"
)

// Signs of a numeric in binary format.
const (
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericInfinity = 0xD000
	numericMinusInf = 0xF000
)

// decimal reads a numeric. The server never sends another format.
func decimal(v row.Value) (numeric.Decimal, error) {
	d, err := numeric.Parse(v)
	if err != nil {
		return d, fmt.Errorf("expr: %w", err)
	}
	return d, nil
}

// rowError gives an error of package numeric, whose texts are PostgreSQL's, as one
// of the row.
func rowError(err error) error {
	for _, known := range []error{numeric.ErrOverflow, numeric.ErrDivisionByZero, numeric.ErrFieldOverflow} {
		if errors.Is(err, known) {
			return &RowError{known.Error()}
		}
	}
	return fmt.Errorf("expr: %w", err)
}

// numericBinary makes a function of two numerics.
func numericBinary(f func(a, b numeric.Decimal) (numeric.Decimal, error)) run {
	return func(b *buffer, args []row.Value) (row.Value, error) {
		x, err := decimal(args[0])
		if err != nil {
			return nil, err
		}
		y, err := decimal(args[1])
		if err != nil {
			return nil, err
		}
		r, err := f(x, y)
		if err != nil {
			return nil, rowError(err)
		}
		return b.keep(r.AppendBinary(b.start())), nil
	}
}

// numericUnary makes a function of one numeric.
func numericUnary(f func(a numeric.Decimal) (numeric.Decimal, error)) run {
	return func(b *buffer, args []row.Value) (row.Value, error) {
		x, err := decimal(args[0])
		if err != nil {
			return nil, err
		}
		r, err := f(x)
		if err != nil {
			return nil, rowError(err)
		}
		return b.keep(r.AppendBinary(b.start())), nil
	}
}

// never gives a function that does not fail the shape of one that may.
func never(f func(numeric.Decimal) numeric.Decimal) func(numeric.Decimal) (numeric.Decimal, error) {
	return func(d numeric.Decimal) (numeric.Decimal, error) { return f(d), nil }
}

func numericSign(d numeric.Decimal) (numeric.Decimal, error) {
	if d.IsNaN() {
		return d, nil
	}
	return numeric.FromInt64(int64(d.Sign())), nil
}

// numericScaled builds round and trunc to a constant number of digits; beyond 2000
// the versions disagree.
func numericScaled(f func(d numeric.Decimal, scale int) (numeric.Decimal, error)) builder {
	return func(s *site) (run, error) {
		v, ok := s.constant(1)
		if !ok {
			return nil, notNative("rounding to a number of digits that is not constant")
		}
		scale := int(integer(v))
		if scale < -2000 || scale > 2000 {
			return nil, notNative("rounding to %d digits", scale)
		}
		return numericUnary(func(d numeric.Decimal) (numeric.Decimal, error) { return f(d, scale) }), nil
	}
}

// numericCoerce builds the cast to numeric(p, s).
func numericCoerce(s *site) (run, error) {
	v, ok := s.constant(1)
	if !ok {
		return nil, notNative("a type modifier that is not constant")
	}
	mod := int32(integer(v))
	return numericUnary(func(d numeric.Decimal) (numeric.Decimal, error) { return d.Coerce(mod) }), nil
}

// compareNumeric compares without decoding: class, weight and digits decide.
func compareNumeric(a, b row.Value) int {
	x, y := binary.BigEndian.Uint16(a[4:]), binary.BigEndian.Uint16(b[4:])
	if c := cmp.Compare(numericClass(a, x), numericClass(b, y)); c != 0 {
		return c
	}
	switch {
	case x == numericNegative:
		return compareMagnitude(b, a)
	case x == 0:
		return compareMagnitude(a, b)
	default:
		return 0
	}
}

// numericClass orders -Infinity, negative numbers, zero, positive ones, Infinity, NaN.
func numericClass(v row.Value, sign uint16) int {
	switch sign {
	case numericMinusInf:
		return -2
	case numericInfinity:
		return 2
	case numericNaN:
		return 3
	}
	switch {
	case len(v) == 8: // no digits
		return 0
	case sign == numericNegative:
		return -1
	default:
		return 1
	}
}

// compareMagnitude compares the absolute values of two numbers. Neither end of the
// digits is a zero: the server strips them.
func compareMagnitude(a, b row.Value) int {
	if len(a) == 8 {
		return 0 // both are zero, being of one class
	}
	if c := cmp.Compare(int16(binary.BigEndian.Uint16(a[2:])), int16(binary.BigEndian.Uint16(b[2:]))); c != 0 {
		return c
	}
	return bytes.Compare(a[8:], b[8:])
}

func canonicalNumeric(dst []byte, v row.Value) []byte { return numericType.AppendKey(dst, v) }

var numericType = &row.Type{Kind: row.Numeric}

// appendNumeric appends the numeric n·10^-scale for scale 0, 3 or 6.
func appendNumeric(dst []byte, n int64, scale int) []byte {
	sign, u := uint16(0), uint64(n)
	if n < 0 {
		sign, u = numericNegative, -u
	}
	unit := uint64(1)
	for range scale {
		unit *= 10
	}
	whole, fraction := u/unit, u%unit*(100_000_000/unit)
	var digits [8]uint16 // base 10000: six before the point, two behind
	digits[6], digits[7] = uint16(fraction/10000), uint16(fraction%10000)
	for i := 5; i >= 0; i-- {
		digits[i], whole = uint16(whole%10000), whole/10000
	}
	first, last := 0, len(digits)
	for first < last && digits[first] == 0 {
		first++
	}
	for last > first && digits[last-1] == 0 {
		last--
	}
	weight := int16(5 - first)
	if first == last {
		weight = 0
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(last-first))
	dst = binary.BigEndian.AppendUint16(dst, uint16(weight))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(scale))
	for _, d := range digits[first:last] {
		dst = binary.BigEndian.AppendUint16(dst, d)
	}
	return dst
}

func integerToNumeric(b *buffer, args []row.Value) (row.Value, error) {
	return b.keep(appendNumeric(b.start(), integer(args[0]), 0)), nil
}

// numericToInteger rounds half away from zero.
func numericToInteger(w width, name string, outOfRange error) run {
	notANumber := &RowError{"cannot convert NaN to " + name}
	infinity := &RowError{"cannot convert infinity to " + name}
	return func(b *buffer, args []row.Value) (row.Value, error) {
		d, err := decimal(args[0])
		if err != nil {
			return nil, err
		}
		n, ok := d.Int64()
		switch {
		case d.IsNaN():
			return nil, notANumber
		case d.IsInf():
			return nil, infinity
		case !ok:
			return nil, outOfRange
		}
		return w.put(b, n)
	}
}

func floatToNumeric(b *buffer, args []row.Value) (row.Value, error) {
	var d numeric.Decimal
	var err error
	if x := float(args[0]); len(args[0]) == 4 {
		d, err = numeric.FromFloat32(float32(x))
	} else {
		d, err = numeric.FromFloat64(x)
	}
	if err != nil {
		return nil, rowError(err)
	}
	return b.keep(d.AppendBinary(b.start())), nil
}

func numericToDouble(b *buffer, args []row.Value) (row.Value, error) {
	d, err := decimal(args[0])
	if err != nil {
		return nil, err
	}
	x, ok := d.Float64()
	switch {
	case !ok:
		return nil, &RowError{fmt.Sprintf("%q is out of range for type double precision", d.String())}
	case d.IsNaN():
		return b.int8(doubleNaN), nil // Go's NaN has another bit set
	}
	return b.float8(x), nil
}

func numericToSingle(b *buffer, args []row.Value) (row.Value, error) {
	d, err := decimal(args[0])
	if err != nil {
		return nil, err
	}
	x, ok := d.Float32()
	if !ok {
		return nil, &RowError{fmt.Sprintf("%q is out of range for type real", d.String())}
	}
	return b.float4(x), nil
}

// numericFunctions is arithmetic of numerics and their casts.
var numericFunctions = []function{
	{oid: 1724, signature: "numeric_add(numeric,numeric)", run: numericBinary(numeric.Decimal.Add)},
	{oid: 1725, signature: "numeric_sub(numeric,numeric)", run: numericBinary(numeric.Decimal.Sub)},
	{oid: 1726, signature: "numeric_mul(numeric,numeric)", run: numericBinary(numeric.Decimal.Mul)},
	{oid: 1727, signature: "numeric_div(numeric,numeric)", run: numericBinary(numeric.Decimal.Div)},
	{oid: 1973, signature: "div(numeric,numeric)", run: numericBinary(numeric.Decimal.DivTrunc)},
	{oid: 1729, signature: "numeric_mod(numeric,numeric)", run: numericBinary(numeric.Decimal.Mod)},
	{oid: 1728, signature: "mod(numeric,numeric)", run: numericBinary(numeric.Decimal.Mod)},
	{oid: 1704, signature: "numeric_abs(numeric)", run: numericUnary(never(numeric.Decimal.Abs))},
	{oid: 1705, signature: "abs(numeric)", run: numericUnary(never(numeric.Decimal.Abs))},
	{oid: 1771, signature: "numeric_uminus(numeric)", run: numericUnary(never(numeric.Decimal.Neg))},
	{oid: 1915, signature: "numeric_uplus(numeric)", run: same},
	{oid: 1706, signature: "sign(numeric)", run: numericUnary(numericSign)},
	{oid: 1711, signature: "ceil(numeric)", run: numericUnary(numeric.Decimal.Ceil)},
	{oid: 2167, signature: "ceiling(numeric)", run: numericUnary(numeric.Decimal.Ceil)},
	{oid: 1712, signature: "floor(numeric)", run: numericUnary(numeric.Decimal.Floor)},
	{oid: 1708, signature: "round(numeric)", run: numericUnary(func(d numeric.Decimal) (numeric.Decimal, error) { return d.Round(0) })},
	{oid: 1710, signature: "trunc(numeric)", run: numericUnary(func(d numeric.Decimal) (numeric.Decimal, error) { return d.Trunc(0) })},
	{oid: 1707, signature: "round(numeric,int4)", build: numericScaled(numeric.Decimal.Round)},
	{oid: 1709, signature: "trunc(numeric,int4)", build: numericScaled(numeric.Decimal.Trunc)},
	{oid: 1703, signature: "numeric(numeric,int4)", build: numericCoerce},
	{oid: 1782, signature: "numeric(int2)", run: integerToNumeric},
	{oid: 1740, signature: "numeric(int4)", run: integerToNumeric},
	{oid: 1781, signature: "numeric(int8)", run: integerToNumeric},
	{oid: 1742, signature: "numeric(float4)", run: floatToNumeric},
	{oid: 1743, signature: "numeric(float8)", run: floatToNumeric},
	{oid: 1783, signature: "int2(numeric)", run: numericToInteger(w2, "smallint", errSmallintRange)},
	{oid: 1744, signature: "int4(numeric)", run: numericToInteger(w4, "integer", errIntegerRange)},
	{oid: 1779, signature: "int8(numeric)", run: numericToInteger(w8, "bigint", errBigintRange)},
	{oid: 1746, signature: "float8(numeric)", run: numericToDouble},
	{oid: 1745, signature: "float4(numeric)", run: numericToSingle},
}
