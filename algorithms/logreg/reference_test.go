package logreg

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// referenceDigits is what logistic.json promises: 1e-7.
const referenceDigits = 7

type reference struct {
	Cases     []referenceCase
	Separable []struct {
		spec
		Name, Separation string
	}
}

type referenceCase struct {
	spec
	Name      string
	Intercept *bool
	L1, L2    float64
	Groups    []referenceGroup
}

func (c referenceCase) config() Config {
	return Config{Intercept: c.Intercept == nil || *c.Intercept, L1: c.L1, L2: c.L2}
}

type referenceGroup struct {
	Group         map[string]any
	N             int
	NSkipped      int      `json:"n_skipped"`
	NZeroWeight   int      `json:"n_zero_weight"`
	SumWeights    float64  `json:"sum_weights"`
	Objective     float64  `json:"objective"`
	LogLikelihood float64  `json:"log_likelihood"`
	Deviance      float64  `json:"deviance"`
	NullDeviance  float64  `json:"null_deviance"`
	McFadden      *float64 `json:"mcfadden_r2"`
	AIC           *float64 `json:"aic"`
	BIC           *float64 `json:"bic_n_rows"`
	Ratio         *float64 `json:"kkt_largest_ratio_of_zero_terms"`
	Vcov          [][]float64
	Dropped       []string
	Terms         []map[string]any
	Predictions   []struct {
		ID          int
		Probability float64
		LogOdds     float64 `json:"log_odds"`
	}
}

func loadReference(t testing.TB) reference {
	t.Helper()
	var r reference
	algtest.Load(t, "logistic.json", &r)
	if len(r.Cases) != 23 || len(r.Separable) != 6 {
		t.Fatalf("logistic.json has %d cases and %d separable ones, want 23 and 6", len(r.Cases), len(r.Separable))
	}
	return r
}

// least collects the fewest digits that a check reached.
type least struct {
	t      *testing.T
	digits float64
	where  string
}

// want compares, absolutely where the wanted value is a rounded 0.
func (l *least) want(where string, got, want float64) {
	l.t.Helper()
	digits := algtest.Digits(got, want)
	if math.Abs(want) < 1e-12 {
		digits = algtest.Digits(got, 0)
	}
	if digits < referenceDigits {
		l.t.Errorf("%s = %.17g, want %.17g: %.1f digits", where, got, want, digits)
	}
	if l.where == "" || digits < l.digits {
		l.digits, l.where = digits, where
	}
}

// wantNull compares with a value that may be NULL, which is NaN here.
func (l *least) wantNull(where string, got float64, want *float64) {
	l.t.Helper()
	value := math.NaN()
	if want != nil {
		value = *want
	}
	l.want(where, got, value)
}

func TestReference(t *testing.T) {
	for _, c := range loadReference(t).Cases {
		for _, g := range c.Groups {
			t.Run(fmt.Sprint(c.Name, g.Group), func(t *testing.T) {
				t.Parallel()
				s := c.sample(t, g.Group)
				m, err := c.config().Fit(context.Background(), s.data)
				if err != nil {
					t.Fatal(err)
				}
				if !m.Converged {
					t.Errorf("not converged after %d iterations", m.Iterations)
				}
				l := &least{t: t}
				checkFit(l, m, g)
				checkTerms(l, m, s.terms, g)
				checkVcov(l, m, g)
				checkPredictions(l, m, s, g)
				if c.L1 > 0 {
					checkOptimality(t, c, s.data, m, g)
				}
				if s.skipped != g.NSkipped {
					t.Errorf("skipped %d, want %d", s.skipped, g.NSkipped)
				}
				t.Logf("%d iterations, at least %.1f digits (%s)", m.Iterations, l.digits, l.where)
			})
		}
	}
}

func checkFit(l *least, m *Model, g referenceGroup) {
	l.t.Helper()
	if m.N != g.N || m.NZeroWeight != g.NZeroWeight {
		l.t.Errorf("n %d, n_zero_weight %d, want %d, %d", m.N, m.NZeroWeight, g.N, g.NZeroWeight)
	}
	l.want("sum_weights", m.SumWeights, g.SumWeights)
	l.want("objective", m.Objective, g.Objective)
	l.want("log_likelihood", m.LogLikelihood, g.LogLikelihood)
	l.want("deviance", m.Deviance, g.Deviance)
	l.want("null_deviance", m.NullDeviance, g.NullDeviance)
	l.wantNull("mcfadden_r2", m.McFadden, g.McFadden)
	l.wantNull("aic", m.AIC, g.AIC)
	l.wantNull("bic", m.BIC, g.BIC)
}

// names returns the names of the terms of m, given those of its columns.
func names(m *Model, columns []string) []string {
	if m.Terms[0].Column < 0 {
		return append([]string{"(intercept)"}, columns...)
	}
	return columns
}

func checkTerms(l *least, m *Model, columns []string, g referenceGroup) {
	l.t.Helper()
	terms := names(m, columns)
	if len(m.Terms) != len(g.Terms) {
		l.t.Fatalf("%d terms, want %d", len(m.Terms), len(g.Terms))
	}
	var dropped []string
	for i, term := range m.Terms {
		if term.Dropped {
			dropped = append(dropped, terms[i])
		}
		want := g.Terms[i]
		if terms[i] != want["term"] {
			l.t.Fatalf("term %d is %q, want %q", i, terms[i], want["term"])
		}
		_, inferred := want["std_error"]
		for field, got := range map[string]float64{
			"estimate": term.Estimate, "std_error": term.StdError, "z": term.ZStatistic, "p_value": term.PValue,
			"conf_low": term.ConfLow, "conf_high": term.ConfHigh, "odds_ratio": term.OddsRatio,
			"odds_ratio_low": term.OddsLow, "odds_ratio_high": term.OddsHigh,
		} {
			value, isNumber := want[field].(float64)
			if !isNumber {
				value = math.NaN()
			}
			if field == "odds_ratio" && !inferred {
				value = math.Exp(term.Estimate)
			}
			l.want(terms[i]+" "+field, got, value)
		}
	}
	if !slices.Equal(dropped, g.Dropped) {
		l.t.Errorf("dropped %q, want %q", dropped, g.Dropped)
	}
}

// checkVcov compares over the terms that were not dropped, as the file has it.
func checkVcov(l *least, m *Model, g referenceGroup) {
	l.t.Helper()
	if (m.Vcov == nil) != (g.Vcov == nil) {
		l.t.Fatalf("vcov %v, want %v", m.Vcov, g.Vcov)
	}
	for i, row := range g.Vcov {
		for j, want := range row {
			l.want(fmt.Sprintf("vcov[%d][%d]", i, j), m.Vcov[i][j], want)
		}
	}
}

func checkPredictions(l *least, m *Model, s sample, g referenceGroup) {
	l.t.Helper()
	for _, p := range g.Predictions {
		at := slices.Index(s.row, p.ID-1)
		if at < 0 {
			l.t.Fatalf("no row with id %d", p.ID)
		}
		got, err := m.Predictor().Predict(rowOf(s.data, at))
		if err != nil {
			l.t.Fatal(err)
		}
		l.want("probability of "+strconv.Itoa(p.ID), got.Probability, p.Probability)
		l.want("log odds of "+strconv.Itoa(p.ID), got.LogOdds, p.LogOdds)
	}
}

func rowOf(d Data, i int) []float64 {
	x := make([]float64, len(d.X))
	for j := range x {
		x[j] = d.X[j][i]
	}
	return x
}

// checkOptimality verifies the conditions of Karush, Kuhn and Tucker with a
// gradient computed plainly, apart from the package: 0 for the intercept, −L1 in
// the direction of an estimate that is not 0, at most L1 for the others.
func checkOptimality(t *testing.T, c referenceCase, d Data, m *Model, g referenceGroup) {
	t.Helper()
	gradient, size := plainGradient(d, m)
	largest := 0.0
	for j, term := range m.Terms {
		if j > 0 && term.Estimate == 0 {
			largest = max(largest, math.Abs(gradient[j])/c.L1)
			continue
		}
		want := 0.0
		if j > 0 {
			want = math.Copysign(c.L1, term.Estimate) + c.L2*term.Estimate
		}
		if e := math.Abs(gradient[j] - want); e > 1e-9*(1+size[j]) {
			t.Errorf("gradient of term %d is %g, want %g", j, gradient[j], want)
		}
	}
	if digits := algtest.Digits(largest, *g.Ratio); digits < referenceDigits {
		t.Errorf("largest gradient of a zero term is %.12g of L1, want %.12g", largest, *g.Ratio)
	}
}

func TestReferenceSeparation(t *testing.T) {
	for _, c := range loadReference(t).Separable {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			s := c.sample(t, nil)
			_, err := Config{Intercept: true}.Fit(context.Background(), s.data)
			if c.Separation == "one class" {
				if !errors.Is(err, ErrOneClass) {
					t.Fatalf("error %v, want %v", err, ErrOneClass)
				}
				return
			}
			found := wantSeparation(t, err)
			if want := c.Separation == "complete"; found.Complete != want {
				t.Errorf("complete = %t, want %t", found.Complete, want)
			}
			checkDirection(t, s.data, found)
			t.Log(err)
		})
	}
}

func wantSeparation(t *testing.T, err error) *SeparationError {
	t.Helper()
	var found *SeparationError
	if !errors.Is(err, ErrSeparation) || !errors.As(err, &found) {
		t.Fatalf("error %v, want %v", err, ErrSeparation)
	}
	return found
}
