package dataflow

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*Map)(nil)

// Map computes the columns of its output from each row: SQL's projection.
//
// It has no state. A row for which an expression fails is a row error and gives no
// output.
type Map struct {
	stateless
	exprs  []Scalar
	values []row.Value // of the input row, reused
	out    row.Row     // reused
}

// NewMap returns the projection to exprs.
func NewMap(exprs []Scalar) *Map { return &Map{exprs: exprs} }

// Step implements [Operator].
func (m *Map) Step(c *Context, in []*zset.Batch, out *zset.Batch) error {
	for r, w := range in[0].All() {
		if err := m.project(r); err != nil {
			c.Fail(r, err.Error(), w)
			continue
		}
		out.Add(m.out, w)
	}
	return nil
}

// project leaves the output row in m.out.
func (m *Map) project(r row.Row) error {
	m.values, m.out = r.Split(m.values[:0]), m.out[:0]
	for _, e := range m.exprs {
		v, err := e.Eval(m.values)
		if err != nil {
			return err
		}
		m.out = row.Append(m.out, v)
	}
	return nil
}

// Describe implements [Operator].
func (m *Map) Describe() string {
	text := fmt.Sprintf("map: %d columns", len(m.exprs))
	for _, e := range m.exprs {
		if c, ok := e.(Column); ok {
			text += fmt.Sprintf(" c%d", c)
		} else {
			text += " expression"
		}
	}
	return text
}

func (*Map) linear()    {}
func (*Map) arity() int { return 1 }
