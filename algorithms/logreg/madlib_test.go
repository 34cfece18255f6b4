package logreg

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// TestConditionNumber compares with the eigenvalues of the reference covariance
// of two terms, which have a closed form. The caller's own column of ones and
// the intercept are the same model.
func TestConditionNumber(t *testing.T) {
	for _, c := range loadReference(t).Cases {
		if c.Name != "mtcars_wt" {
			continue
		}
		s, v := c.sample(t, nil), c.Groups[0].Vcov
		half, product := (v[0][0]+v[1][1])/2, v[0][0]*v[1][1]-v[0][1]*v[1][0]
		large := half + math.Sqrt(half*half-product)
		want := large * large / product
		m, err := Config{Intercept: true}.Fit(context.Background(), s.data)
		if err != nil {
			t.Fatal(err)
		}
		ones := make([]float64, len(s.data.Y))
		for i := range ones {
			ones[i] = 1
		}
		config, err := MADlibOptions{MaxIter: 20, Optimizer: "irls", Tolerance: 1e-4}.Config()
		if err != nil {
			t.Fatal(err)
		}
		same, err := config.Fit(context.Background(), Data{X: [][]float64{ones, s.data.X[0]}, Y: s.data.Y})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []float64{m.ConditionNumber(), same.ConditionNumber()} {
			if algtest.Digits(got, want) < 9 {
				t.Errorf("condition number %.12g, want %.12g", got, want)
			}
		}
		if algtest.Digits(same.Terms[1].StdError, m.Terms[1].StdError) < 11 || algtest.Digits(same.Terms[0].Estimate, m.Terms[0].Estimate) < 11 {
			t.Errorf("with a column of ones %+v, with an intercept %+v", same.Terms, m.Terms)
		}
		return
	}
	t.Fatal("no case mtcars_wt")
}

func TestMADlibOptions(t *testing.T) {
	for _, tt := range []struct {
		options        MADlibOptions
		wantIterations int
		wantTolerance  float64
		wantErr        error
	}{
		{options: MADlibOptions{MaxIter: 20, Optimizer: "irls", Tolerance: 1e-4}, wantIterations: 20, wantTolerance: DefaultTolerance},
		{options: MADlibOptions{MaxIter: 7, Optimizer: "Newton", Tolerance: 1e-12}, wantIterations: 7, wantTolerance: 1e-12},
		{options: MADlibOptions{MaxIter: 1, Optimizer: "cg"}, wantIterations: DefaultMaxIterations, wantTolerance: DefaultTolerance},
		{options: MADlibOptions{MaxIter: 1, Optimizer: "igd"}, wantIterations: DefaultMaxIterations, wantTolerance: DefaultTolerance},
		{options: MADlibOptions{MaxIter: 0, Optimizer: "irls"}, wantErr: ErrParameter},
		{options: MADlibOptions{MaxIter: 1, Optimizer: "irls", Tolerance: -1}, wantErr: ErrParameter},
		{options: MADlibOptions{MaxIter: 1, Optimizer: "lbfgs"}, wantErr: ErrParameter},
	} {
		c, err := tt.options.Config()
		if !errors.Is(err, tt.wantErr) || c.MaxIterations != tt.wantIterations || c.Tolerance != tt.wantTolerance {
			t.Errorf("%+v: %+v, %v, want %d, %g, %v", tt.options, c, err, tt.wantIterations, tt.wantTolerance, tt.wantErr)
		}
	}
}
