package tree

import (
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
)

// ErrExpression is wrapped by [SQL] and [AggregateSQL] for an expression that they
// cannot print.
var ErrExpression = errors.New("expression cannot be printed")

// Fields is what a catalog may have besides [schema.Catalog]: without it, [SQL]
// refuses (row).field.
type Fields interface {
	// FieldName returns the name of an attribute of a composite type.
	FieldName(oid uint32, number int16) (string, error)
}

// SQL prints an expression over [Column] nodes so that PostgreSQL, parsing it, finds
// the same functions, operators, types and collations, whatever the search path is.
// column gives the SQL of a column.
//
// Only two things still depend on the session. IS DISTINCT FROM, NULLIF and row
// comparison find the operator by its name: the search path must not put a schema
// with an operator = of its own before pg_catalog. And a column of a collation that
// is not the default may lose it: where it matters, COLLATE is printed.
//
// The subject of a CASE is printed once for each arm, and arguments of IS DISTINCT FROM
// and NULLIF may be printed twice: they must not be volatile.
func SQL(e Expr, c schema.Catalog, column func(i int) string) (string, error) {
	p := &printer{c: c, column: column}
	out, err := p.expr(e)
	return out.text, err
}

// printer prints expressions.
type printer struct {
	c        schema.Catalog
	column   func(i int) string
	subjects []piece // of the CASEs around
}

// piece is the text of an expression, closed so that any operator may follow, and
// what PostgreSQL will take as its collation.
type piece struct {
	text      string
	collation uint32
	explicit  bool // it comes from COLLATE, and so goes up through functions
}

// oidCollationDefault is the collation of a text column without COLLATE.
const oidCollationDefault = 100

func refuse(format string, args ...any) error {
	return fmt.Errorf("tree: %w: %s", ErrExpression, fmt.Sprintf(format, args...))
}

// expr prints one expression.
func (p *printer) expr(e Expr) (piece, error) {
	switch e := e.(type) {
	case *Column:
		return piece{text: p.column(e.Index), collation: e.Type.Collation}, nil
	case *Const:
		text, err := literal(p.c, e)
		return piece{text: text, collation: e.Type.Collation}, err
	case *Call:
		return p.call(e)
	case *Op:
		return p.op(e)
	case *ScalarArray:
		return p.scalarArray(e)
	case *Bool:
		return p.boolean(e)
	case *Collate:
		return p.collate(e)
	case *Case:
		return p.caseOf(e)
	case *CaseTest:
		if len(p.subjects) == 0 {
			return piece{}, refuse("subject of no CASE")
		}
		return p.subjects[len(p.subjects)-1], nil
	case *Array:
		return p.array(e)
	case *Row:
		return p.row(e)
	case *RowCompare:
		return p.rowCompare(e)
	case *Coalesce:
		return p.list("COALESCE", e.Args, e.Type, e.Type.Collation)
	case *MinMax:
		return p.minMax(e)
	case *SQLValue:
		return p.sqlValue(e)
	case *NullTest:
		return p.test(e.Arg, map[bool]string{false: "IS NULL", true: "IS NOT NULL"}[e.Not])
	case *BooleanTest:
		return p.test(e.Arg, booleanTests[e.Kind])
	case *Field:
		return p.field(e)
	case *Subscript:
		return p.subscript(e)
	}
	return p.cast(e)
}

// exprs prints a list.
func (p *printer) exprs(list []Expr) ([]piece, error) {
	out := make([]piece, len(list))
	for i, e := range list {
		var err error
		if out[i], err = p.expr(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// settle makes PostgreSQL derive a collation from the arguments of one call: the
// wanted one, which it derived when it analysed the view. It returns whether the
// result is explicit then.
//
// An explicit collation in an argument goes up, and two different ones are an error.
// We may have printed them where there were none, so those that are not wanted here
// are hidden in a subquery.
func (p *printer) settle(wanted uint32, args []piece) (explicit bool, err error) {
	plain, first := true, -1
	for i := range args {
		a := &args[i]
		if a.explicit && a.collation != wanted {
			a.text, a.explicit = "(SELECT "+a.text+")", false
		}
		explicit = explicit || a.explicit
		plain = plain && (a.collation == 0 || a.collation == oidCollationDefault)
		if first < 0 && a.collation != 0 {
			first = i
		}
	}
	if explicit || wanted == 0 || first < 0 || plain && wanted == oidCollationDefault {
		return explicit, nil
	}
	name, err := p.c.Collation(wanted)
	if err != nil {
		return false, fmt.Errorf("tree: %w", err)
	}
	args[first] = piece{"(" + args[first].text + " COLLATE " + name + ")", wanted, true}
	return true, nil
}

// settled prints a list whose collations are settled.
func (p *printer) settled(list []Expr, wanted uint32) ([]piece, bool, error) {
	args, err := p.exprs(list)
	if err != nil {
		return nil, false, err
	}
	explicit, err := p.settle(wanted, args)
	return args, explicit, err
}

// result makes the piece of a node that passes its arguments' collation on.
func result(text string, t TypeRef, explicit bool) piece {
	return piece{text, t.Collation, explicit && t.Collation != 0}
}

func join(args []piece, separator string) string {
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = a.text
	}
	return strings.Join(texts, separator)
}

// list prints NAME(a, b, …).
func (p *printer) list(name string, list []Expr, t TypeRef, wanted uint32) (piece, error) {
	args, explicit, err := p.settled(list, wanted)
	return result(name+"("+join(args, ", ")+")", t, explicit), err
}

func (p *printer) minMax(m *MinMax) (piece, error) {
	name := "GREATEST"
	if m.Least {
		name = "LEAST"
	}
	return p.list(name, m.Args, m.Type, m.InputCollation)
}

// function returns the qualified name of a function.
func (p *printer) function(oid uint32) (string, error) {
	f, err := p.c.Function(oid)
	if err != nil {
		return "", fmt.Errorf("tree: %w", err)
	}
	return quoteName(f.Schema) + "." + quoteName(f.Name), nil
}

func (p *printer) call(c *Call) (piece, error) {
	if c.ReturnsSet {
		return piece{}, refuse("a function that returns a set")
	}
	name, err := p.function(c.Function)
	if err != nil {
		return piece{}, err
	}
	args, explicit, err := p.arguments(c.Args, c.Variadic, c.InputCollation)
	return result(name+"("+join(args, ", ")+")", c.Type, explicit), err
}

// arguments prints a call's arguments with their names and VARIADIC.
func (p *printer) arguments(list []Expr, variadic bool, wanted uint32) ([]piece, bool, error) {
	values := make([]Expr, len(list))
	for i, e := range list {
		values[i] = e
		if n, ok := e.(*Named); ok {
			values[i] = n.Arg
		}
	}
	args, explicit, err := p.settled(values, wanted)
	if err != nil {
		return nil, false, err
	}
	for i, e := range list {
		if n, ok := e.(*Named); ok {
			args[i].text = quoteName(n.Name) + " => " + args[i].text
		}
	}
	if variadic && len(args) > 0 {
		args[len(args)-1].text = "VARIADIC " + args[len(args)-1].text
	}
	return args, explicit, nil
}

// operator returns OPERATOR(schema.name).
func (p *printer) operator(oid uint32) (string, error) {
	o, err := p.c.Operator(oid)
	if err != nil {
		return "", fmt.Errorf("tree: %w", err)
	}
	return "OPERATOR(" + quoteName(o.Schema) + "." + o.Name + ")", nil
}

func (p *printer) op(o *Op) (piece, error) {
	args, explicit, err := p.settled(o.Args, o.InputCollation)
	if err != nil {
		return piece{}, err
	}
	name, err := p.operator(o.Operator)
	if err != nil {
		return piece{}, err
	}
	var text string
	switch {
	case len(args) == 1:
		text = fmt.Sprintf("(%s %s)", name, args[0].text)
	case len(args) != 2:
		return piece{}, refuse("operator with %d arguments", len(args))
	case o.Kind == OpPlain:
		text = fmt.Sprintf("(%s %s %s)", args[0].text, name, args[1].text)
	case o.Kind == OpDistinct && name == "OPERATOR(pg_catalog.=)":
		text = fmt.Sprintf("(%s IS DISTINCT FROM %s)", args[0].text, args[1].text)
	case o.Kind == OpNullIf && name == "OPERATOR(pg_catalog.=)":
		text = fmt.Sprintf("NULLIF(%s, %s)", args[0].text, args[1].text)
	default:
		if text, err = p.spelledOut(o, args, name); err != nil {
			return piece{}, err
		}
	}
	return result(text, o.Type, explicit), nil
}

// spelledOut prints IS DISTINCT FROM or NULLIF with an operator that PostgreSQL would
// not find by its name. Rows are refused: for them IS NULL has another meaning.
func (p *printer) spelledOut(o *Op, args []piece, name string) (string, error) {
	a, b := args[0].text, args[1].text
	if o.Kind == OpNullIf {
		return fmt.Sprintf("(CASE WHEN (%s %s %s) THEN NULL ELSE %s END)", a, name, b, a), nil
	}
	for _, e := range o.Args {
		t, err := p.c.Type(e.Result().OID, -1, 0)
		if err != nil {
			return "", fmt.Errorf("tree: %w", err)
		}
		if t.Kind == row.Composite {
			return "", refuse("IS DISTINCT FROM with %s between rows", name)
		}
	}
	return fmt.Sprintf("(CASE WHEN %s IS NULL THEN %s IS NOT NULL WHEN %s IS NULL THEN true ELSE NOT (%s %s %s) END)", a, b, b, a, name, b), nil
}

// scalarArray casts the array once more, since a subquery in its place would have
// another meaning.
func (p *printer) scalarArray(s *ScalarArray) (piece, error) {
	args, _, err := p.settled(s.Args, s.InputCollation)
	if err != nil {
		return piece{}, err
	}
	if len(args) != 2 {
		return piece{}, refuse("ANY with %d arguments", len(args))
	}
	name, err := p.operator(s.Operator)
	if err != nil {
		return piece{}, err
	}
	typ, err := p.typeName(s.Args[1].Result())
	if err != nil {
		return piece{}, err
	}
	quantifier := "ALL"
	if s.Any {
		quantifier = "ANY"
	}
	return piece{text: fmt.Sprintf("(%s %s %s (%s::%s))", args[0].text, name, quantifier, args[1].text, typ)}, nil
}

func (p *printer) boolean(b *Bool) (piece, error) {
	args, err := p.exprs(b.Args)
	if err != nil {
		return piece{}, err
	}
	switch {
	case b.Op == Not && len(args) == 1:
		return piece{text: "(NOT " + args[0].text + ")"}, nil
	case b.Op == And && len(args) > 0:
		return piece{text: "(" + join(args, " AND ") + ")"}, nil
	case b.Op == Or && len(args) > 0:
		return piece{text: "(" + join(args, " OR ") + ")"}, nil
	}
	return piece{}, refuse("AND, OR, NOT with %d arguments", len(args))
}

var booleanTests = []string{"IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN", "IS NOT UNKNOWN"}

func (p *printer) test(arg Expr, test string) (piece, error) {
	a, err := p.expr(arg)
	return piece{text: "(" + a.text + " " + test + ")"}, err
}
