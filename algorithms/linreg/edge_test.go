package linreg

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func threeRows() Data {
	return Data{X: [][]float64{{1, 2, 4}}, Y: []float64{1, 3, 2}, W: []float64{1, 1, 1}, Cluster: []int32{1, 1, 2}}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		r    Regression
		edit func(*Data)
		want error
	}{
		{name: "NoRows", edit: func(d *Data) { *d = Data{X: [][]float64{{}}} }, want: ErrNoRows},
		{name: "AllWeightsZero", edit: func(d *Data) { d.W = make([]float64, 3) }, want: ErrNoRows},
		{name: "NoTerms", edit: func(d *Data) { d.X = nil }, want: ErrNoTerms},
		{name: "ShortColumn", edit: func(d *Data) { d.X[0] = d.X[0][:2] }, want: ErrLength},
		{name: "ShortWeights", edit: func(d *Data) { d.W = d.W[:2] }, want: ErrLength},
		{name: "ShortOrder", edit: func(d *Data) { d.Order = []int{0} }, want: ErrLength},
		{name: "NoClusters", r: Regression{Covariance: Clustered}, edit: func(d *Data) { d.Cluster = nil }, want: ErrLength},
		{name: "OneCluster", r: Regression{Covariance: Clustered}, edit: func(d *Data) { d.Cluster = make([]int32, 3) }, want: ErrClusters},
		{name: "OneClusterOfPositiveWeight", r: Regression{Covariance: Clustered}, edit: func(d *Data) { d.W[2] = 0 }, want: ErrClusters},
		{name: "OrderTwice", edit: func(d *Data) { d.Order = []int{0, 1, 1} }, want: ErrOrder},
		{name: "OrderOutside", edit: func(d *Data) { d.Order = []int{0, 1, 3} }, want: ErrOrder},
		{name: "NegativeWeight", edit: func(d *Data) { d.W[1] = -1 }, want: ErrWeight},
		{name: "NaNFeature", edit: func(d *Data) { d.X[0][2] = math.NaN() }, want: ErrNotFinite},
		{name: "InfiniteTarget", edit: func(d *Data) { d.Y[2] = math.Inf(-1) }, want: ErrNotFinite},
		{name: "NaNWeight", edit: func(d *Data) { d.W[2] = math.NaN() }, want: ErrNotFinite},
		{name: "Overflow", edit: func(d *Data) { d.W[2], d.X[0][2] = 1e300, 1e300 }, want: ErrRange},
		{name: "ConfidenceOne", r: Regression{Confidence: 1}, want: ErrParameter},
		{name: "ConfidenceNaN", r: Regression{Confidence: math.NaN()}, want: ErrParameter},
		{name: "NegativeRidge", r: Regression{Ridge: -1}, want: ErrParameter},
		{name: "InfiniteRidge", r: Regression{Ridge: math.Inf(1)}, want: ErrParameter},
		{name: "RidgeHC", r: Regression{Ridge: 1, Covariance: HC1}, want: ErrParameter},
		{name: "UnknownCovariance", r: Regression{Covariance: 9}, want: ErrParameter},
		{name: "ToleranceOne", r: Regression{Tolerance: 1}, want: ErrParameter},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := threeRows()
			if tt.edit != nil {
				tt.edit(&d)
			}
			if _, err := tt.r.Fit(context.Background(), d); !errors.Is(err, tt.want) {
				t.Errorf("Fit error = %v, want %v", err, tt.want)
			}
		})
	}
}

// Errors that are not about one edit of the data, and what they tell.
func TestMoreErrors(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Regression{}).Fit(ctx, threeRows()); !errors.Is(err, context.Canceled) {
		t.Errorf("Fit error = %v, want context.Canceled", err)
	}
	if _, err := (Regression{Covariance: HC0}).FitSummary(NewSummary(1)); !errors.Is(err, ErrNeedsRows) {
		t.Errorf("FitSummary error = %v, want ErrNeedsRows", err)
	}
	var at *NotFiniteError
	d := threeRows()
	d.X[0][1] = math.Inf(1)
	if _, err := (Regression{}).Fit(context.Background(), d); !errors.As(err, &at) || at.Column != 0 || at.Row != 1 ||
		err.Error() != "linreg: not finite: column 0, row 1: +Inf" {
		t.Errorf("Fit error = %v, want column 0, row 1", err)
	}
}

// Values near the ends of float64 have an answer or ErrRange: no sum is fed a
// residual that overflowed.
func TestExtremes(t *testing.T) {
	t.Parallel()
	x, y := []float64{2.62, 2.875, 2.32, 3.215, 3.44, 3.46}, []float64{21, 21, 22.8, 21.4, 18.7, 18.1}
	for _, tt := range []struct {
		name   string
		sx, sy float64
		err    error // of every covariance
	}{
		{"SlopeOverflows", 1e-200, 1e200, ErrRange},
		{"SlopeOverflowsNearTheEnd", 1e-306, 1e306, ErrRange},
		{"VarianceOverflows", 1, 1e200, ErrRange},
		{"LargeFeature", 1e200, 1, nil},
		{"Small", 1e-120, 1e-120, nil},
		{"LargeBoth", 1e200, 1e100, nil},
	} {
		d := Data{X: [][]float64{make([]float64, len(x))}, Y: make([]float64, len(y)), Cluster: []int32{1, 1, 2, 2, 3, 4}, Order: []int{0, 1, 2, 3, 4, 5}}
		for i := range x {
			d.X[0][i], d.Y[i] = x[i]*tt.sx, y[i]*tt.sy
		}
		for _, covariance := range everyCovariance {
			f, err := Regression{Intercept: true, Covariance: covariance}.Fit(context.Background(), d)
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("%s, %v: Fit error = %v, want %v", tt.name, covariance, err, tt.err)
			}
			if err == nil && !(f.Terms[1].StdErr > 0 && f.JarqueBera > 0 && f.DurbinWatson > 0 && f.BreuschPagan > 0 && f.ConditionNumber > 1) {
				t.Errorf("%s, %v: %+v: want all statistics", tt.name, covariance, f)
			}
		}
	}
}

// No finite rows panic, whatever their sizes.
func TestNoPanic(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		column := func(n int) []float64 {
			out := make([]float64, n)
			for i := range out {
				out[i] = math.Ldexp(random.NormFloat64(), random.IntN(2000)-1000)
				if random.IntN(8) == 0 {
					out[i] = math.MaxFloat64
				}
			}
			return out
		}
		d := Data{X: [][]float64{column(7), column(7)}, Y: column(7), Cluster: []int32{1, 2, 3, 4, 4, 4, 5}, Order: []int{0, 1, 2, 3, 4, 5, 6}}
		if random.IntN(2) == 0 {
			d.W = column(7)
			for i, w := range d.W {
				d.W[i] = math.Abs(w)
			}
		}
		r := Regression{Intercept: random.IntN(2) == 0, Covariance: everyCovariance[random.IntN(len(everyCovariance))]}
		f, err := r.Fit(context.Background(), d)
		if err != nil && !errors.Is(err, ErrRange) {
			t.Fatalf("Fit error = %v of %+v, want none or ErrRange", err, d)
		}
		if err == nil {
			if _, err := f.Model().Predict(d.X); err != nil {
				t.Fatalf("Predict error = %v", err)
			}
		}
	}
}

// As many rows as terms: R's lm gives the estimates, R² 1 and no errors.
func TestNoResidualDegreesOfFreedom(t *testing.T) {
	t.Parallel()
	d := Data{X: [][]float64{{0.1, 0.7}}, Y: []float64{0.3, -1.1}, Cluster: []int32{1, 2}}
	for _, covariance := range everyCovariance {
		f := mustFit(t, Regression{Intercept: true, Covariance: covariance}, d)
		if f.DFResidual != 0 || f.R2 != 1 || f.RSS != 0 {
			t.Errorf("%v: %g df, R2 %g, RSS %g, want 0, 1, 0", covariance, f.DFResidual, f.R2, f.RSS)
		}
		if got := f.Terms[1].Estimate; math.Abs(got+1.4/0.6) > 1e-15 {
			t.Errorf("%v: slope = %g, want %g", covariance, got, -1.4/0.6)
		}
		for name, v := range map[string]float64{
			"StdErr": f.Terms[1].StdErr, "PValue": f.Terms[1].PValue, "ConfLow": f.Terms[0].ConfLow, "Sigma": f.Sigma,
			"AdjR2": f.AdjR2, "F": f.F, "LogLik": f.LogLik, "VCov": f.VCov[0][1], "DurbinWatson": f.DurbinWatson,
			"JarqueBera": f.JarqueBera, "BreuschPagan": f.BreuschPagan,
		} {
			if !math.IsNaN(v) {
				t.Errorf("%v: %s = %g, want NaN", covariance, name, v)
			}
		}
	}
}

// Fewer rows than terms: the later columns are dropped.
func TestFewerRowsThanTerms(t *testing.T) {
	t.Parallel()
	f := mustFit(t, Regression{Intercept: true}, Data{X: [][]float64{{1, 2}, {3, 5}, {4, 1}}, Y: []float64{1, 2}})
	if !slices.Equal(f.Dropped, []int{1, 2}) || f.Terms[1].Estimate != 1 || f.Terms[0].Estimate != 0 || !math.IsNaN(f.Terms[2].Estimate) {
		t.Errorf("dropped %v, terms %+v, want [1 2] and y = x", f.Dropped, f.Terms)
	}
}

// A line through all points: nothing is left to test.
func TestPerfectFit(t *testing.T) {
	t.Parallel()
	d := Data{X: [][]float64{{1, 2, 3, 4, 5}}, Y: []float64{3, 5, 7, 9, 11}, Cluster: []int32{1, 2, 3, 4, 5}, Order: []int{0, 1, 2, 3, 4}}
	for _, covariance := range everyCovariance {
		f := mustFit(t, Regression{Intercept: true, Covariance: covariance}, d)
		slope := f.Terms[1]
		if slope.Estimate != 2 || slope.StdErr != 0 || slope.ConfLow != 2 || slope.ConfHigh != 2 || f.R2 != 1 || f.Sigma != 0 {
			t.Errorf("%v: %+v, R2 %g, sigma %g", covariance, slope, f.R2, f.Sigma)
		}
		for name, v := range map[string]float64{"TStatistic": slope.TStatistic, "PValue": slope.PValue, "F": f.F, "AIC": f.AIC, "DurbinWatson": f.DurbinWatson} {
			if !math.IsNaN(v) {
				t.Errorf("%v: %s = %g, want NaN", covariance, name, v)
			}
		}
	}
}

// Degenerate columns and targets.
func TestDegenerate(t *testing.T) {
	t.Parallel()
	x := []float64{1, 2, 3, 5}
	flat := mustFit(t, Regression{Intercept: true}, Data{X: [][]float64{x}, Y: []float64{0.1, 0.1, 0.1, 0.1}})
	if flat.Terms[0].Estimate != 0.1 || flat.Terms[1].Estimate != 0 || !math.IsNaN(flat.R2) || flat.RSS != 0 {
		t.Errorf("constant target: %+v", flat)
	}
	zero := mustFit(t, Regression{}, Data{X: [][]float64{x, make([]float64, 4)}, Y: make([]float64, 4)})
	if zero.Terms[0].Estimate != 0 || !slices.Equal(zero.Dropped, []int{1}) {
		t.Errorf("zero target and column: %+v", zero)
	}
	none := mustFit(t, Regression{}, Data{X: [][]float64{make([]float64, 4)}, Y: x})
	if len(none.VCov) != 0 || none.RSS != 39 || !math.IsNaN(none.F) || none.R2 != 0 {
		t.Errorf("only a zero column: %+v", none)
	}
	// A row with a dummy of its own has leverage 1: HC3 is not defined, HC1 is.
	alone := Data{X: [][]float64{x, {0, 0, 0, 1}}, Y: []float64{1, 4, 2, 3}}
	if f := mustFit(t, Regression{Intercept: true, Covariance: HC3}, alone); !math.IsNaN(f.Terms[1].StdErr) {
		t.Errorf("HC3 with leverage 1 = %g, want NaN", f.Terms[1].StdErr)
	}
	if f := mustFit(t, Regression{Intercept: true, Covariance: HC1}, alone); !(f.Terms[1].StdErr > 0) {
		t.Errorf("HC1 with leverage 1 = %g, want a number", f.Terms[1].StdErr)
	}
}

// Ridge keeps dependent columns, more columns than rows, and tiny penalties.
func TestRidge(t *testing.T) {
	t.Parallel()
	x := []float64{1, 2, 4}
	d := Data{X: [][]float64{x, x, {3, 1, 1}, {0, 0, 0}, {1, 0, 1}}, Y: []float64{1, 3, 2}}
	for _, lambda := range []float64{1, 1e-40, 1e-300} {
		f := mustFit(t, Regression{Intercept: true, Ridge: lambda}, d)
		if len(f.Dropped) != 0 || f.Terms[1].Estimate != f.Terms[2].Estimate || f.Terms[4].Estimate != 0 {
			t.Errorf("ridge %g: dropped %v, terms %+v", lambda, f.Dropped, f.Terms)
		}
		if !math.IsNaN(f.Terms[1].StdErr) || !math.IsNaN(f.DFResidual) || f.VCov != nil || !(f.EffectiveDF > 1 && f.EffectiveDF <= 3) {
			t.Errorf("ridge %g: std error %g, df %g, effective %g", lambda, f.Terms[1].StdErr, f.DFResidual, f.EffectiveDF)
		}
	}
}

func TestPredictErrors(t *testing.T) {
	t.Parallel()
	m := Model{Coefficients: []float64{1, 2, math.NaN()}, Intercept: true, Sigma: 1, DF: 3}
	for _, tt := range []struct {
		name string
		edit func(*Model)
		x    [][]float64
		want error
	}{
		{name: "Columns", x: [][]float64{{1}}, want: ErrLength},
		{name: "Rows", x: [][]float64{{1}, {1, 2}}, want: ErrLength},
		{name: "NaN", x: [][]float64{{1}, {math.NaN()}}, want: ErrNotFinite},
		{name: "Covariance", edit: func(m *Model) { m.VCov = [][]float64{{1}} }, x: [][]float64{{1}, {1}}, want: ErrLength},
		{name: "Confidence", edit: func(m *Model) { m.Confidence = 2 }, x: [][]float64{{1}, {1}}, want: ErrParameter},
	} {
		n := m
		if tt.edit != nil {
			tt.edit(&n)
		}
		if _, err := n.Predict(tt.x); !errors.Is(err, tt.want) {
			t.Errorf("%s: Predict error = %v, want %v", tt.name, err, tt.want)
		}
	}
	got, err := m.Predict([][]float64{{3, 0}, {9, 9}})
	if err != nil || len(got) != 2 || got[0].Value != 7 || got[1].Value != 1 || !math.IsNaN(got[0].StdErr) || !math.IsNaN(got[0].PredHigh) {
		t.Errorf("Predict = %+v, %v, want 7 and 1 without errors", got, err)
	}
}
