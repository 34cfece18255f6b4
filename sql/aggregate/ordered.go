package aggregate

import (
	"bytes"
	"slices"
	"unsafe"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// ordered is a multiset of values in the order of their type; values that are equal
// are in the order of their bytes. It is a row of chunks, each a sorted list of
// values whose bytes lie together in the chunk's arena.
//
// Cost: O(log n) comparisons for a change and the moves of half a chunk's entries of
// 24 bytes; a split, once in maxEntries/2 insertions at most, moves n/maxEntries
// pointers.
type ordered struct {
	chunks []*chunk // none that is empty
}

// Limits of a chunk: entries, and bytes if there are two entries at least.
const (
	maxEntries = 256
	maxArena   = 1 << 20
)

type chunk struct {
	entries []entry
	arena   []byte
	dead    int // bytes of the arena that no entry has
}

// entry is a value: in the arena, what orders it and behind that its bytes.
type entry struct {
	offset, order, size uint32 // order of the size bytes are for comparison
	count               int64
}

func (c *chunk) order(e *entry) []byte { return c.arena[e.offset : e.offset+e.order] }
func (c *chunk) value(e *entry) []byte { return c.arena[e.offset+e.order : e.offset+e.size] }

// compare compares an entry with a value in its two parts.
func (c *chunk) compare(e *entry, order, value []byte) int {
	if d := bytes.Compare(c.order(e), order); d != 0 {
		return d
	}
	return bytes.Compare(c.value(e), value)
}

// find returns the place of a value: its chunk, its entry in that, and whether it is
// there. A value larger than all belongs in the last chunk.
func (o *ordered) find(order, value []byte) (ci, ei int, found bool) {
	ci, _ = slices.BinarySearchFunc(o.chunks, 0, func(c *chunk, _ int) int {
		if c.compare(&c.entries[len(c.entries)-1], order, value) < 0 {
			return -1
		}
		return 1
	})
	ci = min(ci, len(o.chunks)-1)
	c := o.chunks[ci]
	low, high := 0, len(c.entries)
	for low < high {
		mid := (low + high) / 2
		switch d := c.compare(&c.entries[mid], order, value); {
		case d == 0:
			return ci, mid, true
		case d < 0:
			low = mid + 1
		default:
			high = mid
		}
	}
	return ci, low, false
}

// add adds w to the count of a value.
func (o *ordered) add(order, value []byte, w int64) {
	if w == 0 {
		return
	}
	if len(o.chunks) == 0 {
		c := &chunk{}
		c.insert(0, order, value, w)
		o.chunks = append(o.chunks, c)
		return
	}
	ci, ei, found := o.find(order, value)
	c := o.chunks[ci]
	if !found {
		c.insert(ei, order, value, w)
		o.split(ci)
		return
	}
	if c.entries[ei].count += w; c.entries[ei].count != 0 {
		return
	}
	c.remove(ei)
	switch {
	case len(c.entries) == 0:
		o.chunks = slices.Delete(o.chunks, ci, ci+1)
	case len(c.entries) < maxEntries/4:
		o.merge(ci)
	}
}

func (c *chunk) insert(at int, order, value []byte, w int64) {
	e := entry{offset: uint32(len(c.arena)), order: uint32(len(order)), size: uint32(len(order) + len(value)), count: w}
	c.arena = append(append(c.arena, order...), value...)
	c.entries = slices.Insert(c.entries, at, e)
}

func (c *chunk) remove(at int) {
	c.dead += int(c.entries[at].size)
	c.entries = slices.Delete(c.entries, at, at+1)
	if c.dead > len(c.arena)/2 {
		*c = *part(c, 0, len(c.entries))
	}
}

// part returns a copy of some of the entries.
func part(c *chunk, from, to int) *chunk {
	size := 0
	for i := from; i < to; i++ {
		size += int(c.entries[i].size)
	}
	p := &chunk{entries: make([]entry, 0, to-from), arena: make([]byte, 0, size)}
	p.take(c, from, to)
	return p
}

// take appends entries of another chunk.
func (c *chunk) take(other *chunk, from, to int) {
	for _, e := range other.entries[from:to] {
		bytes := other.arena[e.offset : e.offset+e.size]
		e.offset = uint32(len(c.arena))
		c.arena = append(c.arena, bytes...)
		c.entries = append(c.entries, e)
	}
}

// split halves a chunk that is too large.
func (o *ordered) split(at int) {
	c := o.chunks[at]
	n := len(c.entries)
	if n <= maxEntries && (n < 2 || len(c.arena)-c.dead <= maxArena) {
		return
	}
	// Values that come in order leave full chunks behind them, not halves.
	half := n / 2
	if at == len(o.chunks)-1 && n > maxEntries && c.entries[n-1].offset+c.entries[n-1].size == uint32(len(c.arena)) {
		half = n - 1
	}
	o.chunks[at] = part(c, 0, half)
	o.chunks = slices.Insert(o.chunks, at+1, part(c, half, n))
}

// merge joins a chunk that has become small to a neighbour that is not large.
func (o *ordered) merge(at int) {
	if at > 0 {
		at--
	}
	if at+1 >= len(o.chunks) {
		return
	}
	a, b := o.chunks[at], o.chunks[at+1]
	if len(a.entries)+len(b.entries) > maxEntries/2 || len(a.arena)+len(b.arena) > maxArena/2 {
		return
	}
	a.take(b, 0, len(b.entries))
	o.chunks = slices.Delete(o.chunks, at+1, at+2)
}

// least returns the first value, nil if there is none.
func (o *ordered) least() row.Value {
	for _, c := range o.chunks {
		for i := range c.entries {
			if e := &c.entries[i]; e.count > 0 {
				return row.Value(c.value(e))
			}
		}
	}
	return nil
}

// greatest returns, of the values equal to the last one, the first.
func (o *ordered) greatest() row.Value {
	var value, order []byte
	for ci := len(o.chunks) - 1; ci >= 0; ci-- {
		c := o.chunks[ci]
		for i := len(c.entries) - 1; i >= 0; i-- {
			e := &c.entries[i]
			switch {
			case e.count <= 0:
			case value == nil || bytes.Equal(c.order(e), order):
				value, order = c.value(e), c.order(e)
			default:
				return value
			}
		}
	}
	return value
}

// save writes the values in order, with their counts.
func (o *ordered) save(w *zset.Writer) {
	n := 0
	for _, c := range o.chunks {
		n += len(c.entries)
	}
	w.Uvarint(uint64(n))
	for _, c := range o.chunks {
		for i := range c.entries {
			w.Varint(c.entries[i].count)
			w.Bytes(c.value(&c.entries[i]))
		}
	}
}

// bytes is the memory that the multiset holds.
func (o *ordered) bytes() int64 {
	n := int64(cap(o.chunks)) * 8
	for _, c := range o.chunks {
		n += int64(unsafe.Sizeof(*c)) + int64(cap(c.arena)) + int64(cap(c.entries))*int64(unsafe.Sizeof(entry{}))
	}
	return n
}
