package expr

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// compiler turns expressions into nodes.
type compiler struct {
	catalog schema.Catalog
	subject *slot // what a CaseTest reads; nil outside CASE
}

// compile compiles one expression.
func (c *compiler) compile(e tree.Expr) (node, error) {
	switch e := e.(type) {
	case *tree.Column:
		if e.Index < 0 {
			return nil, fmt.Errorf("expr: compile: column %d", e.Index)
		}
		return &column{e.Index}, nil
	case *tree.Const:
		return compileConst(e)
	case *tree.Op:
		return c.op(e)
	case *tree.Call:
		return c.call(e)
	case *tree.Bool:
		return c.boolean(e)
	case *tree.ScalarArray:
		return c.scalarArray(e)
	case *tree.RowCompare:
		return c.rowCompare(e)
	case *tree.MinMax:
		return c.minMax(e)
	case *tree.Relabel:
		return c.relabel(e)
	case *tree.IOCast:
		return c.ioCast(e)
	case *tree.Array:
		return c.array(e)
	case *tree.ArrayCast:
		return c.arrayCast(e)
	case *tree.Collate:
		return c.compile(e.Arg)
	default:
		return c.compileChoice(e)
	}
}

// compileChoice compiles the expressions that test or choose among values.
func (c *compiler) compileChoice(e tree.Expr) (node, error) {
	switch e := e.(type) {
	case *tree.Case:
		return c.caseOf(e)
	case *tree.CaseTest:
		if c.subject == nil {
			return nil, notNative("a placeholder outside CASE")
		}
		return c.subject, nil
	case *tree.Coalesce:
		return c.coalesce(e)
	case *tree.NullTest:
		return c.nullTest(e)
	case *tree.BooleanTest:
		return c.booleanTest(e)
	default:
		return nil, notNative("%T", e)
	}
}

// list compiles several expressions.
func (c *compiler) list(exprs []tree.Expr) ([]node, error) {
	nodes := make([]node, len(exprs))
	for i, e := range exprs {
		var err error
		if nodes[i], err = c.compile(e); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// compileConst compiles a constant, which must have been decoded.
func compileConst(e *tree.Const) (node, error) {
	if e.Null {
		return &constant{}, nil
	}
	if e.Value == nil {
		return nil, fmt.Errorf("expr: compile: constant of type %d is not decoded", e.Type.OID)
	}
	return &constant{e.Value}, nil
}

// constants returns the values of nodes that are all constant.
func constants(nodes []node) ([]row.Value, bool) {
	values := make([]row.Value, len(nodes))
	for i, n := range nodes {
		c, ok := n.(*constant)
		if !ok {
			return nil, false
		}
		values[i] = c.value
	}
	return values, true
}

// fold evaluates a node whose operands are constant. One that fails stays as it
// is, to fail for every row that gets there.
func fold(n node, operands ...node) node {
	if _, ok := constants(operands); !ok {
		return n
	}
	v, err := n.eval(nil)
	if err != nil {
		return n
	}
	return &constant{clone(v)}
}

// clone copies a value out of the buffer that it may be in.
func clone(v row.Value) row.Value {
	if v == nil {
		return nil
	}
	return append(row.Value{}, v...)
}

// relabel compiles a cast that keeps PostgreSQL's bytes in memory. Its binary
// format may change nevertheless (cidr to inet, citext to text), so only types
// that are known to share it are native.
func (c *compiler) relabel(e *tree.Relabel) (node, error) {
	if from, to := e.Arg.Result(), e.Type; from.OID != to.OID {
		same, err := c.sameFormat(from, to)
		if err != nil {
			return nil, err
		}
		if !same {
			return nil, notNative("cast from type %d to type %d", from.OID, to.OID)
		}
	}
	return c.compile(e.Arg)
}

// sameFormat reports whether binary coercible types have one binary format.
func (c *compiler) sameFormat(from, to tree.TypeRef) (bool, error) {
	f, err := c.catalog.Type(from.OID, from.Mod, from.Collation)
	if err != nil {
		return false, fmt.Errorf("expr: compile: %w", err)
	}
	t, err := c.catalog.Type(to.OID, to.Mod, to.Collation)
	if err != nil {
		return false, fmt.Errorf("expr: compile: %w", err)
	}
	if f.Kind == row.Opaque || f.Kind == row.Inet {
		return false, nil
	}
	textual := func(k row.Kind) bool { return k == row.Text || k == row.Bpchar }
	number := func(k row.Kind) bool { return k == row.Int4 || k == row.OID }
	return f.Kind == t.Kind || textual(f.Kind) && textual(t.Kind) || number(f.Kind) && number(t.Kind), nil
}
