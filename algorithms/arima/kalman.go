package arima

import "math"

// filter is a Kalman filter of an integrated ARMA process with gaps. Its state
// of dimension m = r + k is the ARMA state, of which the first element is
// w[t], followed by the k values u[t−1] … u[t−k] that differencing recalls:
//
//	u[t] = w[t] + Σ lags[j]·u[t−1−j]
//
// Covariances are in units of sigma2. Observations carry no noise. A step
// costs O(m²).
//
// Source: Durbin and Koopman, sections 3.4, 4.3 and 4.10.
type filter struct {
	r, m    int
	phi     []float64 // length r
	impact  []float64 // of e[t] on the ARMA state, length r: 1, theta
	lags    []float64 // length k
	cov     []float64 // m×m, row by row
	cross   []float64 // covariance of the state with u[t], length m
	scratch []float64 // length m
}

// newFilter starts the ARMA part in its stationary distribution, the recalled
// values as known. It reports false if the process is not stationary.
func newFilter(a arma, lags []float64) (*filter, bool) {
	column, ok := a.startColumn()
	if !ok {
		return nil, false
	}
	f := blankFilter(a, lags)
	f.stationary(column)
	return f, true
}

// blankFilter knows the whole state: its covariance is zero.
func blankFilter(a arma, lags []float64) *filter {
	r := a.dim()
	m := r + len(lags)
	f := &filter{
		r: r, m: m, lags: lags,
		phi: make([]float64, r), impact: make([]float64, r),
		cov: make([]float64, m*m), cross: make([]float64, m), scratch: make([]float64, m),
	}
	copy(f.phi, a.phi)
	f.impact[0] = 1
	copy(f.impact[1:], a.theta)
	return f
}

// stationary fills the covariance of the ARMA part from its first column,
// from the last element up: P[i][j] = (T·P·Tᵀ)[i][j] + impact[i]·impact[j].
func (f *filter) stationary(column []float64) {
	at := func(i int) float64 {
		if i < f.r {
			return column[i]
		}
		return 0
	}
	for i := f.r - 1; i >= 0; i-- {
		for j := f.r - 1; j >= i; j-- {
			v := f.phi[i]*f.phi[j]*column[0] + f.phi[i]*at(j+1) + f.phi[j]*at(i+1) + f.impact[i]*f.impact[j]
			if j+1 < f.r {
				v += f.cov[(i+1)*f.m+j+1]
			}
			if i == 0 {
				v = column[j]
			}
			f.cov[i*f.m+j], f.cov[j*f.m+i] = v, v
		}
	}
}

// expect returns the prediction of u[t] from a state.
func (f *filter) expect(state []float64) float64 {
	sum := state[0]
	for j, c := range f.lags {
		if c != 0 {
			sum += c * state[f.r+j]
		}
	}
	return sum
}

// variance computes the covariance of the state with u[t] and returns the
// variance of u[t].
func (f *filter) variance() float64 {
	for i := range f.m {
		f.cross[i] = f.expect(f.cov[i*f.m : (i+1)*f.m])
	}
	return f.expect(f.cross)
}

// learn conditions a state on u[t], off by e from its prediction; variance is
// the value that [filter.variance] returned.
func (f *filter) learn(state []float64, e, variance float64) {
	e /= variance
	for i, c := range f.cross {
		state[i] += c * e
	}
}

// learned conditions the covariance on u[t].
func (f *filter) learned(variance float64) {
	for i, c := range f.cross {
		if c == 0 {
			continue
		}
		c /= variance
		row := f.cov[i*f.m : (i+1)*f.m]
		for j, d := range f.cross {
			row[j] -= c * d
		}
	}
}

// advance moves a state to the next step.
func (f *filter) advance(state []float64) {
	u := f.expect(state)
	first := state[0]
	for i := range f.r - 1 {
		state[i] = f.phi[i]*first + state[i+1]
	}
	state[f.r-1] = f.phi[f.r-1] * first
	if f.m > f.r {
		copy(state[f.r+1:], state[f.r:f.m-1])
		state[f.r] = u
	}
}

// advanced moves the covariance to the next step: A·P·Aᵀ plus the new
// innovation, first on the rows, then on the columns.
func (f *filter) advanced() {
	m := f.m
	for j := range m {
		for i := range m {
			f.scratch[i] = f.cov[i*m+j]
		}
		f.advance(f.scratch)
		for i, v := range f.scratch {
			f.cov[i*m+j] = v
		}
	}
	for i := range m {
		f.advance(f.cov[i*m : (i+1)*m])
	}
	for i := range f.r {
		for j := range f.r {
			f.cov[i*m+j] += f.impact[i] * f.impact[j]
		}
	}
}

// passage is what a filter shows of one step before it learns u[t].
type passage struct {
	t        int
	observed bool
	variance float64   // of u[t], in units of sigma2
	errors   []float64 // of each column, when observed
	states   [][]float64
}

// run passes over the columns and calls visit at every step. The first k
// values of a column are the recalled ones; a step is observed when the last
// column is not NaN. It returns the states after the last step, or false when
// a variance is not positive. Cost: O(n·m²).
func (f *filter) run(columns [][]float64, visit func(passage)) ([][]float64, bool) {
	last := columns[len(columns)-1]
	p := passage{states: f.recallStates(columns), errors: make([]float64, len(columns))}
	for p.t = f.m - f.r; p.t < len(last); p.t++ {
		p.observed = !math.IsNaN(last[p.t])
		p.variance = f.variance()
		if p.observed && (!(p.variance > 0) || math.IsInf(p.variance, 0)) {
			return nil, false
		}
		if p.observed {
			for j, column := range columns {
				p.errors[j] = column[p.t] - f.expect(p.states[j])
			}
		}
		visit(p)
		for j, state := range p.states {
			if p.observed {
				f.learn(state, p.errors[j], p.variance)
			}
			f.advance(state)
		}
		if p.observed {
			f.learned(p.variance)
		}
		f.advanced()
	}
	return p.states, true
}

// whitenGaps writes the standardised prediction errors of the observed steps,
// one after the other, to the front of each column. It returns Σ log of the
// error variances and the number of errors.
func (f *filter) whitenGaps(columns [][]float64) (logVariance float64, n int, ok bool) {
	_, ok = f.run(columns, func(p passage) {
		if !p.observed {
			return
		}
		logVariance += math.Log(p.variance)
		scale := 1 / math.Sqrt(p.variance)
		for j, e := range p.errors {
			columns[j][n] = e * scale
		}
		n++
	})
	return logVariance, n, ok && !math.IsNaN(logVariance)
}

// recallStates returns the state of each column before its first step.
func (f *filter) recallStates(columns [][]float64) [][]float64 {
	k := f.m - f.r
	states := make([][]float64, len(columns))
	for c, column := range columns {
		states[c] = make([]float64, f.m)
		for j := range k {
			states[c][f.r+j] = column[k-1-j]
		}
	}
	return states
}
