package zset

import (
	"bytes"
	"fmt"
	"iter"
	"math/bits"

	"github.com/millrace/millrace/sql/row"
)

// Ordered is a weighted multiset of rows under keys, like [Index], in which the rows of
// a key are in the order of bytes that come with each row, and of the row's own bytes
// where those are equal. No such order bytes are the beginning of others.
//
// Memory: about 40 bytes per row and 40 per key beside their own. Cost: O(log n)
// expected for Add, n being the rows of the key, and O(1) amortised for each row that is
// yielded.
type Ordered struct {
	// Each key has a treap: a search tree that is also a heap by random priorities,
	// which keeps it balanced.
	roots *Map[address]
	rows  arena // header: weight, left, right, length of the order bytes
	count int
	buf   []byte // reused
}

// Words of the header.
const orderedWeight, orderedLeft, orderedRight, orderedLength = 0, 1, 2, 3

// NewOrdered returns an empty one.
func NewOrdered() *Ordered { return &Ordered{roots: NewMap[address](), rows: arena{words: 4}} }

// Add adds w to the weight of r under key and returns the weight before and after. The
// same row under the same key always comes with the same order.
func (o *Ordered) Add(key, order []byte, r row.Row, w int64) (before, after int64) {
	if w == 0 {
		return o.weight(key, order, r)
	}
	o.buf = append(append(o.buf[:0], order...), r...)
	root := o.roots.Put(key)
	link, at := o.search(root, o.buf)
	if at == none {
		at = o.rows.add(o.buf)
		o.rows.set(at, orderedWeight, uint64(w))
		o.rows.set(at, orderedLength, uint64(len(order)))
		*root = o.insert(*root, at)
		o.count++
		return 0, w
	}
	before = int64(o.rows.word(at, orderedWeight))
	if after = before + w; after != 0 {
		o.rows.set(at, orderedWeight, uint64(after))
		return before, after
	}
	o.follow(link, root, o.merge(o.left(at), o.right(at)))
	o.rows.kill(at)
	o.count--
	if *root == none {
		o.roots.Delete(key)
	}
	if o.rows.wasteful() {
		o.compact()
	}
	return before, 0
}

func (o *Ordered) weight(key, order []byte, r row.Row) (before, after int64) {
	root := o.roots.Get(key)
	if root == nil {
		return 0, 0
	}
	o.buf = append(append(o.buf[:0], order...), r...)
	if _, at := o.search(root, o.buf); at != none {
		before = int64(o.rows.word(at, orderedWeight))
	}
	return before, before
}

// Rows yields the rows of a key and their weights in order. Nothing may be added
// meanwhile; the rows stay valid.
func (o *Ordered) Rows(key []byte) iter.Seq2[row.Row, int64] {
	return func(yield func(row.Row, int64) bool) {
		if root := o.roots.Get(key); root != nil {
			for at := range o.ascend(*root) {
				if !yield(o.row(at), int64(o.rows.word(at, orderedWeight))) {
					return
				}
			}
		}
	}
}

// Len is the number of distinct rows, summed over the keys.
func (o *Ordered) Len() int { return o.count }

// Bytes is the memory that it holds.
func (o *Ordered) Bytes() int64 { return o.roots.Bytes() + o.rows.bytes() + int64(cap(o.buf)) }

// Save writes it.
func (o *Ordered) Save(w *Writer) {
	w.Uvarint(uint64(o.count))
	for key, root := range o.roots.All() {
		for at := range o.ascend(*root) {
			w.Bytes(key)
			data, n := o.rows.data(at), o.rows.word(at, orderedLength)
			w.Bytes(data[:n])
			w.Bytes(data[n:])
			w.Varint(int64(o.rows.word(at, orderedWeight)))
		}
	}
}

// Load replaces it by the one that Save wrote. After an error it is empty.
func (o *Ordered) Load(r *Reader) error {
	loaded := NewOrdered()
	*o = *NewOrdered()
	var key, order []byte
	for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
		key = append(key[:0], r.Bytes()...)
		order = append(order[:0], r.Bytes()...)
		data, w := r.Bytes(), r.Varint()
		if r.Err() != nil {
			break
		}
		if before, _ := loaded.Add(key, order, data, w); before != 0 || w == 0 {
			r.Fail(fmt.Errorf("zset: load ordered: row with weight %d, then %d", before, w))
		}
	}
	if r.Err() == nil {
		*o = *loaded
	}
	return r.Err()
}

func (o *Ordered) left(at address) address  { return address(o.rows.word(at, orderedLeft)) }
func (o *Ordered) right(at address) address { return address(o.rows.word(at, orderedRight)) }

func (o *Ordered) row(at address) row.Row {
	n := o.rows.word(at, orderedLength)
	return row.Row(o.rows.data(at)[n:])
}

// priority is a node's, the greatest on top.
func priority(at address) uint64 {
	high, low := bits.Mul64(uint64(at)^0x2545f4914f6cdd1d, 0x9e3779b97f4a7c15)
	high, low = bits.Mul64(high^low, 0xd1342543de82ef95)
	return high ^ low
}

// link is where a node hangs: a word of its parent, or the root if there is none.
type link struct {
	parent address
	word   int
}

// search finds the node with data, and where it hangs.
func (o *Ordered) search(root *address, data []byte) (l link, at address) {
	for at = *root; at != none; {
		c := bytes.Compare(data, o.rows.data(at))
		if c == 0 {
			return l, at
		}
		l = link{at, orderedLeft}
		if c > 0 {
			l.word = orderedRight
		}
		at = address(o.rows.word(at, l.word))
	}
	return l, none
}

// follow hangs a node, or none, in a place.
func (o *Ordered) follow(l link, root *address, at address) {
	if l.parent == none {
		*root = at
		return
	}
	o.rows.set(l.parent, l.word, uint64(at))
}

// insert puts the node at into a tree that has none with its data, and returns the
// tree.
func (o *Ordered) insert(root, at address) address {
	data, p := o.rows.data(at), priority(at)
	var l link
	below := root
	for below != none && priority(below) >= p {
		l = link{below, orderedLeft}
		if bytes.Compare(data, o.rows.data(below)) > 0 {
			l.word = orderedRight
		}
		below = address(o.rows.word(below, l.word))
	}
	less, greater := o.split(below, data)
	o.rows.set(at, orderedLeft, uint64(less))
	o.rows.set(at, orderedRight, uint64(greater))
	o.follow(l, &root, at)
	return root
}

// split divides a tree into the nodes below and above data.
func (o *Ordered) split(at address, data []byte) (less, greater address) {
	lower, upper := link{}, link{}
	for at != none {
		if bytes.Compare(o.rows.data(at), data) < 0 {
			o.follow(lower, &less, at)
			lower = link{at, orderedRight}
			at = o.right(at)
		} else {
			o.follow(upper, &greater, at)
			upper = link{at, orderedLeft}
			at = o.left(at)
		}
	}
	o.follow(lower, &less, none)
	o.follow(upper, &greater, none)
	return less, greater
}

// merge joins two trees of which the first has the lesser data.
func (o *Ordered) merge(less, greater address) (root address) {
	var l link
	for less != none && greater != none {
		if priority(less) >= priority(greater) {
			o.follow(l, &root, less)
			l = link{less, orderedRight}
			less = o.right(less)
		} else {
			o.follow(l, &root, greater)
			l = link{greater, orderedLeft}
			greater = o.left(greater)
		}
	}
	o.follow(l, &root, max(less, greater)) // one of them is none
	return root
}

// ascend yields the nodes of a tree in order.
func (o *Ordered) ascend(at address) iter.Seq[address] {
	return func(yield func(address) bool) {
		var above []address
		for at != none || len(above) > 0 {
			for ; at != none; at = o.left(at) {
				above = append(above, at)
			}
			at = above[len(above)-1]
			above = above[:len(above)-1]
			if !yield(at) {
				return
			}
			at = o.right(at)
		}
	}
}

// compact copies the live rows to a new arena, those of a key together.
func (o *Ordered) compact() {
	old := *o
	o.rows = arena{words: old.rows.words}
	for _, root := range old.roots.All() {
		var tree address
		for at := range old.ascend(*root) {
			to := o.rows.add(old.rows.data(at))
			o.rows.set(to, orderedWeight, old.rows.word(at, orderedWeight))
			o.rows.set(to, orderedLength, old.rows.word(at, orderedLength))
			tree = o.merge(tree, to)
		}
		*root = tree
	}
}
