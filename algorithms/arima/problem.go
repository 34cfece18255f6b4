package arima

import (
	"fmt"
	"math"
	"slices"
)

// problem is a series prepared for estimation: regressors made orthonormal,
// everything differenced where no value is missing.
type problem struct {
	spec  Spec
	data  Data
	names []string // of the regression coefficients: mean, drift, regressors
	lags  []float64
	used  int // observed values less the lags
	// missing lists the positions of the values that the likelihood integrates
	// out with a flat prior, as regressions on a pulse: all missing ones, or, if
	// filtered, only the first initial of them, which lie among the recalled
	// values.
	missing []int
	initial int
	// filtered says that a Kalman filter skips the other missing values. It is
	// the cheaper way if they are many.
	filtered bool
	// columns are what the likelihood whitens: a pulse per element of missing,
	// the orthonormal regressors, and the series last. They are differenced,
	// unless filtered.
	columns [][]float64
	// basis maps coefficients of the orthonormal regressors to the real ones.
	basis basis
	// design holds the regressors as they are, length n each.
	design [][]float64
}

// newProblem checks the data against the specification.
//
// Errors: those of [Fit].
func newProblem(data Data, spec Spec) (*problem, error) {
	spec = spec.withDefaults()
	if err := spec.validate(); err != nil {
		return nil, err
	}
	observed, err := data.validate()
	if err != nil {
		return nil, err
	}
	p := &problem{spec: spec, data: data, lags: spec.lags()}
	p.used = observed - len(p.lags)
	p.names, p.design = design(data, spec)
	need := len(p.lags) + spec.coefficients() + len(p.names) + 2
	if spec.Method != ML {
		need += spec.P + spec.SP*spec.Period // residuals that CSS takes as 0
	}
	if observed < need {
		return nil, fmt.Errorf("arima: %w: %d values observed, %s by %q needs %d", ErrTooShort, observed, spec, spec.Method, need)
	}
	if err := p.orthonormalise(); err != nil {
		return nil, err
	}
	if err := p.checkVariation(); err != nil {
		return nil, err
	}
	return p, p.layout()
}

// design returns the names and columns of the regression.
func design(data Data, spec Spec) ([]string, [][]float64) {
	var names []string
	var columns [][]float64
	if spec.Mean {
		names, columns = append(names, "mean"), append(columns, trend(len(data.Y), 0, 1))
	}
	if spec.Drift {
		names, columns = append(names, "drift"), append(columns, trend(len(data.Y), 1, 1))
	}
	return append(names, data.names()...), append(columns, data.X...)
}

// trend returns n values first, first + slope, …
func trend(n int, slope, first float64) []float64 {
	out := make([]float64, n)
	for t := range out {
		out[t] = first + slope*float64(t)
	}
	return out
}

// orthonormalise finds the basis in which the differenced regressors are
// orthonormal.
func (p *problem) orthonormalise() error {
	columns := make([][]float64, len(p.design))
	for j, x := range p.design {
		columns[j] = apply(p.lags, x)
		// What differencing leaves of a polynomial is rounding: call it zero.
		if norm(columns[j]) <= 1e-12*norm(x) {
			return fmt.Errorf("arima: %w: %q vanishes after %d differences", ErrCollinear, p.names[j], p.spec.D+p.spec.SD)
		}
	}
	var bad int
	p.basis, bad = newBasis(columns)
	if bad >= 0 {
		return fmt.Errorf("arima: %w: %q depends on those before it after %d differences", ErrCollinear, p.names[bad], p.spec.D+p.spec.SD)
	}
	return nil
}

// checkVariation rejects a series that differencing and regression explain
// without error. Where gaps hide too many differences the likelihood decides.
func (p *problem) checkVariation() error {
	x := make([][]float64, len(p.design))
	for j, column := range p.design {
		x[j] = apply(p.lags, column)
	}
	columns := observedRows(x, apply(p.lags, p.data.Y))
	n := len(columns[len(x)])
	if n <= len(x) {
		return nil
	}
	scale := largest(observedOnly(p.data.Y))
	if fit := project(columns, 0); math.Sqrt(fit.rss/float64(n)) <= 1e-12*scale {
		return fmt.Errorf("arima: %w: %d differenced values leave residuals of at most %g, want more than %g",
			ErrConstant, n, math.Sqrt(fit.rss), 1e-12*scale)
	}
	return nil
}

// observedRows returns the columns x and, last, y without the rows in which y
// is NaN.
func observedRows(x [][]float64, y []float64) [][]float64 {
	columns := make([][]float64, len(x)+1)
	for t, v := range y {
		if math.IsNaN(v) {
			continue
		}
		for j := range x {
			columns[j] = append(columns[j], x[j][t])
		}
		columns[len(x)] = append(columns[len(x)], v)
	}
	return columns
}

// holes says whether a value is missing.
func (p *problem) holes() bool { return p.used+len(p.lags) < len(p.data.Y) }

// layout builds the columns.
func (p *problem) layout() error {
	for t, v := range p.data.Y {
		if math.IsNaN(v) {
			p.missing = append(p.missing, t)
			if t < len(p.lags) {
				p.initial++
			}
		}
	}
	if p.holes() && p.spec.Method == CSS {
		return fmt.Errorf("arima: %w: %d of %d values, method %q allows none", ErrMissing,
			len(p.missing), len(p.data.Y), CSS)
	}
	p.filtered = p.cheaperFiltered()
	prepare := func(u []float64) []float64 { return apply(p.lags, u) }
	if p.filtered {
		p.missing = p.missing[:p.initial]
		prepare = slices.Clone[[]float64]
	}
	for _, at := range p.missing {
		p.columns = append(p.columns, prepare(pulse(len(p.data.Y), at)))
	}
	for _, x := range p.basis.orthonormal(p.design) {
		p.columns = append(p.columns, prepare(x))
	}
	y := slices.Clone(p.data.Y)
	for _, at := range p.missing {
		y[at] = 0
	}
	p.columns = append(p.columns, prepare(y))
	return nil
}

// cheaperFiltered compares the operations per value of the two ways to treat
// missing values.
func (p *problem) cheaperFiltered() bool {
	count := len(p.missing)
	r := max(p.spec.P+p.spec.SP*p.spec.Period, p.spec.Q+p.spec.SQ*p.spec.Period+1)
	m := r + len(p.lags)
	return count > 0 && (count+2)*r+count*count > 4*m*m
}

// pulse returns n values, 1 at one position and 0 elsewhere.
func pulse(n, at int) []float64 {
	out := make([]float64, n)
	out[at] = 1
	return out
}
