package dataflow

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*Join)(nil)

// Join is the inner join of two inputs: left columns and then right columns of each
// pair with equal keys for which the residual condition is true, weighted with the
// product of the weights. With L and R before a step,
//
//	d(L ⋈ R) = dL ⋈ R + (L + dL) ⋈ dR
//
// State: both inputs by key, without the rows whose key cannot match.
// Cost: O(len(delta) + pairs) expected per step.
type Join struct {
	left, right arm
	residual    Scalar
	values      []row.Value // of a pair, reused
	out         row.Row     // reused
}

// Side is one side of a join: the key's columns, which are compared one by one with
// those of the other side by their type's default equality.
type Side struct {
	Key   []Scalar
	Types []*row.Type // of Key; equal values of the two sides must have equal keys
	// NullSafe says for which columns NULL matches NULL (IS NOT DISTINCT FROM);
	// else NULL matches nothing. nil is for none. Both sides must agree.
	NullSafe []bool
}

// NewJoin returns the join of left and right. residual is a condition over the columns
// of both, or nil. Keys of no columns make it a cross join.
func NewJoin(left, right Side, residual Scalar) *Join {
	if len(left.Key) != len(right.Key) {
		panic(fmt.Sprintf("dataflow: join of %d with %d key columns", len(left.Key), len(right.Key)))
	}
	return &Join{left: newArm(left), right: newArm(right), residual: residual}
}

// Step implements [Operator].
func (j *Join) Step(c *Context, in []*zset.Batch, out *zset.Batch) error {
	for l, w := range in[0].All() {
		key, ok := j.left.key(c, l, w)
		if !ok {
			continue
		}
		for r, n := range j.right.index.Rows(key) {
			j.values = r.Split(append(j.values[:0], j.left.values...))
			j.pair(c, l, r, w*n, out)
		}
		j.left.index.Add(key, l, w)
	}
	for r, w := range in[1].All() {
		key, ok := j.right.key(c, r, w)
		if !ok {
			continue
		}
		for l, n := range j.left.index.Rows(key) {
			j.values = append(l.Split(j.values[:0]), j.right.values...)
			j.pair(c, l, r, w*n, out)
		}
		j.right.index.Add(key, r, w)
	}
	return nil
}

// pair emits two rows of equal keys, if the residual is true. j.values are the pair's.
func (j *Join) pair(c *Context, l, r row.Row, w int64, out *zset.Batch) {
	j.out = append(append(j.out[:0], l...), r...)
	if j.residual != nil {
		v, err := j.residual.Eval(j.values)
		if err != nil {
			c.Fail(j.out, err.Error(), w)
			return
		}
		if !isTrue(v) {
			return
		}
	}
	out.Add(j.out, w)
}

// Save implements [Operator].
func (j *Join) Save(w *zset.Writer) {
	j.left.index.Save(w)
	j.right.index.Save(w)
}

// Load implements [Operator].
func (j *Join) Load(r *zset.Reader) error {
	if err := j.left.index.Load(r); err != nil {
		return err
	}
	return j.right.index.Load(r)
}

// Size implements [Operator].
func (j *Join) Size() (rows, bytes int64) {
	l, r := j.left.index, j.right.index
	return int64(l.Len() + r.Len()), l.Bytes() + r.Bytes()
}

// Describe implements [Operator].
func (j *Join) Describe() string {
	text := "join: "
	if len(j.left.side.Key) == 0 {
		text += "all pairs"
	} else {
		text += j.left.describe() + " = " + j.right.describe()
	}
	if j.residual != nil {
		text += " and a condition"
	}
	return text
}

func (*Join) arity() int { return 2 }

// arm is the arranged input of one side.
type arm struct {
	side   Side
	index  *zset.Index
	values []row.Value // of the row that key was called with last
	keys   []row.Value // reused
	buf    []byte      // reused
}

func newArm(s Side) arm {
	if len(s.Key) != len(s.Types) || s.NullSafe != nil && len(s.NullSafe) != len(s.Key) {
		panic("dataflow: join side: key, types and null safety differ in length")
	}
	return arm{side: s, index: zset.NewIndex()}
}

// key returns the key of a row, valid until the next call. ok is false if the row
// matches nothing, because of a NULL or of an error.
func (a *arm) key(c *Context, r row.Row, w int64) (key []byte, ok bool) {
	a.values, a.keys = r.Split(a.values[:0]), a.keys[:0]
	for i, e := range a.side.Key {
		v, err := e.Eval(a.values)
		if err != nil {
			c.Fail(r, err.Error(), w)
			return nil, false
		}
		if v == nil && (a.side.NullSafe == nil || !a.side.NullSafe[i]) {
			return nil, false
		}
		a.keys = append(a.keys, v)
	}
	a.buf = row.AppendKeys(a.buf[:0], a.side.Types, a.keys)
	return a.buf, true
}

func (a *arm) describe() string {
	text := "("
	for i, e := range a.side.Key {
		if i > 0 {
			text += ", "
		}
		if c, ok := e.(Column); ok {
			text += fmt.Sprintf("c%d", c)
		} else {
			text += "expression"
		}
		if a.side.NullSafe != nil && a.side.NullSafe[i] {
			text += " or null"
		}
	}
	return text + ")"
}
