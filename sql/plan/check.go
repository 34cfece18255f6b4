package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// checker finds in a query what is not maintained, wherever it stands.
type checker struct {
	p      *compiler
	exists map[*tree.Query]bool // queries of EXISTS, whose LIMIT changes nothing
	err    error                // the first
}

// check refuses a query with constructs that are not maintained.
func (p *compiler) check(q *tree.Query) error {
	c := &checker{p: p, exists: map[*tree.Query]bool{}}
	walkQuery(q, 0, c.query, func(e tree.Expr, _ int) bool {
		if c.err == nil {
			c.fail(c.expr(e))
		}
		return c.err == nil
	})
	return c.err
}

func (c *checker) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// query checks what a query says of itself.
func (c *checker) query(q *tree.Query) {
	if c.exists[q] {
		q = withoutLimit(q)
	}
	at := func(e tree.Expr) int { return e.At() }
	switch {
	case q.Command != 1:
		c.fail(refuse(-1, "", "a statement other than SELECT"))
	case q.HasRecursive:
		c.fail(refuse(-1, "", "WITH RECURSIVE"))
	case q.HasModifyingCTE:
		c.fail(refuse(-1, "", "INSERT, UPDATE or DELETE in WITH"))
	case q.HasForUpdate:
		c.fail(refuse(-1, "", "FOR UPDATE"))
	case q.HasTargetSRFs:
		c.fail(refuse(-1, "", "a set-returning function in the target list"))
	case q.Limit != nil && !isNullConst(q.Limit):
		c.fail(refuse(at(q.Limit), "use ORDER BY and LIMIT when selecting from the view", "LIMIT"))
	case q.Offset != nil && !skipsNothing(q.Offset):
		c.fail(refuse(at(q.Offset), "use ORDER BY and OFFSET when selecting from the view", "OFFSET"))
	}
}

// skipsNothing reports whether an OFFSET is NULL or 0.
func skipsNothing(e tree.Expr) bool {
	k, ok := uncast(e).(*tree.Const)
	return ok && (k.Null || !slices.ContainsFunc(k.Value, func(b byte) bool { return b != 0 }))
}

func isNullConst(e tree.Expr) bool {
	k, ok := e.(*tree.Const)
	return ok && k.Null
}

// expr checks one node of an expression.
func (c *checker) expr(e tree.Expr) error {
	switch e := e.(type) {
	case *tree.Var:
		return c.variable(e)
	case *tree.Call:
		return c.function(e.Function, e)
	case *tree.Op:
		return c.operator(e.Operator, e.Function, e)
	case *tree.ScalarArray:
		return c.operator(e.Operator, e.Function, e)
	case *tree.RowCompare:
		for _, o := range e.Operators {
			if err := c.operator(o, 0, e); err != nil {
				return err
			}
		}
	case *tree.Aggregate:
		if e.Levels > 0 {
			return refuse(e.Location, "", "an aggregate of an outer query in a subquery")
		}
		return c.function(e.Function, e)
	case *tree.Grouping:
		if e.Levels > 0 {
			return refuse(e.Location, "", "GROUPING of an outer query in a subquery")
		}
	case *tree.Window:
		return refuse(e.Location, "", "a window function")
	case *tree.SQLValue:
		return refuse(e.Location, clockHint, "%s", sqlValueName(e.Op))
	case *tree.Param:
		return refuse(e.Location, "", "a parameter")
	case *tree.Unknown:
		return refuse(e.Location, "", "%s", unknownName(e.Tag))
	case *tree.IOCast:
		return c.ioCast(e)
	case *tree.SubLink:
		if e.Kind == tree.SubExists {
			c.exists[e.Query] = true
		}
	}
	return nil
}

func (c *checker) variable(v *tree.Var) error {
	switch {
	case v.Number == 0:
		return refuse(v.Location, "list its columns", "a reference to a whole row")
	case v.Number < 0:
		return refuse(v.Location, "", "a system column")
	}
	return nil
}

// operator checks an operator's function; 0 is that of the operator.
func (c *checker) operator(operator, function uint32, e tree.Expr) error {
	if function == 0 {
		o, err := c.p.catalog.Operator(operator)
		if err != nil {
			return fmt.Errorf("plan: operator %d: %w", operator, err)
		}
		function = o.Function
	}
	return c.function(function, e)
}

const clockHint = "compare with the time when selecting from the view"

// clocks is the functions that tell the time.
var clocks = words(`now transaction_timestamp statement_timestamp clock_timestamp timeofday`)

// function checks a function or aggregate: that it gives the same result whenever and
// by whomever it is called.
func (c *checker) function(oid uint32, e tree.Expr) error {
	f, err := c.p.catalog.Function(oid)
	if err != nil {
		return fmt.Errorf("plan: function %d: %w", oid, err)
	}
	own := f.Schema == "pg_catalog" && schema.InCatalog(oid)
	name := f.Name
	if !own {
		name = f.Schema + "." + f.Name
	}
	switch {
	case f.ReturnsSet:
		return refuse(e.At(), "", "set-returning function %s", name)
	case own && clocks[f.Name]:
		return refuse(e.At(), clockHint, "%s()", name)
	case f.Volatility == 'v':
		return refuse(e.At(), "", "volatile function %s", name)
	case f.Volatility == 'i':
		return nil
	case own && stable[f.Name] && !readsClock(f.Name, e):
		c.p.settings = true
		return nil
	}
	return refuse(e.At(), "declare it IMMUTABLE if it reads no tables and no settings", "stable function %s", name)
}

// readsClock reports whether a stable function that is allowed with other arguments
// takes the current date: age of one argument.
func readsClock(name string, e tree.Expr) bool {
	call, ok := e.(*tree.Call)
	return ok && name == "age" && len(call.Args) == 1
}

// ioCast checks a cast through text. Those to and from names of objects depend on the
// catalog; those of types with settings-dependent text on the settings.
func (c *checker) ioCast(e *tree.IOCast) error {
	for _, t := range []tree.TypeRef{e.Arg.Result(), e.Type} {
		typ, err := c.p.rowType(t)
		if err != nil {
			return err
		}
		if strings.HasPrefix(typ.BaseName, "reg") || strings.HasPrefix(typ.BaseName, "pg_catalog.reg") {
			return refuse(e.Location, "", "a cast through text of type %s", typ.Name)
		}
		switch typ.Kind {
		case row.Bool, row.Int2, row.Int4, row.Int8, row.OID, row.Numeric, row.Text, row.Bpchar, row.Name, row.Char, row.UUID, row.Enum, row.JSONB:
		default:
			c.p.settings = true
		}
	}
	return nil
}

// words is a set of words.
func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}
