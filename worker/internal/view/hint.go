package view

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// hints are messages in the log that ask for a look at the catalog: from the event
// triggers, where the administrator may make them, or from anybody, since any role can
// write such messages. So they say nothing: what has changed is found by comparison,
// as it is found without them a little later, and they may take a part of the time only.
type hints struct {
	from []uint32  // transactions that gave one, and that no comparison has shown yet
	rest time.Time // no comparison before
}

const (
	hintRest  = 20 * time.Millisecond // between two comparisons, at least
	hintShare = 10                    // of what the last one took, at least
	mostHints = 1000                  // more are not noted: a comparison is near
)

// note notes a hint of a transaction.
func (h *hints) note(xid uint32) {
	if len(h.from) < mostHints && !slices.Contains(h.from, xid) {
		h.from = append(h.from, xid)
	}
}

// due reports whether there is a hint to follow at a time.
func (h *hints) due(now time.Time) bool { return len(h.from) > 0 && !now.Before(h.rest) }

// followed notes when a comparison began and ended.
func (h *hints) followed(began, ended time.Time) {
	h.rest = ended.Add(max(hintRest, hintShare*ended.Sub(began)))
}

// follow compares the catalog if a hint asks for it: all that [Engine.glance] and
// [Engine.watch] look at. What fails is left to watch, which comes to it within a second.
func (e *Engine) follow(ctx context.Context) {
	began := time.Now()
	if !e.seen.hints.due(began) {
		return
	}
	err := e.followSeen(ctx)
	e.seen.hints.followed(began, time.Now())
	if err != nil && ctx.Err() == nil {
		e.config.Log.Warn("views: the catalog could not be compared", "err", err)
	}
}

// followSeen compares as soon as the catalog shows one of the transactions. A commit is
// in the log a moment before; one that waits for a standby is not waited for.
func (e *Engine) followSeen(ctx context.Context) error {
	h := &e.seen.hints
	for pause := time.Millisecond; ; pause *= 2 {
		var text string
		if err := e.config.Pool.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&text); err != nil {
			return fmt.Errorf("view: snapshot: %w", err)
		}
		now, err := parseSnapshot(text)
		if err != nil {
			return err
		}
		before := len(h.from)
		h.from = slices.DeleteFunc(h.from, now.sees)
		if len(h.from) < before {
			break
		}
		if pause > 4*time.Millisecond {
			return nil // the next beat tries again
		}
		time.Sleep(pause)
	}
	changes := e.seen.changes
	e.glance(ctx)
	if e.seen.changes != changes {
		return nil // it has compared all
	}
	return e.compareShapes(ctx)
}
