package plan

import (
	"slices"

	"github.com/millrace/millrace/sql/tree"
)

// The aggregates that are never NULL: count.
var counts = []uint32{2147, 2803}

// neverNull reports whether a column of a relation is known to have no NULL: a column
// that is declared NOT NULL, or filtered by IS NOT NULL. An outer join's NULLs are
// added by the node that extends rows, so that the same column may have NULLs above
// and none below.
func (p *compiler) neverNull(n node, id col) bool {
	key := nodeColumn{n, id}
	known, ok := p.known[key]
	if !ok {
		known = p.withoutNull(n, id)
		p.known[key] = known
	}
	return known
}

// nodeColumn is a column at a place of the plan.
type nodeColumn struct {
	node node
	id   col
}

// withoutNull is neverNull without the memory.
func (p *compiler) withoutNull(n node, id col) bool {
	switch n := n.(type) {
	case *scan:
		return p.notNull[id]
	case *filter:
		return slices.ContainsFunc(n.conds, func(e tree.Expr) bool { return excludesNull(e, id) }) || p.neverNull(n.in, id)
	case *distinct:
		return p.neverNull(n.in, id)
	case *first:
		return p.neverNull(n.in, id)
	case *project:
		i := slices.IndexFunc(n.items, func(it item) bool { return it.id == id })
		if i < 0 {
			return false
		}
		if k, ok := n.items[i].expr.(*tree.Const); ok {
			return !k.Null
		}
		of, ok := columnOf(n.items[i].expr)
		if !ok {
			return p.notNull[id] // of a generated column
		}
		return p.neverNull(n.in, of)
	case *join:
		return slices.Contains(n.left.cols(), id) && p.neverNull(n.left, id) ||
			slices.Contains(n.right.cols(), id) && p.neverNull(n.right, id)
	case *match:
		return slices.Contains(n.left.cols(), id) && p.neverNull(n.left, id)
	case *union:
		i := slices.Index(n.columns, id)
		for k, in := range n.ins {
			if !p.neverNull(in, n.from[k][i]) {
				return false
			}
		}
		return true
	case *group:
		if slices.ContainsFunc(n.keys, func(k groupKey) bool { return k.id == id }) {
			return p.neverNull(n.in, id)
		}
		i := slices.IndexFunc(n.calls, func(c *call) bool { return c.id == id })
		return i >= 0 && slices.Contains(counts, n.calls[i].agg.Function)
	}
	return false
}

// excludesNull reports whether a condition is id IS NOT NULL.
func excludesNull(e tree.Expr, id col) bool {
	t, ok := e.(*tree.NullTest)
	if !ok || !t.Not || t.OfRow {
		return false
	}
	of, ok := columnOf(t.Arg)
	return ok && of == id
}

// nullable reports whether an expression may be NULL.
func (p *compiler) nullable(n node, e tree.Expr) bool {
	if r, ok := e.(*tree.Relabel); ok {
		e = r.Arg
	}
	id, ok := columnOf(e)
	return !ok || !p.neverNull(n, id)
}
