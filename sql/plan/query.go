package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/sql/tree"
)

// result is a compiled query.
type result struct {
	rel     node
	out     []col // the visible targets; a column may occur twice
	domain  []col // the domain's columns, as the result carries them
	key     []int // positions in out that are unique; nil if not known
	oneEach bool  // exactly one row for each row of the domain
}

// query compiles a query over its domain; d is nil for one that refers to nothing
// outside.
func (p *compiler) query(q *tree.Query, outer *scope, d *domain) (*result, error) {
	s := newScope(q, outer, d)
	if q.SetOperation != nil {
		return p.setOperation(s)
	}
	rel, err := p.from(s, d.start(), nil)
	if err != nil {
		return nil, err
	}
	if grouped(q) {
		return p.grouped(s, rel)
	}
	ids := make([]col, len(q.Targets))
	var items []item
	for i, t := range q.Targets {
		if t.Junk && !used(q, t) {
			continue
		}
		e, err := p.scalar(s, t.Expr)
		if err != nil {
			return nil, err
		}
		if rel, e, err = p.expression(s, rel, e); err != nil {
			return nil, err
		}
		ids[i], items = p.compute(items, e)
	}
	return p.finish(s, p.with(rel, items), ids, &result{})
}

// grouped reports whether a query has groups.
func grouped(q *tree.Query) bool {
	return q.HasAggs || len(q.GroupBy) > 0 || len(q.GroupingSets) > 0 || q.Having != nil
}

// plain reports whether a query is only FROM, WHERE and a target list, so that its
// rows are those of FROM.
func plain(q *tree.Query) bool {
	return !grouped(q) && len(q.Distinct) == 0 && q.SetOperation == nil && q.Limit == nil && q.Offset == nil
}

// used reports whether a target that is not in the result is needed for it: only
// DISTINCT ON heeds the order.
func used(q *tree.Query, t *tree.Target) bool {
	if !q.HasDistinctOn {
		return false
	}
	refers := func(g *tree.SortGroup) bool { return g.Ref == t.Ref }
	return slices.ContainsFunc(q.Distinct, refers) || slices.ContainsFunc(q.Sort, refers)
}

// targetOf is which target GROUP BY, DISTINCT ON or ORDER BY means.
func targetOf(q *tree.Query, ref int) (int, error) {
	i := slices.IndexFunc(q.Targets, func(t *tree.Target) bool { return t.Ref == ref })
	if i < 0 {
		return 0, fmt.Errorf("plan: target %d is not known", ref)
	}
	return i, nil
}

// compute gives an expression a column: its own if it is one.
func (p *compiler) compute(items []item, e tree.Expr) (col, []item) {
	if id, ok := columnOf(e); ok {
		return id, items
	}
	id := p.newCol(e.Result())
	return id, append(items, item{id, e})
}

// finish projects rel to the domain and the targets, given by their columns, and
// applies DISTINCT. res says what is known of the rows so far.
func (p *compiler) finish(s *scope, rel node, ids []col, res *result) (*result, error) {
	q := s.query
	res.domain = s.domain.columns()
	for i, t := range q.Targets {
		if !t.Junk {
			res.out = append(res.out, ids[i])
		}
	}
	switch {
	case len(q.Distinct) == 0:
		res.rel = p.onto(rel, unique(append(slices.Clone(res.domain), res.out...)))
		return res, nil
	case q.HasDistinctOn:
		return p.distinctOn(s, rel, ids, res)
	}
	all, _ := p.renamed(rel, append(slices.Clone(res.domain), res.out...))
	res.rel, res.oneEach = nil, false
	n := len(res.domain)
	ids = all.cols()
	res.domain, res.out = ids[:n:n], ids[n:]
	d := &distinct{in: all, keys: p.byBytes(res.domain)}
	for _, id := range res.out {
		if _, err := p.equatable(id, "DISTINCT"); err != nil {
			return nil, err
		}
		d.keys = append(d.keys, groupKey{id: id})
	}
	res.rel = d
	res.key = positions(len(res.out))
	return res, nil
}

// byBytes is keys of columns that are compared by bytes.
func (p *compiler) byBytes(ids []col) []groupKey {
	keys := make([]groupKey, len(ids))
	for i, id := range ids {
		keys[i] = groupKey{id: id, bytes: true}
	}
	return keys
}

// distinctOn applies DISTINCT ON: the first row by ORDER BY.
func (p *compiler) distinctOn(s *scope, rel node, ids []col, res *result) (*result, error) {
	q := s.query
	f := &first{keys: p.byBytes(res.domain)}
	key := []int{}
	for _, g := range q.Distinct {
		i, err := targetOf(q, g.Ref)
		if err != nil {
			return nil, err
		}
		if _, err := p.equatable(ids[i], "DISTINCT ON"); err != nil {
			return nil, err
		}
		f.keys = append(f.keys, groupKey{id: ids[i]})
		if at := slices.Index(res.out, ids[i]); at >= 0 && key != nil {
			key = append(key, at)
		} else {
			key = nil
		}
	}
	for _, g := range q.Sort {
		i, err := targetOf(q, g.Ref)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(q.Distinct, func(d *tree.SortGroup) bool { return d.Ref == g.Ref }) {
			continue // equal within a key
		}
		o, err := p.order(ids[i], g)
		if err != nil {
			return nil, err
		}
		f.order = append(f.order, o)
	}
	need := slices.Clone(res.domain)
	for i, t := range q.Targets {
		if !t.Junk || used(q, t) {
			need = append(need, ids[i])
		}
	}
	f.in = p.onto(rel, unique(need))
	res.rel, res.key, res.oneEach = f, key, false
	return res, nil
}

// order is an item of ORDER BY, whose order has to be one that we know.
func (p *compiler) order(id col, g *tree.SortGroup) (orderKey, error) {
	typ, err := p.rowType(p.columns[id])
	if err != nil {
		return orderKey{}, err
	}
	op, err := p.catalog.Operator(g.Order)
	if err != nil {
		return orderKey{}, err
	}
	if op.Schema != "pg_catalog" || op.Name != "<" && op.Name != ">" {
		return orderKey{}, refuse(-1, "", "ORDER BY with operator %s", op.Name)
	}
	if !typ.Ordered() {
		name := ""
		if typ.Collation != 0 {
			if name, err = p.catalog.Collation(typ.Collation); err != nil {
				return orderKey{}, err
			}
			return orderKey{}, refuse(-1, `order by the column COLLATE "C"`, "ORDER BY of DISTINCT ON with collation %s", name)
		}
		return orderKey{}, refuse(-1, "", "ORDER BY of DISTINCT ON on type %s", typ.Name)
	}
	return orderKey{id: id, desc: op.Name == ">", nullsFirst: g.NullsFirst}, nil
}

// unique is ids without repetitions, in the order of their first occurrence.
func unique(ids []col) []col {
	var out []col
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// positions is 0 … n-1.
func positions(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
