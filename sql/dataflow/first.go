package dataflow

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*First)(nil)

// First is DISTINCT ON: of all rows with the same key it outputs, with weight 1, the
// first in an order. Of rows that are equal in the order it is the one with the least
// bytes.
//
// State: the rows by key, with the bytes that order them; the emitted row of each key.
// Cost: O(log n) expected per entry of a step, n being the rows of its key.
type First struct {
	groups
	columns []int // of the key
	order   []Order
	enums   bool // there is an enum in the order
	rows    *zset.Ordered
	buf     []byte // reused
}

// Order is one column of an order. Its type is Ordered.
type Order struct {
	Column           int
	Type             *row.Type
	Desc, NullsFirst bool
}

// NewFirst returns the operator for keys of columns of keyTypes.
func NewFirst(columns []int, keyTypes []*row.Type, order []Order) *First {
	f := &First{groups: newGroups(keyTypes), columns: columns, order: order, rows: zset.NewOrdered()}
	for _, o := range order {
		f.enums = f.enums || o.Type.HasEnum()
	}
	return f
}

// Step implements [Operator]. An enum label that the type did not have when the circuit
// was made has no place in the order: that is an error, of the circuit.
func (f *First) Step(c *Context, in []*zset.Batch, out *zset.Batch) error {
	for r, w := range in[0].All() {
		f.split(r, f.columns)
		if err := f.checkEnums(); err != nil {
			return err
		}
		state, _, _ := f.touch()
		state.weight += w
		f.buf = f.buf[:0]
		for _, o := range f.order {
			f.buf = o.Type.AppendOrder(f.buf, f.values[o.Column], o.Desc, o.NullsFirst)
		}
		f.rows.Add(f.key, f.buf, r, w)
	}
	for _, t := range f.changed {
		f.emit(c, t, f.first(f.keyOf(t)), "", out)
		f.settle(t)
	}
	f.done()
	return nil
}

// first is the first row of a key that is there, nil if none is.
func (f *First) first(key []byte) row.Row {
	for r, w := range f.rows.Rows(key) {
		if w > 0 {
			return r
		}
	}
	return nil
}

func (f *First) checkEnums() error {
	if !f.enums {
		return nil
	}
	for _, o := range f.order {
		if !o.Type.CheckOrder(f.values[o.Column]) {
			return fmt.Errorf("dataflow: first: %s has a label that it did not have before: %q", o.Type.Name, f.values[o.Column])
		}
	}
	return nil
}

// Save implements [Operator].
func (f *First) Save(w *zset.Writer) {
	f.save(w, func(uint32) {})
	f.rows.Save(w)
}

// Load implements [Operator].
func (f *First) Load(r *zset.Reader) error {
	if err := f.load(r, func(uint32) error { return nil }); err != nil {
		return err
	}
	return f.rows.Load(r)
}

// Size implements [Operator].
func (f *First) Size() (rows, bytes int64) {
	rows, bytes = f.size()
	return rows + int64(f.rows.Len()), bytes + f.rows.Bytes()
}

// Describe implements [Operator].
func (f *First) Describe() string {
	text := fmt.Sprintf("first by columns %d, in the order of", f.columns)
	for _, o := range f.order {
		text += fmt.Sprintf(" %d", o.Column)
		if o.Desc {
			text += " desc"
		}
		if o.NullsFirst {
			text += " nulls first"
		}
	}
	return text
}
