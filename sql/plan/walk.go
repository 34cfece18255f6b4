package plan

import (
	"slices"

	"github.com/millrace/millrace/sql/tree"
)

// visitor is called with each node of each expression of a query; depth is how many
// queries below the one that the walk began with. It says whether to go on inside.
type visitor func(e tree.Expr, depth int) bool

// walkQuery walks a query with all that is in it. enter, if not nil, is called with
// each query first.
func walkQuery(q *tree.Query, depth int, enter func(*tree.Query), visit visitor) {
	if enter != nil {
		enter(q)
	}
	expr := func(e tree.Expr) { walkExpr(e, depth, enter, visit) }
	for _, c := range q.CTEs {
		walkQuery(c.Query, depth+1, enter, visit)
	}
	for _, r := range q.RangeTable {
		switch {
		case r.Subquery != nil:
			walkQuery(r.Subquery, depth+1, enter, visit)
		case r.Kind == tree.EntryFunction:
			for _, e := range r.Functions {
				expr(e)
			}
		}
		for _, values := range r.Values {
			for _, e := range values {
				expr(e)
			}
		}
	}
	for _, t := range q.Targets {
		expr(t.Expr)
	}
	if q.From != nil {
		walkFrom(q.From, expr)
	}
	expr(q.Having)
	expr(q.Limit)
	expr(q.Offset)
}

// walkFrom calls visit with the conditions of a FROM.
func walkFrom(f tree.FromItem, visit func(tree.Expr)) {
	switch f := f.(type) {
	case *tree.From:
		for _, i := range f.Items {
			walkFrom(i, visit)
		}
		visit(f.Where)
	case *tree.Join:
		walkFrom(f.Left, visit)
		walkFrom(f.Right, visit)
		visit(f.On)
	}
}

// walkExpr walks an expression, its subqueries too.
func walkExpr(e tree.Expr, depth int, enter func(*tree.Query), visit visitor) {
	if e == nil {
		return
	}
	tree.Walk(e, func(e tree.Expr) bool {
		if !visit(e, depth) {
			return false
		}
		if sub, ok := e.(*tree.SubLink); ok && sub.Query != nil {
			walkQuery(sub.Query, depth+1, enter, visit)
		}
		return true
	})
}

// free is the columns of the scope that a query in it refers to, each once, ascending.
func (p *compiler) free(q *tree.Query, s *scope) ([]col, error) {
	var ids []col
	var failed error
	walkQuery(q, 0, nil, func(e tree.Expr, depth int) bool {
		if v, ok := e.(*tree.Var); ok && v.Levels > depth {
			id, err := s.variable(v, v.Levels-depth-1)
			if err != nil {
				failed = err
			}
			ids = append(ids, id)
		}
		return true
	})
	slices.Sort(ids)
	return slices.Compact(ids), failed
}

// subqueries is the subqueries of an expression, those inside them apart.
func subqueries(e tree.Expr) []*tree.SubLink {
	var subs []*tree.SubLink
	if e == nil {
		return nil
	}
	tree.Walk(e, func(e tree.Expr) bool {
		if sub, ok := e.(*tree.SubLink); ok {
			subs = append(subs, sub)
		}
		return true
	})
	return subs
}

// references is the columns of an expression, and those that its subqueries refer to.
func (p *compiler) references(s *scope, e tree.Expr) ([]col, error) {
	ids := columnsOf(nil, e)
	for _, sub := range subqueries(e) {
		inner, err := p.free(sub.Query, s)
		if err != nil {
			return nil, err
		}
		ids = append(ids, inner...)
	}
	return ids, nil
}
