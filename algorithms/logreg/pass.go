package logreg

import (
	"context"
	"math"

	"github.com/millrace/millrace/exact"
)

// maxScore bounds |η|; beyond it a step is refused rather than summed.
const maxScore = 1e100

// state is the smooth part of the objective at one point, in the coordinates of
// design.z: the loss, its gradient and its Hessian (q×q, lower triangle).
type state struct {
	beta     []float64
	loss     float64
	gradient []float64
	hessian  []float64
	maxScore float64 // largest |η|
	overflow bool    // some |η| is above maxScore: nothing else is set
}

// totals is one worker's share of a pass, with its scratch of one block.
type totals struct {
	loss             exact.Sum
	gradient         []exact.Sum
	hessian          []exact.Sum
	score, residual  []float64
	curvature        []float64
	weighted, scaled []float64
	maxScore         float64
	overflow         bool
}

// evaluate makes one pass over the rows, in O(n·q²/workers) time for q terms.
// Products of gradients are exact; those of the Hessian are rounded, row by row
// alike, before they are summed exactly.
func (m *design) evaluate(ctx context.Context, beta []float64) (*state, error) {
	q := m.terms()
	parts := make([]totals, m.workers)
	for i := range parts {
		parts[i] = newTotals(q)
	}
	err := overBlocks(ctx, m.n, m.workers, func(worker, lo, hi int) {
		m.block(&parts[worker], beta, lo, hi)
	})
	if err != nil {
		return nil, err
	}
	all := &parts[0]
	for i := range parts[1:] {
		all.merge(&parts[i+1])
	}
	return all.state(beta), nil
}

func newTotals(q int) totals {
	block := func() []float64 { return make([]float64, blockRows) }
	return totals{
		gradient: make([]exact.Sum, q), hessian: make([]exact.Sum, q*(q+1)/2),
		score: block(), residual: block(), curvature: block(), weighted: block(), scaled: block(),
	}
}

func (t *totals) merge(u *totals) {
	t.loss.AddSum(&u.loss)
	for i := range t.gradient {
		t.gradient[i].AddSum(&u.gradient[i])
	}
	for i := range t.hessian {
		t.hessian[i].AddSum(&u.hessian[i])
	}
	t.maxScore = max(t.maxScore, u.maxScore)
	t.overflow = t.overflow || u.overflow
}

func (t *totals) state(beta []float64) *state {
	s := &state{beta: beta, loss: t.loss.Float64(), maxScore: t.maxScore, overflow: t.overflow}
	q := len(t.gradient)
	s.gradient = make([]float64, q)
	s.hessian = make([]float64, q*q)
	for i := range q {
		s.gradient[i] = t.gradient[i].Float64()
		for j := range i + 1 {
			h := t.hessian[i*(i+1)/2+j].Float64()
			s.hessian[i*q+j], s.hessian[j*q+i] = h, h
		}
	}
	return s
}

// block adds rows [lo, hi) to t.
func (m *design) block(t *totals, beta []float64, lo, hi int) {
	size := hi - lo
	m.scores(t.score[:size], beta, lo)
	if !m.losses(t, lo, size) {
		return
	}
	residual, curvature, o := t.residual[:size], t.curvature[:size], m.offset()
	if m.intercept {
		t.gradient[0].AddAll(residual)
		t.hessian[0].AddAll(curvature)
	}
	weighted, scaled := t.weighted[:size], t.scaled[:size]
	for k, column := range m.z {
		z, i := column[lo:hi], k+o
		t.gradient[i].AddDot(residual, z)
		for r, v := range z {
			weighted[r] = curvature[r] * v
		}
		row := t.hessian[i*(i+1)/2:]
		if m.intercept {
			row[0].AddAll(weighted)
		}
		for l := range k + 1 {
			other := m.z[l][lo:hi]
			for r, v := range weighted {
				scaled[r] = v * other[r]
			}
			row[l+o].AddAll(scaled)
		}
	}
}

// scores sets out to η of the rows from lo on, one column after the other, so
// that a row's score does not depend on its place.
func (m *design) scores(out, beta []float64, lo int) {
	o := m.offset()
	first := 0.0
	if m.intercept {
		first = beta[0]
	}
	for r := range out {
		out[r] = first
	}
	for k, column := range m.z {
		b := beta[k+o]
		if b == 0 {
			continue
		}
		for r, v := range column[lo : lo+len(out)] {
			out[r] += b * v
		}
	}
}

// losses turns scores into loss, residuals −s·w·|y−p| and curvatures w·p(1−p).
// It reports false if a score is too large.
func (m *design) losses(t *totals, lo, size int) bool {
	for r, eta := range t.score[:size] {
		if !(math.Abs(eta) <= maxScore) {
			t.overflow = true
			return false
		}
		t.maxScore = max(t.maxScore, math.Abs(eta))
		s := m.sign[lo+r]
		loss, slope, curvature := rowLoss(s * eta)
		if m.weight != nil {
			w := m.weight[lo+r]
			loss, slope, curvature = w*loss, w*slope, w*curvature
		}
		t.score[r], t.residual[r], t.curvature[r] = loss, -s*slope, curvature
	}
	t.loss.AddAll(t.score[:size])
	return true
}
