package linreg

import (
	"fmt"
	"math"

	"github.com/millrace/millrace/exact"
)

// Model is what a prediction needs: a fit as it is kept in a table.
type Model struct {
	// Coefficients holds the intercept, if there is one, then one coefficient per
	// column; NaN marks a dropped column, which is left out.
	Coefficients []float64
	Intercept    bool

	// VCov is the covariance matrix of the coefficients that are not NaN, in
	// their order; nil if standard errors are not defined.
	VCov       [][]float64
	Sigma      float64 // residual standard deviation
	DF         float64 // degrees of freedom of the limits
	Confidence float64 // level of the limits; 0 means 0.95
}

// Prediction is the expected value of y at a row, in units of y, with limits for
// that expectation and, for a single new observation of weight 1, wider ones.
type Prediction struct {
	Value, StdErr     float64
	ConfLow, ConfHigh float64
	PredLow, PredHigh float64
}

// Model returns the model of f.
func (f *Fit) Model() Model {
	m := Model{
		Intercept: f.settings.Intercept, VCov: f.VCov,
		Sigma: f.Sigma, DF: f.DF, Confidence: f.settings.Confidence,
	}
	for _, t := range f.Terms {
		m.Coefficients = append(m.Coefficients, t.Estimate)
	}
	return m
}

// Predict returns one prediction per row of x, which has p columns. Standard
// errors and limits are NaN where the model does not define them.
//
// The sums of a prediction are found in twice the working precision, so digits
// are lost only to the rounding of the coefficients themselves.
//
// Errors: [ErrLength] if columns or VCov do not match the coefficients;
// [ErrNotFinite]; [ErrParameter] for the confidence. Cost: O(p²) per row.
func (m Model) Predict(x [][]float64) ([]Prediction, error) {
	kept, err := m.check(x)
	if err != nil {
		return nil, err
	}
	n := 0
	if len(x) > 0 {
		n = len(x[0])
	}
	quantile := tQuantile(m.Confidence, m.DF)
	out := make([]Prediction, n)
	row, part := make([]float64, len(kept)), make([]float64, len(kept))
	beta := make([]float64, len(kept))
	for a, j := range kept {
		beta[a] = m.Coefficients[j]
	}
	for i := range out {
		for a, j := range kept {
			row[a] = m.value(x, i, j)
		}
		p := Prediction{Value: accurateDot(beta, row), StdErr: math.NaN()}
		if m.VCov != nil {
			for a := range row {
				part[a] = accurateDot(m.VCov[a], row)
			}
			variance := accurateDot(part, row)
			if variance < 0 { // Rounding; a covariance has none such.
				variance = 0
			}
			p.StdErr = math.Sqrt(variance)
		}
		spread := math.Hypot(p.StdErr, m.Sigma)
		p.ConfLow, p.ConfHigh = p.Value-quantile*p.StdErr, p.Value+quantile*p.StdErr
		p.PredLow, p.PredHigh = p.Value-quantile*spread, p.Value+quantile*spread
		out[i] = p
	}
	return out, nil
}

// value returns the value of coefficient j's variable in row i.
func (m Model) value(x [][]float64, i, j int) float64 {
	switch {
	case !m.Intercept:
		return x[j][i]
	case j == 0:
		return 1
	}
	return x[j-1][i]
}

// check checks the model and x, sets defaults, and returns the indices of the
// coefficients that are not NaN.
func (m *Model) check(x [][]float64) (kept []int, err error) {
	if m.Confidence == 0 {
		m.Confidence = defaultConfidence
	}
	if !(m.Confidence > 0 && m.Confidence < 1) {
		return nil, fmt.Errorf("linreg: %w: confidence %g, want 0 < confidence < 1", ErrParameter, m.Confidence)
	}
	want := len(m.Coefficients)
	if m.Intercept {
		want--
	}
	if len(x) != want {
		return nil, fmt.Errorf("linreg: %w: %d columns, the model has %d", ErrLength, len(x), want)
	}
	for j, column := range x {
		if len(column) != len(x[0]) {
			return nil, fmt.Errorf("linreg: %w: column %d has %d rows, column 0 %d", ErrLength, j, len(column), len(x[0]))
		}
		if i := notFinite(column); i >= 0 {
			return nil, &NotFiniteError{Column: j, Row: i, Value: column[i]}
		}
	}
	for j, b := range m.Coefficients {
		if !math.IsNaN(b) {
			kept = append(kept, j)
		}
	}
	if m.VCov != nil && len(m.VCov) != len(kept) {
		return nil, fmt.Errorf("linreg: %w: covariance of %d terms, the model has %d", ErrLength, len(m.VCov), len(kept))
	}
	return kept, nil
}

// accurateDot returns Σ x·y as if computed with 106 bits.
func accurateDot(x, y []float64) float64 {
	sum, rest := 0.0, 0.0
	for i, v := range x {
		p, e := exact.TwoProd(v, y[i])
		t, d := exact.TwoSum(sum, p)
		sum = t
		rest += d + e
	}
	return sum + rest
}
