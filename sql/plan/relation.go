package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// register makes the sources of all range table entries that a FROM names, and makes
// their columns known in the scope.
func (p *compiler) register(s *scope, f tree.FromItem) (map[int]*source, error) {
	sources := map[int]*source{}
	var visit func(f tree.FromItem) error
	visit = func(f tree.FromItem) error {
		switch f := f.(type) {
		case *tree.From:
			for _, i := range f.Items {
				if err := visit(i); err != nil {
					return err
				}
			}
		case *tree.Join:
			if err := visit(f.Left); err != nil {
				return err
			}
			return visit(f.Right)
		case *tree.RangeRef:
			src, err := p.entrySource(s, f.Index)
			if err != nil {
				return err
			}
			sources[f.Index] = src
		}
		return nil
	}
	return sources, visit(f)
}

// entrySource makes the source of one range table entry.
func (p *compiler) entrySource(s *scope, index int) (*source, error) {
	e := s.query.RangeTable[index-1]
	switch e.Kind {
	case tree.EntryRelation:
		return p.relation(s, index, e)
	case tree.EntrySubquery:
		return p.derived(s, index, e), nil
	case tree.EntryValues:
		return p.values(s, index, e)
	case tree.EntryCTE:
		return p.shared(s, index, e)
	case tree.EntryResult:
		return built(p.unitNode), nil
	case tree.EntryTableFunc:
		return nil, refuse(-1, "", "XMLTABLE or JSON_TABLE")
	case tree.EntryFunction:
		return nil, refuse(-1, "", "a function in FROM")
	}
	return nil, refuse(-1, "", "a FROM item of kind %d", e.Kind)
}

// built is the source of a relation that is there.
func built(rel node) *source {
	return &source{gives: rel.cols(), build: func(node) (node, error) { return rel, nil }}
}

// relation is the source of a table or a view.
func (p *compiler) relation(s *scope, index int, e *tree.RangeEntry) (*source, error) {
	r, err := p.catalog.Relation(e.Relation)
	if err != nil {
		return nil, fmt.Errorf("plan: relation %d: %w", e.Relation, err)
	}
	switch {
	case e.Sampled:
		return nil, refuse(-1, "", "TABLESAMPLE")
	case r.Kind == 'v':
		return p.view(s, index, r)
	case r.Kind == 'm':
		return nil, refuse(-1, "name the tables that it is made of", "materialized view %s", r.Name)
	case r.Kind == 'f':
		return nil, refuse(-1, "copy it into a table", "foreign table %s", r.Name)
	case r.Kind != 'r' && r.Kind != 'p':
		return nil, refuse(-1, "", "%s, which is no table", r.Name)
	case r.Persistence != 'p' && r.Persistence != 0:
		return nil, refuse(-1, "only permanent tables are in the write-ahead log", "temporary or unlogged table %s", r.Name)
	case r.RowSecurity:
		return nil, refuse(-1, "the view's owner has to be exempt from its policies", "row-level security of table %s", r.Name)
	case schema.InCatalog(r.OID):
		return nil, refuse(-1, "", "system catalog %s", r.Name)
	}
	n := &scan{table: r.OID, name: r.Name, inherit: e.Inherit}
	for _, c := range r.Columns {
		if c.Generated != 0 {
			continue
		}
		id := p.newCol(typeRef(c.Type))
		n.columns, n.numbers = append(n.columns, id), append(n.numbers, c.Number)
		s.vars[variable{index, c.Number}] = id
		p.notNull[id] = c.NotNull
	}
	return built(p.generated(s, index, n, r)), nil
}

// view is the source of a view: its query, expanded.
func (p *compiler) view(s *scope, index int, r *schema.Relation) (*source, error) {
	if slices.Contains(p.views, r.OID) {
		return nil, refuse(-1, "", "view %s, which refers to itself", r.Name)
	}
	q, err := tree.Read(r.Action)
	if err != nil {
		return nil, fmt.Errorf("plan: view %s: %w", r.Name, err)
	}
	if err := p.prepare(q); err != nil {
		return nil, err
	}
	p.views = append(p.views, r.OID)
	res, err := p.query(q, nil, nil)
	p.views = p.views[:len(p.views)-1]
	if err != nil {
		return nil, err
	}
	rel, ids := p.renamed(res.rel, res.out)
	p.name(s, index, ids)
	return built(rel), nil
}

// name makes the columns of an entry known, numbered from 1.
func (p *compiler) name(s *scope, index int, ids []col) {
	for i, id := range ids {
		s.vars[variable{index, int16(i + 1)}] = id
	}
}

// derived is the source of a subquery in FROM. What it needs is found when the names
// of all items are known.
func (p *compiler) derived(s *scope, index int, e *tree.RangeEntry) *source {
	src := &source{}
	for _, t := range visible(e.Subquery.Targets) {
		src.gives = append(src.gives, p.newCol(t.Expr.Result()))
	}
	p.name(s, index, src.gives)
	src.build = func(start node) (node, error) { return p.dependent(s, e.Subquery, start, src) }
	return src
}

// dependent compiles a subquery in FROM: joined with start if it refers to it.
func (p *compiler) dependent(s *scope, q *tree.Query, start node, src *source) (node, error) {
	if start == nil {
		res, err := p.query(q, s, nil)
		if err != nil {
			return nil, err
		}
		return &project{in: res.rel, items: p.as(src.gives, res.out)}, nil
	}
	if plain(q) {
		res, err := p.query(q, s, p.identity(start))
		if err != nil {
			return nil, err
		}
		return &project{in: res.rel, items: append(p.pass(start.cols()), p.as(src.gives, res.out)...)}, nil
	}
	d := p.domainOf(start, src.needs)
	res, err := p.query(q, s, d)
	if err != nil {
		return nil, err
	}
	right := &project{in: res.rel, items: append(p.pass(res.domain), p.as(src.gives, res.out)...)}
	return &join{left: start, right: right, keys: identical(d.outer, res.domain)}, nil
}

// as is the items that give columns other identities.
func (p *compiler) as(ids, of []col) []item {
	items := make([]item, len(ids))
	for i, id := range ids {
		items[i] = item{id, p.ref(of[i])}
	}
	return items
}

// identical is the join keys of columns that have to be the same bytes.
func identical(left, right []col) []joinKey {
	keys := make([]joinKey, len(left))
	for i := range left {
		keys[i] = joinKey{left: left[i], right: right[i], identity: true, nullSafe: true}
	}
	return keys
}

// domainOf is the distinct values of some columns of rel, under new identities.
func (p *compiler) domainOf(rel node, ids []col) *domain {
	d := &domain{outer: ids, of: map[col]col{}}
	in, fresh := p.renamed(rel, ids)
	d.rel, d.cols = &distinct{in: in, keys: p.byBytes(fresh)}, fresh
	for i, id := range ids {
		d.of[id] = fresh[i]
	}
	return d
}

// identity is rel itself as a domain, for a plain query: it gives, for each row of
// rel, the query's rows, so nothing has to be joined back.
func (p *compiler) identity(rel node) *domain {
	ids := rel.cols()
	d := &domain{rel: rel, outer: ids, cols: ids, of: map[col]col{}}
	for _, id := range ids {
		d.of[id] = id
	}
	return d
}

// values is the source of a VALUES list.
func (p *compiler) values(s *scope, index int, e *tree.RangeEntry) (*source, error) {
	src := &source{}
	for i, t := range e.ColTypes {
		src.gives = append(src.gives, p.newCol(tree.TypeRef{OID: t, Mod: e.ColMods[i], Collation: e.ColCollations[i]}))
	}
	p.name(s, index, src.gives)
	rows := make([][]tree.Expr, len(e.Values))
	for i, list := range e.Values {
		for _, v := range list {
			v, err := p.scalar(s, v)
			if err != nil {
				return nil, err
			}
			needs, err := p.references(s, v)
			if err != nil {
				return nil, err
			}
			src.needs = unique(append(src.needs, needs...))
			rows[i] = append(rows[i], v)
		}
	}
	src.build = func(start node) (node, error) {
		if start == nil {
			start = p.unitNode
		}
		u := &union{columns: slices.Concat(start.cols(), src.gives)}
		for _, list := range rows {
			rel, items := start, p.pass(start.cols())
			for i, v := range list {
				var err error
				if rel, v, err = p.expression(s, rel, v); err != nil {
					return nil, err
				}
				items = append(items, item{src.gives[i], v})
			}
			u.ins, u.from = append(u.ins, &project{in: rel, items: items}), append(u.from, u.columns)
		}
		return u, nil
	}
	return src, nil
}

// shared is the source of a reference to a query of WITH, which is compiled once.
func (p *compiler) shared(s *scope, index int, e *tree.RangeEntry) (*source, error) {
	owner := s
	for range e.CTELevels {
		if owner = owner.outer; owner == nil {
			return nil, fmt.Errorf("plan: WITH query %s is not known", e.CTE)
		}
	}
	c := owner.ctes[e.CTE]
	if c == nil {
		return nil, fmt.Errorf("plan: WITH query %s is not known", e.CTE)
	}
	if c.res == nil {
		if free, err := p.free(c.cte.Query, owner); err != nil || len(free) > 0 {
			return nil, refuse(c.cte.Location, "write it as a subquery in FROM", "a WITH query that refers to an outer query")
		}
		var err error
		if c.res, err = p.query(c.cte.Query, owner, nil); err != nil {
			return nil, err
		}
	}
	rel, ids := p.renamed(c.res.rel, c.res.out)
	p.name(s, index, ids)
	return built(rel), nil
}
