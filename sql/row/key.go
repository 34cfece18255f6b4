package row

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// Equatable reports whether [Type.AppendKey] works: whether we know when PostgreSQL
// takes two values of the type for equal, by its default operator class.
func (t *Type) Equatable() bool {
	switch t.Kind {
	case Opaque:
		return false
	case Text, Bpchar, Name:
		return !t.Nondeterministic
	}
	return t.parts((*Type).Equatable)
}

// Exact reports whether values of the type that are equal are also the same bytes.
func (t *Type) Exact() bool {
	switch t.Kind {
	case Opaque, Float4, Float8, Numeric, Bpchar, Interval, JSONB:
		return false
	case Array: // The format tells whether there ever was a NULL in it.
		return false
	case Text, Name:
		return !t.Nondeterministic
	}
	return t.parts((*Type).Exact)
}

// parts reports whether all types that a container's values consist of are ok; a
// type that is no container is.
func (t *Type) parts(ok func(*Type) bool) bool {
	switch t.Kind {
	case Array:
		return t.Elem != nil && ok(t.Elem)
	case Range, Multirange:
		return t.Elem != nil && t.builtinRange() && ok(t.Elem)
	case Composite:
		return len(t.Fields) > 0 && !slices.ContainsFunc(t.Fields, func(f *Type) bool { return !ok(f) })
	}
	return true
}

// builtinRange reports whether a range is one of those that PostgreSQL comes with.
// Others may compare their bounds by another operator class or collation than the
// element type's own.
func (t *Type) builtinRange() bool {
	switch t.OID {
	case 3904, 3906, 3908, 3910, 3912, 3926, 4451, 4532, 4533, 4534, 4535, 4536:
		return true
	}
	switch strings.TrimPrefix(t.BaseName, "pg_catalog.") {
	case "int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange",
		"int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange", "datemultirange":
		return true
	}
	return false
}

// AppendKey appends to dst what identifies v among the values of type t: the same
// bytes for values that are equal by the type's default equality, others for others.
// NULL is a value of its own. The bytes are those of a [Row] of one column, so that
// keys can be appended to each other: of v itself, if the type is Exact. The type
// must be Equatable.
func (t *Type) AppendKey(dst []byte, v Value) []byte {
	if v == nil || exact[t.Kind] || t.Exact() {
		return Append(dst, v)
	}
	start := len(dst)
	dst = t.appendCanonical(dst, v)
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(dst)-start)+1)
	return slices.Insert(dst, start, length[:n]...)
}

// AppendKeys appends the keys of several values.
func AppendKeys(dst []byte, types []*Type, values []Value) []byte {
	for i, v := range values {
		dst = types[i].AppendKey(dst, v)
	}
	return dst
}

// exact are the kinds of which Exact is true whatever the type.
var exact = [...]bool{
	Bool: true, Int2: true, Int4: true, Int8: true, OID: true, Money: true, Text: true, Name: true, Char: true, Bytea: true,
	Date: true, Time: true, Timetz: true, Timestamp: true, Timestamptz: true, UUID: true, Enum: true, Inet: true,
	Macaddr: true, Bit: true, Multirange: false,
}

// appendCanonical appends one form of all values that equal v.
func (t *Type) appendCanonical(dst []byte, v Value) []byte {
	switch t.Kind {
	case Float4, Float8, Numeric, Interval:
		return t.appendOrdered(dst, v) // of another length than v at most
	case Bpchar:
		return append(dst, trimBlanks(v)...)
	case JSONB:
		return appendJSON(dst, v)
	case Array:
		a := v.Array()
		dst = appendShape(dst, a.Dimensions)
		for e := range a.All() {
			dst = t.Elem.AppendKey(dst, e)
		}
		return dst
	case Composite:
		i := 0
		for _, field := range v.Composite() {
			dst = t.Fields[i].AppendKey(dst, field)
			i++
		}
		return dst
	case Range:
		return appendRange(dst, v.Range(), t.Elem.AppendKey)
	case Multirange:
		for r := range v.Multirange() {
			dst = appendRange(dst, r.Range(), t.Elem.Elem.AppendKey)
		}
		return dst
	}
	return append(dst, v...)
}

// trimBlanks takes off the blanks at the end, which bpchar ignores.
func trimBlanks(v Value) Value {
	for len(v) > 0 && v[len(v)-1] == ' ' {
		v = v[:len(v)-1]
	}
	return v
}

// appendShape appends what tells arrays of the same elements apart, in the order of
// significance that array_cmp knows: number of dimensions, lengths, lower bounds.
func appendShape(dst []byte, dimensions []Dimension) []byte {
	dst = append(dst, byte(len(dimensions)))
	for _, d := range dimensions {
		dst = binary.BigEndian.AppendUint32(dst, uint32(d.Length))
	}
	for _, d := range dimensions {
		dst = appendSigned(dst, int64(d.Lower))
	}
	return dst
}

// appendRange appends a range in the order of PostgreSQL: the empty one first, then
// by lower bound, then by upper; element appends a bound's value.
func appendRange(dst []byte, r RangeParts, element func([]byte, Value) []byte) []byte {
	if r.Empty {
		return append(dst, 0)
	}
	if r.Lower.Value == nil {
		dst = append(dst, 1)
	} else {
		dst = append(element(append(dst, 2), r.Lower.Value), flag(!r.Lower.Inclusive))
	}
	if r.Upper.Value == nil {
		return append(dst, 2)
	}
	return append(element(append(dst, 1), r.Upper.Value), flag(r.Upper.Inclusive))
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// floatBits are the bits of a float such that they compare, unsigned, as PostgreSQL
// compares floats: NaN is itself and above all others, -0 is 0.
func floatBits(f float64) uint64 {
	if f != f {
		return math.MaxUint64
	}
	bits := math.Float64bits(f + 0) // -0 + 0 is 0
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}
