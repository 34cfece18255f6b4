package expr

import (
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

// The two values of a boolean that is not NULL. Nobody writes to them.
var (
	falseValue = row.Value{0}
	trueValue  = row.Value{1}
)

func boolValue(b bool) row.Value {
	if b {
		return trueValue
	}
	return falseValue
}

func isTrue(v row.Value) bool { return v != nil && v[0] != 0 }

func isFalse(v row.Value) bool { return v != nil && v[0] == 0 }

// boolean compiles AND, OR and NOT.
func (c *compiler) boolean(e *tree.Bool) (node, error) {
	args, err := c.list(e.Args)
	if err != nil {
		return nil, err
	}
	if e.Op == tree.Not {
		return fold(&not{args[0]}, args...), nil
	}
	return fold(&connective{args: args, decided: e.Op == tree.Or}, args...), nil
}

// not is NOT.
type not struct{ arg node }

func (n *not) eval(in []row.Value) (row.Value, error) {
	v, err := n.arg.eval(in)
	if err != nil || v == nil {
		return nil, err
	}
	return boolValue(isFalse(v)), nil
}

// connective is AND or OR: an operand equal to decided decides the result, whatever
// the other operands are, and even if they fail.
type connective struct {
	args    []node
	decided bool
}

func (n *connective) eval(in []row.Value) (row.Value, error) {
	var failed error
	null := false
	for _, arg := range n.args {
		v, err := arg.eval(in)
		switch {
		case err != nil:
			if failed == nil {
				failed = err
			}
		case v == nil:
			null = true
		case isTrue(v) == n.decided:
			return v, nil
		}
	}
	if failed != nil || null {
		return nil, failed
	}
	return boolValue(!n.decided), nil
}

// nullTest compiles IS [NOT] NULL of one value; of a row, field by field, it is
// not native.
func (c *compiler) nullTest(e *tree.NullTest) (node, error) {
	if e.OfRow {
		return nil, notNative("IS NULL of a row")
	}
	arg, err := c.compile(e.Arg)
	if err != nil {
		return nil, err
	}
	return fold(&nullTest{arg, e.Not}, arg), nil
}

// nullTest is IS NULL, or IS NOT NULL.
type nullTest struct {
	arg node
	not bool
}

func (n *nullTest) eval(in []row.Value) (row.Value, error) {
	v, err := n.arg.eval(in)
	if err != nil {
		return nil, err
	}
	return boolValue((v == nil) != n.not), nil
}

// booleanTest compiles IS [NOT] TRUE, FALSE or UNKNOWN.
func (c *compiler) booleanTest(e *tree.BooleanTest) (node, error) {
	if e.Kind < 0 || e.Kind > 5 {
		return nil, notNative("boolean test %d", e.Kind)
	}
	arg, err := c.compile(e.Arg)
	if err != nil {
		return nil, err
	}
	return fold(&booleanTest{arg, e.Kind}, arg), nil
}

// booleanTest is IS TRUE and so on, numbered as [tree.BooleanTest] says: the odd
// ones are negations of the ones before.
type booleanTest struct {
	arg  node
	kind int
}

func (n *booleanTest) eval(in []row.Value) (row.Value, error) {
	v, err := n.arg.eval(in)
	if err != nil {
		return nil, err
	}
	var is bool
	switch n.kind / 2 {
	case 0:
		is = isTrue(v)
	case 1:
		is = isFalse(v)
	default:
		is = v == nil
	}
	return boolValue(is != (n.kind%2 == 1)), nil
}
