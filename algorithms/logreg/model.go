package logreg

import "math"

// Term is one coefficient of a fit, in log odds of the target being true per
// unit of the feature.
//
// A dropped term has NaN everywhere. With a penalty the estimate is biased by
// intent and has no standard error: all but Estimate and OddsRatio are NaN.
type Term struct {
	Column     int  // of Data.X, −1 for the intercept
	Dropped    bool // a linear combination of earlier terms
	Estimate   float64
	StdError   float64
	ZStatistic float64 // Estimate/StdError
	PValue     float64 // two-sided, normal
	ConfLow    float64 // Wald limits
	ConfHigh   float64
	OddsRatio  float64 // exp(Estimate), with its limits
	OddsLow    float64
	OddsHigh   float64
}

// Model is a fit. It is safe for concurrent reading.
type Model struct {
	// Terms are the intercept, if there is one, and then all columns.
	Terms []Term

	// Vcov is the covariance of the estimates, the inverse of the Hessian at them,
	// over Terms; NaN where a term was dropped. It is nil with a penalty.
	Vcov [][]float64

	N           int     // rows of positive weight
	NZeroWeight int     // rows left out
	SumWeights  float64 // of the N rows

	Objective     float64 // loss and penalties
	LogLikelihood float64
	Deviance      float64 // −2·LogLikelihood
	NullDeviance  float64 // of the intercept alone; without intercept, of p = ½
	AIC           float64 // Deviance + 2k for k estimated terms; NaN with a penalty
	BIC           float64 // Deviance + log(N)·k, N rows (not weights), as in R; NaN with a penalty
	McFadden      float64 // 1 − Deviance/NullDeviance; NaN without intercept

	Iterations int
	Converged  bool // false: MaxIterations or the limits of float64 came first

	intercept  bool
	confidence float64
	hessian    [][]float64 // of x, over the estimated terms
}

// Dropped lists the columns that are linear combinations of earlier terms.
func (m *Model) Dropped() []int {
	var out []int
	for _, t := range m.Terms {
		if t.Dropped {
			out = append(out, t.Column)
		}
	}
	return out
}

// Coef returns the estimates of all terms, NaN for dropped ones.
func (m *Model) Coef() []float64 {
	out := make([]float64, len(m.Terms))
	for i, t := range m.Terms {
		out[i] = t.Estimate
	}
	return out
}

// infer fills a term from its estimate and its standard error. quantile is that
// of the normal distribution for the limits.
func (t *Term) infer(estimate, stdError, quantile float64) {
	t.Estimate, t.StdError = estimate, stdError
	t.ZStatistic = estimate / stdError
	t.PValue = math.Erfc(math.Abs(t.ZStatistic) / math.Sqrt2)
	t.ConfLow = estimate - quantile*stdError
	t.ConfHigh = estimate + quantile*stdError
	t.OddsRatio = math.Exp(estimate)
	t.OddsLow, t.OddsHigh = math.Exp(t.ConfLow), math.Exp(t.ConfHigh)
}

// normalQuantile returns z with P(|Z| ≤ z) = confidence for a standard normal Z.
func normalQuantile(confidence float64) float64 {
	return math.Sqrt2 * math.Erfinv(confidence)
}
