package plan

import (
	"slices"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// equality is a condition left = right by the default equality of one type, or with
// nullSafe left IS NOT DISTINCT FROM right.
type equality struct {
	left, right tree.Expr
	nullSafe    bool
}

// equalityOf is the equality that a condition is, or nil if it is none that a join can
// use as its key.
func (p *compiler) equalityOf(e tree.Expr) (*equality, error) {
	op, nullSafe := e, false
	if b, ok := e.(*tree.Bool); ok && b.Op == tree.Not {
		op, nullSafe = b.Args[0], true
	}
	o, ok := op.(*tree.Op)
	if !ok || len(o.Args) != 2 || nullSafe != (o.Kind == tree.OpDistinct) || o.Kind == tree.OpNullIf {
		return nil, nil
	}
	ok, err := p.defaultEquality(o.Operator)
	if err != nil || !ok {
		return nil, err
	}
	q := &equality{left: o.Args[0], right: o.Args[1], nullSafe: nullSafe}
	left, err := p.comparedType(q.left, o.InputCollation)
	if err != nil {
		return nil, err
	}
	right, err := p.comparedType(q.right, o.InputCollation)
	if err != nil {
		return nil, err
	}
	if !left.Equatable() || !right.Equatable() {
		return nil, nil
	}
	if !sameFamily(left, right) {
		if wide, ok := widest(left.Kind, right.Kind); ok {
			q.left, q.right = widened(q.left, left.Kind, wide), widened(q.right, right.Kind, wide)
			return q, nil
		}
		return nil, nil
	}
	return q, nil
}

// defaultEquality reports whether an operator is the = of PostgreSQL's own types.
func (p *compiler) defaultEquality(oid uint32) (bool, error) {
	if !schema.InCatalog(oid) {
		return false, nil
	}
	op, err := p.catalog.Operator(oid)
	if err != nil {
		return false, err
	}
	return op.Schema == "pg_catalog" && op.Name == "=" && (op.Hashable || op.Mergeable), nil
}

// comparedType is the type of an operand, with the collation that it is compared by.
func (p *compiler) comparedType(e tree.Expr, collation uint32) (*row.Type, error) {
	t := e.Result()
	if collation != 0 {
		t.Collation = collation
	}
	return p.rowType(t)
}

// sameFamily reports whether values of two types have equal keys when they are equal.
func sameFamily(a, b *row.Type) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case row.Array:
		return a.Elem != nil && b.Elem != nil && sameFamily(a.Elem, b.Elem)
	case row.Composite:
		return slices.EqualFunc(a.Fields, b.Fields, sameFamily)
	case row.Enum, row.Range, row.Multirange, row.Opaque:
		return a.BaseName == b.BaseName
	}
	return true
}

// The functions that widen a number without changing its value.
var widening = map[[2]row.Kind]uint32{
	{row.Int2, row.Int8}:     754,
	{row.Int4, row.Int8}:     481,
	{row.Float4, row.Float8}: 311,
}

// The OIDs of the types that numbers are widened to.
const (
	int8Type   = 20
	float8Type = 701
	boolType   = 16
	int4Type   = 23
)

// widest is the kind that values of two kinds are compared in.
func widest(a, b row.Kind) (row.Kind, bool) {
	integer := func(k row.Kind) bool { return k == row.Int2 || k == row.Int4 || k == row.Int8 }
	float := func(k row.Kind) bool { return k == row.Float4 || k == row.Float8 }
	switch {
	case integer(a) && integer(b):
		return row.Int8, true
	case float(a) && float(b):
		return row.Float8, true
	}
	return 0, false
}

// widened casts a number.
func widened(e tree.Expr, from, to row.Kind) tree.Expr {
	function, ok := widening[[2]row.Kind{from, to}]
	if !ok {
		return e
	}
	t := tree.TypeRef{OID: int8Type, Mod: -1}
	if to == row.Float8 {
		t.OID = float8Type
	}
	return &tree.Call{Function: function, Type: t, Form: tree.CastImplicit, Args: []tree.Expr{e}, Location: -1}
}

// connects reports whether one side of the equality is over a and the other over b.
func (q *equality) connects(a, b []col) bool {
	left, right := columnsOf(nil, q.left), columnsOf(nil, q.right)
	if len(left) == 0 || len(right) == 0 {
		return false
	}
	return contains(a, left) && contains(b, right) || contains(b, left) && contains(a, right)
}

// oriented is the equality with the side over a on the left.
func (q *equality) oriented(a []col) equality {
	if contains(a, columnsOf(nil, q.left)) {
		return *q
	}
	return equality{q.right, q.left, q.nullSafe}
}

// conjuncts takes a condition apart at AND. Of an OR whose arms all have some
// condition in common, that condition is one too: A∧B ∨ A∧C is A ∧ (B ∨ C), also with
// unknown.
func conjuncts(e tree.Expr) []tree.Expr {
	b, ok := e.(*tree.Bool)
	switch {
	case e == nil:
		return nil
	case ok && b.Op == tree.And:
		var out []tree.Expr
		for _, a := range b.Args {
			out = append(out, conjuncts(a)...)
		}
		return out
	case ok && b.Op == tree.Or && len(subqueries(e)) == 0:
		return factored(b)
	}
	return []tree.Expr{e}
}

// factored takes what is common to all arms out of an OR.
func factored(or *tree.Bool) []tree.Expr {
	arms := make([][]tree.Expr, len(or.Args))
	texts := make([][]string, len(or.Args))
	for i, a := range or.Args {
		arms[i] = conjuncts(a)
		for _, c := range arms[i] {
			texts[i] = append(texts[i], printed(c, nil))
		}
	}
	var common []tree.Expr
	var names []string
	for i, text := range texts[0] {
		everywhere := !slices.ContainsFunc(texts, func(t []string) bool { return !slices.Contains(t, text) })
		if everywhere && !slices.Contains(names, text) {
			common, names = append(common, arms[0][i]), append(names, text)
		}
	}
	if len(common) == 0 {
		return []tree.Expr{or}
	}
	rest := &tree.Bool{Op: tree.Or, Location: or.Location}
	for i, arm := range arms {
		var left []tree.Expr
		for k, c := range arm {
			if !slices.Contains(names, texts[i][k]) {
				left = append(left, c)
			}
		}
		if len(left) == 0 {
			return common // an arm is no more than what is common
		}
		rest.Args = append(rest.Args, conjunction(left))
	}
	return append(common, rest)
}

// conjunction is the AND of conditions.
func conjunction(conds []tree.Expr) tree.Expr {
	if len(conds) == 1 {
		return conds[0]
	}
	return &tree.Bool{Op: tree.And, Args: conds, Location: -1}
}
