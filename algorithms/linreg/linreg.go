// Package linreg fits linear models by least squares: ordinary, weighted and
// ridge.
//
//	minimise Σ w·(y − x'β)² + λ·Σ β[j]²,   the intercept is not penalised
//
// The rows are read once into exact cross-products (package suffstat), and the
// small system of normal equations is solved in as many bits as its condition
// asks for, so squaring the condition number costs no digits: what is returned
// is the solution for the numbers as given, rounded once. A second pass finds
// residuals, in twice the working precision, for the statistics that need them;
// their sums are exact too.
//
// So one law holds, and TestLaws checks it bit by bit: a fit is a function of the
// multiset of rows. Their order, their split into shards and the number of
// workers do not matter, except that Durbin–Watson follows [Data.Order].
//
// Sources: Seber and Lee, Linear Regression Analysis, 2nd ed. (estimates,
// Gauss–Markov theory); MacKinnon and White, Journal of Econometrics 29, 1985
// (HC0–HC3); Cameron and Miller, Journal of Human Resources 50(2), 2015
// (clusters); Koenker, Journal of Econometrics 17, 1981 (Breusch–Pagan).
package linreg

import (
	"context"
	"fmt"
)

// Covariance names an estimator of the covariance matrix of the estimates.
type Covariance int

const (
	// Classical is σ²·(X'WX)⁻¹: errors of equal variance, given the weights.
	Classical Covariance = iota
	// HC0 allows for unequal variances: (X'WX)⁻¹·X'W·diag(e²)·WX·(X'WX)⁻¹.
	HC0
	// HC1 is HC0 times n/(n−p).
	HC1
	// HC2 is HC0 with e²/(1−h), h the leverage of the row.
	HC2
	// HC3 is HC0 with e²/(1−h)².
	HC3
	// Clustered allows for dependence within clusters: HC0 with the scores w·e·x
	// summed by cluster first, times G/(G−1)·(n−1)/(n−p). Tests and limits use
	// t with G−1 degrees of freedom.
	Clustered
)

// String returns the name as users write it: classical, HC0 … HC3, cluster.
func (c Covariance) String() string {
	names := [...]string{"classical", "HC0", "HC1", "HC2", "HC3", "cluster"}
	if c < 0 || int(c) >= len(names) {
		return fmt.Sprintf("Covariance(%d)", int(c))
	}
	return names[c]
}

const (
	defaultConfidence = 0.95
	defaultTolerance  = 1e-10
)

// Regression says how to fit. Its zero value is ordinary least squares without
// intercept.
type Regression struct {
	Intercept  bool
	Covariance Covariance

	// Ridge is λ, in units of squared features; it is not divided by n and
	// features are not standardised. With λ > 0 only estimates, RSS, R2,
	// EffectiveDF, Durbin–Watson and Jarque–Bera are defined; no standard error
	// of a biased estimate is.
	Ridge float64

	// Confidence is the level of limits, between 0 and 1. Defaults to 0.95.
	Confidence float64

	// Tolerance drops a column if what is left of it after projection on the
	// columns before it is at most Tolerance of its length. Defaults to 1e-10:
	// float64 columns that are dependent on paper leave about 1e-16. Programs
	// that factor in float64 must use 1e-7 (R), and so cannot fit the NIST set
	// Filip, which leaves 5e-8. Ridge drops no column.
	Tolerance float64

	// Workers is the number of goroutines that read rows; 0 means GOMAXPROCS.
	// The result does not depend on it.
	Workers int
}

// withDefaults returns r with zero values replaced.
func (r Regression) withDefaults() Regression {
	if r.Confidence == 0 {
		r.Confidence = defaultConfidence
	}
	if r.Tolerance == 0 {
		r.Tolerance = defaultTolerance
	}
	return r
}

// validate checks the settings.
func (r Regression) validate() error {
	switch {
	case !(r.Confidence > 0 && r.Confidence < 1):
		return fmt.Errorf("linreg: %w: confidence %g, want 0 < confidence < 1", ErrParameter, r.Confidence)
	case !(r.Ridge >= 0) || r.Ridge-r.Ridge != 0:
		return fmt.Errorf("linreg: %w: ridge %g, want 0 ≤ ridge < ∞", ErrParameter, r.Ridge)
	case !(r.Tolerance > 0 && r.Tolerance < 1):
		return fmt.Errorf("linreg: %w: tolerance %g, want 0 < tolerance < 1", ErrParameter, r.Tolerance)
	case r.Covariance < Classical || r.Covariance > Clustered:
		return fmt.Errorf("linreg: %w: %v, want classical, HC0 to HC3 or cluster", ErrParameter, r.Covariance)
	case r.Ridge > 0 && r.Covariance != Classical:
		return fmt.Errorf("linreg: %w: %v with ridge %g: a ridge fit has no covariance", ErrParameter, r.Covariance, r.Ridge)
	}
	return nil
}

// Fit fits the rows of d, which it does not change.
//
// Errors: [ErrNoRows], [ErrNoTerms], [ErrLength], [ErrNotFinite] (a
// [*NotFiniteError]), [ErrWeight], [ErrOrder], [ErrClusters], [ErrParameter],
// [ErrRange], [ErrTooManyTerms]; the context's, if it ends first. Too few rows are no error: n = p
// gives a perfect fit whose standard errors are NaN, n < p drops columns.
//
// Cost: time O(n·p²), and about 80 ns times p³ over the workers for the system; see
// [Regression.Memory] for bytes, to which a copy of the rows comes if some have
// weight 0. HC2 and HC3 take another O(n·p²).
func (r Regression) Fit(ctx context.Context, d Data) (*Fit, error) {
	r = r.withDefaults()
	if err := r.validate(); err != nil {
		return nil, err
	}
	rows, err := r.prepare(d)
	if err != nil {
		return nil, err
	}
	summary := NewSummary(len(d.X))
	if err := summary.addRows(ctx, rows, r.Workers); err != nil {
		return nil, err
	}
	e, err := r.extract(summary)
	if err != nil {
		return nil, err
	}
	s, err := r.solve(ctx, e)
	if err != nil {
		return nil, err
	}
	fit := r.describe(e, s)
	if err := fit.checkRange(); err != nil { // before residuals are asked for
		return nil, err
	}
	if err := r.secondPass(ctx, fit, secondInput{rows: rows, solution: s}); err != nil {
		return nil, err
	}
	return fit, fit.checkRange()
}

// FitSummary fits rows that are known by their summary only. The result is that
// of [Regression.Fit], bit by bit, but for Durbin–Watson, Breusch–Pagan and
// Jarque–Bera, which are NaN.
//
// Errors: [ErrNoRows], [ErrNoTerms], [ErrParameter], [ErrRange]; [ErrNeedsRows]
// for a covariance other than Classical.
func (r Regression) FitSummary(summary *Summary) (*Fit, error) {
	r = r.withDefaults()
	if err := r.validate(); err != nil {
		return nil, err
	}
	if r.Covariance != Classical {
		return nil, fmt.Errorf("linreg: %w: covariance %v", ErrNeedsRows, r.Covariance)
	}
	e, err := r.extract(summary)
	if err != nil {
		return nil, err
	}
	s, err := r.solve(context.Background(), e)
	if err != nil {
		return nil, err
	}
	fit := r.describe(e, s)
	r.classical(fit, s)
	r.test(fit, fit.DFResidual)
	return fit, fit.checkRange()
}
