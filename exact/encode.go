package exact

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrFormat says that bytes are not a Sum: they were cut short, altered, or
// written by something else.
var ErrFormat = errors.New("not an encoded sum")

var (
	_ encoding.BinaryAppender    = (*Sum)(nil)
	_ encoding.BinaryMarshaler   = (*Sum)(nil)
	_ encoding.BinaryUnmarshaler = (*Sum)(nil)
)

// AppendBinary appends the short form of s to b: nothing for zero, else the sign
// (0 or 1), the index of the first digit in use, and the digits of the magnitude
// from there to the last one in use, four bytes each, little endian. A sum of
// numbers of like size takes about 20 bytes. Equal sums have equal bytes.
func (s *Sum) AppendBinary(b []byte) ([]byte, error) {
	mag, negative := s.magnitude()
	digits := mag.digits()
	first, end := 0, len(digits)
	for end > 0 && digits[end-1] == 0 {
		end--
	}
	if end == 0 {
		return b, nil
	}
	for digits[first] == 0 {
		first++
	}
	sign := byte(0)
	if negative {
		sign = 1
	}
	b = append(b, sign, byte(first))
	for _, d := range digits[first:end] {
		b = binary.LittleEndian.AppendUint32(b, d)
	}
	return b, nil
}

// MarshalBinary returns the short form of [Sum.AppendBinary].
func (s *Sum) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// UnmarshalBinary sets s to the sum that AppendBinary wrote. It accepts nothing
// else: [ErrFormat] if the form is not the one that AppendBinary chooses.
func (s *Sum) UnmarshalBinary(b []byte) error {
	s.Reset()
	if len(b) == 0 {
		return nil
	}
	n := (len(b) - 2) / 4
	if len(b) < 6 || len(b)%4 != 2 || b[0] > 1 || int(b[1])+n > limbs+1 {
		return fmt.Errorf("exact: %w: %d bytes", ErrFormat, len(b))
	}
	var digits [limbs + 1]uint32
	for i := range n {
		digits[int(b[1])+i] = binary.LittleEndian.Uint32(b[2+4*i:])
	}
	first, last := digits[b[1]], digits[int(b[1])+n-1]
	if first == 0 || last == 0 || digits[limbs]>>31 != 0 {
		return fmt.Errorf("exact: %w: digits %d to %d are not in short form", ErrFormat, b[1], int(b[1])+n-1)
	}
	for i := range limbs {
		s.limb[i] = int64(digits[i])
	}
	s.limb[limbs-1] |= int64(digits[limbs]) << digitBits
	if b[0] == 1 {
		s.Neg()
	}
	return nil
}

// digits returns the digits of a carried, non-negative sum, lowest first; the
// last limb gives two.
func (s *Sum) digits() (d [limbs + 1]uint32) {
	for i, v := range s.limb {
		d[i] = uint32(v)
	}
	d[limbs] = uint32(s.limb[limbs-1] >> digitBits)
	return d
}
