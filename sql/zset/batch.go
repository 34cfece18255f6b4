// Package zset holds weighted multisets of rows: changes ([Batch]) and state
// ([Index], [Set]). Rows lie as bytes in arenas, so that the garbage collector has
// nothing to follow.
package zset

import (
	"bytes"
	"iter"
	"slices"

	"github.com/millrace/millrace/sql/row"
)

// Batch is a change: rows with signed weights, in the order of Add. The same row
// may occur several times until Consolidate. The zero Batch is empty and ready.
type Batch struct {
	arena   []byte
	entries []entry
	slots   []int32 // of Consolidate
}

type entry struct {
	offset, length int
	weight         int64
}

// Add appends a copy of r with weight w; nothing if w is 0.
func (b *Batch) Add(r row.Row, w int64) {
	if w == 0 {
		return
	}
	b.entries = append(b.entries, entry{len(b.arena), len(r), w})
	b.arena = append(b.arena, r...)
}

// All yields the rows and their weights. A row aliases the batch and is valid until
// Reset; adding to the batch meanwhile is allowed and not seen.
func (b *Batch) All() iter.Seq2[row.Row, int64] {
	return func(yield func(row.Row, int64) bool) {
		for _, e := range b.entries {
			if !yield(row.Row(b.arena[e.offset:e.offset+e.length:e.offset+e.length]), e.weight) {
				return
			}
		}
	}
}

// Len is the number of entries.
func (b *Batch) Len() int { return len(b.entries) }

// Bytes is the memory that the batch holds.
func (b *Batch) Bytes() int64 {
	return int64(cap(b.arena)) + int64(cap(b.entries))*24 + int64(cap(b.slots))*4
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() { b.arena, b.entries = b.arena[:0], b.entries[:0] }

// AddAll appends all of other, its weights times w.
func (b *Batch) AddAll(other *Batch, w int64) {
	for r, n := range other.All() {
		b.Add(r, n*w)
	}
}

// Consolidate merges entries of the same row, and drops those of weight 0. The
// order of first occurrence is kept.
//
// Cost: O(Len) expected.
func (b *Batch) Consolidate() {
	if len(b.entries) < 2 {
		return
	}
	mask := b.clearSlots() - 1
	n := 0
	for _, e := range b.entries {
		r := b.arena[e.offset : e.offset+e.length]
		i := int(hash(r)) & mask
		for ; b.slots[i] != 0; i = (i + 1) & mask {
			first := &b.entries[b.slots[i]-1]
			if bytes.Equal(b.arena[first.offset:first.offset+first.length], r) {
				first.weight += e.weight
				break
			}
		}
		if b.slots[i] == 0 {
			b.entries[n] = e
			n++
			b.slots[i] = int32(n)
		}
	}
	b.entries = slices.DeleteFunc(b.entries[:n], func(e entry) bool { return e.weight == 0 })
}

// clearSlots makes the hash table of Consolidate empty, at most half full with all
// entries, and returns its length, a power of two.
func (b *Batch) clearSlots() int {
	size := 4
	for size < 2*len(b.entries) {
		size *= 2
	}
	if cap(b.slots) < size {
		b.slots = make([]int32, size)
	}
	b.slots = b.slots[:size]
	clear(b.slots)
	return size
}
