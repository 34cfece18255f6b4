// Package madlib fits ARIMA models as Apache MADlib's arima_train does: by
// conditional least squares with the Levenberg–Marquardt method from zero
// coefficients, with MADlib's definitions of variance, likelihood, standard
// errors, residuals and forecasts.
//
// It exists so that callers can move from MADlib and keep their numbers.
// Package arima is the better estimator: it uses every observation, starts in
// several places, allows seasons, regressors and missing values.
//
// With x the d times differenced series of N values and m its mean parameter,
// the residuals are
//
//	z[t] = (x[t]−m) − Σ phi[i]·(x[t−1−i]−m) − Σ theta[i]·z[t−1−i],   t ≥ p
//
// and 0 before t = p. The estimate minimises Z² = Σ z[t]².
//
// Sources: Apache MADlib 2.1 user documentation, ARIMA; Marquardt, An Algorithm
// for Least-Squares Estimation of Nonlinear Parameters, J. SIAM 11(2), 1963;
// Nielsen, Damping Parameter in Marquardt's Method, IMM-REP-1999-05.
package madlib

import (
	"context"
	"fmt"
	"math"

	"github.com/millrace/millrace/algorithms/arima"
)

// Config is the form of a model and the settings of its search.
type Config struct {
	P, D, Q int // each 0 to 50
	// IncludeMean estimates the mean; allowed with D = 0 only.
	IncludeMean bool
	// MaxIterations bounds the trial steps. Defaults to 100.
	MaxIterations int
	// Tau scales the first damping: Tau times the largest diagonal element of
	// JᵀJ. Defaults to 1e-3.
	Tau float64
	// E1 bounds the largest element of the gradient. Defaults to 1e-15.
	E1 float64
	// E2 bounds the length of a step over that of the parameters. Defaults to
	// 1e-15.
	E2 float64
	// E3 bounds Z², in units of y². Defaults to 1e-15.
	E3 float64
	// HessianDelta is the step of the differences behind the standard errors.
	// Defaults to 1e-4.
	HessianDelta float64
}

// withDefaults fills what was left open.
func (c Config) withDefaults() Config {
	if c.MaxIterations == 0 {
		c.MaxIterations = 100
	}
	for _, v := range []struct {
		field *float64
		value float64
	}{{&c.Tau, 1e-3}, {&c.E1, 1e-15}, {&c.E2, 1e-15}, {&c.E3, 1e-15}, {&c.HessianDelta, 1e-4}} {
		if *v.field == 0 {
			*v.field = v.value
		}
	}
	return c
}

// maxOrder bounds each order.
const maxOrder = 50

// validate returns the first broken bound.
func (c Config) validate() error {
	for _, o := range []struct {
		name  string
		value int
	}{{"p", c.P}, {"d", c.D}, {"q", c.Q}} {
		if o.value < 0 || o.value > maxOrder {
			return fmt.Errorf("madlib: %w: %s = %d, want 0 to %d", arima.ErrOrder, o.name, o.value, maxOrder)
		}
	}
	if c.IncludeMean && c.D > 0 {
		return fmt.Errorf("madlib: %w: mean with d = %d, want 0", arima.ErrOrder, c.D)
	}
	if c.P+c.Q == 0 && !c.IncludeMean {
		return fmt.Errorf("madlib: %w: p = q = 0 without mean, want something to estimate", arima.ErrOrder)
	}
	if c.MaxIterations < 1 {
		return fmt.Errorf("madlib: %w: max_iter %d, want at least 1", arima.ErrParameter, c.MaxIterations)
	}
	for _, v := range []struct {
		name  string
		value float64
	}{{"tau", c.Tau}, {"e1", c.E1}, {"e2", c.E2}, {"e3", c.E3}, {"hessian_delta", c.HessianDelta}} {
		if !(v.value > 0) || math.IsInf(v.value, 0) {
			return fmt.Errorf("madlib: %w: %s %g, want a finite number above 0", arima.ErrParameter, v.name, v.value)
		}
	}
	return nil
}

// Model is a fitted model. Standard errors are NaN where the curvature of Z² is
// not positive.
type Model struct {
	Config Config
	// Mean is 0 without IncludeMean; in units of y.
	Mean, MeanStdErr   float64
	Phi, PhiStdErr     []float64 // length p
	Theta, ThetaStdErr []float64 // length q
	// ResidualVariance is Z²/(N−p), in units of y².
	ResidualVariance float64
	// LogLik is −½·N·(1 + log(2π·ResidualVariance)).
	LogLik     float64
	Iterations int
	// Residuals has one element per value of the series; the first d + p are 0.
	Residuals []float64
	// State is what a forecast needs, and nothing else.
	State State
}

// Fit estimates a model of y, which has length n, oldest first, without missing
// values. Cost: O(n·q·(p+q+1)) per step.
//
// Errors: [arima.ErrTooShort] if n < d+p+2 or there are not more differenced
// values than parameters; [arima.ErrConstant] if they are fitted without error;
// [arima.ErrOrder] or [arima.ErrParameter] for the configuration;
// [arima.ErrMissing] for NaN; [arima.ErrValue] for infinite values; that of
// ctx.
func Fit(ctx context.Context, y []float64, c Config) (*Model, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	if err := checkValues(y); err != nil {
		return nil, err
	}
	levels := differenced(y, c.D)
	s := &squares{p: c.P, q: c.Q, mean: c.IncludeMean, x: levels[c.D]}
	if need := s.parameters() + c.P + 1; len(s.x) < need {
		return nil, fmt.Errorf("madlib: %w: %d values, want at least %d for p = %d, d = %d, q = %d",
			arima.ErrTooShort, len(y), need+c.D, c.P, c.D, c.Q)
	}
	if spread(s.x) == 0 {
		return nil, fmt.Errorf("madlib: %w: %d differenced values are equal", arima.ErrConstant, len(s.x))
	}
	params, iterations, err := s.minimise(ctx, c)
	if err != nil {
		return nil, err
	}
	m := s.model(params, c)
	m.Iterations = iterations
	m.Residuals = append(make([]float64, c.D), s.residuals(params)...)
	m.State = newState(levels, m)
	return m, nil
}

// checkValues rejects missing and infinite values.
func checkValues(y []float64) error {
	for t, v := range y {
		if math.IsNaN(v) {
			return fmt.Errorf("madlib: %w: at position %d", arima.ErrMissing, t+1)
		}
		if math.IsInf(v, 0) {
			return fmt.Errorf("madlib: %w: %g at position %d, want a finite number", arima.ErrValue, v, t+1)
		}
	}
	return nil
}

// differenced returns y differenced 0 … d times.
func differenced(y []float64, d int) [][]float64 {
	levels := [][]float64{y}
	for range d {
		y = levels[len(levels)-1]
		next := make([]float64, max(0, len(y)-1))
		for t := range next {
			next[t] = y[t+1] - y[t]
		}
		levels = append(levels, next)
	}
	return levels
}

// spread returns the range of the values.
func spread(x []float64) float64 {
	low, high := x[0], x[0]
	for _, v := range x {
		low, high = math.Min(low, v), math.Max(high, v)
	}
	return high - low
}
