package logreg

import (
	"context"
	"sync/atomic"

	"github.com/millrace/millrace/algorithms/parallel"
)

// blockRows is the unit of work: its columns stay in the first cache level.
const blockRows = 512

// overBlocks calls work for every block [lo, hi) of n rows, from the given
// number of goroutines, and waits for them. Which worker gets which block is not
// determined; callers sum exactly, so it does not show. It stops between blocks
// when ctx is done, and returns its error. A panic in work is one here.
func overBlocks(ctx context.Context, n, workers int, work func(worker, lo, hi int)) error {
	var (
		next  atomic.Int64
		group parallel.Group
	)
	for worker := range workers {
		group.Go(func() {
			for ctx.Err() == nil {
				hi := int(next.Add(blockRows))
				lo := hi - blockRows
				if lo >= n {
					return
				}
				work(worker, lo, min(hi, n))
			}
		})
	}
	group.Wait()
	return ctx.Err()
}

// workersFor returns how many goroutines n rows can feed.
func workersFor(n, workers int) int {
	return max(1, min(workers, (n+blockRows-1)/blockRows))
}
