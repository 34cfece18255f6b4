package logreg

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// maxCondition bounds the condition number of an equilibrated Hessian: above it
// float64 holds no digit of a solution.
const maxCondition = 1e15

// spd is a factored symmetric positive definite q×q matrix. It is brought to a
// unit diagonal first, so that units play no part in its condition.
type spd struct {
	q    int
	unit []float64 // 1/√diagonal
	chol mat.Cholesky
}

// factor factors a, row-major, and reports whether it is positive definite in
// float64. It takes O(q³) time.
func factor(a []float64, q int) (*spd, bool) {
	s := &spd{q: q, unit: make([]float64, q)}
	if q == 0 {
		return s, true
	}
	for i := range q {
		d := a[i*q+i]
		if !(d > 0) || math.IsInf(d, 0) {
			return nil, false
		}
		s.unit[i] = 1 / math.Sqrt(d)
	}
	sym := mat.NewSymDense(q, nil)
	for i := range q {
		for j := i; j < q; j++ {
			v := a[i*q+j] * s.unit[i] * s.unit[j]
			if v-v != 0 {
				return nil, false
			}
			sym.SetSym(i, j, v)
		}
	}
	if !s.chol.Factorize(sym) || !(s.chol.Cond() < maxCondition) {
		return nil, false
	}
	return s, true
}

// solve returns a⁻¹b.
func (s *spd) solve(b []float64) []float64 {
	out := make([]float64, s.q)
	if s.q == 0 {
		return out
	}
	for i, v := range b {
		out[i] = v * s.unit[i]
	}
	v := mat.NewVecDense(s.q, out)
	if err := s.chol.SolveVecTo(v, v); err != nil {
		panic("logreg: factor accepted a singular matrix: " + err.Error())
	}
	for i := range out {
		out[i] *= s.unit[i]
	}
	return out
}

// inverse returns a⁻¹, row-major and symmetric.
func (s *spd) inverse() []float64 {
	out := make([]float64, s.q*s.q)
	unit := make([]float64, s.q)
	for j := range s.q {
		clear(unit)
		unit[j] = 1
		for i, v := range s.solve(unit) {
			out[i*s.q+j] = v
		}
	}
	for i := range s.q {
		for j := range i {
			v := (out[i*s.q+j] + out[j*s.q+i]) / 2
			out[i*s.q+j], out[j*s.q+i] = v, v
		}
	}
	return out
}

// quadratic returns d'ad for the row-major q×q matrix a.
func quadratic(a, d []float64) float64 {
	q, sum := len(d), 0.0
	for i, di := range d {
		row := 0.0
		for j, dj := range d {
			row += a[i*q+j] * dj
		}
		sum += di * row
	}
	return sum
}

// dot returns the plain inner product of two short vectors.
func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
