package expr

import (
	"encoding/binary"
	"math"

	"github.com/millrace/millrace/sql/row"
)

// OIDs of the types that the code names.
const (
	boolOID        = 16
	nameOID        = 19
	int8OID        = 20
	int2OID        = 21
	int4OID        = 23
	textOID        = 25
	oidOID         = 26
	jsonOID        = 114
	xmlOID         = 142
	bpcharOID      = 1042
	varcharOID     = 1043
	numericOID     = 1700
	timeOID        = 1083
	timetzOID      = 1266
	uuidOID        = 2950
	jsonbOID       = 3802
	collationC     = 950
	collationPOSIX = 951
)

// integer decodes a signed integer, or what is stored as one, by its width.
func integer(v row.Value) int64 {
	switch len(v) {
	case 4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	case 8:
		return int64(binary.BigEndian.Uint64(v))
	default:
		return int64(int16(binary.BigEndian.Uint16(v)))
	}
}

// doubleNaN is the bits of PostgreSQL's NaN.
const doubleNaN = 0x7FF8_0000_0000_0000

// float decodes a float4 or a float8.
func float(v row.Value) float64 {
	if len(v) == 4 {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(v)))
	}
	return math.Float64frombits(binary.BigEndian.Uint64(v))
}

// buffer holds the result of one node until its next evaluation.
type buffer struct{ bytes []byte }

// start returns the empty buffer; keep stores it again when it may have grown.
func (b *buffer) start() []byte { return b.bytes[:0] }

func (b *buffer) keep(v []byte) row.Value {
	b.bytes = v
	if v == nil {
		return row.Value{}
	}
	return v
}

func (b *buffer) int2(i int16) row.Value {
	return b.keep(binary.BigEndian.AppendUint16(b.start(), uint16(i)))
}

func (b *buffer) int4(i int32) row.Value {
	return b.keep(binary.BigEndian.AppendUint32(b.start(), uint32(i)))
}

func (b *buffer) int8(i int64) row.Value {
	return b.keep(binary.BigEndian.AppendUint64(b.start(), uint64(i)))
}

func (b *buffer) float4(f float32) row.Value { return b.int4(int32(math.Float32bits(f))) }

func (b *buffer) float8(f float64) row.Value { return b.int8(int64(math.Float64bits(f))) }

// interval encodes an interval.
func (b *buffer) interval(i row.IntervalParts) row.Value {
	v := binary.BigEndian.AppendUint64(b.start(), uint64(i.Micros))
	v = binary.BigEndian.AppendUint32(v, uint32(i.Days))
	return b.keep(binary.BigEndian.AppendUint32(v, uint32(i.Months)))
}
