package zset

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
)

// chunkSize is the most that a chunk of an arena grows to, unless one record alone
// is longer. Chunks are never copied once they are full.
const (
	chunkBits = 18
	chunkSize = 1 << chunkBits
	firstSize = 512
)

// address is where a record lies: the chunk's number, and the place in it, plus 2.
// 0 is no record, 1 marks a slot of a [table] whose record is gone.
type address uint64

const (
	none    address = 0
	removed address = 1
)

// arena holds records in the order of add. A record is a header of words that may
// change, and data that does not: so a slice of the data stays valid for ever.
// The first word of a header is 0 if and only if the record is dead.
type arena struct {
	words  int // of a header
	chunks [][]byte
	used   int64 // bytes of all records
	dead   int64 // bytes of dead records
}

// add appends a record whose header words are 0.
func (a *arena) add(data []byte) address {
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(data)))
	size := 8*a.words + n + len(data)
	c := len(a.chunks) - 1
	if c < 0 || len(a.chunks[c])+size > chunkSize {
		a.chunks = append(a.chunks, make([]byte, 0, a.capacity(size)))
		c++
	}
	chunk := a.chunks[c]
	at := address(c)<<chunkBits | address(len(chunk))
	var header [4 * 8]byte
	chunk = append(chunk, header[:8*a.words]...)
	chunk = append(chunk, length[:n]...)
	a.chunks[c] = append(chunk, data...)
	a.used += int64(size)
	return at + 2
}

// capacity is that of the next chunk: small while the arena is small, since a
// database has many small views.
func (a *arena) capacity(size int) int {
	if len(a.chunks) > 0 {
		return max(size, chunkSize)
	}
	return max(size, firstSize)
}

// record is the bytes from a record's header to the end of its chunk.
func (a *arena) record(at address) []byte {
	at -= 2
	return a.chunks[at>>chunkBits][at&(chunkSize-1):]
}

// word returns a word of a header.
func (a *arena) word(at address, i int) uint64 {
	return binary.LittleEndian.Uint64(a.record(at)[8*i:])
}

// set changes a word of a header.
func (a *arena) set(at address, i int, v uint64) {
	binary.LittleEndian.PutUint64(a.record(at)[8*i:], v)
}

// data returns a record's data.
func (a *arena) data(at address) []byte {
	r := a.record(at)[8*a.words:]
	n, w := binary.Uvarint(r)
	return r[w : w+int(n) : w+int(n)]
}

// kill makes a record dead.
func (a *arena) kill(at address) {
	r := a.record(at)
	binary.LittleEndian.PutUint64(r, 0)
	a.dead += int64(a.size(r))
}

// size is the length of the record at the start of r.
func (a *arena) size(r []byte) int {
	n, w := binary.Uvarint(r[8*a.words:])
	return 8*a.words + w + int(n)
}

// live yields the records that are not dead, in order.
func (a *arena) live() iter.Seq[address] {
	return func(yield func(address) bool) {
		for c := range a.chunks {
			// The chunk is read anew each time: its records' headers may change and, by
			// growing, its place.
			for offset := 0; offset < len(a.chunks[c]); {
				r := a.chunks[c][offset:]
				size := a.size(r)
				if binary.LittleEndian.Uint64(r) != 0 && !yield(address(c)<<chunkBits|address(offset)+2) {
					return
				}
				offset += size
			}
		}
	}
}

// wasteful reports whether compaction pays.
func (a *arena) wasteful() bool { return a.dead > firstSize && a.dead > a.used/2 }

// bytes is the memory that the arena holds.
func (a *arena) bytes() int64 {
	n := int64(cap(a.chunks)) * 24
	for _, c := range a.chunks {
		n += int64(cap(c))
	}
	return n
}

// seed is that of all hashes of this process. No order that a caller sees depends
// on it.
var seed = maphash.MakeSeed()

func hash(data []byte) uint64 { return maphash.Bytes(seed, data) }

// table finds the records of an arena by the hash of what they hold: open
// addressing with linear probing. A slot is 16 bits of the hash and the address.
type table struct {
	slots   []uint64
	taken   int // slots that are not empty
	present int // of them those with a record
}

const tagShift = 48

// find returns the slot of the record that is right among those with hash h.
func (t *table) find(h uint64, right func(address) bool) (slot int, at address) {
	if len(t.slots) == 0 {
		return 0, none
	}
	mask := len(t.slots) - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s == 0 {
			return 0, none
		}
		if s>>tagShift == h>>tagShift {
			if at := address(s & (1<<tagShift - 1)); at != removed && right(at) {
				return i, at
			}
		}
	}
}

// insert adds a record that is not there. The caller has made room.
func (t *table) insert(h uint64, at address) {
	mask := len(t.slots) - 1
	i := int(h) & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = h>>tagShift<<tagShift | uint64(at)
	t.taken++
	t.present++
}

// remove empties a slot. What is behind it stays reachable.
func (t *table) remove(slot int) {
	t.present--
	if t.slots[(slot+1)&(len(t.slots)-1)] == 0 {
		t.slots[slot] = 0
		t.taken--
		return
	}
	t.slots[slot] = uint64(removed)
}

// full reports whether one more record needs a new table.
func (t *table) full() bool { return 4*(t.taken+1) > 3*len(t.slots) }

// reset makes the table empty, with room for n records and at least half as many
// again, so that the work of filling it is shared by many changes.
func (t *table) reset(n int) {
	size := 8
	for size < 2*(n+1) {
		size *= 2
	}
	*t = table{slots: make([]uint64, size)}
}
