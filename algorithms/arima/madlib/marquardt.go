package madlib

import (
	"context"
	"math"

	"gonum.org/v1/gonum/mat"
)

// minimise descends by damped Gauss–Newton steps: (JᵀJ + u·I)·step = Jᵀz. A
// step that lowers Z² is taken and u shrinks by the gain, down to a third; one
// that does not is dropped and u grows by 2, 4, 8, …. It returns the
// parameters and the number of trial steps.
func (s *squares) minimise(ctx context.Context, c Config) ([]float64, int, error) {
	params := s.start()
	z2 := s.at(params)
	jj, g := s.normal(params)
	damping := c.Tau * largestDiagonal(jj)
	growth := 2.0
	iterations := 0
	for iterations < c.MaxIterations && largest(g) > c.E1 && z2 > c.E3 {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		iterations++
		step, ok := solve(jj, damping, g)
		if ok && norm(step) <= c.E2*norm(params) {
			break
		}
		if ok {
			trial := make([]float64, len(params))
			for i := range trial {
				trial[i] = params[i] + step[i]
			}
			after := s.at(trial)
			gain := (z2 - after) / predicted(step, damping, g)
			if gain > 0 && !math.IsInf(after, 0) {
				params, z2 = trial, after
				jj, g = s.normal(params)
				damping *= math.Max(1.0/3, 1-math.Pow(2*gain-1, 3))
				growth = 2
				continue
			}
		}
		damping *= growth
		growth *= 2
		if math.IsInf(damping, 0) {
			break
		}
	}
	return params, iterations, nil
}

// predicted is the fall of Z² that the quadratic model promises.
func predicted(step []float64, damping float64, g []float64) float64 {
	sum := 0.0
	for i, v := range step {
		sum += v * (damping*v + g[i])
	}
	return sum
}

// largestDiagonal returns the largest diagonal element.
func largestDiagonal(a [][]float64) float64 {
	out := 0.0
	for i := range a {
		out = math.Max(out, a[i][i])
	}
	return out
}

// solve returns (a + u·I)⁻¹·g; it reports false if the matrix is not positive
// definite.
func solve(a [][]float64, u float64, g []float64) ([]float64, bool) {
	k := len(g)
	m := mat.NewSymDense(k, nil)
	for i := range k {
		for j := i; j < k; j++ {
			m.SetSym(i, j, a[i][j])
		}
		m.SetSym(i, i, a[i][i]+u)
	}
	var chol mat.Cholesky
	if !chol.Factorize(m) {
		return nil, false
	}
	var out mat.VecDense
	// An ill-conditioned system still gives a direction; the gain judges it.
	_ = chol.SolveVecTo(&out, mat.NewVecDense(k, g))
	for _, v := range out.RawVector().Data {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, false
		}
	}
	return out.RawVector().Data, true
}

// model computes the statistics of an estimate.
func (s *squares) model(params []float64, c Config) *Model {
	n, z2 := float64(len(s.x)), s.at(params)
	m := &Model{Config: c, ResidualVariance: z2 / (n - float64(s.p))}
	m.LogLik = -(1 + math.Log(2*math.Pi*m.ResidualVariance)) * n / 2
	m.Mean, m.Phi, m.Theta = s.split(params)
	errs := s.stdErrs(params, c.HessianDelta, z2)
	m.MeanStdErr, m.PhiStdErr, m.ThetaStdErr = s.split(errs)
	return m
}

// stdErrs returns the roots of the diagonal of the pseudoinverse of H·N/(2Z²),
// with H the central second differences of Z².
func (s *squares) stdErrs(params []float64, delta, z2 float64) []float64 {
	k := len(params)
	h := mat.NewSymDense(k, nil)
	scale := float64(len(s.x)) / (2 * z2)
	at := append([]float64(nil), params...)
	value := func(i, j int, a, b float64) float64 {
		copy(at, params)
		at[i] += a * delta
		at[j] += b * delta
		return s.at(at)
	}
	for i := range k {
		second := value(i, i, 1, 0) - 2*z2 + value(i, i, -1, 0)
		h.SetSym(i, i, second/(delta*delta)*scale)
		for j := range i {
			cross := value(i, j, 1, 1) - value(i, j, 1, -1) - value(i, j, -1, 1) + value(i, j, -1, -1)
			h.SetSym(i, j, cross/(4*delta*delta)*scale)
		}
	}
	return pseudoinverseRoots(h)
}

// pseudoinverseRoots returns the square roots of the diagonal of the
// pseudoinverse; NaN for negative elements.
func pseudoinverseRoots(h *mat.SymDense) []float64 {
	k := h.SymmetricDim()
	out := make([]float64, k)
	var eigen mat.EigenSym
	if !eigen.Factorize(h, true) {
		for i := range out {
			out[i] = math.NaN()
		}
		return out
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	cut := 1e-15 * float64(k) * largest(values)
	for i := range out {
		for j, v := range values {
			if math.Abs(v) > cut {
				out[i] += vectors.At(i, j) * vectors.At(i, j) / v
			}
		}
		out[i] = math.Sqrt(out[i])
	}
	return out
}
