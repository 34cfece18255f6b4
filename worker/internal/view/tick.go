package view

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/remote"
	"github.com/millrace/millrace/worker/internal/replication"
)

// tick brings stores and circuits from one position to that behind the last of the
// transactions, and writes what changed. After an error the state is of no position.
func (e *Engine) tick(ctx context.Context, batch []*replication.Transaction) error {
	e.torn = true
	d := deltas{}
	var oldest time.Time
	for _, t := range batch {
		if t.Len() > 0 && oldest.IsZero() {
			oldest = t.CommitTime
		}
		if err := e.absorb(ctx, t, d); err != nil {
			return err
		}
		e.position = max(e.position, t.EndLSN)
		e.copying.retain(t)
		_ = t.Close() // a temporary file that stays is no harm
	}
	for relation, b := range d {
		b.Consolidate()
		if b.Len() == 0 {
			delete(d, relation)
		}
	}
	e.torn = false
	if e.seen.stranger {
		e.glance(ctx)
	}
	e.follow(ctx)
	if len(d) > 0 {
		e.step(ctx, d) // the state is torn again if ctx ends in the middle of a circuit's step
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(d) == 0 {
		return nil
	}
	e.ticks.add(time.Now())
	return e.apply(ctx, &oldest)
}

// absorb applies one transaction to the stores.
func (e *Engine) absorb(ctx context.Context, t *replication.Transaction, d deltas) error {
	for change, err := range t.Changes() {
		if err != nil {
			return err
		}
		s := e.stores[change.Relation.OID]
		if s == nil {
			e.meet(change.Relation.OID)
			continue
		}
		if err = e.recognise(ctx, s, change.Relation, t.XID); err == nil {
			err = e.change(s, &change, d)
		}
		if err != nil && isConnection(err) {
			return err
		}
		if err != nil {
			e.abandon(s, err)
			delete(d, s.relation)
		}
	}
	for range t.Messages() {
		e.seen.hints.note(t.XID)
		break
	}
	return nil
}

// change applies one change of a table to its store.
func (e *Engine) change(s *store, c *replication.Change, d deltas) (err error) {
	defer e.contain("table", s.relation, &err)
	return s.change(c, d.of(s.relation))
}

// recognise checks, when the log describes a table anew, that the kept columns are still
// the same: names and types alone do not tell, a column may have been dropped and
// another one of its name added.
func (e *Engine) recognise(ctx context.Context, s *store, r *replication.Relation, xid uint32) error {
	if s.bound == r {
		return nil
	}
	if err := e.awaitVisible(ctx, xid); err != nil {
		return fmt.Errorf("view: table %s.%s: %w", r.Namespace, r.Name, err)
	}
	stamps, since, err := stampsOf(ctx, e.config.Pool, s.relation)
	if err != nil {
		return err
	}
	for _, c := range s.columns {
		if stamps[c.Number] != c.Stamp || since != s.since {
			return fmt.Errorf("view: table %s.%s: %w", r.Namespace, r.Name, errShape)
		}
	}
	return nil
}

// awaitVisible waits until the catalog shows what a transaction has done to it: its
// commit is in the log a moment before, or for long before if it waits for a standby;
// then what is kept is given up, and the copy waits.
func (e *Engine) awaitVisible(ctx context.Context, xid uint32) error {
	for pause := time.Millisecond; pause < 2*time.Second; pause *= 2 {
		var text string
		if err := e.config.Pool.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&text); err != nil {
			return fmt.Errorf("view: snapshot: %w", err)
		}
		now, err := parseSnapshot(text)
		if err != nil {
			return err
		}
		if now.sees(xid) {
			return nil
		}
		time.Sleep(pause)
	}
	return errShape
}

// abandon gives up a table's rows, and has the views that read them built anew.
func (e *Engine) abandon(s *store, why error) {
	e.config.Log.Warn("views: a table is copied again", "table", s.relation, "err", why, "position", e.position.String())
	delete(e.stores, s.relation)
	for _, v := range e.order {
		for _, relation := range relations(v.feeds) {
			if relation == s.relation && v.state != stateOrphaned {
				v.rebuild(fmt.Sprintf("a table below it is copied again: %v", why))
			}
		}
	}
}

// step gives the changes to the circuits.
func (e *Engine) step(ctx context.Context, d deltas) {
	outputs := map[*view]*zset.Batch{}
	for _, v := range e.order {
		if err := e.stepView(ctx, v, d, outputs); err != nil {
			e.broken(v, err)
		}
	}
}

// stepView gives them to one, and notes its output.
func (e *Engine) stepView(ctx context.Context, v *view, d deltas, outputs map[*view]*zset.Batch) (err error) {
	defer e.contain("view", v.Name, &err)
	if v.filling != nil && e.parentsBuilt(v) {
		v.filling.keep(e.collect(v.feeds, d, outputs))
	}
	if !v.built() {
		return nil
	}
	in := e.collect(v.feeds, d, outputs)
	if len(in) == 0 || !e.parentsBuilt(v) {
		return nil // with a parent that is to be built it is built anew, too
	}
	out := new(zset.Batch)
	if err := e.stepPlan(ctx, v.definition, v.plan, in, out, e.briefly()); err != nil {
		return err
	}
	v.change(out)
	e.judge(v)
	outputs[v] = out
	return nil
}

// stepPlan steps a view's circuit.
func (e *Engine) stepPlan(ctx context.Context, d definition, p *plan.View, in map[any]*zset.Batch, out *zset.Batch, limits sessionLimits) (err error) {
	defer e.contain("view", d.Name, &err)
	return p.Circuit.Step(&dataflow.Context{Context: ctx, Remote: remote.New(e.acquirer(d, limits))}, in, out)
}

// broken has a view filled anew whose circuit could not finish a step: PostgreSQL did
// not evaluate what it was asked to.
func (e *Engine) broken(v *view, err error) {
	if errors.Is(err, context.Canceled) {
		e.torn = true
		return
	}
	e.config.Log.Warn("views: a circuit stopped", "view", v.Name, "err", err)
	v.delayed("it could not be computed: %v", err)
	for _, other := range e.order {
		if other.reads(v) {
			other.rebuild("a view below it is built anew")
		}
	}
}

// judge puts a view into state errored while its query fails on some row, as SQL
// would, and takes it out when that row is gone.
func (e *Engine) judge(v *view) {
	count, example, _ := v.plan.Circuit.Errors()
	if r := v.plan.Circuit.FailingRow(); r != "" {
		example += " in row " + r
	}
	switch {
	case count > 0 && (v.state == stateLive || v.state == stateLagging || v.state == stateCatchingUp):
		v.fail(stateErrored, "%s (%d rows, since position %s); the table keeps its last good contents", example, count, e.position)
		v.position, v.failing = e.position, true
	case count > 0 && v.state == stateErrored && v.failing:
		v.reason = fmt.Sprintf("%s (%d rows); the table keeps its last good contents", example, count)
	case count == 0 && v.failing:
		v.failing = false
		if v.state == statePaused {
			v.resumed = stateCatchingUp
		} else {
			v.state, v.reason = stateCatchingUp, ""
		}
	}
}
