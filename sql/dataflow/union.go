package dataflow

import (
	"fmt"

	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*Union)(nil)

// Union is the weighted sum of its inputs: UNION ALL where all weights are 1, and a
// difference where one is -1.
//
// It has no state.
type Union struct {
	stateless
	weights []int64
}

// NewUnion returns the sum of len(weights) inputs, each times its weight.
func NewUnion(weights ...int64) *Union { return &Union{weights: weights} }

// Step implements [Operator].
func (u *Union) Step(_ *Context, in []*zset.Batch, out *zset.Batch) error {
	for i, b := range in {
		out.AddAll(b, u.weights[i])
	}
	return nil
}

// Describe implements [Operator].
func (u *Union) Describe() string {
	if n := len(u.weights); !u.weighted() {
		return fmt.Sprintf("union: %d inputs", n)
	}
	return fmt.Sprintf("sum: inputs times %d", u.weights)
}

func (*Union) linear()      {}
func (u *Union) arity() int { return len(u.weights) }

func (u *Union) weighted() bool {
	for _, w := range u.weights {
		if w != 1 {
			return true
		}
	}
	return false
}
