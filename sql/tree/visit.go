package tree

// own calls f with each place of the query that holds an expression, without those of
// subqueries.
func (q *Query) own(f func(*Expr)) {
	for _, e := range q.RangeTable {
		each(e.JoinVars, f)
		each(e.Functions, f)
		each(e.Group, f)
		for _, row := range e.Values {
			each(row, f)
		}
	}
	ownFrom(q.From, f)
	for _, t := range q.Targets {
		f(&t.Expr)
	}
	f(&q.Having)
	f(&q.Offset)
	f(&q.Limit)
}

func ownFrom(item FromItem, f func(*Expr)) {
	switch i := item.(type) {
	case *From:
		for _, in := range i.Items {
			ownFrom(in, f)
		}
		f(&i.Where)
	case *Join:
		ownFrom(i.Left, f)
		ownFrom(i.Right, f)
		f(&i.On)
	}
}

// WalkQuery calls visit for every expression of a query and of all its subqueries, in
// WITH, in FROM and in expressions. depth counts the queries around the expression,
// 0 for the query's own.
func WalkQuery(q *Query, visit func(e Expr, depth int)) { walkQuery(q, 0, visit) }

func walkQuery(q *Query, depth int, visit func(Expr, int)) {
	for _, c := range q.CTEs {
		walkQuery(c.Query, depth+1, visit)
	}
	for _, e := range q.RangeTable {
		if e.Subquery != nil {
			walkQuery(e.Subquery, depth+1, visit)
		}
	}
	q.own(func(slot *Expr) {
		Walk(*slot, func(e Expr) bool {
			visit(e, depth)
			if s, ok := e.(*SubLink); ok {
				walkQuery(s.Query, depth+1, visit)
			}
			return true
		})
	})
}
