package function

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/millrace/millrace/algorithms/linreg"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "linear_regression", Inputs: 1, Suffixes: []string{"", "_summary"}, New: newLinear})
}

// linear is one call of ml.linear_regression.
type linear struct {
	in  Spec
	fit linreg.Regression
}

type linearArgs struct {
	Intercept  *bool    `json:"intercept"`
	Covariance *string  `json:"covariance"`
	Ridge      *float64 `json:"ridge"`
	Confidence *float64 `json:"confidence"`
}

var covariances = []linreg.Covariance{linreg.Classical, linreg.HC0, linreg.HC1, linreg.HC2, linreg.HC3, linreg.Clustered}

var linearTermColumns = []string{"estimate", "std_error", "t_statistic", "p_value", "conf_low", "conf_high", "vif"}

var linearSummaryColumns = []string{"df_residual", "r_squared", "adj_r_squared", "sigma", "f_statistic", "f_p_value", "log_likelihood", "aic", "bic",
	"condition_number", "durbin_watson", "breusch_pagan", "breusch_pagan_p", "jarque_bera", "jarque_bera_p"}

func newLinear(raw json.RawMessage, inputs []Spec) (Call, error) {
	var a linearArgs
	if err := decode(raw, &a); err != nil {
		return nil, err
	}
	c := &linear{in: inputs[0]}
	var err error
	if c.fit.Intercept, err = argument("intercept", a.Intercept); err != nil {
		return nil, err
	}
	if c.fit.Ridge, err = argument("ridge", a.Ridge); err != nil {
		return nil, err
	}
	if c.fit.Confidence, err = confidence(a.Confidence); err != nil {
		return nil, err
	}
	if c.fit.Covariance, err = covariance(a.Covariance, inputs[0].one("cluster") >= 0); err != nil {
		return nil, err
	}
	if !(c.fit.Ridge >= 0) || math.IsInf(c.fit.Ridge, 0) {
		return nil, fault.New(fault.Parameter, "ridge is %g, and must be a number of at least 0", c.fit.Ridge)
	}
	return c, checkRegression(inputs[0], c.fit.Intercept, linearTermColumns, linearSummaryColumns, []string{"vcov"})
}

// checkRegression checks what linear and logistic regression share.
func checkRegression(in Spec, intercept bool, columns ...[]string) error {
	if len(in.find("feature")) == 0 && !intercept {
		return fault.New(fault.Parameter, "there is neither a feature nor an intercept").
			WithHint("Name features, for example features => '{a,b}'.")
	}
	own := append([]string{"term", "n", "n_skipped", "reason", "model"}, slices.Concat(columns...)...)
	return checkNames(own, in.Columns, "group")
}

func confidence(p *float64) (float64, error) {
	c, err := argument("confidence", p)
	if err == nil && !(c > 0 && c < 1) {
		err = fault.New(fault.Parameter, "confidence is %g, and must be between 0 and 1", c).WithHint("For 95 %%, pass 0.95.")
	}
	return c, err
}

func covariance(p *string, clustered bool) (linreg.Covariance, error) {
	name, err := argument("covariance", p)
	if err != nil {
		return 0, err
	}
	var names []string
	chosen := linreg.Covariance(-1)
	for _, c := range covariances {
		names = append(names, c.String())
		if strings.EqualFold(c.String(), name) {
			chosen = c
		}
	}
	if chosen < 0 {
		return 0, oneOf("covariance", name, names...)
	}
	if clustered != (chosen == linreg.Clustered) {
		return 0, fault.New(fault.Parameter, "covariance is %s, and cluster is %s", chosen, map[bool]string{true: "given", false: "missing"}[clustered]).
			WithHint("Pass covariance => 'cluster' and cluster => expression together.")
	}
	return chosen, nil
}

// Cast implements [Call].
func (c *linear) Cast(_, column int, t pushdown.Type) (pushdown.Cast, error) {
	return castRegression(c.in, column, t, pushdown.Number)
}

// castRegression serves linear and logistic regression, whose targets differ.
func castRegression(in Spec, column int, t pushdown.Type, target pushdown.Role) (pushdown.Cast, error) {
	switch col := in.Columns[column]; col.Role {
	case "target":
		return castAs(target, col, t)
	case "order":
		return castAs(pushdown.Key, col, t)
	default:
		return castFixed(col, t)
	}
}

// fittedGroup is one group's fit, or why there is none.
type fittedGroup struct {
	fit    *linreg.Fit
	reason *fault.Error
}

// Run implements [Call].
func (c *linear) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	d := in[0]
	features, by := d.find("feature"), d.find("group")
	groups, ungrouped := d.groups(by, d.used("group"))
	if err := d.requireFinite(d.used("group"), allRows(groups)); err != nil {
		return nil, err
	}
	encodings := d.encode(features, allRows(groups))
	if err := c.checkTerms(encodings); err != nil {
		return nil, err
	}
	release, err := env.Reserve(c.memory(groups, len(termNames(encodings)), env))
	if err != nil {
		return nil, err
	}
	defer release()
	fits := make([]fittedGroup, len(groups))
	err = eachGroup(ctx, groups, env, func(ctx context.Context, i, workers int) {
		fit, err := c.fitGroup(ctx, d, groups[i], encodings, workers)
		fits[i] = fittedGroup{fit: fit}
		if err != nil {
			fits[i].reason = c.explain(err, groups[i])
		}
	})
	if err != nil {
		return nil, err
	}
	if len(groups) == 1 && len(by) == 0 && fits[0].reason != nil {
		return nil, fits[0].reason
	}
	if len(groups) == 0 {
		return nil, noRows(ungrouped)
	}
	return c.result(d, groups, fits, encodings, ungrouped, env), nil
}

// checkTerms refuses more terms than a fit takes, and names the feature with the
// most levels.
func (c *linear) checkTerms(encodings []encoding) *fault.Error {
	terms := len(termNames(encodings))
	if c.fit.Intercept {
		terms++
	}
	if terms <= linreg.MaxTerms {
		return nil
	}
	f := fault.New(fault.Size, "the features make %d terms, and linear_regression takes at most %d", terms, linreg.MaxTerms)
	most := slices.MaxFunc(encodings, func(a, b encoding) int { return cmp.Compare(len(a.Levels), len(b.Levels)) })
	if len(most.Levels) == 0 {
		return f.WithHint("Leave out some features.")
	}
	return f.WithDetail("%s has %d levels, each but the first a term.", most.Feature, len(most.Levels)).
		WithHint("Merge the rare levels of %s, or leave it out.", most.Feature)
}

// memory estimates the bytes of the fits: the design of all rows, and what the
// groups that are fitted side by side need.
func (c *linear) memory(groups []group, terms int, env Env) int64 {
	rows, most := 0, 0
	for _, g := range groups {
		rows += len(g.rows)
		most = max(most, len(g.rows))
	}
	side, inside := split(len(groups), env)
	r := c.fit
	r.Workers = inside
	return 8*int64(rows)*int64(terms+2) + int64(side)*r.Memory(terms, most)
}

func noRows(skipped int64) *fault.Error {
	return fault.New(fault.Data, "there are no rows to use; %d were skipped because of NULL", skipped).
		WithHint("Check the source, and which columns hold NULL.")
}

// used lists the columns whose NULL skips a row, other than those of a role.
func (d Data) used(except string) []int {
	var used []int
	for i, c := range d.Columns {
		if c.Role != except {
			used = append(used, i)
		}
	}
	return used
}

func allRows(groups []group) []int {
	if len(groups) == 1 {
		return groups[0].rows
	}
	var rows []int
	for _, g := range groups {
		rows = append(rows, g.rows...)
	}
	return rows
}

func (c *linear) fitGroup(ctx context.Context, d Data, g group, encodings []encoding, workers int) (*linreg.Fit, error) {
	data := linreg.Data{
		X: d.design(d.find("feature"), g.rows, encodings),
		Y: d.selectFloats(d.one("target"), g.rows),
	}
	if w := d.one("weight"); w >= 0 {
		data.W = d.selectFloats(w, g.rows)
	}
	if k := d.one("cluster"); k >= 0 {
		data.Cluster = d.codes(k, g.rows)
	}
	if o := d.one("order"); o >= 0 {
		order, err := d.timeOrder(o, g.rows)
		if err != nil {
			return nil, err
		}
		data.Order = order
	}
	r := c.fit
	r.Workers = workers
	return r.Fit(ctx, data)
}

// timeOrder returns positions in rows, sorted by a column. Equal times have no
// order, and an order that the statistic would depend on is not guessed.
func (d Data) timeOrder(column int, rows []int) ([]int, error) {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	compare := func(a, b int) int { return compareKeys(d.key(column, rows[a]), d.key(column, rows[b])) }
	sort.SliceStable(order, func(i, j int) bool { return compare(order[i], order[j]) < 0 })
	for i := 1; i < len(order); i++ {
		if compare(order[i-1], order[i]) == 0 {
			return nil, fault.New(fault.Data, "order_by %s has the value %s twice", d.Columns[column].Expression, d.cell(column, rows[order[i]])).
				WithHint("Order by something unique, such as a time and an id, or leave order_by out.")
		}
	}
	return order, nil
}

// explain turns the algorithm's error into the caller's words.
func (c *linear) explain(err error, g group) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	switch {
	case errors.Is(err, linreg.ErrNoRows):
		return noRows(g.skipped)
	case errors.Is(err, linreg.ErrWeight):
		return fault.New(fault.Data, "a weight is negative (%s)", reason(err)).WithHint("Weights are precisions: at least 0.")
	case errors.Is(err, linreg.ErrClusters):
		return fault.New(fault.Data, "all %d rows are in one cluster, and clustered errors need at least 2", len(g.rows)).
			WithHint("Choose another cluster expression, or covariance => 'HC1'.")
	case errors.Is(err, linreg.ErrRange):
		return fault.New(fault.Data, "the values are so large that their products pass 1e308").WithHint("Scale the columns, for example x / 1e6.")
	case cancelled(err):
		return fault.New(fault.Cancelled, "canceling statement due to user request")
	}
	return fault.New(fault.Internal, "linear_regression: %v", err)
}
