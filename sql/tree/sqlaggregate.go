package tree

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/sql/schema"
)

// AggregateSQL prints an aggregate call over columns, as [SQL] prints expressions.
// lastOrder, if not empty, is appended to the call's ORDER BY, or becomes it, so that
// the result does not depend on the order of the rows; not to one with DISTINCT,
// WITHIN GROUP or *, where PostgreSQL allows no such order.
func AggregateSQL(a *Aggregate, c schema.Catalog, column func(i int) string, lastOrder string) (string, error) {
	p := &printer{c: c, column: column}
	name, err := p.function(a.Function)
	if err != nil {
		return "", err
	}
	var text string
	if a.Kind == 'n' {
		text, err = p.aggregate(a, name, lastOrder)
	} else {
		text, err = p.orderedSet(a, name)
	}
	if err != nil || a.Filter == nil {
		return text, err
	}
	filter, err := p.expr(a.Filter)
	return fmt.Sprintf("%s FILTER (WHERE %s)", text, filter.text), err
}

// aggregate prints name(DISTINCT args ORDER BY …).
func (p *printer) aggregate(a *Aggregate, name, lastOrder string) (string, error) {
	if a.Star {
		return name + "(*)", nil
	}
	items, err := p.targets(a)
	if err != nil {
		return "", err
	}
	var args []piece
	for i, t := range a.Args {
		if t.Junk {
			continue
		}
		if n := t.Number - 1; n != len(args) {
			return "", refuse("arguments of an aggregate out of order")
		}
		args = append(args, items[i])
	}
	if _, err := p.settle(a.InputCollation, args); err != nil {
		return "", err
	}
	copy(items, args) // the junk ones are behind; ORDER BY must show an argument as it was printed
	order, err := p.orderBy(a, items)
	if err != nil {
		return "", err
	}
	if len(a.Distinct) == 0 && lastOrder != "" {
		order = append(order, lastOrder)
	}
	for i, t := range a.Args[:len(args)] {
		if n, ok := t.Expr.(*Named); ok {
			args[i].text = quoteName(n.Name) + " => " + args[i].text
		}
	}
	if a.Variadic && len(args) > 0 {
		args[len(args)-1].text = "VARIADIC " + args[len(args)-1].text
	}
	text := join(args, ", ")
	if len(a.Distinct) > 0 {
		text = "DISTINCT " + text
	}
	if len(order) > 0 {
		text += " ORDER BY " + strings.Join(order, ", ")
	}
	return name + "(" + text + ")", nil
}

// targets prints all arguments. One that is sorted, or made distinct, by a collation
// other than the default says so.
func (p *printer) targets(a *Aggregate) ([]piece, error) {
	items := make([]piece, len(a.Args))
	for i, t := range a.Args {
		e := t.Expr
		if n, ok := e.(*Named); ok {
			e = n.Arg
		}
		one, err := p.exprs([]Expr{e})
		if err != nil {
			return nil, err
		}
		sorted := slices.ContainsFunc(slices.Concat(a.Order, a.Distinct), func(s *SortGroup) bool { return s.Ref == t.Ref })
		if sorted && t.Ref != 0 {
			if _, err := p.settle(one[0].collation, one); err != nil {
				return nil, err
			}
		}
		items[i] = one[0]
	}
	return items, nil
}

// orderBy prints the items of ORDER BY with their operators.
func (p *printer) orderBy(a *Aggregate, items []piece) ([]string, error) {
	var out []string
	for _, s := range a.Order {
		at := slices.IndexFunc(a.Args, func(t *Target) bool { return t.Ref == s.Ref })
		if at < 0 || s.Ref == 0 {
			return nil, refuse("ORDER BY of an aggregate without its expression")
		}
		operator, err := p.operator(s.Order)
		if err != nil {
			return nil, err
		}
		nulls := "LAST"
		if s.NullsFirst {
			nulls = "FIRST"
		}
		out = append(out, fmt.Sprintf("%s USING %s NULLS %s", items[at].text, operator, nulls))
	}
	return out, nil
}

// orderedSet prints name(direct) WITHIN GROUP (ORDER BY …).
func (p *printer) orderedSet(a *Aggregate, name string) (string, error) {
	direct, _, err := p.arguments(a.Direct, a.Variadic && len(a.Direct) > 0, 0)
	if err != nil {
		return "", err
	}
	items, err := p.targets(a)
	if err != nil {
		return "", err
	}
	order, err := p.orderBy(a, items)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s(%s) WITHIN GROUP (ORDER BY %s)", name, join(direct, ", "), strings.Join(order, ", ")), nil
}
