package function

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"strconv"

	"github.com/millrace/millrace/algorithms/linreg"
	"github.com/millrace/millrace/algorithms/suffstat"
	"github.com/millrace/millrace/exact"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "madlib_linregr", Inputs: 1, Suffixes: []string{"", "_summary"}, New: newMadlibLinear})
}

// madlibNames are the texts that a regression of MADlib repeats in its summary.
type madlibNames struct {
	Source      *string `json:"source_table"`
	Output      *string `json:"out_table"`
	Dependent   *string `json:"dependent_varname"`
	Independent *string `json:"independent_varname"`
	Grouping    *string `json:"grouping_col"`
}

// madlibLinear is one call of madlib.linregr_train.
type madlibLinear struct {
	in Spec
	madlibLinearArgs
}

type madlibLinearArgs struct {
	madlibNames
	Heteroskedasticity bool `json:"heteroskedasticity_option"`
}

func newMadlibLinear(raw json.RawMessage, inputs []Spec) (Call, error) {
	c := &madlibLinear{in: inputs[0]}
	if err := decode(raw, &c.madlibLinearArgs); err != nil {
		return nil, err
	}
	return c, checkNames(nil, c.in.Columns, "group")
}

// Cast implements [Call].
func (c *madlibLinear) Cast(_, column int, t pushdown.Type) (pushdown.Cast, error) {
	if col := c.in.Columns[column]; col.Role == "target" {
		return castAs(pushdown.Number, col, t)
	}
	return castFixed(c.in.Columns[column], t)
}

// linearResult is one row of linregr_train's table.
type linearResult struct {
	coef, stdErr, t, p []float64
	vcov               [][]float64
	r2, condition      float64
	bp, bpP            float64
	n                  int64
}

// Run implements [Call].
func (c *madlibLinear) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	d := in[0]
	groups := d.madlibGroups(d.find("group"), d.used("group"))
	if err := d.requireFiniteDesign(d.one("target"), d.one("point"), allRows(groups)); err != nil {
		return nil, err
	}
	results, failures := make([]linearResult, len(groups)), make([]error, len(groups))
	err := eachGroup(ctx, groups, env, func(ctx context.Context, i, workers int) {
		results[i], failures[i] = c.fitGroup(ctx, d, groups[i].rows, sharedEnv{env, workers})
	})
	for _, f := range failures {
		err = cmp.Or(err, f)
	}
	if err != nil {
		return nil, algorithmError(err)
	}
	r := &Result{Details: map[string]any{}}
	for i, g := range groups {
		r.RowsUsed += results[i].n
		r.RowsSkipped += g.skipped
	}
	r.Tables = []Table{c.table(d, groups, results), c.summary(r)}
	return r, nil
}

// sharedEnv is an environment with a share of the workers.
type sharedEnv struct {
	Env
	share int
}

func (c *madlibLinear) fitGroup(ctx context.Context, d Data, rows []int, env sharedEnv) (linearResult, error) {
	x, release, err := d.matrixOf(d.one("point"), rows, env.Env)
	if err != nil || len(rows) == 0 {
		return linearResult{r2: math.NaN(), condition: math.NaN(), bp: math.NaN(), bpP: math.NaN()}, err
	}
	defer release()
	releaseSums, err := env.Reserve(linreg.Regression{Workers: env.share}.Memory(len(x), len(rows)))
	if err != nil {
		return linearResult{}, err
	}
	defer releaseSums()
	m := madlibFit{ctx: ctx, workers: env.share, x: x, y: d.selectFloats(d.one("target"), rows), rows: len(rows), total: math.NaN()}
	r, err := m.result()
	if err == nil && c.Heteroskedasticity {
		r.bp, r.bpP, err = m.breuschPagan(r.coef)
	}
	return r, linearFault(err)
}

// linearFault says what a fit has against the data.
func linearFault(err error) error {
	switch {
	case errors.Is(err, linreg.ErrNoTerms):
		return fault.New(fault.Data, "Linregr error: there are no independent variables.")
	case errors.Is(err, linreg.ErrTooManyTerms):
		return fault.New(fault.Size, "Linregr error: more than %d independent variables.", linreg.MaxTerms)
	case errors.Is(err, linreg.ErrRange), errors.Is(err, suffstat.ErrRange):
		return fault.New(fault.Data, "Linregr error: the values are so large that their products pass 1e308.")
	}
	return err
}

// madlibFit is least squares as linregr defines it: no intercept of its own, r2
// about the mean of y whatever the columns, n − k degrees of freedom, and the
// pseudo-inverse where columns are collinear.
type madlibFit struct {
	ctx     context.Context
	workers int
	x       [][]float64
	y       []float64
	rows    int     // n, of which x and y may be a shorter form
	total   float64 // Σ (y − mean)²; NaN to find it from y
}

func (m madlibFit) least(x [][]float64, y []float64) (*linreg.Fit, error) {
	return linreg.Regression{Workers: m.workers}.Fit(m.ctx, linreg.Data{X: x, Y: y})
}

func (m madlibFit) result() (linearResult, error) {
	fit, err := m.least(m.x, m.y)
	if err != nil {
		return linearResult{}, err
	}
	n, k := m.rows, len(m.x)
	r := linearResult{n: int64(n), condition: fit.ConditionNumber}
	var kept []float64
	for _, t := range fit.Terms {
		if !math.IsNaN(t.Estimate) {
			kept = append(kept, t.Estimate)
		}
	}
	r.coef, r.vcov = kept, fit.VCov
	if len(fit.Dropped) > 0 {
		s, err := newSpread(m.least, m.x, fit.Dropped)
		if err != nil {
			return r, err
		}
		r.coef, r.vcov, r.condition = s.coefficients(kept), s.covariance(fit.VCov), math.Inf(1)
	}
	scale := fit.DFResidual / float64(n-k) // 1 unless columns were dropped or rows are a short form
	if n <= k {
		scale = math.NaN()
	}
	for _, line := range r.vcov {
		for j := range line {
			line[j] *= scale
		}
	}
	if r.r2, err = m.rSquared(fit.RSS); err != nil {
		return r, err
	}
	r.test(float64(n - k))
	return r, nil
}

// rSquared is the share explained of the variation about the mean, in [0, 1]; 1
// if there is no variation.
func (m madlibFit) rSquared(rss float64) (float64, error) {
	if math.IsNaN(m.total) {
		sums := suffstat.NewCross(1)
		if err := sums.Add(m.ctx, suffstat.Block{Columns: [][]float64{m.y}}, m.workers); err != nil {
			return 0, err
		}
		m.total = sums.Centered(1, 1)
	}
	if m.total == 0 {
		return 1, nil
	}
	return min(1, max(0, 1-rss/m.total)), nil
}

// test fills in errors and tests; a coefficient of 0 with error 0 has t = 0. Without
// degrees of freedom there are no p values.
func (r *linearResult) test(df float64) {
	k := len(r.coef)
	r.stdErr, r.t = make([]float64, k), make([]float64, k)
	if df > 0 {
		r.p = make([]float64, k)
	}
	for i, b := range r.coef {
		r.stdErr[i] = math.Sqrt(max(0, r.vcov[i][i]))
		if math.IsNaN(r.vcov[i][i]) {
			r.stdErr[i] = math.NaN()
		}
		if b != 0 || r.stdErr[i] != 0 {
			r.t[i] = b / r.stdErr[i]
		}
		if df > 0 {
			r.p[i] = tTwoSided(r.t[i], df)
		}
	}
}

// breuschPagan is n times the share of the variation of the squared residuals
// that the columns explain, and its p value with k − 1 degrees of freedom.
func (m madlibFit) breuschPagan(coef []float64) (statistic, p float64, err error) {
	squared := make([]float64, len(m.y))
	for i, y := range m.y {
		var e exact.Sum
		e.Add(y)
		for j, b := range coef {
			e.AddProduct(-b, m.x[j][i])
		}
		squared[i] = e.Float64() * e.Float64()
	}
	fit, err := m.least(m.x, squared)
	if err != nil {
		return 0, 0, err
	}
	share, err := m.with(squared).rSquared(fit.RSS)
	if err != nil {
		return 0, 0, err
	}
	statistic = float64(len(m.y)) * share
	return statistic, chiSquaredUpper(statistic, float64(len(m.x)-1)), nil
}

func (m madlibFit) with(y []float64) madlibFit {
	m.y, m.total = y, math.NaN()
	return m
}

func (c *madlibLinear) table(d Data, groups []group, results []linearResult) Table {
	n := len(groups)
	of, used, skipped := make([]int, n), make(Ints, n), make(Ints, n)
	r2, condition, bp, bpP := make(Floats, n), make(Texts, n), make(Floats, n), make(Floats, n)
	coef, stdErr, t, p, vcov := make(lists, n), make(lists, n), make(lists, n), make(lists, n), make(squares, n)
	for i, r := range results {
		of[i], used[i], skipped[i] = i, r.n, groups[i].skipped
		r2[i], condition[i], bp[i], bpP[i] = r.r2, number8(r.condition), r.bp, r.bpP
		coef[i], stdErr[i], t[i], p[i], vcov[i] = r.coef, r.stdErr, r.t, r.p, r.vcov
	}
	table := Table{Rows: n, Columns: d.groupColumns(0, d.find("group"), groups, of)}
	table.add("coef", "float8[]", coef)
	table.add("r2", "float8", r2)
	table.add("std_err", "float8[]", stdErr)
	table.add("t_stats", "float8[]", t)
	table.add("p_values", "float8[]", p)
	table.add("condition_no", "float8", condition)
	if c.Heteroskedasticity {
		table.add("bp_stats", "float8", bp)
		table.add("bp_p_value", "float8", bpP)
	}
	table.add("num_rows_processed", "int8", used)
	table.add("num_missing_rows_skipped", "int8", skipped)
	table.add("variance_covariance", "float8[][]", vcov)
	return table
}

// add appends a column.
func (t *Table) add(name, typ string, v Values) {
	t.Columns = append(t.Columns, ResultColumn{Name: name, Type: typ, Values: v})
}

// number8 is a float8 as text, which can be an infinity; NaN is NULL.
func number8(x float64) *string {
	if math.IsNaN(x) {
		return nil
	}
	return ptr(appendNumber(x))
}

func (c *madlibLinear) summary(r *Result) Table {
	t := Table{Rows: 1}
	c.describe(&t, "linregr")
	t.add("num_rows_processed", "int8", Ints{r.RowsUsed})
	t.add("num_missing_rows_skipped", "int4", Texts{ptr(strconv.FormatInt(r.RowsSkipped, 10))})
	t.add("grouping_col", "text", Texts{c.Grouping})
	return t
}

// describe writes the columns with which the summaries of regressions begin.
func (c madlibNames) describe(t *Table, method string) {
	t.add("method", "varchar", Texts{&method})
	t.add("source_table", "varchar", Texts{c.Source})
	t.add("out_table", "varchar", Texts{c.Output})
	t.add("dependent_varname", "varchar", Texts{c.Dependent})
	t.add("independent_varname", "varchar", Texts{c.Independent})
}
