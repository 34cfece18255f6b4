package job

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/bridge"
	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/function"
	"github.com/millrace/millrace/worker/internal/source"
)

// Step is what the caller's session has to do next.
type Step string

// The steps of a call.
const (
	StepWait   Step = "wait"   // ask again
	StepShip   Step = "ship"   // send the rows, then say so
	StepDone   Step = "done"   // fetch the tables
	stepFailed Step = "failed" // never sent: the error is
)

// Job is one call from prepare to the last fetched row. Its fields above mu are
// set before it runs and not changed after.
type Job struct {
	id          string
	role        string
	depth       int // of the caller's subtransactions when the call began
	session     *bridge.Session
	function    function.Function
	call        function.Call
	inputs      []function.Spec
	expressions [][]pushdown.Expression
	restricted  bool
	began       time.Time
	budget      *source.Budget
	upload      *source.Budget // bytes that the session has shipped
	ctx         context.Context
	cancel      context.CancelCauseFunc
	shipped     chan struct{} // closed when all rows have been shipped

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change that a waiter wants to see
	started  bool
	step     Step
	phase    string
	rows     int64 // rows read, or work done
	total    int64 // of rows, 0 if unknown
	phaseAt  time.Time
	notices  []string
	casts    [][]pushdown.Cast
	builders []*source.Builder // while rows are shipped
	details  map[string]any
	result   *function.Result
	err      error
	fetched  map[int]bool
	progress time.Time // of the last progress notice
}

// update changes the job and wakes whoever waits for it.
func (j *Job) update(change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
	close(j.changed)
	j.changed = make(chan struct{})
}

// setPhase is told of progress; it wakes nobody.
func (j *Job) setPhase(phase string, done, total int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.phase != phase {
		j.phase, j.phaseAt = phase, time.Now()
	}
	j.rows, j.total = done, total
}

func (j *Job) notice(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notices = append(j.notices, fmt.Sprintf(format, args...))
}

// percent returns the share done of the phase, or -1 if it is unknown.
func (j *Job) percent() float64 {
	if j.total <= 0 || j.rows > j.total { // a total may be an estimate
		return -1
	}
	return min(100, 100*float64(j.rows)/float64(j.total))
}

// progressNotice is the line that a long call shows; mu is held.
func (j *Job) progressNotice(now time.Time) string {
	line := fmt.Sprintf("%s: %s", j.function.Name, j.phase)
	p := j.percent()
	switch {
	case p < 0 && j.rows > 0:
		return fmt.Sprintf("%s, %d so far", line, j.rows)
	case p < 0:
		return fmt.Sprintf("%s for %d s", line, int(now.Sub(j.phaseAt).Seconds()+0.5))
	}
	line = fmt.Sprintf("%s, %d of %d (%.0f %%)", line, j.rows, j.total, p)
	if elapsed := now.Sub(j.phaseAt); p > 1 && p < 100 && elapsed > time.Second {
		left := time.Duration(float64(elapsed) * (100 - p) / p)
		line += fmt.Sprintf(", about %d s left", int(left.Seconds()+0.5))
	}
	return line
}

// wait returns when the caller has something to do, after a second at the
// latest, or with the call's error. ctx is the caller's.
func (j *Job) wait(ctx context.Context) (answer, error) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	for {
		j.mu.Lock()
		step, changed, err := j.step, j.changed, j.err
		j.mu.Unlock()
		if step == stepFailed {
			return answer{}, err
		}
		if step != StepWait {
			return j.answer()
		}
		select {
		case <-changed:
		case <-timer.C:
			return j.stillWaiting(), nil
		case <-ctx.Done():
			j.cancel(fault.New(fault.Cancelled, "canceling statement due to user request"))
			return answer{}, ctx.Err()
		}
	}
}

func (j *Job) stillWaiting() answer {
	j.mu.Lock()
	defer j.mu.Unlock()
	notices := j.notices
	j.notices = nil
	if now := time.Now(); now.Sub(j.progress) >= time.Second {
		j.progress = now
		notices = append(notices, j.progressNotice(now))
	}
	return answer{Job: j.id, Step: StepWait, Notices: notices}
}

// answer describes the state in which the caller has something to do.
func (j *Job) answer() (answer, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	a := answer{Job: j.id, Step: j.step, Notices: j.notices}
	j.notices = nil
	if j.step == StepShip {
		a.Casts = j.casts
		return a, nil
	}
	for _, t := range j.result.Tables {
		d, err := describe(t)
		if err != nil {
			return a, err
		}
		a.Tables = append(a.Tables, d)
	}
	a.RowsOut = j.result.Tables[0].Rows
	a.RowsUsed, a.RowsSkipped = j.result.RowsUsed, j.result.RowsSkipped
	a.Details = j.details
	return a, nil
}

// receive takes one chunk of shipped rows.
func (j *Job) receive(input int, chunk string) error {
	j.mu.Lock() // a cancelled job releases its builders
	defer j.mu.Unlock()
	if cause := context.Cause(j.ctx); cause != nil {
		return cause
	}
	if j.step != StepShip || j.builders == nil {
		return fault.New(fault.State, "the call does not expect rows now")
	}
	j.upload.Add(int64(len(chunk) / 2)) // hex
	if j.upload.Exceeded() != nil {
		return uploadFault(j.upload)
	}
	n, err := source.AppendShipped(j.builders[input], chunk)
	if err != nil {
		return asFault(err)
	}
	if over := j.budget.Exceeded(); over != nil {
		return asFault(&source.MemoryError{Budget: over})
	}
	j.rows += int64(n)
	return nil
}
