package view

import (
	"context"
	"time"
)

// audit compares one live view after the other with its query, forever. A view that
// differs is built anew, and the log says so: it is a bug of ours, or somebody has
// got past the guard.
func (e *Engine) audit(ctx context.Context) {
	if e.config.Audit <= 0 {
		return
	}
	ticker := time.NewTicker(e.config.Audit)
	defer ticker.Stop()
	last := uint32(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		var next uint32
		if e.do(ctx, func() { next = e.afterView(last) }) != nil {
			return
		}
		if next != 0 {
			last = next
			e.auditView(ctx, next)
		}
	}
}

// afterView is the live view that follows another one in turn, 0 for none. It runs on
// the loop.
func (e *Engine) afterView(last uint32) uint32 {
	var first, next uint32
	for _, v := range e.order {
		if !v.live() || !e.parentsCurrent(v) {
			continue
		}
		if first == 0 || v.View < first {
			first = v.View
		}
		if v.View > last && (next == 0 || v.View < next) {
			next = v.View
		}
	}
	if next == 0 {
		return first
	}
	return next
}

func (e *Engine) auditView(ctx context.Context, oid uint32) {
	c := &comparison{view: oid}
	if err := e.runComparison(ctx, c); err != nil {
		e.config.Log.Info("views: audit", "view", oid, "err", err)
		return
	}
	if c.result.Differing == 0 {
		e.config.Log.Debug("views: audit", "view", oid, "rows", c.result.Compared)
		return
	}
	e.config.Log.Error("views: a view differs from its query and is built anew",
		"view", oid, "differing", c.result.Differing, "position", c.result.Position)
	_ = e.do(ctx, func() { // Only ctx ends it.
		if v := e.views[oid]; v != nil {
			e.copyAgain(v, "the audit found that it differed from its query")
		}
	})
}
