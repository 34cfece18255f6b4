package aggregate

import (
	"math/bits"

	"github.com/millrace/millrace/sql/numeric"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// readers of the three integer types, and of money.
var (
	readInt2 = func(v row.Value) int64 { return int64(v.Int2()) }
	readInt4 = func(v row.Value) int64 { return int64(v.Int4()) }
	readInt8 = func(v row.Value) int64 { return v.Int8() }
)

// addIntegers adds the aggregates over integers, except min and max.
func addIntegers(m map[uint32]func(Spec) (Factory, error)) {
	for _, f := range []struct {
		oid  uint32
		kind *integerKind
	}{
		{2109, &integerKind{readInt2, int8Sum}}, {2108, &integerKind{readInt4, int8Sum}},
		{2107, &integerKind{readInt8, numericSum}}, {2112, &integerKind{readInt8, moneySum}},
		{2102, &integerKind{readInt2, integerAvg}}, {2101, &integerKind{readInt4, integerAvg}}, {2100, &integerKind{readInt8, integerAvg}},
	} {
		m[f.oid] = always(func() Accumulator { return &integers{kind: f.kind} })
	}
	unsigned := []func(row.Value) int64{ // without the sign's copies above the type's bits
		func(v row.Value) int64 { return int64(uint16(v.Int2())) },
		func(v row.Value) int64 { return int64(uint32(v.Int4())) },
		readInt8,
	}
	for i, read := range unsigned {
		write := []func(int64) row.Value{
			func(v int64) row.Value { return row.Int2Value(int16(v)) },
			func(v int64) row.Value { return row.Int4Value(int32(v)) },
			row.Int8Value,
		}[i]
		for oid, op := range map[uint32]bitOp{2236 + 2*uint32(i): bitAnd, 2237 + 2*uint32(i): bitOr, 6164 + uint32(i): bitXor} {
			kind := &bitKind{op: op, read: read, write: write}
			m[oid] = always(func() Accumulator { return &bitwise{kind: kind} })
		}
	}
}

// integerKind says what is summed and what the result is.
type integerKind struct {
	read   func(row.Value) int64
	result func(sum *numeric.Int, n int64) (row.Value, error)
}

func int8Sum(sum *numeric.Int, _ int64) (row.Value, error) { return inInt8(sum, ErrBigintRange) }

func moneySum(sum *numeric.Int, _ int64) (row.Value, error) { return inInt8(sum, ErrMoneyRange) }

func inInt8(sum *numeric.Int, outOfRange error) (row.Value, error) {
	v, ok := sum.Int64()
	if !ok {
		return nil, outOfRange
	}
	return row.Int8Value(v), nil
}

func numericSum(sum *numeric.Int, _ int64) (row.Value, error) { return sum.Decimal().Binary(), nil }

func integerAvg(sum *numeric.Int, n int64) (row.Value, error) {
	d, err := sum.Decimal().Div(numeric.FromInt64(n))
	if err != nil {
		return nil, err
	}
	return d.Binary(), nil
}

// integers is sum and avg over integers and money.
type integers struct {
	kind *integerKind
	sum  numeric.Int
	n    int64
}

func (a *integers) Add(args []row.Value, w int64) {
	if !hasNull(args) {
		a.n += w
		a.sum.AddMul(a.kind.read(args[0]), w)
	}
}

func (a *integers) Result() (row.Value, error) {
	if a.n == 0 {
		return nil, nil
	}
	return a.kind.result(&a.sum, a.n)
}

func (a *integers) Save(w *zset.Writer) {
	w.Varint(a.n)
	w.Bytes(a.sum.Append(nil))
}

func (a *integers) Load(r *zset.Reader) error {
	a.n = r.Varint()
	return load(r, a.sum.Consume)
}

func (a *integers) Bytes() int64 { return 48 + a.sum.Bytes() }

// load reads one length of bytes and has consume read all of them.
func load(r *zset.Reader, consume func([]byte) ([]byte, error)) error {
	state := r.Bytes()
	if r.Err() != nil {
		return r.Err()
	}
	rest, err := consume(state)
	if err == nil && len(rest) > 0 {
		err = errState
	}
	return err
}

// bitOp is one of the three aggregates over bits.
type bitOp uint8

const (
	bitAnd bitOp = iota
	bitOr
	bitXor
)

type bitKind struct {
	op    bitOp
	read  func(row.Value) int64
	write func(int64) row.Value
}

// bitwise is bit_and, bit_or and bit_xor. It counts for each bit the values that
// have it, up to the highest bit that any value has had.
type bitwise struct {
	kind *bitKind
	n    int64
	ones []int64
}

func (b *bitwise) Add(args []row.Value, w int64) {
	if hasNull(args) {
		return
	}
	b.n += w
	v := uint64(b.kind.read(args[0]))
	if need := bits.Len64(v); need > len(b.ones) {
		b.ones = append(make([]int64, 0, need), b.ones...)[:need]
	}
	for ; v != 0; v &= v - 1 {
		b.ones[bits.TrailingZeros64(v)] += w
	}
}

func (b *bitwise) Result() (row.Value, error) {
	if b.n == 0 {
		return nil, nil
	}
	var v uint64
	for i, ones := range b.ones {
		var set bool
		switch b.kind.op {
		case bitAnd:
			set = ones == b.n
		case bitOr:
			set = ones > 0
		case bitXor:
			set = ones&1 == 1
		}
		if set {
			v |= 1 << i
		}
	}
	return b.kind.write(int64(v)), nil
}

func (b *bitwise) Save(w *zset.Writer) {
	w.Varint(b.n)
	used := len(b.ones)
	for used > 0 && b.ones[used-1] == 0 {
		used--
	}
	w.Uvarint(uint64(used))
	for _, ones := range b.ones[:used] {
		w.Varint(ones)
	}
}

func (b *bitwise) Load(r *zset.Reader) error {
	b.n = r.Varint()
	used := r.Uvarint()
	if used > 64 {
		r.Fail(errState)
		return r.Err()
	}
	b.ones = make([]int64, used)
	for i := range b.ones {
		b.ones[i] = r.Varint()
	}
	return r.Err()
}

func (b *bitwise) Bytes() int64 { return 48 + int64(cap(b.ones))*8 }
