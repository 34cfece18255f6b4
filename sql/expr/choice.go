package expr

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

// slot holds the subject of a CASE while its conditions are evaluated.
type slot struct{ value row.Value }

func (n *slot) eval([]row.Value) (row.Value, error) { return n.value, nil }

// caseOf compiles both forms of CASE.
func (c *compiler) caseOf(e *tree.Case) (node, error) {
	n := &caseOf{otherwise: &constant{}}
	inner := *c
	if e.Subject != nil {
		subject, err := c.compile(e.Subject)
		if err != nil {
			return nil, err
		}
		n.subject, n.slot = subject, &slot{}
		inner.subject = n.slot
	}
	for _, w := range e.Whens {
		cond, err := inner.compile(w.Cond)
		if err != nil {
			return nil, err
		}
		then, err := inner.compile(w.Then)
		if err != nil {
			return nil, err
		}
		n.conds, n.thens = append(n.conds, cond), append(n.thens, then)
	}
	if e.Else != nil {
		var err error
		if n.otherwise, err = inner.compile(e.Else); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// caseOf is CASE: the value of the first arm whose condition is true.
type caseOf struct {
	subject      node // nil for CASE WHEN
	slot         *slot
	conds, thens []node
	otherwise    node
}

func (n *caseOf) eval(in []row.Value) (row.Value, error) {
	if n.subject != nil {
		v, err := n.subject.eval(in)
		if err != nil {
			return nil, err
		}
		n.slot.value = v
	}
	for i, cond := range n.conds {
		v, err := cond.eval(in)
		if err != nil {
			return nil, err
		}
		if isTrue(v) {
			return n.thens[i].eval(in)
		}
	}
	return n.otherwise.eval(in)
}

// coalesce compiles COALESCE.
func (c *compiler) coalesce(e *tree.Coalesce) (node, error) {
	args, err := c.list(e.Args)
	if err != nil {
		return nil, err
	}
	return fold(&coalesce{args}, args...), nil
}

// coalesce is the first argument that is not NULL; later ones are not evaluated.
type coalesce struct{ args []node }

func (n *coalesce) eval(in []row.Value) (row.Value, error) {
	for _, arg := range n.args {
		v, err := arg.eval(in)
		if err != nil || v != nil {
			return v, err
		}
	}
	return nil, nil
}

// minMax compiles GREATEST and LEAST of a type whose order we know.
func (c *compiler) minMax(e *tree.MinMax) (node, error) {
	t, err := c.catalog.Type(e.Type.OID, e.Type.Mod, e.InputCollation)
	if err != nil {
		return nil, fmt.Errorf("expr: compile: %w", err)
	}
	f, ok := familyOf[t.Kind]
	if !ok {
		return nil, notNative("order of type %d", e.Type.OID)
	}
	compare, err := f.order(&site{catalog: c.catalog, args: e.Args, collation: e.InputCollation})
	if err != nil {
		return nil, err
	}
	args, err := c.list(e.Args)
	if err != nil {
		return nil, err
	}
	return fold(&minMax{args, compare, e.Least}, args...), nil
}

// minMax is the smallest or greatest argument that is not NULL, the first of equal
// ones. All arguments are evaluated.
type minMax struct {
	args    []node
	compare comparator
	least   bool
}

func (n *minMax) eval(in []row.Value) (row.Value, error) {
	var best row.Value
	for _, arg := range n.args {
		v, err := arg.eval(in)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if best == nil {
			best = v
			continue
		}
		if r := n.compare(v, best); n.least && r < 0 || !n.least && r > 0 {
			best = v
		}
	}
	return best, nil
}
