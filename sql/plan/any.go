package plan

import (
	"github.com/millrace/millrace/sql/tree"
)

// any is the pairs of rel's rows with the subquery's rows, each pair as rel's row, for
// which the test of IN, ANY or ALL is true; and, if asked for, those for which it is
// unknown. The test of ALL is negated: x op ALL q is NOT (NOT (x op ANY q)).
func (p *compiler) any(s *scope, rel node, sub *tree.SubLink, withUnknown bool) (pairs, unknown node, err error) {
	test := sub.Test
	if sub.Kind == tree.SubAll {
		if test, err = p.negation(test); err != nil {
			return nil, nil, err
		}
	}
	free, err := p.free(sub.Query, s)
	if err != nil {
		return nil, nil, err
	}
	if len(free) > 0 && plain(sub.Query) {
		if pairs, err = p.anyPlain(s, rel, sub.Query, conjuncts(test)); err != nil || !withUnknown {
			return pairs, nil, err
		}
		unknown, err = p.anyPlain(s, rel, sub.Query, []tree.Expr{isUnknown(test)})
		return pairs, unknown, err
	}
	res, d, err := p.over(s, rel, sub.Query)
	if err != nil {
		return nil, nil, err
	}
	right, fresh := p.renamed(res.rel, append(append([]col{}, res.domain...), res.out...))
	n := len(res.domain)
	a := &anyTest{p: p, s: s, rel: rel, right: right, values: fresh[n:], keys: identical(d.outerColumns(), fresh[:n])}
	if a.test, err = p.test(test, a.values); err != nil {
		return nil, nil, err
	}
	if pairs, err = a.where(rel, right, conjuncts(a.test)); err != nil || !withUnknown {
		return pairs, nil, err
	}
	unknown, err = a.unknown()
	return pairs, unknown, err
}

// anyPlain is the pairs of rel's rows with the rows of a plain subquery that fulfil the
// tests: the subquery's FROM starts with rel.
func (p *compiler) anyPlain(s *scope, rel node, q *tree.Query, tests []tree.Expr) (node, error) {
	inner := newScope(q, s, p.identity(rel))
	pairs, err := p.from(inner, rel, func() ([]tree.Expr, error) {
		targets := visible(q.Targets)
		out := make([]tree.Expr, len(tests))
		for i, test := range tests {
			var err error
			out[i], err = tree.Rewrite(test, func(e tree.Expr) (tree.Expr, error) {
				if param, ok := e.(*tree.SubParam); ok {
					if err := checkParam(param, len(targets)); err != nil {
						return nil, err
					}
					return p.scalar(inner, targets[param.Number-1].Expr)
				}
				return e, nil
			})
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	return p.onto(pairs, rel.cols()), nil
}

// anyTest is a test between rel and a subquery that is compiled on its own.
type anyTest struct {
	p          *compiler
	s          *scope
	rel, right node
	values     []col // of right, what the test compares with
	keys       []joinKey
	test       tree.Expr
}

// where is the pairs of left, which has the rows of rel or some, with right, as rel's
// rows.
func (a *anyTest) where(left, right node, conds []tree.Expr) (node, error) {
	whole := built(right)
	var on node
	var err error
	if len(a.keys) == 0 {
		on, err = a.p.join(a.s, left, []*source{whole}, conds)
	} else {
		n := &join{left: left, right: right, keys: a.keys}
		on = n
		for _, c := range conds {
			if err = a.p.addKey(n, c); err != nil {
				return nil, err
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return a.p.onto(on, a.rel.cols()), nil
}

// addKey adds a condition to a join, as a key if it can be one.
func (p *compiler) addKey(n *join, cond tree.Expr) error {
	equal, err := p.equalityOf(cond)
	if err != nil {
		return err
	}
	if equal == nil || !equal.connects(n.left.cols(), n.right.cols()) {
		n.conds = append(n.conds, cond)
		return nil
	}
	e := equal.oriented(n.left.cols())
	var left, right []item
	k := joinKey{nullSafe: e.nullSafe}
	k.left, left = p.compute(left, e.left)
	k.right, right = p.compute(right, e.right)
	n.left, n.right = p.with(n.left, left), p.with(n.right, right)
	n.keys = append(n.keys, k)
	return nil
}

// unknown is the pairs for which the test is unknown. If it is made of equalities then
// one side has a NULL: such rows are few, and the others need not be paired at all. It
// is nil if there can be none.
func (a *anyTest) unknown() (node, error) {
	left, right, ok, err := a.nulls()
	if err != nil {
		return nil, err
	}
	if !ok {
		return a.where(a.rel, a.right, []tree.Expr{isUnknown(a.test)})
	}
	u := &union{columns: a.rel.cols()}
	rest := a.rel
	if len(left) > 0 {
		some := disjunction(left)
		if err := a.addUnknown(u, &filter{in: a.rel, conds: []tree.Expr{some}}, a.right); err != nil {
			return nil, err
		}
		rest = &filter{in: a.rel, conds: []tree.Expr{not(some)}}
	}
	if len(right) > 0 {
		if err := a.addUnknown(u, rest, &filter{in: a.right, conds: []tree.Expr{disjunction(right)}}); err != nil {
			return nil, err
		}
	}
	if len(u.ins) == 0 {
		return nil, nil
	}
	return u, nil
}

// nulls is the conditions that a side has a NULL in the test. ok is false if the test
// is not made of equalities.
func (a *anyTest) nulls() (left, right []tree.Expr, ok bool, err error) {
	for _, c := range conjuncts(a.test) {
		equal, err := a.p.equalityOf(c)
		if err != nil {
			return nil, nil, false, err
		}
		if equal == nil || equal.nullSafe || !equal.connects(a.rel.cols(), a.right.cols()) {
			return nil, nil, false, nil
		}
		e := equal.oriented(a.rel.cols())
		if a.p.nullable(a.rel, e.left) {
			left = append(left, isNull(e.left))
		}
		if a.p.nullable(a.right, e.right) {
			right = append(right, isNull(e.right))
		}
	}
	return left, right, true, nil
}

// addUnknown adds the pairs of rows of the two sides, one of which has a NULL.
func (a *anyTest) addUnknown(u *union, left, right node) error {
	var pairs node
	var err error
	if len(conjuncts(a.test)) == 1 && len(a.keys) == 0 {
		// With NULL on one side the test is unknown for any row of the other.
		exists := &distinct{in: a.p.onto(right, nil)}
		pairs = a.p.onto(&join{left: left, right: exists}, a.rel.cols())
	} else {
		pairs, err = a.where(left, right, []tree.Expr{isUnknown(a.test)})
	}
	u.ins, u.from = append(u.ins, pairs), append(u.from, u.columns)
	return err
}

func isNull(e tree.Expr) tree.Expr { return &tree.NullTest{Arg: e, Location: -1} }

// isUnknown is e IS UNKNOWN.
func isUnknown(e tree.Expr) tree.Expr { return &tree.BooleanTest{Arg: e, Kind: 4, Location: -1} }

func not(e tree.Expr) tree.Expr {
	return &tree.Bool{Op: tree.Not, Args: []tree.Expr{e}, Location: -1}
}

// disjunction is the OR of conditions.
func disjunction(conds []tree.Expr) tree.Expr {
	if len(conds) == 1 {
		return conds[0]
	}
	return &tree.Bool{Op: tree.Or, Args: conds, Location: -1}
}

// negation is NOT e, with the operators' own negations where there are some, so that
// <> ALL becomes an equality.
func (p *compiler) negation(e tree.Expr) (tree.Expr, error) {
	switch e := e.(type) {
	case *tree.Bool:
		if e.Op == tree.Not {
			return e.Args[0], nil
		}
		out := &tree.Bool{Op: tree.And + tree.Or - e.Op, Location: e.Location}
		for _, a := range e.Args {
			n, err := p.negation(a)
			if err != nil {
				return nil, err
			}
			out.Args = append(out.Args, n)
		}
		return out, nil
	case *tree.Op:
		if e.Kind != tree.OpPlain || e.Result().OID != boolType {
			break
		}
		op, err := p.catalog.Operator(e.Operator)
		if err != nil {
			return nil, err
		}
		if op.Name != "<>" || op.Schema != "pg_catalog" || op.Negator == 0 {
			break
		}
		equal, err := p.catalog.Operator(op.Negator)
		if err != nil {
			return nil, err
		}
		n := *e
		n.Operator, n.Function = equal.OID, equal.Function
		return &n, nil
	}
	return not(e), nil
}
