package logreg

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

func TestFitErrors(t *testing.T) {
	x, y := []float64{1, 2, 3, 4}, []bool{false, true, false, true}
	with := func(c Config) Config { c.Intercept = true; return c }
	nan, inf := math.NaN(), math.Inf(1)
	for _, tt := range []struct {
		name        string
		config      Config
		data        Data
		want        error
		column, row int // of a ValueError
	}{
		{name: "NoRows", config: with(Config{}), data: Data{X: [][]float64{{}}}, want: ErrNoRows},
		{name: "AllWeightsZero", config: with(Config{}), data: Data{X: [][]float64{x}, Y: y, W: make([]float64, 4)}, want: ErrNoRows},
		{name: "OneClass", config: with(Config{}), data: Data{X: [][]float64{x}, Y: make([]bool, 4)}, want: ErrOneClass},
		{name: "OneClassPenalised", config: with(Config{L1: 1, L2: 1}), data: Data{X: [][]float64{x}, Y: make([]bool, 4)}, want: ErrOneClass},
		{name: "OneClassByWeight", config: with(Config{}), data: Data{X: [][]float64{x}, Y: y, W: []float64{1, 0, 1, 0}}, want: ErrOneClass},
		{name: "NaN", config: with(Config{}), data: Data{X: [][]float64{x, {1, 2, nan, 4}}, Y: y}, want: ErrNotFinite, column: 1, row: 2},
		{name: "Infinite", config: with(Config{}), data: Data{X: [][]float64{{1, -inf, 3, 4}}, Y: y}, want: ErrNotFinite, row: 1},
		{name: "WeightNaN", config: with(Config{}), data: Data{X: [][]float64{x}, Y: y, W: []float64{1, 1, 1, nan}}, want: ErrNotFinite, column: -1, row: 3},
		{name: "WeightNegative", config: with(Config{}), data: Data{X: [][]float64{x}, Y: y, W: []float64{1, -1, 1, 1}}, want: ErrWeight, column: -1, row: 1},
		{name: "WeightTooLarge", config: with(Config{}), data: Data{X: [][]float64{x}, Y: y, W: []float64{1e151, 1, 1, 1}}, want: ErrWeight, column: -1},
		{name: "ColumnLength", config: with(Config{}), data: Data{X: [][]float64{x[:3]}, Y: y}, want: ErrLength},
		{name: "WeightLength", config: with(Config{}), data: Data{X: [][]float64{x}, Y: y, W: x[:3]}, want: ErrLength},
		{name: "Confidence", config: with(Config{Confidence: 1}), data: Data{X: [][]float64{x}, Y: y}, want: ErrParameter},
		{name: "ConfidenceNaN", config: with(Config{Confidence: nan}), data: Data{X: [][]float64{x}, Y: y}, want: ErrParameter},
		{name: "Tolerance", config: with(Config{Tolerance: -1e-9}), data: Data{X: [][]float64{x}, Y: y}, want: ErrParameter},
		{name: "MaxIterations", config: with(Config{MaxIterations: -1}), data: Data{X: [][]float64{x}, Y: y}, want: ErrParameter},
		{name: "L1", config: with(Config{L1: -1}), data: Data{X: [][]float64{x}, Y: y}, want: ErrParameter},
		{name: "L2", config: with(Config{L2: inf}), data: Data{X: [][]float64{x}, Y: y}, want: ErrParameter},
		{name: "Workers", config: with(Config{Workers: -1}), data: Data{X: [][]float64{x}, Y: y}, want: ErrParameter},
		{name: "UnitTooSmall", config: with(Config{}), data: Data{X: [][]float64{{1e-200, 2e-200, 3e-200, 4e-200}}, Y: y}, want: ErrNotFinite},
		{name: "UnitTooLarge", config: with(Config{}), data: Data{X: [][]float64{{1e200, 2e200, 3e200, 4e200}}, Y: y}, want: ErrNotFinite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := tt.config.Fit(context.Background(), tt.data)
			if !errors.Is(err, tt.want) || m != nil {
				t.Fatalf("Fit = %v, %v, want %v", m, err, tt.want)
			}
			if v := (*ValueError)(nil); errors.As(err, &v) && (v.Column != tt.column || v.Row != tt.row) {
				t.Errorf("column %d, row %d, want %d, %d", v.Column, v.Row, tt.column, tt.row)
			}
		})
	}
}

// TestByHand: without features the estimate is the log odds and its variance
// 1/yes + 1/no; with one indicator it is the log odds ratio, and the variances
// add up. Yes and no are 3 and 1 for x = 0, 1 and 2 for x = 1.
func TestByHand(t *testing.T) {
	x := []float64{0, 0, 0, 0, 1, 1, 1}
	y := []bool{true, true, true, false, true, false, false}
	m, err := Config{Intercept: true}.Fit(context.Background(), Data{X: [][]float64{x}, Y: y})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"intercept", m.Terms[0].Estimate, math.Log(3)},
		{"slope", m.Terms[1].Estimate, math.Log(1.0 / 2 / 3)},
		{"intercept error", m.Terms[0].StdError, math.Sqrt(1.0/3 + 1)},
		{"slope error", m.Terms[1].StdError, math.Sqrt(1.0/3 + 1 + 1 + 1.0/2)},
		{"deviance", m.Deviance, -2 * (3*math.Log(0.75) + math.Log(0.25) + math.Log(1.0/3) + 2*math.Log(2.0/3))},
	} {
		if math.Abs(tt.got-tt.want) > 1e-14*math.Abs(tt.want) {
			t.Errorf("%s = %.17g, want %.17g", tt.name, tt.got, tt.want)
		}
	}
}

func TestNotConverged(t *testing.T) {
	for _, c := range []Config{{Intercept: true, MaxIterations: 1}, {Intercept: true, MaxIterations: 1, L1: 1}} {
		m, err := c.Fit(context.Background(), simulate(1, 300, 3))
		if err != nil {
			t.Fatal(err)
		}
		if m.Converged || m.Iterations != 1 {
			t.Errorf("converged = %t after %d iterations, want false after 1", m.Converged, m.Iterations)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Config{Intercept: true}).Fit(ctx, simulate(1, 300, 3)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

// TestDropped: constants and sums of earlier columns are dropped, near sums are
// not, and the fit is that of the kept columns.
func TestDropped(t *testing.T) {
	d := simulate(9, 500, 2)
	want, err := Config{Intercept: true}.Fit(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	constant, sum, near := make([]float64, 500), make([]float64, 500), make([]float64, 500)
	for i := range constant {
		constant[i] = 0.1
		sum[i] = d.X[0][i]/3 - 2*d.X[1][i] + 7
		near[i] = sum[i] * (1 + 1e-8*float64(i%2))
	}
	d.X = [][]float64{constant, d.X[0], d.X[1], sum}
	m, err := Config{Intercept: true}.Fit(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Dropped(); len(got) != 2 || got[0] != 0 || got[1] != 3 || !math.IsNaN(m.Terms[1].Estimate) || !math.IsNaN(m.Vcov[1][1]) {
		t.Errorf("dropped %v, terms %+v", got, m.Terms)
	}
	if algtest.Digits(m.Terms[2].StdError, want.Terms[1].StdError) < 13 || algtest.Digits(m.AIC, want.AIC) < 14 {
		t.Errorf("std error %g, AIC %g, want %g, %g", m.Terms[2].StdError, m.AIC, want.Terms[1].StdError, want.AIC)
	}
	d.X[3] = near
	m, err = Config{Intercept: true}.Fit(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Dropped(); len(got) != 1 || got[0] != 0 {
		t.Errorf("with a near sum: dropped %v, want [0]", got)
	}
}

// TestIllConditioned: two columns differ only in rows whose weight does not count
// in float64, so that their Hessian is singular although their rank is 2.
func TestIllConditioned(t *testing.T) {
	d := Data{
		X: [][]float64{{1, 2, 3, 4, 5, 6, 1, 2, 3, 4}, {1, 2, 3, 4, 5, 6, 4, 1, 3, 1}},
		Y: []bool{false, true, false, true, false, true, true, false, false, true},
		W: []float64{1, 1, 1, 1, 1, 1, 1e-25, 1e-25, 1e-25, 1e-25},
	}
	if _, err := (Config{Intercept: true}).Fit(context.Background(), d); !errors.Is(err, ErrIllConditioned) {
		t.Errorf("error %v, want %v", err, ErrIllConditioned)
	}
	m, err := Config{Intercept: true, L2: 1}.Fit(context.Background(), d)
	if err != nil || !m.Converged {
		t.Errorf("with a penalty: %v, %v", m, err)
	}
}
