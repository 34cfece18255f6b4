package logreg

import (
	"errors"
	"math"
	"testing"
)

func TestLogistic(t *testing.T) {
	for _, tt := range []struct{ x, want float64 }{
		{0, 0.5},
		{-1000, 0},
		{1000, 1},
		{math.Log(3), 0.75},
		{-700, 9.8596765437597708567e-305}, // exp(−700): 1 + exp(−700) is 1.
		{-40, 4.2483542552915889953e-18},   // exp(−40)(1 − exp(−40) …).
	} {
		if got := Logistic(tt.x); math.Abs(got-tt.want) > 4e-16*tt.want {
			t.Errorf("Logistic(%g) = %.17g, want %.17g", tt.x, got, tt.want)
		}
	}
}

// TestPredict: score 1 + 2·3 = 7 with variance 4 + 2·3·0.5 + 9·1 = 16, by hand;
// the middle term was dropped.
func TestPredict(t *testing.T) {
	nan := math.NaN()
	r := Predictor{
		Intercept: true, Coef: []float64{1, nan, 2}, Confidence: 0.9,
		Vcov: [][]float64{{4, nan, 0.5}, {nan, nan, nan}, {0.5, nan, 1}},
	}
	p, err := r.Predict([]float64{100, 3})
	if err != nil {
		t.Fatal(err)
	}
	const z90 = 1.6448536269514722 // 95 % point of the normal distribution.
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"log odds", p.LogOdds, 7}, {"std error", p.StdError, 4}, {"probability", p.Probability, 1 / (1 + math.Exp(-7))},
		{"low", p.ConfLow, 1 / (1 + math.Exp(4*z90-7))}, {"high", p.ConfHigh, 1 / (1 + math.Exp(-4*z90-7))},
	} {
		if math.Abs(tt.got-tt.want) > 1e-14 {
			t.Errorf("%s = %.17g, want %.17g", tt.name, tt.got, tt.want)
		}
	}
	r.Vcov = nil
	if p, err := r.Predict([]float64{100, 3}); err != nil || p.LogOdds != 7 || !math.IsNaN(p.StdError) || !math.IsNaN(p.ConfLow) {
		t.Errorf("without covariance: %+v, %v", p, err)
	}
	if _, err := r.Predict([]float64{1}); !errors.Is(err, ErrLength) {
		t.Errorf("one feature of two: %v", err)
	}
	if _, err := r.Predict([]float64{1, nan}); !errors.Is(err, ErrNotFinite) {
		t.Errorf("NaN: %v", err)
	}
	r.Vcov, r.Confidence = nans(3), 2
	if _, err := r.Predict([]float64{1, 1}); !errors.Is(err, ErrParameter) {
		t.Errorf("confidence 2: %v", err)
	}
}
