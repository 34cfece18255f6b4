package arima

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Forecast holds predictions 1 … h steps past the end of a series.
type Forecast struct {
	Mean []float64 // in units of y
	// StdErr is the root of the variance of y about Mean. The coefficients
	// count as known.
	StdErr []float64
}

// Limits returns the bounds between which y lies with probability level, by
// the normal distribution.
//
// Errors: [ErrParameter] unless 0 < level < 1.
func (f Forecast) Limits(level float64) (lower, upper []float64, err error) {
	if !(level > 0 && level < 1) {
		return nil, nil, fmt.Errorf("arima: %w: level %g, want more than 0 and less than 1", ErrParameter, level)
	}
	z := distuv.UnitNormal.Quantile(0.5 + level/2)
	lower, upper = make([]float64, len(f.Mean)), make([]float64, len(f.Mean))
	for i, m := range f.Mean {
		lower[i], upper[i] = m-z*f.StdErr[i], m+z*f.StdErr[i]
	}
	return lower, upper, nil
}

// Forecast predicts h steps; see [State.Forecast].
func (m *Model) Forecast(ctx context.Context, h int, future [][]float64) (Forecast, error) {
	return m.State.Forecast(ctx, h, future)
}

// Forecast predicts the next h values: the expectation and the standard
// deviation of each given all that were observed. future holds the next h
// values of every regressor, a column each.
//
// Cost: O(h·(r+d+D·period)²), with r as in [State].
//
// Errors: [ErrParameter] if h < 1 or too large; [ErrShape] or [ErrValue] for
// future; [ErrState] if the state was not made by [Fit] of this version; that
// of ctx.
func (s State) Forecast(ctx context.Context, h int, future [][]float64) (Forecast, error) {
	if h < 1 || h > maxForecast {
		return Forecast{}, fmt.Errorf("arima: %w: %d steps, want 1 to %d", ErrParameter, h, maxForecast)
	}
	f, state, err := s.resume()
	if err != nil {
		return Forecast{}, err
	}
	regression, err := s.regression(h, future)
	if err != nil {
		return Forecast{}, err
	}
	out := Forecast{Mean: make([]float64, h), StdErr: make([]float64, h)}
	for t := range h {
		if err := ctx.Err(); err != nil {
			return Forecast{}, fmt.Errorf("arima: forecast: %w", err)
		}
		out.Mean[t] = f.expect(state) + regression[t]
		out.StdErr[t] = math.Sqrt(s.Sigma2 * math.Max(0, f.variance()))
		f.advance(state)
		f.advanced()
	}
	return out, nil
}

// resume rebuilds the filter at the end of the series.
func (s State) resume() (*filter, []float64, error) {
	if s.Version != stateVersion {
		return nil, nil, fmt.Errorf("arima: %w: version %d, want %d", ErrState, s.Version, stateVersion)
	}
	spec := s.Spec.withDefaults()
	if err := spec.validate(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if len(s.Coef) != spec.coefficients() || len(s.Names) != len(s.Coef)+len(s.Beta) {
		return nil, nil, fmt.Errorf("arima: %w: %d ARMA coefficients, want %d", ErrState, len(s.Coef), spec.coefficients())
	}
	a := spec.expand(s.Coef)
	r := a.dim()
	m := r + spec.lost()
	if len(s.Mean) != m {
		return nil, nil, fmt.Errorf("arima: %w: %d elements of the mean, want %d", ErrState, len(s.Mean), m)
	}
	if n := len(s.Cov); n != r*(r+1)/2 && n != m*(m+1)/2 {
		return nil, nil, fmt.Errorf("arima: %w: %d elements of the covariance, want %d or %d",
			ErrState, n, r*(r+1)/2, m*(m+1)/2)
	}
	f := blankFilter(a, spec.lags())
	for i, next := 0, 0; next < len(s.Cov); i++ {
		for j := range i + 1 {
			f.cov[i*f.m+j], f.cov[j*f.m+i] = s.Cov[next], s.Cov[next]
			next++
		}
	}
	return f, append([]float64(nil), s.Mean...), nil
}

// regression returns the next h values of the regression.
func (s State) regression(h int, future [][]float64) ([]float64, error) {
	out := make([]float64, h)
	beta, names := s.Beta, s.Names[len(s.Coef):]
	for _, own := range []struct {
		use          bool
		slope, first float64
	}{{s.Spec.Mean, 0, 1}, {s.Spec.Drift, 1, float64(s.N + 1)}} {
		if !own.use {
			continue
		}
		if len(beta) == 0 {
			return nil, fmt.Errorf("arima: %w: %s without its coefficient", ErrState, s.Spec)
		}
		axpy(out, beta[0], trend(h, own.slope, own.first))
		beta, names = beta[1:], names[1:]
	}
	if len(future) != len(beta) {
		return nil, fmt.Errorf("arima: %w: %d future regressors, want %d", ErrShape, len(future), len(beta))
	}
	for j, x := range future {
		if err := checkColumn(names[j], x, h); err != nil {
			return nil, err
		}
		axpy(out, beta[j], x)
	}
	return out, nil
}
