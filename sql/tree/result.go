package tree

import "encoding/binary"

// host is the byte order of the servers that we read constants from: PostgreSQL
// prints a constant's bytes as they are in its memory.
var host = binary.LittleEndian

func boolRef() TypeRef { return TypeRef{OID: oidBool, Mod: -1} }

// Result implements [Expr].
func (v *Var) Result() TypeRef         { return v.Type }
func (c *Column) Result() TypeRef      { return c.Type }
func (c *Const) Result() TypeRef       { return c.Type }
func (p *Param) Result() TypeRef       { return p.Type }
func (a *Aggregate) Result() TypeRef   { return a.Type }
func (g *Grouping) Result() TypeRef    { return TypeRef{OID: oidInt4, Mod: -1} }
func (w *Window) Result() TypeRef      { return w.Type }
func (c *Call) Result() TypeRef        { return c.Type }
func (o *Op) Result() TypeRef          { return o.Type }
func (s *ScalarArray) Result() TypeRef { return boolRef() }
func (b *Bool) Result() TypeRef        { return boolRef() }
func (s *SubParam) Result() TypeRef    { return s.Type }
func (f *Field) Result() TypeRef       { return f.Type }
func (r *Relabel) Result() TypeRef     { return r.Type }
func (c *IOCast) Result() TypeRef      { return c.Type }
func (c *ArrayCast) Result() TypeRef   { return c.Type }
func (r *RowCast) Result() TypeRef     { return r.Type }
func (c *Case) Result() TypeRef        { return c.Type }
func (c *CaseTest) Result() TypeRef    { return c.Type }
func (a *Array) Result() TypeRef       { return a.Type }
func (r *Row) Result() TypeRef         { return r.Type }
func (r *RowCompare) Result() TypeRef  { return boolRef() }
func (c *Coalesce) Result() TypeRef    { return c.Type }
func (m *MinMax) Result() TypeRef      { return m.Type }
func (s *SQLValue) Result() TypeRef    { return s.Type }
func (n *NullTest) Result() TypeRef    { return boolRef() }
func (b *BooleanTest) Result() TypeRef { return boolRef() }
func (d *DomainCast) Result() TypeRef  { return d.Type }
func (s *Subscript) Result() TypeRef   { return s.Type }
func (n *Named) Result() TypeRef       { return n.Arg.Result() }
func (u *Unknown) Result() TypeRef     { return TypeRef{Mod: -1} }

// Result implements [Expr]: the argument's type with the collation.
func (c *Collate) Result() TypeRef {
	t := c.Arg.Result()
	t.Collation = c.Collation
	return t
}

// Result implements [Expr]. Of ARRAY(…) over a type whose array type has no fixed
// OID the OID is 0: only the catalog knows it.
func (s *SubLink) Result() TypeRef {
	if s.Kind != SubScalar && s.Kind != SubArray {
		return boolRef()
	}
	for _, t := range s.Query.Targets {
		if t.Junk {
			continue
		}
		r := t.Expr.Result()
		if s.Kind == SubArray && !isArrayType(r.OID) {
			r.OID = arrayTypes[r.OID]
		}
		return r
	}
	return TypeRef{Mod: -1}
}

// At implements [Expr].
func (v *Var) At() int         { return v.Location }
func (c *Column) At() int      { return -1 }
func (c *Const) At() int       { return c.Location }
func (p *Param) At() int       { return p.Location }
func (a *Aggregate) At() int   { return a.Location }
func (g *Grouping) At() int    { return g.Location }
func (w *Window) At() int      { return w.Location }
func (c *Call) At() int        { return located(c.Location, c.Args) }
func (o *Op) At() int          { return located(o.Location, o.Args) }
func (s *ScalarArray) At() int { return located(s.Location, s.Args) }
func (b *Bool) At() int        { return located(b.Location, b.Args) }
func (s *SubLink) At() int     { return s.Location }
func (s *SubParam) At() int    { return s.Location }
func (f *Field) At() int       { return f.Arg.At() }
func (r *Relabel) At() int     { return located(r.Location, []Expr{r.Arg}) }
func (c *IOCast) At() int      { return located(c.Location, []Expr{c.Arg}) }
func (c *ArrayCast) At() int   { return located(c.Location, []Expr{c.Arg}) }
func (r *RowCast) At() int     { return located(r.Location, []Expr{r.Arg}) }
func (c *Collate) At() int     { return located(c.Location, []Expr{c.Arg}) }
func (c *Case) At() int        { return c.Location }
func (c *CaseTest) At() int    { return -1 }
func (a *Array) At() int       { return a.Location }
func (r *Row) At() int         { return r.Location }
func (r *RowCompare) At() int  { return located(-1, r.Left) }
func (c *Coalesce) At() int    { return c.Location }
func (m *MinMax) At() int      { return m.Location }
func (s *SQLValue) At() int    { return s.Location }
func (n *NullTest) At() int    { return located(n.Location, []Expr{n.Arg}) }
func (b *BooleanTest) At() int { return located(b.Location, []Expr{b.Arg}) }
func (d *DomainCast) At() int  { return located(d.Location, []Expr{d.Arg}) }
func (s *Subscript) At() int   { return s.Arg.At() }
func (n *Named) At() int       { return n.Location }
func (u *Unknown) At() int     { return u.Location }

// located returns a node's own location, or else the first known one of its
// arguments: implicit casts and expanded operators have none.
func located(own int, args []Expr) int {
	if own >= 0 {
		return own
	}
	for _, e := range args {
		if e == nil {
			continue
		}
		if at := e.At(); at >= 0 {
			return at
		}
	}
	return -1
}
