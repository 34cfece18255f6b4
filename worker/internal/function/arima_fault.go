package function

import (
	"errors"

	"github.com/millrace/millrace/algorithms/arima"
	"github.com/millrace/millrace/worker/internal/fault"
)

// explain turns an error of a series or of the algorithm into the caller's words.
func (c *arimaCall) explain(err error, s sequence) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	data := func(hint string) *fault.Error {
		return fault.New(fault.Data, "%s", reason(err)).WithHint("%s", hint)
	}
	switch {
	case cancelled(err):
		return fault.New(fault.Cancelled, "canceling statement due to user request")
	case errors.Is(err, arima.ErrPeriod) && c.period == 0:
		return fault.New(fault.Parameter, "the times step by %s, which suggests no season, and seasonal_orders need a period", s.clock.describeStep()).
			WithHint("Pass period: the number of steps in a season.")
	case errors.Is(err, arima.ErrOrder), errors.Is(err, arima.ErrPeriod), errors.Is(err, arima.ErrParameter):
		return specFault(err)
	case errors.Is(err, arima.ErrTooShort):
		return data("Supply more observations, or use lower orders or a shorter period.")
	case errors.Is(err, arima.ErrConstant):
		return data("There is nothing to model: lower d or D, or drop regressors; a constant series forecasts itself.")
	case errors.Is(err, arima.ErrMissing):
		return data("Use method => 'ml', which allows NULL values, or fill them.")
	case errors.Is(err, arima.ErrCollinear):
		return data("Drop one of the regressors, or the mean or the drift that it repeats.")
	case errors.Is(err, arima.ErrValue):
		return data("Scale the column, for example value / 1e6.")
	}
	return fault.New(fault.Internal, "arima: %v", err)
}

// specFault is for orders and periods out of bounds.
func specFault(err error) *fault.Error {
	return fault.New(fault.Parameter, "%s", reason(err)).
		WithHint("Orders are {p,d,q} and {P,D,Q}; see SELECT ml.help('arima').")
}
