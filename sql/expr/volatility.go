package expr

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// Volatility returns the worst volatility of all that an expression calls: 'i'
// immutable, 's' stable, 'v' volatile; and the name and place of the first that is
// so bad. Calls count, operators, casts that go through text, values of the session
// such as CURRENT_DATE, and what an aggregate or window function calls. A subquery's
// own expressions do not. What cannot be looked up is volatile.
func Volatility(e tree.Expr, c schema.Catalog) (worst byte, name string, at int) {
	v := &volatility{catalog: c, worst: 'i', at: -1}
	tree.Walk(e, func(e tree.Expr) bool {
		v.visit(e)
		return true
	})
	return v.worst, v.name, v.at
}

// volatility collects the worst found so far.
type volatility struct {
	catalog schema.Catalog
	worst   byte
	name    string
	at      int
}

// badness orders volatilities; what we do not know is the worst.
func badness(v byte) int {
	switch v {
	case 'i':
		return 0
	case 's':
		return 1
	default:
		return 2
	}
}

func (v *volatility) found(volatility byte, name string, at int) {
	if badness(volatility) > badness(v.worst) {
		v.worst, v.name, v.at = volatility, name, at
	}
}

func (v *volatility) visit(e tree.Expr) {
	switch e := e.(type) {
	case *tree.Call:
		v.function(e.Function, e.At())
	case *tree.Aggregate:
		v.function(e.Function, e.At())
	case *tree.Window:
		v.function(e.Function, e.At())
	case *tree.Op:
		v.operator(e.Operator, e.Function, e.At())
	case *tree.ScalarArray:
		v.operator(e.Operator, e.Function, e.At())
	case *tree.RowCompare:
		for _, o := range e.Operators {
			v.operator(o, 0, e.At())
		}
	case *tree.IOCast:
		v.through(e.Arg.Result().OID, false, e.At())
		v.through(e.Type.OID, true, e.At())
	case *tree.SQLValue:
		v.found('s', "CURRENT_DATE or another value of the session", e.At())
	case *tree.Unknown:
		v.found('v', e.Tag, e.At())
	}
}

// function looks a function up.
func (v *volatility) function(oid uint32, at int) {
	f, err := v.catalog.Function(oid)
	if err != nil {
		v.found('v', fmt.Sprintf("function %d", oid), at)
		return
	}
	v.found(f.Volatility, f.Schema+"."+f.Name, at)
}

// operator looks up an operator's function, which the tree has only if it was
// planned before.
func (v *volatility) operator(oid, function uint32, at int) {
	if function == 0 {
		o, err := v.catalog.Operator(oid)
		if err != nil {
			v.found('v', fmt.Sprintf("operator %d", oid), at)
			return
		}
		function = o.Function
	}
	v.function(function, at)
}

// through judges the reading (in) or printing of a type's text. A type of which
// nothing is known may depend on the session. A domain is read with checks.
func (v *volatility) through(oid uint32, in bool, at int) {
	stable := true
	switch t, err := v.catalog.Type(oid, -1, 0); {
	case err != nil:
	case t.OID != oid: // not what was asked for
	case immutableText[oid]:
		stable = false
	case !schema.InCatalog(oid) && !in && t.Kind != row.Array:
		stable = !immutableKind[t.Kind] // a domain prints as its base type does
	case !in:
		stable = oid != timeOID && oid != timetzOID && oid != xmlOID
	}
	if stable {
		v.found('s', fmt.Sprintf("cast through text of type %d", oid), at)
	}
}

// immutableText is the built-in types whose text depends on no setting, neither when
// it is read nor when it is printed.
var immutableText = map[uint32]bool{
	16: true, 17: true, 18: true, 19: true, 20: true, 21: true, 23: true, 25: true, 26: true, // bool, bytea, "char", name, integers, text, oid
	27: true, 28: true, 29: true, 114: true, // tid, xid, cid, json
	600: true, 601: true, 602: true, 603: true, 604: true, 628: true, 718: true, // geometry
	650: true, 869: true, 774: true, 829: true, // networks
	700: true, 701: true, 1700: true, // floats, numeric
	1042: true, 1043: true, 1560: true, 1562: true, 1790: true, // bpchar, varchar, bits, refcursor
	2950: true, 2970: true, 5038: true, 5069: true, 3220: true, // uuid, snapshots, xid8, pg_lsn
	3614: true, 3615: true, 3802: true, 4072: true, // text search, jsonb, jsonpath
}

// immutableKind is the kinds that print without regard to settings.
var immutableKind = map[row.Kind]bool{
	row.Bool: true, row.Int2: true, row.Int4: true, row.Int8: true, row.Float4: true, row.Float8: true,
	row.Numeric: true, row.Text: true, row.Bpchar: true, row.Name: true, row.Char: true, row.Bytea: true,
	row.Time: true, row.Timetz: true, row.UUID: true, row.JSONB: true, row.Macaddr: true, row.Bit: true, row.Inet: true,
}
