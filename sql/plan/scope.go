package plan

import (
	"fmt"

	"github.com/millrace/millrace/sql/tree"
)

// scope says what the names of one query mean.
type scope struct {
	outer  *scope // of the query around it, nil at the top and in views
	query  *tree.Query
	vars   map[variable]col
	domain *domain // what the query refers to outside, nil if nothing
	ctes   map[string]*shared
}

// variable names a column of a range table entry.
type variable struct {
	table  int
	number int16
}

// shared is a query of WITH, compiled at its first use.
type shared struct {
	cte *tree.CTE
	res *result
}

// domain is the relation of the outer columns that a subquery refers to.
type domain struct {
	rel node
	of  map[col]col // the outer scope's column → the column of rel
	// outer and cols are the pairs of that map, in the order of rel.
	outer, cols []col
}

// newScope makes the scope of a query.
func newScope(q *tree.Query, outer *scope, d *domain) *scope {
	s := &scope{outer: outer, query: q, domain: d, vars: map[variable]col{}, ctes: map[string]*shared{}}
	for _, c := range q.CTEs {
		s.ctes[c.Name] = &shared{cte: c}
	}
	return s
}

// columns is the domain's columns, none without a domain.
func (d *domain) columns() []col {
	if d == nil {
		return nil
	}
	return d.cols
}

// start is the relation that a query's FROM starts with: the domain, or nothing.
func (d *domain) start() node {
	if d == nil {
		return nil
	}
	return d.rel
}

// variable is the column that a Var of the query levels up means here.
func (s *scope) variable(v *tree.Var, levels int) (col, error) {
	if levels == 0 {
		id, ok := s.vars[variable{v.Table, v.Number}]
		if !ok {
			return 0, fmt.Errorf("plan: column %d of range table entry %d is not known", v.Number, v.Table)
		}
		return id, nil
	}
	if s.outer == nil {
		return 0, fmt.Errorf("plan: column %d of an outer query at the top", v.Number)
	}
	id, err := s.outer.variable(v, levels-1)
	if err != nil {
		return 0, err
	}
	return s.inside(id)
}

// inside is the domain's column for a column of the outer scope.
func (s *scope) inside(id col) (col, error) {
	if s.domain != nil {
		if in, ok := s.domain.of[id]; ok {
			return in, nil
		}
	}
	return 0, fmt.Errorf("plan: outer column %d is not in the domain", id)
}

// scalar replaces the Vars of an expression by columns. Subqueries stay.
func (p *compiler) scalar(s *scope, e tree.Expr) (tree.Expr, error) {
	if e == nil {
		return nil, nil
	}
	return tree.Rewrite(e, func(e tree.Expr) (tree.Expr, error) {
		v, ok := e.(*tree.Var)
		if !ok {
			return e, nil
		}
		id, err := s.variable(v, v.Levels)
		if err != nil {
			return nil, err
		}
		return p.ref(id), nil
	})
}

// columnsOf appends to ids the columns of an expression without Vars, subqueries' own
// references apart.
func columnsOf(ids []col, exprs ...tree.Expr) []col {
	for _, e := range exprs {
		if e == nil {
			continue
		}
		tree.Walk(e, func(e tree.Expr) bool {
			if id, ok := columnOf(e); ok {
				ids = append(ids, id)
			}
			return true
		})
	}
	return ids
}
