// Package row holds typed values and rows of them as bytes.
//
// A value is what PostgreSQL's send function gives: its binary format. So every
// type passes through unread, and those that we compute with are decoded where
// they are used. A row is the concatenation of its values, each behind its length.
package row

import "encoding/binary"

// Value is one value in PostgreSQL's binary format. nil is NULL; an empty text is
// an empty slice that is not nil.
type Value []byte

// Row is an encoded row: for each column a uvarint, 0 for NULL and else the length
// plus one, and the value's bytes. Two rows are the same bytes if and only if all
// their values are.
type Row []byte

// Append adds one column to a row and returns the longer row.
func Append(r Row, v Value) Row {
	if v == nil {
		return append(r, 0)
	}
	r = binary.AppendUvarint(r, uint64(len(v))+1)
	return append(r, v...)
}

// Make encodes values as a row.
func Make(values ...Value) Row {
	r := Row{}
	for _, v := range values {
		r = Append(r, v)
	}
	return r
}

// Split appends the row's values to into. They alias the row's bytes. It panics on
// bytes that are not a row.
func (r Row) Split(into []Value) []Value {
	for len(r) > 0 {
		n, w := uint64(r[0]), 1 // mostly
		if n >= 0x80 {
			if n, w = binary.Uvarint(r); w <= 0 {
				panic("row: split: not a row")
			}
		}
		r = r[w:]
		if n == 0 {
			into = append(into, nil)
			continue
		}
		into = append(into, Value(r[:n-1:n-1]))
		r = r[n-1:]
	}
	return into
}
