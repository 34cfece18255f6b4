package view

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/millrace/millrace/worker/internal/replication"
)

// grace is how long what is under way when an era ends may take: a write that is cut
// off ends its connection, and there is no last checkpoint then.
const grace = 3 * time.Second

// linger returns a context that ends a while after ctx does, or when it is released.
func linger(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(d):
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// loop owns the state for one era.
func (e *Engine) loop(era context.Context, wait *sync.WaitGroup, events <-chan replication.Event, notified <-chan struct{}, lost <-chan error) error {
	beat := time.NewTicker(250 * time.Millisecond)
	defer beat.Stop()
	rest := time.NewTimer(0) // before the next tick
	defer rest.Stop()
	ctx, release := linger(era, grace)
	defer release()
	e.dirty = true
	for {
		select {
		case <-era.Done():
			return era.Err()
		case err := <-lost:
			return err
		case <-notified:
			e.dirty = true
		case f := <-e.commands:
			f()
		case event := <-events:
			e.take(event)
			for len(events) > 0 && len(e.waiting) < 4096 {
				e.take(<-events)
			}
			if d := e.pace.rest(time.Now()); d > 0 {
				rest.Reset(d)
				continue
			}
		case <-rest.C:
		case <-beat.C:
			if err := e.keep(ctx); err != nil {
				return err
			}
		}
		if err := e.turn(ctx, wait); err != nil {
			return err
		}
		if len(e.order) == 0 {
			return errNothing
		}
	}
}

// take notes an event of the stream.
func (e *Engine) take(event replication.Event) {
	switch event := event.(type) {
	case *replication.Transaction:
		if event.EndLSN <= e.position {
			_ = event.Close() // it came again
			return
		}
		e.waiting = append(e.waiting, event)
		e.pace.came(event.Len())
		e.checkpoints.due = e.checkpoints.due || event.Len() > 0
	case *replication.Message: // outside a transaction: a hint is of one
	case replication.Keepalive:
		e.serverEnd = max(e.serverEnd, event.ServerEnd)
	}
}

// turn does what there is to do: look at the catalog, build views, take ticks.
func (e *Engine) turn(ctx context.Context, wait *sync.WaitGroup) error {
	e.pace.begin()
	for {
		// While a hint has not been followed, a view may have been paused before what
		// comes next was committed.
		if e.dirty || len(e.seen.hints.from) > 0 && e.rested() {
			e.dirty, e.reconciled = false, time.Now()
			if err := e.reconcile(ctx); err != nil {
				return err
			}
		}
		batch := e.nextBatch()
		if len(batch) == 0 {
			break
		}
		if err := e.tick(ctx, batch); err != nil {
			return err
		}
	}
	if len(e.waiting) == 0 && e.cut == nil {
		e.position = max(e.position, e.serverEnd)
	}
	e.reachCut(ctx)
	e.build(ctx, wait)
	if err := e.synchronize(ctx, wait); err != nil {
		return err
	}
	if err := e.apply(ctx, nil); err != nil {
		return err
	}
	e.publish()
	return nil
}

// nextBatch takes the transactions of one tick from those that wait: all that fit,
// but none behind one with a hint, and none that a comparison must not see yet.
func (e *Engine) nextBatch() []*replication.Transaction {
	rows, n := int64(0), 0
	for _, t := range e.waiting {
		if n > 0 && rows+t.Len() > int64(e.config.TickRows) || e.cut != nil && !e.cut.admits(t) {
			break
		}
		rows += t.Len()
		n++
		e.taken.add(t)
		if hinted(t) && e.rested() {
			break
		}
	}
	batch := e.waiting[:n:n]
	e.waiting = e.waiting[n:]
	return batch
}

// messageRest is the time between two looks at the catalog that messages cause: anybody
// can write many.
const messageRest = 2 * time.Millisecond

func (e *Engine) rested() bool { return time.Since(e.reconciled) > messageRest }

// hinted reports whether a transaction has a message.
func hinted(t *replication.Transaction) bool {
	for range t.Messages() {
		return true
	}
	return false
}

// keep does what is due from time to time: acknowledge, checkpoint, notice what the
// log does not tell.
func (e *Engine) keep(ctx context.Context) error {
	if err := e.checkpoint(ctx, false); err != nil {
		return err
	}
	if err := e.acknowledge(ctx); err != nil {
		return err
	}
	e.shed()
	return e.watch(ctx)
}

// acknowledge lets the server remove the log up to what is durable: the tables, and
// the state if it is kept.
func (e *Engine) acknowledge(ctx context.Context) error {
	target := e.position
	if e.config.StateDir != "" {
		target = e.checkpoints.position
	}
	if target <= e.acknowledged {
		return nil
	}
	var flushed, shown replication.LSN
	err := e.config.Pool.QueryRow(ctx, `SELECT pg_current_wal_flush_lsn()::text, coalesce((SELECT lsn FROM ml_private.position), '0/0')::text`).Scan(&flushed, &shown)
	if err != nil {
		return fmt.Errorf("view: position of the log: %w", err)
	}
	if flushed < e.written {
		return nil
	}
	e.durable = max(e.durable, shown)
	// What is of an earlier era the stream may not have come to again.
	end := e.stream.ServerEnd()
	if err := e.stream.Acknowledge(min(e.position, end), min(target, end)); err != nil {
		return err
	}
	e.acknowledged = min(target, end)
	return nil
}
