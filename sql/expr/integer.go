package expr

import (
	"math"

	"github.com/millrace/millrace/sql/row"
)

// Errors of arithmetic.
var (
	errSmallintRange  = &RowError{"smallint out of range"}
	errIntegerRange   = &RowError{"integer out of range"}
	errBigintRange    = &RowError{"bigint out of range"}
	errDivisionByZero = &RowError{"division by zero"}
)

// width is the size of an integer result in bytes.
type width int

// put encodes an integer of this width, or fails if it does not fit.
func (w width) put(b *buffer, i int64) (row.Value, error) {
	switch w {
	case 2:
		if i != int64(int16(i)) {
			return nil, errSmallintRange
		}
		return b.int2(int16(i)), nil
	case 4:
		if i != int64(int32(i)) {
			return nil, errIntegerRange
		}
		return b.int4(int32(i)), nil
	default:
		return b.int8(i), nil
	}
}

// unary makes a function of one integer.
func (w width) unary(f func(a int64) (int64, error)) run {
	return func(b *buffer, args []row.Value) (row.Value, error) {
		r, err := f(integer(args[0]))
		if err != nil {
			return nil, err
		}
		return w.put(b, r)
	}
}

// binary makes a function of two integers of any widths.
func (w width) binary(f func(a, b int64) (int64, error)) run {
	return func(b *buffer, args []row.Value) (row.Value, error) {
		r, err := f(integer(args[0]), integer(args[1]))
		if err != nil {
			return nil, err
		}
		return w.put(b, r)
	}
}

// The widths.
const (
	w2 width = 2
	w4 width = 4
	w8 width = 8
)

func add(a, b int64) (int64, error) {
	r := a + b
	if (r > a) != (b > 0) {
		return 0, errBigintRange
	}
	return r, nil
}

func subtract(a, b int64) (int64, error) {
	r := a - b
	if (r < a) != (b > 0) {
		return 0, errBigintRange
	}
	return r, nil
}

func multiply(a, b int64) (int64, error) {
	if a == 0 || b == 0 {
		return 0, nil
	}
	r := a * b
	if r/b != a || a == -1 && b == math.MinInt64 || b == -1 && a == math.MinInt64 {
		return 0, errBigintRange
	}
	return r, nil
}

func divide(a, b int64) (int64, error) {
	switch {
	case b == 0:
		return 0, errDivisionByZero
	case b == -1:
		return negate(a)
	default:
		return a / b, nil
	}
}

func modulo(a, b int64) (int64, error) {
	switch b {
	case 0:
		return 0, errDivisionByZero
	case -1:
		return 0, nil
	default:
		return a % b, nil
	}
}

func negate(a int64) (int64, error) {
	if a == math.MinInt64 {
		return 0, errBigintRange
	}
	return -a, nil
}

func absolute(a int64) (int64, error) {
	if a < 0 {
		return negate(a)
	}
	return a, nil
}

func bitAnd(a, b int64) (int64, error) { return a & b, nil }
func bitOr(a, b int64) (int64, error)  { return a | b, nil }
func bitXor(a, b int64) (int64, error) { return a ^ b, nil }
func bitNot(a int64) (int64, error)    { return ^a, nil }

// shift builds a shift by a constant number of bits less than the width. What the
// others do, the server's processor decides.
func (w width) shift(f func(a int64, n int) int64) builder {
	return func(s *site) (run, error) {
		v, ok := s.constant(1)
		if !ok || integer(v) < 0 || integer(v) >= int64(w)*8 {
			return nil, notNative("shift by a number of bits that is not a constant in range")
		}
		n := int(integer(v))
		return func(b *buffer, args []row.Value) (row.Value, error) {
			switch r := f(integer(args[0]), n); w {
			case 2:
				return b.int2(int16(r)), nil
			case 4:
				return b.int4(int32(r)), nil
			default:
				return b.int8(r), nil
			}
		}, nil
	}
}

func shiftLeft(a int64, n int) int64  { return a << n }
func shiftRight(a int64, n int) int64 { return a >> n }

// same is the value itself: unary plus, and casts that keep the bytes.
func same(_ *buffer, args []row.Value) (row.Value, error) { return args[0], nil }

// integerFunctions is arithmetic of integers and the casts among them.
var integerFunctions = []function{
	{oid: 176, signature: "int2pl(int2,int2)", run: w2.binary(add)},
	{oid: 177, signature: "int4pl(int4,int4)", run: w4.binary(add)},
	{oid: 463, signature: "int8pl(int8,int8)", run: w8.binary(add)},
	{oid: 178, signature: "int24pl(int2,int4)", run: w4.binary(add)},
	{oid: 179, signature: "int42pl(int4,int2)", run: w4.binary(add)},
	{oid: 841, signature: "int28pl(int2,int8)", run: w8.binary(add)},
	{oid: 837, signature: "int82pl(int8,int2)", run: w8.binary(add)},
	{oid: 1278, signature: "int48pl(int4,int8)", run: w8.binary(add)},
	{oid: 1274, signature: "int84pl(int8,int4)", run: w8.binary(add)},
	{oid: 180, signature: "int2mi(int2,int2)", run: w2.binary(subtract)},
	{oid: 181, signature: "int4mi(int4,int4)", run: w4.binary(subtract)},
	{oid: 464, signature: "int8mi(int8,int8)", run: w8.binary(subtract)},
	{oid: 182, signature: "int24mi(int2,int4)", run: w4.binary(subtract)},
	{oid: 183, signature: "int42mi(int4,int2)", run: w4.binary(subtract)},
	{oid: 942, signature: "int28mi(int2,int8)", run: w8.binary(subtract)},
	{oid: 838, signature: "int82mi(int8,int2)", run: w8.binary(subtract)},
	{oid: 1279, signature: "int48mi(int4,int8)", run: w8.binary(subtract)},
	{oid: 1275, signature: "int84mi(int8,int4)", run: w8.binary(subtract)},
	{oid: 152, signature: "int2mul(int2,int2)", run: w2.binary(multiply)},
	{oid: 141, signature: "int4mul(int4,int4)", run: w4.binary(multiply)},
	{oid: 465, signature: "int8mul(int8,int8)", run: w8.binary(multiply)},
	{oid: 170, signature: "int24mul(int2,int4)", run: w4.binary(multiply)},
	{oid: 171, signature: "int42mul(int4,int2)", run: w4.binary(multiply)},
	{oid: 943, signature: "int28mul(int2,int8)", run: w8.binary(multiply)},
	{oid: 839, signature: "int82mul(int8,int2)", run: w8.binary(multiply)},
	{oid: 1280, signature: "int48mul(int4,int8)", run: w8.binary(multiply)},
	{oid: 1276, signature: "int84mul(int8,int4)", run: w8.binary(multiply)},
	{oid: 153, signature: "int2div(int2,int2)", run: w2.binary(divide)},
	{oid: 154, signature: "int4div(int4,int4)", run: w4.binary(divide)},
	{oid: 466, signature: "int8div(int8,int8)", run: w8.binary(divide)},
	{oid: 172, signature: "int24div(int2,int4)", run: w4.binary(divide)},
	{oid: 173, signature: "int42div(int4,int2)", run: w4.binary(divide)},
	{oid: 948, signature: "int28div(int2,int8)", run: w8.binary(divide)},
	{oid: 840, signature: "int82div(int8,int2)", run: w8.binary(divide)},
	{oid: 1281, signature: "int48div(int4,int8)", run: w8.binary(divide)},
	{oid: 1277, signature: "int84div(int8,int4)", run: w8.binary(divide)},
	{oid: 155, signature: "int2mod(int2,int2)", run: w2.binary(modulo)},
	{oid: 156, signature: "int4mod(int4,int4)", run: w4.binary(modulo)},
	{oid: 945, signature: "int8mod(int8,int8)", run: w8.binary(modulo)},
	{oid: 940, signature: "mod(int2,int2)", run: w2.binary(modulo)},
	{oid: 941, signature: "mod(int4,int4)", run: w4.binary(modulo)},
	{oid: 947, signature: "mod(int8,int8)", run: w8.binary(modulo)},
	{oid: 213, signature: "int2um(int2)", run: w2.unary(negate)},
	{oid: 212, signature: "int4um(int4)", run: w4.unary(negate)},
	{oid: 462, signature: "int8um(int8)", run: w8.unary(negate)},
	{oid: 1911, signature: "int2up(int2)", run: same},
	{oid: 1912, signature: "int4up(int4)", run: same},
	{oid: 1910, signature: "int8up(int8)", run: same},
	{oid: 1253, signature: "int2abs(int2)", run: w2.unary(absolute)},
	{oid: 1251, signature: "int4abs(int4)", run: w4.unary(absolute)},
	{oid: 1230, signature: "int8abs(int8)", run: w8.unary(absolute)},
	{oid: 1398, signature: "abs(int2)", run: w2.unary(absolute)},
	{oid: 1397, signature: "abs(int4)", run: w4.unary(absolute)},
	{oid: 1396, signature: "abs(int8)", run: w8.unary(absolute)},
	{oid: 1892, signature: "int2and(int2,int2)", run: w2.binary(bitAnd)},
	{oid: 1898, signature: "int4and(int4,int4)", run: w4.binary(bitAnd)},
	{oid: 1904, signature: "int8and(int8,int8)", run: w8.binary(bitAnd)},
	{oid: 1893, signature: "int2or(int2,int2)", run: w2.binary(bitOr)},
	{oid: 1899, signature: "int4or(int4,int4)", run: w4.binary(bitOr)},
	{oid: 1905, signature: "int8or(int8,int8)", run: w8.binary(bitOr)},
	{oid: 1894, signature: "int2xor(int2,int2)", run: w2.binary(bitXor)},
	{oid: 1900, signature: "int4xor(int4,int4)", run: w4.binary(bitXor)},
	{oid: 1906, signature: "int8xor(int8,int8)", run: w8.binary(bitXor)},
	{oid: 1895, signature: "int2not(int2)", run: w2.unary(bitNot)},
	{oid: 1901, signature: "int4not(int4)", run: w4.unary(bitNot)},
	{oid: 1907, signature: "int8not(int8)", run: w8.unary(bitNot)},
	{oid: 1896, signature: "int2shl(int2,int4)", build: w2.shift(shiftLeft)},
	{oid: 1902, signature: "int4shl(int4,int4)", build: w4.shift(shiftLeft)},
	{oid: 1908, signature: "int8shl(int8,int4)", build: w8.shift(shiftLeft)},
	{oid: 1897, signature: "int2shr(int2,int4)", build: w2.shift(shiftRight)},
	{oid: 1903, signature: "int4shr(int4,int4)", build: w4.shift(shiftRight)},
	{oid: 1909, signature: "int8shr(int8,int4)", build: w8.shift(shiftRight)},
	{oid: 314, signature: "int2(int4)", run: w2.unary(identity)},
	{oid: 714, signature: "int2(int8)", run: w2.unary(identity)},
	{oid: 313, signature: "int4(int2)", run: w4.unary(identity)},
	{oid: 480, signature: "int4(int8)", run: w4.unary(identity)},
	{oid: 754, signature: "int8(int2)", run: w8.unary(identity)},
	{oid: 481, signature: "int8(int4)", run: w8.unary(identity)},
}

// identity is the value of a cast between integers; only its width changes.
func identity(a int64) (int64, error) { return a, nil }
