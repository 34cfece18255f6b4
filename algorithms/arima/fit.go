package arima

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/millrace/millrace/algorithms/parallel"
)

// Options steer the search for the estimate.
type Options struct {
	// Starts is the number of points from which the search descends, besides
	// zero. Defaults to 24, and to less, down to 6, if n times the largest lag
	// exceeds 20000; 1 is fast and may end in a local maximum.
	Starts int
	// MaxIterations bounds the quasi-Newton steps per start. Defaults to 300.
	MaxIterations int
	// Tolerance bounds the gradient of the log likelihood per unit of the
	// transformed coefficients. Defaults to 1e-5.
	Tolerance float64
}

// withDefaults fills what was left open.
func (o Options) withDefaults() Options {
	if o.MaxIterations == 0 {
		o.MaxIterations = 300
	}
	if o.Tolerance == 0 {
		o.Tolerance = 1e-5
	}
	return o
}

// validate returns the first broken bound.
func (o Options) validate() error {
	if o.Starts < 0 || o.Starts > 10000 {
		return fmt.Errorf("arima: %w: %d starts, want 1 to 10000, or 0 for the default", ErrParameter, o.Starts)
	}
	if o.MaxIterations < 1 {
		return fmt.Errorf("arima: %w: %d iterations, want at least 1", ErrParameter, o.MaxIterations)
	}
	if !(o.Tolerance > 0) {
		return fmt.Errorf("arima: %w: tolerance %g, want more than 0", ErrParameter, o.Tolerance)
	}
	return nil
}

// startsFor returns the number of starts for a problem. Long series have
// likelihoods that are dear but smooth.
func (o Options) startsFor(p *problem) int {
	if o.Starts > 0 {
		return o.Starts
	}
	size := len(p.data.Y) * max(1, p.spec.P+p.spec.SP*p.spec.Period, p.spec.Q+p.spec.SQ*p.spec.Period)
	return max(6, min(24, 24*20000/size))
}

// Fit estimates a model.
//
// [ML] maximises the exact Gaussian likelihood of the observed values given
// the first d + D·period values; those of them that are missing are integrated
// out. sigma2 and the regression are profiled out by generalised least squares.
// [CSS] minimises the conditional sum of squares among stationary and
// invertible models: residuals start at t = d + D·period + p + P·period with
// earlier ones 0. [CSSML] is ML from the CSS estimate as the only start.
//
// The search descends from many points at once on all processors; the result
// does not depend on their number.
//
// Cost: O(n·(max(p+P·period, q+Q·period+1) + k)) per likelihood without missing
// values, with k regressors; with them the first factor is squared. A fit takes
// some thousand likelihoods.
//
// Errors: [ErrTooShort], [ErrConstant], [ErrOrder], [ErrPeriod], [ErrValue],
// [ErrMissing], [ErrShape], [ErrCollinear], [ErrParameter], and that of ctx.
func Fit(ctx context.Context, data Data, spec Spec, options Options) (*Model, error) {
	options = options.withDefaults()
	if err := options.validate(); err != nil {
		return nil, err
	}
	p, err := newProblem(data, spec)
	if err != nil {
		return nil, err
	}
	options.Starts = options.startsFor(p)
	best, err := p.search(ctx, options)
	if err != nil {
		return nil, err
	}
	return p.model(best)
}

// search finds the free numbers of the estimate.
func (p *problem) search(ctx context.Context, o Options) (minimum, error) {
	switch p.spec.Method {
	case CSS:
		return p.descendInside(ctx, o)
	case CSSML:
		if p.holes() {
			return p.refine(ctx, o, [][]float64{make([]float64, p.spec.coefficients())})
		}
		start, err := p.descendInside(ctx, o)
		if err != nil {
			return minimum{}, err
		}
		return p.refine(ctx, o, [][]float64{start.x})
	}
	if !p.filtered && len(p.missing) <= fewMissing {
		return p.descend(ctx, o, exactObjective)
	}
	// Many gaps make a likelihood dear: find the basins on the series with its
	// gaps filled, then descend in the best of them on the exact likelihood.
	filled, err := p.filled()
	if err != nil {
		return minimum{}, err
	}
	minima, err := filled.minima(ctx, o, exactObjective)
	if err != nil {
		return minimum{}, err
	}
	return p.refine(ctx, o, distinct(minima, 6))
}

// fewMissing is the number of missing values up to which all starts descend on
// the exact likelihood.
const fewMissing = 10

// filled returns the problem with every gap interpolated.
func (p *problem) filled() (*problem, error) {
	data := p.data
	data.Y = interpolate(data.Y)
	return newProblem(data, p.spec)
}

// objectiveOf makes the function to minimise for one goroutine.
type objectiveOf func(context.Context, *evaluator) objective

// exactObjective is minus the exact log likelihood.
func exactObjective(ctx context.Context, e *evaluator) objective {
	return e.minus(ctx, e.logLik)
}

// conditionalObjective is minus the conditional log likelihood.
func conditionalObjective(ctx context.Context, e *evaluator) objective {
	return e.minus(ctx, e.conditional)
}

// minus turns a likelihood of coefficients into an objective of free numbers.
// Once ctx is done it is nowhere defined, so that every search soon ends.
func (e *evaluator) minus(ctx context.Context, likelihood func([]float64) (estimate, bool)) objective {
	return func(free []float64) float64 {
		if ctx.Err() != nil {
			return math.Inf(1)
		}
		out, ok := likelihood(e.p.spec.coefficientsFrom(free))
		if !ok {
			return math.Inf(1)
		}
		return -out.logLik
	}
}

// descend returns the lowest minimum, polished.
func (p *problem) descend(ctx context.Context, o Options, of objectiveOf) (minimum, error) {
	minima, err := p.minima(ctx, o, of)
	if err != nil {
		return minimum{}, err
	}
	return p.polish(ctx, o, of, lowest(minima))
}

// descendInside returns the lowest minimum of the conditional sum of squares
// among those with roots beyond 1.001, or the lowest of all if there is none.
// Next to the unit circle and past it the residuals taken as 0 bend the
// recursion towards the data, so that the sum falls without meaning.
func (p *problem) descendInside(ctx context.Context, o Options) (minimum, error) {
	minima, err := p.minima(ctx, o, conditionalObjective)
	if err != nil {
		return minimum{}, err
	}
	inside := slices.DeleteFunc(slices.Clone(minima), func(m minimum) bool {
		return p.spec.smallestRoot(p.spec.coefficientsFrom(m.x)) < 1.001
	})
	if len(inside) > 0 {
		minima = inside
	}
	return p.polish(ctx, o, conditionalObjective, lowest(minima))
}

// refine returns the lowest minimum of the exact likelihood from the starts.
func (p *problem) refine(ctx context.Context, o Options, starts [][]float64) (minimum, error) {
	minima, err := p.descendAll(ctx, o, exactObjective, starts)
	if err != nil {
		return minimum{}, err
	}
	return p.polish(ctx, o, exactObjective, lowest(minima))
}

// polish descends once more from a minimum with a fresh Hessian and a tolerance
// a hundred times smaller.
func (p *problem) polish(ctx context.Context, o Options, of objectiveOf, m minimum) (minimum, error) {
	if err := ctx.Err(); err != nil {
		return m, fmt.Errorf("arima: search stopped: %w", err)
	}
	if math.IsInf(m.f, 1) || math.IsNaN(m.f) {
		return m, fmt.Errorf("arima: %w: %d values in the places observed leave %s undetermined", ErrTooShort, p.used+len(p.lags), p.spec)
	}
	s := search{maxIterations: o.MaxIterations, tolerance: o.Tolerance / 100}
	out, err := s.minimise(ctx, of(ctx, newEvaluator(p)), m.x)
	if err != nil {
		return m, fmt.Errorf("arima: search stopped: %w", err)
	}
	out.iterations += m.iterations
	out.converged = out.converged || m.converged
	return out, nil
}

// minima screens the starts and descends from the best.
func (p *problem) minima(ctx context.Context, o Options, of objectiveOf) ([]minimum, error) {
	k := p.spec.coefficients()
	starts := [][]float64{make([]float64, k)}
	if k > 0 {
		points := append(p.spec.scatter(4*(k+2)*o.Starts/3), p.spec.cancelling()...)
		starts = append(starts, screen(of(ctx, newEvaluator(p)), points, o.Starts)...)
	}
	return p.descendAll(ctx, o, of, starts)
}

// descendAll descends from every start, in parallel, and returns the minima in
// the order of the starts.
func (p *problem) descendAll(ctx context.Context, o Options, of objectiveOf, starts [][]float64) ([]minimum, error) {
	s := search{maxIterations: o.MaxIterations, tolerance: o.Tolerance}
	out := make([]minimum, len(starts))
	errs := make([]error, len(starts))
	inParallel(len(starts), func(i int) {
		out[i], errs[i] = s.minimise(ctx, of(ctx, newEvaluator(p)), starts[i])
	})
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("arima: search stopped: %w", err)
		}
	}
	return out, nil
}

// inParallel calls work(0) … work(n−1) on all processors and waits. A panic in
// work is one here.
func inParallel(n int, work func(int)) {
	var next atomic.Int64
	var group parallel.Group
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	group.Wait()
}

// lowest returns the first of the lowest minima.
func lowest(minima []minimum) minimum {
	best := minima[0]
	for _, m := range minima[1:] {
		if m.f < best.f {
			best = m
		}
	}
	return best
}

// distinct returns the points of the count lowest minima that differ in value
// by more than 0.01.
func distinct(minima []minimum, count int) [][]float64 {
	var out [][]float64
	below := math.Inf(-1)
	for len(out) < count {
		best := -1
		for i, m := range minima {
			if m.f > below && (best < 0 || m.f < minima[best].f) {
				best = i
			}
		}
		if best < 0 || math.IsInf(minima[best].f, 1) {
			break
		}
		out = append(out, minima[best].x)
		below = minima[best].f + 0.01
	}
	return out
}
