package row

import (
	"encoding/binary"
	"iter"
)

// ArrayParts are an array's shape and elements.
type ArrayParts struct {
	Elem       uint32      // OID of the element type
	Dimensions []Dimension // none if the array is empty
	elements   []byte
}

// Dimension is the extent of an array in one direction.
type Dimension struct{ Length, Lower int32 }

// Array reads an array. It aliases the value.
func (v Value) Array() ArrayParts {
	a := ArrayParts{Elem: v[8:].OID()}
	n := v.Int4()
	v = v[12:]
	for range n {
		a.Dimensions = append(a.Dimensions, Dimension{v.Int4(), v[4:].Int4()})
		v = v[8:]
	}
	a.elements = v
	return a
}

// Len is the number of elements.
func (a ArrayParts) Len() int {
	if len(a.Dimensions) == 0 {
		return 0
	}
	n := 1
	for _, d := range a.Dimensions {
		n *= int(d.Length)
	}
	return n
}

// All yields the elements, the last dimension running fastest.
func (a ArrayParts) All() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for rest := a.elements; len(rest) > 0; {
			var v Value
			if v, rest = counted(rest); !yield(v) {
				return
			}
		}
	}
}

// MakeArray makes an array of one dimension from 1, or the empty array.
func MakeArray(elem uint32, elements ...Value) Value {
	v := make(Value, 12, 20+8*len(elements))
	binary.BigEndian.PutUint32(v[8:], elem)
	if len(elements) == 0 {
		return v
	}
	binary.BigEndian.PutUint32(v, 1)
	v = binary.BigEndian.AppendUint32(v, uint32(len(elements)))
	v = binary.BigEndian.AppendUint32(v, 1)
	for _, e := range elements {
		if e == nil {
			binary.BigEndian.PutUint32(v[4:], 1)
		}
		v = appendCounted(v, e)
	}
	return v
}

// Composite yields the types and values of a composite's fields.
func (v Value) Composite() iter.Seq2[uint32, Value] {
	return func(yield func(uint32, Value) bool) {
		for rest := v[4:]; len(rest) > 0; {
			oid := rest.OID()
			var field Value
			if field, rest = counted(rest[4:]); !yield(oid, field) {
				return
			}
		}
	}
}

// RangeParts are a range's bounds.
type RangeParts struct {
	Empty        bool // then it has no bounds
	Lower, Upper Bound
}

// Bound is an end of a range.
type Bound struct {
	Value     Value // nil if there is no bound
	Inclusive bool
}

// Bits of the first byte of a range.
const (
	rangeEmpty = 1 << iota
	lowerInclusive
	upperInclusive
	lowerInfinite
	upperInfinite
)

// Range reads a range. It aliases the value.
func (v Value) Range() RangeParts {
	flags, rest := v[0], v[1:]
	if flags&rangeEmpty != 0 {
		return RangeParts{Empty: true}
	}
	var r RangeParts
	if flags&lowerInfinite == 0 {
		r.Lower.Inclusive = flags&lowerInclusive != 0
		r.Lower.Value, rest = counted(rest)
	}
	if flags&upperInfinite == 0 {
		r.Upper.Inclusive = flags&upperInclusive != 0
		r.Upper.Value, _ = counted(rest)
	}
	return r
}

// Multirange yields the ranges of a multirange.
func (v Value) Multirange() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for rest := v[4:]; len(rest) > 0; {
			var r Value
			if r, rest = counted(rest); !yield(r) {
				return
			}
		}
	}
}

// counted splits off a value behind its length of 4 bytes, -1 for NULL.
func counted(b Value) (v, rest Value) {
	n := b.Int4()
	b = b[4:]
	if n < 0 {
		return nil, b
	}
	return b[:n:n], b[n:]
}

func appendCounted(dst, v Value) Value {
	if v == nil {
		return binary.BigEndian.AppendUint32(dst, ^uint32(0))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(v)))
	return append(dst, v...)
}
