package dataflow

import (
	"bytes"
	"encoding/binary"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// Errors is a multiset of row errors: a message and the row that has it, per operator.
// A view has none exactly when every operator could compute all its rows.
//
// Errors of different operators never cancel out, and a negative weight, of an
// operator below a difference, is an error as much as a positive one.
type Errors struct {
	set   *zset.Set // rows of message, row, operator
	count int64     // sum of the weights' absolute values
	buf   []byte
	least row.Row // the least row of set, nil if it has to be found
}

// NewErrors returns an empty multiset.
func NewErrors() *Errors { return &Errors{set: zset.NewSet()} }

// Count is the number of errors.
func (e *Errors) Count() int64 { return e.count }

// Example is one of the errors: the least by bytes, so the same one for the same
// errors. ok is false if there is none.
func (e *Errors) Example() (message string, r row.Row, ok bool) {
	message, r, node := e.example()
	return message, r, node >= 0
}

// example is Example with the operator, which is -1 if there is no error.
func (e *Errors) example() (message string, r row.Row, node NodeID) {
	if e.count == 0 {
		return "", nil, -1
	}
	if e.least == nil {
		for r := range e.set.All() {
			if e.least == nil || bytes.Compare(r, e.least) < 0 {
				e.least = append(e.least[:0:0], r...)
			}
		}
	}
	values := e.least.Split(nil)
	return string(values[0]), bytes.Clone(values[1]), NodeID(binary.BigEndian.Uint32(values[2]))
}

func (e *Errors) add(node NodeID, message string, r row.Row, weight int64) {
	if weight == 0 {
		return
	}
	e.buf = row.Append(e.buf[:0], row.Value(message))
	e.buf = row.Append(e.buf, append(row.Value{}, r...))
	e.buf = row.Append(e.buf, binary.BigEndian.AppendUint32(nil, uint32(node)))
	before, after := e.set.Add(e.buf, weight)
	e.count += abs(after) - abs(before)
	switch {
	case e.least == nil:
	case bytes.Compare(e.buf, e.least) < 0:
		e.least = append(e.least[:0], e.buf...)
	case after == 0 && bytes.Equal(e.buf, e.least):
		e.least = nil
	}
}

func (e *Errors) save(w *zset.Writer) { e.set.Save(w) }

func (e *Errors) load(r *zset.Reader) error {
	*e = Errors{set: zset.NewSet()}
	if err := e.set.Load(r); err != nil {
		return err
	}
	for _, w := range e.set.All() {
		e.count += abs(w)
	}
	return nil
}

func abs(w int64) int64 {
	if w < 0 {
		return -w
	}
	return w
}
