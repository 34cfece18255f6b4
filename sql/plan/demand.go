package plan

import (
	"slices"
)

// demand is which columns of each node somebody needs. State and work go down with
// columns that nobody looks at; that rows become equal by it changes no multiplicity.
type demand struct {
	order   []node // users before what they use
	columns map[node][]col
	need    map[node]map[col]bool
	changed bool
	missing bool // an expression reads what none of its node's inputs has
}

// newDemand finds what is needed for some columns of the root. The columns that a
// match compares are those of its left input that anybody needs, its own pairs among
// them, so needs are followed until nothing changes.
func newDemand(root node, ids []col) *demand {
	d := &demand{columns: map[node][]col{}, need: map[node]map[col]bool{}}
	d.visit(root)
	slices.Reverse(d.order)
	d.ask(root, ids)
	for d.changed = true; d.changed; {
		d.changed = false
		for _, n := range d.order {
			d.follow(n)
		}
	}
	return d
}

func (d *demand) visit(n node) {
	if _, seen := d.need[n]; seen {
		return
	}
	d.need[n] = map[col]bool{}
	d.columns[n] = n.cols()
	for _, in := range n.inputs() {
		d.visit(in)
	}
	d.order = append(d.order, n)
}

// ask says that columns of a node are needed. Those that it does not have are not its.
func (d *demand) ask(n node, ids []col) {
	for _, id := range ids {
		if !d.need[n][id] && slices.Contains(d.columns[n], id) {
			d.need[n][id] = true
			d.changed = true
		}
	}
}

// read is ask for what an expression reads, which one of the inputs has in any query
// that PostgreSQL has analysed.
func (d *demand) read(ids []col, inputs ...node) {
	for _, id := range ids {
		d.missing = d.missing || !slices.ContainsFunc(inputs, func(in node) bool { return slices.Contains(d.columns[in], id) })
	}
	for _, in := range inputs {
		d.ask(in, ids)
	}
}

// of is the needed columns of a node, in its order.
func (d *demand) of(n node) []col { return d.among(n, d.columns[n]) }

// among is those of ids that are needed of a node.
func (d *demand) among(n node, ids []col) []col {
	var out []col
	for _, id := range ids {
		if d.need[n][id] {
			out = append(out, id)
		}
	}
	return out
}

// follow asks a node's inputs for what it needs of them.
func (d *demand) follow(n node) {
	need := d.of(n)
	switch n := n.(type) {
	case *project:
		for _, it := range n.items {
			if d.need[n][it.id] {
				d.read(columnsOf(nil, it.expr), n.in)
			}
		}
	case *filter:
		d.read(columnsOf(need, n.conds...), n.in)
	case *join:
		d.read(n.uses(need), n.inputs()...)
	case *match:
		d.ask(n.left, need)
		for _, in := range n.inputs()[1:] {
			d.ask(in, d.of(n.left))
		}
	case *group:
		d.read(n.uses(d), n.in)
		if n.domain != nil {
			d.ask(n.domain, d.columns[n.domain])
		}
	case *first:
		d.read(n.uses(need), n.in)
	case *union:
		for i, id := range n.columns {
			for k, in := range n.ins {
				if d.need[n][id] {
					d.ask(in, n.from[k][i:i+1])
				}
			}
		}
	case *single:
		d.ask(n.in, slices.Concat(n.keys, need))
		d.ask(n.domain, n.of)
	case *distinct, *setop:
		for _, in := range n.inputs() {
			d.ask(in, d.columns[in])
		}
	}
}

// uses is the columns that a join needs of its inputs to give some.
func (n *join) uses(need []col) []col {
	ids := columnsOf(need, n.conds...)
	for _, k := range n.keys {
		ids = append(ids, k.left, k.right)
	}
	return ids
}

// uses is the columns that a group needs of its input.
func (n *group) uses(d *demand) []col {
	var ids []col
	for _, k := range n.keys {
		ids = append(ids, k.id)
	}
	for _, c := range n.calls {
		switch {
		case !d.need[n][c.id]:
		case c.native:
			ids = append(ids, c.args...)
			if c.filter != noCol {
				ids = append(ids, c.filter)
			}
		default:
			ids = columnsOf(ids, c.agg)
		}
	}
	return ids
}

// uses is the columns that DISTINCT ON needs of its input to give some.
func (n *first) uses(need []col) []col {
	for _, k := range n.keys {
		need = append(need, k.id)
	}
	for _, o := range n.order {
		need = append(need, o.id)
	}
	return need
}
