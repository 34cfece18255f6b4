package row

// Kind says how the values of a type are read, compared and ordered.
type Kind uint8

// The kinds. A domain has the kind of its base type.
const (
	Opaque Kind = iota // values pass through; whether two are equal only PostgreSQL knows
	Bool
	Int2
	Int4
	Int8
	OID // and the reg* types
	Float4
	Float8
	Numeric
	Money
	Text // text and varchar
	Bpchar
	Name
	Char // "char"
	Bytea
	Date
	Time
	Timetz
	Timestamp
	Timestamptz
	Interval
	UUID
	Enum
	JSONB
	Inet // inet and cidr
	Macaddr
	Bit // bit and varbit
	Array
	Composite
	Range
	Multirange
)

// Type is a column's type: PostgreSQL's identity of it, and what is needed to
// compare its values.
type Type struct {
	OID       uint32 // a domain's own
	Mod       int32  // type modifier, -1 for none
	Collation uint32 // of this column; 0 for a type without
	Name      string // qualified and quoted, with its modifier: can stand in a cast
	BaseName  string // the same of a domain's base type; else Name
	ArrayName string // of the base type's array type, can stand in a cast; "" if there is none
	Kind      Kind
	Elem      *Type    // of an array or range; of a multirange, its range
	Fields    []*Type  // of a composite
	Labels    []string // of an enum, in its order
	// ByteOrder: text of this collation is ordered as its bytes (C, POSIX, ucs_basic, C.UTF-8 of the built-in provider).
	ByteOrder bool
	// Nondeterministic: text of this collation may be equal without being the same bytes.
	Nondeterministic bool
}
