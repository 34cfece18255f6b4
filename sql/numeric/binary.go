package numeric

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// ErrFormat says that bytes are not a numeric in PostgreSQL's binary format.
var ErrFormat = errors.New("not a numeric in binary format")

// The sign word of the binary format.
const (
	signPlus     = 0x0000
	signMinus    = 0x4000
	signNaN      = 0xC000
	signPlusInf  = 0xD000
	signMinusInf = 0xF000
)

// infScale is the scale word that servers send with an infinity: a by-product of
// how they store it, which must be kept because equal values are to be equal bytes.
const infScale = 32

// Parse reads a value in PostgreSQL's binary format. It keeps no reference to b.
func Parse(b []byte) (Decimal, error) {
	if len(b) < 8 {
		return Decimal{}, fmt.Errorf("numeric: %w: %d bytes", ErrFormat, len(b))
	}
	count := int(binary.BigEndian.Uint16(b))
	weight := int(int16(binary.BigEndian.Uint16(b[2:])))
	sign, scale := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	switch sign {
	case signNaN:
		return NaN, nil
	case signPlusInf:
		return Infinity, nil
	case signMinusInf:
		return NegativeInfinity, nil
	}
	if len(b) != 8+2*count || sign&^signMinus != 0 || scale > maxScale {
		return Decimal{}, fmt.Errorf("numeric: %w: %d bytes for %d digits", ErrFormat, len(b), count)
	}
	digits := b[8:]
	for i := 0; i < len(digits); i += 2 {
		if binary.BigEndian.Uint16(digits[i:]) >= 10000 {
			return Decimal{}, fmt.Errorf("numeric: %w: digit out of range", ErrFormat)
		}
	}
	return assemble(digits, weight, sign == signMinus, int32(scale)), nil
}

// assemble makes a finite number of base-10000 digits. What they hold beyond the
// display scale is cut off, as PostgreSQL does when it receives a value.
func assemble(digits []byte, weight int, minus bool, scale int32) Decimal {
	count := len(digits) / 2
	shift := (weight-count+1)*4 + int(scale) // the last digit's unit, at that scale
	if count <= 4 && shift > -16 {
		m := int64(0)
		for i := range count {
			m = m*10000 + int64(binary.BigEndian.Uint16(digits[2*i:]))
		}
		ok := true
		if shift < 0 {
			m /= smallPow10[-shift]
		} else {
			m, ok = scaleSmall(m, int32(shift))
		}
		if minus {
			m = -m
		}
		if ok {
			return Decimal{small: m, scale: scale}
		}
	}
	text := make([]byte, 0, 4*count+1)
	for i := range count {
		d := binary.BigEndian.Uint16(digits[2*i:])
		text = append(text, byte('0'+d/1000), byte('0'+d/100%10), byte('0'+d/10%10), byte('0'+d%10))
	}
	n := fromDigits("0" + string(text))
	if shift < 0 {
		n.Quo(n, pow10(-shift))
	} else {
		n.Mul(n, pow10(shift))
	}
	if minus {
		n.Neg(n)
	}
	return number(n, scale)
}

// AppendBinary appends d in PostgreSQL's binary format: the very bytes that a
// server sends for it.
func (d Decimal) AppendBinary(dst []byte) []byte {
	switch d.form {
	case nan:
		return appendHeader(dst, 0, 0, signNaN, 0)
	case plusInf:
		return appendHeader(dst, 0, 0, signPlusInf, infScale)
	case minusInf:
		return appendHeader(dst, 0, 0, signMinusInf, infScale)
	}
	var buffer [24]byte
	text, sign := buffer[:0], uint16(signPlus)
	if d.big != nil {
		text = d.big.Append(text, 10)
	} else {
		text = strconv.AppendInt(text, d.small, 10)
	}
	if text[0] == '-' {
		text, sign = text[1:], signMinus
	}
	return appendDigits(dst, text, sign, int(d.scale))
}

// Binary returns d in PostgreSQL's binary format.
func (d Decimal) Binary() []byte { return d.AppendBinary(make([]byte, 0, 20)) }

// appendDigits appends the decimal digits of an unscaled number, in groups of four
// on both sides of the decimal point and without empty groups at either end.
func appendDigits(dst, text []byte, sign uint16, scale int) []byte {
	first := 0
	for first < len(text) && text[first] == '0' {
		first++
	}
	last := len(text)
	for last > first && text[last-1] == '0' {
		last--
	}
	if first == last {
		return appendHeader(dst, 0, 0, signPlus, scale)
	}
	// A digit at i stands for 10^(len(text)-scale-1-i): its group is that power
	// divided by four, rounded down.
	power := func(i int) int { return len(text) - scale - 1 - i }
	weight, least := floorDiv4(power(first)), floorDiv4(power(last-1))
	dst = appendHeader(dst, weight-least+1, weight, sign, scale)
	for g := weight; g >= least; g-- {
		group := uint16(0)
		start := len(text) - scale - 1 - (4*g + 3)
		for i := start; i < start+4; i++ {
			group *= 10
			if i >= first && i < last {
				group += uint16(text[i] - '0')
			}
		}
		dst = binary.BigEndian.AppendUint16(dst, group)
	}
	return dst
}

func floorDiv4(n int) int { return n >> 2 }

func appendHeader(dst []byte, count, weight int, sign uint16, scale int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(count))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(weight)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	return binary.BigEndian.AppendUint16(dst, uint16(scale))
}
