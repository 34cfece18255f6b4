package view

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/millrace/millrace/worker/internal/replication"
)

// shown is what other goroutines may know of the views without asking the loop.
type shown struct {
	mutex    sync.Mutex
	position replication.LSN
	timeline int32 // of the position
	views    map[uint32]shownView
	changed  chan struct{} // closed when something has changed
	asked    time.Time     // a barrier was written to the log
}

type shownView struct {
	name    string
	state   state // its own, or that of a view below it which will not go on by itself
	reason  string
	current bool // its table shows the common position
	built   bool // its circuit follows the log
	// revision is that of the catalog's row that the worker has seen.
	revision int
}

// publish tells what the tables show now.
func (e *Engine) publish() {
	views := make(map[uint32]shownView, len(e.order))
	for _, v := range e.order {
		state, reason := v.state, v.reason
		if b := v.blocker(); b != nil {
			state, reason = b.state, "below it, "+b.Name+" is "+string(b.state)
		}
		views[v.View] = shownView{v.Name, state, reason, v.live() && v.pending.Len() == 0 && e.parentsCurrent(v), v.built(), v.Revision}
	}
	e.shown.mutex.Lock()
	defer e.shown.mutex.Unlock()
	e.shown.position, e.shown.views = e.position, views
	if e.system != nil {
		e.shown.timeline = e.system.Timeline
	}
	close(e.shown.changed)
	e.shown.changed = make(chan struct{})
}

// withdraw takes back that tables show the position: a server that comes back may have
// lost what it had not flushed, and be another one.
func (e *Engine) withdraw() {
	e.shown.mutex.Lock()
	defer e.shown.mutex.Unlock()
	views := maps.Clone(e.shown.views) // others read the former map
	for oid, v := range views {
		v.current = false
		views[oid] = v
	}
	e.shown.views = views
}

// blocker is a view below v that does not go on by itself, nil for none.
func (v *view) blocker() *view {
	for _, f := range v.feeds {
		if p := f.parent; p != nil {
			if p.state == stateErrored || p.state == statePaused || p.state == stateOrphaned {
				return p
			}
			if b := p.blocker(); b != nil {
				return b
			}
		}
	}
	return nil
}

// parentsBuilt reports whether the circuits of all views below v follow the log.
func (e *Engine) parentsBuilt(v *view) bool {
	for _, f := range v.feeds {
		if f.parent != nil && !(f.parent.built() && e.parentsBuilt(f.parent)) {
			return false
		}
	}
	return true
}

// parentsCurrent reports whether the views below v show the common position.
func (e *Engine) parentsCurrent(v *view) bool {
	for _, f := range v.feeds {
		if f.parent != nil && !(f.parent.live() && e.parentsCurrent(f.parent)) {
			return false
		}
	}
	return true
}

// isOf reports whether the position is of a timeline, as pg_walfile_name writes it; ""
// is any. Positions of two timelines do not compare.
func (s *shown) isOf(timeline string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return timeline == "" || timeline == fmt.Sprintf("%08X", s.timeline)
}

func (s *shown) read() (replication.LSN, map[uint32]shownView, <-chan struct{}) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.position, s.views, s.changed
}

// barrier commits something tiny to the log: an idle server does not send what it has
// not flushed, and a commit flushes all that is before it. One serves all who wait.
func (e *Engine) barrier(ctx context.Context) error {
	e.shown.mutex.Lock()
	recent := time.Since(e.shown.asked) < 50*time.Millisecond
	if !recent {
		e.shown.asked = time.Now()
	}
	e.shown.mutex.Unlock()
	if recent {
		return nil
	}
	_, err := e.config.Pool.Exec(ctx, "SELECT set_config('synchronous_commit', 'local', true), pg_logical_emit_message(true, 'millrace.barrier', '')")
	return err
}

// rate counts events per second over the last ten.
type rate struct {
	seconds [10]int
	last    int64
}

func (r *rate) add(now time.Time) {
	r.roll(now)
	r.seconds[r.last%10]++
}

func (r *rate) roll(now time.Time) {
	second := now.Unix()
	for s := max(r.last+1, second-9); s <= second; s++ {
		r.seconds[s%10] = 0
	}
	r.last = second
}

func (r *rate) perSecond(now time.Time) float64 {
	r.roll(now)
	sum := 0
	for _, n := range r.seconds {
		sum += n
	}
	return float64(sum) / 10
}

func (e *Engine) now() time.Time { return time.Now() }
