package plan

import (
	"maps"
	"slices"

	"github.com/millrace/millrace/sql/aggregate"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

// call is an aggregate of a group.
type call struct {
	id     col
	agg    *tree.Aggregate // over columns of the group's input
	native bool            // then args and filter are its arguments' columns
	args   []col
	filter col // noCol without FILTER
}

// noCol stands for no column.
const noCol col = -1

// grouping is a query with groups that is being compiled. A key column has the same
// identity before and after grouping: of a computed key, that of its computation.
type grouping struct {
	p        *compiler
	s        *scope
	rel      node           // FROM, and the computed keys
	refs     map[int]col    // SortGroup.Ref → key
	computed map[col]string // the computed keys' texts
	calls    []*call
	byText   map[string]*call
	groups   []*tree.Grouping // the GROUPING() calls
	groupIDs []col
}

// grouped compiles a query with groups over its FROM.
func (p *compiler) grouped(s *scope, rel node) (*result, error) {
	g := &grouping{p: p, s: s, rel: rel, refs: map[int]col{}, computed: map[col]string{}, byText: map[string]*call{}}
	if err := g.keys(); err != nil {
		return nil, err
	}
	targets := make([]tree.Expr, len(s.query.Targets))
	for i, t := range s.query.Targets {
		if t.Junk && !used(s.query, t) {
			continue
		}
		var err error
		if targets[i], err = g.scalar(t.Expr); err != nil {
			return nil, err
		}
	}
	having, err := g.scalar(s.query.Having)
	if err != nil {
		return nil, err
	}
	if err := g.arguments(); err != nil {
		return nil, err
	}
	sets := expandSets(s.query)
	out, err := g.build(sets, append(slices.Clone(targets), having))
	if err != nil {
		return nil, err
	}
	for _, e := range conjuncts(having) {
		if out, err = p.where(s, out, e); err != nil {
			return nil, err
		}
	}
	res := &result{oneEach: len(sets) == 1 && len(sets[0]) == 0 && having == nil}
	return g.finish(out, targets, res, len(sets) == 1)
}

// keys computes what is grouped by.
func (g *grouping) keys() error {
	q := g.s.query
	var items []item
	for _, k := range q.GroupBy {
		i, err := targetOf(q, k.Ref)
		if err != nil {
			return err
		}
		e, err := g.p.scalar(g.s, q.Targets[i].Expr)
		if err != nil {
			return err
		}
		text := printed(e, nil)
		if g.rel, e, err = g.p.expression(g.s, g.rel, e); err != nil {
			return err
		}
		var id col
		before := len(items)
		if id, items = g.p.compute(items, e); len(items) > before || len(subqueries(q.Targets[i].Expr)) > 0 {
			g.computed[id] = text
		}
		if _, err := g.p.equatable(id, "GROUP BY"); err != nil {
			return err
		}
		g.refs[k.Ref] = id
	}
	g.rel = g.p.with(g.rel, items)
	return nil
}

// scalar is an expression over the keys and aggregates of a group. It registers the
// aggregates; columns that are left are functions of the key, as PostgreSQL checked.
func (g *grouping) scalar(e tree.Expr) (tree.Expr, error) {
	if e == nil {
		return nil, nil
	}
	return tree.Rewrite(e, func(e tree.Expr) (tree.Expr, error) {
		switch x := e.(type) {
		case *tree.Var:
			return g.p.scalar(g.s, x)
		case *tree.Aggregate:
			return g.p.ref(g.register(x)), nil
		case *tree.Grouping:
			return g.p.ref(g.groupingCall(x)), nil
		case *tree.Const, *tree.Column, *tree.SubParam:
			return e, nil
		}
		if len(g.computed) > 0 {
			text := printed(e, g.computed)
			for _, id := range slices.Sorted(maps.Keys(g.computed)) {
				if g.computed[id] == text {
					return g.p.ref(id), nil
				}
			}
		}
		return e, nil
	})
}

// register gives an aggregate a column, equal ones the same.
func (g *grouping) register(a *tree.Aggregate) col {
	text := printed(a, g.computed)
	c := g.byText[text]
	if c == nil {
		c = &call{id: g.p.newCol(a.Type), agg: a, filter: noCol}
		g.byText[text] = c
		g.calls = append(g.calls, c)
	}
	return c.id
}

// groupingCall gives GROUPING() a column.
func (g *grouping) groupingCall(e *tree.Grouping) col {
	g.groups = append(g.groups, e)
	g.groupIDs = append(g.groupIDs, g.p.newCol(tree.TypeRef{OID: int4Type, Mod: -1}))
	return g.groupIDs[len(g.groupIDs)-1]
}

// arguments computes the aggregates' arguments: those of native aggregates as columns,
// while PostgreSQL computes those of its own.
func (g *grouping) arguments() error {
	var items []item
	for _, c := range g.calls {
		exprs := []*tree.Expr{&c.agg.Filter}
		for _, t := range c.agg.Args {
			exprs = append(exprs, &t.Expr)
		}
		for i := range c.agg.Direct {
			exprs = append(exprs, &c.agg.Direct[i])
		}
		for _, e := range exprs {
			if *e == nil {
				continue
			}
			var err error
			if g.rel, *e, err = g.p.expression(g.s, g.rel, *e); err != nil {
				return err
			}
		}
		if c.native = g.p.isNative(c.agg); !c.native {
			continue
		}
		for _, t := range c.agg.Args {
			var id col
			id, items = g.p.compute(items, t.Expr)
			c.args = append(c.args, id)
		}
		if c.agg.Filter != nil {
			c.filter, items = g.p.compute(items, c.agg.Filter)
		}
	}
	g.rel = g.p.with(g.rel, items)
	return nil
}

// isNative reports whether the worker knows an aggregate.
func (p *compiler) isNative(a *tree.Aggregate) bool {
	spec, err := p.spec(a)
	if err != nil {
		return false
	}
	_, err = aggregate.New(spec)
	return err == nil
}

// spec describes an aggregate with its arguments in columns 0, 1, …
func (p *compiler) spec(a *tree.Aggregate) (aggregate.Spec, error) {
	result, err := p.rowType(a.Type)
	if err != nil {
		return aggregate.Spec{}, err
	}
	s := aggregate.Spec{Function: a.Function, Star: a.Star, Distinct: len(a.Distinct) > 0, Filter: -1, Result: result}
	if len(a.Order) > 0 || a.Kind != 'n' && a.Kind != 0 || a.Variadic {
		return s, aggregate.ErrNotNative
	}
	for i, t := range a.Args {
		typ, err := p.comparedType(t.Expr, a.InputCollation)
		if err != nil {
			return s, err
		}
		s.Args = append(s.Args, aggregate.Arg{Column: i, Type: typ})
	}
	return s, nil
}

// nodeFor is the groups of one grouping set; those of the empty one are always there.
func (g *grouping) nodeFor(keys []groupKey, empty bool) *group {
	d := g.s.domain
	n := &group{in: g.rel, keys: slices.Concat(g.p.byBytes(d.columns()), keys), calls: g.calls}
	if empty {
		n.domain = g.p.unitNode
		if d != nil {
			n.domain = d.rel
		}
	}
	return n
}

// finish computes the targets.
func (g *grouping) finish(rel node, targets []tree.Expr, res *result, keyed bool) (*result, error) {
	ids := make([]col, len(targets))
	var items []item
	for i, e := range targets {
		if e == nil {
			continue
		}
		var err error
		if rel, e, err = g.p.expression(g.s, rel, e); err != nil {
			return nil, err
		}
		ids[i], items = g.p.compute(items, e)
	}
	res, err := g.p.finish(g.s, g.p.with(rel, items), ids, res)
	if err != nil || res.key != nil || !keyed {
		return res, err
	}
	res.key = []int{}
	for _, k := range g.s.query.GroupBy {
		at := slices.Index(res.out, g.refs[k.Ref])
		if at < 0 {
			res.key = nil
			break
		}
		res.key = append(res.key, at)
	}
	return res, nil
}

// constant is a constant expression.
func constant(t tree.TypeRef, v row.Value) tree.Expr {
	return &tree.Const{Type: t, Null: v == nil, Value: v, Location: -1}
}
