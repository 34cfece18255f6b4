package function

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/millrace/millrace/algorithms/arima"
	"github.com/millrace/millrace/algorithms/arima/madlib"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "madlib_arima_train", Inputs: 1, Suffixes: []string{"", "_summary", "_residual"}, New: newMadlibARIMA})
	register(Function{Name: "madlib_arima_forecast", Inputs: 3, Suffixes: []string{""}, New: newMadlibForecast})
}

// madlibARIMA is one call of madlib.arima_train: the input has the time to order
// by, the series, and the time once more as it is to be shown.
type madlibARIMA struct {
	in     Spec
	config madlib.Config
	madlibARIMAArgs
}

type madlibARIMAArgs struct {
	Input       string  `json:"input_table"`
	Timestamp   string  `json:"timestamp_column"`
	Series      string  `json:"timeseries_column"`
	IncludeMean bool    `json:"include_mean"`
	Orders      []*int  `json:"non_seasonal_orders"`
	Params      *string `json:"optimizer_params"`
}

func arimaFault(kind fault.Kind, format string, args ...any) *fault.Error {
	return fault.New(kind, "ARIMA error: "+format, args...)
}

func newMadlibARIMA(raw json.RawMessage, inputs []Spec) (Call, error) {
	c := &madlibARIMA{in: inputs[0]}
	if err := decode(raw, &c.madlibARIMAArgs); err != nil {
		return nil, err
	}
	if err := c.checkOrders(); err != nil {
		return nil, err
	}
	return c, c.readParams()
}

// checkOrders takes p, d, q in MADlib's bounds; a mean of a differenced series
// is left out in silence.
func (c *madlibARIMA) checkOrders() error {
	if len(c.Orders) != 3 {
		return arimaFault(fault.Parameter, "3 integers not supplied for non_seasonal_orders")
	}
	sum := 0
	for _, o := range c.Orders {
		switch {
		case o == nil:
			return arimaFault(fault.Parameter, "Non-seasonal orders must be non-negative integers!")
		case *o < 0:
			return arimaFault(fault.Parameter, "Non-seasonal orders must be non-negative!")
		case *o >= 20:
			return arimaFault(fault.Parameter, "Non-seasonal orders should be less than 20!")
		}
		sum += *o
	}
	c.config.P, c.config.D, c.config.Q = *c.Orders[0], *c.Orders[1], *c.Orders[2]
	switch {
	case sum == 0:
		return arimaFault(fault.Parameter, "Non-seasonal orders must not all be zeros!")
	case c.config.P == 0 && c.config.Q == 0:
		return arimaFault(fault.Parameter, "AR order and MA order cannot both be zeros!")
	}
	c.config.IncludeMean = c.IncludeMean && c.config.D == 0
	return nil
}

// readParams reads optimizer_params. chunk_size has no meaning here, and a start
// at random is answered by the one from zero, so that results can be repeated.
func (c *madlibARIMA) readParams() error {
	if c.Params == nil {
		return nil
	}
	list, ok := pairs(*c.Params)
	if !ok {
		return arimaFault(fault.Parameter, "Optimizer parameter list has incorrect format!")
	}
	numbers := map[string]*float64{"tau": &c.config.Tau, "e1": &c.config.E1, "e2": &c.config.E2, "e3": &c.config.E3, "hessian_delta": &c.config.HessianDelta}
	for _, p := range list {
		if err := c.readParam(p, numbers[p.key]); err != nil {
			return err
		}
	}
	return nil
}

func (c *madlibARIMA) readParam(p pair, number *float64) error {
	value, err := strconv.ParseFloat(p.value, 64)
	integer, notInteger := strconv.Atoi(p.value)
	switch {
	case number != nil && err != nil:
		return arimaFault(fault.Parameter, "%s must be a double value!", p.key)
	case number != nil && !(value > 0 && value <= math.MaxFloat64):
		return arimaFault(fault.Parameter, "%s must be positive!", p.key)
	case number != nil:
		*number = value
	case p.key == "max_iter" && notInteger != nil:
		return arimaFault(fault.Parameter, "max_iter must be an integer number!")
	case p.key == "max_iter" && integer <= 0:
		return arimaFault(fault.Parameter, "max_iter must be positive!")
	case p.key == "max_iter":
		c.config.MaxIterations = integer
	case p.key == "chunk_size" && notInteger != nil:
		return arimaFault(fault.Parameter, "chunk_size must be an integer value!")
	case p.key == "chunk_size" && integer < 10000:
		return arimaFault(fault.Parameter, "chunk_size must be at least 10000!")
	case p.key == "param_init" && p.value != "zero" && p.value != "random":
		return arimaFault(fault.Parameter, "param_init must be 'zero' or 'random'!")
	case p.key != "chunk_size" && p.key != "param_init":
		return arimaFault(fault.Parameter, "%.50s is not a valid parameter name.", p.key).
			WithHint("Names are max_iter, tau, e1, e2, e3, hessian_delta, chunk_size and param_init.")
	}
	return nil
}

// Cast implements [Call].
func (c *madlibARIMA) Cast(_, column int, t pushdown.Type) (pushdown.Cast, error) {
	return castSeries(c.in.Columns[column], t)
}

// castSeries takes a time in the form in which it is ordered, and once more, as
// role stamp, in the form from which PostgreSQL reads the same value back.
func castSeries(col Column, t pushdown.Type) (pushdown.Cast, error) {
	if col.Role != "stamp" {
		return castFixed(col, t)
	}
	if t.IsNumber() && !t.IsInteger() && t.Base != "numeric" {
		return pushdown.Float, nil
	}
	return castAs(pushdown.Key, col, t)
}

// sortedSeries returns the rows in the order of time and their values. Rows at
// one time are ordered by value: MADlib leaves their order open.
func (d Data) sortedSeries(what string) (rows []int, values []float64, err error) {
	at, value := d.one("time"), d.one("value")
	for _, c := range []int{at, value} {
		if d.Record.Column(c).NullN() > 0 {
			return nil, nil, arimaFault(fault.Data, "column %s of the %s has NULL values!", d.Columns[c].Expression, what).
				WithHint("Filter such rows out, or fill them: a gap in the series is not allowed.")
		}
	}
	rows = d.complete(nil)
	if err := d.requireFinite([]int{at, value}, rows); err != nil {
		return nil, nil, err
	}
	numbers := d.floats(value)
	slices.SortStableFunc(rows, func(a, b int) int {
		var c int
		if d.Casts[at] == pushdown.Float {
			c = cmp.Compare(d.floats(at)[a], d.floats(at)[b])
		} else {
			c = cmp.Compare(d.ints(at)[a], d.ints(at)[b])
		}
		return cmp.Or(c, cmp.Compare(numbers[a], numbers[b]))
	})
	return rows, selectRows(numbers, rows), nil
}

// Run implements [Call].
func (c *madlibARIMA) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	began := time.Now()
	d := in[0]
	rows, y, err := d.sortedSeries("input table")
	if err != nil {
		return nil, err
	}
	env.Progress("fitting", 0, 0)
	m, err := madlib.Fit(ctx, y, c.config)
	if err != nil {
		return nil, arimaDataFault(err)
	}
	r := &Result{RowsUsed: int64(len(rows)), Details: map[string]any{}}
	r.Tables = []Table{c.coefficients(m), c.summary(m, time.Since(began)), c.residuals(d, rows, m)}
	return r, nil
}

// arimaDataFault says what a fit or a forecast has against the data.
func arimaDataFault(err error) error {
	for _, known := range []error{arima.ErrTooShort, arima.ErrConstant, arima.ErrValue, arima.ErrParameter, arima.ErrOrder, arima.ErrState} {
		if errors.Is(err, known) {
			return arimaFault(fault.Data, "%s", reason(err))
		}
	}
	return algorithmError(err)
}

func (c *madlibARIMA) coefficients(m *madlib.Model) Table {
	t := Table{Rows: 1}
	if c.config.P > 0 {
		t.add("ar_params", "float8[]", lists{m.Phi})
		t.add("ar_std_errors", "float8[]", lists{m.PhiStdErr})
	}
	if c.config.Q > 0 {
		t.add("ma_params", "float8[]", lists{m.Theta})
		t.add("ma_std_errors", "float8[]", lists{m.ThetaStdErr})
	}
	if c.config.IncludeMean {
		t.add("mean", "float8", Floats{m.Mean})
		t.add("mean_std_error", "float8", Floats{m.MeanStdErr})
	}
	return t
}

func (c *madlibARIMA) summary(m *madlib.Model, took time.Duration) Table {
	t := Table{Rows: 1}
	t.add("input_table", "text", Texts{&c.Input})
	t.add("timestamp_col", "text", Texts{&c.Timestamp})
	t.add("timeseries_col", "text", Texts{&c.Series})
	t.add("non_seasonal_orders", "int4[]", Texts{ptr(fmt.Sprintf("{%d,%d,%d}", c.config.P, c.config.D, c.config.Q))})
	t.add("include_mean", "bool", Texts{ptr(strconv.FormatBool(c.config.IncludeMean))})
	t.add("residual_variance", "float8", Floats{m.ResidualVariance})
	t.add("log_likelihood", "float8", Floats{m.LogLik})
	t.add("iter_num", "int4", Ints{int64(m.Iterations)})
	t.add("exec_time (s)", "float8", Floats{took.Seconds()})
	return t
}

func (c *madlibARIMA) residuals(d Data, rows []int, m *madlib.Model) Table {
	stamp := d.one("stamp")
	t := Table{Rows: len(rows), Columns: []ResultColumn{{
		Name: columnName(d.Columns[stamp].Expression), Of: &TypeOf{Column: stamp}, Values: d.copyCells(stamp, rows),
	}}}
	t.add("residual", "float8", Floats(m.Residuals))
	return t
}

// madlibForecast is one call of madlib.arima_forecast: input 0 is the series that
// the model was trained on, input 1 the residuals, input 2 the coefficients.
type madlibForecast struct {
	inputs []Spec
	madlibForecastArgs
	phi, theta []float64
	mean       float64
}

type madlibForecastArgs struct {
	Orders []int `json:"non_seasonal_orders"`
	Steps  int   `json:"steps_ahead"`
}

func newMadlibForecast(raw json.RawMessage, inputs []Spec) (Call, error) {
	c := &madlibForecast{inputs: inputs}
	if err := decode(raw, &c.madlibForecastArgs); err != nil {
		return nil, err
	}
	if len(c.Orders) != 3 || slices.Min(c.Orders) < 0 || slices.Max(c.Orders) >= 20 {
		return nil, arimaFault(fault.Data, "the summary table has no orders of a model!")
	}
	return c, nil
}

// Cast implements [Call].
func (c *madlibForecast) Cast(input, column int, t pushdown.Type) (pushdown.Cast, error) {
	switch col := c.inputs[input].Columns[column]; col.Role {
	case "ar_params", "ma_params":
		return castAs(pushdown.Point, col, t)
	case "mean":
		return castAs(pushdown.Number, col, t)
	default:
		return castSeries(col, t)
	}
}

// Run implements [Call].
func (c *madlibForecast) Run(_ context.Context, in []Data, _ Env) (*Result, error) {
	if err := c.readModel(in[2]); err != nil {
		return nil, err
	}
	_, y, err := in[0].sortedSeries("input table")
	if err != nil {
		return nil, err
	}
	_, residuals, err := in[1].sortedSeries("residual table")
	if err != nil {
		return nil, err
	}
	p, d, q := c.Orders[0], c.Orders[1], c.Orders[2]
	if len(y) < p+d || len(residuals) < q {
		return nil, arimaFault(fault.Data, "%d values and %d residuals are left, and the model needs %d and %d!", len(y), len(residuals), p+d, q)
	}
	future, err := c.state(y[len(y)-p-d:], residuals[len(residuals)-q:]).Forecast(c.Steps)
	if err != nil {
		return nil, arimaDataFault(err)
	}
	t := Table{Rows: c.Steps}
	steps := make(Ints, c.Steps)
	for i := range steps {
		steps[i] = int64(i + 1)
	}
	t.add("steps_ahead", "int4", steps)
	t.add("forecast_value", "float8", Floats(future))
	return &Result{Tables: []Table{t}, RowsUsed: int64(len(y)), Details: map[string]any{}}, nil
}

// readModel takes the coefficients from the model's one row.
func (c *madlibForecast) readModel(d Data) error {
	if d.rows() != 1 || len(d.complete(d.used(""))) != 1 || d.requireFinite(d.used(""), []int{0}) != nil {
		return arimaFault(fault.Data, "the model table does not have one row of finite coefficients!")
	}
	if at := d.one("ar_params"); at >= 0 {
		c.phi = d.point(at, 0)
	}
	if at := d.one("ma_params"); at >= 0 {
		c.theta = d.point(at, 0)
	}
	if at := d.one("mean"); at >= 0 {
		c.mean = d.floats(at)[0]
	}
	if len(c.phi) != c.Orders[0] || len(c.theta) != c.Orders[2] {
		return arimaFault(fault.Data, "the model table has %d and %d coefficients, and its summary table says %d and %d!",
			len(c.phi), len(c.theta), c.Orders[0], c.Orders[2])
	}
	return nil
}

// state is the end of the series as the model sees it, from the last p+d values
// and the last q residuals, oldest first.
func (c *madlibForecast) state(y, residuals []float64) madlib.State {
	s := madlib.State{Version: 1, Mean: c.mean, Phi: c.phi, Theta: c.theta}
	x := y
	for range c.Orders[1] {
		s.Ends = append(s.Ends, x[len(x)-1])
		next := make([]float64, len(x)-1)
		for i := range next {
			next[i] = x[i+1] - x[i]
		}
		x = next
	}
	for i := range c.phi {
		s.Recent = append(s.Recent, x[len(x)-1-i]-c.mean)
	}
	for i := range c.theta {
		s.Residuals = append(s.Residuals, residuals[len(residuals)-1-i])
	}
	return s
}
