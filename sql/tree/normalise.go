package tree

import (
	"fmt"
	"slices"
)

// maxReplaced bounds how many columns are replaced: each level of a damaged tree
// could double them.
const maxReplaced = 1 << 20

// normaliser replaces the columns of joins and of group entries by what they stand
// for.
type normaliser struct {
	scopes   []*Query // the queries around, the innermost last, as they were read
	replaced int
	nested   int
}

// normalise returns a copy of the query in which no Var refers to a join or to a
// group entry. It checks that all indexes into range tables are good, so that later
// stages need not.
func normalise(q *Query) (*Query, error) {
	n := &normaliser{}
	m := &mutator{expr: n.expr, enter: n.enter, leave: func() { n.scopes = n.scopes[:len(n.scopes)-1] }}
	return m.query(q, 0)
}

func (n *normaliser) enter(q *Query) error {
	n.scopes = append(n.scopes, q)
	for _, e := range q.RangeTable {
		if e.Kind == EntryCTE && e.CTELevels >= len(n.scopes) {
			return fmt.Errorf("tree: reference to a WITH query %d levels up", e.CTELevels)
		}
	}
	if err := checkFrom(q, q.From); err != nil {
		return err
	}
	return checkSetItem(q, q.SetOperation)
}

// checkIndex checks an index into the range table.
func checkIndex(q *Query, index int, kind EntryKind) error {
	if index < 1 || index > len(q.RangeTable) || (q.RangeTable[index-1].Kind == EntryJoin) != (kind == EntryJoin) {
		return fmt.Errorf("tree: range table entry %d is missing or of another kind", index)
	}
	return nil
}

func checkFrom(q *Query, item FromItem) error {
	switch f := item.(type) {
	case *From:
		for _, in := range f.Items {
			if err := checkFrom(q, in); err != nil {
				return err
			}
		}
	case *Join:
		if err := checkFrom(q, f.Left); err != nil {
			return err
		}
		if err := checkFrom(q, f.Right); err != nil {
			return err
		}
		return checkIndex(q, f.Index, EntryJoin)
	case *RangeRef:
		return checkIndex(q, f.Index, EntryRelation)
	}
	return nil
}

func checkSetItem(q *Query, item SetItem) error {
	switch s := item.(type) {
	case *SetOperation:
		if err := checkSetItem(q, s.Left); err != nil {
			return err
		}
		return checkSetItem(q, s.Right)
	case *RangeRef:
		if err := checkIndex(q, s.Index, EntryRelation); err != nil {
			return err
		}
		if q.RangeTable[s.Index-1].Kind != EntrySubquery {
			return fmt.Errorf("tree: range table entry %d of a set operation is no subquery", s.Index)
		}
	}
	return nil
}

// expr replaces one node, whose arguments were replaced before.
func (n *normaliser) expr(e Expr, _ int) (Expr, error) {
	switch e := e.(type) {
	case *Var:
		return n.column(e)
	case *Aggregate:
		return e, n.checkLevels(e.Levels)
	case *Grouping:
		return e, n.checkLevels(e.Levels)
	}
	return e, nil
}

func (n *normaliser) checkLevels(levels int) error {
	if levels >= len(n.scopes) {
		return fmt.Errorf("tree: reference to a query %d levels up", levels)
	}
	return nil
}

// column replaces a column of a join or of a group entry.
func (n *normaliser) column(v *Var) (Expr, error) {
	if err := n.checkLevels(v.Levels); err != nil {
		return nil, err
	}
	q := n.scopes[len(n.scopes)-1-v.Levels]
	if v.Table < 1 || v.Table > len(q.RangeTable) {
		return nil, fmt.Errorf("tree: column of range table entry %d of %d", v.Table, len(q.RangeTable))
	}
	entry := q.RangeTable[v.Table-1]
	list := entry.JoinVars
	switch entry.Kind {
	case EntryJoin:
	case EntryGroup:
		list = entry.Group
	default:
		return v, nil
	}
	if v.Number == 0 && entry.Kind == EntryJoin {
		if slices.Contains(list, nil) {
			return nil, fmt.Errorf("tree: row of a join with a dropped column")
		}
		row := &Row{Type: v.Type, Args: list, Names: entry.Columns, Location: v.Location}
		return n.expand(row, v.Levels)
	}
	if v.Number < 1 || int(v.Number) > len(list) || list[v.Number-1] == nil {
		return nil, fmt.Errorf("tree: column %d of a join or group with %d columns", v.Number, len(list))
	}
	e, err := n.expand(list[v.Number-1], v.Levels)
	if err == nil {
		relocate(e, v.Location)
	}
	return e, err
}

// expand normalises an expression of a query levels up, there, and brings it here.
func (n *normaliser) expand(e Expr, levels int) (Expr, error) {
	n.replaced++
	n.nested++
	defer func() { n.nested-- }()
	if n.replaced > maxReplaced || n.nested > maxDepth {
		return nil, fmt.Errorf("tree: columns of joins refer to each other")
	}
	here := n.scopes
	n.scopes = here[: len(here)-levels : len(here)-levels]
	m := &mutator{expr: n.expr, enter: n.enter, leave: func() { n.scopes = n.scopes[:len(n.scopes)-1] }}
	e, err := m.rewrite(e, 0)
	n.scopes = here
	if err != nil || levels == 0 {
		return e, err
	}
	return raise(e, levels)
}

// raise adds to the levels of all that refers out of an expression, for its use in a
// subquery that much deeper.
func raise(e Expr, levels int) (Expr, error) {
	m := &mutator{
		expr: func(e Expr, depth int) (Expr, error) {
			switch e := e.(type) {
			case *Var:
				raiseLevel(&e.Levels, depth, levels)
			case *Aggregate:
				raiseLevel(&e.Levels, depth, levels)
			case *Grouping:
				raiseLevel(&e.Levels, depth, levels)
			}
			return e, nil
		},
		entry: func(e *RangeEntry, depth int) {
			if e.Kind == EntryCTE {
				raiseLevel(&e.CTELevels, depth, levels)
			}
		},
	}
	return m.rewrite(e, 0)
}

func raiseLevel(level *int, depth, by int) {
	if *level >= depth {
		*level += by
	}
}

// relocate gives a replaced column the place where the column was written, for
// messages: what replaces it was not written there.
func relocate(e Expr, location int) {
	switch e := e.(type) {
	case *Var:
		e.Location = location
	case *Coalesce:
		e.Location = location
	case *Relabel:
		e.Location = location
	}
}
