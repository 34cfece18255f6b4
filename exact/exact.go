// Package exact sums float64 values and products without rounding.
//
// A [Sum] is a fixed-point number wide enough to hold every finite float64 and
// the product of any two of them exactly. So it obeys one law, for every order
// and every split of the terms into shards:
//
//	Float64(terms) == the real sum of the terms, rounded once to nearest even
//
// Summaries built on it are the same bits on one core or on many, and removing a
// term leaves the sum as if the term had never been there.
//
// Source: Kulisch, Computer Arithmetic and Validity, 2nd ed., chapter 8 (the
// complete register); Neal, Fast Exact Summation Using Small and Large
// Superaccumulators, arXiv:1505.05571, 2015 (limbs with delayed carries).
package exact

import (
	"math"
	"math/bits"
)

const (
	// lowest is the exponent of the last bit of a Sum: the smallest float64 is
	// 2^-1074, its square 2^-2148.
	lowest = -2148

	// The largest product is below 2^2048; it starts in digit (1942-lowest)/32 =
	// 127 and ends in digit 131. Two more limbs take the carries: 2^90 terms.
	limbs = 134

	digitBits = 32
	digitMask = 1<<digitBits - 1

	// maxPending terms, each below 2^32 in a limb, keep a limb below 2^62.
	maxPending = 1 << 30
)

// Sum is an exact sum. Its zero value is the empty sum, and a Sum may be copied.
// It takes 1080 bytes; [Sum.MarshalBinary] gives a short form to keep many.
//
// Reading a Sum from several goroutines is safe, adding to it is not: give each
// goroutine its own and merge them with [Sum.AddSum].
type Sum struct {
	// limb[i] counts units of 2^(32i+lowest). Between carries a limb may leave
	// the range of a digit in both directions.
	limb [limbs]int64

	// pending bounds every limb: |limb[i]| ≤ (pending+1)·2^32, i < limbs-1.
	pending int64
}

// Reset makes s the empty sum.
func (s *Sum) Reset() { *s = Sum{} }

// Add adds x. It panics if x is NaN or infinite: callers check their input.
func (s *Sum) Add(x float64) {
	m, e, sign := split(x)
	s.addMantissa(m, e, sign)
}

// Sub subtracts x, under the terms of [Sum.Add].
func (s *Sum) Sub(x float64) {
	m, e, sign := split(x)
	s.addMantissa(m, e, ^sign)
}

// AddProduct adds x·y, which neither rounds, overflows nor underflows. It panics
// if x or y is NaN or infinite.
func (s *Sum) AddProduct(x, y float64) {
	mx, ex, sx := split(x)
	my, ey, sy := split(y)
	hi, lo := bits.Mul64(mx, my)
	s.addWide(hi, lo, position{exp: ex + ey, sign: sx ^ sy})
}

// SubProduct subtracts x·y, under the terms of [Sum.AddProduct].
func (s *Sum) SubProduct(x, y float64) {
	mx, ex, sx := split(x)
	my, ey, sy := split(y)
	hi, lo := bits.Mul64(mx, my)
	s.addWide(hi, lo, position{exp: ex + ey, sign: ^(sx ^ sy)})
}

// AddSum adds the value of t, which it leaves as it is; t may be s.
func (s *Sum) AddSum(t *Sum) { s.merge(t, 0) }

// SubSum subtracts the value of t, which it leaves as it is; t may be s.
func (s *Sum) SubSum(t *Sum) { s.merge(t, -1) }

// Neg changes the sign of s.
func (s *Sum) Neg() {
	for i := range s.limb {
		s.limb[i] = -s.limb[i]
	}
	s.count()
}

// IsZero reports whether the sum is exactly zero.
func (s *Sum) IsZero() bool { return s.Sign() == 0 }

// Sign returns -1, 0 or +1 as the sum is negative, zero or positive.
func (s *Sum) Sign() int {
	c := *s
	c.carry()
	switch {
	case c.limb[limbs-1] < 0:
		return -1
	case c.limb != [limbs]int64{}:
		return 1
	}
	return 0
}

// Equal reports whether s and t hold the same value.
func (s *Sum) Equal(t *Sum) bool {
	a, b := *s, *t
	a.carry()
	b.carry()
	return a.limb == b.limb
}

// position places an integer in a Sum: its unit is 2^exp, and sign is 0 for
// plus, -1 for minus.
type position struct {
	exp  int
	sign int64
}

// merge adds t, or subtracts it if sign is -1.
func (s *Sum) merge(t *Sum, sign int64) {
	if s.pending+t.pending >= maxPending {
		s.carry()
		if s != t && t.pending >= maxPending/2 {
			c := *t
			c.carry()
			t = &c
		}
	}
	s.pending += t.pending + 1
	for i := range s.limb {
		s.limb[i] += t.limb[i] ^ sign - sign
	}
}

// split returns x = ±m·2^e with sign 0 for plus and -1 for minus.
func split(x float64) (m uint64, e int, sign int64) {
	b := math.Float64bits(x)
	sign = int64(b) >> 63
	m = b & (1<<52 - 1)
	e = int(b>>52) & 0x7ff
	switch e {
	case 0:
		return m, -1074, sign
	case 0x7ff:
		panic("exact: value is not finite")
	}
	return m | 1<<52, e - 1075, sign
}

// addMantissa adds ±m·2^e for m below 2^53.
func (s *Sum) addMantissa(m uint64, e int, sign int64) {
	p := uint(e - lowest)
	i, r := p/digitBits, p%digitBits
	low, high := m<<r, m>>1>>(63-r)
	to := s.limb[i : i+3 : i+3]
	to[0] += int64(low&digitMask) ^ sign - sign
	to[1] += int64(low>>digitBits) ^ sign - sign
	to[2] += int64(high) ^ sign - sign
	s.count()
}

// addWide adds the integer hi·2^64+lo, which is below 2^106, at p.
func (s *Sum) addWide(hi, lo uint64, p position) {
	at := uint(p.exp - lowest)
	i, r := at/digitBits, at%digitBits
	w0 := lo << r
	w1 := hi<<r | lo>>1>>(63-r)
	w2 := hi >> 1 >> (63 - r)
	to := s.limb[i : i+5 : i+5]
	to[0] += int64(w0&digitMask) ^ p.sign - p.sign
	to[1] += int64(w0>>digitBits) ^ p.sign - p.sign
	to[2] += int64(w1&digitMask) ^ p.sign - p.sign
	to[3] += int64(w1>>digitBits) ^ p.sign - p.sign
	to[4] += int64(w2) ^ p.sign - p.sign
	s.count()
}

// count notes one more term and carries before a limb can overflow.
func (s *Sum) count() {
	s.pending++
	if s.pending >= maxPending {
		s.carry()
	}
}

// carry brings every limb but the last into [0, 2^32). The last one takes the
// sign. The form is unique: equal values have equal limbs.
func (s *Sum) carry() {
	if s.pending == 0 {
		return
	}
	var c int64
	for i := range limbs - 1 {
		v := s.limb[i] + c
		s.limb[i] = v & digitMask
		c = v >> digitBits
	}
	s.limb[limbs-1] += c
	s.pending = 0
}
