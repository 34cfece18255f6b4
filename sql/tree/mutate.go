package tree

import "slices"

// mutator copies queries and their expressions with all subqueries.
type mutator struct {
	// expr replaces an expression, whose arguments were replaced before. depth counts
	// the queries between it and where the copy began.
	expr func(e Expr, depth int) (Expr, error)
	// entry, if set, may change the copy of a range table entry.
	entry func(e *RangeEntry, depth int)
	// enter and leave, if set, are called around a query.
	enter func(q *Query) error
	leave func()
}

// rewrite copies an expression of a query at the depth. What stands in a sublink's
// query is one deeper.
func (m *mutator) rewrite(e Expr, depth int) (Expr, error) {
	return Rewrite(e, func(e Expr) (Expr, error) {
		if s, ok := e.(*SubLink); ok {
			q, err := m.query(s.Query, depth+1)
			if err != nil {
				return nil, err
			}
			s.Query = q
		}
		return m.expr(e, depth)
	})
}

// query copies a query at the depth.
func (m *mutator) query(q *Query, depth int) (*Query, error) {
	if m.enter != nil {
		if err := m.enter(q); err != nil {
			return nil, err
		}
		defer m.leave()
	}
	c := *q
	c.CTEs, c.RangeTable, c.Targets = slices.Clone(q.CTEs), slices.Clone(q.RangeTable), cloneTargets(q.Targets)
	for i, cte := range c.CTEs {
		sub, err := m.query(cte.Query, depth+1)
		if err != nil {
			return nil, err
		}
		d := *cte
		d.Query = sub
		c.CTEs[i] = &d
	}
	for i, e := range c.RangeTable {
		var err error
		if c.RangeTable[i], err = m.rangeEntry(e, depth); err != nil {
			return nil, err
		}
	}
	from, err := m.from(q.From, depth)
	if err != nil {
		return nil, err
	}
	c.From = from.(*From)
	slots := []*Expr{&c.Having, &c.Offset, &c.Limit}
	for _, t := range c.Targets {
		slots = append(slots, &t.Expr)
	}
	return &c, m.all(slots, depth)
}

// all rewrites the expressions in the slots.
func (m *mutator) all(slots []*Expr, depth int) error {
	for _, slot := range slots {
		e, err := m.rewrite(*slot, depth)
		if err != nil {
			return err
		}
		*slot = e
	}
	return nil
}

func (m *mutator) rangeEntry(e *RangeEntry, depth int) (*RangeEntry, error) {
	c := *e
	if e.Subquery != nil {
		sub, err := m.query(e.Subquery, depth+1)
		if err != nil {
			return nil, err
		}
		c.Subquery = sub
	}
	c.JoinVars, c.Functions, c.Group = slices.Clone(e.JoinVars), slices.Clone(e.Functions), slices.Clone(e.Group)
	c.Values = slices.Clone(e.Values)
	var slots []*Expr
	collect := func(slot *Expr) { slots = append(slots, slot) }
	each(c.JoinVars, collect)
	each(c.Functions, collect)
	each(c.Group, collect)
	for i, row := range c.Values {
		c.Values[i] = slices.Clone(row)
		each(c.Values[i], collect)
	}
	if m.entry != nil {
		m.entry(&c, depth)
	}
	return &c, m.all(slots, depth)
}

func (m *mutator) from(item FromItem, depth int) (FromItem, error) {
	switch f := item.(type) {
	case *From:
		c := *f
		c.Items = slices.Clone(f.Items)
		for i, in := range c.Items {
			out, err := m.from(in, depth)
			if err != nil {
				return nil, err
			}
			c.Items[i] = out
		}
		return &c, m.all([]*Expr{&c.Where}, depth)
	case *Join:
		c := *f
		var err error
		if c.Left, err = m.from(f.Left, depth); err != nil {
			return nil, err
		}
		if c.Right, err = m.from(f.Right, depth); err != nil {
			return nil, err
		}
		return &c, m.all([]*Expr{&c.On}, depth)
	}
	return item, nil
}
