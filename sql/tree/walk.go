package tree

import "slices"

// node is what every expression of this package is: it can be copied, and gives the
// places of its arguments.
type node interface {
	// clone copies the node and the lists that it holds, not the arguments.
	clone() Expr
	// slots calls f with each place that holds an argument. Some hold nil.
	slots(f func(*Expr))
}

// Walk calls visit for an expression and, where it returns true, for the arguments
// below, from left to right. The test of a [SubLink] is an argument, its query is not
// entered.
func Walk(e Expr, visit func(Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	if n, ok := e.(node); ok {
		n.slots(func(slot *Expr) { Walk(*slot, visit) })
	}
}

// Rewrite copies an expression from the leaves up: each node is copied with its
// rewritten arguments, given to f, and replaced by what f returns. Queries of
// sublinks are not entered and are shared with the original.
func Rewrite(e Expr, f func(Expr) (Expr, error)) (Expr, error) {
	if e == nil {
		return nil, nil
	}
	n, ok := e.(node)
	if !ok {
		return f(e)
	}
	c := n.clone()
	var err error
	c.(node).slots(func(slot *Expr) {
		if err == nil {
			*slot, err = Rewrite(*slot, f)
		}
	})
	if err != nil {
		return nil, err
	}
	return f(c)
}

func each(list []Expr, f func(*Expr)) {
	for i := range list {
		f(&list[i])
	}
}

func cloneTargets(list []*Target) []*Target {
	out := slices.Clone(list)
	for i, t := range out {
		c := *t
		out[i] = &c
	}
	return out
}

func (v *Var) clone() Expr       { c := *v; return &c }
func (c *Column) clone() Expr    { d := *c; return &d }
func (c *Const) clone() Expr     { d := *c; return &d }
func (p *Param) clone() Expr     { c := *p; return &c }
func (s *SubParam) clone() Expr  { c := *s; return &c }
func (c *CaseTest) clone() Expr  { d := *c; return &d }
func (s *SQLValue) clone() Expr  { c := *s; return &c }
func (u *Unknown) clone() Expr   { c := *u; return &c }
func (v *Var) slots(func(*Expr)) {}

func (c *Column) slots(func(*Expr))   {}
func (c *Const) slots(func(*Expr))    {}
func (p *Param) slots(func(*Expr))    {}
func (s *SubParam) slots(func(*Expr)) {}
func (c *CaseTest) slots(func(*Expr)) {}
func (s *SQLValue) slots(func(*Expr)) {}
func (u *Unknown) slots(func(*Expr))  {}

func (f *Field) clone() Expr       { c := *f; return &c }
func (r *Relabel) clone() Expr     { c := *r; return &c }
func (c *IOCast) clone() Expr      { d := *c; return &d }
func (r *RowCast) clone() Expr     { c := *r; return &c }
func (c *Collate) clone() Expr     { d := *c; return &d }
func (n *NullTest) clone() Expr    { c := *n; return &c }
func (b *BooleanTest) clone() Expr { c := *b; return &c }
func (d *DomainCast) clone() Expr  { c := *d; return &c }
func (n *Named) clone() Expr       { c := *n; return &c }
func (s *SubLink) clone() Expr     { c := *s; return &c }
func (c *ArrayCast) clone() Expr   { d := *c; return &d }

func (f *Field) slots(g func(*Expr))       { g(&f.Arg) }
func (r *Relabel) slots(f func(*Expr))     { f(&r.Arg) }
func (c *IOCast) slots(f func(*Expr))      { f(&c.Arg) }
func (r *RowCast) slots(f func(*Expr))     { f(&r.Arg) }
func (c *Collate) slots(f func(*Expr))     { f(&c.Arg) }
func (n *NullTest) slots(f func(*Expr))    { f(&n.Arg) }
func (b *BooleanTest) slots(f func(*Expr)) { f(&b.Arg) }
func (d *DomainCast) slots(f func(*Expr))  { f(&d.Arg) }
func (n *Named) slots(f func(*Expr))       { f(&n.Arg) }
func (s *SubLink) slots(f func(*Expr))     { f(&s.Test) }
func (c *ArrayCast) slots(f func(*Expr))   { f(&c.Arg); f(&c.Elem) }

func (g *Grouping) clone() Expr    { c := *g; c.Args = slices.Clone(g.Args); return &c }
func (w *Window) clone() Expr      { c := *w; c.Args = slices.Clone(w.Args); return &c }
func (c *Call) clone() Expr        { d := *c; d.Args = slices.Clone(c.Args); return &d }
func (o *Op) clone() Expr          { c := *o; c.Args = slices.Clone(o.Args); return &c }
func (s *ScalarArray) clone() Expr { c := *s; c.Args = slices.Clone(s.Args); return &c }
func (b *Bool) clone() Expr        { c := *b; c.Args = slices.Clone(b.Args); return &c }
func (a *Array) clone() Expr       { c := *a; c.Elements = slices.Clone(a.Elements); return &c }
func (r *Row) clone() Expr         { c := *r; c.Args = slices.Clone(r.Args); return &c }
func (c *Coalesce) clone() Expr    { d := *c; d.Args = slices.Clone(c.Args); return &d }
func (m *MinMax) clone() Expr      { c := *m; c.Args = slices.Clone(m.Args); return &c }
func (c *Case) clone() Expr        { d := *c; d.Whens = slices.Clone(c.Whens); return &d }

func (g *Grouping) slots(f func(*Expr))    { each(g.Args, f) }
func (w *Window) slots(f func(*Expr))      { each(w.Args, f); f(&w.Filter) }
func (c *Call) slots(f func(*Expr))        { each(c.Args, f) }
func (o *Op) slots(f func(*Expr))          { each(o.Args, f) }
func (s *ScalarArray) slots(f func(*Expr)) { each(s.Args, f) }
func (b *Bool) slots(f func(*Expr))        { each(b.Args, f) }
func (a *Array) slots(f func(*Expr))       { each(a.Elements, f) }
func (r *Row) slots(f func(*Expr))         { each(r.Args, f) }
func (c *Coalesce) slots(f func(*Expr))    { each(c.Args, f) }
func (m *MinMax) slots(f func(*Expr))      { each(m.Args, f) }

func (c *Case) slots(f func(*Expr)) {
	f(&c.Subject)
	for i := range c.Whens {
		f(&c.Whens[i].Cond)
		f(&c.Whens[i].Then)
	}
	f(&c.Else)
}

func (r *RowCompare) clone() Expr {
	c := *r
	c.Left, c.Right = slices.Clone(r.Left), slices.Clone(r.Right)
	return &c
}

func (r *RowCompare) slots(f func(*Expr)) { each(r.Left, f); each(r.Right, f) }

func (s *Subscript) clone() Expr {
	c := *s
	c.Upper, c.Lower = slices.Clone(s.Upper), slices.Clone(s.Lower)
	return &c
}

func (s *Subscript) slots(f func(*Expr)) { f(&s.Arg); each(s.Lower, f); each(s.Upper, f) }

func (a *Aggregate) clone() Expr {
	c := *a
	c.Direct, c.Args = slices.Clone(a.Direct), cloneTargets(a.Args)
	return &c
}

func (a *Aggregate) slots(f func(*Expr)) {
	each(a.Direct, f)
	for _, t := range a.Args {
		f(&t.Expr)
	}
	f(&a.Filter)
}
