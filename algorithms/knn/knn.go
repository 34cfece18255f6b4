// Package knn finds exact k nearest neighbours by brute force on all cores, and
// predicts from them.
//
// One law holds for every metric and every input, bit for bit and for any number
// of workers:
//
//	Search.Run(train, query) == for each query row: all train rows sorted by
//	                            (Distance, Rank, row index), the first K
//
// [Distance] is the definition: float64 differences, exact sums of their products
// or absolute values or powers, each sum rounded once. A search evaluates it only
// for rows that may belong to the answer. The others are excluded by a float64
// estimate with a proven bound on its rounding error; partial sums that already
// exceed the distance of the k-th neighbour end a row early. So ties are ties,
// near ties in the last bit are decided right, and the order of the rows, of the
// workers and of the additions is of no consequence.
//
// Source: Cover and Hart, Nearest Neighbor Pattern Classification, IEEE Trans.
// Inf. Theory 13(1), 1967; error bounds: Higham, Accuracy and Stability of
// Numerical Algorithms, 2nd ed., chapter 4; Ogita, Rump, Oishi, Accurate Sum and
// Dot Product, SIAM J. Sci. Comput. 26(6), 2005.
package knn

import (
	"context"
	"fmt"
	"math"
	"runtime"
)

// Points is a set of n rows with Dim coordinates each, row after row.
type Points struct {
	Values []float64 // n×Dim
	Dim    int       // at least 1
}

// Len returns the number of rows.
func (p Points) Len() int { return len(p.Values) / p.Dim }

// Row returns row i. It shares memory with p.
func (p Points) Row(i int) []float64 {
	return p.Values[i*p.Dim : (i+1)*p.Dim : (i+1)*p.Dim]
}

// Search is a search for the K nearest train rows of each query row. It may be
// used by several goroutines at once if Progress may.
type Search struct {
	// Metric is the distance. It has no default; see [ParseMetric].
	Metric Metric

	// K is the number of neighbours wanted, at least 1. A query gets fewer when
	// fewer train rows exist.
	K int

	// Workers is the number of goroutines. Defaults to GOMAXPROCS. The result
	// does not depend on it.
	Workers int

	// Rank orders train rows at equal distance, lower first; equal ranks go by
	// row index. Defaults to the row index.
	Rank []int32

	// TrainKey and QueryKey, if set, hold a key per row: a train row is no
	// neighbour of a query with the same key. Set both or none.
	TrainKey, QueryKey []int32

	// Progress, if set, is told the number of finished queries after each batch
	// of them. Calls never overlap and their numbers grow.
	Progress func(queriesDone int)
}

// Neighbors holds the neighbours of each query row, nearest first. Those of query
// i are at positions Offset[i] to Offset[i+1].
type Neighbors struct {
	Offset   []int     // one more than there are queries
	Row      []int32   // train rows
	Distance []float64 // in the unit of the metric
}

// Len returns the number of queries.
func (n Neighbors) Len() int { return max(0, len(n.Offset)-1) }

// At returns the train rows nearest to query i and their distances. They share
// memory with n.
func (n Neighbors) At(i int) (rows []int32, distances []float64) {
	lo, hi := n.Offset[i], n.Offset[i+1]
	return n.Row[lo:hi:hi], n.Distance[lo:hi:hi]
}

// Run returns the nearest rows of train (n×p) for each row of query (q×p).
//
// It takes O(n·q·p) time. Beyond its input and its result (12 bytes for each
// neighbour) it holds 20 bytes per train row, less for most metrics, and at most
// 64 unfinished queries per worker with 16 bytes per neighbour each. With fewer
// queries than workers, train is split: several lists of up to K neighbours then
// exist per query. Keys take about 40 bytes per distinct train key.
//
// Errors: [ErrParameter] if K < 1 or the metric is the zero Metric; [ErrEmpty] if
// train has no rows; [ErrDimension] if the dimensions differ or a length does not
// match; a [*ValueError] with [ErrNotFinite] for a NaN or an infinity, or with
// [ErrZeroVector] for a row of zeros under cosine or angular: train before query,
// lowest row first; the error of ctx, within milliseconds, if it is cancelled.
func (s Search) Run(ctx context.Context, train, query Points) (Neighbors, error) {
	if err := s.validate(train, query); err != nil {
		return Neighbors{}, err
	}
	if s.Workers <= 0 {
		s.Workers = runtime.GOMAXPROCS(0)
	}
	if err := checkValues(ctx, input{train, "train", s.Metric, s.Workers}); err != nil {
		return Neighbors{}, err
	}
	if err := checkValues(ctx, input{query, "query", s.Metric, s.Workers}); err != nil {
		return Neighbors{}, err
	}
	space, err := newSpace(ctx, s.Metric, train, s.Workers)
	if err != nil {
		return Neighbors{}, err
	}
	r := &run{Search: s, space: space, train: train, query: query}
	if err := r.allTasks(ctx); err != nil {
		return Neighbors{}, err
	}
	return r.out, nil
}

// validate checks everything but the values.
func (s Search) validate(train, query Points) error {
	if s.Metric.kind == 0 {
		return fmt.Errorf("knn: %w: no metric is set", ErrParameter)
	}
	if s.K < 1 {
		return fmt.Errorf("knn: %w: k %d, want k ≥ 1", ErrParameter, s.K)
	}
	for _, p := range []Points{train, query} {
		if p.Dim < 1 || len(p.Values)%p.Dim != 0 {
			return fmt.Errorf("knn: %w: %d values are no rows of %d coordinates", ErrDimension, len(p.Values), p.Dim)
		}
	}
	if train.Dim != query.Dim {
		return fmt.Errorf("knn: %w: train rows have %d coordinates, query rows %d", ErrDimension, train.Dim, query.Dim)
	}
	n, q := train.Len(), query.Len()
	if n == 0 {
		return fmt.Errorf("knn: %w: 0 train rows, 1 needed", ErrEmpty)
	}
	if n > math.MaxInt32 {
		return fmt.Errorf("knn: %w: %d train rows, at most %d", ErrDimension, n, math.MaxInt32)
	}
	if s.Rank != nil && len(s.Rank) != n {
		return fmt.Errorf("knn: %w: %d ranks for %d train rows", ErrDimension, len(s.Rank), n)
	}
	if (s.TrainKey == nil) != (s.QueryKey == nil) {
		return fmt.Errorf("knn: %w: train keys and query keys must be set together", ErrDimension)
	}
	if s.TrainKey != nil && (len(s.TrainKey) != n || len(s.QueryKey) != q) {
		return fmt.Errorf("knn: %w: %d train keys and %d query keys for %d and %d rows",
			ErrDimension, len(s.TrainKey), len(s.QueryKey), n, q)
	}
	return nil
}
