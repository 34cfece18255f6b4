package dataflow

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*Single)(nil)

// Single is a scalar subquery. Its inputs are the subquery's rows, each a key and the
// columns that the subquery selects, and the domain of keys for which its value is
// asked. For each key of the domain the output has one row: the key as the domain
// spells it, and the columns of the key's row, NULL if there is none. More than one row
// is a row error, of the row of the key's columns.
//
// State: the rows by key, the emitted row of each key.
// Cost: O(len(delta)) expected per step.
type Single struct {
	groups
	columns []int // of the key
	width   int   // number of other columns
	rows    *zset.Index
	buf     row.Row // reused
}

// severalRows is PostgreSQL's message.
const severalRows = "more than one row returned by a subquery used as an expression"

// NewSingle returns the operator for rows of columns of keyTypes and width others.
func NewSingle(keyTypes []*row.Type, width int) *Single {
	return &Single{groups: newGroups(keyTypes), columns: leading(len(keyTypes)), width: width, rows: zset.NewIndex()}
}

// Step implements [Operator].
func (s *Single) Step(c *Context, in []*zset.Batch, out *zset.Batch) error {
	for r, w := range in[0].All() {
		s.split(r, s.columns)
		state, _, _ := s.touch()
		state.weight += w
		s.buf = s.buf[:0]
		for _, v := range s.values[len(s.columns):] {
			s.buf = row.Append(s.buf, v)
		}
		s.rows.Add(s.key, s.buf, w)
	}
	for r, w := range in[1].All() {
		s.split(r, s.columns)
		state, _, _ := s.touch()
		state.domain += w
		s.spell(s.columns, w)
	}
	for _, t := range s.changed {
		now, message := s.result(t)
		s.emit(c, t, now, message, out)
		s.settle(t)
	}
	s.done()
	return nil
}

// result is the output row of a key, nil if it is not in the domain, or the row error.
func (s *Single) result(t touched) (now row.Row, message string) {
	switch state := s.states[t.number-1]; {
	case state.domain <= 0:
		return nil, ""
	case state.weight > 1:
		return nil, severalRows
	}
	key := s.keyOf(t)
	s.buf = append(s.buf[:0], s.representative(key)...)
	if found := least(s.rows, key); found != nil {
		s.buf = append(s.buf, found...)
	} else {
		for range s.width {
			s.buf = row.Append(s.buf, nil)
		}
	}
	if s.buf == nil {
		s.buf = row.Row{} // a row without columns is a row
	}
	return s.buf, ""
}

// Save implements [Operator].
func (s *Single) Save(w *zset.Writer) {
	s.save(w, func(uint32) {})
	s.rows.Save(w)
}

// Load implements [Operator].
func (s *Single) Load(r *zset.Reader) error {
	if err := s.load(r, func(uint32) error { return nil }); err != nil {
		return err
	}
	return s.rows.Load(r)
}

// Size implements [Operator].
func (s *Single) Size() (rows, bytes int64) {
	rows, bytes = s.size()
	return rows + int64(s.rows.Len()), bytes + s.rows.Bytes()
}

// Describe implements [Operator].
func (s *Single) Describe() string {
	return fmt.Sprintf("scalar subquery: %d key columns, %d columns", len(s.columns), s.width)
}
