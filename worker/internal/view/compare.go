package view

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/replication"
)

// cut holds the ticks back so that a view's table and its query can be read at one
// position: all transactions that the query's snapshot sees have been applied, and no
// other.
type cut struct {
	snapshot snapshot
	tables   []uint32        // below the view: what changes others does not matter
	until    replication.LSN // everything that the snapshot sees was committed before
	reached  func(ctx context.Context, ok bool)
	claimed  atomic.Bool // reached has begun, or the comparison has given up: who comes first
	began    time.Time
}

func (c *cut) admits(t *replication.Transaction) bool {
	return c.snapshot.sees(t.XID) || !touches(t, c.tables)
}

// touches reports whether a transaction changes one of the tables.
func touches(t *replication.Transaction, tables []uint32) bool {
	return slices.ContainsFunc(t.Relations(), func(r *replication.Relation) bool { return slices.Contains(tables, r.OID) })
}

// tablesBelow lists the physical tables below a view, through other views.
func (v *view) tablesBelow() []uint32 {
	list := relations(v.feeds)
	for _, f := range v.feeds {
		if f.parent != nil {
			list = append(list, f.parent.tablesBelow()...)
		}
	}
	return list
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
		if c.snapshot.sees(t.XID) && touches(t, c.tables) {
			e.cut = nil
			c.reached(ctx, false)
			return
		}
	}
	beyond := e.position >= c.until || e.serverEnd >= c.until
	for _, t := range e.waiting {
		beyond = beyond || t.EndLSN >= c.until
	}
	if beyond || time.Since(c.began) > 10*time.Second {
		e.cut = nil
		c.reached(ctx, beyond)
	}
}

type compared struct {
	Done      bool   `json:"done"`
	Ticket    int64  `json:"ticket"`
	Differing int64  `json:"differing"`
	Compared  int64  `json:"compared"`
	Tolerated int64  `json:"with_tolerance"`
	Position  string `json:"position"`
	Example   string `json:"example"`
}

// compare begins a comparison and waits for it a little.
func (e *Engine) compare(ctx context.Context, r request) (any, error) {
	var owner uint32
	err := e.config.Pool.QueryRow(ctx, "SELECT owner FROM ml_private.view WHERE view = $1", *r.View).Scan(&owner)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "there is no maintained view %d", *r.View)
	}
	if err != nil {
		return nil, fmt.Errorf("view: compare: %w", err)
	}
	if r.Ticket, err = e.comparisons.begin(*r.View, owner, e.runComparison); err != nil {
		return nil, err
	}
	return e.compared(r)
}

// compared waits a little for a comparison.
func (e *Engine) compared(r request) (any, error) {
	c, err := e.comparisons.find(r.Ticket, *r.View)
	if err != nil {
		return nil, err
	}
	c.ask()
	select {
	case <-c.done:
	case <-time.After(900 * time.Millisecond):
		return compared{Ticket: r.Ticket}, nil
	}
	if c.err != nil {
		return nil, c.err
	}
	result := c.result
	result.Done, result.Ticket = true, r.Ticket
	return result, nil
}

// runComparison compares, and begins again where the log's order is not that of
// visibility.
func (e *Engine) runComparison(ctx context.Context, c *comparison) error {
	for range 20 {
		again, err := e.compareOnce(ctx, c)
		if code(err) == "55P03" {
			return fault.New(fault.State, "a table that the comparison reads is locked").WithHint("Try again when the lock is released.")
		}
		if err != nil || !again {
			return err
		}
	}
	return fault.New(fault.State, "no position of the log was found where one snapshot holds").WithHint("Try again when fewer transactions commit.")
}

// pinnedView is what a comparison needs of a view.
type pinnedView struct {
	definition
	columns string
	types   []*row.Type
	floats  []bool
	free    bool // of order: see [plan.View]
}

func (e *Engine) pin(ctx context.Context, oid uint32) (p pinnedView, err error) {
	doErr := e.do(ctx, func() {
		v := e.views[oid]
		if v == nil || !v.live() || !e.parentsCurrent(v) {
			err = fault.New(fault.State, "only a live view can be compared").WithHint("SELECT * FROM ml.views tells what this one waits for.")
			return
		}
		p = pinnedView{definition: v.definition, types: v.types, columns: v.columnList()[2:], free: v.plan.FreeOrder}
		for _, t := range v.types {
			p.floats = append(p.floats, t.Kind == row.Float4 || t.Kind == row.Float8)
		}
	})
	return p, errors.Join(err, doErr)
}

func (e *Engine) compareOnce(ctx context.Context, c *comparison) (again bool, err error) {
	p, err := e.pin(ctx, c.view)
	if err != nil {
		return false, err
	}
	query, err := e.connectAs(ctx, p.OwnerName, p.Settings)
	if err != nil {
		return false, err
	}
	defer closeConn(query)
	table, err := e.connectAs(ctx, p.OwnerName, p.Settings)
	if err != nil {
		return false, err
	}
	defer closeConn(table)
	var s snapshot
	if s, err = beginReading(ctx, query); err != nil {
		return false, err
	}
	ok, err := e.cutAt(ctx, s, c, table)
	if err != nil || !ok {
		return err == nil, err
	}
	want, err := readBag(ctx, query, fmt.Sprintf("SELECT %s FROM %s", p.columns, p.Query), len(p.types))
	if err != nil {
		return false, fmt.Errorf("view: compare: %w", err)
	}
	have, err := readBag(ctx, table, fmt.Sprintf("SELECT %s FROM ONLY %s", p.columns, p.Name), len(p.types))
	if err != nil {
		return false, fmt.Errorf("view: compare: %w", err)
	}
	c.result.differ(want, have, p)
	return false, nil
}

// beginReading fixes a connection's snapshot.
func beginReading(ctx context.Context, conn *pgx.Conn) (snapshot, error) {
	var text string
	_, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	if err == nil {
		err = conn.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&text)
	}
	if err != nil {
		return snapshot{}, fmt.Errorf("view: compare: %w", err)
	}
	return parseSnapshot(text)
}

// cutAt waits until the tables show what snapshot s sees, and fixes the snapshot of
// the table's connection there.
func (e *Engine) cutAt(ctx context.Context, s snapshot, c *comparison, table *pgx.Conn) (bool, error) {
	var until replication.LSN
	if err := e.config.Pool.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&until); err != nil {
		return false, fmt.Errorf("view: compare: %w", err)
	}
	if err := e.barrier(ctx); err != nil {
		return false, fmt.Errorf("view: compare: %w", err)
	}
	result := make(chan error, 1)
	ok := false
	position := &cut{snapshot: s, until: until}
	err := e.do(ctx, func() {
		if e.cut != nil && !e.cut.claimed.Load() {
			result <- fault.New(fault.Busy, "another comparison waits for its position").WithHint("Try again.")
			return
		}
		var tables []uint32
		if v := e.views[c.view]; v != nil {
			tables = v.tablesBelow()
		}
		if !e.taken.in(s, tables) {
			result <- nil // the tables show more than the snapshot already: begin again
			return
		}
		position.tables, position.began = tables, time.Now()
		position.reached = func(loop context.Context, reached bool) {
			if !position.claimed.CompareAndSwap(false, true) {
				return // it has given up, and closes the connection
			}
			v := e.views[c.view]
			if ok = reached && v != nil; !ok {
				result <- nil
				return
			}
			if !v.live() {
				result <- fault.New(fault.State, "the view is %s: %s", v.state, v.reason)
				return
			}
			err := e.apply(loop, nil) // what has not been written yet: all views' writer does not end with this caller
			if err == nil && v.pending.Len() > 0 {
				err = fault.New(fault.State, "the view could not be written: %s", v.reason)
			}
			if err == nil {
				_, err = beginReading(ctx, table)
			}
			c.result.Position = e.position.String()
			result <- err
		}
		e.cut = position
	})
	if err != nil {
		return false, err
	}
	select {
	case err := <-result:
		return ok, err
	case <-ctx.Done():
		if !position.claimed.CompareAndSwap(false, true) {
			<-result // the loop is using the connection
		}
		return false, ctx.Err()
	}
}

func readBag(ctx context.Context, conn *pgx.Conn, query string, columns int) (*zset.Set, error) {
	s := zset.NewSet()
	err := copyRows(ctx, conn, query, columns, func(values []row.Value) error {
		s.Add(row.Make(values...), +1)
		return nil
	})
	return s, err
}
