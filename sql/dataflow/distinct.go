package dataflow

import (
	"bytes"
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*Distinct)(nil)

// Distinct outputs one of each set of equal rows, with weight 1. Of several, such as
// 1.0 and 1.00, it is the one with the least bytes, whatever the order in which they
// came. A row is there if its weight is positive.
//
// State: the input, by key where equal rows may differ in bytes.
// Cost: O(len(delta)) expected per step, where equal rows are the same bytes; else
// each entry costs as much as there are spellings of it.
type Distinct struct {
	keys  canonical
	set   *zset.Set   // if keys are exact
	index *zset.Index // if not
	old   row.Row     // reused
}

// NewDistinct returns the operator for rows of columns of types.
func NewDistinct(types []*row.Type) *Distinct {
	d := &Distinct{keys: newCanonical(types)}
	if d.keys.exact {
		d.set = zset.NewSet()
	} else {
		d.index = zset.NewIndex()
	}
	return d
}

// Step implements [Operator].
func (d *Distinct) Step(_ *Context, in []*zset.Batch, out *zset.Batch) error {
	for r, w := range in[0].All() {
		if d.keys.exact {
			before, after := d.set.Add(r, w)
			switch {
			case before <= 0 && after > 0:
				out.Add(r, +1)
			case before > 0 && after <= 0:
				out.Add(r, -1)
			}
			continue
		}
		key := d.keys.key(r)
		old := least(d.index, key)
		d.old = append(d.old[:0], old...)
		had := old != nil
		d.index.Add(key, r, w)
		now := least(d.index, key)
		if had && now != nil && bytes.Equal(d.old, now) {
			continue
		}
		if had {
			out.Add(d.old, -1)
		}
		if now != nil {
			out.Add(now, +1)
		}
	}
	return nil
}

// least is the representative of a key: the least row that is there, nil if none is. It
// is valid until the next Add.
func least(x *zset.Index, key []byte) row.Row {
	var found row.Row
	for r, w := range x.Rows(key) {
		if w > 0 && (found == nil || bytes.Compare(r, found) < 0) {
			found = r
		}
	}
	return found
}

// Save implements [Operator].
func (d *Distinct) Save(w *zset.Writer) {
	if d.keys.exact {
		d.set.Save(w)
	} else {
		d.index.Save(w)
	}
}

// Load implements [Operator].
func (d *Distinct) Load(r *zset.Reader) error {
	if d.keys.exact {
		return d.set.Load(r)
	}
	return d.index.Load(r)
}

// Size implements [Operator].
func (d *Distinct) Size() (rows, bytes int64) {
	if d.keys.exact {
		return int64(d.set.Len()), d.set.Bytes()
	}
	return int64(d.index.Len()), d.index.Bytes()
}

// Describe implements [Operator].
func (d *Distinct) Describe() string {
	if d.keys.exact {
		return fmt.Sprintf("distinct: %d columns", len(d.keys.types))
	}
	return fmt.Sprintf("distinct: %d columns, by value", len(d.keys.types))
}

func (*Distinct) arity() int { return 1 }
