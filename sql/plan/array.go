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
	if len(sub.Query.Sort) > 0 {
		return nil, nil, refuse(sub.Location, "use array_agg(… ORDER BY …)", "ARRAY(subquery) with ORDER BY")
	}
	res, d, err := p.over(s, rel, sub.Query)
	if err != nil {
		return nil, nil, err
	}
	element := res.out[0]
	agg := &tree.Aggregate{
		Function: arrayAgg, Type: t, Kind: 'n', Location: sub.Location,
		ArgTypes: []uint32{p.columns[element].OID},
		Args:     []*tree.Target{{Expr: p.ref(element), Number: 1}},
	}
	typ, err := p.rowType(p.columns[element])
	if err != nil {
		return nil, nil, err
	}
	if typ.Kind == row.Array {
		agg.Function = arrayAggArray
	}
	c := &call{id: p.newCol(t), agg: agg, filter: noCol}
	g := &group{in: res.rel, keys: p.byBytes(res.domain), calls: []*call{c}, domain: p.unitNode}
	if d != nil {
		g.domain = d.rel
	}
	right, fresh := p.renamed(g, append(append([]col{}, res.domain...), c.id))
	n := len(res.domain)
	joined := &join{left: rel, right: right, keys: identical(d.outerColumns(), fresh[:n])}
	empty := constant(t, emptyArray(typ.OID))
	return joined, &tree.Coalesce{Type: t, Args: []tree.Expr{p.ref(fresh[n]), empty}, Location: -1}, nil
}

// emptyArray is the value of an array without elements: no dimensions, no NULLs, and
// the element type.
func emptyArray(elem uint32) row.Value {
	return row.Value{0, 0, 0, 0, 0, 0, 0, 0, byte(elem >> 24), byte(elem >> 16), byte(elem >> 8), byte(elem)}
}
