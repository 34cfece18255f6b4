package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/algorithms/arima"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "arima", Inputs: 1, Suffixes: []string{"", "_summary", "_residuals"}, New: newARIMA})
}

// arimaCall is one call of ml.arima.
type arimaCall struct {
	in          Spec
	auto        bool       // orders are selected
	spec        arima.Spec // with given orders
	mean, drift *bool
	period      int // 0: what the step suggests
	criterion   arima.Criterion
	zone        string
}

type arimaArgs struct {
	Orders         *[]*int `json:"orders"`
	SeasonalOrders *[]*int `json:"seasonal_orders"`
	Period         *int    `json:"period"`
	Mean           *bool   `json:"mean"`
	Drift          *bool   `json:"drift"`
	Method         *string `json:"method"`
	IC             *string `json:"ic"`
	TimeZone       string  `json:"time_zone"`
}

// arimaNames are the columns of the result tables and of forecasts, which group
// columns must not be called.
var arimaNames = []string{"term", "estimate", "std_error", "z_statistic", "p_value", "n", "orders", "seasonal_orders", "period", "sigma2",
	"log_likelihood", "aic", "aicc", "bic", "converged", "iterations", "ljung_box", "ljung_box_p", "reason", "model",
	"time", "fitted", "residual", "step", "forecast"}

func newARIMA(raw json.RawMessage, inputs []Spec) (Call, error) {
	var a arimaArgs
	if err := decode(raw, &a); err != nil {
		return nil, hinted(err, "Orders are three whole numbers, for example orders => '{0,1,1}'.")
	}
	c := &arimaCall{in: inputs[0], auto: a.Orders == nil, mean: a.Mean, drift: a.Drift, zone: a.TimeZone}
	method, err := argument("method", a.Method)
	if err != nil {
		return nil, err
	}
	if err := oneOf("method", method, "ml", "css", "css-ml"); err != nil {
		return nil, err
	}
	c.spec.Method = arima.Method(method)
	ic, err := argument("ic", a.IC)
	if err != nil {
		return nil, err
	}
	if err := oneOf("ic", ic, "aicc", "aic", "bic"); err != nil {
		return nil, err
	}
	c.criterion = arima.Criterion(ic)
	if a.Period != nil {
		if c.period, err = positive("period", a.Period); err != nil {
			return nil, hinted(err, "Leave period out to take it from the step of the times.")
		}
	}
	if c.auto {
		err = c.checkSelection(a)
	} else {
		err = c.setOrders(a)
	}
	if err != nil {
		return nil, err
	}
	return c, checkNames(arimaNames, inputs[0].Columns, "group")
}

// hinted gives a fault without a hint one.
func hinted(err error, hint string) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Hint == "" {
		return f.WithHint("%s", hint)
	}
	return err
}

// checkSelection refuses what a search for orders would have to ignore.
func (c *arimaCall) checkSelection(a arimaArgs) error {
	if a.SeasonalOrders != nil {
		return fault.New(fault.Parameter, "seasonal_orders are given, and orders are not").
			WithHint("Give both, for example orders => '{0,1,1}', seasonal_orders => '{0,1,1}', or neither to have them selected.")
	}
	if c.spec.Method != arima.ML {
		return fault.New(fault.Parameter, "method %s cannot select orders: criteria compare exact likelihoods", c.spec.Method).
			WithHint("Give orders, or leave method at ml.")
	}
	forced := ""
	switch {
	case a.Mean != nil && *a.Mean:
		forced = "mean"
	case a.Drift != nil && *a.Drift:
		forced = "drift"
	default:
		return nil
	}
	return fault.New(fault.Parameter, "%s => true needs orders: a selection decides by %s whether to have one", forced, c.criterion).
		WithHint("Give orders, leave %s out to let the selection try it, or pass false to exclude it.", forced)
}

// setOrders takes given orders. A mean is the default without differences.
func (c *arimaCall) setOrders(a arimaArgs) error {
	orders, err := threeOrders("orders", "{p,d,q}", *a.Orders)
	if err != nil {
		return err
	}
	c.spec.P, c.spec.D, c.spec.Q = orders[0], orders[1], orders[2]
	if a.SeasonalOrders != nil {
		if orders, err = threeOrders("seasonal_orders", "{P,D,Q}", *a.SeasonalOrders); err != nil {
			return err
		}
		c.spec.SP, c.spec.SD, c.spec.SQ = orders[0], orders[1], orders[2]
	}
	differences := c.spec.D + c.spec.SD
	c.spec.Mean, c.spec.Drift = differences == 0, false
	if a.Mean != nil {
		c.spec.Mean = *a.Mean
	}
	if a.Drift != nil {
		c.spec.Drift = *a.Drift
	}
	if c.spec.Mean && differences > 0 {
		return fault.New(fault.Parameter, "mean => true with differences (d = %d, D = %d), which remove a mean", c.spec.D, c.spec.SD).
			WithHint("Leave mean out; after one difference drift => true adds a slope.")
	}
	if c.spec.Drift && differences > 1 {
		return fault.New(fault.Parameter, "drift => true with %d differences (d = %d, D = %d), and at most 1 is possible", differences, c.spec.D, c.spec.SD).
			WithHint("Leave drift out: two differences already follow a slope that changes.")
	}
	return c.checkSpec()
}

// checkSpec has the algorithm check its bounds before any row is read: it looks
// at the specification before the data, of which there are none here.
func (c *arimaCall) checkSpec() error {
	spec := c.spec
	spec.Period = c.period
	if spec.Period == 0 {
		spec.Period = 2 // the step of the data will say
	}
	_, err := arima.Fit(context.Background(), arima.Data{}, spec, arima.Options{})
	if errors.Is(err, arima.ErrOrder) || errors.Is(err, arima.ErrPeriod) {
		return specFault(err)
	}
	return nil
}

func threeOrders(name, form string, list []*int) ([3]int, error) {
	var orders [3]int
	var words []string
	bad := len(list) != 3
	for i, p := range list {
		switch {
		case p == nil:
			words, bad = append(words, "NULL"), true
		default:
			words = append(words, fmt.Sprint(*p))
			bad = bad || *p < 0
			if i < 3 {
				orders[i] = *p
			}
		}
	}
	if bad {
		return orders, fault.New(fault.Parameter, "%s is {%s}, and must be three numbers %s of at least 0", name, strings.Join(words, ","), form).
			WithHint("For example %s => '{0,1,1}'.", name)
	}
	return orders, nil
}

// Cast implements [Call].
func (c *arimaCall) Cast(_, column int, t pushdown.Type) (pushdown.Cast, error) {
	return castFixed(c.in.Columns[column], t)
}

// fittedSeries is one group's model, or why there is none.
type fittedSeries struct {
	sequence sequence
	model    *arima.Model
	tried    int // models that a selection compared
	reason   *fault.Error
}

// Run implements [Call].
func (c *arimaCall) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	d := in[0]
	groups, ungrouped := d.groups(d.find("group"), nil)
	if len(groups) == 0 {
		return nil, noRows(ungrouped)
	}
	// Times, values, fitted values and residuals are copied.
	release, err := env.Reserve(int64(d.rows()) * int64(48+8*len(d.find("regressor"))))
	if err != nil {
		return nil, err
	}
	defer release()
	env.Progress(map[bool]string{true: "selecting orders", false: "fitting"}[c.auto], 0, int64(len(groups)))
	fits := make([]fittedSeries, len(groups))
	err = eachGroup(ctx, groups, env, func(ctx context.Context, i, _ int) {
		fits[i] = c.fitGroup(ctx, d, groups[i])
	})
	if err != nil {
		return nil, algorithmError(err)
	}
	if err := allFailed(groups, fits); err != nil {
		return nil, err
	}
	return c.result(d, groups, fits, ungrouped, env), nil
}

// allFailed returns the first group's fault if no group has a model.
func allFailed(groups []group, fits []fittedSeries) error {
	for _, f := range fits {
		if f.reason == nil {
			return nil
		}
	}
	first := fits[0].reason
	if name := label(groups[0]); name != "" {
		return first.WithDetail("%s", strings.TrimSpace(fmt.Sprintf("In group %s, the first of %d, none of which could be fitted. %s", name, len(groups), first.Detail)))
	}
	return first
}

func (c *arimaCall) fitGroup(ctx context.Context, d Data, g group) fittedSeries {
	s, err := d.sequence(g, c.zone)
	if err != nil {
		return fittedSeries{reason: c.explain(err, s)}
	}
	f := fittedSeries{sequence: s}
	if c.auto {
		f.model, f.tried, err = c.choose(ctx, s)
	} else {
		spec := c.spec
		spec.Period = c.periodOf(s)
		f.model, err = arima.Fit(ctx, s.data, spec, arima.Options{})
	}
	if err != nil {
		f.reason = c.explain(err, s)
	}
	return f
}

func (c *arimaCall) periodOf(s sequence) int {
	if c.period > 0 {
		return c.period
	}
	return s.clock.period()
}

// choose selects the orders. The algorithm's constant is a mean without
// differences and a drift with one, so an excluded kind is known only after the
// differences are; then the search runs again without a constant.
func (c *arimaCall) choose(ctx context.Context, s sequence) (*arima.Model, int, error) {
	excluded := func(p *bool) bool { return p != nil && !*p }
	search := arima.Search{Period: c.periodOf(s), Criterion: c.criterion, NoConstant: excluded(c.mean) && excluded(c.drift)}
	selection, err := arima.Select(ctx, s.data, search)
	if err != nil {
		return nil, 0, err
	}
	spec := selection.Model.Spec
	if spec.Mean && excluded(c.mean) || spec.Drift && excluded(c.drift) {
		search.NoConstant = true
		if selection, err = arima.Select(ctx, s.data, search); err != nil {
			return nil, 0, err
		}
	}
	return selection.Model, len(selection.Tried), nil
}
