package logreg

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"
)

// What a layer with the contract of MADlib's logregr_train needs beyond [Model]:
// its columns coef, log_likelihood, std_err, z_stats, p_values, odds_ratios,
// num_iterations and variance_covariance are fields of the same meaning. The
// caller passes all columns, its own column of ones included, and no intercept.
// Two differences are meant: collinear columns are dropped (MADlib's
// pseudo-inverse spreads the estimate over them), and separation is an error
// (MADlib returns the coefficients where it stopped).

// MADlibOptions are the trailing arguments of logregr_train.
type MADlibOptions struct {
	MaxIter   int     // > 0
	Optimizer string  // irls or newton, cg, igd
	Tolerance float64 // ≥ 0
}

// Config returns the settings that answer the options. All optimizers share one
// optimum, and Newton's method finds it. So MaxIter bounds only irls, which is
// the same iteration; steps of cg and igd are of another kind. Iteration goes on
// at least to DefaultTolerance, as a coarser stop would only lose digits.
//
// Errors: [ErrParameter].
func (o MADlibOptions) Config() (Config, error) {
	bad := func(field string, value any, want string) error {
		return fmt.Errorf("logreg: %w: %s %v, want %s", ErrParameter, field, value, want)
	}
	if o.MaxIter <= 0 {
		return Config{}, bad("max_iter", o.MaxIter, "> 0")
	}
	if !(o.Tolerance >= 0) || math.IsInf(o.Tolerance, 0) {
		return Config{}, bad("tolerance", o.Tolerance, "finite and ≥ 0")
	}
	c := Config{Tolerance: DefaultTolerance}
	if o.Tolerance > 0 {
		c.Tolerance = min(o.Tolerance, DefaultTolerance)
	}
	switch strings.ToLower(o.Optimizer) {
	case "irls", "newton":
		c.MaxIterations = o.MaxIter
	case "cg", "igd":
		c.MaxIterations = DefaultMaxIterations
	default:
		return Config{}, bad("optimizer", o.Optimizer, "irls, newton, cg or igd")
	}
	return c, nil
}

// ConditionNumber returns the condition number of the Hessian X'AX over the
// estimated terms, in the units of the features: its largest eigenvalue times
// the largest of its inverse, each of which is known well. It is NaN with a
// penalty, and 1 for a model without terms. It takes O(q³) time.
func (m *Model) ConditionNumber() float64 {
	if m.Vcov == nil {
		return math.NaN()
	}
	var kept []int
	for i, t := range m.Terms {
		if !t.Dropped {
			kept = append(kept, i)
		}
	}
	if len(kept) == 0 {
		return 1
	}
	h, v := mat.NewSymDense(len(kept), nil), mat.NewSymDense(len(kept), nil)
	for a, i := range kept {
		for b, j := range kept {
			h.SetSym(a, b, m.hessian[a][b])
			v.SetSym(a, b, m.Vcov[i][j])
		}
	}
	return largestEigenvalue(h) * largestEigenvalue(v)
}

// largestEigenvalue of a symmetric matrix; NaN if the iteration fails.
func largestEigenvalue(a *mat.SymDense) float64 {
	var e mat.EigenSym
	if !e.Factorize(a, false) {
		return math.NaN()
	}
	values := e.Values(nil)
	return values[len(values)-1]
}
