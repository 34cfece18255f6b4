package view

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
	"github.com/millrace/millrace/worker/internal/dictionary"
)

// prepared is a view compiled, with what is to be copied for it.
type prepared struct {
	definition definition
	plan       *plan.View
	feeds      []*feed
	parents    map[*feed]uint32 // views that feeds read, by OID
	names      map[*feed][]string
	tables     []base // physical tables
	shape      string
	err        error
}

// compileView compiles a plain view as its owner sees it. action is its rule, or ""
// to read it.
func compileView(ctx context.Context, conn querier, definition uint32, action string) (*plan.View, *dictionary.Dictionary, error) {
	d := dictionary.New(ctx, conn)
	if action == "" {
		r, err := d.Relation(definition)
		if err != nil {
			return nil, nil, err
		}
		action = r.Action
	}
	q, err := tree.Read(action)
	if err != nil {
		return nil, nil, err
	}
	p, err := plan.Compile(q, d)
	return p, d, err
}

// prepare compiles one view on its owner's login.
func (e *Engine) prepare(ctx context.Context, def definition, views map[uint32]bool) *prepared {
	p := &prepared{definition: def, parents: map[*feed]uint32{}, names: map[*feed][]string{}}
	p.err = func() error {
		conn, err := e.connectAs(ctx, def.OwnerName, def.Settings)
		if err != nil {
			return err
		}
		defer closeConn(conn)
		// One snapshot: what is found of the tables is what their shape says.
		if _, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
			return fmt.Errorf("view: prepare: %w", err)
		}
		compiled, d, err := compileView(ctx, conn, def.Definition, "")
		if err != nil {
			return err
		}
		p.plan = compiled
		for _, t := range compiled.Tables {
			if err := p.feed(ctx, conn, d, t, views); err != nil {
				return err
			}
		}
		p.shape, err = shapeOf(ctx, conn, &view{definition: def, feeds: p.feeds, plan: compiled})
		return err
	}()
	return p
}

// build begins to build the views that are to be built, unless a build is under way.
func (e *Engine) build(ctx context.Context, wait *sync.WaitGroup) {
	e.look(ctx)
	if e.copying != nil {
		return
	}
	var list []definition
	known := map[uint32]bool{}
	for _, v := range e.order {
		known[v.View] = true
		if v.stale && v.state != stateOrphaned && time.Now().After(v.retry) && v.OwnerFits && v.Fault == "" {
			list = append(list, v.definition)
			v.building = true
		}
	}
	if len(list) == 0 {
		return
	}
	job := newCopyJob()
	job.changes = e.seen.changes
	e.copying = job
	wait.Go(func() {
		var all []*prepared
		for _, def := range list {
			all = append(all, e.prepare(ctx, def, known))
		}
		e.post(ctx, func() { e.planned(ctx, wait, job, all) })
	})
}

// planned takes over what was compiled, and has copied what no store keeps. It runs
// on the loop.
func (e *Engine) planned(ctx context.Context, wait *sync.WaitGroup, job *copyJob, all []*prepared) {
	if e.copying != job {
		return
	}
	for _, p := range all {
		v := e.views[p.definition.View]
		switch {
		case v == nil || v.Generation != p.definition.Generation || v.Definition != p.definition.Definition:
			continue // dropped or changed meanwhile: built in the next round
		case p.err != nil && job.changes != e.seen.changes:
			v.building = false
			v.rebuild("the tables below it have changed") // while it was compiled
			continue
		case p.err != nil:
			e.refuse(v, p.err)
			continue
		}
		job.views = append(job.views, p)
		for _, s := range p.tables {
			job.need(e.stores[s.relation], s)
		}
	}
	if e.overlooked(job) {
		e.copying, e.seen.restart = nil, true
		for _, p := range job.views {
			e.views[p.definition.View].building = false
		}
		return
	}
	if len(job.units) == 0 {
		e.filled(ctx, job, nil)
		return
	}
	job.retaining = true
	for _, p := range job.views {
		v := e.views[p.definition.View]
		v.fail(stateCatchingUp, "copying %s", strings.Join(job.names(), ", "))
	}
	wait.Go(func() {
		err := e.copyAll(ctx, job)
		e.post(ctx, func() { e.filled(ctx, job, err) })
	})
}

// refuse says why a view cannot be maintained, and tries again later.
func (e *Engine) refuse(v *view, err error) {
	if errors.Is(err, schema.ErrNotFound) {
		e.dirty = true // its plain view may be gone
	}
	v.building = false
	e.config.Log.Warn("views: a view is not maintained", "view", v.Name, "err", err)
	v.delayed("%v", err)
	if (isConnection(err) || errors.Is(err, errShape)) && v.state == stateErrored {
		v.state = stateCatchingUp // it is not the view's fault
	}
}

// filled fills the circuits of the views whose tables are there now. It runs on the
// loop.
func (e *Engine) filled(ctx context.Context, job *copyJob, err error) {
	if e.copying != job {
		return
	}
	e.copying = nil
	defer job.abandon()
	if err == nil {
		e.install(job)
	}
	pending := job.views
	for progress := true; progress && err == nil; {
		progress = false
		for i, p := range pending {
			if p != nil && job.failed(p) == nil && e.ready(p) {
				pending[i], progress = nil, true
				e.fill(ctx, p)
			}
		}
		e.sortViews()
	}
	for _, p := range pending {
		if p == nil {
			continue
		}
		v := e.views[p.definition.View]
		if v == nil {
			continue
		}
		v.building = false
		switch failed := job.failed(p); {
		case err != nil:
			v.delayed("its tables could not be copied: %v", err)
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

// fill gives a circuit all rows of its tables, and the view the output.
func (e *Engine) fill(ctx context.Context, p *prepared) {
	v := e.views[p.definition.View]
	if v == nil || v.Generation != p.definition.Generation {
		return
	}
	v.building = false
	if err := e.adopt(v, p); err != nil {
		e.refuse(v, err)
		return
	}
	if err := e.firstStep(ctx, v); err != nil {
		v.plan = nil
		e.refuse(v, err)
		return
	}
	v.stale, v.failing, v.pause = false, false, 0
	v.fail(stateCatchingUp, "")
	for _, other := range e.order {
		if other.reads(v) && other.built() {
			other.rebuild("a view below it was built anew")
		}
	}
	e.judge(v)
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
