package source

import (
	"errors"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/pushdown/render"
)

// TestNoReader gives up when others keep all reader connections: the caller can
// ship its rows.
func TestNoReader(t *testing.T) {
	t.Parallel()
	r := NewReaders(Config{Total: 1, PerCall: 1, LockTimeout: 20 * time.Millisecond})
	if err := r.places.Acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	_, runErr := r.Run(t.Context(), Read{Inputs: make([]Input, 1)})
	_, analyseErr := r.DependsOnSession(t.Context(), Login{}, Input{}, nil)
	for _, err := range []error{runErr, analyseErr} {
		if !errors.Is(err, ErrNoReader) {
			t.Errorf("error = %v, want ErrNoReader", err)
		}
	}
	r.places.Release(1)
	if !r.places.TryAcquire(1) {
		t.Error("a caller that gave up has kept a place")
	}
}

// TestJoinReleases joins three inputs, of which the second does not fit: no byte
// stays counted, whatever was joined before or was to be joined after.
func TestJoinReleases(t *testing.T) {
	t.Parallel()
	casts := []pushdown.Cast{pushdown.Int}
	for _, tt := range []struct {
		name  string
		limit int64 // more than the rows take; 0 for none
	}{{"Fits", 0}, {"Full", 2000}} { // joining the second input takes 8 kB more
		budget := &Budget{Name: "memory_per_call"}
		q := Read{Budget: budget, Inputs: make([]Input, 3)}
		for i := range q.Inputs {
			q.Inputs[i].Columns = []render.Column{{Expression: "x", Cast: casts[0]}}
		}
		var tasks []task
		var results []arrow.Record
		for i, rows := range []int{10, 500, 10} {
			for range 2 {
				b := NewBuilder(casts, budget)
				for range rows {
					if err := b.append(0, number(7)); err != nil {
						t.Fatal(err)
					}
					b.rows++
				}
				tasks, results = append(tasks, task{input: i}), append(results, b.Record())
				b.Release()
			}
		}
		if tt.limit > 0 {
			budget.Limit = budget.Used() + tt.limit
		}
		joined, err := q.join(tasks, results)
		if _, full := errors.AsType[*MemoryError](err); full != (tt.limit > 0) || err != nil && !full {
			t.Errorf("%s: error %v", tt.name, err)
		}
		for i, record := range joined {
			if want := []int64{20, 1000, 20}[i]; record.NumRows() != want {
				t.Errorf("%s: input %d has %d rows, want %d", tt.name, i, record.NumRows(), want)
			}
			record.Release()
		}
		if used := budget.Used(); used != 0 {
			t.Errorf("%s: %d bytes are still counted", tt.name, used)
		}
	}
}
