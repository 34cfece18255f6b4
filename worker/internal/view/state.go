package view

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/replication"
)

// state is a view's state as users read it in ml.views.
type state string

const (
	stateCatchingUp state = "catching up" // its table is right as of an earlier position, and is being brought forward
	stateLive       state = "live"        // at the common position
	stateLagging    state = "lagging"     // could not be written: tried again
	statePaused     state = "paused"
	stateErrored    state = "errored" // its query fails on some row, or it cannot be maintained
	stateOrphaned   state = "orphaned"
)

// view is one maintained view.
type view struct {
	definition
	state   state
	reason  string
	resumed state // what it was before it was paused

	plan    *plan.View // nil until it is compiled
	feeds   []*feed
	types   []*row.Type // of the result's columns
	numbers []typeNumbers
	node    uint32      // file of the table that applied was read from
	applied *zset.Index // what the table holds: row → places
	// unpaired: a row that goes and one that comes with the same key are not made an
	// update, since a unique index of the user's on other columns was in the way.
	unpaired bool
	pending  *zset.Set // what is to be written: the circuit's output less what the table holds
	output   *zset.Set // the circuit's output, while applied is not known
	retry    time.Time // of writing, or of building
	pause    time.Duration

	position   replication.LSN // that the table shows, if it is not the common one
	lastChange time.Time
	fresh      latencies
	building   bool
	filling    *filling // its circuit takes in its tables; plan is nil meanwhile
	reading    *reading // its table is read
	stale      bool     // to be built (again)
	shed       bool     // given up for memory: not to be built again at once
	failing    bool     // errored by rows, not by us
	shape      string   // of what the log does not tell of its tables
}

func newView(d definition) *view {
	return &view{definition: d, state: stateCatchingUp, stale: true, pending: zset.NewSet()}
}

// fail takes the view out of the common tick.
func (v *view) fail(s state, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if v.state == statePaused && s != stateOrphaned {
		v.resumed, v.reason = s, reason
		return
	}
	v.state, v.reason = s, reason
	if s == stateOrphaned {
		v.plan, v.stale = nil, false
		v.dropFilling()
	}
}

// rebuild has the view compiled and filled anew. Its table stays as it is until the
// difference is known.
func (v *view) rebuild(reason string) {
	v.dropFilling()
	v.stale, v.shed, v.retry, v.pause = true, false, time.Time{}, 0
	v.fail(stateCatchingUp, "%s", reason)
}

// delayed is rebuild after a while that grows with each time.
func (v *view) delayed(format string, args ...any) {
	v.dropFilling()
	v.stale, v.shed = true, false
	v.pause = min(max(2*v.pause, time.Second), 30*time.Second)
	v.retry = time.Now().Add(v.pause)
	v.fail(stateErrored, format, args...)
}

// built reports whether the circuit follows the log.
func (v *view) built() bool { return v.plan != nil && !v.stale }

// unusable reports whether the view cannot be built as the catalog has it.
func (v *view) unusable() bool { return v.state == stateOrphaned || v.Fault != "" || !v.OwnerFits }

// live reports whether the view is to be written in each tick.
func (v *view) live() bool { return v.built() && v.applied != nil && v.state == stateLive }

// reads reports whether v reads other's table.
func (v *view) reads(other *view) bool {
	return slices.ContainsFunc(v.feeds, func(f *feed) bool { return f.parent == other })
}

// desired yields the rows that the view's query has at the engine's position.
func (v *view) desired() iter.Seq2[row.Row, int64] {
	if v.output != nil {
		return v.output.All()
	}
	return func(yield func(row.Row, int64) bool) {
		for r := range v.applied.Keys() {
			n := v.pending.Weight(r)
			for range v.applied.Rows(r) {
				n++
			}
			if n != 0 && !yield(r, n) {
				return
			}
		}
		for r, n := range v.pending.All() {
			if !v.applied.Has(r) && !yield(r, n) {
				return
			}
		}
	}
}

// reaches reports whether v reads other's table, or is it, through other views.
func (v *view) reaches(other *view) bool {
	return v == other || slices.ContainsFunc(v.feeds, func(f *feed) bool { return f.parent != nil && f.parent.reaches(other) })
}

// change notes a change of the circuit's output.
func (v *view) change(out *zset.Batch) {
	target := v.pending
	if v.output != nil {
		target = v.output
	}
	for r, w := range out.All() {
		target.Add(r, w)
	}
}

// forgetTable makes the view's output a set of its own: what the table holds has to
// be read anew.
func (v *view) forgetTable() {
	if v.output != nil || v.applied == nil {
		return
	}
	output := zset.NewSet()
	for r, w := range v.desired() {
		output.Add(r, w)
	}
	v.output, v.applied, v.pending = output, nil, zset.NewSet()
}

// size is the view's memory.
func (v *view) size() (rows, bytes int64) {
	if v.plan != nil {
		_, bytes = v.plan.Circuit.Size()
	}
	bytes += v.pending.Bytes()
	if v.applied != nil {
		return int64(v.applied.Len()), bytes + v.applied.Bytes()
	}
	if v.output != nil {
		return int64(v.output.Len()), bytes + v.output.Bytes()
	}
	return 0, bytes
}
