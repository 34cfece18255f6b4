package dataflow

import (
	"fmt"
	"strings"
)

// Explain is the circuit as a tree from the output down, one line per node, with the
// rows and the memory of its state, and with what a change costs there: what it did per
// change since the circuit was filled, or, as long as no change has come to the node,
// what is expected for each row that it will be given. A node with several users has a
// number, #n, and is drawn once.
func (c *Circuit) Explain() string {
	e := explainer{c: c, drawn: make([]bool, len(c.nodes))}
	if c.output >= 0 {
		e.draw(c.output, 0)
	}
	return e.text.String()
}

type explainer struct {
	c     *Circuit
	drawn []bool
	text  strings.Builder
}

func (e *explainer) draw(id NodeID, depth int) {
	n := e.c.nodes[id]
	e.text.WriteString(strings.Repeat("  ", depth))
	if n.users > 1 {
		fmt.Fprintf(&e.text, "#%d ", id)
	}
	if e.drawn[id] {
		e.text.WriteString("as above\n")
		return
	}
	e.drawn[id] = true
	e.text.WriteString(n.describe())
	if facts := e.c.facts(n); len(facts) > 0 {
		fmt.Fprintf(&e.text, " (%s)", strings.Join(facts, "; "))
	}
	e.text.WriteByte('\n')
	for _, in := range n.inputs {
		e.draw(in, depth+1)
	}
}
