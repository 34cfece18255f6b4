package logreg

import (
	"fmt"
	"math"
	"runtime"
)

// Defaults of [Config].
const (
	DefaultMaxIterations = 100
	DefaultTolerance     = 1e-8
	DefaultConfidence    = 0.95
)

// MaxWeight bounds a row's weight, so that no product with it overflows.
const MaxWeight = 1e150

// Config holds the settings of a fit. Its zero value is a fit without intercept
// and without penalty. It is safe for concurrent use.
type Config struct {
	// Intercept adds a free term that is not penalised.
	Intercept bool

	// L1 and L2 are the penalties of the package's objective, ≥ 0 and finite.
	L1, L2 float64

	// MaxIterations bounds Newton's steps. Defaults to DefaultMaxIterations.
	MaxIterations int

	// Tolerance bounds the length of the step that the gradient asks for, in the
	// metric of the Hessian: without L1 that is √(g'H⁻¹g), the gradient in
	// standard errors, which does not depend on the units of the features. At
	// the bound each estimate is within Tolerance of its own standard error, and
	// one more step is taken. Where the objective F is below 1 the bound is
	// Tolerance·√F, so that what is left to gain is small beside F too. Defaults
	// to DefaultTolerance.
	Tolerance float64

	// Confidence of the limits, in (0, 1). Defaults to DefaultConfidence.
	Confidence float64

	// Workers is the number of goroutines over the rows. 0 means GOMAXPROCS.
	Workers int
}

// Data is one group of rows, by column. Fit does not change it.
type Data struct {
	X [][]float64 // p columns of length n, without an intercept column
	Y []bool      // length n
	W []float64   // length n, 0 to MaxWeight, or nil for weights of 1; rows of weight 0 are left out
}

// ValueError names the value that was refused.
type ValueError struct {
	Kind   error   // ErrNotFinite or ErrWeight
	Column int     // of X, or −1 for the weights
	Row    int     // from 0
	Value  float64 // as found
}

// Error implements error.
func (e *ValueError) Error() string {
	if e.Column < 0 {
		return fmt.Sprintf("logreg: %v: weight %g in row %d, want 0 ≤ weight ≤ %g", e.Kind, e.Value, e.Row, MaxWeight)
	}
	return fmt.Sprintf("logreg: %v: %g in column %d, row %d", e.Kind, e.Value, e.Column, e.Row)
}

// Unwrap returns Kind.
func (e *ValueError) Unwrap() error { return e.Kind }

func (c Config) withDefaults() Config {
	if c.MaxIterations == 0 {
		c.MaxIterations = DefaultMaxIterations
	}
	if c.Tolerance == 0 {
		c.Tolerance = DefaultTolerance
	}
	if c.Confidence == 0 {
		c.Confidence = DefaultConfidence
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	return c
}

func (c Config) validate() error {
	bad := func(field string, value any, want string) error {
		return fmt.Errorf("logreg: %w: %s %v, want %s", ErrParameter, field, value, want)
	}
	switch {
	case !(c.L1 >= 0) || math.IsInf(c.L1, 0):
		return bad("L1", c.L1, "finite and ≥ 0")
	case !(c.L2 >= 0) || math.IsInf(c.L2, 0):
		return bad("L2", c.L2, "finite and ≥ 0")
	case c.MaxIterations < 0:
		return bad("MaxIterations", c.MaxIterations, "≥ 1")
	case !(c.Tolerance > 0) || math.IsInf(c.Tolerance, 0):
		return bad("Tolerance", c.Tolerance, "finite and > 0")
	case !(c.Confidence > 0 && c.Confidence < 1):
		return bad("Confidence", c.Confidence, "0 < confidence < 1")
	case c.Workers < 0:
		return bad("Workers", c.Workers, "≥ 0")
	}
	return nil
}

// penalised reports whether the objective has a penalty.
func (c Config) penalised() bool { return c.L1 > 0 || c.L2 > 0 }

// validate checks shapes and values in O(n·p).
func (d Data) validate() error {
	n := len(d.Y)
	if d.W != nil && len(d.W) != n {
		return fmt.Errorf("logreg: %w: %d weights, %d rows", ErrLength, len(d.W), n)
	}
	for j, x := range d.X {
		if len(x) != n {
			return fmt.Errorf("logreg: %w: column %d has %d rows, target %d", ErrLength, j, len(x), n)
		}
		for i, v := range x {
			if v-v != 0 {
				return &ValueError{Kind: ErrNotFinite, Column: j, Row: i, Value: v}
			}
		}
	}
	for i, v := range d.W {
		if v-v != 0 {
			return &ValueError{Kind: ErrNotFinite, Column: -1, Row: i, Value: v}
		}
		if v < 0 || v > MaxWeight {
			return &ValueError{Kind: ErrWeight, Column: -1, Row: i, Value: v}
		}
	}
	return nil
}
