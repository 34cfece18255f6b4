package logreg

import (
	"fmt"
	"math"
)

// Predictor evaluates a fitted model. It can be made from a [Model] or from the
// columns of a model table. It is safe for concurrent use.
type Predictor struct {
	Intercept  bool
	Coef       []float64   // the intercept first, if there is one; NaN for dropped terms
	Vcov       [][]float64 // over Coef; nil leaves the limits out
	Confidence float64     // of the limits. Defaults to DefaultConfidence
}

// Prediction is that of one row.
type Prediction struct {
	LogOdds     float64
	StdError    float64 // of LogOdds; it and the limits are NaN without Vcov
	Probability float64 // of the target being true
	LogOddsLow  float64 // limits of the log odds
	LogOddsHigh float64
	ConfLow     float64 // limits of the probability: those of the log odds, mapped
	ConfHigh    float64
}

// Predictor returns the predictor of m.
func (m *Model) Predictor() Predictor {
	return Predictor{Intercept: m.intercept, Coef: m.Coef(), Vcov: m.Vcov, Confidence: m.confidence}
}

// Predict evaluates a row x of p features in O(p) time, O(p²) with limits.
// Dropped terms count as 0.
//
// Errors: [ErrLength]; [ErrNotFinite] for a feature; [ErrParameter] for a bad
// Confidence.
func (r Predictor) Predict(x []float64) (Prediction, error) {
	nan := math.NaN()
	out := Prediction{StdError: nan, LogOddsLow: nan, LogOddsHigh: nan, ConfLow: nan, ConfHigh: nan}
	row, err := r.row(x)
	if err != nil {
		return out, err
	}
	for i, v := range row {
		if b := r.Coef[i]; !math.IsNaN(b) {
			out.LogOdds += b * v
		}
	}
	out.Probability = Logistic(out.LogOdds)
	if r.Vcov == nil {
		return out, nil
	}
	confidence := r.Confidence
	if confidence == 0 {
		confidence = DefaultConfidence
	}
	if !(confidence > 0 && confidence < 1) {
		return out, fmt.Errorf("logreg: %w: Confidence %g, want 0 < confidence < 1", ErrParameter, confidence)
	}
	out.StdError = math.Sqrt(max(0, r.variance(row)))
	wide := normalQuantile(confidence) * out.StdError
	out.LogOddsLow, out.LogOddsHigh = out.LogOdds-wide, out.LogOdds+wide
	out.ConfLow, out.ConfHigh = Logistic(out.LogOddsLow), Logistic(out.LogOddsHigh)
	return out, nil
}

// row checks x and puts the intercept's 1 before it.
func (r Predictor) row(x []float64) ([]float64, error) {
	row := make([]float64, 0, len(x)+1)
	if r.Intercept {
		row = append(row, 1)
	}
	row = append(row, x...)
	if len(row) != len(r.Coef) || r.Vcov != nil && len(r.Vcov) != len(r.Coef) {
		return nil, fmt.Errorf("logreg: %w: %d features, %d coefficients, covariance of %d",
			ErrLength, len(x), len(r.Coef), len(r.Vcov))
	}
	for j, v := range x {
		if v-v != 0 {
			return nil, &ValueError{Kind: ErrNotFinite, Column: j, Row: 0, Value: v}
		}
	}
	return row, nil
}

// variance returns row·Vcov·row over the terms that were not dropped.
func (r Predictor) variance(row []float64) float64 {
	sum := 0.0
	for i, v := range row {
		if math.IsNaN(r.Coef[i]) {
			continue
		}
		for j, w := range row {
			if !math.IsNaN(r.Coef[j]) {
				sum += v * r.Vcov[i][j] * w
			}
		}
	}
	return sum
}
