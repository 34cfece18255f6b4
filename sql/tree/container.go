package tree

import (
	"encoding/binary"
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
)

// memory is the inside of a container. Offsets in it count from the beginning of the
// whole value, whose header has four bytes.
type memory struct {
	data []byte // without the header
	pos  int    // with it
}

const headerSize = 4

func (m *memory) align(to int) { m.pos = (m.pos + to - 1) &^ (to - 1) }

// take returns the next n bytes.
func (m *memory) take(n int) ([]byte, error) {
	from := m.pos - headerSize
	if n < 0 || from < 0 || from > len(m.data) || n > len(m.data)-from {
		return nil, errBytes
	}
	m.pos += n
	return m.data[from : from+n], nil
}

func (m *memory) uint32() (uint32, error) {
	b, err := m.take(4)
	if err != nil {
		return 0, err
	}
	return host.Uint32(b), nil
}

// item returns the bytes of the next element.
func (m *memory) item(l layout) ([]byte, error) {
	if l.size >= 0 {
		return m.take(l.size)
	}
	if l.size != -1 {
		return nil, ErrConstant
	}
	from := m.pos - headerSize
	if from < 0 || from >= len(m.data) {
		return nil, errBytes
	}
	if b := m.data[from]; b&1 == 1 {
		return m.take(int(b >> 1))
	}
	h, err := m.uint32()
	if err != nil {
		return nil, err
	}
	m.pos -= headerSize
	return m.take(int(h >> 2))
}

// arrayOf converts an array: dimensions, lower bounds, and elements, of which NULL
// ones are zero bits in a bitmap.
func arrayOf(c schema.Catalog, t *row.Type, data []byte) (row.Value, error) {
	m := &memory{data: data, pos: headerSize}
	var head [3]uint32 // dimensions, offset of the elements or 0, type of the elements
	for i := range head {
		var err error
		if head[i], err = m.uint32(); err != nil {
			return nil, err
		}
	}
	const maxDimensions = 6
	dims, offset := head[0], int64(head[1])
	if dims > maxDimensions || t.Elem == nil || head[2] != t.Elem.OID {
		return nil, fmt.Errorf("%w: array of type %d with %d dimensions", errBytes, head[2], dims)
	}
	v := binary.BigEndian.AppendUint32(nil, dims)
	v = binary.BigEndian.AppendUint32(v, uint32(min(offset, 1)))
	v = binary.BigEndian.AppendUint32(v, head[2])
	sizes, err := m.take(int(dims) * 4)
	if err != nil {
		return nil, err
	}
	bounds, err := m.take(int(dims) * 4)
	if err != nil || dims == 0 {
		return v, err
	}
	count := uint64(1)
	for i := 0; i < len(sizes); i += 4 {
		v = append(append(v, reversed(sizes[i:i+4])...), reversed(bounds[i:i+4])...)
		// Each element has a byte, or is NULL and has a bit.
		if count *= uint64(host.Uint32(sizes[i:])); count > 8*uint64(len(data)) {
			return nil, fmt.Errorf("%w: %d elements", errBytes, count)
		}
	}
	var present []byte
	if offset != 0 {
		if present, err = m.take(int(count+7) / 8); err != nil {
			return nil, err
		}
	}
	m.align(8)
	if offset != 0 && offset != int64(m.pos) {
		return nil, fmt.Errorf("%w: elements at %d", errBytes, offset)
	}
	return appendElements(v, c, t.Elem, m, present, int(count))
}

// appendElements appends the elements that follow in memory, each with its length.
func appendElements(v row.Value, c schema.Catalog, elem *row.Type, m *memory, present []byte, count int) (row.Value, error) {
	l, err := layoutOf(elem)
	if err != nil {
		return nil, err
	}
	for i := range count {
		if present != nil && present[i/8]>>(i%8)&1 == 0 {
			v = binary.BigEndian.AppendUint32(v, 0xFFFFFFFF)
			continue
		}
		m.align(l.align)
		raw, err := m.item(l)
		if err != nil {
			return nil, err
		}
		if v, err = appendSized(v, c, elem, raw); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// appendSized appends the length and the bytes of an inner value.
func appendSized(v row.Value, c schema.Catalog, t *row.Type, raw []byte) (row.Value, error) {
	in, err := binaryOf(c, t, raw)
	if err != nil {
		return nil, err
	}
	v = binary.BigEndian.AppendUint32(v, uint32(len(in)))
	return append(v, in...), nil
}

// Flags of a range, the same in memory and in binary format.
const (
	rangeEmpty         = 0x01
	rangeLowerIncluded = 0x02
	rangeUpperIncluded = 0x04
	rangeLowerInfinite = 0x08
	rangeUpperInfinite = 0x10
	rangeSent          = 0x1F // what the server sends of them
)

// rangeOf converts a range: its type, up to two bounds, and the flags at the end.
func rangeOf(c schema.Catalog, t *row.Type, data []byte) (row.Value, error) {
	if len(data) < 5 {
		return nil, errBytes
	}
	flags := data[len(data)-1] & rangeSent
	m := &memory{data: data[:len(data)-1], pos: headerSize + 4}
	return appendBounds(row.Value{flags}, c, t.Elem, m)
}

// appendBounds appends the bounds that a range has by its flags, v's last byte.
func appendBounds(v row.Value, c schema.Catalog, elem *row.Type, m *memory) (row.Value, error) {
	l, err := layoutOf(elem)
	if err != nil {
		return nil, err
	}
	flags := v[len(v)-1]
	for _, infinite := range []byte{rangeLowerInfinite, rangeUpperInfinite} {
		if flags&(rangeEmpty|infinite) != 0 {
			continue
		}
		// A bound with a header of one byte is not aligned: where padding would be,
		// there is no zero.
		if at := m.pos - headerSize; l.size >= 0 || at < len(m.data) && m.data[at] == 0 {
			m.align(l.align)
		}
		raw, err := m.item(l)
		if err != nil {
			return nil, err
		}
		if v, err = appendSized(v, c, elem, raw); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// multirangeOf converts a multirange: type, count, offsets of the ranges but the
// first, flags of each, and the bounds of all.
func multirangeOf(c schema.Catalog, t *row.Type, data []byte) (row.Value, error) {
	m := &memory{data: data, pos: headerSize + 4}
	count, err := m.uint32()
	if err != nil || t.Elem == nil || t.Elem.Elem == nil {
		return nil, errBytes
	}
	v := binary.BigEndian.AppendUint32(nil, count)
	if count == 0 {
		return v, nil
	}
	if uint64(count) > uint64(len(data)) {
		return nil, errBytes
	}
	if _, err := m.take(4 * int(count-1)); err != nil {
		return nil, err
	}
	flags, err := m.take(int(count))
	if err != nil {
		return nil, err
	}
	l, err := layoutOf(t.Elem.Elem)
	if err != nil {
		return nil, err
	}
	for _, f := range flags {
		m.align(l.align)
		one, err := appendBounds(row.Value{f & rangeSent}, c, t.Elem.Elem, m)
		if err != nil {
			return nil, err
		}
		v = binary.BigEndian.AppendUint32(v, uint32(len(one)))
		v = append(v, one...)
	}
	return v, nil
}
