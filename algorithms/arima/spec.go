package arima

import (
	"errors"
	"fmt"
	"math"
)

// Errors that a caller can act on. Each is wrapped with the numbers at fault.
var (
	// ErrTooShort means that the observed values do not determine the model:
	// supply more of them, or lower the orders or the period. A season in which
	// every value is missing leaves a seasonal difference undetermined.
	ErrTooShort = errors.New("series too short")
	// ErrConstant means that nothing is left to model after differencing and
	// regression: lower d or D, or drop regressors.
	ErrConstant = errors.New("series without variation")
	// ErrOrder means an order that is negative, too large, or in conflict with
	// another: change the specification.
	ErrOrder = errors.New("bad order")
	// ErrPeriod means seasonal orders with a period below 2: name the period.
	ErrPeriod = errors.New("bad period")
	// ErrValue means a value that is infinite or huge, or a regressor that is
	// not a number: clean the data.
	ErrValue = errors.New("bad value")
	// ErrMissing means missing values where the method allows none: choose
	// maximum likelihood, or fill them.
	ErrMissing = errors.New("missing values")
	// ErrShape means regressors of the wrong number or length.
	ErrShape = errors.New("wrong shape")
	// ErrCollinear means regressors that depend linearly on each other, on the
	// mean or on the drift once differenced: drop one.
	ErrCollinear = errors.New("collinear regressors")
	// ErrParameter means an option outside its range.
	ErrParameter = errors.New("bad parameter")
	// ErrState means a stored state that this version cannot read.
	ErrState = errors.New("bad state")
)

// Limits of a specification. They bound memory: a fit holds about
// (maxState + 2·period)² numbers.
const (
	maxOrder    = 50   // p, q, P, Q
	maxDiff     = 3    // d, D
	maxState    = 2000 // p + P·period and q + Q·period
	maxForecast = 100000
	maxSize     = 1e150 // of a value: its square must not overflow
)

// Method names an estimator.
type Method string

// The estimators of [Fit].
const (
	ML    Method = "ml"     // exact Gaussian likelihood, several starts
	CSS   Method = "css"    // conditional sum of squares
	CSSML Method = "css-ml" // exact likelihood from the CSS estimate alone
)

// Spec is the form of a model.
type Spec struct {
	P  int `json:"p"` // autoregressive order
	D  int `json:"d"` // differences
	Q  int `json:"q"` // moving average order
	SP int `json:"sp"`
	SD int `json:"sd"`
	SQ int `json:"sq"`
	// Period is the number of steps in a season; used with a seasonal order.
	Period int `json:"period"`
	// Mean adds a constant; allowed without differences only, which remove it.
	Mean bool `json:"mean"`
	// Drift adds a slope per step; allowed with at most one difference.
	Drift bool `json:"drift"`
	// Method is the estimator. Defaults to [ML].
	Method Method `json:"method"`
}

// String returns the form in the usual notation, for example
// "ARIMA(0,1,1)(0,1,1)[12] with drift".
func (s Spec) String() string {
	text := fmt.Sprintf("ARIMA(%d,%d,%d)", s.P, s.D, s.Q)
	if s.seasonal() {
		text += fmt.Sprintf("(%d,%d,%d)[%d]", s.SP, s.SD, s.SQ, s.Period)
	}
	switch {
	case s.Mean && s.Drift:
		return text + " with mean and drift"
	case s.Mean:
		return text + " with mean"
	case s.Drift:
		return text + " with drift"
	}
	return text
}

// seasonal says whether a seasonal order is set.
func (s Spec) seasonal() bool { return s.SP > 0 || s.SD > 0 || s.SQ > 0 }

// coefficients is the number of ARMA coefficients.
func (s Spec) coefficients() int { return s.P + s.Q + s.SP + s.SQ }

// lost is the number of values that differencing conditions on, d + D·period.
func (s Spec) lost() int { return s.D + s.SD*s.Period }

// withDefaults fills what was left open.
func (s Spec) withDefaults() Spec {
	if s.Method == "" {
		s.Method = ML
	}
	if !s.seasonal() && s.Period < 1 {
		s.Period = 1
	}
	return s
}

// validate returns the first broken bound.
func (s Spec) validate() error {
	for _, o := range []struct {
		name       string
		value, max int
	}{
		{"p", s.P, maxOrder}, {"d", s.D, maxDiff}, {"q", s.Q, maxOrder},
		{"P", s.SP, maxOrder}, {"D", s.SD, maxDiff}, {"Q", s.SQ, maxOrder},
	} {
		if o.value < 0 || o.value > o.max {
			return fmt.Errorf("arima: %w: %s = %d, want 0 to %d", ErrOrder, o.name, o.value, o.max)
		}
	}
	if s.seasonal() && s.Period < 2 {
		return fmt.Errorf("arima: %w: %d with seasonal orders, want at least 2", ErrPeriod, s.Period)
	}
	if s.Period < 0 || s.Period > maxState {
		return fmt.Errorf("arima: %w: %d, want 1 to %d", ErrPeriod, s.Period, maxState)
	}
	for _, lag := range []int{s.P + s.SP*s.Period, s.Q + s.SQ*s.Period, s.lost()} {
		if lag > maxState {
			return fmt.Errorf("arima: %w: a lag of %d steps, want at most %d", ErrOrder, lag, maxState)
		}
	}
	if s.Mean && s.D+s.SD > 0 {
		return fmt.Errorf("arima: %w: mean with %d differences, want 0", ErrOrder, s.D+s.SD)
	}
	if s.Drift && s.D+s.SD > 1 {
		return fmt.Errorf("arima: %w: drift with %d differences, want at most 1", ErrOrder, s.D+s.SD)
	}
	switch s.Method {
	case ML, CSS, CSSML:
		return nil
	}
	return fmt.Errorf("arima: %w: method %q, want %q, %q or %q", ErrParameter, s.Method, ML, CSS, CSSML)
}

// Data is a series with its regressors.
type Data struct {
	// Y is the series, oldest first, length n; NaN is missing.
	Y []float64
	// X holds one column of length n per regressor, without NaN.
	X [][]float64
	// Names of the regressors. Defaults to x1, x2, ….
	Names []string
}

// names returns one name per regressor.
func (d Data) names() []string {
	if d.Names != nil {
		return d.Names
	}
	names := make([]string, len(d.X))
	for j := range names {
		names[j] = fmt.Sprintf("x%d", j+1)
	}
	return names
}

// validate checks shapes and values; it returns the number of observed values.
func (d Data) validate() (int, error) {
	observed := 0
	for t, v := range d.Y {
		if math.Abs(v) > maxSize {
			return 0, fmt.Errorf("arima: %w: %g at position %d of the series, want at most %g in size", ErrValue, v, t+1, maxSize)
		}
		if !math.IsNaN(v) {
			observed++
		}
	}
	if observed == 0 {
		return 0, fmt.Errorf("arima: %w: 0 of %d values observed, want at least 2", ErrTooShort, len(d.Y))
	}
	if d.Names != nil && len(d.Names) != len(d.X) {
		return 0, fmt.Errorf("arima: %w: %d names for %d regressors", ErrShape, len(d.Names), len(d.X))
	}
	for j, name := range d.names() {
		if err := checkColumn(name, d.X[j], len(d.Y)); err != nil {
			return 0, err
		}
	}
	return observed, nil
}

// checkColumn verifies the length and the values of one regressor.
func checkColumn(name string, x []float64, n int) error {
	if len(x) != n {
		return fmt.Errorf("arima: %w: regressor %q has %d values, want %d", ErrShape, name, len(x), n)
	}
	for t, v := range x {
		if !(math.Abs(v) <= maxSize) {
			return fmt.Errorf("arima: %w: %g at position %d of regressor %q, want a number of at most %g in size", ErrValue, v, t+1, name, maxSize)
		}
	}
	return nil
}

// names returns the names of the ARMA coefficients in their order.
func (s Spec) names() []string {
	var out []string
	for _, part := range []struct {
		name  string
		count int
	}{{"ar", s.P}, {"ma", s.Q}, {"sar", s.SP}, {"sma", s.SQ}} {
		for i := range part.count {
			out = append(out, fmt.Sprintf("%s%d", part.name, i+1))
		}
	}
	return out
}
