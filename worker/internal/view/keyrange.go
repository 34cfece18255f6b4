package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/sql/row"
)

// keyColumn is a column of a view's result by which ranges can be made: one that a
// btree operator class orders.
type keyColumn struct {
	name    string // quoted
	typ     *row.Type
	base    uint32 // number of the type, of a domain's base type: what bounds are sent as
	collate string // COLLATE clause of a bound, "" for a type without collation
	// Operators, as OPERATOR(schema.name).
	less, equal, atLeast, greater string
	// free: PostgreSQL may show another value than we do, such as a sum of floats in
	// another order, or orders the values by somebody's own functions.
	free bool
}

// keyRange is a part of a view's rows, by columns that are ordered. However rows come
// and go, ranges that follow each other have each row in exactly one of them: NULL is
// a range of its own, and there is one without a lower and one without an upper bound.
//
// The zero keyRange holds all rows.
type keyRange struct {
	fixed []row.Value // values of the first columns; nil is NULL
	// interval: the values of the next column, if not NULL, that lie between the bounds.
	interval bool
	low      row.Value // nil for none
	past     bool      // the values are greater than low, and not low itself
	high     row.Value // the values are less; nil for no bound
}

// condition is the range as a WHERE clause, with a blank before it, and its
// parameters. Bounds go in binary, as they have come: nothing is printed or parsed.
func (k keyRange) condition(columns []keyColumn) (string, *parameters) {
	p := &parameters{}
	var list []string
	bound := func(c keyColumn, operator string, v row.Value) {
		list = append(list, fmt.Sprintf("%s %s %s%s", c.name, operator, p.add(v, c.base), c.collate))
	}
	for i, v := range k.fixed {
		if v == nil {
			// Not IS NULL, which of a composite type asks for its fields.
			list = append(list, columns[i].name+" IS NOT DISTINCT FROM NULL")
			continue
		}
		bound(columns[i], columns[i].equal, v)
	}
	if k.interval {
		c := columns[len(k.fixed)]
		list = append(list, c.name+" IS DISTINCT FROM NULL")
		switch {
		case k.low != nil && k.past:
			bound(c, c.greater, k.low)
		case k.low != nil:
			bound(c, c.atLeast, k.low)
		}
		if k.high != nil {
			bound(c, c.less, k.high)
		}
	}
	if len(list) == 0 {
		return "", p
	}
	return " WHERE " + strings.Join(list, " AND "), p
}

// text shows the range to a person.
func (k keyRange) text(columns []keyColumn) string {
	var list []string
	for i, v := range k.fixed {
		if v == nil {
			list = append(list, columns[i].name+" IS NULL")
			continue
		}
		list = append(list, columns[i].name+" = "+columns[i].typ.Show(v))
	}
	if k.interval {
		c := columns[len(k.fixed)]
		above := " IS NOT NULL"
		switch {
		case k.low != nil && k.past:
			above = " > " + c.typ.Show(k.low)
		case k.low != nil:
			above = " >= " + c.typ.Show(k.low)
		}
		if k.high != nil {
			above += " and < " + c.typ.Show(k.high)
		}
		list = append(list, c.name+above)
	}
	if len(list) == 0 {
		return "all rows"
	}
	return strings.Join(list, ", ")
}

// sure reports whether each row is in the range of the table and of the query, or of
// neither.
func (k keyRange) sure(columns []keyColumn) bool {
	used := len(k.fixed)
	if k.interval {
		used++
	}
	return !slices.ContainsFunc(columns[:used], func(c keyColumn) bool { return c.free })
}
