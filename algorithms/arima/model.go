package arima

import (
	"fmt"
	"math"
)

// Model is a fitted model.
type Model struct {
	Spec  Spec
	Terms []Term // ar1 …, ma1 …, sar1 …, sma1 …, mean, drift, regressors
	// Sigma2 is the variance of the innovations, RSS/NUsed, in units of y².
	Sigma2 float64
	// LogLik is the log likelihood at the estimate; that of CSS is
	// −½·(n−d−D·period)·(log(2π·Sigma2) + 1).
	LogLik float64
	// AIC, AICc and BIC count the coefficients and sigma2. NaN with CSS, whose
	// likelihood is not comparable across orders.
	AIC, AICc, BIC float64
	N              int // length of the series
	// NUsed is the number of observed values less d + D·period; with CSS less
	// p + P·period too.
	NUsed int
	// Converged says that the gradient vanished; Iterations counts the steps
	// of the descent that won.
	Converged  bool
	Iterations int
	// Fitted holds the predictions of each value from those before it, length
	// n; NaN for the first d + D·period. They are exact conditional means,
	// whatever the method.
	Fitted []float64
	// Residuals holds y − Fitted, NaN where either is missing.
	Residuals []float64
	// LjungBox tests whether the residuals are uncorrelated.
	LjungBox Portmanteau
	// State is what a forecast needs, and nothing else.
	State State
}

// Term is one coefficient.
type Term struct {
	Name     string
	Estimate float64
	// StdErr is the root of a diagonal element of the inverse of the observed
	// information; NaN where the information is not positive, as at the
	// boundary of the invertible region.
	StdErr float64
	Z      float64 // Estimate/StdErr
	PValue float64 // two-sided, by the normal distribution
}

// model assembles the result at a minimum.
func (p *problem) model(m minimum) (*Model, error) {
	coef := p.spec.coefficientsFrom(m.x)
	out, err := p.evaluate(coef)
	if err != nil {
		return nil, err
	}
	out.Converged, out.Iterations = m.converged, m.iterations
	return out, nil
}

// evaluate assembles the result at given ARMA coefficients.
func (p *problem) evaluate(coef []float64) (*Model, error) {
	e := newEvaluator(p)
	likelihood := e.logLik
	if p.spec.Method == CSS {
		likelihood = e.conditional
	}
	at, ok := likelihood(coef)
	if !ok {
		return nil, fmt.Errorf("arima: %w: the likelihood of %s is not defined at its estimate", ErrTooShort, p.spec)
	}
	b := at.projection.coef[len(p.missing):]
	out := &Model{
		Spec: p.spec, Sigma2: at.sigma2, LogLik: at.logLik, N: len(p.data.Y), NUsed: p.used,
		AIC: math.NaN(), AICc: math.NaN(), BIC: math.NaN(),
	}
	errs := e.stdErrs(coef, b)
	names := append(p.spec.names(), p.names...)
	for i, v := range append(append([]float64(nil), coef...), p.beta(at.projection)...) {
		z := v / errs[i]
		out.Terms = append(out.Terms, Term{
			Name: names[i], Estimate: v, StdErr: errs[i], Z: z,
			PValue: twoSided(z),
		})
	}
	if p.spec.Method == CSS {
		out.NUsed -= p.spec.P + p.spec.SP*p.spec.Period
	} else {
		out.criteria()
	}
	if err := p.trace(out, coef, at.projection); err != nil {
		return nil, err
	}
	return out, nil
}

// twoSided returns P(|Z| > |z|) for a standard normal Z, to the last digits also
// where it is far below the rounding error of 1. NaN stays NaN.
func twoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// criteria fills the information criteria; k counts sigma2.
func (m *Model) criteria() {
	k, n := float64(len(m.Terms)+1), float64(m.NUsed)
	m.AIC = -2*m.LogLik + 2*k
	m.BIC = -2*m.LogLik + math.Log(n)*k
	m.AICc = math.Inf(1)
	if n > k+1 {
		m.AICc = m.AIC + 2*k*(k+1)/(n-k-1)
	}
}
