package lawtest

import (
	"fmt"
	"strings"
)

// grouped returns a SELECT with aggregates over what from says, with or without
// GROUP BY. Everything in it is about local columns: an aggregate of outer ones
// alone would belong to the query around.
func (g *generator) grouped(depth int, want []*typ, from string, sc scope) (string, []column) {
	local := scope{local: sc.local}
	keys, clause, grouping := g.keys(local)
	if want == nil {
		for _, k := range keys {
			want = append(want, k.typ)
		}
		for range 1 + g.rng.IntN(3) {
			want = append(want, g.aggregateType())
		}
	}
	var list []string
	var columns []column
	for i, t := range want {
		list = append(list, fmt.Sprintf("%s AS c%d", g.aggregateOrKey(t, keys, local), i+1))
		columns = append(columns, column{sql: fmt.Sprintf("c%d", i+1), typ: t})
	}
	if grouping != "" && len(list) < 6 && g.one(2) {
		// An extra column would not fit a wanted list, so grouping goes into HAVING.
		clause += fmt.Sprintf(" HAVING %s >= 0", grouping)
	} else if g.one(4) {
		clause += " HAVING " + g.having(keys, local)
	}
	return fmt.Sprintf("SELECT %s FROM %s%s", strings.Join(list, ", "), from, clause), columns
}

// keys returns what a query groups by, the clause, and for grouping sets a call of
// GROUPING.
func (g *generator) keys(sc scope) (keys []column, clause, grouping string) {
	switch g.rng.IntN(6) {
	case 0:
		return nil, "", ""
	case 1:
		return g.groupingSets(sc)
	}
	var list []string
	for range 1 + g.rng.IntN(2) {
		k := pick(g, sc.local...)
		if g.one(4) {
			k.sql = g.expression(k.typ, sc, 0)
		}
		keys, list = append(keys, k), append(list, k.sql)
	}
	// A constant in parentheses is grouped by as a value, not as a position.
	return keys, " GROUP BY (" + strings.Join(list, "), (") + ")", ""
}

// groupingSets groups by several sets of up to three columns.
func (g *generator) groupingSets(sc scope) (keys []column, clause, grouping string) {
	var list []string
	for range 1 + g.rng.IntN(3) {
		k := pick(g, sc.local...)
		keys, list = append(keys, k), append(list, k.sql)
	}
	all := strings.Join(list, ", ")
	clause = pick(g, "ROLLUP ("+all+")", "CUBE ("+all+")", "GROUPING SETS (("+all+"), ("+list[0]+"), ())", list[0]+", ROLLUP ("+all+")",
		"GROUPING SETS (("+list[0]+"), ("+strings.Join(list[len(list)-len(list)/2-len(list)%2:], ", ")+"), ("+all+"))")
	return keys, " GROUP BY " + pick(g, "", "", "DISTINCT ") + clause, "GROUPING(" + list[0] + ")"
}

// aggregateType is the type of a random aggregate.
func (g *generator) aggregateType() *typ {
	return pick(g, bigint, bigint, decimal, decimal, double, text, text, boolean, integer, day, array, g.anyType())
}

// aggregateOrKey is an expression of a type over keys and aggregates.
func (g *generator) aggregateOrKey(t *typ, keys []column, sc scope) string {
	var fit []column
	for _, k := range keys {
		if k.typ == t {
			fit = append(fit, k)
		}
	}
	if len(fit) > 0 && !g.one(4) {
		return pick(g, fit...).sql
	}
	call := g.aggregate(t, sc)
	if call == "" {
		return t.constant(g.rng)
	}
	return call
}

// aggregate is a call that returns the type, or "" if there is none.
func (g *generator) aggregate(t *typ, sc scope) string {
	filter := func(call string) string {
		if g.one(5) {
			call += fmt.Sprintf(" FILTER (WHERE %s)", g.predicate(sc, 0))
		}
		return call
	}
	call := ""
	switch {
	case t == bigint:
		call = filter(g.counts(sc))
	case t == decimal && g.one(2):
		// Rounded, the display scale never grows beyond that of a division, which
		// would then depend on it.
		call = fmt.Sprintf("round(%s, 6)", filter(g.decimals(sc)))
	case t == double && g.one(2):
		call = filter(fmt.Sprintf("sum(%s)", g.expression(t, sc, 0)))
		if g.one(2) {
			// Again a multiple of 1/8.
			call = fmt.Sprintf("floor(%s * 8) / 8", filter(fmt.Sprintf("avg(%s)", g.expression(t, sc, 0))))
		}
	case t == text && g.one(2):
		x := g.expression(text, sc, 0)
		call = filter(fmt.Sprintf("string_agg(%s%s, ',' ORDER BY %s)", g.distinct(), x, x))
	case t == boolean:
		call = filter(fmt.Sprintf("%s(%s)", pick(g, "bool_and", "bool_or", "every"), g.predicate(sc, 0)))
	case t == array && g.one(2):
		x := g.expression(integer, sc, 0)
		call = filter(fmt.Sprintf("array_agg(%s%s ORDER BY %s%s)", g.distinct(), x, x, pick(g, "", " DESC", " NULLS FIRST")))
	case t == integer && g.one(3):
		call = filter(fmt.Sprintf("%s(%s)", pick(g, "bit_and", "bit_or"), g.expression(t, sc, 0)))
	case t == integer && g.one(4):
		return fmt.Sprintf("percentile_disc(%s) WITHIN GROUP (ORDER BY %s)", pick(g, "0.5", "0", "0.9"), g.expression(t, sc, 0))
	case t.ordered:
		call = filter(fmt.Sprintf("%s(%s)", pick(g, "min", "max"), g.expression(t, sc, 0)))
	default:
		return ""
	}
	if t.ordered && !strings.HasPrefix(call, "string_agg") {
		call = fmt.Sprintf("(%s)::%s", call, t.name)
	}
	return call
}

// decimals is an aggregate of type numeric.
func (g *generator) decimals(sc scope) string {
	if g.one(2) {
		return fmt.Sprintf("%s(%s%s)", pick(g, "avg", "sum"), g.distinct(), g.expression(pick(g, decimal, money2), sc, 0))
	}
	return fmt.Sprintf("%s(%s%s)", pick(g, "avg", "avg", "var_pop", "var_samp", "stddev_pop"), g.distinct(), g.expression(pick(g, integer, bigint, smallint), sc, 0))
}

// counts is an aggregate of type int8 that counts or sums.
func (g *generator) counts(sc scope) string {
	switch g.rng.IntN(4) {
	case 0:
		return "count(*)"
	case 1:
		return fmt.Sprintf("sum(%s%s)", g.distinct(), g.expression(pick(g, integer, smallint), sc, 0))
	}
	return fmt.Sprintf("count(%s%s)", g.distinct(), g.expression(pick(g, sc.local...).typ, sc, 0))
}

func (g *generator) distinct() string { return pick(g, "", "", "", "DISTINCT ") }

// having is a condition over aggregates that most groups meet.
func (g *generator) having(keys []column, sc scope) string {
	if len(keys) > 0 && g.one(3) {
		return pick(g, keys...).sql + " IS NOT NULL"
	}
	return fmt.Sprintf("%s %s", g.counts(sc), pick(g, ">= 1", "> 1", "<> 3", "IS NOT NULL", "< 40"))
}
