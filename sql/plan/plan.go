// Package plan compiles a view's query, as PostgreSQL analysed it, into a circuit.
//
// It works in three passes. The query becomes a graph of relational nodes (node.go)
// whose columns have identities instead of positions; here views are expanded,
// conditions go down to the tables, joins are ordered, and subqueries are unnested.
// Then each node learns which of its columns anybody needs (demand.go). Last, each
// node becomes operators over column positions (lower.go); expressions that the
// worker cannot evaluate itself are collected and delegated to PostgreSQL.
//
// A subquery that refers to columns of the query around it is compiled over its
// domain: the distinct values of those columns. Its result carries the domain's
// columns and is joined back on them. Domains are distinct by bytes, not by the
// type's equality, since 1.0 and 1.00 are equal but not the same argument.
//
// What cannot be maintained exactly is a [Refused] error, never an approximation.
//
// Source: Neumann and Kemper, Unnesting Arbitrary Queries, BTW 2015.
package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// View is a compiled query.
type View struct {
	Columns []Column
	Tables  []Table // inputs of the circuit, by OID
	Circuit *dataflow.Circuit
	// Settings: some function depends on TimeZone, DateStyle or other settings, which
	// have to stay as they were at creation.
	Settings bool
	// FreeOrder: some aggregate sees its rows in an order that the query leaves open,
	// such as array_agg without ORDER BY: another order is as right.
	FreeOrder bool
	// Remote is what PostgreSQL evaluates, as SQL over c0, c1, …
	Remote []string
	// Key is the positions of columns that are unique in the result, where the query
	// says so. nil is for none; an empty key, not nil, for at most one row.
	Key []int
}

// Column is a column of the result.
type Column struct {
	Name string
	Type *row.Type
}

// Table is a base table. The circuit's input for it is Circuit.Input(OID) for a table
// with its descendants, and Circuit.Input(Only(OID)) for one without (FROM ONLY).
type Table struct {
	OID     uint32
	Name    string
	Columns []int16 // attribute numbers, in the order of the input row
	Inherit bool    // its partitions and descendants too
	// Generated is the generated columns that are used. They are not in Columns: the
	// circuit computes them from those.
	Generated []int16
}

// Only names the circuit's input of a table without its descendants.
type Only uint32

// Input is what the circuit calls the table.
func (t Table) Input() any {
	if t.Inherit {
		return t.OID
	}
	return Only(t.OID)
}

// Refused says that a construct is not maintained.
type Refused struct {
	Construct string // its SQL name
	Location  int    // byte position in the query's text, or -1
	Hint      string // what the user can do instead, or ""
}

// Error implements error.
func (r *Refused) Error() string { return "plan: not maintained: " + r.Construct }

// refuse is a Refused error.
func refuse(location int, hint, format string, args ...any) error {
	return &Refused{Construct: fmt.Sprintf(format, args...), Location: location, Hint: hint}
}

// compiler is the state of one compilation.
type compiler struct {
	catalog  schema.Catalog
	columns  []tree.TypeRef // by col
	settings bool
	views    []uint32 // that are being expanded
	unitNode *unit
	computed map[col]computed // tables' generated columns
	notNull  map[col]bool     // tables' columns that are declared so
	known    map[nodeColumn]bool
}

// Compile makes the circuit of a query. It decodes the query's constants.
func Compile(q *tree.Query, c schema.Catalog) (*View, error) {
	p := &compiler{catalog: c, unitNode: &unit{}, computed: map[col]computed{}, notNull: map[col]bool{}, known: map[nodeColumn]bool{}}
	if err := p.prepare(q); err != nil {
		return nil, err
	}
	res, err := p.query(q, nil, nil)
	if err != nil {
		return nil, err
	}
	generated, err := p.use(res.rel, res.out)
	if err != nil {
		return nil, err
	}
	v := &View{Settings: p.settings, Key: res.key}
	for i, t := range visible(q.Targets) {
		typ, err := p.rowType(p.columns[res.out[i]])
		if err != nil {
			return nil, err
		}
		v.Columns = append(v.Columns, Column{Name: t.Name, Type: typ})
	}
	l, err := p.lower(p.optimise(res.rel), res.out)
	if err != nil {
		return nil, err
	}
	v.Circuit, v.Remote, v.FreeOrder = l.circuit, l.remote, l.freeOrder
	for _, t := range slices.SortedFunc(maps.Values(l.tables), compareTables) {
		t.Generated = generated[t.Input()]
		v.Tables = append(v.Tables, t.Table)
	}
	return v, nil
}

// prepare decodes a query's constants and refuses what is not maintained.
func (p *compiler) prepare(q *tree.Query) error {
	unread := tree.DecodeConstants(q, p.catalog)
	if err := p.check(q); err != nil {
		return err
	}
	if errors.Is(unread, tree.ErrConstant) {
		what, _ := strings.CutSuffix(strings.TrimPrefix(unread.Error(), "tree: "), ": "+tree.ErrConstant.Error())
		return refuse(-1, "write it as a cast of text", "a %s", what)
	}
	return unread
}

// visible is the targets that are in the result.
func visible(targets []*tree.Target) []*tree.Target {
	return slices.DeleteFunc(slices.Clone(targets), func(t *tree.Target) bool { return t.Junk })
}

// rowType describes a type for the operators.
func (p *compiler) rowType(t tree.TypeRef) (*row.Type, error) {
	typ, err := p.catalog.Type(t.OID, t.Mod, t.Collation)
	if err != nil {
		return nil, fmt.Errorf("plan: type %d: %w", t.OID, err)
	}
	return typ, nil
}

// equatable is the type of a column whose values are compared for what; a type whose
// equality only PostgreSQL knows is refused.
func (p *compiler) equatable(id col, what string) (*row.Type, error) {
	typ, err := p.rowType(p.columns[id])
	if err != nil {
		return nil, err
	}
	switch {
	case typ.Equatable():
		return typ, nil
	case typ.Nondeterministic:
		return nil, refuse(-1, "use a deterministic collation", "%s with a nondeterministic collation", what)
	}
	return nil, refuse(-1, "cast the column to text or to another type", "%s on type %s", what, typ.Name)
}
