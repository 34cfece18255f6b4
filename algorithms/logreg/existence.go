package logreg

import "math"

// certified reports whether a finite minimum of the unpenalised loss is proved
// to exist from what is known at one point.
//
// Along a line from the point, f being the loss and d a direction with d'Hd = 1,
// |f‴| ≤ ρ·f″ with ρ = max √(z'H⁻¹z) over the rows z. So f″(t) ≥ exp(−ρt) and
//
//	f′(t) ≥ −ν + (1 − exp(−ρt))/ρ,   ν = √(g'H⁻¹g)
//
// which becomes positive in every direction if ν·ρ < 1. Then f grows beyond some
// ball, and its minimum is inside. For separated rows ν·ρ ≥ 1 at every point.
// The test takes ρ² ≤ radius²·trace(H⁻¹), adds to ν what rounding may have taken
// away, and leaves half of the bound: it may miss a minimum, never invent one.
func (s *solver) certified(at *state, nu float64) bool {
	q := len(at.beta)
	f, ok := factor(at.hessian, q)
	if !ok {
		return false
	}
	inverse, trace := f.inverse(), 0.0
	for i := range q {
		trace += inverse[i*q+i]
	}
	rho := s.radius * math.Sqrt(trace)
	// A residual is at most its row's loss, and its relative rounding is that of
	// the score.
	const unit = 1.0 / (1 << 52)
	rounding := 16 * unit * (1 + at.maxScore) * float64(q) * at.loss * s.radius * math.Sqrt(trace)
	return (nu+rounding)*rho < 0.5
}

// radius returns the largest Euclidean length of a row.
func (m *design) radius() float64 {
	squares := make([]float64, m.n)
	for _, z := range m.z {
		for i, v := range z {
			squares[i] += v * v
		}
	}
	largest := 0.0
	for _, v := range squares {
		largest = max(largest, v)
	}
	return math.Sqrt(largest + float64(m.offset()))
}
