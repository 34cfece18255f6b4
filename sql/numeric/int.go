package numeric

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
)

// Int is an exact sum of integers: 128 bits, and more while they do not suffice.
// The zero Int is 0. It must not be copied once it is in use.
type Int struct {
	hi   int64
	lo   uint64
	wide *big.Int // the sum, if it does not fit; hi and lo are 0 then
}

// AddMul adds x·w.
func (n *Int) AddMul(x, w int64) {
	if n.wide == nil {
		hi, lo := mul128(x, w)
		sumLo, carry := bits.Add64(n.lo, lo, 0)
		sumHi, _ := bits.Add64(uint64(n.hi), uint64(hi), carry)
		s := int64(sumHi)
		overflow := (n.hi < 0) == (hi < 0) && (s < 0) != (hi < 0)
		if !overflow && s != math.MinInt64 {
			n.hi, n.lo = s, sumLo
			return
		}
	}
	n.AddBig(big.NewInt(x), w)
}

// AddBig adds x·w.
func (n *Int) AddBig(x *big.Int, w int64) {
	sum := n.Big()
	n.set(sum.Add(sum, new(big.Int).Mul(x, big.NewInt(w))))
}

// set makes n the value of sum, in the form that depends on the value alone.
func (n *Int) set(sum *big.Int) {
	if sum.BitLen() > 127 {
		*n = Int{wide: sum}
		return
	}
	var b [16]byte
	new(big.Int).Abs(sum).FillBytes(b[:])
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	if sum.Sign() < 0 {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	if int64(hi) == math.MinInt64 {
		*n = Int{wide: sum}
		return
	}
	*n = Int{hi: int64(hi), lo: lo}
}

// Big returns the sum. It is the caller's.
func (n *Int) Big() *big.Int {
	if n.wide != nil {
		return new(big.Int).Set(n.wide)
	}
	b := new(big.Int).Lsh(big.NewInt(n.hi), 64)
	return b.Add(b, new(big.Int).SetUint64(n.lo))
}

// Int64 returns the sum if it fits.
func (n *Int) Int64() (int64, bool) {
	fits := n.wide == nil && n.hi == int64(n.lo)>>63
	return int64(n.lo), fits
}

// IsZero reports whether the sum is 0.
func (n *Int) IsZero() bool { return n.wide == nil && n.hi == 0 && n.lo == 0 }

// Decimal returns the sum as a numeric of scale 0.
func (n *Int) Decimal() Decimal {
	if v, ok := n.Int64(); ok {
		return FromInt64(v)
	}
	return number(n.Big(), 0)
}

// Bytes is the memory beyond the struct itself.
func (n *Int) Bytes() int64 {
	if n.wide == nil {
		return 0
	}
	return int64(24 + 8*len(n.wide.Bits()))
}

// Append appends the sum's bytes: equal sums have equal bytes.
func (n *Int) Append(dst []byte) []byte {
	if n.wide == nil {
		dst = append(dst, 0)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n.hi))
		return binary.LittleEndian.AppendUint64(dst, n.lo)
	}
	sign := byte(1)
	if n.wide.Sign() < 0 {
		sign = 2
	}
	dst = append(dst, sign)
	magnitude := n.wide.Bytes()
	dst = binary.AppendUvarint(dst, uint64(len(magnitude)))
	return append(dst, magnitude...)
}

// Consume sets n to the sum at the start of b, written by Append, and returns the
// bytes after it.
func (n *Int) Consume(b []byte) ([]byte, error) {
	if len(b) >= 17 && b[0] == 0 {
		*n = Int{hi: int64(binary.LittleEndian.Uint64(b[1:])), lo: binary.LittleEndian.Uint64(b[9:])}
		return b[17:], nil
	}
	if len(b) < 2 || b[0] == 0 || b[0] > 2 {
		return nil, fmt.Errorf("numeric: %w: sum of %d bytes", ErrState, len(b))
	}
	size, used := binary.Uvarint(b[1:])
	if used <= 0 || size > uint64(len(b)-1-used) {
		return nil, fmt.Errorf("numeric: %w: sum of %d bytes", ErrState, len(b))
	}
	rest := b[1+used:]
	sum := new(big.Int).SetBytes(rest[:size])
	if b[0] == 2 {
		sum.Neg(sum)
	}
	n.set(sum)
	return rest[size:], nil
}

// mul128 returns the signed product of two signed numbers.
func mul128(x, y int64) (hi int64, lo uint64) {
	h, lo := bits.Mul64(uint64(x), uint64(y))
	// As unsigned, a negative number is 2^64 too large.
	return int64(h) - x>>63&y - y>>63&x, lo
}
