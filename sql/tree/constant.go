package tree

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
)

// Labels is what a catalog may have besides [schema.Catalog]: without it,
// [DecodeConstants] refuses constants of enum types, which hold the label's OID.
type Labels interface {
	// EnumLabel returns the label with an OID (pg_enum.enumlabel).
	EnumLabel(oid uint32) (string, error)
}

// ErrConstant is wrapped by [DecodeConstants] and [SQL] for a constant whose type is
// not understood: write it as an expression over another type, or leave it out.
var ErrConstant = errors.New("constant is not understood")

// errBytes is returned for bytes that are no value of their type.
var errBytes = errors.New("damaged bytes")

// DecodeConstants fills the Value of all constants of a query and its subqueries, in
// PostgreSQL's binary send format, from the bytes that were read. The server's byte
// order is little endian and its encoding UTF-8; text that is not is refused.
func DecodeConstants(q *Query, c schema.Catalog) error {
	var first error
	WalkQuery(q, func(e Expr, _ int) {
		k, ok := e.(*Const)
		if !ok || k.Null || first != nil {
			return
		}
		if err := k.decode(c); err != nil {
			first = err
		}
	})
	return first
}

func (k *Const) decode(c schema.Catalog) error {
	t, err := c.Type(k.Type.OID, k.Type.Mod, k.Type.Collation)
	if err != nil {
		return fmt.Errorf("tree: constant: %w", err)
	}
	raw := k.Datum
	if k.ByVal {
		l, err := layoutOf(t)
		if err != nil {
			return fmt.Errorf("tree: constant of type %s: %w", t.Name, err)
		}
		if l.size < 0 || l.size > len(raw) {
			return fmt.Errorf("tree: constant of type %s: %w: %d bytes by value", t.Name, errBytes, len(raw))
		}
		raw = raw[:l.size]
	}
	v, err := binaryOf(c, t, raw)
	if err != nil {
		return fmt.Errorf("tree: constant of type %s: %w", t.Name, err)
	}
	k.Value = v
	return nil
}

// layout is how a type's values lie in memory.
type layout struct{ size, align int } // size -1: varlena, -2: zero-terminated

// layouts of the kinds that have the same for all their types.
var layouts = map[row.Kind]layout{
	row.Bool: {1, 1}, row.Int2: {2, 2}, row.Int4: {4, 4}, row.Int8: {8, 8}, row.OID: {4, 4}, row.Float4: {4, 4}, row.Float8: {8, 8},
	row.Numeric: {-1, 4}, row.Money: {8, 8}, row.Text: {-1, 4}, row.Bpchar: {-1, 4}, row.Name: {64, 1}, row.Char: {1, 1},
	row.Bytea: {-1, 4}, row.Date: {4, 4}, row.Time: {8, 8}, row.Timetz: {12, 8}, row.Timestamp: {8, 8}, row.Timestamptz: {8, 8},
	row.Interval: {16, 8}, row.UUID: {16, 1}, row.Enum: {4, 4}, row.JSONB: {-1, 4}, row.Inet: {-1, 4}, row.Macaddr: {6, 4}, row.Bit: {-1, 4},
}

// Built-in types that have no kind of their own.
const (
	oidJSON    = 114
	oidXML     = 142
	oidPoint   = 600
	oidSegment = 601
	oidBox     = 603
	oidLine    = 628
	oidUnknown = 705
	oidCircle  = 718
	oidMAC8    = 774
	oidLSN     = 3220
	oidXID8    = 5069
)

// opaqueLayouts has the layouts of types without a kind.
var opaqueLayouts = map[uint32]layout{
	oidJSON: {-1, 4}, oidXML: {-1, 4}, oidPoint: {16, 8}, oidSegment: {32, 8}, oidBox: {32, 8}, oidLine: {24, 8},
	oidUnknown: {-2, 1}, oidCircle: {24, 8}, oidMAC8: {8, 4}, oidLSN: {8, 8}, oidXID8: {8, 8},
}

func layoutOf(t *row.Type) (layout, error) {
	l, ok := layouts[t.Kind]
	switch {
	case ok:
		return l, nil
	case t.Kind == row.Opaque:
		l, ok = opaqueLayouts[t.OID]
	case t.Elem != nil && t.Kind == row.Multirange:
		return layoutOf(t.Elem)
	case t.Elem != nil && (t.Kind == row.Array || t.Kind == row.Range):
		// A container is aligned as its elements, but to four bytes at least.
		in, err := layoutOf(t.Elem)
		return layout{-1, max(in.align, 4)}, err
	}
	if !ok {
		return layout{}, ErrConstant
	}
	return l, nil
}

// binaryOf converts a value from its bytes in memory, of the right number for a type
// of fixed size, to the format of the type's send function.
func binaryOf(c schema.Catalog, t *row.Type, raw []byte) (row.Value, error) {
	l, err := layoutOf(t)
	if err != nil {
		return nil, err
	}
	if l.size >= 0 {
		if len(raw) != l.size {
			return nil, fmt.Errorf("%w: %d, want %d", errBytes, len(raw), l.size)
		}
		return fixedOf(c, t, raw)
	}
	if l.size == -2 {
		text, ok := bytes.CutSuffix(raw, []byte{0})
		if !ok {
			return nil, errBytes
		}
		return textOf(text)
	}
	data, err := payload(raw)
	if err != nil {
		return nil, err
	}
	switch t.Kind {
	case row.Text, row.Bpchar, row.Opaque: // of the opaque ones, json and xml
		return textOf(data)
	case row.Bytea:
		return append(row.Value{}, data...), nil
	case row.Numeric:
		return numericOf(data)
	case row.JSONB:
		return jsonbOf(data)
	case row.Inet:
		return inetOf(t, data)
	case row.Bit:
		return bitOf(data)
	case row.Array:
		return arrayOf(c, t, data)
	case row.Range:
		return rangeOf(c, t, data)
	case row.Multirange:
		return multirangeOf(c, t, data)
	}
	return nil, ErrConstant
}

// payload takes the header of one or four bytes off a value of variable length.
func payload(raw []byte) ([]byte, error) {
	if len(raw) > 0 && raw[0]&1 == 1 {
		if int(raw[0]>>1) != len(raw) {
			return nil, fmt.Errorf("%w: header of one byte", errBytes)
		}
		return raw[1:], nil
	}
	if len(raw) < 4 {
		return nil, errBytes
	}
	h := host.Uint32(raw)
	if h&3 != 0 || int64(h>>2) != int64(len(raw)) {
		return nil, fmt.Errorf("%w: header of four bytes", errBytes) // or compressed, which no constant is
	}
	return raw[4:], nil
}

func textOf(data []byte) (row.Value, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: text that is not UTF-8", ErrConstant)
	}
	return append(row.Value{}, data...), nil
}

// fixedOf converts a value of fixed size.
func fixedOf(c schema.Catalog, t *row.Type, raw []byte) (row.Value, error) {
	switch t.Kind {
	case row.UUID, row.Macaddr, row.Char, row.Bool:
		return append(row.Value{}, raw...), nil
	case row.Name:
		if i := bytes.IndexByte(raw, 0); i >= 0 {
			return textOf(raw[:i])
		}
		return nil, errBytes
	case row.Timetz:
		return append(reversed(raw[:8]), reversed(raw[8:])...), nil
	case row.Interval:
		return append(append(reversed(raw[:8]), reversed(raw[8:12])...), reversed(raw[12:])...), nil
	case row.Enum:
		labels, ok := c.(Labels)
		if !ok {
			return nil, fmt.Errorf("%w: no labels", ErrConstant)
		}
		label, err := labels.EnumLabel(host.Uint32(raw))
		return row.Value(label), err
	case row.Opaque:
		if t.OID == oidMAC8 {
			return append(row.Value{}, raw...), nil
		}
		var v row.Value // numbers of eight bytes
		for ; len(raw) > 0; raw = raw[8:] {
			v = append(v, reversed(raw[:8])...)
		}
		return v, nil
	}
	return reversed(raw), nil
}

// reversed converts a number to network byte order.
func reversed(raw []byte) row.Value {
	v := make(row.Value, len(raw))
	for i, b := range raw {
		v[len(raw)-1-i] = b
	}
	return v
}
