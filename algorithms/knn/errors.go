package knn

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

var (
	// ErrUnknownMetric says that no metric has the given name. The text lists
	// the names.
	ErrUnknownMetric = errors.New("unknown metric")

	// ErrParameter says that a setting is out of its range: k, p, a class number
	// or a weighting. The text gives the bound.
	ErrParameter = errors.New("bad parameter")

	// ErrDimension says that rows or lists that belong together differ in length.
	ErrDimension = errors.New("dimensions do not match")

	// ErrEmpty says that there is no train row: check the filter of the source.
	ErrEmpty = errors.New("no rows to search")

	// ErrNotFinite says that a coordinate is NaN or infinite. Filter such rows
	// out, or replace the value.
	ErrNotFinite = errors.New("value is not finite")

	// ErrZeroVector says that a row consists of zeros, which has no direction, so
	// no cosine and no angle. Filter such rows out, or choose another metric.
	ErrZeroVector = errors.New("zero vector has no direction")
)

// ValueError locates a value that a search cannot use. It wraps [ErrNotFinite] or
// [ErrZeroVector].
type ValueError struct {
	Set    string  // "train" or "query"
	Row    int     // row index, from 0
	Column int     // coordinate, from 0; -1 if the whole row is meant
	Value  float64 // the value; 0 if the whole row is meant
	Err    error
}

// Error implements error.
func (e *ValueError) Error() string {
	if e.Column < 0 {
		return fmt.Sprintf("knn: %v: %s row %d", e.Err, e.Set, e.Row)
	}
	return fmt.Sprintf("knn: %v: %s row %d, coordinate %d is %g", e.Err, e.Set, e.Row, e.Column, e.Value)
}

// Unwrap returns the sentinel.
func (e *ValueError) Unwrap() error { return e.Err }

// input is a set of rows to check.
type input struct {
	Points
	name    string
	metric  Metric
	workers int
}

// checkValues returns the error of the lowest row that the metric cannot use, in
// O(n·p).
func checkValues(ctx context.Context, in input) error {
	n := in.Len()
	var first atomic.Int64
	first.Store(int64(n))
	if err := inBlocks(ctx, in.workers, blocks{n, in.Dim}, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if in.rowError(i) != nil {
				storeMin(&first, int64(i))
				return
			}
		}
	}); err != nil {
		return err
	}
	if i := int(first.Load()); i < n {
		return in.rowError(i)
	}
	return nil
}

// rowError says what is wrong with row i, if anything.
func (in input) rowError(i int) error {
	zero := true
	for j, v := range in.Row(i) {
		if v-v != 0 { // NaN for NaN and for an infinity.
			return &ValueError{Set: in.name, Row: i, Column: j, Value: v, Err: ErrNotFinite}
		}
		zero = zero && v == 0
	}
	if zero && (in.metric.kind == cosine || in.metric.kind == angular) {
		return &ValueError{Set: in.name, Row: i, Column: -1, Err: ErrZeroVector}
	}
	return nil
}

// storeMin lowers a to v.
func storeMin(a *atomic.Int64, v int64) {
	for {
		old := a.Load()
		if old <= v || a.CompareAndSwap(old, v) {
			return
		}
	}
}
