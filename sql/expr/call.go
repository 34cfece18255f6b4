package expr

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// run computes a function. No argument is NULL: all native functions are strict.
// The result may alias an argument, or be in the buffer of the call.
type run func(b *buffer, args []row.Value) (row.Value, error)

// builder makes the computation of a call that depends on more than its values: on
// constant arguments, the collation, a type, or the version.
type builder func(s *site) (run, error)

// function is a built-in function of PostgreSQL that we compute.
type function struct {
	oid       uint32 // the same in all versions that we support
	signature string // name(argument types), as in pg_proc: a test compares it
	run       run
	build     builder     // instead of run
	compare   *comparison // instead of run
	swap      bool        // the arguments are wanted in the other order
}

// functions is every native function by OID.
var functions = index(comparisonFunctions, integerFunctions, floatFunctions, numericFunctions,
	textFunctions, timeFunctions, castFunctions)

func index(tables ...[]function) map[uint32]*function {
	m := map[uint32]*function{}
	for _, table := range tables {
		for i := range table {
			f := &table[i]
			if m[f.oid] != nil {
				panic(fmt.Sprintf("expr: function %d is both %s and %s", f.oid, m[f.oid].signature, f.signature))
			}
			m[f.oid] = f
		}
	}
	return m
}

// site is one call of a function.
type site struct {
	catalog   schema.Catalog
	args      []tree.Expr
	nodes     []node
	collation uint32
}

// constant returns the value of an argument that is constant and not NULL.
func (s *site) constant(i int) (row.Value, bool) {
	c, ok := s.nodes[i].(*constant)
	if !ok || c.value == nil {
		return nil, false
	}
	return c.value, true
}

// version returns the server's major version.
func (s *site) version() (int, error) {
	v, ok := s.catalog.(Versioned)
	if !ok {
		return 0, notNative("the server's version is not known")
	}
	return v.Version(), nil
}

// op compiles an operator, IS DISTINCT FROM and NULLIF.
func (c *compiler) op(e *tree.Op) (node, error) {
	args, err := c.list(e.Args)
	if err != nil {
		return nil, err
	}
	function, err := c.functionOf(e.Operator, e.Function)
	if err != nil {
		return nil, err
	}
	compute, args, err := c.native(function, e.Args, args, e.InputCollation)
	if err != nil {
		return nil, err
	}
	switch e.Kind {
	case tree.OpPlain:
		return newCall(compute, args), nil
	case tree.OpDistinct:
		return fold(&distinct{call{run: compute, args: args, values: make([]row.Value, 2)}}, args...), nil
	case tree.OpNullIf:
		return fold(&nullIf{call{run: compute, args: args, values: make([]row.Value, 2)}}, args...), nil
	default:
		return nil, notNative("operator call of kind %d", e.Kind)
	}
}

// functionOf returns an operator's function; the tree of a rule need not have it.
func (c *compiler) functionOf(operator, function uint32) (uint32, error) {
	if function != 0 {
		return function, nil
	}
	o, err := c.catalog.Operator(operator)
	if err != nil {
		return 0, fmt.Errorf("expr: compile: %w", err)
	}
	return o.Function, nil
}

// call compiles a function call.
func (c *compiler) call(e *tree.Call) (node, error) {
	if e.ReturnsSet || e.Variadic {
		return nil, notNative("call of function %d", e.Function)
	}
	if functions[e.Function] == nil {
		return nil, notNative("function %d", e.Function)
	}
	args, err := c.list(e.Args)
	if err != nil {
		return nil, err
	}
	compute, args, err := c.native(e.Function, e.Args, args, e.InputCollation)
	if err != nil {
		return nil, err
	}
	return newCall(compute, args), nil
}

// native returns the computation of a function with these arguments, and their
// nodes in the order that it wants.
func (c *compiler) native(oid uint32, args []tree.Expr, nodes []node, collation uint32) (run, []node, error) {
	f := functions[oid]
	if f == nil {
		return nil, nil, notNative("function %d", oid)
	}
	if f.swap {
		nodes = []node{nodes[1], nodes[0]}
		args = []tree.Expr{args[1], args[0]}
	}
	s := &site{catalog: c.catalog, args: args, nodes: nodes, collation: collation}
	var compute run
	var err error
	switch {
	case f.compare != nil:
		compute, err = f.compare.run(s)
	case f.build != nil:
		compute, err = f.build(s)
	default:
		compute = f.run
	}
	return compute, nodes, err
}

// newCall makes the node of a strict call. As in PostgreSQL's planner, a constant
// NULL among the arguments makes it NULL without evaluating the others.
func newCall(compute run, args []node) node {
	for _, a := range args {
		if k, ok := a.(*constant); ok && k.value == nil {
			return k
		}
	}
	return fold(&call{run: compute, args: args, values: make([]row.Value, len(args))}, args...)
}

// call is a call of a strict function.
type call struct {
	run    run
	args   []node
	values []row.Value
	buffer buffer
}

func (n *call) eval(in []row.Value) (row.Value, error) {
	null, err := n.evalArgs(in)
	if err != nil || null {
		return nil, err
	}
	return n.run(&n.buffer, n.values)
}

// evalArgs evaluates all arguments, and reports whether one is NULL.
func (n *call) evalArgs(in []row.Value) (null bool, err error) {
	for i, a := range n.args {
		if n.values[i], err = a.eval(in); err != nil {
			return false, err
		}
		null = null || n.values[i] == nil
	}
	return null, nil
}

// distinct is IS DISTINCT FROM: NULL is equal to NULL only. Its function is "=".
type distinct struct{ call }

func (n *distinct) eval(in []row.Value) (row.Value, error) {
	null, err := n.evalArgs(in)
	if err != nil {
		return nil, err
	}
	if null {
		return boolValue(n.values[0] != nil || n.values[1] != nil), nil
	}
	equal, err := n.run(&n.buffer, n.values)
	if err != nil {
		return nil, err
	}
	return boolValue(isFalse(equal)), nil
}

// nullIf is NULLIF: NULL if both are equal, else the first. Its function is "=".
type nullIf struct{ call }

func (n *nullIf) eval(in []row.Value) (row.Value, error) {
	null, err := n.evalArgs(in)
	switch {
	case err != nil:
		return nil, err
	case null:
		return n.values[0], nil
	}
	equal, err := n.run(&n.buffer, n.values)
	if err != nil || isTrue(equal) {
		return nil, err
	}
	return n.values[0], nil
}
