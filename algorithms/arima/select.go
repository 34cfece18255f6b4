package arima

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Criterion names what a selection minimises.
type Criterion string

// The criteria of [Search].
const (
	AIC  Criterion = "aic"
	AICc Criterion = "aicc"
	BIC  Criterion = "bic"
)

// Limits bound the orders of a selection.
type Limits struct {
	P, D, Q    int
	SP, SD, SQ int
	// Sum bounds p+q+P+Q of an exhaustive search.
	Sum int
}

// DefaultLimits are the bounds of Hyndman and Khandakar.
func DefaultLimits() Limits {
	return Limits{P: 5, D: 2, Q: 5, SP: 2, SD: 1, SQ: 2, Sum: 5}
}

// Search steers a selection of orders.
type Search struct {
	// Period is the number of steps in a season; below 2 there is none.
	Period int
	// D and SD fix the differences. Default to tests: KPSS at 5 % for D,
	// seasonal strength above 0.64 for SD.
	D, SD *int
	// Criterion to minimise. Defaults to [AICc].
	Criterion Criterion
	// Limits of the orders. Defaults to [DefaultLimits].
	Limits *Limits
	// NoConstant excludes mean and drift.
	NoConstant bool
	// Exhaustive tries all orders within the limits instead of stepping.
	Exhaustive bool
	// Options of the final fit. Candidates descend from a sixth of
	// its Starts.
	Options Options
}

// withDefaults fills what was left open.
func (s Search) withDefaults() Search {
	if s.Criterion == "" {
		s.Criterion = AICc
	}
	if s.Limits == nil {
		limits := DefaultLimits()
		s.Limits = &limits
	}
	s.Options = s.Options.withDefaults()
	return s
}

// validate returns the first broken bound.
func (s Search) validate() error {
	switch s.Criterion {
	case AIC, AICc, BIC:
	default:
		return fmt.Errorf("arima: %w: criterion %q, want %q, %q or %q", ErrParameter, s.Criterion, AIC, AICc, BIC)
	}
	l := *s.Limits
	// Differences that are given are checked in place of their limits.
	if s.D != nil {
		l.D = *s.D
	}
	if s.SD != nil {
		l.SD = *s.SD
	}
	if l.Sum < 0 {
		return fmt.Errorf("arima: %w: sum of orders at most %d, want at least 0", ErrOrder, l.Sum)
	}
	bound := Spec{P: l.P, D: l.D, Q: l.Q, SP: l.SP, SD: l.SD, SQ: l.SQ, Period: s.Period, Method: ML}
	if s.Period < 2 {
		if s.SD != nil && *s.SD > 0 {
			return fmt.Errorf("arima: %w: %d with %d seasonal differences, want at least 2", ErrPeriod, s.Period, *s.SD)
		}
		bound.SP, bound.SD, bound.SQ, bound.Period = 0, 0, 0, 1
	}
	if err := bound.validate(); err != nil {
		return err
	}
	return s.Options.validate()
}

// Candidate is a model that a selection looked at.
type Candidate struct {
	Spec Spec
	// Value of the criterion; +Inf for a model that has no estimate or a root
	// within 1.01 of the unit circle.
	Value float64
}

// Selection is the outcome of a search for orders.
type Selection struct {
	Model *Model
	Tried []Candidate // in the order of the search
}

// Select chooses the orders of a model and fits it.
//
// Differences come from tests. The other orders come from the stepwise search
// of Hyndman and Khandakar: from the best of four simple models it moves to the
// best neighbour that lowers the criterion, where neighbours change one or two
// orders by one, or take the constant in or out, until none does. The constant
// is a mean without differences, a drift with one, and absent with more.
// Models with a root closer to the unit circle than 1.01 are left out.
//
// Cost: some fifty fits with few starts, in parallel, and a full one.
//
// Errors: those of [Fit]; [ErrTooShort] also if no model can be fitted.
//
// Source: Hyndman and Khandakar, section 3.2.
func Select(ctx context.Context, data Data, search Search) (*Selection, error) {
	search = search.withDefaults()
	if err := search.validate(); err != nil {
		return nil, err
	}
	observed, err := data.validate()
	if err != nil {
		return nil, err
	}
	if constant(data.Y) {
		return nil, fmt.Errorf("arima: %w: all of %d observed values are equal", ErrConstant, observed)
	}
	s, err := newSelector(data, search, observed)
	if err != nil {
		return nil, err
	}
	if search.Exhaustive {
		err = s.try(ctx, s.all())
	} else {
		err = s.step(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s.finish(ctx)
}

// selector is a search under way.
type selector struct {
	data   Data
	search Search
	limits Limits
	base   Spec // differences and period
	// constantAllowed says whether a mean or a drift may be tried.
	constantAllowed bool
	seen            map[Spec]bool
	tried           []Candidate
	best            int // index in tried, −1 before the first finite value
	firstErr        error
}

// newSelector chooses the differences and lowers the limits to what the length
// of the series allows.
func newSelector(data Data, search Search, observed int) (*selector, error) {
	s := &selector{data: data, search: search, limits: *search.Limits, seen: map[Spec]bool{}, best: -1}
	s.base = Spec{Period: max(1, search.Period), Method: ML}
	s.limits.P, s.limits.Q = min(s.limits.P, observed/3), min(s.limits.Q, observed/3)
	if search.Period < 2 {
		s.limits.SP, s.limits.SD, s.limits.SQ = 0, 0, 0
	} else {
		s.limits.SP = min(s.limits.SP, observed/3/search.Period)
		s.limits.SQ = min(s.limits.SQ, observed/3/search.Period)
		// A lag of a period is the seasonal factor's.
		if s.limits.SP > 0 {
			s.limits.P = min(s.limits.P, search.Period-1)
		}
		if s.limits.SQ > 0 {
			s.limits.Q = min(s.limits.Q, search.Period-1)
		}
	}
	s.chooseDifferences()
	return s, s.checkSimplest()
}

// checkSimplest says what is wrong with a series that not even a model without
// ARMA terms fits, or that a constant explains fully. It settles whether a
// constant may be tried.
func (s *selector) checkSimplest() error {
	if _, err := newProblem(s.data, s.base); err != nil {
		return err
	}
	if left := spread(apply(s.base.lags(), s.data.Y)); left <= 1e-12*largest(observedOnly(s.data.Y)) {
		return fmt.Errorf("arima: %w: %d differences leave a range of %g", ErrConstant, s.base.D+s.base.SD, left)
	}
	s.constantAllowed = !s.search.NoConstant && s.base.D+s.base.SD <= 1
	if !s.constantAllowed {
		return nil
	}
	switch _, err := newProblem(s.data, s.withConstant(s.base, true)); {
	case errors.Is(err, ErrConstant):
		return err
	case err != nil: // a regressor is the constant, or one value is too few
		s.constantAllowed = false
	}
	return nil
}

// chooseDifferences sets d and D. The tests see the series without its
// regression on the regressors, and never difference a regressor away.
func (s *selector) chooseDifferences() {
	y := residuals(s.data)
	if s.search.SD != nil {
		s.base.SD = *s.search.SD
	} else if s.search.Period > 1 {
		s.base.SD = seasonalDifferences(y, s.search.Period, s.limits.SD)
		for s.base.SD > 0 && s.vanishes() {
			s.base.SD--
		}
	}
	if s.search.D != nil {
		s.base.D = *s.search.D
		return
	}
	s.base.D = differences(apply(s.base.lags(), y), s.limits.D)
	for s.base.D > 0 && s.vanishes() {
		s.base.D--
	}
}

// vanishes says whether differencing makes a regressor constant.
func (s *selector) vanishes() bool {
	for _, x := range s.data.X {
		d := apply(s.base.lags(), x)
		if len(d) == 0 || norm(centre(d)) <= 1e-9*norm(x) {
			return true
		}
	}
	return false
}

// residuals returns y less its least squares fit on a constant and the
// regressors, NaN where y is.
func residuals(data Data) []float64 {
	x := append([][]float64{trend(len(data.Y), 0, 1)}, data.X...)
	fit := project(observedRows(x, data.Y), 0)
	out := append([]float64(nil), data.Y...)
	for j, column := range x[1:] {
		axpy(out, -fit.coef[j+1], column)
	}
	return out
}

// finish fits the best candidate fully. A full search may find an optimum that
// the candidate's few starts missed, with a root too close to one: then the
// next best candidate takes its place.
func (s *selector) finish(ctx context.Context) (*Selection, error) {
	for s.best >= 0 {
		best := &s.tried[s.best]
		m, err := Fit(ctx, s.data, best.Spec, s.search.Options)
		if err != nil {
			return nil, err
		}
		if m.State.Spec.smallestRoot(m.State.Coef) >= rootLimit {
			return &Selection{Model: m, Tried: s.tried}, nil
		}
		best.Value = math.Inf(1)
		s.rank()
	}
	if s.firstErr != nil {
		return nil, s.firstErr
	}
	return nil, fmt.Errorf("arima: %w: none of %d models has an admissible estimate", ErrTooShort, len(s.tried))
}

// rootLimit is the smallest modulus of a root that a selected model may have.
const rootLimit = 1.01

// rank finds the first of the lowest finite values.
func (s *selector) rank() {
	s.best = -1
	for i, c := range s.tried {
		if !math.IsInf(c.Value, 1) && (s.best < 0 || c.Value < s.tried[s.best].Value) {
			s.best = i
		}
	}
}

// value fits a candidate and returns its criterion.
func (s *selector) value(ctx context.Context, spec Spec) (float64, error) {
	p, err := newProblem(s.data, spec)
	if err != nil {
		return math.Inf(1), err
	}
	o := s.search.Options
	o.Starts = max(1, o.startsFor(p)/6)
	m, err := p.search(ctx, o)
	if err != nil {
		return math.Inf(1), err
	}
	if spec.smallestRoot(spec.coefficientsFrom(m.x)) < rootLimit {
		return math.Inf(1), nil
	}
	k := spec.coefficients() + len(p.names)
	out := Model{LogLik: -m.f, NUsed: p.used, Terms: make([]Term, k)}
	out.criteria()
	switch s.search.Criterion {
	case AIC:
		return out.AIC, nil
	case BIC:
		return out.BIC, nil
	}
	return out.AICc, nil
}

// cancelled says whether an error ends the search instead of one candidate.
func cancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
