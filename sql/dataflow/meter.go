package dataflow

import (
	"time"

	"github.com/millrace/millrace/sql/zset"
)

// Cost is what steps of a circuit have taken. It is counted from the circuit's making
// on and not saved with its state.
type Cost struct {
	// Changes is the rows that came to its tables or went, those too that are equal in
	// the columns that it reads. A row that is updated is two of them: the old row goes,
	// the new one comes.
	Changes int64
	Steps   int64         // with changes
	Results int64         // rows of the view that came or went
	Time    time.Duration // of the steps, the waiting for PostgreSQL included
	// Requests is how often PostgreSQL was asked to evaluate something, Sent the rows
	// that it was given for that. A large request is more than one statement.
	Requests, Sent int64
}

// Cost is what the steps since the first have taken, which alone fills the circuit.
func (c *Circuit) Cost() Cost { return c.since }

// Filling is what the first step has taken; nothing if the state was loaded.
func (c *Circuit) Filling() Cost { return c.filling }

// meter is what a node has done, in the first step or in all others. What it has been
// given is what its inputs have.
type meter struct {
	raw            int64 // rows out, before those of equal bytes were brought together
	rows           int64 // and after
	requests, sent int64 // to PostgreSQL
	time           time.Duration
}

// metering measures one step of a circuit.
type metering struct {
	first bool
	began time.Time
	at    time.Duration // since then, when the node began
	cost  Cost
}

// note ends a node's part in the step. The clock is read once for each node that
// worked: what is between them is little, and counts for the next.
func (m *metering) note(c *Context, n *node, ran bool, raw int) {
	if !ran {
		return
	}
	rows := int64(n.now.Len())
	t := &n.since
	if m.first {
		t = &n.fill
	}
	t.raw += int64(raw)
	t.rows += rows
	if n.now == &n.out {
		now := time.Since(m.began)
		t.time += now - m.at
		m.at = now
	}
	t.requests += c.requests
	t.sent += c.sent
	m.cost.Requests += c.requests
	m.cost.Sent += c.sent
	c.requests, c.sent = 0, 0
	if n.op == nil && n.rows == nil {
		m.cost.Changes += int64(raw)
	}
}

// end adds the step to the circuit's costs.
func (m *metering) end(c *Circuit, out *zset.Batch) {
	total := &c.since
	if m.first {
		total = &c.filling
	}
	if m.cost.Changes == 0 && !m.first {
		return
	}
	total.Steps++
	total.Changes += m.cost.Changes
	total.Results += int64(out.Len())
	total.Requests += m.cost.Requests
	total.Sent += m.cost.Sent
	total.Time += m.at // what comes behind the last node is the copy of its rows
}

// forgetCost begins to count anew.
func (c *Circuit) forgetCost() {
	c.filling, c.since = Cost{}, Cost{}
	for _, n := range c.nodes {
		n.fill, n.since = meter{}, meter{}
	}
}

// asks counts a request to PostgreSQL of so many rows.
func (c *Context) asks(rows int) {
	c.requests++
	c.sent += int64(rows)
}

// given is the rows that the inputs of a node have given, by input.
func (c *Circuit) given(n *node, of func(*node) int64) []int64 {
	out := make([]int64, len(n.inputs))
	for i, id := range n.inputs {
		out[i] = of(c.nodes[id])
	}
	return out
}

func filledRaw(n *node) int64  { return n.fill.raw }
func filledRows(n *node) int64 { return n.fill.rows }
func sinceRows(n *node) int64  { return n.since.rows }

func sum(counts []int64) (total int64) {
	for _, n := range counts {
		total += n
	}
	return total
}
