package view

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/worker/internal/fault"
)

const (
	// comparisonsPerOwner bounds the comparisons that run at once for one owner's views:
	// each holds two connections and both results in memory.
	comparisonsPerOwner = 2
	// unasked is how long a comparison goes on, or its result is kept, while nobody asks
	// for it. A caller asks about once a second.
	unasked = 5 * time.Second
	// longestComparison bounds one that somebody does ask for.
	longestComparison = time.Hour
)

// comparison is one run of ml.check_view, or of the audit over a range.
type comparison struct {
	view    uint32
	keys    keyRange // which rows
	columns []keyColumn
	limits  sessionLimits // of its statements
	longest time.Duration // that transactions wait for it

	asked  atomic.Int64 // when somebody last asked for it, in nanoseconds
	done   chan struct{}
	err    error
	result compared
}

func (c *comparison) ask() { c.asked.Store(time.Now().UnixNano()) }

// watch ends a comparison for which nobody asks any more.
func (c *comparison) watch(ctx context.Context, end context.CancelCauseFunc) {
	ticker := time.NewTicker(unasked / 10)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if now.Sub(time.Unix(0, c.asked.Load())) > unasked {
				end(fault.New(fault.Cancelled, "nobody asked for the comparison any more"))
				return
			}
		}
	}
}

// comparisons are those under way, and results that nobody has fetched yet. They end
// with the engine. It is safe for concurrent use; the audit's goroutine alone uses
// the audit.
type comparisons struct {
	mutex   sync.Mutex
	wait    sync.WaitGroup
	life    context.Context // of the engine; nil while it does not run
	ticket  int64
	running map[uint32]int // by owner
	all     map[int64]*comparison
	audit   auditor // how far it has come, whatever ends in between
}

// open lets comparisons begin, until the engine's context or close ends them.
func (s *comparisons) open(life context.Context) (closing func()) {
	life, end := context.WithCancel(life)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.life, s.running, s.all = life, map[uint32]int{}, map[int64]*comparison{}
	return func() {
		s.mutex.Lock()
		s.life = nil
		s.mutex.Unlock()
		end()
		s.wait.Wait()
	}
}

// begin starts a comparison of a view of an owner, and returns its ticket.
func (s *comparisons) begin(view, owner uint32, run func(context.Context, *comparison) error) (int64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.life == nil || s.life.Err() != nil {
		return 0, fault.New(fault.State, "the worker does not follow the views at the moment").WithHint("Try again.")
	}
	if s.running[owner] >= comparisonsPerOwner {
		return 0, fault.New(fault.Busy, "%d comparisons of views of this owner are running already", comparisonsPerOwner).
			WithHint("Wait until one has ended. One whose caller has gone ends within some seconds.")
	}
	c := &comparison{view: view, limits: patientLimits, longest: longestHold, done: make(chan struct{})}
	c.ask()
	s.ticket++
	ticket := s.ticket
	s.running[owner]++
	s.all[ticket] = c
	life := s.life
	s.wait.Go(func() {
		defer s.forget(ticket)
		s.run(life, c, owner, run)
		timer := time.NewTimer(unasked)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-life.Done():
		}
	})
	return ticket, nil
}

// run runs a comparison to its end.
func (s *comparisons) run(life context.Context, c *comparison, owner uint32, run func(context.Context, *comparison) error) {
	ctx, end := context.WithCancelCause(life)
	bounded, stop := context.WithTimeoutCause(ctx, longestComparison,
		fault.New(fault.Cancelled, "the comparison has been ended after %s", longestComparison))
	defer stop()
	s.wait.Go(func() { c.watch(bounded, end) })
	c.err = run(bounded, c)
	if c.err != nil && bounded.Err() != nil {
		c.err = context.Cause(bounded)
	}
	end(nil)
	s.mutex.Lock()
	if s.running[owner]--; s.running[owner] == 0 {
		delete(s.running, owner)
	}
	s.mutex.Unlock()
	close(c.done)
}

// find is a comparison of a view by its ticket.
func (s *comparisons) find(ticket int64, view uint32) (*comparison, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	c := s.all[ticket]
	if c == nil || c.view != view {
		return nil, fault.New(fault.NotFound, "there is no comparison %d", ticket)
	}
	return c, nil
}

func (s *comparisons) forget(ticket int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.all, ticket)
}
