package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/sql/tree"
)

// condition is one of the conditions over a product.
type condition struct {
	expr  tree.Expr
	ids   []col
	equal *equality // not nil if it can be a join key
}

// joiner builds a product with conditions: it applies each as early as possible.
type joiner struct {
	p     *compiler
	s     *scope
	conds []*condition
}

// join is the product of start, which may be nil, and of the sources, with the
// conditions, in an order that follows equalities.
func (p *compiler) join(s *scope, start node, sources []*source, conds []tree.Expr) (node, error) {
	j := &joiner{p: p, s: s}
	var late []tree.Expr // with subqueries
	for _, e := range conds {
		if len(subqueries(e)) > 0 {
			late = append(late, e)
			continue
		}
		equal, err := p.equalityOf(e)
		if err != nil {
			return nil, err
		}
		j.conds = append(j.conds, &condition{expr: e, ids: unique(columnsOf(nil, e)), equal: equal})
	}
	rel, err := j.build(start, sources)
	if err != nil {
		return nil, err
	}
	for _, e := range late {
		if rel, err = p.where(s, rel, e); err != nil {
			return nil, err
		}
	}
	return rel, nil
}

// build joins everything.
func (j *joiner) build(start node, sources []*source) (node, error) {
	var parts []node
	var dependent []*source
	if start != nil {
		parts = append(parts, j.filter(start, true))
	}
	for _, src := range sources {
		if len(src.needs) > 0 {
			dependent = append(dependent, src)
			continue
		}
		rel, err := src.build(nil)
		if err != nil {
			return nil, err
		}
		parts = append(parts, j.filter(rel, true))
	}
	rel := j.merge(parts)
	for len(dependent) > 0 {
		i := slices.IndexFunc(dependent, func(src *source) bool { return contains(rel.cols(), src.needs) })
		if i < 0 {
			return nil, fmt.Errorf("plan: a lateral item of FROM refers to what is not there")
		}
		var err error
		if rel, err = dependent[i].build(rel); err != nil {
			return nil, err
		}
		dependent = slices.Delete(dependent, i, i+1)
		rel = j.filter(rel, true)
	}
	return j.filter(rel, false), nil
}

// merge joins the parts: those that equalities connect first, then the rest as cross
// products.
func (j *joiner) merge(parts []node) node {
	if len(parts) == 0 {
		return j.p.unitNode
	}
	var components []node
	for len(parts) > 0 {
		current := parts[0]
		parts = slices.Delete(slices.Clone(parts), 0, 1)
		for {
			best, most := -1, 0
			for i, part := range parts {
				if n := len(j.between(current, part)); n > most {
					best, most = i, n
				}
			}
			if best < 0 {
				break
			}
			current = j.pair(current, parts[best])
			parts = slices.Delete(parts, best, best+1)
		}
		components = append(components, current)
	}
	rel := components[0]
	for _, c := range components[1:] {
		rel = j.pair(rel, c)
	}
	return rel
}

// between is the equalities that connect two relations.
func (j *joiner) between(a, b node) []*condition {
	var found []*condition
	for _, c := range j.conds {
		if c.equal != nil && c.equal.connects(a.cols(), b.cols()) {
			found = append(found, c)
		}
	}
	return found
}

// pair joins two relations with all conditions over both.
func (j *joiner) pair(a, b node) node {
	n := &join{}
	var left, right []item
	for _, c := range j.between(a, b) {
		e := c.equal.oriented(a.cols())
		var k joinKey
		k.left, left = j.p.compute(left, e.left)
		k.right, right = j.p.compute(right, e.right)
		k.nullSafe = e.nullSafe
		n.keys = append(n.keys, k)
		j.drop(c)
	}
	n.left, n.right = j.p.with(a, left), j.p.with(b, right)
	for _, c := range j.covered(n.cols()) {
		n.conds = append(n.conds, c.expr)
		j.drop(c)
	}
	return n
}

// filter applies the conditions over columns of rel alone; also those without columns
// unless some columns are asked for.
func (j *joiner) filter(rel node, some bool) node {
	var conds []tree.Expr
	for _, c := range j.covered(rel.cols()) {
		if some && len(c.ids) == 0 {
			continue
		}
		conds = append(conds, c.expr)
		j.drop(c)
	}
	if len(conds) == 0 {
		return rel
	}
	return &filter{in: rel, conds: conds}
}

// covered is the conditions over some of the columns.
func (j *joiner) covered(ids []col) []*condition {
	var found []*condition
	for _, c := range j.conds {
		if contains(ids, c.ids) {
			found = append(found, c)
		}
	}
	return found
}

func (j *joiner) drop(c *condition) {
	j.conds = slices.DeleteFunc(j.conds, func(o *condition) bool { return o == c })
}

// contains reports whether all of some are in ids.
func contains(ids, some []col) bool {
	for _, id := range some {
		if !slices.Contains(ids, id) {
			return false
		}
	}
	return true
}
