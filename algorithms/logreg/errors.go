package logreg

import "errors"

// Errors of [Config.Fit] and [Predictor.Predict]. Each is wrapped with the
// number that broke the rule and the bound.
var (
	// ErrNoRows: no row has a positive weight. Widen the filter or check weights.
	ErrNoRows = errors.New("no rows")

	// ErrOneClass: the target is the same in all rows, so the intercept has no
	// finite estimate, whatever the penalty. Widen the filter or merge groups.
	ErrOneClass = errors.New("target has one class only")

	// ErrSeparation: some features predict the target without error in some
	// direction, so the likelihood has no finite maximum. The error is a
	// [*SeparationError], which says which features. Remove or merge them, or
	// set L1 or L2 above 0.
	ErrSeparation = errors.New("separation")

	// ErrNotFinite: a feature or weight is NaN or infinite, and the error is a
	// [*ValueError] naming row and column; or a result is beyond float64, as with
	// a feature around 1e-200 or the variance of one around 1e200: choose another
	// unit.
	ErrNotFinite = errors.New("value not finite")

	// ErrWeight: a weight is negative or above MaxWeight. The error is a
	// [*ValueError].
	ErrWeight = errors.New("weight out of range")

	// ErrLength: columns, target and weights differ in length.
	ErrLength = errors.New("lengths differ")

	// ErrParameter: a field of [Config] is outside its range.
	ErrParameter = errors.New("bad parameter")

	// ErrIllConditioned: the features are so nearly collinear that the Hessian is
	// singular in float64. Remove a feature or set L2 above 0.
	ErrIllConditioned = errors.New("ill-conditioned features")
)
