package lawtest

import "fmt"

// expression returns an expression of a type. Subqueries are at most depth deep.
func (g *generator) expression(t *typ, sc scope, depth int) string {
	if g.one(3) {
		return g.composed(t, sc, depth)
	}
	return g.leaf(t, sc)
}

// leaf is a column of the type, or else a constant.
func (g *generator) leaf(t *typ, sc scope) string {
	var fit []column
	for _, c := range sc.local {
		if c.typ == t {
			fit = append(fit, c)
		}
	}
	for _, c := range sc.outer {
		if c.typ == t && g.one(4) {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 || g.one(10) {
		return t.constant(g.rng)
	}
	return pick(g, fit...).sql
}

// composed is an expression of several parts.
func (g *generator) composed(t *typ, sc scope, depth int) string {
	first := ""
	part := func() string {
		x := g.leaf(t, sc)
		if x == first {
			x = t.constant(g.rng)
		}
		first = x
		return x
	}
	switch g.rng.IntN(8) {
	case 0:
		return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", g.predicate(sc, depth), part(), part())
	case 1:
		return fmt.Sprintf("coalesce(%s, %s)", part(), part())
	case 2:
		return fmt.Sprintf("nullif(%s, %s)::%s", part(), part(), t.name)
	case 3:
		if t != array && t != json {
			return fmt.Sprintf("%s(%s, %s)::%s", pick(g, "greatest", "least"), part(), part(), t.name)
		}
	case 4:
		return fmt.Sprintf("CASE %s WHEN %s THEN %s WHEN %s THEN %s END", part(), part(), part(), t.constant(g.rng), part())
	case 5:
		if depth > 0 && g.budget > 0 {
			return g.scalar(t, sc, depth)
		}
	}
	return g.operation(t, sc)
}

// operation is an expression of the type's own operators and functions.
func (g *generator) operation(t *typ, sc scope) string {
	x, y := g.leaf(t, sc), g.leaf(t, sc)
	number := g.leaf(integer, sc)
	switch t {
	case integer:
		return pick(g, x+" + "+y, x+" - "+y, "abs("+x+")", x+" % 3", "length("+g.leaf(text, sc)+")", "- "+x, "("+g.leaf(array, sc)+")[1]", "cardinality("+g.leaf(array, sc)+")")
	case bigint:
		return pick(g, x+" + "+y, x+" - 1", number+"::int8 * 3", number+" + "+g.leaf(smallint, sc)+"::int8")
	case decimal:
		return pick(g, x+" + "+y, x+" - "+y, "round("+x+" * "+y+", 4)", "round("+x+", 1)", "abs("+x+")", "round("+number+"::numeric / 4, 4)", "floor("+x+")", "trunc("+x+", 1)", "- "+x,
			"extract(year FROM "+g.leaf(day, sc)+")", "extract(hour FROM "+g.leaf(timestamp, sc)+")")
	case double:
		return pick(g, x+" + "+y, x+" * 2", x+" * -0.5::float8", "abs("+x+")", number+"::float8 / 8", "floor("+x+")", "- "+x, g.leaf(float, sc)+"::float8")
	case text:
		return pick(g, x+" || "+y, "upper("+x+")", "lower("+x+")", "substr("+x+", 1, 1)", number+"::text", "replace("+x+", 'a', 'z')", "trim("+x+")",
			"left("+x+", "+number+")", "reverse("+x+")")
	case day:
		return pick(g, x+" + 1", x+" - "+number)
	case timestamp:
		return pick(g, x+" + '1 day'::interval", "date_trunc('day', "+x+")", g.leaf(day, sc)+"::timestamp", x+" - '01:00'::interval")
	case array:
		return pick(g, "ARRAY["+number+", "+g.leaf(integer, sc)+"]", "("+x+")[1:1]")
	case json:
		return x + " -> 'a'"
	case boolean:
		return "(" + g.predicate(sc, 0) + ")"
	}
	return x
}

// scalar is a subquery of one row, mostly one that depends on the row around.
func (g *generator) scalar(t *typ, sc scope, depth int) string {
	call := ""
	from, local := g.inner(depth)
	if call = g.aggregate(t, scope{local: local}); call == "" {
		return g.leaf(t, sc)
	}
	return fmt.Sprintf("(SELECT %s FROM %s%s)", call, from, g.correlation(local, sc))
}

// inner is the FROM of a subquery in an expression: one item.
func (g *generator) inner(depth int) (string, []column) { return g.item(depth - 1) }

// correlation is the WHERE of a subquery in an expression.
func (g *generator) correlation(local []column, sc scope) string {
	all := append(append([]column(nil), sc.local...), sc.outer...)
	var conditions []string
	for _, l := range local {
		for _, o := range all {
			if l.typ == o.typ {
				conditions = append(conditions, l.sql+" = "+o.sql, l.sql+" <> "+o.sql)
			}
		}
	}
	if len(conditions) == 0 || g.one(10) {
		return pick(g, "", " WHERE "+g.predicate(scope{local: local}, 0))
	}
	where := " WHERE " + pick(g, conditions...)
	if g.one(4) {
		where += pick(g, " AND ", " OR ") + g.predicate(scope{local: local, outer: all}, 0)
	}
	return where
}
