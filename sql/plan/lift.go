package plan

import (
	"maps"
	"slices"

	"github.com/millrace/millrace/sql/tree"
)

// optimiser moves projections up and filters down, as PostgreSQL does when it pulls
// subqueries and views up into the query around them. So filters act before rows are
// stored, and an expression is not evaluated for rows that a condition or a join of
// the outer query takes away: SELECT q FROM (SELECT b, 1 / b AS q …) WHERE b <> 0
// divides by no zero.
type optimiser struct {
	p      *compiler
	users  map[node]int
	done   map[node]lifted
	shared map[node]bool // new nodes that several others use: their rows are kept as they are
	// pinned are the left inputs of matches, whose pairs are made of the same node:
	// that tells which of its columns the pairs depend on, so it stays one node.
	pinned map[node]bool
}

// lifted is a relation whose computed columns are still to be computed, over those of
// base.
type lifted struct {
	base     node
	deferred map[col]tree.Expr
}

// optimise returns an equivalent of a plan, with the same columns.
func (p *compiler) optimise(root node) node {
	o := &optimiser{p: p, users: map[node]int{}, done: map[node]lifted{}, shared: map[node]bool{}, pinned: map[node]bool{}}
	o.count(root)
	return o.exact(root)
}

func (o *optimiser) count(n node) {
	o.users[n]++
	if m, ok := n.(*match); ok {
		o.pinned[m.left] = true
	}
	if o.users[n] == 1 {
		for _, in := range n.inputs() {
			o.count(in)
		}
	}
}

// lift optimises a node, and leaves its computed columns to be computed by others.
func (o *optimiser) lift(n node) lifted {
	if out, ok := o.done[n]; ok {
		return out
	}
	var out lifted
	switch n := n.(type) {
	case *project:
		out = o.project(n)
	case *filter:
		in := o.lift(n.in)
		out = lifted{o.push(in.base, substitute(n.conds, in.deferred)), in.deferred}
	case *join:
		out = o.join(n)
	default:
		out = lifted{base: o.rebuilt(n)}
	}
	if o.pinned[n] {
		out = lifted{base: o.complete(out, n.cols())}
	}
	if o.users[n] > 1 {
		o.shared[out.base] = true
	}
	o.done[n] = out
	return out
}

// exact optimises a node; the result has exactly its columns.
func (o *optimiser) exact(n node) node { return o.complete(o.lift(n), n.cols()) }

// complete computes what was deferred, and leaves these columns.
func (o *optimiser) complete(in lifted, ids []col) node {
	if len(in.deferred) == 0 {
		return o.p.onto(in.base, ids)
	}
	out := &project{in: in.base}
	for _, id := range ids {
		if e, ok := in.deferred[id]; ok {
			out.items = append(out.items, item{id, e})
		} else {
			out.items = append(out.items, item{id, o.p.ref(id)})
		}
	}
	return out
}

// project keeps only what names columns. The columns that the deferred expressions
// need get names of their own, since the same relation may be used twice in a join.
func (o *optimiser) project(n *project) lifted {
	in := o.lift(n.in)
	out := lifted{deferred: map[col]tree.Expr{}}
	base := &project{in: in.base}
	var needs []col
	for _, it := range n.items {
		e := substitute([]tree.Expr{it.expr}, in.deferred)[0]
		if _, ok := columnOf(e); ok {
			base.items = append(base.items, item{it.id, e})
		} else {
			out.deferred[it.id] = e
			needs = columnsOf(needs, e)
		}
	}
	names := map[col]tree.Expr{}
	for _, id := range unique(needs) {
		fresh := o.p.newCol(o.p.columns[id])
		base.items = append(base.items, item{fresh, o.p.ref(id)})
		names[id] = o.p.ref(fresh)
	}
	for id, e := range out.deferred {
		out.deferred[id] = substitute([]tree.Expr{e}, names)[0]
	}
	out.base = base
	return out
}

// join computes the columns that are its keys and leaves the others.
func (o *optimiser) join(n *join) lifted {
	left, right := o.lift(n.left), o.lift(n.right)
	out := lifted{deferred: map[col]tree.Expr{}}
	j := &join{keys: n.keys}
	var leftKeys, rightKeys []col
	for _, k := range n.keys {
		leftKeys, rightKeys = append(leftKeys, k.left), append(rightKeys, k.right)
	}
	j.left, j.right = o.computed(left, leftKeys, out.deferred), o.computed(right, rightKeys, out.deferred)
	j.conds = substitute(n.conds, out.deferred)
	out.base = j
	return out
}

// computed is a relation with those of its deferred columns that are in ids; the
// others are added to rest.
func (o *optimiser) computed(in lifted, ids []col, rest map[col]tree.Expr) node {
	var items []item
	for _, id := range slices.Sorted(maps.Keys(in.deferred)) {
		if slices.Contains(ids, id) {
			items = append(items, item{id, in.deferred[id]})
		} else {
			rest[id] = in.deferred[id]
		}
	}
	return o.p.with(in.base, items)
}

// rebuilt is a copy of a node that needs all columns of its inputs.
func (o *optimiser) rebuilt(n node) node {
	switch n := n.(type) {
	case *match:
		c := *n
		c.left, c.pairs = o.exact(n.left), o.exact(n.pairs)
		if n.unknown != nil {
			c.unknown = o.exact(n.unknown)
		}
		return &c
	case *group:
		c := *n
		c.in = o.exact(n.in)
		if n.domain != nil {
			c.domain = o.exact(n.domain)
		}
		return &c
	case *distinct:
		return &distinct{in: o.exact(n.in), keys: n.keys}
	case *first:
		return &first{in: o.exact(n.in), keys: n.keys, order: n.order}
	case *union:
		c := *n
		c.ins = nil
		for _, in := range n.ins {
			c.ins = append(c.ins, o.exact(in))
		}
		return &c
	case *setop:
		c := *n
		c.left, c.right = o.exact(n.left), o.exact(n.right)
		return &c
	case *single:
		c := *n
		c.in, c.domain = o.exact(n.in), o.exact(n.domain)
		return &c
	}
	return n
}

// substitute replaces columns of expressions.
func substitute(exprs []tree.Expr, by map[col]tree.Expr) []tree.Expr {
	if len(by) == 0 {
		return exprs
	}
	out := make([]tree.Expr, len(exprs))
	for i, e := range exprs {
		// The replacement gives no error, and Rewrite none of its own.
		out[i], _ = tree.Rewrite(e, func(e tree.Expr) (tree.Expr, error) {
			if id, ok := columnOf(e); ok && by[id] != nil {
				return by[id], nil
			}
			return e, nil
		})
	}
	return out
}
