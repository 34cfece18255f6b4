package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// setOperation compiles a query that is a UNION, INTERSECT or EXCEPT.
func (p *compiler) setOperation(s *scope) (*result, error) {
	top, ok := s.query.SetOperation.(*tree.SetOperation)
	if !ok {
		return nil, fmt.Errorf("plan: a set operation of a single item")
	}
	rel, ids, err := p.setItem(s, top, nil)
	if err != nil {
		return nil, err
	}
	n := len(s.domain.columns())
	res := &result{rel: rel, domain: ids[:n:n], out: ids[n:]}
	if !top.All {
		res.key = positions(len(res.out))
	}
	return res, nil
}

// setItem compiles an item of a set operation: the domain's columns and then the
// item's, converted to the column types of the operation around it, if there is one.
func (p *compiler) setItem(s *scope, i tree.SetItem, around *tree.SetOperation) (node, []col, error) {
	var rel node
	var ids []col
	n := len(s.domain.columns())
	switch i := i.(type) {
	case *tree.RangeRef:
		var d *domain
		if s.domain != nil {
			d = p.identity(s.domain.rel)
		}
		res, err := p.query(s.query.RangeTable[i.Index-1].Subquery, s, d)
		if err != nil {
			return nil, nil, err
		}
		rel, ids = res.rel, slices.Concat(res.domain, res.out)
	case *tree.SetOperation:
		var err error
		if rel, ids, err = p.combine(s, i, n); err != nil {
			return nil, nil, err
		}
	default:
		return nil, nil, fmt.Errorf("plan: set operation item %T", i)
	}
	if around == nil {
		return rel, ids, nil
	}
	if have := len(ids) - n; have != min(len(around.ColTypes), len(around.ColMods), len(around.ColCollations)) {
		return nil, nil, fmt.Errorf("plan: set operation of %d columns with an item of %d", len(around.ColTypes), have)
	}
	out, fresh := &project{in: rel}, make([]col, len(ids))
	for k, id := range ids {
		e, t := p.ref(id), p.columns[id]
		if k >= n {
			t = tree.TypeRef{OID: around.ColTypes[k-n], Mod: around.ColMods[k-n], Collation: around.ColCollations[k-n]}
			var err error
			if e, err = p.coerced(e, t); err != nil {
				return nil, nil, err
			}
		}
		fresh[k] = p.newCol(t)
		out.items = append(out.items, item{fresh[k], e})
	}
	return out, fresh, nil
}

// combine applies one set operation. The first n columns are the domain's.
func (p *compiler) combine(s *scope, o *tree.SetOperation, n int) (node, []col, error) {
	left, from, err := p.setItem(s, o.Left, o)
	if err != nil {
		return nil, nil, err
	}
	right, other, err := p.setItem(s, o.Right, o)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]col, len(from))
	keys := p.byBytes(ids)
	for i, id := range from {
		ids[i] = p.newCol(p.columns[id])
		keys[i] = groupKey{id: ids[i], bytes: i < n}
		if i < n || o.Kind == tree.Union && o.All {
			continue
		}
		if _, err := p.equatable(id, setNames[o.Kind]); err != nil {
			return nil, nil, err
		}
	}
	if o.Kind != tree.Union {
		return &setop{kind: o.Kind, all: o.All, left: left, right: right, columns: ids, domain: n}, ids, nil
	}
	u := &union{ins: []node{left, right}, from: [][]col{from, other}, columns: ids}
	if o.All {
		return u, ids, nil
	}
	return &distinct{in: u, keys: keys}, ids, nil
}

var setNames = map[tree.SetKind]string{tree.Union: "UNION", tree.Intersect: "INTERSECT", tree.Except: "EXCEPT"}

// coercions is the implicit casts among PostgreSQL's own types that UNION leaves to the
// planner, from and to by OID; the function 0 is for a cast that changes no bits.
var coercions = map[[2]uint32]uint32{
	{21, 23}: 313, {21, 20}: 754, {23, 20}: 481,
	{21, 1700}: 1782, {23, 1700}: 1740, {20, 1700}: 1781,
	{21, 700}: 236, {23, 700}: 318, {20, 700}: 652,
	{21, 701}: 235, {23, 701}: 316, {20, 701}: 482, {700, 701}: 311,
	{1700, 700}: 1745, {1700, 701}: 1746,
	{1082, 1114}: 2024, {1082, 1184}: 1174, {1114, 1184}: 2028,
	{1083, 1186}: 1370, {1083, 1266}: 2047,
	{1042, 25}: 401, {1042, 1043}: 401, {18, 25}: 946, {19, 25}: 406,
	{1043, 25}: 0, {25, 1043}: 0, {650, 869}: 0, {1560, 1562}: 0,
}

// coerced converts an expression to a type that a set operation chose.
func (p *compiler) coerced(e tree.Expr, to tree.TypeRef) (tree.Expr, error) {
	from := e.Result()
	if from == to {
		return e, nil
	}
	relabel := &tree.Relabel{Arg: e, Type: to, Form: tree.CastImplicit, Location: -1}
	if from.OID == to.OID {
		return relabel, nil
	}
	function, ok := coercions[[2]uint32{from.OID, to.OID}]
	if !ok {
		a, err := p.rowType(from)
		if err != nil {
			return nil, err
		}
		b, err := p.rowType(to)
		if err != nil {
			return nil, err
		}
		if schema.InCatalog(from.OID) || a.Kind == row.Opaque || a.BaseName != b.Name {
			return nil, refuse(-1, "cast the columns to one type", "a set operation of types %s and %s", a.Name, b.Name)
		}
		return relabel, nil // a domain to its base type
	}
	if function == 0 {
		return relabel, nil
	}
	p.settings = p.settings || to.OID == 1184
	cast := &tree.Call{Function: function, Type: to, Form: tree.CastImplicit, Args: []tree.Expr{e}, Location: -1}
	return cast, nil
}
