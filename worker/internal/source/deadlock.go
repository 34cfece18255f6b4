package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrDeadlock ends a reading that waits for the caller it reads for. PostgreSQL
// cannot see that circle: the caller waits on a socket, not on a lock.
var ErrDeadlock = errors.New("source: a reader waits for its own caller")

// Querier runs a query on the worker's own connection.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// watchInterval is how often a reading that makes no progress is checked.
const watchInterval = 250 * time.Millisecond

// watch looks for a circle of locks while one call is read.
type watch struct {
	db     Querier
	caller uint32
	rows   atomic.Int64
	done   chan struct{}
	mu     sync.Mutex
	pids   []int32
}

// newWatch returns a watch over q, whose progress it observes.
func newWatch(db Querier, q *Read) *watch {
	w := &watch{db: db, caller: q.Caller, done: make(chan struct{})}
	progress := q.Progress
	q.Progress = func(rows int) error {
		w.rows.Add(int64(rows))
		return progress(rows)
	}
	return w
}

func (w *watch) add(pid uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pids = append(w.pids, int32(pid))
}

func (w *watch) stop() { close(w.done) }

// run returns [ErrDeadlock] when a reader waits, directly or through others, for
// the caller's backend.
func (w *watch) run(ctx context.Context) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	seen := int64(-1)
	for {
		select {
		case <-w.done:
			return nil
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		rows := w.rows.Load()
		if rows != seen {
			seen = rows
			continue
		}
		waits, err := w.waits(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if waits {
			return ErrDeadlock
		}
	}
}

func (w *watch) waits(ctx context.Context) (bool, error) {
	w.mu.Lock()
	pids := append([]int32(nil), w.pids...)
	w.mu.Unlock()
	const query = `
		WITH RECURSIVE chain(pid) AS (
			SELECT b FROM pg_catalog.unnest($1::int[]) AS r(pid), pg_catalog.unnest(pg_catalog.pg_blocking_pids(r.pid)) AS b
			UNION
			SELECT b FROM chain AS c, pg_catalog.unnest(pg_catalog.pg_blocking_pids(c.pid)) AS b
		)
		SELECT EXISTS (SELECT FROM chain WHERE pid = $2::int)`
	var waits bool
	if err := w.db.QueryRow(ctx, query, pids, int32(w.caller)).Scan(&waits); err != nil {
		return false, fmt.Errorf("source: look for deadlocks: %w", err)
	}
	return waits, nil
}
