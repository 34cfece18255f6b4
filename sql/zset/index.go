package zset

import (
	"bytes"
	"fmt"
	"iter"
	"math/bits"

	"github.com/millrace/millrace/sql/row"
)

// Index is a weighted multiset of rows under keys: the sum of the changes that were
// added. A row of weight 0 is not in it, nor is a key without rows.
//
// Memory: about 45 bytes per row and 30 per key beside their own. Cost: O(1)
// expected for Add, however many rows a key has, and for each row that is yielded.
type Index struct {
	keys     arena // header: first and last row
	rows     arena // header: weight, key, previous and next row of the key
	keyTable table
	rowTable table // by key and row
}

// Words of the headers.
const (
	keyFirst, keyLast                     = 0, 1
	rowWeight, rowKey, rowBefore, rowNext = 0, 1, 2, 3
)

// NewIndex returns an empty index.
func NewIndex() *Index { return &Index{keys: arena{words: 2}, rows: arena{words: 4}} }

// Add adds w to the weight of r under key and returns the weight before and after.
func (x *Index) Add(key []byte, r row.Row, w int64) (before, after int64) {
	keySlot, k := x.findKey(key)
	slot, at := 0, none
	if k != none {
		slot, at = x.findRow(k, r)
	}
	if at == none {
		if w != 0 {
			x.insert(key, k, r, w)
		}
		return 0, w
	}
	before = int64(x.rows.word(at, rowWeight))
	after = before + w
	if after != 0 {
		x.rows.set(at, rowWeight, uint64(after))
		return before, after
	}
	x.rowTable.remove(slot)
	x.unlink(k, at)
	x.rows.kill(at)
	if x.keys.word(k, keyFirst) == 0 {
		x.keyTable.remove(keySlot)
		x.keys.kill(k)
	}
	if x.rows.wasteful() || x.keys.wasteful() {
		x.compact()
	}
	return before, 0
}

// Rows yields the rows of a key and their weights, in the order in which they came.
// Nothing may be added meanwhile; the rows stay valid.
func (x *Index) Rows(key []byte) iter.Seq2[row.Row, int64] {
	return func(yield func(row.Row, int64) bool) {
		_, k := x.findKey(key)
		if k == none {
			return
		}
		for at := address(x.keys.word(k, keyFirst)); at != none; at = address(x.rows.word(at, rowNext)) {
			if !yield(x.rows.data(at), int64(x.rows.word(at, rowWeight))) {
				return
			}
		}
	}
}

// Weight returns the weight of r under key, 0 if it is not there.
func (x *Index) Weight(key []byte, r row.Row) int64 {
	if _, k := x.findKey(key); k != none {
		if _, at := x.findRow(k, r); at != none {
			return int64(x.rows.word(at, rowWeight))
		}
	}
	return 0
}

// Has reports whether a key has a row.
func (x *Index) Has(key []byte) bool {
	_, k := x.findKey(key)
	return k != none
}

// All yields the rows of all keys, in the order in which they came. A row that is
// under several keys comes once for each.
func (x *Index) All() iter.Seq2[row.Row, int64] {
	return func(yield func(row.Row, int64) bool) {
		for at := range x.rows.live() {
			if !yield(x.rows.data(at), int64(x.rows.word(at, rowWeight))) {
				return
			}
		}
	}
}

// Keys yields the keys, in the order in which they came.
func (x *Index) Keys() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for k := range x.keys.live() {
			if !yield(x.keys.data(k)) {
				return
			}
		}
	}
}

// Len is the number of distinct rows, summed over the keys.
func (x *Index) Len() int { return x.rowTable.present }

// KeyLen is the number of keys.
func (x *Index) KeyLen() int { return x.keyTable.present }

// Bytes is the memory that the index holds.
func (x *Index) Bytes() int64 {
	return x.keys.bytes() + x.rows.bytes() + int64(len(x.keyTable.slots)+len(x.rowTable.slots))*8
}

// Save writes the index.
func (x *Index) Save(w *Writer) {
	w.Uvarint(uint64(x.Len()))
	for at := range x.rows.live() {
		w.Bytes(x.keys.data(address(x.rows.word(at, rowKey))))
		w.Bytes(x.rows.data(at))
		w.Varint(int64(x.rows.word(at, rowWeight)))
	}
}

// Load replaces the index by the one that Save wrote. After an error the index is
// empty.
func (x *Index) Load(r *Reader) error {
	loaded := NewIndex()
	*x = *NewIndex()
	var key []byte
	for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
		key = append(key[:0], r.Bytes()...)
		data, w := r.Bytes(), r.Varint()
		if r.Err() != nil {
			break
		}
		if before, _ := loaded.Add(key, data, w); before != 0 || w == 0 {
			r.Fail(fmt.Errorf("zset: load index: row with weight %d, then %d", before, w))
		}
	}
	if r.Err() == nil {
		*x = *loaded
	}
	return r.Err()
}

func (x *Index) findKey(key []byte) (int, address) {
	return x.keyTable.find(hash(key), func(at address) bool { return bytes.Equal(x.keys.data(at), key) })
}

func (x *Index) findRow(k address, r row.Row) (int, address) {
	return x.rowTable.find(rowHash(k, r), func(at address) bool {
		return address(x.rows.word(at, rowKey)) == k && bytes.Equal(x.rows.data(at), r)
	})
}

// rowHash is the hash of a row under the key at k. It does not outlive compaction,
// which moves the key.
func rowHash(k address, r row.Row) uint64 {
	high, low := bits.Mul64(hash(r)^uint64(k), 0x9e3779b97f4a7c15)
	return high ^ low
}

// insert adds a row that is not there; k is none if its key is not there either.
func (x *Index) insert(key []byte, k address, r row.Row, w int64) {
	if k == none {
		if x.keyTable.full() {
			x.rehashKeys()
		}
		k = x.keys.add(key)
		x.keyTable.insert(hash(key), k)
	}
	if x.rowTable.full() {
		x.rehashRows()
	}
	x.rowTable.insert(rowHash(k, r), x.link(k, r, uint64(w)))
}

// link appends a row to those of the key at k.
func (x *Index) link(k address, r row.Row, w uint64) address {
	at := x.rows.add(r)
	last := address(x.keys.word(k, keyLast))
	x.rows.set(at, rowWeight, w)
	x.rows.set(at, rowKey, uint64(k))
	x.rows.set(at, rowBefore, uint64(last))
	if last == none {
		x.keys.set(k, keyFirst, uint64(at))
	} else {
		x.rows.set(last, rowNext, uint64(at))
	}
	x.keys.set(k, keyLast, uint64(at))
	return at
}

// unlink takes a row out of those of the key at k.
func (x *Index) unlink(k, at address) {
	before, next := x.rows.word(at, rowBefore), x.rows.word(at, rowNext)
	if before == 0 {
		x.keys.set(k, keyFirst, next)
	} else {
		x.rows.set(address(before), rowNext, next)
	}
	if next == 0 {
		x.keys.set(k, keyLast, before)
	} else {
		x.rows.set(address(next), rowBefore, before)
	}
}

func (x *Index) rehashKeys() {
	x.keyTable.reset(x.keyTable.present)
	for k := range x.keys.live() {
		x.keyTable.insert(hash(x.keys.data(k)), k)
	}
}

func (x *Index) rehashRows() {
	x.rowTable.reset(x.rowTable.present)
	for at := range x.rows.live() {
		x.rowTable.insert(rowHash(address(x.rows.word(at, rowKey)), x.rows.data(at)), at)
	}
}

// compact copies the live keys and rows to new arenas. The rows of a key lie in the
// order of its list, so linking them as they come builds the same list.
func (x *Index) compact() {
	keys, rows := x.keys, x.rows
	x.keys, x.rows = arena{words: keys.words}, arena{words: rows.words}
	for k := range keys.live() {
		keys.set(k, keyLast, uint64(x.keys.add(keys.data(k)))) // where it went
	}
	for at := range rows.live() {
		k := keys.word(address(rows.word(at, rowKey)), keyLast)
		x.link(address(k), rows.data(at), rows.word(at, rowWeight))
	}
	x.rehashKeys()
	x.rehashRows()
}
