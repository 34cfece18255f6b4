package logreg

import (
	"context"
	"fmt"
	"math"
)

// Fit estimates the model for one group of rows. A fit that did not converge is
// no error: Model.Converged says so.
//
// It takes O(n·q²/workers) time an iteration for q terms, 5 to 10 iterations as
// a rule, and 8·n·(p+3) bytes. Without penalty, columns that are linear
// combinations of earlier ones are dropped, as R does: later columns lose.
//
// Errors: [ErrParameter], [ErrLength], [ErrNotFinite], [ErrWeight], [ErrNoRows];
// [ErrOneClass] with an intercept; [ErrSeparation] and [ErrIllConditioned]
// without penalty; that of ctx.
func (c Config) Fit(ctx context.Context, d Data) (*Model, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	if err := d.validate(); err != nil {
		return nil, err
	}
	m := newDesign(d, c)
	if m.n == 0 {
		return nil, fmt.Errorf("logreg: %w: %d rows, %d of weight 0", ErrNoRows, len(d.Y), len(d.Y))
	}
	yes, no := m.classes()
	if c.Intercept && (yes == 0 || no == 0) {
		return nil, fmt.Errorf("logreg: %w: %t in all %d rows", ErrOneClass, yes > 0, m.n)
	}
	start, err := m.prepare(ctx, c, m.start(yes, no))
	if err != nil {
		return nil, err
	}
	s := newSolver(m, c)
	found, err := s.run(ctx, start)
	if err != nil {
		return nil, err
	}
	return s.report(found, yes, no)
}

// prepare drops dependent columns and makes nearly dependent ones orthogonal,
// where there is no penalty, and returns the state at the start.
func (m *design) prepare(ctx context.Context, c Config, beta []float64) (*state, error) {
	start, err := m.evaluate(ctx, beta)
	if err != nil {
		return nil, err
	}
	if c.penalised() {
		return start, nil
	}
	dropped, unit, err := m.dependent(ctx, start.hessian)
	if err != nil {
		return nil, err
	}
	if unit == nil {
		return start, nil
	}
	m.drop(dropped)
	m.orthogonalise(unit, dropped)
	return m.evaluate(ctx, beta[:m.terms()])
}

// report turns a solution into a model in the units of x.
func (s *solver) report(found *solution, yes, no float64) (*Model, error) {
	total := yes + no
	m := &Model{
		N: s.n, NZeroWeight: len(s.data.Y) - s.n, SumWeights: total,
		Objective: s.objective(found.state), LogLikelihood: -found.loss, Deviance: 2 * found.loss,
		NullDeviance: 2 * total * math.Ln2, AIC: math.NaN(), BIC: math.NaN(), McFadden: math.NaN(),
		Iterations: found.iterations, Converged: found.converged,
		intercept: s.intercept, confidence: s.config.Confidence,
	}
	if s.intercept {
		m.NullDeviance = 2 * (yes*math.Log1p(no/yes) + no*math.Log1p(yes/no))
		m.McFadden = 1 - m.Deviance/m.NullDeviance
	}
	if !s.config.penalised() {
		k := float64(s.terms())
		m.AIC = m.Deviance + 2*k
		m.BIC = m.Deviance + math.Log(float64(s.n))*k
	}
	if err := s.reportTerms(m, found); err != nil {
		return nil, err
	}
	return m, nil
}

// leastVariance is the smallest float64 with all its bits: what is below has lost
// some, or all, and a standard error of 0 would make any estimate significant.
const leastVariance = 0x1p-1022

// reportTerms fills terms and covariance. Terms that were dropped are NaN.
func (s *solver) reportTerms(m *Model, found *solution) error {
	beta := s.original(found.beta)
	m.Terms = s.emptyTerms()
	place := make([]int, 0, len(beta)) // of each estimated term in m.Terms
	if s.intercept {
		place = append(place, 0)
	}
	for _, column := range s.column {
		place = append(place, column+s.offset())
	}
	for _, t := range place {
		m.Terms[t].Dropped = false
	}
	if s.config.penalised() {
		for i, t := range place {
			m.Terms[t].Estimate, m.Terms[t].OddsRatio = beta[i], math.Exp(beta[i])
		}
		return nil
	}
	f, ok := factor(found.hessian, len(beta))
	if !ok {
		return fmt.Errorf("logreg: %w: no covariance", ErrIllConditioned)
	}
	vcov := s.covariance(f.inverse())
	m.hessian = s.originalHessian(found.hessian)
	m.Vcov = nans(len(m.Terms))
	quantile := normalQuantile(s.config.Confidence)
	for i, t := range place {
		if v := beta[i] + vcov[i][i]; v-v != 0 {
			return fmt.Errorf("logreg: %w: estimate %g, variance %g of column %d",
				ErrNotFinite, beta[i], vcov[i][i], m.Terms[t].Column)
		}
		if !(vcov[i][i] >= leastVariance) {
			return fmt.Errorf("logreg: %w: estimate %g, variance below %g of column %d",
				ErrNotFinite, beta[i], leastVariance, m.Terms[t].Column)
		}
		m.Terms[t].infer(beta[i], math.Sqrt(vcov[i][i]), quantile)
		for j, u := range place {
			m.Vcov[t][u] = vcov[i][j]
		}
	}
	return nil
}

// emptyTerms lists all terms as dropped.
func (s *solver) emptyTerms() []Term {
	nan := math.NaN()
	var out []Term
	for column := -s.offset(); column < len(s.data.X); column++ {
		t := Term{Column: column, Dropped: true, PValue: nan}
		t.infer(nan, nan, nan)
		out = append(out, t)
	}
	return out
}

func nans(q int) [][]float64 {
	out := make([][]float64, q)
	for i := range out {
		out[i] = make([]float64, q)
		for j := range out[i] {
			out[i][j] = math.NaN()
		}
	}
	return out
}
