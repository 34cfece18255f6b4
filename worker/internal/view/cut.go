package view

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/replication"
)

// longestHold is how long transactions wait at most for ml.check_view.
const longestHold = 10 * time.Second

// cut has a comparison read a view's table and its query at one position: where all
// transactions that the query's snapshot sees have been applied, and no other.
type cut struct {
	snapshot snapshot
	tables   []uint32        // of the query: what changes others does not matter
	until    replication.LSN // everything that the snapshot sees was committed before
	// watching: the tables' state is fixed already. Nothing is held back; that the
	// snapshot sees one of those to come is noticed.
	watching bool
	missed   bool
	reached  func(ctx context.Context, ok bool)
	claimed  atomic.Bool // reached has begun, or the comparison has given up: who comes first
	began    time.Time
	longest  time.Duration
}

// admits reports whether a transaction may be applied now.
func (c *cut) admits(t *replication.Transaction) bool {
	if !touches(t, c.tables) {
		return true
	}
	sees := c.snapshot.sees(t.XID)
	if c.watching {
		c.missed = c.missed || sees
		return true
	}
	return sees
}

// touches reports whether a transaction changes one of the tables.
func touches(t *replication.Transaction, tables []uint32) bool {
	return slices.ContainsFunc(t.Relations(), func(r *replication.Relation) bool { return slices.Contains(tables, r.OID) })
}

// reachCut tells the comparison that its position is reached, or that there is none:
// where a transaction that the snapshot does not see comes first in the log, before
// one that it sees.
func (e *Engine) reachCut(ctx context.Context) {
	c := e.cut
	if c == nil {
		return
	}
	if c.claimed.Load() {
		e.cut = nil // its comparison has given up
		return
	}
	for _, t := range e.waiting {
		c.missed = c.missed || c.snapshot.sees(t.XID) && touches(t, c.tables)
	}
	if c.missed {
		e.cut = nil
		c.reached(ctx, false)
		return
	}
	beyond := e.position >= c.until || e.serverEnd >= c.until
	for _, t := range e.waiting {
		beyond = beyond || t.EndLSN >= c.until
	}
	if beyond || time.Since(c.began) > c.longest {
		e.cut = nil
		c.reached(ctx, beyond)
	}
}

// arrival is what came of a cut.
type arrival struct {
	ok  bool
	err error
}

// await has the loop come to a cut and do there what a comparison needs. prepare, on
// the loop before, may say that the comparison is to begin again.
func (e *Engine) await(ctx context.Context, c *cut, prepare func() bool, there func(loop context.Context) (bool, error)) (bool, error) {
	result := make(chan arrival, 1)
	err := e.do(ctx, func() {
		if e.cut != nil && !e.cut.claimed.Load() {
			result <- arrival{err: fault.New(fault.Busy, "another comparison waits for its position").WithHint("Try again.")}
			return
		}
		if !prepare() {
			result <- arrival{}
			return
		}
		c.began = time.Now()
		c.reached = func(loop context.Context, reached bool) {
			switch {
			case !c.claimed.CompareAndSwap(false, true): // it has given up, and closes its connections
			case !reached:
				result <- arrival{}
			default:
				ok, err := there(loop)
				result <- arrival{ok, err}
			}
		}
		e.cut = c
	})
	if err != nil {
		return false, err
	}
	return c.wait(ctx, result)
}

// wait waits for the loop to come to the cut.
func (c *cut) wait(ctx context.Context, result <-chan arrival) (bool, error) {
	select {
	case a := <-result:
		return a.ok, a.err
	case <-ctx.Done():
		if !c.claimed.CompareAndSwap(false, true) {
			<-result // the loop is using a connection
		}
		return false, ctx.Err()
	}
}

// cutAt fixes the snapshot of the query, waits until the tables show what it sees,
// and fixes the snapshot of the table there.
func (e *Engine) cutAt(ctx context.Context, c *comparison, query, table *pgx.Conn) (bool, error) {
	s, until, err := beginReading(ctx, query)
	if err != nil {
		return false, err
	}
	if err := e.hasten(ctx, until); err != nil {
		return false, err
	}
	x := &cut{snapshot: s, until: until, longest: c.longest}
	prepare := func() bool {
		if v := e.views[c.view]; v != nil {
			x.tables = relations(v.feeds)
		}
		return e.taken.in(s, x.tables) // if not, the tables show more than the snapshot already
	}
	return e.await(ctx, x, prepare, func(loop context.Context) (bool, error) {
		if ok, err := e.upToDate(loop, c); !ok {
			return false, err
		}
		_, _, err := beginReading(loop, table)
		return true, err
	})
}

// standAt fixes one snapshot for the query and the table of a view that reads others.
// It is fixed where the worker stands: the tables of all views show one position in
// it, and what it sees of the query's other tables must be of that position, too. As
// nobody is held up for it, it is tried until it fits.
func (e *Engine) standAt(ctx context.Context, c *comparison, conn *pgx.Conn) (bool, error) {
	for began := time.Now(); time.Since(began) < longestHold; {
		if ok, err := e.standOnce(ctx, c, conn); ok || err != nil {
			return ok, err
		}
		if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
			return false, fmt.Errorf("view: compare: %w", err)
		}
	}
	return false, errNoPosition
}

// standOnce fixes a snapshot, and waits until the log tells whether it fits.
func (e *Engine) standOnce(ctx context.Context, c *comparison, conn *pgx.Conn) (bool, error) {
	result := make(chan arrival, 1)
	watch := &cut{watching: true, longest: c.longest}
	watch.reached = func(_ context.Context, reached bool) {
		if watch.claimed.CompareAndSwap(false, true) {
			result <- arrival{ok: reached}
		}
	}
	ok, err := e.await(ctx, &cut{longest: c.longest}, func() bool { return true }, func(loop context.Context) (bool, error) {
		ok, err := e.upToDate(loop, c)
		if !ok {
			return false, err
		}
		if watch.snapshot, watch.until, err = beginReading(loop, conn); err != nil {
			return false, err
		}
		watch.tables = relations(e.views[c.view].feeds)
		if !e.taken.in(watch.snapshot, watch.tables) {
			return false, nil
		}
		if len(watch.tables) > 0 {
			watch.began, e.cut = time.Now(), watch
		}
		return true, nil
	})
	if err != nil || !ok || len(watch.tables) == 0 {
		return ok, err
	}
	if err := e.hasten(ctx, watch.until); err != nil {
		watch.claimed.Store(true)
		return false, err
	}
	return watch.wait(ctx, result)
}

// hasten has the log come to a position soon where nobody else writes. Where it is
// there already, nothing is written.
func (e *Engine) hasten(ctx context.Context, until replication.LSN) error {
	there := false
	if err := e.do(ctx, func() { there = e.position >= until || e.serverEnd >= until }); err != nil || there {
		return err
	}
	if err := e.barrier(ctx); err != nil {
		return fmt.Errorf("view: compare: %w", err)
	}
	return nil
}

// upToDate writes what has not been written yet, and notes the position. It runs on
// the loop, with the loop's context: all views' writer does not end with one caller.
func (e *Engine) upToDate(loop context.Context, c *comparison) (bool, error) {
	v := e.views[c.view]
	if v == nil {
		return false, errNotLive
	}
	if !v.live() {
		return false, fault.New(fault.State, "the view is %s: %s", v.state, v.reason)
	}
	if err := e.apply(loop, nil); err != nil {
		return false, err
	}
	if v.pending.Len() > 0 || !v.live() || !e.parentsCurrent(v) {
		return false, fault.New(fault.State, "the view could not be written: %s", v.reason)
	}
	c.result.Position = e.position.String()
	return true, nil
}
