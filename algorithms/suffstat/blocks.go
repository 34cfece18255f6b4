package suffstat

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/algorithms/parallel"
)

// BlockRows is the number of rows in a block: a dozen columns of it fit the
// second-level cache of a core.
const BlockRows = 4096

// Split says how rows are divided.
type Split struct {
	Rows    int
	Workers int // 0 means GOMAXPROCS
}

// Workers returns the number of goroutines that [Blocks] uses for n rows.
func Workers(n, workers int) int {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return max(1, min(workers, (n+BlockRows-1)/BlockRows))
}

// Blocks calls f for the row ranges [from, to) of at most [BlockRows] rows that
// make up s, from several goroutines, and waits for them. No two calls with the
// same worker, a number below Workers(s.Rows, s.Workers), run at once. Which
// worker gets which range is not determined: f must not let it matter.
//
// It returns the first error of f, or the context's if that ends first; both
// stop the work after the calls under way. A panic in f is one in Blocks.
func Blocks(ctx context.Context, s Split, f func(worker, from, to int) error) error {
	var (
		next  atomic.Int64
		group parallel.Group
		once  sync.Once
		first error
	)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for worker := range Workers(s.Rows, s.Workers) {
		group.Go(func() {
			for {
				from := int(next.Add(BlockRows)) - BlockRows
				if from >= s.Rows {
					return
				}
				err := ctx.Err()
				if err == nil {
					err = f(worker, from, min(s.Rows, from+BlockRows))
				}
				if err != nil {
					once.Do(func() { first = err })
					cancel()
					return
				}
			}
		})
	}
	group.Wait()
	return first
}
