package view

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/replication"
)

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
func (e *Engine) runComparison(ctx context.Context, c *comparison) (err error) {
	defer e.contain("view", c.view, &err)
	busyUntil := time.Now().Add(2 * longestHold)
	for attempt := 0; attempt < 20; {
		again, err := e.compareOnce(ctx, c)
		switch f := (*fault.Error)(nil); {
		case errors.As(err, &f) && f.Kind == fault.Busy && time.Now().Before(busyUntil):
			// Another one waits for its position, which takes some milliseconds as a rule.
			if err := sleep(ctx, 20*time.Millisecond); err != nil {
				return err
			}
			continue
		case code(err) == "55P03":
			return fault.New(fault.State, "a table that the comparison reads is locked").WithHint("Try again when the lock is released.")
		case err != nil || !again:
			return err
		}
		attempt++
	}
	return errNoPosition
}

var (
	errNoPosition = fault.New(fault.State, "no position of the log was found where one snapshot holds").WithHint("Try again when fewer transactions commit.")
	errNotLive    = fault.New(fault.State, "only a live view can be compared").WithHint("SELECT * FROM ml.views tells what this one waits for.")
)

// sleep waits, or returns why ctx has ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// pinnedView is what a comparison needs of a view.
type pinnedView struct {
	definition
	columns string
	names   []string // of its columns
	types   []*row.Type
	numbers []typeNumbers
	key     []int // see [plan.View]
	floats  []bool
	free    bool // of order: see [plan.View]
	stacked bool // it reads another maintained view
}

func (e *Engine) pin(ctx context.Context, oid uint32) (p pinnedView, err error) {
	doErr := e.do(ctx, func() {
		v := e.views[oid]
		if v == nil || !v.live() || !e.parentsCurrent(v) {
			err = errNotLive
			return
		}
		p = pinnedView{definition: v.definition, types: v.types, columns: v.columnList()[2:], free: v.plan.FreeOrder, key: v.plan.Key, numbers: slices.Clone(v.numbers)}
		p.stacked = slices.ContainsFunc(v.feeds, func(f *feed) bool { return f.parent != nil })
		for i, t := range v.types {
			p.names = append(p.names, v.plan.Columns[i].Name)
			p.floats = append(p.floats, t.Kind == row.Float4 || t.Kind == row.Float8)
		}
	})
	return p, errors.Join(err, doErr)
}

// compareOnce compares the rows of one range, or all, in one snapshot at one position.
func (e *Engine) compareOnce(ctx context.Context, c *comparison) (again bool, err error) {
	p, err := e.pin(ctx, c.view)
	if err != nil {
		return false, err
	}
	query, err := e.connectLimited(ctx, p.OwnerName, p.Settings, c.limits)
	if err != nil {
		return false, err
	}
	defer closeConn(query)
	table, ok := query, false
	if p.stacked {
		ok, err = e.standAt(ctx, c, query)
	} else {
		if table, err = e.connectLimited(ctx, p.OwnerName, p.Settings, c.limits); err != nil {
			return false, err
		}
		defer closeConn(table)
		ok, err = e.cutAt(ctx, c, query, table)
	}
	if err != nil || !ok {
		return err == nil, err
	}
	where, params := c.keys.condition(c.columns)
	want, err := readBag(ctx, query, fmt.Sprintf("SELECT %s FROM %s%s", p.columns, p.Query, where), params)
	if err != nil {
		return false, fmt.Errorf("view: compare: %w", err)
	}
	have, err := readBag(ctx, table, fmt.Sprintf("SELECT %s FROM ONLY %s%s", p.columns, p.Name, where), params)
	if err != nil {
		return false, fmt.Errorf("view: compare: %w", err)
	}
	c.result.differ(want, have, p)
	return false, nil
}

// beginReading fixes a connection's snapshot. Everything that it sees was committed
// before the position that comes with it.
func beginReading(ctx context.Context, conn *pgx.Conn) (snapshot, replication.LSN, error) {
	var text string
	var until replication.LSN
	_, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	if err == nil {
		err = conn.QueryRow(ctx, "SELECT pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text").Scan(&text, &until)
	}
	if err != nil {
		return snapshot{}, 0, fmt.Errorf("view: compare: %w", err)
	}
	s, err := parseSnapshot(text)
	return s, until, err
}

// readBag reads the rows of a query as a set with weights.
func readBag(ctx context.Context, conn *pgx.Conn, query string, p *parameters) (*zset.Set, error) {
	s := zset.NewSet()
	err := readRows(ctx, conn, query, p, func(values []row.Value) {
		s.Add(row.Make(values...), +1)
	})
	return s, err
}

// readRows visits the rows of a query in binary format. The values are valid during
// the visit.
func readRows(ctx context.Context, conn *pgx.Conn, query string, p *parameters, visit func([]row.Value)) error {
	r := conn.PgConn().ExecParams(ctx, query, p.values, p.types, binaryFormat, binaryFormat)
	var values []row.Value
	for r.NextRow() {
		values = values[:0]
		for _, v := range r.Values() {
			values = append(values, row.Value(v))
		}
		visit(values)
	}
	_, err := r.Close()
	return err
}
