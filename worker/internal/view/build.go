package view

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
	"github.com/millrace/millrace/worker/internal/dictionary"
	"github.com/millrace/millrace/worker/internal/replication"
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
	p.err = func() (err error) {
		defer e.contain("view", def.Name, &err)
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
		if v.stale && v.filling == nil && !v.unusable() && time.Now().After(v.retry) {
			list = append(list, v.definition)
			v.building = true
		}
	}
	if len(list) == 0 {
		return
	}
	job := &copyJob{changes: e.seen.changes}
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
		e.filled(ctx, wait, job, nil)
		return
	}
	job.retained = replication.NewArchive("", retainedMemory)
	for _, p := range job.views {
		v := e.views[p.definition.View]
		v.fail(stateCatchingUp, "copying %s", strings.Join(job.names(), ", "))
	}
	wait.Go(func() {
		err := e.copyAll(ctx, job)
		e.post(ctx, func() { e.filled(ctx, wait, job, err) })
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

// physical lists the tables that are to be kept for it.
func (p *prepared) physical() []base {
	if p == nil {
		return nil
	}
	return p.tables
}
