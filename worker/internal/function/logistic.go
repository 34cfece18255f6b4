package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/millrace/millrace/algorithms/logreg"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "logistic_regression", Inputs: 1, Suffixes: []string{"", "_summary"}, New: newLogistic})
}

// logistic is one call of ml.logistic_regression.
type logistic struct {
	in  Spec
	fit logreg.Config
}

type logisticArgs struct {
	Intercept     *bool    `json:"intercept"`
	L1            *float64 `json:"l1"`
	L2            *float64 `json:"l2"`
	MaxIterations *int     `json:"max_iterations"`
	Tolerance     *float64 `json:"tolerance"`
	Confidence    *float64 `json:"confidence"`
}

var logisticTermColumns = []string{"estimate", "std_error", "z_statistic", "p_value", "conf_low", "conf_high", "odds_ratio"}

var logisticSummaryColumns = []string{"deviance", "null_deviance", "log_likelihood", "aic", "bic", "mcfadden_r2"}

func newLogistic(raw json.RawMessage, inputs []Spec) (Call, error) {
	var a logisticArgs
	if err := decode(raw, &a); err != nil {
		return nil, err
	}
	c := &logistic{in: inputs[0]}
	var err error
	if c.fit.Intercept, err = argument("intercept", a.Intercept); err != nil {
		return nil, err
	}
	if c.fit.Confidence, err = confidence(a.Confidence); err != nil {
		return nil, err
	}
	if c.fit.MaxIterations, err = argument("max_iterations", a.MaxIterations); err != nil {
		return nil, err
	}
	if c.fit.MaxIterations < 1 {
		return nil, fault.New(fault.Parameter, "max_iterations is %d, and must be at least 1", c.fit.MaxIterations)
	}
	for _, p := range []struct {
		name string
		from *float64
		to   *float64
	}{{"l1", a.L1, &c.fit.L1}, {"l2", a.L2, &c.fit.L2}, {"tolerance", a.Tolerance, &c.fit.Tolerance}} {
		if *p.to, err = argument(p.name, p.from); err != nil {
			return nil, err
		}
		bound := "at least 0"
		if p.name == "tolerance" {
			bound = "above 0"
		}
		if !(*p.to >= 0) || math.IsInf(*p.to, 0) || p.name == "tolerance" && *p.to == 0 {
			return nil, fault.New(fault.Parameter, "%s is %g, and must be a finite number %s", p.name, *p.to, bound)
		}
	}
	return c, checkRegression(inputs[0], c.fit.Intercept, logisticTermColumns, logisticSummaryColumns, []string{"iterations", "converged"})
}

// Cast implements [Call]. A target is a boolean, a number that is 0 or 1, or a
// factor of two levels.
func (c *logistic) Cast(_, column int, t pushdown.Type) (pushdown.Cast, error) {
	return castRegression(c.in, column, t, pushdown.Feature)
}

// event says which value of the target is the event that is modelled.
type event struct {
	name string // of a factor's second level; "" for booleans and numbers
	of   func(row int) bool
}

// event looks at the target's values in the used rows.
func (d Data) event(rows []int) (event, error) {
	c := d.one("target")
	expression := d.Columns[c].Expression
	if d.Casts[c] == pushdown.Float {
		values := d.floats(c)
		for _, row := range rows {
			if values[row] != 0 && values[row] != 1 {
				return event{}, fault.New(fault.Data, "target %s has the value %s, and a number must be 0 or 1", expression, appendNumber(values[row])).
					WithDetail("In the row with %s.", d.describeRow(row)).
					WithHint("Write a condition, for example target => '%s > 0'.", expression)
			}
		}
		return event{of: func(row int) bool { return values[row] == 1 }}, nil
	}
	if d.Types[c].IsBoolean() {
		return event{of: func(row int) bool { return d.text(c, row) == "true" }}, nil
	}
	levels := d.levels(c, rows)
	if len(levels) > 2 {
		return event{}, fault.New(fault.Data, "target %s has %d levels, and 2 are needed", expression, len(levels)).
			WithDetail("Levels: %s.", strings.Join(levels[:min(len(levels), 10)], ", ")).
			WithHint("Write a condition, for example target => '%s = ''%s'''.", expression, strings.ReplaceAll(levels[0], "'", "''"))
	}
	if len(levels) < 2 {
		return event{of: func(int) bool { return false }}, nil // one class: the fit says so
	}
	return event{name: levels[1], of: func(row int) bool { return d.text(c, row) == levels[1] }}, nil
}

type logisticGroup struct {
	fit    *logreg.Model
	reason *fault.Error
}

// hessianBytes is what one element of the Hessian takes in each goroutine that
// sums it: half of an exact sum, since the matrix is symmetric.
const hessianBytes = 540

// Run implements [Call].
func (c *logistic) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	d := in[0]
	groups, ungrouped := d.groups(d.find("group"), d.used("group"))
	rows := allRows(groups)
	if err := d.requireFinite(d.used("group"), rows); err != nil {
		return nil, err
	}
	target, err := d.event(rows)
	if err != nil {
		return nil, err
	}
	encodings := d.encode(d.find("feature"), rows)
	terms := int64(len(termNames(encodings)) + 2)
	release, err := env.Reserve(8*int64(len(rows))*terms + hessianBytes*terms*terms*int64(env.cores()))
	if err != nil {
		return nil, err
	}
	defer release()
	fits := make([]logisticGroup, len(groups))
	err = eachGroup(ctx, groups, env, func(ctx context.Context, i, workers int) {
		fit, err := c.fitGroup(ctx, d, groups[i].rows, fitSettings{encodings, target, workers})
		fits[i] = logisticGroup{fit: fit}
		if err != nil {
			fits[i].reason = c.explain(err, groups[i], termNames(encodings), d)
		}
	})
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return nil, noRows(ungrouped)
	}
	if len(groups) == 1 && len(d.find("group")) == 0 && fits[0].reason != nil {
		return nil, fits[0].reason
	}
	r := c.report(groups, fits, termNames(encodings), env)
	r.RowsSkipped += ungrouped
	if target.name != "" {
		r.Details["event"] = target.name
	}
	r.Tables = []Table{c.termTable(d, groups, fits, termNames(encodings)), c.summaryTable(d, groups, fits, encodings)}
	return r, nil
}

type fitSettings struct {
	encodings []encoding
	target    event
	workers   int
}

func (c *logistic) fitGroup(ctx context.Context, d Data, rows []int, s fitSettings) (*logreg.Model, error) {
	data := logreg.Data{X: d.design(d.find("feature"), rows, s.encodings), Y: make([]bool, len(rows))}
	for i, row := range rows {
		data.Y[i] = s.target.of(row)
	}
	if w := d.one("weight"); w >= 0 {
		data.W = d.selectFloats(w, rows)
	}
	config := c.fit
	config.Workers = s.workers
	return config.Fit(ctx, data)
}

// explain turns the algorithm's error into the caller's words.
func (c *logistic) explain(err error, g group, names []string, d Data) *fault.Error {
	target := d.Columns[d.one("target")].Expression
	if s, ok := errors.AsType[*logreg.SeparationError](err); ok {
		return separationFault(s, names, target)
	}
	switch {
	case errors.Is(err, logreg.ErrNoRows):
		return noRows(g.skipped)
	case errors.Is(err, logreg.ErrOneClass):
		return fault.New(fault.Data, "target %s has the same value in all %d rows", target, len(g.rows)).
			WithHint("Both outcomes must occur: widen the filter or merge groups.")
	case errors.Is(err, logreg.ErrWeight):
		return fault.New(fault.Data, "%s", reason(err)).WithHint("Weights must be at least 0 and at most 1e150.")
	case errors.Is(err, logreg.ErrNotFinite):
		return fault.New(fault.Data, "the features are so large or so small that results leave float64").WithHint("Scale the columns, for example x / 1e6.")
	case errors.Is(err, logreg.ErrIllConditioned):
		return fault.New(fault.Data, "the features cannot be told apart in float64: %s", reason(err)).
			WithHint("Scale or remove a feature, or set l2 above 0.")
	case cancelled(err):
		return fault.New(fault.Cancelled, "canceling statement due to user request")
	}
	return fault.New(fault.Internal, "logistic_regression: %v", err)
}

func separationFault(s *logreg.SeparationError, names []string, target string) *fault.Error {
	var terms []string
	for _, column := range s.Columns {
		terms = append(terms, names[column])
	}
	f := fault.New(fault.Data, "the data are separated: %s predict %s without error in %d of %d rows, so there is no finite estimate",
		strings.Join(terms, ", "), target, s.Rows, s.N).
		WithHint("Remove or merge these features, or set l1 or l2 above 0.")
	for _, single := range s.Single {
		what := fmt.Sprintf("%s alone separates at %g", names[single.Column], single.Low)
		if single.Low != single.High {
			what = fmt.Sprintf("%s alone separates between %g and %g", names[single.Column], single.Low, single.High)
		}
		f.Detail += what + ". "
	}
	f.Detail = strings.TrimSpace(f.Detail)
	return f
}

func (c *logistic) report(groups []group, fits []logisticGroup, names []string, env Env) *Result {
	r := &Result{Details: map[string]any{}}
	var failed, dropped, unfinished []string
	for i, f := range fits {
		r.RowsSkipped += groups[i].skipped
		if f.reason != nil {
			failed = append(failed, label(groups[i]))
			continue
		}
		r.RowsUsed += int64(f.fit.N)
		for _, column := range f.fit.Dropped() {
			dropped = append(dropped, strings.TrimPrefix(label(groups[i])+": "+names[column], ": "))
		}
		if !f.fit.Converged {
			unfinished = append(unfinished, label(groups[i]))
		}
	}
	reportGroups(r, env, len(groups), failed, dropped)
	if len(unfinished) > 0 {
		r.Details["not_converged"] = len(unfinished)
		env.Notice("%d of %d fits did not converge: raise max_iterations, and see column converged of the summary", len(unfinished), len(groups))
	}
	if c.fit.L1 > 0 || c.fit.L2 > 0 {
		r.Details["std_error"] = "NULL: a penalised estimate is biased by intent and has no one standard error"
	}
	return r
}

func (c *logistic) termTable(d Data, groups []group, fits []logisticGroup, names []string) Table {
	table := newTermRows(logisticTermColumns)
	for i, f := range fits {
		if f.fit == nil {
			continue
		}
		for _, t := range f.fit.Terms {
			table.add(i, termName(t.Column, names), t.Estimate, t.StdError, t.ZStatistic, t.PValue, t.ConfLow, t.ConfHigh, t.OddsRatio)
		}
	}
	return table.table(d, groups)
}

func (c *logistic) summaryTable(d Data, groups []group, fits []logisticGroup, encodings []encoding) Table {
	table := newSummaryRows(len(groups), logisticSummaryColumns)
	iterations, converged := make(Texts, len(groups)), make(Texts, len(groups))
	for i, f := range fits {
		if f.reason != nil {
			table.fail(i, f.reason)
			continue
		}
		t := f.fit
		iterations[i], converged[i] = ptr(fmt.Sprint(t.Iterations)), ptr(fmt.Sprint(t.Converged))
		table.fit(i, t.N, c.model(d, groups[i], t, encodings), t.Deviance, t.NullDeviance, t.LogLikelihood, t.AIC, t.BIC, t.McFadden)
	}
	return table.table(d, groups,
		ResultColumn{Name: "iterations", Type: "int8", Values: iterations}, ResultColumn{Name: "converged", Type: "bool", Values: converged})
}

func (c *logistic) model(d Data, g group, fit *logreg.Model, encodings []encoding) model {
	p := fit.Predictor()
	return model{
		Kind: "logistic_regression", Inputs: predictionInputs(d.Columns, "feature", "group"), Group: pointers(g.keys),
		Encodings: encodings, Intercept: p.Intercept, Estimates: numbers(p.Coef), Covariance: matrix(p.Vcov),
		Sigma: number(math.NaN()), DF: number(math.NaN()),
	}
}
