// Package remote has PostgreSQL evaluate what the circuits leave to it: scalar
// expressions over rows and aggregates over groups, in batches.
//
// Rows go as parameters, one array per column, and results come back, both in the
// binary format that rows are made of. So no value is ever printed or parsed on
// the way, and what PostgreSQL computes is what the view's query would.
package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// ErrType is wrapped for columns that no parameter can carry.
var ErrType = errors.New("remote: type cannot be sent to PostgreSQL")

// ErrTooLarge is wrapped when one group is more than one statement can carry: 1 GB
// of values, or 60,000 different arrays, for each of which a parameter is needed.
var ErrTooLarge = errors.New("remote: group is too large for one statement")

// Acquire gives a connection until release is called. It is the view owner's own
// login with the owner's role set, search_path = pg_catalog, all settings pinned
// that values depend on, and outside of a transaction: each statement is one of its
// own, so that an error of one leaves nothing behind.
type Acquire func(ctx context.Context) (conn *pgx.Conn, release func(), err error)

var _ dataflow.Remote = (*Evaluator)(nil)

// Evaluator evaluates on connections that it acquires for each call. It is safe for
// concurrent use if acquiring is.
type Evaluator struct {
	acquire Acquire

	mutex      sync.Mutex
	collations map[uint32]string // qualified names
}

// New returns an Evaluator.
func New(acquire Acquire) *Evaluator {
	return &Evaluator{acquire: acquire, collations: map[uint32]string{
		100: `pg_catalog."default"`,
		950: `pg_catalog."C"`,
	}}
}

// Scalars implements [dataflow.Remote]. Weights do not matter.
func (e *Evaluator) Scalars(ctx context.Context, call *dataflow.ScalarCall, rows *zset.Batch) ([]row.Row, []string, error) {
	w := newWork(call.Columns, call.Expressions, rows.Len())
	for r := range rows.All() {
		w.add(r, 1)
		w.close()
	}
	if err := e.run(ctx, w); err != nil {
		return nil, nil, fmt.Errorf("remote: evaluate expressions: %w", err)
	}
	return w.results, w.failed, nil
}

// Aggregates implements [dataflow.Remote]. A group without rows has the value that
// the aggregates have over no rows, such as 0 for a count. Weights are positive.
func (e *Evaluator) Aggregates(ctx context.Context, call *dataflow.AggregateCall, groups []*zset.Batch) ([]row.Row, []string, error) {
	w, empty := newWork(call.Columns, call.Expressions, len(groups)), newWork(call.Columns, call.Expressions, 1)
	w.grouped, empty.grouped = true, true
	for _, g := range groups {
		for r, n := range g.All() {
			if n < 0 {
				return nil, nil, fmt.Errorf("remote: evaluate aggregates: row with weight %d in a group", n)
			}
			w.add(r, n)
		}
		if g.Len() > 0 {
			w.close()
		}
	}
	if w.units() < len(groups) {
		empty.close()
	}
	for _, part := range []*work{w, empty} {
		if err := e.run(ctx, part); err != nil {
			return nil, nil, fmt.Errorf("remote: evaluate aggregates: %w", err)
		}
	}
	results, failed := make([]row.Row, len(groups)), make([]string, len(groups))
	next := 0
	for i, g := range groups {
		if g.Len() == 0 {
			results[i], failed[i] = empty.results[0], empty.failed[0]
			continue
		}
		results[i], failed[i] = w.results[next], w.failed[next]
		next++
	}
	return results, failed, nil
}

// run does all of w on one connection, and again on another if that one is ended
// meanwhile. Once: the work itself may be what ends it.
func (e *Evaluator) run(ctx context.Context, w *work) error {
	if w.units() == 0 {
		return nil
	}
	lost, err := e.runOnce(ctx, w)
	if lost && ctx.Err() == nil {
		_, err = e.runOnce(ctx, w)
	}
	return err
}

// runOnce does all of w on one connection, and tells whether that was lost.
func (e *Evaluator) runOnce(ctx context.Context, w *work) (lost bool, err error) {
	conn, release, err := e.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	err = e.runOn(ctx, conn, w)
	return conn.IsClosed(), err
}

func (e *Evaluator) runOn(ctx context.Context, conn *pgx.Conn, w *work) (err error) {
	if status := conn.PgConn().TxStatus(); status != 'I' {
		return fmt.Errorf("the connection is in a transaction (status %c)", status)
	}
	if w.collations, err = e.names(ctx, conn, w.columns); err != nil {
		return err
	}
	return w.run(ctx, conn)
}

// names gives the collation of each column by its qualified name, "" for none.
func (e *Evaluator) names(ctx context.Context, conn *pgx.Conn, columns []*row.Type) ([]string, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	names := make([]string, len(columns))
	for i, c := range columns {
		if c.Collation == 0 {
			continue
		}
		name, ok := e.collations[c.Collation]
		if !ok {
			const sql = `SELECT pg_catalog.format('%I.%I', n.nspname, c.collname) FROM pg_catalog.pg_collation AS c
				JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.collnamespace WHERE c.oid OPERATOR(pg_catalog.=) $1`
			if err := conn.QueryRow(ctx, sql, c.Collation).Scan(&name); err != nil {
				return nil, fmt.Errorf("collation %d: %w", c.Collation, err)
			}
			e.collations[c.Collation] = name
		}
		names[i] = name
	}
	return names, nil
}
