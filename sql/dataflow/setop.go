package dataflow

import (
	"bytes"
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*SetOp)(nil)

// SetKind is the kind of a set operation, numbered as in package tree. UNION is a
// [Union], and a [Distinct] of it.
type SetKind uint8

// The kinds.
const (
	Intersect SetKind = iota + 2
	Except
)

// SetOp is INTERSECT or EXCEPT of two inputs L and R. For each set of equal rows that
// occurs l times in L and r times in R it outputs one of them with weight
//
//	INTERSECT ALL  min(l, r)        INTERSECT  1 if l > 0 and r > 0
//	EXCEPT ALL     max(0, l − r)    EXCEPT     1 if l > 0 and r = 0
//
// Which one, as of 1.0 and 1.00, is the one with the least bytes of L.
//
// State: two int64 per set of equal rows; where these may differ in bytes, L by key too.
// Cost: O(len(delta)) expected per step, where equal rows are the same bytes; else
// each entry of L costs as much as there are spellings of it.
type SetOp struct {
	kind   SetKind
	all    bool
	keys   canonical
	counts *zset.Map[setCounts]
	left   *zset.Index // L by key, nil if keys are exact
	old    row.Row     // reused
}

// setCounts are how often the rows of a key occur in L and R.
type setCounts [2]int64

// NewSetOp returns the operation on rows of columns of types.
func NewSetOp(kind SetKind, all bool, types []*row.Type) *SetOp {
	if kind != Intersect && kind != Except {
		panic(fmt.Sprintf("dataflow: set operation of kind %d", kind))
	}
	s := &SetOp{kind: kind, all: all, keys: newCanonical(types), counts: zset.NewMap[setCounts]()}
	if !s.keys.exact {
		s.left = zset.NewIndex()
	}
	return s
}

// Step implements [Operator]. New rows of R go before those of L and lost ones after
// them, so that what comes or goes on both sides does not show in between.
func (s *SetOp) Step(_ *Context, in []*zset.Batch, out *zset.Batch) error {
	for r, w := range in[1].All() {
		if w > 0 {
			s.apply(r, 1, w, out)
		}
	}
	for r, w := range in[0].All() {
		s.apply(r, 0, w, out)
	}
	for r, w := range in[1].All() {
		if w < 0 {
			s.apply(r, 1, w, out)
		}
	}
	return nil
}

// apply adds one entry of an input and emits the difference that it makes.
func (s *SetOp) apply(r row.Row, input int, w int64, out *zset.Batch) {
	key := s.keys.key(r)
	counts := s.counts.Put(key)
	before := s.weight(*counts)
	counts[input] += w
	after := s.weight(*counts)
	if *counts == (setCounts{}) {
		s.counts.Delete(key)
	}
	if s.left == nil {
		out.Add(r, after-before)
		return
	}
	old := least(s.left, key)
	if input == 0 {
		s.old = append(s.old[:0], old...)
		old = s.old
		s.left.Add(key, r, w)
	}
	now := old
	if input == 0 {
		now = least(s.left, key)
	}
	if bytes.Equal(old, now) {
		out.Add(now, after-before)
		return
	}
	out.Add(old, -before)
	out.Add(now, after)
}

// weight is the weight of the output for a set of equal rows.
func (s *SetOp) weight(c setCounts) int64 {
	l, r := max(0, c[0]), max(0, c[1])
	n := min(l, r)
	if s.kind == Except {
		n = max(0, l-r)
		if !s.all && r > 0 {
			n = 0
		}
	}
	if !s.all {
		n = min(n, 1)
	}
	return n
}

// Save implements [Operator].
func (s *SetOp) Save(w *zset.Writer) {
	w.Uvarint(uint64(s.counts.Len()))
	for key, c := range s.counts.All() {
		w.Bytes(key)
		w.Varint(c[0])
		w.Varint(c[1])
	}
	if s.left != nil {
		s.left.Save(w)
	}
}

// Load implements [Operator].
func (s *SetOp) Load(r *zset.Reader) error {
	s.counts = zset.NewMap[setCounts]()
	for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
		c := s.counts.Put(r.Bytes())
		*c = setCounts{r.Varint(), r.Varint()}
	}
	if s.left != nil && r.Err() == nil {
		return s.left.Load(r)
	}
	return r.Err()
}

// Size implements [Operator].
func (s *SetOp) Size() (rows, bytes int64) {
	rows, bytes = int64(s.counts.Len()), s.counts.Bytes()
	if s.left != nil {
		rows, bytes = rows+int64(s.left.Len()), bytes+s.left.Bytes()
	}
	return rows, bytes
}

// Describe implements [Operator].
func (s *SetOp) Describe() string {
	text := "intersect"
	if s.kind == Except {
		text = "except"
	}
	if s.all {
		text += " all"
	}
	return fmt.Sprintf("%s: %d columns", text, len(s.keys.types))
}

func (*SetOp) arity() int { return 2 }
