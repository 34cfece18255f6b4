package tree

import (
	"encoding/binary"
	"strings"

	"github.com/millrace/millrace/sql/row"
)

// numericText writes a numeric in binary format as numeric's output function does.
func numericText(v row.Value) (string, error) {
	if len(v) < 8 {
		return "", errBytes
	}
	count, weight := int(binary.BigEndian.Uint16(v)), int(int16(binary.BigEndian.Uint16(v[2:])))
	sign, scale, digits := binary.BigEndian.Uint16(v[4:]), int(binary.BigEndian.Uint16(v[6:])), v[8:]
	if len(digits) != 2*count || scale > numericMaxDigits {
		return "", errBytes
	}
	var b strings.Builder
	switch sign {
	case numericNaN:
		return "NaN", nil
	case numericInfinite:
		return "Infinity", nil
	case numericMinusInf:
		return "-Infinity", nil
	case numericNegative:
		b.WriteByte('-')
	case numericPositive:
	default:
		return "", errBytes
	}
	// group writes the digit of base 10000 at a weight.
	group := func(at int) string {
		d := 0
		if i := weight - at; i >= 0 && i < count {
			d = int(binary.BigEndian.Uint16(digits[2*i:]))
		}
		return string([]byte{byte('0' + d/1000), byte('0' + d/100%10), byte('0' + d/10%10), byte('0' + d%10)})
	}
	var whole strings.Builder
	for at := weight; at >= 0; at-- {
		whole.WriteString(group(at))
	}
	if text := strings.TrimLeft(whole.String(), "0"); text != "" {
		b.WriteString(text)
	} else {
		b.WriteByte('0')
	}
	if scale > 0 {
		var fraction strings.Builder
		for at := -1; fraction.Len() < scale; at-- {
			fraction.WriteString(group(at))
		}
		b.WriteByte('.')
		b.WriteString(fraction.String()[:scale])
	}
	return b.String(), nil
}
