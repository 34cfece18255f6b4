package linreg

import (
	"context"
	"math"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// strdSet is a NIST StRD set for linear regression.
type strdSet struct {
	Name      string
	Y         []float64
	X         map[string][]float64
	Degree    int `json:"polynomial_degree"`
	Intercept bool
	Terms     []string
	DF        float64 `json:"df_residual"`
	Certified struct {
		Estimate   []float64
		StdErr     []float64 `json:"std_error"`
		ResidualSD float64   `json:"residual_sd"`
		R2         float64   `json:"r_squared"`
	}
}

// columns returns the features: those named, or the powers of the one.
func (s strdSet) columns(t *testing.T) [][]float64 {
	names := s.Terms
	if s.Intercept {
		names = names[1:]
	}
	var out [][]float64
	for j, name := range names {
		column, ok := s.X[name]
		if !ok {
			x, ok := s.X["x"]
			if !ok || j >= s.Degree {
				t.Fatalf("no column %s", name)
			}
			column = make([]float64, len(x))
			for i, v := range x {
				column[i] = math.Pow(v, float64(j+1))
			}
		}
		out = append(out, column)
	}
	return out
}

// Nine digits of every certified value. Two exceptions lie in the input, not in
// the fit: the powers of Filip, rounded to float64, determine 7.6 digits; and
// Wampler1 and 2 are perfect fits up to the rounding of Wampler2's y.
func TestStRD(t *testing.T) {
	t.Parallel()
	var file struct{ Sets []strdSet }
	algtest.Load(t, "strd.json", &file)
	if len(file.Sets) != 11 {
		t.Fatalf("%d sets, want 11", len(file.Sets))
	}
	for _, s := range file.Sets {
		t.Run(s.Name, func(t *testing.T) {
			fit, err := Regression{Intercept: s.Intercept}.Fit(context.Background(), Data{X: s.columns(t), Y: s.Y})
			if err != nil {
				t.Fatal(err)
			}
			if len(fit.Terms) != len(s.Terms) || len(fit.Dropped) > 0 || fit.DFResidual != s.DF {
				t.Fatalf("%d terms, %d dropped, %g df, want %d, 0, %g", len(fit.Terms), len(fit.Dropped), fit.DFResidual, len(s.Terms), s.DF)
			}
			need := 9.0
			if s.Name == "filip" {
				need = 7.5
			}
			least := 17.0
			check := func(name string, got, want float64) {
				d := algtest.Digits(got, want)
				least = min(least, d)
				if !(d >= need) {
					t.Errorf("%s = %.17g, want %.17g: %.1f digits, %g needed", name, got, want, d, need)
				}
			}
			for i, term := range fit.Terms {
				check(s.Terms[i], term.Estimate, s.Certified.Estimate[i])
				check(s.Terms[i]+" std_error", term.StdErr, s.Certified.StdErr[i])
			}
			check("residual_sd", fit.Sigma, s.Certified.ResidualSD)
			check("r_squared", fit.R2, s.Certified.R2)
			t.Logf("%.1f digits", least)
		})
	}
}
