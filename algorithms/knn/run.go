package knn

import (
	"context"
	"math"
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/algorithms/parallel"
)

const (
	// blockValues is the number of train coordinates scored for one query after
	// another: 256 KB stay in a core's cache, and take well under a millisecond,
	// after which ctx is looked at.
	blockValues = 1 << 15

	// batchQueries is the number of queries that share a block while it is cached.
	batchQueries = 64

	// batchNeighbours bounds the neighbours held for an unfinished batch.
	batchNeighbours = 1 << 20

	// shardRows is the least number of train rows worth a task of their own.
	shardRows = 1 << 12
)

// run is one search under way. Its work is a grid of tasks: batches of queries
// times shards of train rows, one shard if there are queries enough.
type run struct {
	Search
	space  space
	train  Points
	query  Points
	batch  int            // queries per batch
	shards int            // per batch
	lists  [][]list       // per batch and shard, the lists of its queries
	left   []atomic.Int32 // per batch, unfinished shards
	out    Neighbors

	mu   sync.Mutex // guards done and serialises Progress
	done int        // finished queries
}

// blocks is a number of rows and the number of values in each.
type blocks struct{ n, dim int }

// rows returns the number of rows in a block.
func (b blocks) rows() int { return max(1, blockValues/b.dim) }

// inBlocks calls f for consecutive ranges of rows, on several goroutines, until
// all are done or ctx is. f gets well under a millisecond of work at a time.
func inBlocks(ctx context.Context, workers int, b blocks, f func(lo, hi int)) error {
	size := b.rows()
	return inParallel(ctx, workers, (b.n+size-1)/size, func(i int) error {
		f(i*size, min((i+1)*size, b.n))
		return nil
	})
}

// inParallel calls f for 0 … n−1 on several goroutines and waits for them. It
// starts no call after an error or when ctx is done, and returns that error. A
// panic in f is one here.
func inParallel(ctx context.Context, workers, n int, f func(i int) error) error {
	var next atomic.Int64
	var once sync.Once
	var first error
	var stop atomic.Bool
	var group parallel.Group
	for range min(workers, n) {
		group.Go(func() {
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				err := ctx.Err()
				if err == nil {
					err = f(i)
				}
				if err != nil {
					once.Do(func() { first = err })
					stop.Store(true)
				}
			}
		})
	}
	group.Wait()
	if first == nil {
		first = ctx.Err()
	}
	return first
}

// plan chooses the grid of tasks.
func (r *run) plan() {
	n, q := r.train.Len(), r.query.Len()
	r.batch = max(1, min(batchQueries, batchNeighbours/min(r.K, n), (q+4*r.Workers-1)/(4*r.Workers)))
	batches := (q + r.batch - 1) / r.batch
	r.shards = 1
	if batches > 0 && batches < 2*r.Workers {
		r.shards = max(1, min((4*r.Workers+batches-1)/batches, n/shardRows))
	}
	r.lists = make([][]list, batches*r.shards)
	r.left = make([]atomic.Int32, batches)
	for i := range r.left {
		r.left[i].Store(int32(r.shards))
	}
}

// reserve makes room for the result. A million keys take longer to count than a
// cancelled call may, so it looks at ctx.
func (r *run) reserve(ctx context.Context) error {
	n, q := r.train.Len(), r.query.Len()
	r.out.Offset = make([]int, q+1)
	same := map[int32]int{}
	for i, key := range r.TrainKey {
		if i%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		same[key]++
	}
	for i := range q {
		others := n
		if r.QueryKey != nil {
			others -= same[r.QueryKey[i]]
		}
		r.out.Offset[i+1] = r.out.Offset[i] + min(r.K, others)
	}
	r.out.Row = make([]int32, r.out.Offset[q])
	r.out.Distance = make([]float64, r.out.Offset[q])
	return nil
}

// allTasks runs the search.
func (r *run) allTasks(ctx context.Context) error {
	r.plan()
	if err := r.reserve(ctx); err != nil {
		return err
	}
	return inParallel(ctx, r.Workers, len(r.lists), func(task int) error {
		if err := r.search(ctx, task); err != nil {
			return err
		}
		batch := task / r.shards
		if r.left[batch].Add(-1) > 0 {
			return nil
		}
		return r.finish(ctx, batch)
	})
}

// queries returns the range of the queries in a batch.
func (r *run) queries(batch int) (lo, hi int) {
	return batch * r.batch, min((batch+1)*r.batch, r.query.Len())
}

// scan is the state of one query in a task.
type scan struct {
	*query
	list
	limit float64 // score above which rows are out
	index int     // of the query
}

// search fills the lists of one task, block by block.
func (r *run) search(ctx context.Context, task int) error {
	n, shard := r.train.Len(), task%r.shards
	lo, hi := n*shard/r.shards, n*(shard+1)/r.shards
	first, end := r.queries(task / r.shards)
	scans := make([]scan, end-first)
	for i := range scans {
		scans[i].query = r.space.query(r.query.Row(first + i))
		scans[i].k = min(r.K, n)
		scans[i].limit, scans[i].index = math.Inf(1), first+i
	}
	size := blocks{n, r.train.Dim}.rows()
	scores := make([]float64, size)
	for at := lo; at < hi; at += size {
		for i := range scans {
			if err := ctx.Err(); err != nil {
				return err
			}
			r.scanBlock(&scans[i], scores[:min(size, hi-at)], at)
		}
	}
	r.lists[task] = make([]list, len(scans))
	for i := range scans {
		r.lists[task][i] = scans[i].list
	}
	return nil
}

// scanBlock offers the rows from row at on, one for each score, to a query.
func (r *run) scanBlock(s *scan, scores []float64, at int) {
	r.space.scores(scores, s.query, cut{at, s.limit})
	for i, score := range scores {
		if score > s.limit {
			continue
		}
		row := at + i
		if r.TrainKey != nil && r.TrainKey[row] == r.QueryKey[s.index] {
			continue
		}
		x := neighbour{distance: r.space.distance(s.query, row), rank: int32(row), row: int32(row)}
		if r.Rank != nil {
			x.rank = r.Rank[row]
		}
		if s.offer(x) {
			s.limit = r.space.limit(s.query, s.items[0].distance)
		}
	}
}

// finish merges the shards of a batch and writes its part of the result.
func (r *run) finish(ctx context.Context, batch int) error {
	lo, hi := r.queries(batch)
	shards := r.lists[batch*r.shards : (batch+1)*r.shards]
	for i := lo; i < hi; i++ {
		l := shards[0][i-lo]
		for _, other := range shards[1:] {
			if err := ctx.Err(); err != nil {
				return err
			}
			for _, x := range other[i-lo].items {
				l.offer(x)
			}
		}
		if err := l.sort(ctx); err != nil {
			return err
		}
		for j, x := range l.items {
			r.out.Row[r.out.Offset[i]+j] = x.row
			r.out.Distance[r.out.Offset[i]+j] = x.distance
		}
	}
	clear(shards)
	if r.Progress != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.done += hi - lo
		r.Progress(r.done)
	}
	return nil
}
