package tree

import (
	"fmt"
	"strings"
)

// typeName returns a type's name without a modifier: a value that has its length
// already must not be cut again.
func (p *printer) typeName(t TypeRef) (string, error) {
	r, err := p.c.Type(t.OID, -1, t.Collation)
	if err != nil {
		return "", fmt.Errorf("tree: %w", err)
	}
	return r.Name, nil
}

// cast prints the nodes that convert types.
func (p *printer) cast(e Expr) (piece, error) {
	switch e := e.(type) {
	case *Relabel:
		return p.castTo(e.Arg, e.Type)
	case *IOCast:
		return p.castTo(e.Arg, e.Type)
	case *RowCast:
		return p.castTo(e.Arg, e.Type)
	case *DomainCast:
		return p.castTo(e.Arg, e.Type)
	case *ArrayCast:
		return p.arrayCast(e)
	case *Unknown:
		return piece{}, refuse("%s", e.Tag)
	case nil:
		return piece{}, refuse("nothing")
	}
	return piece{}, refuse("%s", strings.TrimPrefix(fmt.Sprintf("%T", e), "*tree."))
}

func (p *printer) castTo(arg Expr, t TypeRef) (piece, error) {
	args, explicit, err := p.settled([]Expr{arg}, t.Collation)
	if err != nil {
		return piece{}, err
	}
	name, err := p.typeName(t)
	return result("("+args[0].text+"::"+name+")", t, explicit), err
}

// arrayCast prints a cast of an array. Here the modifier is the length that the
// elements are cut to.
func (p *printer) arrayCast(a *ArrayCast) (piece, error) {
	if a.Type.Mod < 0 {
		return p.castTo(a.Arg, a.Type)
	}
	args, explicit, err := p.settled([]Expr{a.Arg}, a.Type.Collation)
	if err != nil {
		return piece{}, err
	}
	t, err := p.c.Type(a.Type.OID, a.Type.Mod, a.Type.Collation)
	if err != nil {
		return piece{}, fmt.Errorf("tree: %w", err)
	}
	return result("("+args[0].text+"::"+t.Name+")", a.Type, explicit), nil
}

func (p *printer) collate(c *Collate) (piece, error) {
	a, err := p.expr(c.Arg)
	if err != nil {
		return piece{}, err
	}
	name, err := p.c.Collation(c.Collation)
	if err != nil {
		return piece{}, fmt.Errorf("tree: %w", err)
	}
	return piece{"(" + a.text + " COLLATE " + name + ")", c.Collation, true}, nil
}

// caseOf prints a CASE. CASE x WHEN y would look the operator up by its name, so each
// comparison is printed in full.
func (p *printer) caseOf(c *Case) (piece, error) {
	if c.Subject != nil {
		subject, err := p.expr(c.Subject)
		if err != nil {
			return piece{}, err
		}
		p.subjects = append(p.subjects, subject)
	}
	conditions := make([]piece, len(c.Whens))
	arms := make([]Expr, len(c.Whens), len(c.Whens)+1)
	for i, w := range c.Whens {
		var err error
		if conditions[i], err = p.expr(w.Cond); err != nil {
			return piece{}, err
		}
		arms[i] = w.Then
	}
	if c.Subject != nil {
		p.subjects = p.subjects[:len(p.subjects)-1]
	}
	if c.Else != nil {
		arms = append(arms, c.Else)
	}
	values, explicit, err := p.settled(arms, c.Type.Collation)
	if err != nil {
		return piece{}, err
	}
	var b strings.Builder
	b.WriteString("(CASE")
	for i, condition := range conditions {
		fmt.Fprintf(&b, " WHEN %s THEN %s", condition.text, values[i].text)
	}
	if c.Else != nil {
		b.WriteString(" ELSE " + values[len(values)-1].text)
	}
	b.WriteString(" END)")
	return result(b.String(), c.Type, explicit), nil
}

func (p *printer) array(a *Array) (piece, error) {
	items, explicit, err := p.settled(a.Elements, a.Type.Collation)
	if err != nil {
		return piece{}, err
	}
	name, err := p.typeName(a.Type)
	return result("(ARRAY["+join(items, ", ")+"]::"+name+")", a.Type, explicit), err
}

// row prints ROW(…), with a cast unless it is an anonymous record.
func (p *printer) row(r *Row) (piece, error) {
	args, err := p.exprs(r.Args)
	if err != nil {
		return piece{}, err
	}
	text := "ROW(" + join(args, ", ") + ")"
	if r.Type.OID == oidRecord {
		return piece{text: text}, nil
	}
	name, err := p.typeName(r.Type)
	return piece{text: "(" + text + "::" + name + ")"}, err
}

// rowCompare prints (a, b) < (c, d). The operators of all columns have one name.
func (p *printer) rowCompare(r *RowCompare) (piece, error) {
	var name string
	left, right := make([]piece, len(r.Left)), make([]piece, len(r.Left))
	for i := range r.Left {
		pair, _, err := p.settled([]Expr{r.Left[i], r.Right[i]}, r.Collations[i])
		if err != nil {
			return piece{}, err
		}
		left[i], right[i] = pair[0], pair[1]
		operator, err := p.operator(r.Operators[i])
		if err != nil {
			return piece{}, err
		}
		if i > 0 && operator != name {
			return piece{}, refuse("row comparison with %s and %s", name, operator)
		}
		name = operator
	}
	return piece{text: fmt.Sprintf("(ROW(%s) %s ROW(%s))", join(left, ", "), name, join(right, ", "))}, nil
}

// sqlValues are the functions with their own syntax, as PostgreSQL numbers them; those
// with a precision have %d.
var sqlValues = []string{
	"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIME(%d)", "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP(%d)", "LOCALTIME", "LOCALTIME(%d)",
	"LOCALTIMESTAMP", "LOCALTIMESTAMP(%d)", "CURRENT_ROLE", "CURRENT_USER", "USER", "SESSION_USER", "CURRENT_CATALOG", "CURRENT_SCHEMA",
}

func (p *printer) sqlValue(s *SQLValue) (piece, error) {
	if s.Op < 0 || s.Op >= len(sqlValues) {
		return piece{}, refuse("SQLVALUEFUNCTION %d", s.Op)
	}
	text := sqlValues[s.Op]
	if strings.Contains(text, "%d") {
		text = fmt.Sprintf(text, s.Type.Mod)
	}
	return piece{text: text, collation: s.Type.Collation}, nil
}

// field prints (row).field.
func (p *printer) field(f *Field) (piece, error) {
	if r, ok := f.Arg.(*Row); ok && int(f.Number) <= len(r.Args) && f.Number > 0 {
		return p.expr(r.Args[f.Number-1])
	}
	names, ok := p.c.(Fields)
	if !ok {
		return piece{}, refuse("field of a row: no names")
	}
	name, err := names.FieldName(f.Arg.Result().OID, f.Number)
	if err != nil {
		return piece{}, fmt.Errorf("tree: %w", err)
	}
	arg, err := p.expr(f.Arg)
	return piece{text: "(" + arg.text + ")." + quoteName(name), collation: f.Type.Collation}, err
}

// subscript prints array[index] or array[lower:upper].
func (p *printer) subscript(s *Subscript) (piece, error) {
	arg, explicit, err := p.settled([]Expr{s.Arg}, s.Type.Collation)
	if err != nil {
		return piece{}, err
	}
	if len(s.Lower) > 0 && len(s.Lower) != len(s.Upper) {
		return piece{}, refuse("subscripts with %d lower and %d upper bounds", len(s.Lower), len(s.Upper))
	}
	var b strings.Builder
	b.WriteString("(" + arg[0].text + ")")
	for i := range s.Upper {
		b.WriteByte('[')
		if len(s.Lower) > 0 {
			if err := p.bound(&b, s.Lower[i]); err != nil {
				return piece{}, err
			}
			b.WriteByte(':')
		}
		if err := p.bound(&b, s.Upper[i]); err != nil {
			return piece{}, err
		}
		b.WriteByte(']')
	}
	return result("("+b.String()+")", s.Type, explicit), nil
}

// bound prints a subscript; an omitted one is nothing.
func (p *printer) bound(b *strings.Builder, e Expr) error {
	if e == nil {
		return nil
	}
	v, err := p.expr(e)
	b.WriteString(v.text)
	return err
}
