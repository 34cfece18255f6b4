package plan

import (
	"slices"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

// push filters a relation as far down as the result stays the same. A relation that
// others use too is filtered where it is, so that it is kept once.
func (o *optimiser) push(n node, conds []tree.Expr) node {
	if len(conds) == 0 {
		return n
	}
	if o.shared[n] {
		return &filter{in: n, conds: conds}
	}
	switch n := n.(type) {
	case *filter:
		return o.push(n.in, slices.Concat(n.conds, conds))
	case *project:
		by := map[col]tree.Expr{}
		for _, it := range n.items {
			by[it.id] = it.expr
		}
		return &project{in: o.push(n.in, substitute(conds, by)), items: n.items}
	case *join:
		return o.pushJoin(n, conds)
	case *union:
		return o.pushUnion(n, conds)
	case *distinct:
		return o.pushKeys(n, conds, n.keys, func(conds []tree.Expr) node {
			return &distinct{in: o.push(n.in, conds), keys: n.keys}
		})
	case *group:
		if n.domain != nil {
			break
		}
		return o.pushKeys(n, conds, n.keys, func(conds []tree.Expr) node {
			c := *n
			c.in = o.push(n.in, conds)
			return &c
		})
	}
	return &filter{in: n, conds: conds}
}

// pushJoin gives each side the conditions over it, and the pairs the others, an
// equality as a key. If the catalog fails then nothing is lost but the key.
func (o *optimiser) pushJoin(n *join, conds []tree.Expr) node {
	var left, right, both []tree.Expr
	c := *n
	c.keys, c.conds = slices.Clone(n.keys), slices.Clone(n.conds)
	for _, e := range conds {
		switch ids := columnsOf(nil, e); {
		case len(ids) > 0 && contains(n.left.cols(), ids):
			left = append(left, e)
		case len(ids) > 0 && contains(n.right.cols(), ids):
			right = append(right, e)
		default:
			both = append(both, e)
		}
	}
	c.left, c.right = o.push(n.left, left), o.push(n.right, right)
	for _, e := range both {
		if err := o.p.addKey(&c, e); err != nil {
			c.conds = append(c.conds, e)
		}
	}
	return &c
}

// pushUnion filters each input, unless one is used by others too: then the state is
// there anyway.
func (o *optimiser) pushUnion(n *union, conds []tree.Expr) node {
	if slices.ContainsFunc(n.ins, func(in node) bool { return o.extends(in) }) {
		return &filter{in: n, conds: conds}
	}
	c := *n
	c.ins = nil
	for k, in := range n.ins {
		by := map[col]tree.Expr{}
		for i, id := range n.columns {
			by[id] = o.p.ref(n.from[k][i])
		}
		c.ins = append(c.ins, o.push(in, substitute(conds, by)))
	}
	return &c
}

// extends reports whether a relation is shared, or the rows without a match of an
// outer join.
func (o *optimiser) extends(n node) bool {
	m, ok := n.(*match)
	return o.shared[n] || ok && m.kind == extend
}

// pushKeys filters the input of a relation by the conditions over its keys, where
// equal keys cannot differ: 1.0 and 1.00 are one group, and a condition may tell them
// apart.
func (o *optimiser) pushKeys(n node, conds []tree.Expr, keys []groupKey, below func([]tree.Expr) node) node {
	var exact []col
	for _, k := range keys {
		if k.bytes || o.p.exactKind(k.id) {
			exact = append(exact, k.id)
		}
	}
	var down, rest []tree.Expr
	for _, e := range conds {
		if ids := columnsOf(nil, e); len(ids) > 0 && contains(exact, ids) {
			down = append(down, e)
		} else {
			rest = append(rest, e)
		}
	}
	if len(down) > 0 {
		n = below(down)
	}
	if len(rest) == 0 {
		return n
	}
	return &filter{in: n, conds: rest}
}

// exactKind reports whether equal values of a column's type are the same bytes.
func (p *compiler) exactKind(id col) bool {
	typ, err := p.rowType(p.columns[id])
	if err != nil || typ.Nondeterministic {
		return false
	}
	switch typ.Kind {
	case row.Bool, row.Int2, row.Int4, row.Int8, row.OID, row.Money, row.Text, row.Name, row.Char, row.Bytea,
		row.Date, row.Time, row.Timestamp, row.Timestamptz, row.UUID, row.Enum:
		return true
	}
	return false
}
