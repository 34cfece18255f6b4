package view

import (
	"context"
	"fmt"
	"time"
)

// Bounds of the audit, variables for tests.
var (
	// auditRows is how many rows of a view's table one range has at most, if its keys
	// differ; leastAuditRows is as small as ranges are made that take too long.
	auditRows, leastAuditRows = 10_000, 100
	// auditTime bounds each statement on a range.
	auditTime = 30 * time.Second
	// leastAuditRest is the least time between two ranges.
	leastAuditRest = 100 * time.Millisecond
	// auditRest: between two ranges the audit rests so many times as long as the first
	// has taken.
	auditRest = time.Duration(9)
)

const (
	// auditHold is how long transactions wait for one range at most.
	auditHold = time.Second
	// auditLock is how long one range waits for a lock at most.
	auditLock = 5 * time.Second
	// mostSkipped ranges in succession that could not be compared in time, and the audit
	// leaves the view until the next round.
	mostSkipped = 3
)

// auditor is how far the audit has come.
type auditor struct {
	last  uint32 // view
	walks map[uint32]*audited
}

// audited is a view on its way.
type audited struct {
	walk
	of      string // what the way depends on
	unfit   bool   // ranges do not fit this view: it is compared whole
	skipped int    // ranges in succession
	rows    int64  // compared in this round
}

// audit compares all live views with their queries, one after the other and range by
// range, and begins again after the time that is set, or later where a round takes
// longer. A view that differs is built anew, and the log says so: it is a bug of ours,
// or somebody has got past the guard.
func (e *Engine) audit(ctx context.Context) {
	if e.config.Audit <= 0 {
		return
	}
	ticker := time.NewTicker(e.config.Audit)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if e.auditRound(ctx) != nil {
			return // only ctx ends it
		}
	}
}

// auditRound visits each live view once.
func (e *Engine) auditRound(ctx context.Context) error {
	a := &e.comparisons.audit
	seen := map[uint32]bool{}
	for {
		var next uint32
		err := e.do(ctx, func() {
			next = e.afterView(a.last)
			for oid := range a.walks {
				if e.views[oid] == nil {
					delete(a.walks, oid)
				}
			}
		})
		if err != nil || next == 0 || seen[next] {
			return err
		}
		seen[next], a.last = true, next
		if err := e.auditView(ctx, next); err != nil {
			return err
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

// auditView walks from where it has stopped to the end of a view, or to where it cannot
// go on. Its error is that of ctx.
func (e *Engine) auditView(ctx context.Context, oid uint32) error {
	for end := false; !end; {
		began := time.Now()
		var err error
		if end, err = e.auditRange(ctx, oid); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			e.config.Log.Info("views: audit", "view", oid, "err", err)
			end = true
		}
		if err := sleep(ctx, max(auditRest*time.Since(began), leastAuditRest)); err != nil {
			return err
		}
	}
	return nil
}

// audited finds the way through a view, from the beginning if it has changed.
func (e *Engine) audited(ctx context.Context, p pinnedView) (*audited, error) {
	a := &e.comparisons.audit
	of := fmt.Sprint(p.Definition, p.Revision, p.Generation, p.columns, p.numbers)
	if w := a.walks[p.View]; w != nil && w.of == of {
		return w, nil
	}
	columns, err := e.keyColumns(ctx, p)
	if err != nil {
		return nil, err
	}
	if a.walks == nil {
		a.walks = map[uint32]*audited{}
	}
	w := &audited{walk: walk{columns: columns, size: auditRows}, of: of}
	a.walks[p.View] = w
	return w, nil
}

// auditRange compares the next range of a view. end says that there is no other to
// compare for now.
func (e *Engine) auditRange(ctx context.Context, oid uint32) (end bool, err error) {
	defer e.contain("view", oid, &err)
	p, err := e.pin(ctx, oid)
	if err != nil {
		return true, err
	}
	w, err := e.audited(ctx, p)
	if err != nil {
		return true, err
	}
	if w.unfit || len(w.columns) == 0 {
		return true, e.auditWhole(ctx, p)
	}
	began := time.Now()
	s, err := e.nextStride(ctx, p, w)
	found := err == nil
	c := &comparison{view: oid, keys: s.keys, columns: w.columns, limits: auditLimits(), longest: auditHold}
	if found {
		err = e.runComparison(ctx, c)
	}
	log, keys := e.config.Log, s.keys.text(w.columns)
	switch {
	case err == nil:
		log.Debug("views: audit of a range", "view", p.Name, "range", keys, "rows", c.result.Compared, "differing", c.result.Differing, "took", time.Since(began))
		return e.judgeRange(ctx, p, w, auditedRange{s, c})
	case code(err) == "57014" && ctx.Err() == nil:
		return e.late(p, w, s, found), nil
	case misfits(err):
		w.unfit = true
		log.Info("views: a view is compared whole from here on: its query fails on a range", "view", p.Name, "range", keys, "err", err)
		return false, nil
	}
	return true, err
}

// auditLimits are those of the statements on a range.
func auditLimits() sessionLimits { return sessionLimits{lock: auditLock, statement: auditTime} }

// nextStride finds the next range on the owner's login.
func (e *Engine) nextStride(ctx context.Context, p pinnedView, w *audited) (stride, error) {
	conn, err := e.connectLimited(ctx, p.OwnerName, p.Settings, auditLimits())
	if err != nil {
		return stride{}, err
	}
	defer closeConn(conn)
	return w.next(ctx, ranger{conn, p.Name})
}

// late makes the ranges smaller after one that could not be compared in time. What is
// small enough already is left out, or the whole view if that is so again and again.
func (e *Engine) late(p pinnedView, w *audited, s stride, found bool) (end bool) {
	keys := s.keys.text(w.columns)
	switch {
	case w.shrink(s):
		e.config.Log.Debug("views: a range could not be compared in time, and is made smaller", "view", p.Name, "range", keys, "rows", w.size)
		return false
	case !found:
		e.config.Log.Warn("views: the audit leaves a view: the keys of its next range could not be found in time", "view", p.Name, "bound", auditTime)
		return true
	}
	e.config.Log.Warn("views: the audit leaves out a range, which could not be compared in time", "view", p.Name, "range", keys, "bound", auditTime)
	w.skipped++
	return w.advance(s) || w.skipped%mostSkipped == 0
}

// advance moves behind a range. At the end of the view, the next round begins anew.
func (w *audited) advance(s stride) (end bool) {
	if end = w.pass(s); end {
		w.size, w.skipped, w.rows = auditRows, 0, 0
	}
	return end
}

// misfits reports whether an error is of the condition on the range: a query may fail
// on rows that its own conditions would have removed before, and a type that is ordered
// may be made of one that is not.
func misfits(err error) bool {
	switch c := code(err); c {
	case "":
		return false
	case "0A000", "42725", "42804", "42846", "42883", "42P21", "42P22", "42P38", "XX000":
		return true
	default:
		return c[:2] == "22"
	}
}

// auditedRange is a range with what came of its comparison.
type auditedRange struct {
	stride
	*comparison
}

// judgeRange goes on behind a range that is the same in table and query, and has the
// view built anew if it is not. By columns in which PostgreSQL is free a row may be in
// two ranges, so there the whole view decides.
func (e *Engine) judgeRange(ctx context.Context, p pinnedView, w *audited, r auditedRange) (end bool, err error) {
	if r.result.Differing == 0 {
		w.skipped = 0
		w.rows += r.result.Compared
		rows := w.rows
		if end = w.advance(r.stride); end {
			e.config.Log.Debug("views: audit", "view", p.Name, "rows", rows)
		}
		return end, nil
	}
	if !r.stride.keys.sure(w.columns) {
		c := &comparison{view: p.View, limits: patientLimits, longest: auditHold}
		if err := e.runComparison(ctx, c); err != nil {
			return true, err
		}
		if c.result.Differing == 0 {
			w.unfit = true
			e.config.Log.Info("views: a view is compared whole from here on: its ranges need not have the same rows", "view", p.Name)
			return true, nil
		}
	}
	e.differs(ctx, p, r.comparison)
	return true, nil
}

// auditWhole compares all rows of a view at once.
func (e *Engine) auditWhole(ctx context.Context, p pinnedView) error {
	c := &comparison{view: p.View, limits: patientLimits, longest: auditHold}
	if err := e.runComparison(ctx, c); err != nil {
		return err
	}
	if c.result.Differing != 0 {
		e.differs(ctx, p, c)
		return nil
	}
	e.config.Log.Debug("views: audit", "view", p.Name, "rows", c.result.Compared)
	return nil
}

// differs has a view built anew.
func (e *Engine) differs(ctx context.Context, p pinnedView, c *comparison) {
	e.config.Log.Error("views: a view differs from its query and is built anew", "view", p.Name,
		"differing", c.result.Differing, "range", c.keys.text(c.columns), "position", c.result.Position)
	delete(e.comparisons.audit.walks, p.View)
	_ = e.do(ctx, func() { // Only ctx ends it.
		if v := e.views[p.View]; v != nil {
			e.copyAgain(v, "the audit found that it differed from its query")
		}
	})
}
