package expr

import (
	"math"

	"github.com/millrace/millrace/sql/row"
)

// Errors of floating-point arithmetic.
var (
	errFloatOverflow  = &RowError{"value out of range: overflow"}
	errFloatUnderflow = &RowError{"value out of range: underflow"}
	errNegativeRoot   = &RowError{"cannot take square root of a negative number"}
)

// floatOp is an operation whose result is infinite or zero only if an operand
// explains it; else it has left the range.
type floatOp struct {
	compute func(a, b float64) float64
	// check fails for a result that no operand explains.
	check func(a, b, result float64) error
	// before fails for operands that have no result.
	before func(a, b float64) error
}

// The four operations, with PostgreSQL's checks of each.
var (
	floatAdd = floatOp{
		compute: func(a, b float64) float64 { return a + b },
		check:   func(a, b, r float64) error { return overflow(r, infinite(a) || infinite(b)) },
	}
	floatSubtract = floatOp{
		compute: func(a, b float64) float64 { return a - b },
		check:   func(a, b, r float64) error { return overflow(r, infinite(a) || infinite(b)) },
	}
	floatMultiply = floatOp{
		compute: func(a, b float64) float64 { return a * b },
		check: func(a, b, r float64) error {
			if r == 0 && a != 0 && b != 0 {
				return errFloatUnderflow
			}
			return overflow(r, infinite(a) || infinite(b))
		},
	}
	floatDivide = floatOp{
		compute: func(a, b float64) float64 { return a / b },
		check: func(a, b, r float64) error {
			if r == 0 && a != 0 && !infinite(b) {
				return errFloatUnderflow
			}
			return overflow(r, infinite(a))
		},
		before: func(a, b float64) error {
			if b == 0 && !math.IsNaN(a) {
				return errDivisionByZero
			}
			return nil
		},
	}
)

func infinite(f float64) bool { return math.IsInf(f, 0) }

func overflow(r float64, explained bool) error {
	if infinite(r) && !explained {
		return errFloatOverflow
	}
	return nil
}

// double makes the operation on float8, or on one float4 and one float8.
func (o floatOp) double() run {
	return func(b *buffer, args []row.Value) (row.Value, error) {
		r, err := o.apply(float(args[0]), float(args[1]), false)
		if err != nil {
			return nil, err
		}
		return b.float8(r), nil
	}
}

// single makes the operation on float4. Computing it in float8 and rounding gives
// the same as computing in float4: 53 bits are more than twice 24 and two.
func (o floatOp) single() run {
	return func(b *buffer, args []row.Value) (row.Value, error) {
		r, err := o.apply(float(args[0]), float(args[1]), true)
		if err != nil {
			return nil, err
		}
		return b.float4(float32(r)), nil
	}
}

func (o floatOp) apply(x, y float64, single bool) (float64, error) {
	if o.before != nil {
		if err := o.before(x, y); err != nil {
			return 0, err
		}
	}
	r := o.compute(x, y)
	if single {
		r = float64(float32(r))
	}
	return r, o.check(x, y, r)
}

// floatUnary makes a function of one float8.
func floatUnary(f func(x float64) float64) run {
	return func(b *buffer, args []row.Value) (row.Value, error) { return b.float8(f(float(args[0]))), nil }
}

// floatUnary4 makes a function of one float4 whose result has no more digits.
func floatUnary4(f func(x float64) float64) run {
	return func(b *buffer, args []row.Value) (row.Value, error) {
		return b.float4(float32(f(float(args[0])))), nil
	}
}

func floatNegate(x float64) float64 { return -x }

func floatSign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	default:
		return 0
	}
}

func floatRoot(b *buffer, args []row.Value) (row.Value, error) {
	x := float(args[0])
	if x < 0 {
		return nil, errNegativeRoot
	}
	return b.float8(math.Sqrt(x)), nil
}

// floatFunctions is arithmetic of floats and casts among them and integers.
// Functions whose last bit depends on the C library, as exp, are not here.
var floatFunctions = []function{
	{oid: 218, signature: "float8pl(float8,float8)", run: floatAdd.double()},
	{oid: 281, signature: "float48pl(float4,float8)", run: floatAdd.double()},
	{oid: 285, signature: "float84pl(float8,float4)", run: floatAdd.double()},
	{oid: 204, signature: "float4pl(float4,float4)", run: floatAdd.single()},
	{oid: 219, signature: "float8mi(float8,float8)", run: floatSubtract.double()},
	{oid: 282, signature: "float48mi(float4,float8)", run: floatSubtract.double()},
	{oid: 286, signature: "float84mi(float8,float4)", run: floatSubtract.double()},
	{oid: 205, signature: "float4mi(float4,float4)", run: floatSubtract.single()},
	{oid: 216, signature: "float8mul(float8,float8)", run: floatMultiply.double()},
	{oid: 279, signature: "float48mul(float4,float8)", run: floatMultiply.double()},
	{oid: 283, signature: "float84mul(float8,float4)", run: floatMultiply.double()},
	{oid: 202, signature: "float4mul(float4,float4)", run: floatMultiply.single()},
	{oid: 217, signature: "float8div(float8,float8)", run: floatDivide.double()},
	{oid: 280, signature: "float48div(float4,float8)", run: floatDivide.double()},
	{oid: 284, signature: "float84div(float8,float4)", run: floatDivide.double()},
	{oid: 203, signature: "float4div(float4,float4)", run: floatDivide.single()},
	{oid: 220, signature: "float8um(float8)", run: floatUnary(floatNegate)},
	{oid: 206, signature: "float4um(float4)", run: floatUnary4(floatNegate)},
	{oid: 1914, signature: "float8up(float8)", run: same},
	{oid: 1913, signature: "float4up(float4)", run: same},
	{oid: 221, signature: "float8abs(float8)", run: floatUnary(math.Abs)},
	{oid: 207, signature: "float4abs(float4)", run: floatUnary4(math.Abs)},
	{oid: 1395, signature: "abs(float8)", run: floatUnary(math.Abs)},
	{oid: 1394, signature: "abs(float4)", run: floatUnary4(math.Abs)},
	{oid: 2308, signature: "ceil(float8)", run: floatUnary(math.Ceil)},
	{oid: 2320, signature: "ceiling(float8)", run: floatUnary(math.Ceil)},
	{oid: 2309, signature: "floor(float8)", run: floatUnary(math.Floor)},
	{oid: 1343, signature: "trunc(float8)", run: floatUnary(math.Trunc)},
	{oid: 229, signature: "dtrunc(float8)", run: floatUnary(math.Trunc)},
	{oid: 1342, signature: "round(float8)", run: floatUnary(math.RoundToEven)},
	{oid: 228, signature: "dround(float8)", run: floatUnary(math.RoundToEven)},
	{oid: 2310, signature: "sign(float8)", run: floatUnary(floatSign)},
	{oid: 1344, signature: "sqrt(float8)", run: floatRoot},
	{oid: 230, signature: "dsqrt(float8)", run: floatRoot},
	{oid: 311, signature: "float8(float4)", run: floatUnary(func(x float64) float64 { return x })},
	{oid: 312, signature: "float4(float8)", run: narrow},
	{oid: 235, signature: "float8(int2)", run: integerToDouble},
	{oid: 316, signature: "float8(int4)", run: integerToDouble},
	{oid: 482, signature: "float8(int8)", run: integerToDouble},
	{oid: 236, signature: "float4(int2)", run: integerToSingle},
	{oid: 318, signature: "float4(int4)", run: integerToSingle},
	{oid: 652, signature: "float4(int8)", run: integerToSingle},
	{oid: 238, signature: "int2(float4)", run: floatToInteger(w2, errSmallintRange)},
	{oid: 237, signature: "int2(float8)", run: floatToInteger(w2, errSmallintRange)},
	{oid: 319, signature: "int4(float4)", run: floatToInteger(w4, errIntegerRange)},
	{oid: 317, signature: "int4(float8)", run: floatToInteger(w4, errIntegerRange)},
	{oid: 653, signature: "int8(float4)", run: floatToInteger(w8, errBigintRange)},
	{oid: 483, signature: "int8(float8)", run: floatToInteger(w8, errBigintRange)},
}

// narrow casts float8 to float4.
func narrow(b *buffer, args []row.Value) (row.Value, error) {
	x := float(args[0])
	r := float32(x)
	switch {
	case infinite(float64(r)) && !infinite(x):
		return nil, errFloatOverflow
	case r == 0 && x != 0:
		return nil, errFloatUnderflow
	}
	return b.float4(r), nil
}

func integerToDouble(b *buffer, args []row.Value) (row.Value, error) {
	return b.float8(float64(integer(args[0]))), nil
}

func integerToSingle(b *buffer, args []row.Value) (row.Value, error) {
	return b.float4(float32(integer(args[0]))), nil
}

// floatToInteger rounds half to even.
func floatToInteger(w width, outOfRange error) run {
	limit := math.Ldexp(1, int(w)*8-1)
	return func(b *buffer, args []row.Value) (row.Value, error) {
		x := math.RoundToEven(float(args[0]))
		if !(x >= -limit && x < limit) {
			return nil, outOfRange
		}
		return w.put(b, int64(x))
	}
}
