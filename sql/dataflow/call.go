package dataflow

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*Call)(nil)

// Call appends to each row columns that PostgreSQL computes from some of its columns.
// A step asks once for all rows, and once for equal arguments.
//
// It has no state, so the expressions must be immutable: a row that goes must be
// computed as it was when it came. A row whose call fails is a row error and gives no
// output.
type Call struct {
	stateless
	call    *ScalarCall
	columns []int
	values  []row.Value // reused
	buf     row.Row     // reused
}

// NewCall returns the operator for call; columns of the input row are c0, c1, … in
// its expressions.
func NewCall(call *ScalarCall, columns []int) *Call { return &Call{call: call, columns: columns} }

// Step implements [Operator].
func (k *Call) Step(c *Context, in []*zset.Batch, out *zset.Batch) error {
	if in[0].Len() == 0 {
		return nil
	}
	if c.Remote == nil {
		return fmt.Errorf("dataflow: call: no connection to evaluate %s", strings.Join(k.call.Expressions, ", "))
	}
	numbers := zset.NewMap[int]() // of argument rows, from 1
	var arguments zset.Batch
	for r := range in[0].All() {
		if n := numbers.Put(k.arguments(r)); *n == 0 {
			arguments.Add(k.buf, 1)
			*n = arguments.Len()
		}
	}
	c.asks(arguments.Len())
	results, failed, err := c.Remote.Scalars(c, k.call, &arguments)
	if err != nil {
		return fmt.Errorf("dataflow: call: %w", err)
	}
	if len(results) != arguments.Len() || len(failed) != 0 && len(failed) != arguments.Len() {
		return fmt.Errorf("dataflow: call: %d results and %d messages for %d rows", len(results), len(failed), arguments.Len())
	}
	for r, w := range in[0].All() {
		n := *numbers.Get(k.arguments(r)) - 1
		if len(failed) > 0 && failed[n] != "" {
			c.Fail(r, failed[n], w)
			continue
		}
		k.buf = append(append(k.buf[:0], r...), results[n]...)
		out.Add(k.buf, w)
	}
	return nil
}

// arguments returns the row of the call's arguments, which is valid until the next
// use of buf.
func (k *Call) arguments(r row.Row) row.Row {
	k.values, k.buf = r.Split(k.values[:0]), k.buf[:0]
	for _, c := range k.columns {
		k.buf = row.Append(k.buf, k.values[c])
	}
	return k.buf
}

// Describe implements [Operator].
func (k *Call) Describe() string {
	return fmt.Sprintf("evaluated by PostgreSQL: %s of columns %d", strings.Join(k.call.Expressions, ", "), k.columns)
}

func (*Call) arity() int { return 1 }
