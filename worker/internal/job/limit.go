package job

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/source"
)

// places bounds the calls that run at once; others queue.
type places struct{ semaphore *semaphore.Weighted }

func newPlaces(n int) places { return places{semaphore.NewWeighted(int64(n))} }

func (p places) acquire(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return p.semaphore.Acquire(ctx, 1)
}

func (p places) release() { p.semaphore.Release(1) }

type rowCounter struct{ n atomic.Int64 }

func (c *rowCounter) add(rows int) int64 { return c.n.Add(int64(rows)) }

// estimate returns the memory limit that the call's rows would exceed, if any,
// and the bytes they need: 8 for a number, the relation's own size for points,
// 24 for text. Reading counts what is really used; this only spares the wait.
func (m *Manager) estimate(j *Job, p plan) (*source.Budget, int64) {
	var need float64
	for i, r := range p.facts.Relations {
		perRow, points := 0.0, false
		for _, c := range p.casts[i] {
			switch c {
			case pushdown.Floats, pushdown.Vector:
				points = true
			case pushdown.Text:
				perRow += 24
			default:
				perRow += 8
			}
		}
		need += perRow * r.Rows
		if points && r.Rows > 0 {
			need += float64(r.Bytes) * 0.8
		}
	}
	return j.budget.WouldExceed(int64(need)), int64(need)
}

func memoryFault(over *source.Budget, need int64) *fault.Error {
	return fault.New(fault.Memory, "the call needs about %s more, and %s allows %s, of which %s are in use",
		megabytes(need), over.Name, megabytes(over.Limit), megabytes(over.Used())).
		WithHint("Raise the worker's limit %s (MILLRACE_%s), or read fewer rows or columns.", over.Name, upper(over.Name))
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20)) }

func uploadFault(upload *source.Budget) *fault.Error {
	return fault.New(fault.Size, "the session has shipped more than the %d MB that %s allows", upload.Limit>>20, upload.Name).
		WithHint("Raise the worker's limit %s (MILLRACE_%s), or call where the worker's readers can read: details->>'read_reason' of a smaller call tells why they cannot.",
			upload.Name, upper(upload.Name))
}

func upper(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// asFault gives the errors of reading their kind.
func asFault(err error) error {
	if full, ok := errors.AsType[*source.MemoryError](err); ok {
		return fault.New(fault.Memory, "the rows do not fit into the %s that %s allows", megabytes(full.Budget.Limit), full.Budget.Name).
			WithDetail("Counted while they came in.").
			WithHint("Raise the worker's limit %s (MILLRACE_%s), or read fewer rows or columns.", full.Budget.Name, upper(full.Budget.Name))
	}
	switch {
	case errors.Is(err, source.ErrDimensions):
		return fault.New(fault.Data, "a point has more than one dimension").
			WithHint("A point is a flat array, such as ARRAY[a, b, c].")
	case errors.Is(err, context.Canceled):
		return fault.New(fault.Cancelled, "canceling statement due to user request")
	}
	return fault.As(err)
}
