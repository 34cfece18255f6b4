package knn

import (
	"context"
	"math"
)

// space is a metric together with the train rows, prepared for many queries.
//
// Scores are cheap float64 numbers that exclude rows. Their law:
//
//	score > limit(d)  implies  distance > d, so not one of the neighbours
//
// where a score is NaN if nothing can be said. All methods may be called from
// several goroutines.
type space interface {
	// query prepares the query row x, to be used by one goroutine.
	query(x []float64) *query

	// scores writes the score of train row lo+i to out[i]. A row may get any
	// number above limit as soon as its score is known to exceed it.
	scores(out []float64, q *query, at cut)

	// limit returns the largest score that a row at distance d can have.
	limit(q *query, d float64) float64

	// distance returns the value of Distance for a train row.
	distance(q *query, row int) float64
}

// query is a query row and what a space precomputes for it.
type query struct {
	x    []float64
	norm float64  // |x| in float64, NaN if rows cannot be excluded
	sum  float64  // |x|²; for cosines scaled and rounded once
	exp  int      // exponent of the largest coordinate, for cosines
	bits []uint64 // truth values, for jaccard
}

// cut names the train rows from row lo on and the score above which they are out.
type cut struct {
	lo    int
	limit float64
}

// newSpace prepares train for m.
func newSpace(ctx context.Context, m Metric, train Points, workers int) (space, error) {
	base := rows{Points: train, metric: m, slack: slack(train.Dim)}
	switch m.kind {
	case euclidean, sqeuclidean:
		return squaresSpace{base}, nil
	case manhattan:
		return absolutesSpace{base}, nil
	case chebyshev:
		return largestSpace{base}, nil
	case minkowski:
		if m.p <= largeProduct && m.p == math.Trunc(m.p) {
			return productSpace{base, int(m.p)}, nil
		}
		return powerSpace{base}, nil
	case hamming:
		return unequalSpace{base}, nil
	case jaccard:
		return newTruthSpace(ctx, base, workers)
	}
	return newProductsSpace(ctx, base, workers)
}

// rows is the common part of all spaces.
type rows struct {
	Points
	metric Metric
	slack  float64 // relative error of a float64 sum of Dim terms, doubled
}

// slack returns twice the bound n·2^-53 on the relative rounding error of a sum
// of n non-negative terms in any order, and room for 32 further operations.
func slack(n int) float64 { return float64(n+32) * 0x1p-52 }

// query implements space for metrics that prepare nothing.
func (r rows) query(x []float64) *query { return &query{x: x} }

// above returns a number that no float64 sum of p terms exceeds if its exact
// value is at most d, allowing for extra roundings and for underflow. Where such a
// sum may overflow to +Inf, this number does.
func (r rows) above(d float64, extra int) float64 {
	return d + d*(r.slack+float64(extra)*0x1p-52) + float64(r.Dim+extra+32)*0x1p-1074
}
