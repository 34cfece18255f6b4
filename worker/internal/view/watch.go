package view

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/worker/internal/replication"
)

// seen is what the catalog showed when it was last looked at.
type seen struct {
	position  replication.LSN // of the engine then
	at        time.Time
	changes   int               // of latest
	restart   bool              // the stream has to begin anew
	streamed  map[uint32]string // followed_since of partitions that a stream began with
	latest    string            // ml_private.latest; "" to compare all views
	parents   []uint32          // tables that can have partitions or descendants
	strangers map[uint32]bool   // followed tables that belong to no view
	stranger  bool              // one was met for the first time
	hints     hints
}

// watchInterval is how often all is compared that leaves no trace in the log, whatever
// the log says.
var watchInterval = time.Second

var errAttached = errors.New("a partition was attached")

// overlooked reports whether the stream may not send what a job copies. Before
// PostgreSQL 15 a server does not notice, in a stream that has begun, that a table which
// was not followed is one since it, or what it is a partition of, was attached.
func (e *Engine) overlooked(j *copyJob) bool {
	if !strings.HasPrefix(e.writer.ParameterStatus("server_version"), "14") {
		return false
	}
	again := false
	for _, u := range j.units {
		if u.part && e.seen.streamed[u.relation] != u.since {
			if e.seen.streamed == nil {
				e.seen.streamed = map[uint32]string{}
			}
			e.seen.streamed[u.relation], again = u.since, true
		}
	}
	return again
}

// meet notes a table of the log that no view reads: a new partition, perhaps.
func (e *Engine) meet(relation uint32) {
	if !e.seen.strangers[relation] {
		if e.seen.strangers == nil {
			e.seen.strangers = map[uint32]bool{}
		}
		e.seen.strangers[relation], e.seen.stranger = true, true
	}
}

// look notices what the log does not tell, soon after it has happened.
func (e *Engine) look(ctx context.Context) {
	if e.seen.latest == "" || e.position != e.seen.position && time.Since(e.seen.at) > 20*time.Millisecond {
		e.glance(ctx)
	}
}

// lookNow looks on behalf of somebody who waits for what he has committed before:
// whoever attaches a partition and then waits finds its rows. A look at the time when
// the position was reached would be too early: a transaction is in the log before it
// can be seen.
func (e *Engine) lookNow(ctx context.Context) error {
	failed := false
	err := e.do(ctx, func() {
		if e.stream != nil {
			e.follow(ctx)
			e.glance(ctx)
			e.publish()
			failed = e.seen.latest == ""
		}
	})
	if err == nil && failed {
		err = errors.New("view: the catalog could not be read")
	}
	return err
}

// glance compares a fingerprint of the catalog, and all views if it has changed.
func (e *Engine) glance(ctx context.Context) {
	e.seen.stranger, e.seen.position, e.seen.at = false, e.position, time.Now()
	for range 3 {
		var latest string
		err := e.config.Pool.QueryRow(ctx, "SELECT ml_private.latest($1)", e.seen.parents).Scan(&latest)
		if err == nil && latest == e.seen.latest {
			break
		}
		if err == nil {
			e.seen.latest, e.seen.strangers = latest, nil
			e.seen.changes++
			err = e.compareAll(ctx)
		}
		if err != nil {
			e.seen.latest, e.dirty = "", true // the next turn fails clearly, if this goes on
			if ctx.Err() == nil {
				e.config.Log.Warn("views: the catalog could not be read", "err", err)
			}
			return
		}
	}
}

// compareAll takes the catalog as it is: views whose tables have changed are built
// anew, and what could not be built is tried at once.
func (e *Engine) compareAll(ctx context.Context) error {
	if err := e.reconcile(ctx); err != nil {
		return err
	}
	var roots []uint32
	for _, v := range e.order {
		if v.stale && !v.shed && v.state == stateErrored && v.OwnerFits && v.Fault == "" {
			v.rebuild("the tables below it have changed")
		}
		if v.plan != nil {
			for _, t := range v.plan.Tables {
				roots = append(roots, t.OID)
			}
		}
	}
	err := e.config.Pool.QueryRow(ctx, `
		WITH RECURSIVE family(oid) AS (SELECT unnest($1::oid[]) UNION SELECT i.inhrelid FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.oid)
		SELECT coalesce(array_agg(f.oid ORDER BY f.oid), '{}') FROM family AS f`, roots).Scan(&e.seen.parents)
	if err != nil {
		return fmt.Errorf("view: families of tables: %w", err)
	}
	return e.compareShapes(ctx)
}

func (e *Engine) compareShapes(ctx context.Context) error {
	for _, v := range e.order {
		if !v.built() {
			continue
		}
		now, err := shapeOf(ctx, e.config.Pool, v)
		if err != nil {
			return err
		}
		if now != v.shape {
			v.rebuild("the tables below it have changed")
		}
	}
	return nil
}

// watch looks at all that [Engine.glance] is too frequent for: privileges, replica
// identities, functions. Where the log has a hint that they have changed, it need not
// wait for its time.
func (e *Engine) watch(ctx context.Context) error {
	if e.seen.restart {
		e.seen.restart = false
		return errAttached
	}
	if time.Since(e.watched) < watchInterval || e.copying != nil {
		e.follow(ctx)
		return nil
	}
	e.watched, e.dirty, e.seen.hints.from = time.Now(), true, nil
	return e.compareShapes(ctx)
}
