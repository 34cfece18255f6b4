package row

import (
	"encoding/binary"
	"math"
)

// The methods of Value read PostgreSQL's binary format of one type each. The value
// is not NULL and of that type; they panic on bytes that its send function cannot
// have made.

// Bool reads a bool.
func (v Value) Bool() bool { return v[0] != 0 }

// Int2 reads an int2.
func (v Value) Int2() int16 { return int16(binary.BigEndian.Uint16(v)) }

// Int4 reads an int4.
func (v Value) Int4() int32 { return int32(binary.BigEndian.Uint32(v)) }

// Int8 reads an int8, or a money in its smallest unit.
func (v Value) Int8() int64 { return int64(binary.BigEndian.Uint64(v)) }

// OID reads an oid or one of the reg* types.
func (v Value) OID() uint32 { return binary.BigEndian.Uint32(v) }

// Float4 reads a float4.
func (v Value) Float4() float32 { return math.Float32frombits(binary.BigEndian.Uint32(v)) }

// Float8 reads a float8.
func (v Value) Float8() float64 { return math.Float64frombits(binary.BigEndian.Uint64(v)) }

// Date reads a date: days since 2000-01-01; the extremes of int32 are -infinity and
// infinity.
func (v Value) Date() int32 { return v.Int4() }

// Time reads a time: microseconds since midnight.
func (v Value) Time() int64 { return v.Int8() }

// Timetz reads a timetz: local microseconds since midnight, and the zone in seconds
// west of Greenwich.
func (v Value) Timetz() (micros int64, west int32) { return v.Int8(), v[8:].Int4() }

// Timestamp reads a timestamp or timestamptz: microseconds since 2000-01-01; the
// extremes of int64 are -infinity and infinity.
func (v Value) Timestamp() int64 { return v.Int8() }

// Interval reads an interval.
func (v Value) Interval() IntervalParts {
	return IntervalParts{Micros: v.Int8(), Days: v[8:].Int4(), Months: v[12:].Int4()}
}

// UUID reads a uuid.
func (v Value) UUID() [16]byte { return [16]byte(v) }

// Text reads a text, varchar, bpchar (with its blanks), name or enum label.
func (v Value) Text() string { return string(v) }

// Bytea reads a bytea; it aliases the value.
func (v Value) Bytea() []byte { return v }

// IntervalParts is an interval. Its parts are independent of each other, except that
// comparison takes a month for 30 days and a day for 24 hours.
type IntervalParts struct {
	Micros       int64
	Days, Months int32
}

// BoolValue makes a bool.
func BoolValue(b bool) Value {
	if b {
		return Value{1}
	}
	return Value{0}
}

// Int2Value makes an int2.
func Int2Value(i int16) Value { return binary.BigEndian.AppendUint16(nil, uint16(i)) }

// Int4Value makes an int4.
func Int4Value(i int32) Value { return OIDValue(uint32(i)) }

// Int8Value makes an int8, or a money from its smallest unit.
func Int8Value(i int64) Value { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

// OIDValue makes an oid.
func OIDValue(oid uint32) Value { return binary.BigEndian.AppendUint32(nil, oid) }

// Float4Value makes a float4.
func Float4Value(f float32) Value { return OIDValue(math.Float32bits(f)) }

// Float8Value makes a float8.
func Float8Value(f float64) Value { return Int8Value(int64(math.Float64bits(f))) }

// DateValue makes a date from days since 2000-01-01.
func DateValue(days int32) Value { return Int4Value(days) }

// TimeValue makes a time from microseconds since midnight.
func TimeValue(micros int64) Value { return Int8Value(micros) }

// TimetzValue makes a timetz; see [Value.Timetz].
func TimetzValue(micros int64, west int32) Value {
	return binary.BigEndian.AppendUint32(Int8Value(micros), uint32(west))
}

// TimestampValue makes a timestamp or timestamptz from microseconds since
// 2000-01-01.
func TimestampValue(micros int64) Value { return Int8Value(micros) }

// IntervalValue makes an interval.
func IntervalValue(i IntervalParts) Value {
	v := binary.BigEndian.AppendUint32(Int8Value(i.Micros), uint32(i.Days))
	return binary.BigEndian.AppendUint32(v, uint32(i.Months))
}

// UUIDValue makes a uuid.
func UUIDValue(u [16]byte) Value { return u[:] }

// TextValue makes a text, varchar, bpchar, name or enum label.
func TextValue(s string) Value { return append(Value{}, s...) }

// ByteaValue makes a bytea, a copy of b that is not NULL.
func ByteaValue(b []byte) Value { return append(Value{}, b...) }
