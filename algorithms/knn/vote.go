package knn

import (
	"fmt"
	"math"
	"math/big"

	"github.com/millrace/millrace/exact"
)

// Weighting says how much a neighbour counts in a prediction.
type Weighting int

const (
	// Uniform counts each neighbour as 1.
	Uniform Weighting = iota

	// InverseDistance counts a neighbour at distance d as 1/d. Where distances are
	// 0, those neighbours count as 1 and the others not at all.
	InverseDistance
)

// weights writes the weight of each distance to dst and returns it. Inverse
// distances are multiplied by the power of two of the nearest, which changes no
// share and lets none overflow. Infinitely far neighbours have no weight, unless
// there are no others.
func (w Weighting) weights(dst, distances []float64) ([]float64, error) {
	dst = dst[:0]
	if w == Uniform {
		for range distances {
			dst = append(dst, 1)
		}
		return dst, nil
	}
	if w != InverseDistance {
		return nil, fmt.Errorf("knn: %w: weighting %d", ErrParameter, int(w))
	}
	least := math.Inf(1)
	for _, d := range distances {
		if !(d >= 0) {
			return nil, fmt.Errorf("knn: %w: inverse weight of distance %g, want distance ≥ 0", ErrParameter, d)
		}
		least = min(least, d)
	}
	_, e := math.Frexp(least)
	for _, d := range distances {
		switch {
		case least > 0 && !math.IsInf(least, 1):
			dst = append(dst, 1/math.Ldexp(d, -e))
		case d == least:
			dst = append(dst, 1)
		default:
			dst = append(dst, 0)
		}
	}
	return dst, nil
}

// Classes holds the class of each train row.
type Classes struct {
	Of    []int32 // per train row, from 0 to Count−1
	Count int     // number of classes, at least 1
}

// Votes is the outcome of a vote for each query.
type Votes struct {
	Class       []int32   // the class with the largest weight; −1 without neighbours
	Probability []float64 // q×Count, share of the weight; NaN without neighbours
}

// Vote lets the neighbours of each query vote on its class. The largest sum of
// weights wins; of equal sums the smallest class number, so the caller decides by
// numbering the classes. Sums are exact and rounded once: votes that are equal in
// any order are equal.
//
// It takes O(k+Count) time per query, and 8·Count bytes per query for the result.
//
// Errors: [ErrParameter] if Count < 1, a neighbour's class is out of range, or
// weighting is InverseDistance and a distance is negative or NaN; [ErrDimension]
// if a neighbour has no entry in Of.
func Vote(n Neighbors, classes Classes, weighting Weighting) (Votes, error) {
	if classes.Count < 1 {
		return Votes{}, fmt.Errorf("knn: %w: %d classes, want at least 1", ErrParameter, classes.Count)
	}
	out := Votes{Class: make([]int32, n.Len()), Probability: make([]float64, n.Len()*classes.Count)}
	b := ballot{Classes: classes, place: map[int32]int{}}
	var weights []float64
	for i := range n.Len() {
		rows, distances := n.At(i)
		var err error
		if weights, err = weighting.weights(weights, distances); err != nil {
			return Votes{}, err
		}
		if err := b.count(rows, weights); err != nil {
			return Votes{}, err
		}
		out.Class[i] = b.result(out.Probability[i*classes.Count : (i+1)*classes.Count])
	}
	return out, nil
}

// ballot counts the votes of one query after another.
type ballot struct {
	Classes
	place map[int32]int // class to position in sums
	names []int32       // class at a position
	sums  []exact.Sum   // weight at a position
	total exact.Sum
}

// count adds up the weights per class.
func (b *ballot) count(rows []int32, weights []float64) error {
	clear(b.place)
	b.names, b.sums = b.names[:0], b.sums[:0]
	b.total.Reset()
	for j, row := range rows {
		if int(row) >= len(b.Of) {
			return fmt.Errorf("knn: %w: train row %d, but %d classes given", ErrDimension, row, len(b.Of))
		}
		class := b.Of[row]
		if class < 0 || int(class) >= b.Count {
			return fmt.Errorf("knn: %w: class %d of train row %d, want 0 ≤ class < %d", ErrParameter, class, row, b.Count)
		}
		at, ok := b.place[class]
		if !ok {
			at = len(b.sums)
			b.place[class] = at
			b.names = append(b.names, class)
			b.sums = append(b.sums, exact.Sum{})
		}
		b.sums[at].Add(weights[j])
		b.total.Add(weights[j])
	}
	return nil
}

// result writes the share of each class and returns the winner.
func (b *ballot) result(share []float64) int32 {
	if len(b.names) == 0 {
		for c := range share {
			share[c] = math.NaN()
		}
		return -1
	}
	total := b.total.Float64()
	winner, most := int32(-1), -1.0
	for at, class := range b.names {
		sum := b.sums[at].Float64()
		share[class] = sum / total
		if sum > most || sum == most && class < winner {
			winner, most = class, sum
		}
	}
	return winner
}

// Mean returns for each query the weighted mean of target over its neighbours,
//
//	Σ w·y / Σ w,
//
// with both sums exact and rounded once; NaN without neighbours. The mean is finite
// even where Σ w·y is beyond float64. target holds a finite number y per train row.
// It takes O(k) time per query.
//
// Errors: [ErrParameter] if weighting is InverseDistance and a distance is negative
// or NaN; [ErrDimension] if a neighbour has no entry in target; [ErrNotFinite] if
// the target of a neighbour is NaN or infinite.
func Mean(n Neighbors, target []float64, weighting Weighting) ([]float64, error) {
	out := make([]float64, n.Len())
	var weights []float64
	var sum, total exact.Sum
	for i := range out {
		rows, distances := n.At(i)
		var err error
		if weights, err = weighting.weights(weights, distances); err != nil {
			return nil, err
		}
		sum.Reset()
		total.Reset()
		for j, row := range rows {
			if int(row) >= len(target) {
				return nil, fmt.Errorf("knn: %w: train row %d, but %d targets given", ErrDimension, row, len(target))
			}
			y := target[row]
			if y-y != 0 {
				return nil, fmt.Errorf("knn: %w: target of train row %d is %g", ErrNotFinite, row, y)
			}
			sum.AddProduct(weights[j], y)
			total.Add(weights[j])
		}
		out[i] = quotient(&sum, &total)
	}
	return out, nil
}

// quotient returns a/b, of sums that are rounded first unless a is too large.
func quotient(a, b *exact.Sum) float64 {
	q := a.Float64() / b.Float64()
	if math.IsInf(q, 0) {
		q, _ = new(big.Float).SetPrec(quotientPrec).Quo(a.Big(), b.Big()).Float64()
	}
	return q
}

// quotientPrec makes a second rounding to 53 bits matter once in 2^75 times.
const quotientPrec = 128
