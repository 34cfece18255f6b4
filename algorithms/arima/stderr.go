package arima

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// stdErrs returns the standard errors of the ARMA coefficients and of the real
// regression coefficients: the inverse of the observed information, which is
// the Hessian of minus the log likelihood with sigma2 profiled out, by central
// differences in all of them together. b are the coefficients of the
// orthonormal regressors. An element is NaN where its variance is not positive.
func (e *evaluator) stdErrs(coef, b []float64) []float64 {
	k := len(coef)
	n := k + len(b)
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	if n == 0 {
		return out
	}
	f, scale, ok := e.joint(coef, b)
	if !ok {
		return out
	}
	information, ok := hessian(f, n)
	if !ok {
		return out
	}
	var inverse mat.Dense
	if err := inverse.Inverse(information); err != nil {
		return out
	}
	for i := range k {
		out[i] = root(inverse.At(i, i))
	}
	for j := range b {
		out[k+j] = scale * root(e.p.basis.variance(j, inverse.Slice(k, n, k, n)))
	}
	return out
}

// root is the square root, NaN unless the argument is positive.
func root(v float64) float64 {
	if v > 0 {
		return math.Sqrt(v)
	}
	return math.NaN()
}

// variance returns element (j, j) of R⁻¹·V·R⁻ᵀ.
func (b basis) variance(j int, v mat.Matrix) float64 {
	k := len(b.r)
	row := make([]float64, k) // row j of R⁻¹
	for i := range k {
		unit := make([]float64, k)
		unit[i] = 1
		row[i] = b.solve(unit)[j]
	}
	sum := 0.0
	for i := range k {
		for l := range k {
			sum += row[i] * row[l] * v.At(i, l)
		}
	}
	return sum
}

// joint returns minus the log likelihood as a function of the distance from
// (coef, b), the distance from b in units of scale.
func (e *evaluator) joint(coef, b []float64) (f objective, scale float64, ok bool) {
	likelihood := e.logLik
	if e.p.spec.Method == CSS {
		likelihood = e.conditional
	}
	at, ok := likelihood(coef)
	if !ok {
		return nil, 0, false
	}
	k := len(coef)
	scale = 10 * math.Sqrt(at.sigma2)
	c, fixed := make([]float64, k), make([]float64, len(b))
	return func(u []float64) float64 {
		for i := range c {
			c[i] = coef[i] + u[i]
		}
		for j := range fixed {
			fixed[j] = b[j] + scale*u[k+j]
		}
		out, ok := e.fixed(c, fixed)
		if !ok {
			return math.Inf(1)
		}
		return -out.logLik
	}, scale, true
}

// fixed is the likelihood with given coefficients of the orthonormal
// regressors.
func (e *evaluator) fixed(coef, b []float64) (estimate, bool) {
	leading := len(e.p.missing)
	var w whitened
	if e.p.spec.Method == CSS {
		w.columns = e.p.spec.expand(coef).conditional(e.p.columns, e.buffer)
	} else {
		var ok bool
		if w, ok = e.whiten(coef); !ok {
			return estimate{}, false
		}
	}
	y := w.columns[len(w.columns)-1]
	for j, v := range b {
		axpy(y, -v, w.columns[leading+j])
	}
	columns := append(append([][]float64(nil), w.columns[:leading]...), y)
	return e.p.gaussian(project(columns, leading), w.logVariance)
}

// hessianStep is the half-width of the differences in units of the
// coefficients, which are of the order of one.
const hessianStep = 1e-4

// hessian returns central second differences at zero. The steps shrink until
// no corner leaves the region where f is finite; it reports false if none are
// small enough.
func hessian(f objective, n int) (*mat.Dense, bool) {
	for h := hessianStep; h > 1e-6; h /= 4 {
		if out, ok := hessianAt(f, n, h); ok {
			return out, true
		}
	}
	return nil, false
}

// hessianAt is hessian with steps of h.
func hessianAt(f objective, n int, h float64) (*mat.Dense, bool) {
	out := mat.NewDense(n, n, nil)
	u := make([]float64, n)
	at := func(i, j int, a, b float64) float64 {
		u[i] += a * h
		u[j] += b * h
		v := f(u)
		u[i], u[j] = 0, 0
		return v
	}
	for i := range n {
		for j := range i + 1 {
			v := (at(i, j, 1, 1) - at(i, j, 1, -1) - at(i, j, -1, 1) + at(i, j, -1, -1)) / (4 * h * h)
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, false
			}
			out.Set(i, j, v)
			out.Set(j, i, v)
		}
	}
	return out, true
}
