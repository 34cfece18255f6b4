package knn

import (
	"context"
	"math/bits"
)

// These spaces score a row by its distance, which is a count.
var (
	_ space = unequalSpace{}
	_ space = (*truthSpace)(nil)
)

// unequalSpace serves hamming.
type unequalSpace struct{ rows }

// scores implements space.
func (s unequalSpace) scores(out []float64, q *query, at cut) {
	for i := range out {
		out[i] = s.distance(q, at.lo+i)
	}
}

// limit implements space.
func (s unequalSpace) limit(_ *query, d float64) float64 { return d }

// distance implements space.
func (s unequalSpace) distance(q *query, row int) float64 {
	return float64(unequal(q.x, s.Row(row))) / float64(s.Dim)
}

// truthSpace serves jaccard. It holds one bit per coordinate.
type truthSpace struct {
	rows
	words int      // per row
	bits  []uint64 // n×words
}

// newTruthSpace packs the truth values of the train rows.
func newTruthSpace(ctx context.Context, base rows, workers int) (space, error) {
	s := &truthSpace{rows: base, words: (base.Dim + 63) / 64}
	s.bits = make([]uint64, s.Len()*s.words)
	err := inBlocks(ctx, workers, blocks{s.Len(), s.Dim}, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			pack(s.bits[i*s.words:(i+1)*s.words], s.Row(i))
		}
	})
	return s, err
}

// pack sets bit j of words if x[j] is true.
func pack(words []uint64, x []float64) {
	for j, v := range x {
		if v != 0 {
			words[j/64] |= 1 << (j % 64)
		}
	}
}

// query implements space.
func (s *truthSpace) query(x []float64) *query {
	q := &query{x: x, bits: make([]uint64, s.words)}
	pack(q.bits, x)
	return q
}

// scores implements space.
func (s *truthSpace) scores(out []float64, q *query, at cut) {
	for i := range out {
		out[i] = s.distance(q, at.lo+i)
	}
}

// limit implements space.
func (s *truthSpace) limit(_ *query, d float64) float64 { return d }

// distance implements space.
func (s *truthSpace) distance(q *query, row int) float64 {
	both, either := 0, 0
	for j, w := range s.bits[row*s.words : (row+1)*s.words] {
		both += bits.OnesCount64(w & q.bits[j])
		either += bits.OnesCount64(w | q.bits[j])
	}
	return jaccardFrom(both, either)
}
