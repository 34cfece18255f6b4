package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

var boolean = tree.TypeRef{OID: boolType, Mod: -1}

// where keeps the rows of rel for which a condition with subqueries is true.
func (p *compiler) where(s *scope, rel node, cond tree.Expr) (node, error) {
	e, negated := cond, false
	if b, ok := cond.(*tree.Bool); ok && b.Op == tree.Not {
		e, negated = b.Args[0], true
	}
	if sub, ok := e.(*tree.SubLink); ok && len(subqueries(sub.Test)) == 0 {
		m := &match{kind: semi, left: rel}
		if sub.Kind == tree.SubAll {
			negated = !negated
		}
		if negated {
			m.kind = anti
		}
		var err error
		switch sub.Kind {
		case tree.SubExists:
			m.pairs, err = p.exists(s, rel, sub)
			return m, err
		case tree.SubAny, tree.SubAll:
			var unknown node
			m.pairs, unknown, err = p.any(s, rel, sub, negated)
			if unknown != nil && negated && err == nil {
				// Unknown is not true, and its negation is not either.
				m.pairs = &union{ins: []node{m.pairs, unknown}, from: [][]col{rel.cols(), rel.cols()}, columns: rel.cols()}
			}
			return m, err
		}
	}
	rel, e, err := p.expression(s, rel, cond)
	if err != nil {
		return nil, err
	}
	return &filter{in: rel, conds: []tree.Expr{e}}, nil
}

// expression replaces the subqueries of an expression by columns, which it adds to rel.
func (p *compiler) expression(s *scope, rel node, e tree.Expr) (node, tree.Expr, error) {
	if len(subqueries(e)) == 0 {
		return rel, e, nil
	}
	e, err := tree.Rewrite(e, func(e tree.Expr) (tree.Expr, error) {
		sub, ok := e.(*tree.SubLink)
		if !ok {
			return e, nil
		}
		var err error
		rel, e, err = p.subquery(s, rel, sub)
		return e, err
	})
	return rel, e, err
}

// subquery adds the value of a subquery to rel.
func (p *compiler) subquery(s *scope, rel node, sub *tree.SubLink) (node, tree.Expr, error) {
	switch sub.Kind {
	case tree.SubExists:
		pairs, err := p.exists(s, rel, sub)
		m := &match{kind: mark, left: rel, pairs: pairs, added: []col{p.newCol(boolean)}}
		return m, p.ref(m.added[0]), err
	case tree.SubAny, tree.SubAll:
		pairs, unknown, err := p.any(s, rel, sub, true)
		m := &match{kind: mark3, left: rel, pairs: pairs, unknown: unknown, added: []col{p.newCol(boolean)}}
		if unknown == nil {
			m.kind = mark
		}
		if sub.Kind == tree.SubAll {
			return m, &tree.Bool{Op: tree.Not, Args: []tree.Expr{p.ref(m.added[0])}, Location: -1}, err
		}
		return m, p.ref(m.added[0]), err
	case tree.SubScalar, tree.SubRowCompare:
		rel, ids, err := p.one(s, rel, sub.Query)
		if err != nil {
			return nil, nil, err
		}
		if sub.Kind == tree.SubScalar {
			return rel, p.ref(ids[0]), nil
		}
		e, err := p.test(sub.Test, ids)
		return rel, e, err
	case tree.SubArray:
		return p.array(s, rel, sub)
	}
	return nil, nil, refuse(sub.Location, "", "a subquery of kind %d", sub.Kind)
}

// test is a subquery's test with columns for its SubParams.
func (p *compiler) test(e tree.Expr, ids []col) (tree.Expr, error) {
	return tree.Rewrite(e, func(e tree.Expr) (tree.Expr, error) {
		if param, ok := e.(*tree.SubParam); ok {
			if err := checkParam(param, len(ids)); err != nil {
				return nil, err
			}
			return p.ref(ids[param.Number-1]), nil
		}
		return e, nil
	})
}

// checkParam refuses a SubParam that is none of a subquery's columns.
func checkParam(param *tree.SubParam, columns int) error {
	if param.Number < 1 || param.Number > columns {
		return fmt.Errorf("plan: column %d of a subquery of %d", param.Number, columns)
	}
	return nil
}

// over compiles a subquery over the domain that it needs in rel.
func (p *compiler) over(s *scope, rel node, q *tree.Query) (*result, *domain, error) {
	free, err := p.free(q, s)
	if err != nil {
		return nil, nil, err
	}
	var d *domain
	if len(free) > 0 {
		d = p.domainOf(rel, free)
	}
	res, err := p.query(q, s, d)
	return res, d, err
}

// outerColumns is the columns of rel that the domain is of.
func (d *domain) outerColumns() []col {
	if d == nil {
		return nil
	}
	return d.outer
}

// one joins rel with the subquery's row, or NULLs if there is none.
func (p *compiler) one(s *scope, rel node, q *tree.Query) (node, []col, error) {
	res, d, err := p.over(s, rel, q)
	if err != nil {
		return nil, nil, err
	}
	right, fresh := p.renamed(res.rel, append(append([]col{}, res.domain...), res.out...))
	keys, values := fresh[:len(res.domain)], fresh[len(res.domain):]
	if !res.oneEach {
		n := &single{in: right, keys: keys, values: values, domain: p.unitNode}
		if d != nil {
			n.domain, n.of = d.rel, d.cols
		}
		right = n
	}
	return &join{left: rel, right: right, keys: identical(d.outerColumns(), keys)}, values, nil
}

// exists is a row of rel for each row of a subquery, at least one if there are any.
func (p *compiler) exists(s *scope, rel node, sub *tree.SubLink) (node, error) {
	q := withoutLimit(sub.Query)
	free, err := p.free(q, s)
	if err != nil {
		return nil, err
	}
	if plain(q) {
		bare := *q
		bare.Targets = nil // nobody looks at them
		q = &bare
		if free, err = p.free(q, s); err != nil {
			return nil, err
		}
		if len(free) > 0 {
			res, err := p.query(q, s, p.identity(rel))
			if err != nil {
				return nil, err
			}
			return p.onto(res.rel, rel.cols()), nil
		}
	}
	var d *domain
	if len(free) > 0 {
		d = p.domainOf(rel, free)
	}
	res, err := p.query(q, s, d)
	if err != nil {
		return nil, err
	}
	right := &distinct{in: p.onto(res.rel, res.domain), keys: p.byBytes(res.domain)}
	pairs := &join{left: rel, right: right, keys: identical(d.outerColumns(), res.domain)}
	return p.onto(pairs, rel.cols()), nil
}

// withoutLimit is a query of EXISTS without a LIMIT that changes nothing there.
func withoutLimit(q *tree.Query) *tree.Query {
	limit, ok := uncast(q.Limit).(*tree.Const)
	if !ok || q.Offset != nil {
		return q
	}
	if !limit.Null {
		negative := len(limit.Value) > 0 && limit.Value[0] >= 0x80
		zero := !slices.ContainsFunc(limit.Value, func(b byte) bool { return b != 0 })
		if negative || zero {
			return q
		}
	}
	bare := *q
	bare.Limit = nil
	return &bare
}

// uncast is the argument of a cast of an integer to bigint, which LIMIT has.
func uncast(e tree.Expr) tree.Expr {
	if cast, ok := e.(*tree.Call); ok && cast.Function == widening[[2]row.Kind{row.Int4, row.Int8}] {
		return cast.Args[0]
	}
	return e
}
