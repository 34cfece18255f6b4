package lawtest

import (
	"fmt"
	"strings"
)

// predicate returns a condition in parentheses.
func (g *generator) predicate(sc scope, depth int) string {
	if depth > 0 && g.budget > 0 && g.one(4) {
		return g.subquery(sc, depth)
	}
	switch g.rng.IntN(10) {
	case 0:
		return fmt.Sprintf("(%s OR %s)", g.condition(sc), g.predicate(sc, depth-1))
	case 1:
		return fmt.Sprintf("(%s AND %s)", g.condition(sc), g.predicate(sc, depth-1))
	case 2:
		return fmt.Sprintf("(NOT %s)", g.condition(sc))
	case 3:
		return fmt.Sprintf("((%s) IS %s)", g.condition(sc), pick(g, "NOT TRUE", "NOT FALSE", "UNKNOWN", "NOT UNKNOWN", "TRUE"))
	}
	return g.condition(sc)
}

// condition compares values of a type that a column in scope has.
func (g *generator) condition(sc scope) string {
	c := pick(g, sc.local...)
	t := c.typ
	x, y := c.sql, g.leaf(t, sc)
	if x == y {
		y = t.constant(g.rng)
	}
	if g.one(3) {
		x = g.expression(t, scope{local: sc.local}, 0)
	}
	switch g.rng.IntN(12) {
	case 0:
		return fmt.Sprintf("(%s IS NULL)", c.sql)
	case 1, 2:
		return fmt.Sprintf("(%s IS NOT NULL)", c.sql)
	case 3:
		return fmt.Sprintf("(%s IS%s DISTINCT FROM %s)", x, pick(g, "", " NOT"), y)
	case 4:
		return fmt.Sprintf("(%s %sIN (%s, %s, %s))", c.sql, pick(g, "", "NOT "), t.constant(g.rng), t.constant(g.rng), y)
	case 5:
		return fmt.Sprintf("(%s %s %s AND %s)", c.sql, pick(g, "BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC", "BETWEEN SYMMETRIC"), t.constant(g.rng), y)
	case 6:
		if special := g.special(t, sc); special != "" {
			return "(" + special + ")"
		}
	case 7:
		if t == array {
			break // An array of arrays is one array.
		}
		return fmt.Sprintf("(%s = ANY (ARRAY[%s, %s]))", c.sql, x, t.constant(g.rng))
	case 8:
		other := pick(g, sc.local...)
		return fmt.Sprintf("((%s, %s) %s (%s, %s))", c.sql, other.sql, pick(g, "=", "<>", "<", ">="), y, g.leaf(other.typ, sc))
	}
	return fmt.Sprintf("(%s %s %s)", x, pick(g, "=", "<>", "<", "<=", ">", ">=", ">=", "<=", "<>"), y)
}

// special is a condition by a type's own operators, or "".
func (g *generator) special(t *typ, sc scope) string {
	x := g.leaf(t, sc)
	switch t {
	case text, varchar, textC: // Of bpchar LIKE would see the blanks.
		return fmt.Sprintf("%s %s %s", x, pick(g, "LIKE", "NOT LIKE", "ILIKE"), pick(g, "'%a%'", "'_'", "'%b'", "'a%'", `'x\_%'`))
	case boolean:
		return pick(g, x, "NOT "+x)
	case array:
		return fmt.Sprintf("%s %s %s", x, pick(g, "@>", "<@", "&&"), g.leaf(t, sc))
	case json:
		return pick(g, x+" @> '{}'::jsonb", x+" ? 'a'")
	case span:
		return pick(g, x+" @> 2", x+" && '[1,4)'::int4range", "isempty("+x+")")
	}
	return ""
}

// subquery is EXISTS, IN, NOT IN, ANY or ALL.
func (g *generator) subquery(sc scope, depth int) string {
	if g.one(2) {
		from, local := g.inner(depth)
		return fmt.Sprintf("(%sEXISTS (SELECT %s FROM %s%s))", pick(g, "", "NOT "), pick(g, "1", "*", ""), from, g.correlation(local, sc))
	}
	c := pick(g, sc.local...)
	var sql string
	if g.one(4) {
		sql, _ = g.selection(depth-1, []*typ{c.typ}, sc)
	} else {
		from, local := g.inner(depth)
		where := ""
		leaf := g.leaf(c.typ, scope{local: local})
		if g.one(2) {
			where = g.correlation(local, sc)
		} else if !g.one(3) {
			where = " WHERE " + leaf + " IS NOT NULL" // Else NOT IN is hardly ever true.
		}
		sql = fmt.Sprintf("SELECT %s FROM %s%s", leaf, from, where)
	}
	operator := pick(g, "IN", "IN", "IN", "NOT IN", "NOT IN", "= ANY", "<> ALL", "> ANY", "<= ALL", "< ANY")
	return strings.TrimSpace(fmt.Sprintf("(%s %s (%s))", c.sql, operator, sql))
}
