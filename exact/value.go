package exact

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
)

// Float64 returns the sum rounded once, to nearest even: subnormal where it is
// that small, ±Inf where it is 2^1024 − 2^970 or more. A zero sum is +0.
func (s *Sum) Float64() float64 {
	mag, negative := s.magnitude()
	top := limbs - 1
	for top >= 0 && mag.limb[top] == 0 {
		top--
	}
	if top < 0 {
		return 0
	}
	m, exp, sticky := mag.leading(top)
	v := round(m, exp, sticky)
	if negative {
		return -v
	}
	return v
}

// Big returns the exact sum, with just the precision it needs (53 bits at least).
func (s *Sum) Big() *big.Float {
	mag, negative := s.magnitude()
	digits := mag.digits()
	first := 0
	for first < limbs && digits[first] == 0 {
		first++
	}
	bytes := make([]byte, 0, 4*len(digits))
	for i := limbs; i >= first; i-- {
		bytes = binary.BigEndian.AppendUint32(bytes, digits[i])
	}
	n := new(big.Int).SetBytes(bytes)
	prec := uint(max(53, n.BitLen()-int(n.TrailingZeroBits())))
	f := new(big.Float).SetPrec(prec).SetInt(n)
	f.SetMantExp(f, lowest+digitBits*first)
	if negative {
		f.Neg(f)
	}
	return f
}

// magnitude returns the absolute value of s in its unique form.
func (s *Sum) magnitude() (mag Sum, negative bool) {
	mag = *s
	mag.carry()
	if mag.limb[limbs-1] >= 0 {
		return mag, false
	}
	mag.Neg()
	mag.carry()
	return mag, true
}

// leading returns the 64 leading bits of a carried, non-negative sum whose
// highest limb in use is top, as m·2^exp with the highest bit of m set, and
// whether anything but zeros follows.
func (s *Sum) leading(top int) (m uint64, exp int, sticky bool) {
	m = uint64(s.limb[top])
	exp = digitBits*top + lowest
	rest := top - 1
	var tail uint64 // the bits of the digit before rest that m has no room for
	for m>>63 == 0 {
		if rest < 0 {
			z := bits.LeadingZeros64(m)
			return m << z, exp - z, false
		}
		room := min(bits.LeadingZeros64(m), digitBits)
		d := uint64(s.limb[rest])
		m = m<<room | d>>(digitBits-room)
		tail = d & (1<<(digitBits-room) - 1)
		exp -= room
		rest--
	}
	sticky = tail != 0
	for ; rest >= 0 && !sticky; rest-- {
		sticky = s.limb[rest] != 0
	}
	return m, exp, sticky
}

// round returns m·2^exp, plus something below one unit of m if sticky, rounded
// to nearest even. The highest bit of m is set.
func round(m uint64, exp int, sticky bool) float64 {
	keep := 53
	if least := exp + 63; least < -1022 {
		keep -= -1022 - least
	}
	drop := 64 - keep
	if drop > 64 {
		return 0
	}
	kept, half := uint64(0), m
	if drop < 64 {
		kept, half = m>>drop, m<<keep
	}
	const tie = 1 << 63
	if half > tie || half == tie && (sticky || kept&1 == 1) {
		kept++
	}
	return math.Ldexp(float64(kept), exp+drop)
}
