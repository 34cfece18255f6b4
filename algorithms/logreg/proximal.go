package logreg

import "math"

const (
	// rounds of a sweep of coordinate descent and a descent over signs.
	rounds = 1000

	// kktSlack is the rounding allowed to a gradient at its bound, relative to the
	// bound, and sumSlack relative to the terms that the gradient is the sum of.
	kktSlack = 1e-12
	sumSlack = 1e-14
)

// model is the quadratic model of an L1 step: over γ it is
//
//	g'(γ−β) + ½(γ−β)'h(γ−β) + Σ l1·|γ|
type model struct {
	q       int
	h, g    []float64 // q×q row-major and q, ridge included
	beta    []float64
	l1      []float64 // 0 for a free term
	still   float64   // a change of a term that is shorter, in the metric of h, is none
	gamma   []float64 // current point
	product []float64 // h(γ−β)
}

// proximal returns the minimiser of the model. A sweep of coordinate descent
// finds the terms that are not 0 and their signs; a descent over signs then
// solves for them exactly. Each lowers the objective, and the two alternate until
// the conditions of optimality hold or nothing moves; otherwise it reports false.
//
// Source: Lee, Battle, Raina and Ng, Efficient sparse coding algorithms, NIPS
// 2006 (the search over signs).
func proximal(m model) ([]float64, bool) {
	m.gamma = append([]float64(nil), m.beta...)
	m.product = make([]float64, m.q)
	for range rounds {
		moved := m.sweep()
		if m.settle() || !moved {
			return m.gamma, true
		}
	}
	return m.gamma, false
}

// sweep minimises over each coordinate in turn and reports whether one moved.
func (m *model) sweep() bool {
	moved := false
	for j := range m.q {
		d := m.h[j*m.q+j]
		old := m.gamma[j]
		next := 0.0 // A constant column: no effect, so the penalty decides.
		if d > 0 {
			next = soft(old-(m.g[j]+m.product[j])/d, m.l1[j]/d)
		}
		change := next - old
		if change == 0 {
			continue
		}
		m.gamma[j] = next
		for i := range m.q {
			m.product[i] += m.h[i*m.q+j] * change
		}
		if math.Abs(change)*math.Sqrt(d) > m.still {
			moved = true
		}
	}
	return moved
}

// soft is the soft threshold: x moved towards 0 by bound, not beyond.
func soft(x, bound float64) float64 {
	switch {
	case x > bound:
		return x - bound
	case x < -bound:
		return x + bound
	}
	return 0
}

// settle minimises over the terms that are not 0 while their signs last: a term
// that reaches 0 on the way stays there, and the others go on. It reports whether
// the result is optimal for all terms.
func (m *model) settle() bool {
	for range 2*m.q + 1 {
		active := m.active()
		f, ok := factor(m.block(active), len(active))
		if !ok {
			if !m.collapse(active) {
				return false
			}
			continue
		}
		right := make([]float64, len(active))
		for r, j := range active {
			right[r] = -m.g[j] - m.product[j]
			if m.l1[j] > 0 {
				right[r] -= math.Copysign(m.l1[j], m.gamma[j])
			}
		}
		if m.advance(active, f.solve(right), 1) {
			return m.zerosHold()
		}
	}
	return false
}

// active lists the free terms and those that are not 0.
func (m *model) active() []int {
	var out []int
	for j, v := range m.gamma {
		if v != 0 || m.l1[j] == 0 {
			out = append(out, j)
		}
	}
	return out
}

// block returns the part of h of the given terms.
func (m *model) block(terms []int) []float64 {
	a := len(terms)
	out := make([]float64, a*a)
	for r, j := range terms {
		for c, k := range terms {
			out[r*a+c] = m.h[j*m.q+k]
		}
	}
	return out
}

// advance moves the active terms by up to most times step, and stops where the
// first penalised one reaches 0. It reports whether none did.
func (m *model) advance(active []int, step []float64, most float64) bool {
	share, stop := most, -1
	for r, j := range active {
		if m.l1[j] > 0 && step[r]*m.gamma[j] < 0 {
			if s := -m.gamma[j] / step[r]; s < share {
				share, stop = s, j
			}
		}
	}
	if math.IsInf(share, 1) {
		return true
	}
	for r, j := range active {
		m.gamma[j] += share * step[r]
	}
	if stop >= 0 {
		m.gamma[stop] = 0
	}
	delta := make([]float64, m.q)
	for i, v := range m.gamma {
		delta[i] = v - m.beta[i]
	}
	for i := range m.product {
		m.product[i] = dot(m.h[i*m.q:(i+1)*m.q], delta)
	}
	return stop < 0
}

// collapse handles collinear active terms: along the direction that changes no
// score only the penalty changes, so it is followed downwards until a term
// reaches 0. It reports whether one did.
func (m *model) collapse(active []int) bool {
	for a := range active {
		if _, ok := factor(m.block(active[:a+1]), a+1); ok {
			continue
		}
		earlier, j := active[:a], active[a]
		f, ok := factor(m.block(earlier), a)
		if !ok {
			return false
		}
		column := make([]float64, a)
		for r, k := range earlier {
			column[r] = m.h[k*m.q+j]
		}
		step, slope := append(f.solve(column), -1), 0.0
		for r, k := range active[:a+1] {
			if m.l1[k] > 0 {
				slope += step[r] * math.Copysign(m.l1[k], m.gamma[k])
			}
		}
		if slope > 0 {
			for r := range step {
				step[r] = -step[r]
			}
		}
		return !m.advance(active[:a+1], step, math.Inf(1))
	}
	return false
}

// zerosHold reports whether the gradient allows the zeros.
func (m *model) zerosHold() bool {
	for j, v := range m.gamma {
		if v != 0 {
			continue
		}
		size := math.Abs(m.g[j])
		for i, h := range m.h[j*m.q : (j+1)*m.q] {
			size += math.Abs(h * (m.gamma[i] - m.beta[i]))
		}
		if math.Abs(m.g[j]+m.product[j]) > m.l1[j]*(1+kktSlack)+sumSlack*size {
			return false
		}
	}
	return true
}
