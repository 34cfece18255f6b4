package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/sql/tree"
)

// source is an item of a FROM from which the inner joins are taken apart.
type source struct {
	gives []col
	// needs is the columns of elsewhere that it refers to: of items to its left
	// (LATERAL), or of the domain.
	needs []col
	// build makes the relation. A source that needs nothing gets nil and gives its
	// own columns; else the result is the join with start, which has what it needs.
	build func(start node) (node, error)
}

// from compiles FROM and WHERE of the scope's query. The result is joined with start,
// which may be nil. extra, which may be nil, gives further conditions when the names
// are known.
func (p *compiler) from(s *scope, start node, extra func() ([]tree.Expr, error)) (node, error) {
	f := s.query.From
	if f == nil {
		f = &tree.From{}
	}
	sources, err := p.register(s, f)
	if err != nil {
		return nil, err
	}
	b := &fromBuilder{p: p, s: s, entries: sources}
	items, conds, err := b.flatten(f)
	if err != nil {
		return nil, err
	}
	if extra != nil {
		more, err := extra()
		if err != nil {
			return nil, err
		}
		conds = append(conds, more...)
	}
	return p.join(s, start, items, conds)
}

// fromBuilder takes a FROM apart.
type fromBuilder struct {
	p       *compiler
	s       *scope
	entries map[int]*source
}

// flatten is the items of a FROM whose inner product, with the conditions, it is.
func (b *fromBuilder) flatten(f tree.FromItem) ([]*source, []tree.Expr, error) {
	switch f := f.(type) {
	case *tree.RangeRef:
		src, err := b.entry(f.Index)
		return []*source{src}, nil, err
	case *tree.From:
		return b.product(f.Items, f.Where)
	case *tree.Join:
		if f.Type == tree.JoinInner {
			return b.product([]tree.FromItem{f.Left, f.Right}, f.On)
		}
		src, err := b.outerJoin(f)
		return []*source{src}, nil, err
	}
	return nil, nil, fmt.Errorf("plan: FROM item %T", f)
}

// product flattens several items with a condition over them.
func (b *fromBuilder) product(items []tree.FromItem, cond tree.Expr) ([]*source, []tree.Expr, error) {
	var sources []*source
	var conds []tree.Expr
	for _, i := range items {
		more, on, err := b.flatten(i)
		if err != nil {
			return nil, nil, err
		}
		sources, conds = append(sources, more...), append(conds, on...)
	}
	e, err := b.p.scalar(b.s, cond)
	if err != nil {
		return nil, nil, err
	}
	return sources, append(conds, conjuncts(e)...), nil
}

// entry is the source of a range table entry, with what it needs.
func (b *fromBuilder) entry(index int) (*source, error) {
	src := b.entries[index]
	if sub := b.s.query.RangeTable[index-1].Subquery; sub != nil {
		free, err := b.p.free(sub, b.s)
		if err != nil {
			return nil, err
		}
		src.needs = free
	}
	return src, nil
}

// outerJoin is an outer join as a source.
func (b *fromBuilder) outerJoin(j *tree.Join) (*source, error) {
	o := &outer{p: b.p, s: b.s, full: j.Type == tree.JoinFull}
	l, r := j.Left, j.Right
	if j.Type == tree.JoinRight {
		l, r = r, l
	}
	var err error
	if o.left, o.leftOn, err = b.flatten(l); err != nil {
		return nil, err
	}
	if o.right, o.rightOn, err = b.flatten(r); err != nil {
		return nil, err
	}
	on, err := b.p.scalar(b.s, j.On)
	if err != nil {
		return nil, err
	}
	o.on = conjuncts(on)
	return o.source()
}

// outer is an outer join; the right side is extended by NULLs, and in a full join the
// left side too.
type outer struct {
	p                   *compiler
	s                   *scope
	full                bool
	left, right         []*source
	leftOn, rightOn, on []tree.Expr
}

// source is the join as an item of FROM.
func (o *outer) source() (*source, error) {
	src := &source{build: o.build}
	var needs []col
	for _, side := range slices.Concat(o.left, o.right) {
		src.gives = append(src.gives, side.gives...)
		needs = append(needs, side.needs...)
	}
	for _, e := range slices.Concat(o.leftOn, o.rightOn, o.on) {
		ids, err := o.p.references(o.s, e)
		if err != nil {
			return nil, err
		}
		needs = append(needs, ids...)
	}
	for _, id := range unique(needs) {
		if !slices.Contains(src.gives, id) {
			src.needs = append(src.needs, id)
		}
	}
	return src, nil
}

// build makes the pairs and the extensions. Conditions of ON choose pairs only: a row
// of the left side without a pair stays, with NULLs.
func (o *outer) build(start node) (node, error) {
	if o.full && start != nil {
		return nil, refuse(-1, "", "FULL JOIN that refers to an outer query")
	}
	left, err := o.p.join(o.s, start, o.left, o.leftOn)
	if err != nil {
		return nil, err
	}
	if o.full {
		return o.buildFull(left)
	}
	pairs, err := o.p.join(o.s, left, o.right, slices.Concat(o.rightOn, o.on))
	if err != nil {
		return nil, err
	}
	var right []col
	for _, src := range o.right {
		right = append(right, src.gives...)
	}
	all := slices.Concat(left.cols(), right)
	return &union{ins: []node{pairs, o.extension(left, pairs, right)}, from: [][]col{all, all}, columns: all}, nil
}

func (o *outer) buildFull(left node) (node, error) {
	right, err := o.p.join(o.s, nil, o.right, o.rightOn)
	if err != nil {
		return nil, err
	}
	whole := &source{gives: right.cols(), build: func(node) (node, error) { return right, nil }}
	pairs, err := o.p.join(o.s, left, []*source{whole}, o.on)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(left.cols(), right.cols())
	return &union{
		ins: []node{
			pairs,
			o.extension(left, pairs, right.cols()),
			o.extension(right, pairs, left.cols()),
		},
		from:    [][]col{all, all, all},
		columns: all,
	}, nil
}

// extension is the rows of side that are in no pair, with NULLs for added.
func (o *outer) extension(side, pairs node, added []col) node {
	return &match{kind: extend, left: side, pairs: o.p.onto(pairs, side.cols()), added: added}
}
