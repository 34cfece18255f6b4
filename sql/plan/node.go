package plan

import (
	"slices"

	"github.com/millrace/millrace/sql/tree"
)

// col identifies a column during a compilation. An expression of the plan has
// tree.Column leaves whose Index is a col, so that it means the same wherever in the
// graph it stands. Operators that only choose rows keep the columns of their input.
type col int

// node is a relation: a node of the plan. Nodes are shared by pointer.
type node interface {
	cols() []col
	inputs() []node
}

type (
	// scan is a base table; columns and numbers go together.
	scan struct {
		table   uint32
		name    string
		inherit bool
		columns []col
		numbers []int16
	}

	// unit is the relation of one row without columns.
	unit struct{}

	// project computes columns. An item whose expression is its own column passes it.
	project struct {
		in    node
		items []item
	}

	// filter keeps the rows for which all conditions are true.
	filter struct {
		in    node
		conds []tree.Expr
	}

	// join is the pairs of left and right with equal keys that fulfil the conditions.
	join struct {
		left, right node
		keys        []joinKey
		conds       []tree.Expr
	}

	// match compares left with pairs, which has a row equal to a left row for each of
	// that row's matches; see matchKind. unknown, of mark3, has the pairs of which it
	// is not known whether they match. added are the columns behind left's.
	match struct {
		kind        matchKind
		left, pairs node
		unknown     node
		added       []col
	}

	// group is GROUP BY. domain is nil, or the groups that there are whether they
	// have rows or not; its columns are the keys'.
	group struct {
		in     node
		keys   []groupKey
		calls  []*call
		domain node
	}

	// distinct is the rows without duplicates. keys are all columns.
	distinct struct {
		in   node
		keys []groupKey
	}

	// first is the first row of each key, in the order.
	first struct {
		in    node
		keys  []groupKey
		order []orderKey
	}

	// union puts its inputs' rows together: column i is the i-th of each of from.
	union struct {
		ins     []node
		from    [][]col
		columns []col
	}

	// setop is INTERSECT or EXCEPT of two relations of equal width.
	setop struct {
		kind        tree.SetKind
		all         bool
		left, right node
		columns     []col
		domain      int // so many leading columns are compared by bytes
	}

	// single gives one row for each row of domain: that of in with these keys, or
	// NULLs. More than one is a row error. keys are columns of in.
	single struct {
		in     node
		keys   []col
		values []col
		domain node
		of     []col // the domain's columns, in the order of keys
	}
)

// item is a computed column.
type item struct {
	id   col
	expr tree.Expr
}

// joinKey is a pair of equal columns.
type joinKey struct {
	left, right col
	identity    bool // the same bytes, or both NULL; else by the type's equality
	nullSafe    bool // NULL equals NULL
}

// groupKey is a column that rows are grouped by: by bytes or by the type's equality.
type groupKey struct {
	id    col
	bytes bool
}

// orderKey is an item of ORDER BY.
type orderKey struct {
	id               col
	desc, nullsFirst bool
}

// matchKind says what a match gives.
type matchKind int

// Kinds of match.
const (
	semi   matchKind = iota // the left rows with a match
	anti                    // the left rows without one
	mark                    // all left rows, and whether there is a match
	mark3                   // all left rows, and true, NULL or false
	extend                  // the left rows without one, and NULLs
)

func (n *scan) cols() []col     { return n.columns }
func (n *unit) cols() []col     { return nil }
func (n *filter) cols() []col   { return n.in.cols() }
func (n *join) cols() []col     { return slices.Concat(n.left.cols(), n.right.cols()) }
func (n *match) cols() []col    { return slices.Concat(n.left.cols(), n.added) }
func (n *distinct) cols() []col { return n.in.cols() }
func (n *first) cols() []col    { return n.in.cols() }
func (n *union) cols() []col    { return n.columns }
func (n *setop) cols() []col    { return n.columns }
func (n *single) cols() []col   { return slices.Concat(n.keys, n.values) }

func (n *project) cols() []col {
	ids := make([]col, len(n.items))
	for i, it := range n.items {
		ids[i] = it.id
	}
	return ids
}

func (n *group) cols() []col {
	var ids []col
	for _, k := range n.keys {
		ids = append(ids, k.id)
	}
	for _, c := range n.calls {
		ids = append(ids, c.id)
	}
	return ids
}

func (n *scan) inputs() []node     { return nil }
func (n *unit) inputs() []node     { return nil }
func (n *project) inputs() []node  { return []node{n.in} }
func (n *filter) inputs() []node   { return []node{n.in} }
func (n *join) inputs() []node     { return []node{n.left, n.right} }
func (n *distinct) inputs() []node { return []node{n.in} }
func (n *first) inputs() []node    { return []node{n.in} }
func (n *union) inputs() []node    { return n.ins }
func (n *setop) inputs() []node    { return []node{n.left, n.right} }
func (n *single) inputs() []node   { return []node{n.in, n.domain} }

func (n *match) inputs() []node {
	if n.unknown == nil {
		return []node{n.left, n.pairs}
	}
	return []node{n.left, n.pairs, n.unknown}
}

func (n *group) inputs() []node {
	if n.domain == nil {
		return []node{n.in}
	}
	return []node{n.in, n.domain}
}

// newCol makes a column.
func (p *compiler) newCol(t tree.TypeRef) col {
	p.columns = append(p.columns, t)
	return col(len(p.columns) - 1)
}

// ref is the expression that is a column's value.
func (p *compiler) ref(id col) tree.Expr { return &tree.Column{Index: int(id), Type: p.columns[id]} }

// pass is the items that pass columns on.
func (p *compiler) pass(ids []col) []item {
	items := make([]item, len(ids))
	for i, id := range ids {
		items[i] = item{id, p.ref(id)}
	}
	return items
}

// onto projects a relation to some of its columns.
func (p *compiler) onto(n node, ids []col) node {
	if slices.Equal(n.cols(), ids) {
		return n
	}
	return &project{in: n, items: p.pass(ids)}
}

// with adds computed columns to a relation.
func (p *compiler) with(n node, items []item) node {
	if len(items) == 0 {
		return n
	}
	return &project{in: n, items: append(p.pass(n.cols()), items...)}
}

// renamed gives new identities to some columns of a relation, for a second use of it.
func (p *compiler) renamed(n node, ids []col) (node, []col) {
	out := &project{in: n}
	fresh := make([]col, len(ids))
	for i, id := range ids {
		fresh[i] = p.newCol(p.columns[id])
		out.items = append(out.items, item{fresh[i], p.ref(id)})
	}
	return out, fresh
}

// columnOf is the column that an expression is, if it is one.
func columnOf(e tree.Expr) (col, bool) {
	c, ok := e.(*tree.Column)
	if !ok {
		return 0, false
	}
	return col(c.Index), true
}
