package linreg

import (
	"fmt"
)

// Data holds the rows by column.
type Data struct {
	X [][]float64 // p columns of length n, without the intercept
	Y []float64   // length n

	// W holds precision weights: the variance of an error is σ²/w. Rows of weight
	// 0 are left out and counted. Nil means 1 each.
	W []float64

	// Cluster holds the cluster of each row, any codes; for Clustered only.
	Cluster []int32

	// Order lists the rows in time order, for Durbin–Watson. Nil means that the
	// rows have no order; the statistic is then NaN.
	Order []int
}

// prepare checks d and returns it without the rows of weight 0.
func (r Regression) prepare(d Data) (rows, error) {
	n := len(d.Y)
	if err := r.checkShape(d); err != nil {
		return rows{}, err
	}
	for j, column := range d.X {
		if i := notFinite(column); i >= 0 {
			return rows{}, &NotFiniteError{Column: j, Row: i, Value: column[i]}
		}
	}
	if i := notFinite(d.Y); i >= 0 {
		return rows{}, &NotFiniteError{Column: TargetColumn, Row: i, Value: d.Y[i]}
	}
	if i := notFinite(d.W); i >= 0 {
		return rows{}, &NotFiniteError{Column: WeightColumn, Row: i, Value: d.W[i]}
	}
	if err := checkOrder(d.Order, n); err != nil {
		return rows{}, err
	}
	kept := n
	for i, w := range d.W {
		if w < 0 {
			return rows{}, fmt.Errorf("linreg: %w: %g in row %d", ErrWeight, w, i)
		}
		if w == 0 {
			kept--
		}
	}
	if r.Covariance != Clustered {
		d.Cluster = nil
	}
	if kept == n {
		return rows{Data: d}, nil
	}
	return withoutZeroWeights(d, kept), nil
}

// checkShape checks the lengths of d.
func (r Regression) checkShape(d Data) error {
	n := len(d.Y)
	if terms := len(r.variables(len(d.X))); terms > MaxTerms {
		return &TooManyTermsError{Terms: terms, Max: MaxTerms}
	}
	for j, column := range d.X {
		if len(column) != n {
			return fmt.Errorf("linreg: %w: column %d has %d rows, target %d", ErrLength, j, len(column), n)
		}
	}
	switch {
	case len(d.X) == 0 && !r.Intercept:
		return fmt.Errorf("linreg: %w: no column and no intercept", ErrNoTerms)
	case n == 0:
		return fmt.Errorf("linreg: %w", ErrNoRows)
	case d.W != nil && len(d.W) != n:
		return fmt.Errorf("linreg: %w: %d weights, target %d", ErrLength, len(d.W), n)
	case d.Order != nil && len(d.Order) != n:
		return fmt.Errorf("linreg: %w: order %d, target %d", ErrLength, len(d.Order), n)
	case r.Covariance == Clustered && len(d.Cluster) != n:
		return fmt.Errorf("linreg: %w: %d clusters, target %d", ErrLength, len(d.Cluster), n)
	}
	return nil
}

// checkOrder checks that order, if any, holds each of 0 … n-1 once.
func checkOrder(order []int, n int) error {
	if order == nil {
		return nil
	}
	seen := make([]bool, n)
	for _, i := range order {
		if i < 0 || i >= n || seen[i] {
			return fmt.Errorf("linreg: %w: row %d of %d is outside or twice", ErrOrder, i, n)
		}
		seen[i] = true
	}
	return nil
}

// notFinite returns the index of the first NaN or infinity, or -1.
func notFinite(x []float64) int {
	for i, v := range x {
		if v-v != 0 {
			return i
		}
	}
	return -1
}

// rows is Data that was checked, without the rows of weight 0.
type rows struct {
	Data
	zeroWeight int
}

// n returns the number of rows.
func (r rows) n() int { return len(r.Y) }

// withoutZeroWeights copies the kept rows of positive weight.
func withoutZeroWeights(d Data, kept int) rows {
	n := len(d.Y)
	place := make([]int, n) // new index of a row, -1 if left out
	next := 0
	for i, w := range d.W {
		place[i] = -1
		if w != 0 {
			place[i] = next
			next++
		}
	}
	out := rows{zeroWeight: n - kept}
	out.Y, out.W, out.Cluster = take(d.Y, place, kept), take(d.W, place, kept), take(d.Cluster, place, kept)
	out.X = make([][]float64, len(d.X))
	for j, column := range d.X {
		out.X[j] = take(column, place, kept)
	}
	if d.Order != nil {
		out.Order = make([]int, 0, kept)
		for _, i := range d.Order {
			if place[i] >= 0 {
				out.Order = append(out.Order, place[i])
			}
		}
	}
	return out
}

// take moves the elements of from to their places; nil stays nil.
func take[T any](from []T, place []int, kept int) []T {
	if from == nil {
		return nil
	}
	to := make([]T, kept)
	for i, at := range place {
		if at >= 0 {
			to[at] = from[i]
		}
	}
	return to
}
