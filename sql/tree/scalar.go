package tree

import (
	"encoding/binary"
	"fmt"

	"github.com/millrace/millrace/sql/row"
)

// Signs of a numeric in binary format.
const (
	numericPositive  = 0x0000
	numericNegative  = 0x4000
	numericNaN       = 0xC000
	numericInfinite  = 0xD000
	numericMinusInf  = 0xF000
	numericMaxDigits = 0x3FFF
)

// numericOf converts a numeric. In memory it has a header of two bytes (sign, scale
// and weight packed, or a special value) or of four, and then digits of base 10000.
func numericOf(data []byte) (row.Value, error) {
	if len(data) < 2 || len(data)%2 != 0 {
		return nil, errBytes
	}
	h := host.Uint16(data)
	var sign, scale uint16
	var weight int16
	digits := data[2:]
	switch h & 0xC000 {
	case 0xC000:
		if len(digits) != 0 {
			return nil, errBytes
		}
		sign = h & 0xF000
		scale = h & 0x1F80 >> 7 // as the server sends it
	case 0x8000: // short
		if h&0x2000 != 0 {
			sign = numericNegative
		}
		scale = h & 0x1F80 >> 7
		weight = int16(h & 0x3F)
		if h&0x40 != 0 {
			weight -= 0x40
		}
	default:
		if len(digits) < 2 {
			return nil, errBytes
		}
		sign, scale, weight, digits = h&0xC000, h&0x3FFF, int16(host.Uint16(digits)), digits[2:]
	}
	v := binary.BigEndian.AppendUint16(nil, uint16(len(digits)/2))
	v = binary.BigEndian.AppendUint16(v, uint16(weight))
	v = binary.BigEndian.AppendUint16(v, sign)
	v = binary.BigEndian.AppendUint16(v, scale)
	for ; len(digits) > 0; digits = digits[2:] {
		d := host.Uint16(digits)
		if d > 9999 {
			return nil, fmt.Errorf("%w: digit %d", errBytes, d)
		}
		v = binary.BigEndian.AppendUint16(v, d)
	}
	return v, nil
}

const oidCIDR = 650

// Families of network addresses, the same in memory and in binary format.
const (
	familyV4 = 2
	familyV6 = 3
)

// inetOf converts an address: family, bits of the network, address.
func inetOf(t *row.Type, data []byte) (row.Value, error) {
	size := map[byte]int{familyV4: 4, familyV6: 16}
	if len(data) < 2 || size[data[0]] == 0 || len(data) < 2+size[data[0]] {
		return nil, errBytes
	}
	n := size[data[0]]
	cidr := byte(0)
	if t.OID == oidCIDR {
		cidr = 1
	}
	return append(row.Value{data[0], data[1], cidr, byte(n)}, data[2:2+n]...), nil
}

// bitOf converts a bit string: its length in bits, and the bits.
func bitOf(data []byte) (row.Value, error) {
	if len(data) < 4 {
		return nil, errBytes
	}
	n := host.Uint32(data)
	if (uint64(n)+7)/8 != uint64(len(data)-4) {
		return nil, errBytes
	}
	return append(reversed(data[:4]), data[4:]...), nil
}
