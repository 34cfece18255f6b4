package linreg

import (
	"context"
	"fmt"
	"math"

	"github.com/millrace/millrace/algorithms/suffstat"
	"github.com/millrace/millrace/exact"
)

// Summary is what a fit without residuals needs to know about its rows. Shards
// are summarised apart and merged in any order, and rows can be taken back, with
// the bits of one pass over all of them. It is not safe for concurrent use.
//
// State: 540·p² bytes, whatever the number of rows.
type Summary struct {
	cross      *suffstat.Cross // of the features, then the target
	logWeights exact.Sum       // Σ log w
	zeroWeight int64
}

// NewSummary returns the summary of no rows of p features.
func NewSummary(p int) *Summary { return &Summary{cross: suffstat.NewCross(p + 1)} }

// Add adds the rows of d with that many workers (0 means GOMAXPROCS). It panics
// unless d has p columns. Errors are those of [Regression.Fit] about data; after
// an error s is as before.
func (s *Summary) Add(ctx context.Context, d Data, workers int) error {
	rows, err := s.check(d)
	if err != nil {
		return err
	}
	return s.addRows(ctx, rows, workers)
}

// Remove undoes Add of the same rows, in whatever shards they were added.
func (s *Summary) Remove(ctx context.Context, d Data, workers int) error {
	rows, err := s.check(d)
	if err != nil {
		return err
	}
	if err := s.cross.Remove(ctx, rows.block(), workers); err != nil {
		return fmt.Errorf("linreg: %w", err)
	}
	for _, w := range rows.W {
		s.logWeights.Sub(math.Log(w))
	}
	s.zeroWeight -= int64(rows.zeroWeight)
	return nil
}

// Merge adds the rows of t, which it leaves as it is.
func (s *Summary) Merge(t *Summary) {
	s.cross.Merge(t.cross)
	s.logWeights.AddSum(&t.logWeights)
	s.zeroWeight += t.zeroWeight
}

// N returns the number of rows of positive weight.
func (s *Summary) N() int64 { return s.cross.Rows() }

func (s *Summary) check(d Data) (rows, error) {
	if len(d.X)+1 != s.cross.Variables() {
		panic(fmt.Sprintf("linreg: %d columns, want %d", len(d.X), s.cross.Variables()-1))
	}
	if len(d.Y) == 0 {
		return rows{}, nil
	}
	return Regression{Intercept: true}.prepare(d)
}

// addRows adds rows that were checked.
func (s *Summary) addRows(ctx context.Context, rows rows, workers int) error {
	if rows.n() > 0 {
		if err := s.cross.Add(ctx, rows.block(), workers); err != nil {
			return fmt.Errorf("linreg: %w", err)
		}
	}
	for _, w := range rows.W {
		s.logWeights.Add(math.Log(w))
	}
	s.zeroWeight += int64(rows.zeroWeight)
	return nil
}

// block returns the features and the target as variables of a cross-product.
func (r rows) block() suffstat.Block {
	columns := make([][]float64, 0, len(r.X)+1)
	return suffstat.Block{Columns: append(append(columns, r.X...), r.Y), Weights: r.W}
}
