package arima

import "math"

// evaluator computes likelihoods of one problem. It owns its buffers: one
// goroutine uses one evaluator.
type evaluator struct {
	p       *problem
	buffer  [][]float64
	columns [][]float64
}

func newEvaluator(p *problem) *evaluator {
	e := &evaluator{p: p, buffer: make([][]float64, len(p.columns)), columns: make([][]float64, len(p.columns))}
	for j, c := range p.columns {
		e.buffer[j] = make([]float64, len(c))
	}
	return e
}

// whitened holds prediction errors in units of their standard deviations.
type whitened struct {
	columns     [][]float64 // in buffers of the evaluator: the next call overwrites them
	logVariance float64     // Σ log of the variances, in units of sigma2
}

// whiten standardises all columns by the process; ok is false outside the
// stationary region.
func (e *evaluator) whiten(coef []float64) (w whitened, ok bool) {
	a := e.p.spec.expand(coef)
	for j, c := range e.p.columns {
		e.columns[j] = e.buffer[j][:len(c)]
		copy(e.columns[j], c)
	}
	w.columns = e.columns
	if !e.p.filtered {
		w.logVariance, ok = a.whiten(w.columns)
		return w, ok
	}
	f, ok := newFilter(a, e.p.lags)
	if !ok {
		return w, false
	}
	var n int
	w.logVariance, n, ok = f.whitenGaps(w.columns)
	for j := range w.columns {
		w.columns[j] = w.columns[j][:n]
	}
	return w, ok
}

// estimate is a likelihood, maximised over sigma2 and the regression.
type estimate struct {
	logLik     float64
	sigma2     float64
	projection projection
}

// logLik returns the exact Gaussian log likelihood of the observed values
// given the first d + D·period, with sigma2 and the regression coefficients at
// their best:
//
//	−½(n·(log(2π·RSS/n) + 1) + Σ log variance)
//
// Missing values among the first are integrated out; a later one is integrated
// out or skipped, which is the same. It reports false where the likelihood is
// not defined.
//
// Source: Gómez, Maravall and Peña, Missing Observations in ARIMA Models:
// Skipping Approach versus Additive Outlier Approach, J. Econometrics 88, 1999.
func (e *evaluator) logLik(coef []float64) (estimate, bool) {
	w, ok := e.whiten(coef)
	if !ok {
		return estimate{}, false
	}
	fit := project(w.columns, len(e.p.missing))
	return e.p.gaussian(fit, w.logVariance)
}

// gaussian completes the likelihood from its two sums.
func (p *problem) gaussian(fit projection, logVariance float64) (estimate, bool) {
	n := float64(p.used)
	out := estimate{sigma2: fit.rss / n, projection: fit}
	out.logLik = -0.5 * (n*(math.Log(2*math.Pi*out.sigma2)+1) + logVariance + fit.logStart)
	return out, !math.IsNaN(out.logLik) && !math.IsInf(out.logLik, 0)
}

// conditional returns the estimate that minimises the conditional sum of
// squares over the regression. sigma2 is RSS over the number of residuals;
// logLik is −½·n·(log(2π·sigma2) + 1) with n the differenced values.
func (e *evaluator) conditional(coef []float64) (estimate, bool) {
	a := e.p.spec.expand(coef)
	columns := a.conditional(e.p.columns, e.buffer)
	fit := project(columns, 0)
	out := estimate{sigma2: fit.rss / float64(len(columns[0])), projection: fit}
	out.logLik = -0.5 * float64(e.p.used) * (math.Log(2*math.Pi*out.sigma2) + 1)
	return out, !math.IsNaN(out.logLik) && !math.IsInf(out.logLik, 0)
}
