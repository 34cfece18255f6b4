package plan

import (
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

// The aggregates array_agg of anything, and of arrays.
const (
	arrayAgg      = 2335
	arrayAggArray = 4053
)

// array adds ARRAY(subquery): array_agg over its rows, in their order, and an empty
// array instead of NULL where there are none.
func (p *compiler) array(s *scope, rel node, sub *tree.SubLink) (node, tree.Expr, error) {
	t := sub.Result()
	if t.OID == 0 {
		return nil, nil, refuse(sub.Location, "use array_agg", "ARRAY(subquery) of a type that is not PostgreSQL's own")
	}
	q := withJunk(sub.Query)
	res, d, err := p.over(s, rel, q)
	if err != nil {
		return nil, nil, err
	}
	element := res.out[0] // the one that is selected comes before those of ORDER BY
	agg := p.arrayAggregate(q, res.out)
	agg.Type, agg.Location = t, sub.Location
	typ, err := p.rowType(p.columns[element])
	if err != nil {
		return nil, nil, err
	}
	elem := typ.OID
	if typ.Kind == row.Array {
		agg.Function, elem = arrayAggArray, typ.Elem.OID
	}
	c := &call{id: p.newCol(t), agg: agg, filter: noCol}
	g := &group{in: res.rel, keys: p.byBytes(res.domain), calls: []*call{c}, domain: p.unitNode}
	if d != nil {
		g.domain = d.rel
	}
	right, fresh := p.renamed(g, append(append([]col{}, res.domain...), c.id))
	n := len(res.domain)
	joined := &join{left: rel, right: right, keys: identical(d.outerColumns(), fresh[:n])}
	empty := constant(t, emptyArray(elem))
	return joined, &tree.Coalesce{Type: t, Args: []tree.Expr{p.ref(fresh[n]), empty}, Location: -1}, nil
}

// withJunk is a query whose targets are all in the result, those for ORDER BY too.
func withJunk(q *tree.Query) *tree.Query {
	c := *q
	c.Targets = nil
	for _, t := range q.Targets {
		shown := *t
		shown.Junk = false
		c.Targets = append(c.Targets, &shown)
	}
	return &c
}

// arrayAggregate is array_agg of the query's first column in the query's order.
func (p *compiler) arrayAggregate(q *tree.Query, out []col) *tree.Aggregate {
	agg := &tree.Aggregate{Function: arrayAgg, Kind: 'n', ArgTypes: []uint32{p.columns[out[0]].OID}, Order: q.Sort}
	for i, t := range q.Targets {
		agg.Args = append(agg.Args, &tree.Target{Expr: p.ref(out[i]), Number: i + 1, Ref: t.Ref, Junk: i > 0})
	}
	return agg
}

// emptyArray is the value of an array without elements: no dimensions, no NULLs, and
// the element type.
func emptyArray(elem uint32) row.Value {
	return row.Value{0, 0, 0, 0, 0, 0, 0, 0, byte(elem >> 24), byte(elem >> 16), byte(elem >> 8), byte(elem)}
}
