package dataflow

import (
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*Filter)(nil)

// Filter keeps the rows for which a condition is true, not false or NULL.
//
// It has no state. A row for which the condition fails is a row error and gives no
// output.
type Filter struct {
	stateless
	cond   Scalar
	values []row.Value // reused
}

// NewFilter returns the filter by cond, a boolean.
func NewFilter(cond Scalar) *Filter { return &Filter{cond: cond} }

// Step implements [Operator].
func (f *Filter) Step(c *Context, in []*zset.Batch, out *zset.Batch) error {
	for r, w := range in[0].All() {
		f.values = r.Split(f.values[:0])
		v, err := f.cond.Eval(f.values)
		switch {
		case err != nil:
			c.Fail(r, err.Error(), w)
		case isTrue(v):
			out.Add(r, w)
		}
	}
	return nil
}

// Describe implements [Operator].
func (f *Filter) Describe() string { return "filter" }

func (*Filter) linear()    {}
func (*Filter) arity() int { return 1 }

// isTrue reports whether a boolean is true, which neither false nor NULL is.
func isTrue(v row.Value) bool { return len(v) == 1 && v[0] != 0 }
