package plan

import (
	"encoding/binary"
	"slices"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

// expandSets is the grouping sets of a query, each as the references that it groups
// by: one of all of GROUP BY where there are no GROUPING SETS.
func expandSets(q *tree.Query) [][]int {
	if len(q.GroupingSets) == 0 {
		var refs []int
		for _, k := range q.GroupBy {
			refs = append(refs, k.Ref)
		}
		return [][]int{refs}
	}
	out := [][]int{nil}
	for _, s := range q.GroupingSets {
		out = crossSets(out, expandSet(s))
	}
	if !q.GroupDistinct {
		return out
	}
	var once [][]int
	for _, refs := range out {
		refs = slices.Clone(refs)
		slices.Sort(refs)
		refs = slices.Compact(refs)
		if !slices.ContainsFunc(once, func(o []int) bool { return slices.Equal(o, refs) }) {
			once = append(once, refs)
		}
	}
	return once
}

// crossSets is each set of a together with each of b.
func crossSets(a, b [][]int) [][]int {
	var out [][]int
	for _, x := range a {
		for _, y := range b {
			out = append(out, slices.Concat(x, y))
		}
	}
	return out
}

// expandSet is the sets that one item stands for.
func expandSet(s *tree.GroupingSet) [][]int {
	switch s.Kind {
	case tree.GroupingSimple:
		return [][]int{s.Refs}
	case tree.GroupingRollup:
		out := [][]int{nil}
		for i := range s.Sets {
			out = append(out, slices.Concat(out[i], expandSet(s.Sets[i])[0]))
		}
		return out
	case tree.GroupingCube:
		out := [][]int{nil}
		for _, sub := range s.Sets {
			out = append(out, crossSets(out, expandSet(sub))...)
		}
		return out
	case tree.GroupingSetList:
		var out [][]int
		for _, sub := range s.Sets {
			out = append(out, expandSet(sub)...)
		}
		return out
	}
	return [][]int{nil} // GroupingEmpty
}

// build makes the groups. exprs is what is computed over them; their columns that are
// neither keys nor aggregates depend on the key, and become keys by bytes.
func (g *grouping) build(sets [][]int, exprs []tree.Expr) (node, error) {
	dependent, err := g.dependent(exprs)
	if err != nil {
		return nil, err
	}
	var all []col
	for _, k := range g.s.query.GroupBy {
		all = append(all, g.refs[k.Ref])
	}
	u := &union{columns: unique(slices.Concat(g.s.domain.columns(), all, dependent))}
	for _, c := range g.calls {
		u.columns = append(u.columns, c.id)
	}
	u.columns = append(u.columns, g.groupIDs...)
	for _, refs := range sets {
		var keys []groupKey
		for _, ref := range refs {
			k := groupKey{id: g.refs[ref]}
			if !slices.Contains(keys, k) && !slices.Contains(g.s.domain.columns(), k.id) {
				keys = append(keys, k)
			}
		}
		if len(refs) > 0 {
			keys = append(keys, g.p.byBytes(dependent)...)
		}
		n := g.nodeFor(keys, len(refs) == 0)
		u.ins = append(u.ins, &project{in: n, items: g.setItems(n, u.columns, refs)})
		u.from = append(u.from, u.columns)
	}
	if len(u.ins) == 1 {
		return u.ins[0], nil
	}
	return u, nil
}

// setItems is the columns of one grouping set: NULL for what it does not group by.
func (g *grouping) setItems(n *group, columns []col, refs []int) []item {
	have := n.cols()
	var items []item
	for _, id := range columns {
		switch i := slices.Index(g.groupIDs, id); {
		case i >= 0:
			bits := uint32(0)
			for _, ref := range g.groups[i].Refs {
				bits <<= 1
				if !slices.Contains(refs, ref) {
					bits |= 1
				}
			}
			value := row.Value(binary.BigEndian.AppendUint32(nil, bits))
			items = append(items, item{id, constant(g.p.columns[id], value)})
		case slices.Contains(have, id):
			items = append(items, item{id, g.p.ref(id)})
		default:
			items = append(items, item{id, constant(g.p.columns[id], nil)})
		}
	}
	return items
}

// dependent is the columns of expressions that are neither keys nor aggregates.
func (g *grouping) dependent(exprs []tree.Expr) ([]col, error) {
	known := slices.Concat(g.s.domain.columns(), g.groupIDs)
	for _, id := range g.refs {
		known = append(known, id)
	}
	for _, c := range g.calls {
		known = append(known, c.id)
	}
	var out []col
	for _, e := range exprs {
		ids, err := g.p.references(g.s, e)
		if err != nil {
			return nil, err
		}
		for _, id := range unique(ids) {
			if !slices.Contains(known, id) {
				out, known = append(out, id), append(known, id)
			}
		}
	}
	return out, nil
}
