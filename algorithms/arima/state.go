package arima

import (
	"fmt"
	"math"
)

// stateVersion counts the forms of [State]; a reader refuses others.
const stateVersion = 1

// State is the end of a series as a fitted model sees it: all that a forecast
// needs. It holds finite numbers only, so that it can be stored as JSON.
//
// Size: with k = d + D·period and r = max(p+P·period, q+Q·period+1), Mean has
// r+k elements and Cov m(m+1)/2, where m is r, or r+k if one of the last k
// values is missing.
type State struct {
	Version int  `json:"version"`
	Spec    Spec `json:"spec"`
	// N is the number of values seen, the position t of the last one.
	N int `json:"n"`
	// Coef holds the ARMA coefficients, Beta those of mean, drift and
	// regressors, named by Names.
	Coef   []float64 `json:"coef"`
	Beta   []float64 `json:"beta"`
	Names  []string  `json:"names"`
	Sigma2 float64   `json:"sigma2"`
	// Mean is the expected state at time N+1: the ARMA state, then the last k
	// values without their regression, newest first.
	Mean []float64 `json:"mean"`
	// Cov is the lower triangle, row by row, of the covariance of the first
	// elements of Mean in units of Sigma2; the others are known.
	Cov []float64 `json:"cov"`
}

// trace fills the fitted values, the residuals, their test and the state. A
// series with gaps passes through the filter as it is, another differenced.
func (p *problem) trace(m *Model, coef []float64, fit projection) error {
	u, regression := p.errorsOf(fit)
	lags, known := p.lags, 0
	columns := [][]float64{u}
	if p.holes() {
		columns = append(p.initialPulses(), u)
	} else {
		columns[0], lags, known = apply(p.lags, u), nil, len(p.lags)
	}
	f, ok := newFilter(p.spec.expand(coef), lags)
	if !ok {
		return fmt.Errorf("arima: %w: %s is not stationary", ErrTooShort, p.spec)
	}
	last := len(columns) - 1
	m.Fitted, m.Residuals = constantOf(m.N, math.NaN()), constantOf(m.N, math.NaN())
	standard := constantOf(m.N, math.NaN())
	states, ok := f.run(columns, func(s passage) {
		t := s.t + known
		if !s.observed {
			m.Fitted[t] = f.expect(s.states[last]) + regression[t]
			return
		}
		m.Residuals[t] = s.errors[last]
		m.Fitted[t] = p.data.Y[t] - s.errors[last]
		standard[t] = s.errors[last] / math.Sqrt(s.variance)
	})
	if !ok {
		return fmt.Errorf("arima: %w: the variance of %s is lost to rounding", ErrTooShort, p.spec)
	}
	m.LjungBox = ljungBox(standard, p.spec)
	p.spread(f, states, fit)
	m.State = State{
		Version: stateVersion, Spec: p.spec, N: m.N, Coef: coef, Beta: p.beta(fit),
		Names: append(p.spec.names(), p.names...), Sigma2: m.Sigma2,
		Mean: states[last][:f.m], Cov: p.pack(f),
	}
	for j := range known {
		m.State.Mean = append(m.State.Mean, u[m.N-1-j])
	}
	return nil
}

// beta returns the coefficients of mean, drift and regressors.
func (p *problem) beta(fit projection) []float64 {
	return p.basis.solve(fit.coef[len(p.missing):])
}

// errorsOf returns y less its regression, with initial missing values at their
// estimates, and the regression.
func (p *problem) errorsOf(fit projection) (u, regression []float64) {
	regression = make([]float64, len(p.data.Y))
	for j, b := range p.beta(fit) {
		axpy(regression, b, p.design[j])
	}
	u = minus(p.data.Y, regression)
	for j, at := range p.missing[:p.initial] {
		// The fit takes 0 for the value and explains it by −value·pulse.
		u[at] = -fit.coef[j] - regression[at]
	}
	return u, regression
}

// initialPulses returns a pulse per initial missing value.
func (p *problem) initialPulses() [][]float64 {
	var out [][]float64
	for _, at := range p.missing[:p.initial] {
		out = append(out, pulse(len(p.data.Y), at))
	}
	return out
}

// spread adds the variance of the initial missing values to the covariance of
// the state: states[j] says how the j-th moves it.
func (p *problem) spread(f *filter, states [][]float64, fit projection) {
	if p.initial == 0 {
		return
	}
	v := fit.inverse(len(p.missing))
	for i := range p.initial {
		for j := range p.initial {
			for a, x := range states[i] {
				for b, y := range states[j] {
					f.cov[a*f.m+b] += x * v[i][j] * y
				}
			}
		}
	}
}

// pack returns the lower triangle of the covariance of the elements that are
// not known: the recalled values are, if all of them were observed.
func (p *problem) pack(f *filter) []float64 {
	unknown := f.r
	for _, v := range p.data.Y[len(p.data.Y)-len(p.lags):] {
		if math.IsNaN(v) {
			unknown = f.m
		}
	}
	var out []float64
	for i := range unknown {
		out = append(out, f.cov[i*f.m:i*f.m+i+1]...)
	}
	return out
}

// constantOf returns n values v.
func constantOf(n int, v float64) []float64 {
	out := make([]float64, n)
	for t := range out {
		out[t] = v
	}
	return out
}
