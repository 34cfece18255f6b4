package lawtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// generator writes one query.
type generator struct {
	rng     *rand.Rand
	tables  []*table
	aliases int
	budget  int  // tables that may still be named
	wide    bool // a join is there that is not on an equality
	ctes    []source
	uses    int // of ctes; few, since each may be large
}

// source is what stands in FROM with its columns, whose names are without an alias.
type source struct {
	sql     string
	columns []column
}

// scope is what expressions may name: columns of FROM here, and of queries around.
type scope struct{ local, outer []column }

// one reports true once in n times.
func (g *generator) one(n int) bool { return g.rng.IntN(n) == 0 }

// pick returns one of the items.
func pick[T any](g *generator, items ...T) T { return items[g.rng.IntN(len(items))] }

// alias returns a name that is new in the query.
func (g *generator) alias() string {
	g.aliases++
	return fmt.Sprintf("q%d", g.aliases)
}

// view returns a whole query.
func (g *generator) view() string {
	g.budget = 7
	if g.one(6) {
		return g.with()
	}
	sql, _ := g.query(2)
	return sql
}

// with returns a query with common table expressions.
func (g *generator) with() string {
	var list []string
	for range 1 + g.rng.IntN(2) {
		sql, columns := g.query(1)
		name := g.alias()
		list = append(list, fmt.Sprintf("%s AS %s(%s)", name, pick(g, "", "", "MATERIALIZED ", "NOT MATERIALIZED "), sql))
		g.ctes = append(g.ctes, source{name, columns})
	}
	g.budget += 2
	sql, _ := g.query(2)
	return "WITH " + strings.Join(list, ", ") + " " + sql
}

// query returns a query with columns c1, c2, …; depth bounds its nesting.
func (g *generator) query(depth int) (string, []column) {
	if depth > 0 && g.one(5) {
		return g.setOperation(depth)
	}
	return g.selection(depth, nil, scope{})
}

// types is a random list of column types. Integers are likely, since all tables have
// them, and set operations are about rows that several queries have.
func (g *generator) types() []*typ {
	list := make([]*typ, 1+g.rng.IntN(3))
	for i := range list {
		if list[i] = g.anyType(); g.one(2) {
			list[i] = integer
		}
	}
	return list
}

func (g *generator) anyType() *typ { return types[g.rng.IntN(len(types))] }

// setOperation combines two or three queries.
func (g *generator) setOperation(depth int) (string, []column) {
	want := g.types()
	operations := make([]string, 1+g.rng.IntN(2))
	for i := range operations {
		operations[i] = pick(g, "UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL", "EXCEPT", "EXCEPT ALL", "UNION", "UNION ALL")
		if strings.HasPrefix(operations[i], "INTERSECT") {
			want = []*typ{integer} // Of wider rows, two queries hardly ever have the same.
		}
	}
	sql, columns := g.selection(depth-1, want, scope{})
	for _, operation := range operations {
		right, _ := g.selection(depth-1, want, scope{})
		sql = fmt.Sprintf("(%s) %s (%s)", sql, operation, right)
	}
	return sql, columns
}

// selection returns a SELECT of columns with the wanted types, or any if want is nil.
func (g *generator) selection(depth int, want []*typ, around scope) (string, []column) {
	from, local := g.from(depth)
	sc := scope{local, slices.Concat(around.local, around.outer)}
	where := ""
	if g.one(3) {
		where = " WHERE " + g.predicate(sc, depth)
	}
	if g.one(3) {
		return g.grouped(depth, want, from+where, sc)
	}
	if want == nil {
		want = g.wanted(local)
	}
	var list []string
	var columns []column
	for i, t := range want {
		list = append(list, fmt.Sprintf("%s AS c%d", g.expression(t, sc, depth), i+1))
		columns = append(columns, column{sql: fmt.Sprintf("c%d", i+1), typ: t})
	}
	distinct, order := "", ""
	switch g.rng.IntN(8) {
	case 0:
		distinct = "DISTINCT "
	case 1:
		distinct, order = g.distinctOn(list)
	}
	return fmt.Sprintf("SELECT %s%s FROM %s%s", distinct, strings.Join(list, ", "), from, where) + order, columns
}

// wanted are the types of some of the columns, and now and then another.
func (g *generator) wanted(columns []column) []*typ {
	var list []*typ
	for range 1 + g.rng.IntN(4) {
		t := columns[g.rng.IntN(len(columns))].typ
		if g.one(5) {
			t = g.anyType()
		}
		list = append(list, t)
	}
	return list
}

// distinctOn gives DISTINCT ON for the first column, with an order of all columns: so
// among rows that are equal there is nothing to choose.
func (g *generator) distinctOn(list []string) (distinct, order string) {
	distinct, order = "DISTINCT ON (c1) ", " ORDER BY 1"
	for i := range list[1:] {
		order += fmt.Sprintf(", %d%s%s", i+2, pick(g, "", " ASC", " DESC"), pick(g, "", " NULLS FIRST", " NULLS LAST"))
	}
	return strings.Replace(distinct, "c1", strings.TrimSuffix(list[0], " AS c1"), 1), order
}

// from returns a FROM item or join, and the columns that it gives.
func (g *generator) from(depth int) (string, []column) {
	sql, columns := g.item(depth)
	for range g.rng.IntN(3) {
		switch {
		case g.budget <= 0:
			return sql, columns
		case depth > 0 && !g.wide && g.one(8):
			g.wide = true
			alias := g.alias()
			inner, names := g.selection(depth-1, nil, scope{local: columns})
			sql += fmt.Sprintf("%s LATERAL (%s) AS %s ON true", pick(g, " JOIN", " LEFT JOIN"), inner, alias)
			columns = append(slices.Clone(columns), qualified(alias, names)...)
		default:
			sql, columns = g.join(sql, columns, depth)
		}
	}
	return sql, columns
}

// join joins one more item. A query has at most one join that is not on an equality,
// so that results stay small.
func (g *generator) join(sql string, columns []column, depth int) (string, []column) {
	item, more := g.item(depth)
	pairs := equalities(columns, more)
	both := append(slices.Clone(columns), more...)
	kind := pick(g, "JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN")
	switch {
	case len(pairs) == 0 && g.wide:
		return sql, columns
	case kind == "CROSS JOIN" && !g.wide:
		g.wide = true
		return sql + " CROSS JOIN " + item, both
	case kind == "CROSS JOIN":
		kind = "JOIN"
	case kind == "FULL JOIN" && len(pairs) == 0:
		kind = "LEFT JOIN" // PostgreSQL takes full joins by equality only.
	}
	return sql + " " + kind + " " + item + " ON " + g.on(kind, pairs, scope{local: both}, depth), both
}

// equalities are the pairs of columns that a join can be on.
func equalities(left, right []column) []string {
	var pairs []string
	for _, l := range left {
		for _, r := range right {
			if l.typ == r.typ && l.typ.kind != boolKind {
				pairs = append(pairs, l.sql+" = "+r.sql)
			}
		}
	}
	return pairs
}

// on is a join condition over both sides.
func (g *generator) on(kind string, pairs []string, both scope, depth int) string {
	if len(pairs) == 0 {
		g.wide = true
		return g.predicate(both, 0)
	}
	condition := pick(g, pairs...)
	switch choice := g.rng.IntN(6); {
	case kind == "FULL JOIN":
	case choice == 0:
		return condition + " AND " + g.predicate(both, depth)
	case choice == 1 && !g.wide:
		g.wide = true
		return strings.Replace(condition, " = ", " < ", 1)
	case choice == 2:
		return strings.Replace(condition, " = ", " IS NOT DISTINCT FROM ", 1)
	}
	return condition
}

// item is one item of FROM: a table, a subquery, VALUES, or two tables joined by the
// column that they share.
func (g *generator) item(depth int) (string, []column) {
	g.budget--
	alias := g.alias()
	switch {
	case len(g.ctes) > 0 && g.uses < 3 && g.one(2):
		g.uses++
		s := pick(g, g.ctes...)
		return s.sql + " AS " + alias, qualified(alias, s.columns)
	case depth > 0 && g.budget > 0 && g.one(4):
		sql, columns := g.query(depth - 1)
		return fmt.Sprintf("(%s) AS %s", sql, alias), qualified(alias, columns)
	case g.one(12):
		sql, columns := g.values()
		return fmt.Sprintf("(%s) AS %s (%s)", sql, alias, names(columns)), qualified(alias, columns)
	case g.one(10):
		return g.using(alias)
	}
	t := pick(g, g.tables...)
	return t.name + " AS " + alias, qualified(alias, t.columns)
}

// values is a VALUES list.
func (g *generator) values() (string, []column) {
	want := g.types()
	var rows []string
	for range 1 + g.rng.IntN(4) {
		var list []string
		for _, t := range want {
			list = append(list, t.constant(g.rng))
		}
		rows = append(rows, "("+strings.Join(list, ", ")+")")
	}
	var columns []column
	for i, t := range want {
		columns = append(columns, column{sql: fmt.Sprintf("c%d", i+1), typ: t})
	}
	return "VALUES " + strings.Join(rows, ", "), columns
}

// using joins two tables by the name of their common column, k.
func (g *generator) using(alias string) (string, []column) {
	left, right := pick(g, g.tables...), pick(g, g.tables...)
	if left == right {
		return left.name + " AS " + alias, qualified(alias, left.columns)
	}
	kind := pick(g, "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
	columns := append(slices.Clone(left.columns), right.columns[1:]...)
	join := fmt.Sprintf("%s %s %s USING (k)", left.name, kind, right.name)
	if g.one(2) {
		join = fmt.Sprintf("%s NATURAL %s %s", left.name, kind, right.name)
	}
	return fmt.Sprintf("(SELECT * FROM %s) AS %s", join, alias), qualified(alias, columns)
}

// qualified puts an alias before columns.
func qualified(alias string, columns []column) []column {
	list := make([]column, len(columns))
	for i, c := range columns {
		list[i] = column{sql: alias + "." + c.sql, typ: c.typ}
	}
	return list
}

// names lists columns.
func names(columns []column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.sql
	}
	return strings.Join(list, ", ")
}
