package view

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// filling is a circuit that takes in all rows of its tables, beside the loop: the other
// views go on, and what they take in meanwhile is kept for it.
type filling struct {
	cancel  context.CancelFunc
	plan    *plan.View
	output  *zset.Set
	backlog map[any]*zset.Batch // of the ticks since the contents were taken
}

// maxBacklog is how many changes a circuit takes in on the loop when it has been filled.
const maxBacklog = 20_000

// dropFilling gives up a circuit that is being filled.
func (v *view) dropFilling() {
	if v.filling != nil {
		v.filling.cancel()
		v.filling = nil
	}
}

// keep notes a tick's change for later.
func (f *filling) keep(in map[any]*zset.Batch) {
	for input, b := range in {
		if f.backlog[input] == nil {
			f.backlog[input] = new(zset.Batch)
		}
		f.backlog[input].AddAll(b, 1)
	}
}

// behind counts the changes that are kept.
func (f *filling) behind() (n int) {
	for _, b := range f.backlog {
		n += b.Len()
	}
	return n
}

// take returns what is kept, each row once, and keeps nothing any more.
func (f *filling) take() map[any]*zset.Batch {
	in := f.backlog
	f.backlog = map[any]*zset.Batch{}
	for _, b := range in {
		b.Consolidate()
	}
	return in
}

// filled installs the copied tables and has the views of the job filled. It runs on
// the loop.
func (e *Engine) filled(ctx context.Context, wait *sync.WaitGroup, job *copyJob, err error) {
	if e.copying != job {
		return
	}
	if job.err == nil {
		job.err = err
	}
	if job.err == nil {
		e.install(job)
	}
	job.abandon()
	e.filledAt = time.Now()
	e.fillNext(ctx, wait, job)
}

// maxFilling is how many views are filled at once: each needs a copy of its input.
const maxFilling = 4

// fillNext fills views whose tables and parents are there, and ends the job when none
// is left that could be.
func (e *Engine) fillNext(ctx context.Context, wait *sync.WaitGroup, job *copyJob) {
	for i, p := range job.views {
		if p == nil || job.underway >= maxFilling || job.err != nil || job.failed(p) != nil || !e.ready(p) {
			continue
		}
		job.views[i] = nil
		e.fill(ctx, wait, job, p)
	}
	left := slices.ContainsFunc(job.views, func(p *prepared) bool { return p != nil })
	if job.underway == 0 || !left {
		e.endJob(job) // another may begin while the last are filled
	}
}

// together is how long views wait for each other that are filled at the same time, to
// go on from one position.
const together = time.Second

// gathering reports whether views that have been filled should wait for others.
func (e *Engine) gathering() bool {
	return time.Since(e.filledAt) < together && slices.ContainsFunc(e.order, func(v *view) bool { return v.filling != nil })
}

// endJob says of the views that were not filled why.
func (e *Engine) endJob(job *copyJob) {
	e.copying = nil
	for _, p := range job.views {
		if p == nil {
			continue
		}
		v := e.views[p.definition.View]
		if v == nil {
			continue
		}
		v.building = false
		switch failed := job.failed(p); {
		case job.err != nil:
			v.delayed("its tables could not be copied: %v", job.err)
		case failed != nil:
			v.delayed("%v", failed)
			if v.state == stateErrored && (errors.Is(failed, errShape) || errors.Is(failed, errDrift) || isConnection(failed)) {
				v.state = stateCatchingUp // it was changed meanwhile: the next copy will do
			}
		default:
			v.delayed("it waits for a table or view below it to be built")
		}
	}
	e.dropUnusedStores()
}

// ready reports whether all tables and views that p reads have their rows. A table
// that was kept when p was compiled may have been given up since.
func (e *Engine) ready(p *prepared) bool {
	for _, t := range p.tables {
		if s := e.stores[t.relation]; s == nil || !s.covers(t) {
			return false
		}
	}
	for _, oid := range p.parents {
		parent := e.views[oid]
		if parent == nil || !parent.built() {
			return false
		}
	}
	return true
}

// fill begins to give a circuit all rows of its tables, unless the view is not the one
// that was compiled any more.
func (e *Engine) fill(ctx context.Context, wait *sync.WaitGroup, job *copyJob, p *prepared) {
	v := e.views[p.definition.View]
	if v == nil {
		return
	}
	if v.Generation != p.definition.Generation || v.Definition != p.definition.Definition || v.unusable() {
		v.building = false
		return
	}
	if err := e.adopt(v, p); err != nil {
		e.refuse(v, err)
		return
	}
	e.sortViews()
	in := e.contents(v.feeds)
	rows := 0
	for _, b := range in {
		rows += b.Len()
	}
	f := &filling{plan: p.plan, output: zset.NewSet(), backlog: map[any]*zset.Batch{}}
	v.plan, v.stale, v.filling = nil, true, f
	v.fail(stateCatchingUp, "computing it from %d rows", rows)
	e.pour(ctx, wait, job, v, in)
}

// pour gives rows to the circuit of a view that is filled, beside the loop.
func (e *Engine) pour(ctx context.Context, wait *sync.WaitGroup, job *copyJob, v *view, in map[any]*zset.Batch) {
	f, definition := v.filling, v.definition
	job.underway++
	working, cancel := context.WithCancel(ctx)
	f.cancel = cancel
	wait.Go(func() {
		defer cancel()
		out := new(zset.Batch)
		err := e.stepPlan(working, definition, f.plan, in, out, patientLimits)
		for r, w := range out.All() {
			f.output.Add(r, w)
		}
		e.post(ctx, func() { e.poured(ctx, wait, job, v, f, err) })
	})
}

// poured takes the circuit over when it has come to the engine's position.
func (e *Engine) poured(ctx context.Context, wait *sync.WaitGroup, job *copyJob, v *view, f *filling, err error) {
	job.underway--
	switch current := e.views[v.View] == v && v.filling == f; {
	case current && err == nil && f.behind() > maxBacklog:
		e.pour(ctx, wait, job, v, f.take())
	case current:
		e.bringToLife(ctx, v, f, err)
	default:
		v.building = false
	}
	if e.copying == job {
		e.fillNext(ctx, wait, job)
	}
}

func (e *Engine) bringToLife(ctx context.Context, v *view, f *filling, err error) {
	v.filling, v.output, v.applied, v.pending = nil, f.output, nil, zset.NewSet()
	if err == nil && f.behind() > 0 {
		out := new(zset.Batch)
		err = e.stepPlan(ctx, v.definition, f.plan, f.take(), out, e.briefly())
		v.change(out)
	}
	if err != nil {
		e.refuse(v, err)
		return
	}
	v.plan, v.stale, v.building, v.failing, v.pause = f.plan, false, false, false, 0
	v.fail(stateCatchingUp, "")
	e.seen.latest = "" // what is below it may have changed since it was compiled
	for _, other := range e.order {
		if other.reads(v) && (other.built() || other.filling != nil) {
			other.rebuild("a view below it was built anew")
		}
	}
	e.judge(v)
	e.shed()
}

// adopt resolves the feeds of a compiled view.
func (e *Engine) adopt(v *view, p *prepared) error {
	for f, oid := range p.parents {
		if e.views[oid].reaches(v) {
			return fmt.Errorf("it would read itself, through %s", e.views[oid].Name)
		}
		f.parent, f.columns = e.views[oid], nil
		for _, name := range p.names[f] {
			i := slices.IndexFunc(f.parent.plan.Columns, func(c plan.Column) bool { return c.Name == name })
			if i < 0 {
				return fmt.Errorf("view: %s has no column %s", f.parent.Name, name)
			}
			f.columns = append(f.columns, i)
		}
	}
	v.plan, v.feeds, v.shape = p.plan, p.feeds, p.shape
	e.seen.latest = "" // it may have changed since it was compiled
	v.types = make([]*row.Type, len(p.plan.Columns))
	for i, c := range p.plan.Columns {
		v.types[i] = c.Type
	}
	return nil
}
