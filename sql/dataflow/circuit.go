package dataflow

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// ErrBroken says that a step of the circuit failed, so that its state is that of no
// moment: it has to be loaded, or filled, anew.
var ErrBroken = errors.New("the circuit broke in an earlier step")

// ErrUnknownInput says that a change was given for a table that the circuit has not.
var ErrUnknownInput = errors.New("unknown input")

// NodeID names a node of a circuit: an input, a constant or an operator.
type NodeID int

// Circuit is a graph of operators with table changes as inputs and the view's change
// as output. The zero Circuit is not ready; use [NewCircuit].
type Circuit struct {
	nodes   []*node // inputs come before what uses them
	inputs  map[any]NodeID
	output  NodeID
	errors  *Errors
	stepped bool // constants are out
	broken  bool

	filling, since Cost // of the first step, and of the others
}

// node is an input (table), a constant (rows) or an operator.
type node struct {
	op     Operator
	inputs []NodeID
	table  any
	rows   *zset.Batch
	label  string
	row    []*row.Type // of the rows that it fails on, where known

	users       int  // of the node's output, the circuit's output included
	consolidate bool // a user would do work twice for the same row

	out     zset.Batch    // reused by each step
	longest int           // length of out in the steps since it was made
	now     *zset.Batch   // this step's output: &out, or the table's change
	in      []*zset.Batch // reused by each step

	fill, since meter // of the first step, and of the others
}

// linear operators treat each entry alone and keep no state, so that nothing is saved
// by bringing the entries of a row together before them.
type linear interface{ linear() }

// NewCircuit returns a circuit without nodes.
func NewCircuit() *Circuit {
	return &Circuit{inputs: map[any]NodeID{}, output: -1, errors: NewErrors()}
}

// Input is the node of a table's changes; the same node for the same table, which is
// any comparable value.
func (c *Circuit) Input(table any) NodeID {
	id, ok := c.inputs[table]
	if !ok {
		id = c.add(&node{table: table})
		c.inputs[table] = id
	}
	return id
}

// Constant is a node that gives the rows in the first step and nothing afterwards.
// It keeps rows, which are not to be changed; nil is no rows.
func (c *Circuit) Constant(rows *zset.Batch) NodeID {
	if rows == nil {
		rows = new(zset.Batch)
	}
	return c.add(&node{rows: rows})
}

// Add adds an operator. Its inputs are nodes of this circuit; one may occur twice.
func (c *Circuit) Add(op Operator, inputs ...NodeID) NodeID {
	if a, ok := op.(interface{ arity() int }); ok && a.arity() != len(inputs) {
		panic(fmt.Sprintf("dataflow: %s: %d inputs, want %d", op.Describe(), len(inputs), a.arity()))
	}
	_, isLinear := op.(linear)
	for _, in := range inputs {
		if !isLinear {
			c.nodes[in].consolidate = true
		}
		c.nodes[in].users++
	}
	return c.add(&node{op: op, inputs: inputs, in: make([]*zset.Batch, len(inputs))})
}

func (c *Circuit) add(n *node) NodeID {
	c.nodes = append(c.nodes, n)
	return NodeID(len(c.nodes) - 1)
}

// Label sets a text that Explain shows behind the node's description and that is
// part of the fingerprint of a saved state: the SQL of a condition, for example, since
// operators do not know the text of their expressions.
func (c *Circuit) Label(id NodeID, text string) { c.nodes[id].label = text }

// SetRow says of which types the columns are of the rows that a node may fail on, for
// messages. A nil type, or a column beyond the list, is not shown.
func (c *Circuit) SetRow(id NodeID, types []*row.Type) { c.nodes[id].row = types }

// FailingRow is the row of the error that Errors gives, as text: its values in
// parentheses, "" if their types are not known.
func (c *Circuit) FailingRow() string {
	_, r, id := c.errors.example()
	if id < 0 || int(id) >= len(c.nodes) || c.nodes[id].row == nil {
		return ""
	}
	var shown []string
	for i, v := range r.Split(nil) {
		if types := c.nodes[id].row; i < len(types) && types[i] != nil {
			shown = append(shown, types[i].Show(v))
		}
	}
	return "(" + strings.Join(shown, ", ") + ")"
}

// SetOutput makes a node the circuit's output.
func (c *Circuit) SetOutput(id NodeID) {
	c.output = id
	c.nodes[id].users++
	c.nodes[id].consolidate = true
}

// Step takes the changes of tables, absent ones being empty, and appends the view's
// change to out. The batches in are not modified. After an error the circuit is of no
// use, until Load; row errors are no error here, but counted ([Circuit.Errors]).
func (c *Circuit) Step(ctx *Context, in map[any]*zset.Batch, out *zset.Batch) error {
	switch {
	case c.broken:
		return fmt.Errorf("dataflow: step: %w", ErrBroken)
	case c.output < 0:
		panic("dataflow: circuit without output")
	}
	for table := range in {
		if _, ok := c.inputs[table]; !ok {
			return fmt.Errorf("dataflow: step: %w: %v", ErrUnknownInput, table)
		}
	}
	stepping := *ctx
	stepping.Errors = c.errors
	m := metering{first: !c.stepped, began: time.Now()}
	c.stepped, c.broken = true, true // until the step has ended, be it by a panic
	for id, n := range c.nodes {
		stepping.node = NodeID(id)
		if err := c.step(&stepping, n, in, &m); err != nil {
			return fmt.Errorf("dataflow: step: node %d: %w", id, err)
		}
	}
	c.broken = false
	result := c.nodes[c.output].now
	out.AddAll(result, 1)
	m.end(c, result)
	for _, n := range c.nodes {
		n.now = nil // a table's change is the caller's
		n.shrink()
	}
	return nil
}

// What a node may keep of its batch for the next step.
const (
	alwaysKeptBytes = 64 << 10
	keptBytes       = 16 << 20 // and only if much of it is used
)

// shrink frees the batch if it is much larger than this step needed, so that the
// first filling of a view does not stay in memory.
func (n *node) shrink() {
	n.longest = max(n.longest, n.out.Len())
	size := n.out.Bytes()
	if size > keptBytes || size > alwaysKeptBytes && 4*n.out.Len() < n.longest {
		n.out, n.longest = zset.Batch{}, 0
	}
}

// step computes the node's change.
func (c *Circuit) step(ctx *Context, n *node, in map[any]*zset.Batch, m *metering) error {
	n.out.Reset()
	n.now = &n.out
	ran := false
	switch {
	case n.op != nil:
		var err error
		if ran, err = c.stepOperator(ctx, n, m.first); err != nil {
			return err
		}
	case n.rows != nil:
		if ran = m.first; ran {
			n.out.AddAll(n.rows, 1)
		}
	case in[n.table] == nil:
	case n.consolidate && in[n.table].Len() > 1:
		ran = true
		n.out.AddAll(in[n.table], 1)
	default:
		ran = true
		n.now = in[n.table]
	}
	raw := n.now.Len()
	if n.consolidate && n.now == &n.out && n.out.Len() > 1 {
		n.out.Consolidate()
	}
	m.note(ctx, n, ran, raw)
	return nil
}

// stepOperator runs the operator unless nothing changed, and tells whether it did. The
// first step runs all of them, for those that give rows without input.
func (c *Circuit) stepOperator(ctx *Context, n *node, first bool) (ran bool, err error) {
	changed := first
	for i, id := range n.inputs {
		n.in[i] = c.nodes[id].now
		changed = changed || n.in[i].Len() > 0
	}
	if !changed {
		return false, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return true, n.op.Step(ctx, n.in, &n.out)
}

// Errors is the number of row errors, and the least of them: its message, and the row
// of the operator that could not compute it.
func (c *Circuit) Errors() (count int64, message string, r row.Row) {
	message, r, _ = c.errors.Example()
	return c.errors.Count(), message, r
}

// Size is the number of rows and the memory of all operators' state.
func (c *Circuit) Size() (rows, bytes int64) {
	for _, n := range c.nodes {
		if n.op != nil {
			r, b := n.op.Size()
			rows, bytes = rows+r, bytes+b
		}
	}
	return rows, bytes
}
