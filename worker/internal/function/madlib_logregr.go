package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/millrace/millrace/algorithms/linreg"
	"github.com/millrace/millrace/algorithms/logreg"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "madlib_logregr", Inputs: 1, Suffixes: []string{"", "_summary"}, New: newMadlibLogistic})
}

// madlibLogistic is one call of madlib.logregr_train.
type madlibLogistic struct {
	in  Spec
	fit logreg.Config
	madlibLogisticArgs
}

type madlibLogisticArgs struct {
	madlibNames
	MaxIter   int     `json:"max_iter"`
	Optimizer string  `json:"optimizer"`
	Tolerance float64 `json:"tolerance"`
}

func newMadlibLogistic(raw json.RawMessage, inputs []Spec) (Call, error) {
	c := &madlibLogistic{in: inputs[0]}
	if err := decode(raw, &c.madlibLogisticArgs); err != nil {
		return nil, err
	}
	var err error
	c.fit, err = logreg.MADlibOptions{MaxIter: c.MaxIter, Optimizer: c.Optimizer, Tolerance: c.Tolerance}.Config()
	if err != nil {
		return nil, fault.New(fault.Parameter, "Logregr error: %s", reason(err))
	}
	return c, checkNames(nil, c.in.Columns, "group")
}

// Cast implements [Call]. MADlib casts the dependent variable to boolean, which
// PostgreSQL does for booleans and integers.
func (c *madlibLogistic) Cast(_, column int, t pushdown.Type) (pushdown.Cast, error) {
	col := c.in.Columns[column]
	if col.Role != "target" {
		return castFixed(col, t)
	}
	if t.IsInteger() {
		return pushdown.Int, nil
	}
	return castAs(pushdown.Truth, col, t)
}

// logisticResult is one row of logregr_train's table, or why it is empty.
type logisticResult struct {
	coef, stdErr, z, p, odds []float64
	vcov                     [][]float64
	logLik, condition        float64
	n                        int64
	iterations               int
	reason                   error
}

// Run implements [Call].
func (c *madlibLogistic) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	d := in[0]
	groups := d.madlibGroups(d.find("group"), d.used("group"))
	if err := d.requireFiniteDesign(-1, d.one("point"), allRows(groups)); err != nil {
		return nil, err
	}
	results := make([]logisticResult, len(groups))
	err := eachGroup(ctx, groups, env, func(ctx context.Context, i, workers int) {
		results[i] = c.fitGroup(ctx, d, groups[i].rows, sharedEnv{env, workers})
	})
	if err != nil {
		return nil, algorithmError(err)
	}
	r := &Result{Details: map[string]any{}}
	failed := 0
	for i, f := range results {
		if f.reason != nil {
			failed++
			env.Notice("no logistic regression%s: %s", groupName(groups[i]), c.explain(f.reason))
			continue
		}
		r.RowsUsed += f.n
		r.RowsSkipped += groups[i].skipped
	}
	if failed == len(groups) {
		return nil, c.noModel(results)
	}
	r.Tables = []Table{c.table(d, groups, results), c.summary(r, len(groups), failed)}
	return r, nil
}

func groupName(g group) string {
	if len(g.keys) == 0 {
		return ""
	}
	return " for group " + label(g)
}

// noModel is the error of a call in which every group failed. MADlib names no
// reason; ours stands beside its words.
func (c *madlibLogistic) noModel(results []logisticResult) error {
	if len(results) > 0 {
		if f, ok := errors.AsType[*fault.Error](results[0].reason); ok && f.Kind == fault.Memory {
			return f
		}
	}
	f := fault.New(fault.Data, "Logregr error: No model created possibly due to ill-conditioned data.")
	if len(results) > 0 {
		f = f.WithDetail("%s.", c.explain(results[0].reason))
	}
	return f.WithHint("The features may separate the two outcomes: remove or merge some, or use ml.logistic_regression with l1 or l2.")
}

func (c *madlibLogistic) explain(err error) string {
	switch {
	case errors.Is(err, logreg.ErrNoRows):
		return "there are no rows without NULL"
	case errors.Is(err, logreg.ErrOneClass):
		return "the dependent variable has the same value in all rows"
	case errors.Is(err, logreg.ErrSeparation):
		return "the independent variables separate the two outcomes, so there is no finite estimate"
	}
	return reason(err)
}

func (c *madlibLogistic) fitGroup(ctx context.Context, d Data, rows []int, env sharedEnv) logisticResult {
	if len(rows) == 0 {
		return logisticResult{reason: logreg.ErrNoRows}
	}
	x, release, err := d.matrixOf(d.one("point"), rows, env.Env)
	if err != nil {
		return logisticResult{reason: err}
	}
	defer release()
	config := c.fit
	config.Workers = env.share
	fit, err := config.Fit(ctx, logreg.Data{X: x, Y: d.truths(d.one("target"), rows)})
	if err != nil {
		return logisticResult{reason: err}
	}
	r := logisticResult{
		n: int64(fit.N), iterations: fit.Iterations, logLik: fit.LogLikelihood, condition: fit.ConditionNumber(),
		coef: fit.Coef(), vcov: fit.Vcov,
	}
	if dropped := fit.Dropped(); len(dropped) > 0 {
		if err := r.spread(ctx, x, dropped, env.share); err != nil {
			return logisticResult{reason: err}
		}
	}
	r.test()
	return r
}

// truths reads a boolean or an integer, of which all but 0 is true.
func (d Data) truths(column int, rows []int) []bool {
	out := make([]bool, len(rows))
	for i, row := range rows {
		if d.Casts[column] == pushdown.Int {
			out[i] = d.ints(column)[row] != 0
		} else {
			out[i] = d.text(column, row) == "true"
		}
	}
	return out
}

// spread replaces the estimates of a fit that has dropped columns by those of a
// pseudo-inverse.
func (r *logisticResult) spread(ctx context.Context, x [][]float64, dropped []int, workers int) error {
	m := madlibFit{ctx: ctx, workers: workers}
	s, err := newSpread(m.least, x, dropped)
	if errors.Is(err, linreg.ErrRange) {
		return fmt.Errorf("the values are so large that their products pass 1e308")
	}
	if err != nil {
		return err
	}
	var coef []float64
	var vcov [][]float64
	for i, b := range r.coef {
		if math.IsNaN(b) {
			continue
		}
		coef = append(coef, b)
		var line []float64
		for j, v := range r.vcov[i] {
			if !math.IsNaN(r.coef[j]) {
				line = append(line, v)
			}
		}
		vcov = append(vcov, line)
	}
	r.coef, r.vcov, r.condition = s.coefficients(coef), s.covariance(vcov), math.Inf(1)
	return nil
}

// test fills in Wald's tests with the normal distribution.
func (r *logisticResult) test() {
	for i, b := range r.coef {
		stdErr := math.Sqrt(max(0, r.vcov[i][i]))
		z := 0.0
		if b != 0 || stdErr != 0 {
			z = b / stdErr
		}
		r.stdErr, r.z = append(r.stdErr, stdErr), append(r.z, z)
		r.p = append(r.p, math.Erfc(math.Abs(z)/math.Sqrt2))
		r.odds = append(r.odds, math.Exp(b))
	}
}

func (c *madlibLogistic) table(d Data, groups []group, results []logisticResult) Table {
	n := len(groups)
	of, used, skipped, iterations := make([]int, n), make(Texts, n), make(Texts, n), make(Texts, n)
	logLik, condition := make(Floats, n), make(Texts, n)
	coef, stdErr, z, p, odds, vcov := make(lists, n), make(lists, n), make(lists, n), make(lists, n), make(lists, n), make(squares, n)
	for i, r := range results {
		of[i], logLik[i] = i, math.NaN()
		if r.reason != nil {
			if errors.Is(r.reason, logreg.ErrNoRows) {
				used[i], skipped[i] = ptr("0"), ptr(strconv.FormatInt(groups[i].skipped, 10))
			}
			continue
		}
		used[i], skipped[i] = ptr(strconv.FormatInt(r.n, 10)), ptr(strconv.FormatInt(groups[i].skipped, 10))
		iterations[i] = ptr(strconv.Itoa(r.iterations))
		logLik[i], condition[i] = r.logLik, number8(r.condition)
		coef[i], stdErr[i], z[i], p[i], odds[i], vcov[i] = r.coef, r.stdErr, r.z, r.p, r.odds, r.vcov
	}
	table := Table{Rows: n, Columns: d.groupColumns(0, d.find("group"), groups, of)}
	table.add("coef", "float8[]", coef)
	table.add("log_likelihood", "float8", logLik)
	table.add("std_err", "float8[]", stdErr)
	table.add("z_stats", "float8[]", z)
	table.add("p_values", "float8[]", p)
	table.add("odds_ratios", "float8[]", odds)
	table.add("condition_no", "float8", condition)
	table.add("num_rows_processed", "int8", used)
	table.add("num_missing_rows_skipped", "int8", skipped)
	table.add("num_iterations", "int4", iterations)
	table.add("variance_covariance", "float8[][]", vcov)
	return table
}

func (c *madlibLogistic) summary(r *Result, groups, failed int) Table {
	t := Table{Rows: 1}
	c.describe(&t, "logregr")
	options := fmt.Sprintf("optimizer=%s, max_iter=%d, tolerance=%s", c.Optimizer, c.MaxIter, appendNumber(c.Tolerance))
	t.add("optimizer_params", "text", Texts{&options})
	t.add("num_all_groups", "int4", Texts{ptr(strconv.Itoa(groups))})
	t.add("num_failed_groups", "int4", Texts{ptr(strconv.Itoa(failed))})
	t.add("num_rows_processed", "int4", Texts{ptr(strconv.FormatInt(r.RowsUsed, 10))})
	t.add("num_missing_rows_skipped", "int4", Texts{ptr(strconv.FormatInt(r.RowsSkipped, 10))})
	t.add("grouping_col", "text", Texts{c.Grouping})
	return t
}
