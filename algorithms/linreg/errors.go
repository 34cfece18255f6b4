package linreg

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/algorithms/suffstat"
)

var (
	// ErrNoRows says that no row has a positive weight.
	ErrNoRows = errors.New("no rows")
	// ErrNoTerms says that there is neither a column nor an intercept.
	ErrNoTerms = errors.New("no terms")
	// ErrLength says that columns, target, weights, clusters or order differ in length.
	ErrLength = errors.New("lengths differ")
	// ErrNotFinite says that a value is NaN or infinite: leave the row out or
	// repair it. Errors that match it are of type [*NotFiniteError].
	ErrNotFinite = errors.New("not finite")
	// ErrWeight says that a weight is negative.
	ErrWeight = errors.New("negative weight")
	// ErrOrder says that Order is not a permutation of the rows.
	ErrOrder = errors.New("not a permutation")
	// ErrClusters says that the rows form a single cluster; two are needed, and
	// dozens for limits to be trusted.
	ErrClusters = errors.New("too few clusters")
	// ErrParameter says that a setting is outside its range.
	ErrParameter = errors.New("bad parameter")
	// ErrNeedsRows says that a statistic cannot be found from a summary.
	ErrNeedsRows = errors.New("needs the rows")
	// ErrTooManyTerms says that there are more than [MaxTerms]: leave out features, or
	// merge levels. Errors that match it are of type [*TooManyTermsError].
	ErrTooManyTerms = errors.New("too many terms")
	// ErrRange says that a product, an estimate or a variance is beyond the largest
	// float64: rescale.
	ErrRange = suffstat.ErrRange
)

// TooManyTermsError tells how many terms there are.
type TooManyTermsError struct{ Terms, Max int }

// Error implements error.
func (e *TooManyTermsError) Error() string {
	return fmt.Sprintf("linreg: %v: %d, at most %d", ErrTooManyTerms, e.Terms, e.Max)
}

// Unwrap makes the error match [ErrTooManyTerms].
func (e *TooManyTermsError) Unwrap() error { return ErrTooManyTerms }

// Columns of a [NotFiniteError] that are not features.
const (
	TargetColumn = -1
	WeightColumn = -2
)

// NotFiniteError tells where a NaN or an infinity was found: the first in the
// order features, target, weights.
type NotFiniteError struct {
	Column int // index into X, TargetColumn or WeightColumn
	Row    int
	Value  float64
}

// Error implements error.
func (e *NotFiniteError) Error() string {
	name := fmt.Sprintf("column %d", e.Column)
	switch e.Column {
	case TargetColumn:
		name = "target"
	case WeightColumn:
		name = "weight"
	}
	return fmt.Sprintf("linreg: %v: %s, row %d: %g", ErrNotFinite, name, e.Row, e.Value)
}

// Unwrap makes the error match [ErrNotFinite].
func (e *NotFiniteError) Unwrap() error { return ErrNotFinite }
