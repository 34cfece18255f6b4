package row

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
)

// Ordered reports whether [Type.AppendOrder] works: whether we know how PostgreSQL
// orders the values of the type, by its default operator class.
func (t *Type) Ordered() bool {
	switch t.Kind {
	case Opaque, JSONB:
		return false
	case Text, Bpchar, Name:
		return t.ByteOrder && !t.Nondeterministic
	case Enum:
		return len(t.Labels) > 0
	case Array:
		// oidvector and int2vector are arrays in form; the one is ordered by length
		// first, the other not at all.
		if t.Elem == nil || t.OID == 22 || t.OID == 30 || strings.HasSuffix(t.BaseName, "vector") {
			return false
		}
	}
	return t.parts((*Type).Ordered)
}

// AppendOrder appends to dst what orders v among the values of type t: compared with
// [bytes.Compare] the bytes are in the order of ORDER BY, by the type's default
// operator class. No value's bytes are the beginning of another's, so that those of
// several columns can be appended to each other. The type must be Ordered.
//
// An enum label that is not among t.Labels comes last: see [Type.CheckOrder].
func (t *Type) AppendOrder(dst []byte, v Value, desc, nullsFirst bool) []byte {
	if v == nil {
		if nullsFirst {
			return append(dst, 0)
		}
		return append(dst, 2)
	}
	dst = append(dst, 1)
	start := len(dst)
	dst = t.appendOrdered(dst, v)
	if desc {
		for i := start; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

// appendOrdered appends a value that is not NULL in ascending order.
func (t *Type) appendOrdered(dst []byte, v Value) []byte {
	switch t.Kind {
	case Int2:
		return binary.BigEndian.AppendUint16(dst, uint16(v.Int2())^1<<15)
	case Int4, Date:
		return binary.BigEndian.AppendUint32(dst, uint32(v.Int4())^1<<31)
	case Int8, Money, Time, Timestamp, Timestamptz:
		return appendSigned(dst, v.Int8())
	case Float4:
		return binary.BigEndian.AppendUint64(dst, floatBits(float64(v.Float4())))
	case Float8:
		return binary.BigEndian.AppendUint64(dst, floatBits(v.Float8()))
	case Numeric:
		return appendNumeric(dst, v)
	case Timetz: // by the moment, then by the zone
		micros, west := v.Timetz()
		dst = appendSigned(dst, micros+int64(west)*1e6)
		return binary.BigEndian.AppendUint32(dst, uint32(west)^1<<31)
	case Interval:
		return appendInterval(dst, v.Interval())
	case Text, Name, Bytea:
		return appendEscaped(dst, v)
	case Bpchar:
		return appendEscaped(dst, trimBlanks(v))
	case Bit: // by the bytes, then by the number of bits
		return append(appendEscaped(dst, v[4:]), v[:4]...)
	case Enum:
		return binary.BigEndian.AppendUint32(dst, uint32(t.position(v)))
	case Inet:
		return appendInet(dst, v)
	}
	return t.appendOrderedContainer(dst, v)
}

// appendOrderedContainer appends a value of the remaining kinds: containers, and
// those of fixed length whose format is in order already.
func (t *Type) appendOrderedContainer(dst []byte, v Value) []byte {
	switch t.Kind {
	case Array: // by the elements, NULL last, then by their number, then by the shape
		a := v.Array()
		for e := range a.All() {
			dst = t.Elem.AppendOrder(dst, e, false, false)
		}
		return appendShape(append(dst, 0), a.Dimensions)
	case Composite: // by the fields, NULL last
		i := 0
		for _, field := range v.Composite() {
			dst = t.Fields[i].AppendOrder(dst, field, false, false)
			i++
		}
		return dst
	case Range:
		return appendRange(dst, v.Range(), t.Elem.appendOrdered)
	case Multirange: // by the ranges, then by their number
		for r := range v.Multirange() {
			dst = appendRange(append(dst, 1), r.Range(), t.Elem.Elem.appendOrdered)
		}
		return append(dst, 0)
	}
	return append(dst, v...) // Bool, OID, Char, UUID, Macaddr
}

// position is that of an enum label, from 0; the number of labels if there is no
// such label.
func (t *Type) position(label Value) int {
	for i, l := range t.Labels {
		if l == string(label) {
			return i
		}
	}
	return len(t.Labels)
}

// CheckOrder reports whether AppendOrder knows the place of v. It does not if v is,
// or has within it, an enum label that t does not have: the enum has got another
// label since t was read.
func (t *Type) CheckOrder(v Value) bool {
	if v == nil {
		return true
	}
	switch t.Kind {
	case Enum:
		return t.position(v) < len(t.Labels)
	case Array:
		for e := range v.Array().All() {
			if !t.Elem.CheckOrder(e) {
				return false
			}
		}
	case Composite:
		i := 0
		for _, field := range v.Composite() {
			if !t.Fields[i].CheckOrder(field) {
				return false
			}
			i++
		}
	}
	return true
}

// HasEnum reports whether values of the type are or contain enum labels.
func (t *Type) HasEnum() bool {
	return t.Kind == Enum || t.Elem != nil && t.Elem.HasEnum() || slices.ContainsFunc(t.Fields, (*Type).HasEnum)
}

// appendSigned appends a signed number.
func appendSigned(dst []byte, i int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(i)^1<<63)
}

// appendEscaped appends bytes of any length: 0 becomes 0 255, the end is 0 0.
func appendEscaped(dst, v []byte) []byte {
	for {
		i := bytes.IndexByte(v, 0)
		if i < 0 {
			break
		}
		dst = append(append(dst, v[:i]...), 0, 255)
		v = v[i+1:]
	}
	return append(append(dst, v...), 0, 0)
}

// appendInterval appends the length of an interval in microseconds, of 128 bits.
func appendInterval(dst []byte, i IntervalParts) []byte {
	const microsPerDay = 24 * 60 * 60 * 1e6
	days := int64(i.Months)*30 + int64(i.Days)
	high, low := bits.Mul64(uint64(days), microsPerDay)
	if days < 0 { // Mul64 took it for days + 2^64.
		high -= microsPerDay
	}
	low, carry := bits.Add64(low, uint64(i.Micros), 0)
	high += uint64(i.Micros>>63) + carry
	return binary.BigEndian.AppendUint64(appendSigned(dst, int64(high)), low)
}

// appendInet appends an address: by family, network, length of the network, host.
// Two networks compare by the bits that both have; with all bits behind a network's
// own set to 0 the shorter one comes out first, as it must.
func appendInet(dst []byte, v Value) []byte {
	family, length, address := v[0], v[1], v[4:]
	dst = append(dst, family)
	for i, b := range address {
		keep := min(max(int(length)-8*i, 0), 8)
		dst = append(dst, b&^(0xff>>keep))
	}
	return append(append(dst, length), address...)
}

// Sign words of a numeric.
const (
	numericNegative    = 0x4000
	numericNaN         = 0xC000
	numericInfinity    = 0xD000
	numericMinInfinity = 0xF000
)

// appendNumeric appends a numeric whatever its scale: its class, the weight of the
// first digit (of base 10000), the digits plus one, 0; for negative ones all
// complemented but the class.
func appendNumeric(dst []byte, v Value) []byte {
	weight, sign, digits := int32(v[2:].Int2()), uint16(v[4:].Int2()), v[8:]
	switch sign {
	case numericMinInfinity:
		return append(dst, 0)
	case numericInfinity:
		return append(dst, 4)
	case numericNaN:
		return append(dst, 5)
	}
	for len(digits) > 0 && digits.Int2() == 0 {
		digits = digits[2:]
		weight--
	}
	for len(digits) > 0 && digits[len(digits)-2:].Int2() == 0 {
		digits = digits[:len(digits)-2]
	}
	if len(digits) == 0 {
		return append(dst, 2)
	}
	class, flip := byte(3), uint16(0)
	if sign == numericNegative {
		class, flip = 1, 0xffff
	}
	dst = append(dst, class)
	dst = binary.BigEndian.AppendUint32(dst, uint32(weight)^1<<31^(uint32(flip)<<16|uint32(flip)))
	for ; len(digits) > 0; digits = digits[2:] {
		dst = binary.BigEndian.AppendUint16(dst, (uint16(digits.Int2())+1)^flip)
	}
	return binary.BigEndian.AppendUint16(dst, flip)
}
