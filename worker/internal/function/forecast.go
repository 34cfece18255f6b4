package function

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/algorithms/arima"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "forecast", Inputs: 1, Suffixes: []string{""}, New: newForecast})
}

// forecast is one call of ml.forecast: input 0 is the model's rows, input 1, if
// the model has regressors, the relation with their future values.
type forecast struct {
	inputs  []Spec
	horizon int
	levels  []float64
	zone    string
}

type forecastArgs struct {
	Horizon  *int        `json:"horizon"`
	Level    *[]*float64 `json:"level"`
	TimeZone string      `json:"time_zone"`
}

// Bounds of a forecast. A result table has 24 columns of floats: the forecast,
// its error, and two per level.
const (
	maxHorizon = 100000
	maxLevels  = 11
)

func newForecast(raw json.RawMessage, inputs []Spec) (Call, error) {
	var a forecastArgs
	if err := decode(raw, &a); err != nil {
		return nil, hinted(err, levelHint)
	}
	c := &forecast{inputs: inputs, zone: a.TimeZone}
	var err error
	if a.Horizon == nil {
		return nil, fault.New(fault.Parameter, "argument horizon is NULL").WithHint("Say how many steps ahead, for example horizon => 12.")
	}
	if c.horizon = *a.Horizon; c.horizon < 1 || c.horizon > maxHorizon {
		return nil, fault.New(fault.Parameter, "horizon is %d, and must be between 1 and %d", c.horizon, maxHorizon).
			WithHint("Say how many steps ahead, for example horizon => 12.")
	}
	if c.levels, err = levels(a.Level); err != nil {
		return nil, err
	}
	if len(inputs) == 2 && len(inputs[1].find("feature")) > 0 {
		return nil, notASeries("a regression")
	}
	if len(inputs) == 2 && len(inputs[1].find("regressor")) == 0 {
		return nil, fault.New(fault.Parameter, "regressors are given, and the model has none").
			WithHint("Leave regressors out, or train with ml.arima(…, regressors => …).")
	}
	own := []string{"step", "time", "forecast", "std_error"}
	for _, level := range c.levels {
		own = append(own, "lower_"+percent(level), "upper_"+percent(level))
	}
	return c, checkNames(own, inputs[0].Columns, "group")
}

const levelHint = "For limits of 80 % and 95 %, pass level => '{0.8,0.95}'."

func notASeries(kind string) *fault.Error {
	return fault.New(fault.Parameter, "the model is %s, not a time series", kind).
		WithHint("Use ml.predict(model, source, output).")
}

func levels(p *[]*float64) ([]float64, error) {
	list, err := argument("level", p)
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, level := range list {
		switch {
		case level == nil:
			err = fault.New(fault.Parameter, "a level is NULL")
		case !(*level > 0 && *level < 1):
			err = fault.New(fault.Parameter, "a level is %g, and must be between 0 and 1", *level)
		case slices.Contains(out, *level):
			err = fault.New(fault.Parameter, "level %g is given twice", *level)
		default:
			out = append(out, *level)
			continue
		}
		return nil, hinted(err, levelHint)
	}
	if len(out) > maxLevels {
		return nil, fault.New(fault.Parameter, "%d levels are given, and %d are possible", len(out), maxLevels).
			WithHint("Call ml.forecast twice.")
	}
	return out, nil
}

// percent spells a level in a column name: 80 for 0.8, 99_5 for 0.995.
func percent(level float64) string {
	_, digits, _ := strings.Cut(strconv.FormatFloat(level, 'f', -1, 64), ".")
	if len(digits) < 2 {
		digits += "0"
	}
	whole := digits[:2]
	if whole[0] == '0' {
		whole = whole[1:]
	}
	if len(digits) == 2 {
		return whole
	}
	return whole + "_" + digits[2:]
}

// Cast implements [Call].
func (c *forecast) Cast(input, column int, t pushdown.Type) (pushdown.Cast, error) {
	return castFixed(c.inputs[input].Columns[column], t)
}

// ending is the end of one group's series, from which its forecast starts.
type ending struct {
	keys  []key // of the model's row
	group []*string
	state arima.State
	clock clock
}

// Run implements [Call].
func (c *forecast) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	d := in[0]
	endings, err := c.endings(in)
	if err != nil {
		return nil, err
	}
	rows := int64(len(endings)) * int64(c.horizon)
	release, err := env.Reserve(rows * int64(80+16*len(c.levels)+16*len(d.find("group"))))
	if err != nil {
		return nil, err
	}
	defer release()
	future, err := c.future(in, endings)
	if err != nil {
		return nil, err
	}
	t := c.newTable(d, endings)
	for i, e := range endings {
		env.Progress("forecasting", int64(i), int64(len(endings)))
		f, err := e.state.Forecast(ctx, c.horizon, future.values[i])
		if err != nil {
			return nil, forecastFault(err)
		}
		if err := t.add(e, f); err != nil {
			return nil, err
		}
	}
	r := &Result{Tables: []Table{t.table()}, RowsUsed: int64(len(endings)) + future.used, Details: map[string]any{}}
	if unfitted := d.rows() - len(endings); unfitted > 0 {
		r.RowsSkipped = int64(unfitted)
		r.Details["groups_without_model"] = unfitted
		env.Notice("%d of %d groups have no model, and so no forecast: see column reason of the summary", unfitted, d.rows())
	}
	if len(d.find("group")) > 0 {
		r.Details["groups"] = len(endings)
	}
	return r, nil
}

func forecastFault(err error) error {
	if cancelled(err) {
		return algorithmError(err)
	}
	if errors.Is(err, arima.ErrValue) {
		return fault.New(fault.Data, "%s", reason(err)).WithHint("Scale the column, in training and here.")
	}
	return modelFault(err)
}

// endings reads the models and orders them by group.
func (c *forecast) endings(in []Data) ([]ending, error) {
	d := in[0]
	models, err := readModels(d, nil)
	if err != nil {
		return nil, err
	}
	first := models[0]
	if first.Kind != "arima" {
		return nil, notASeries("of " + first.Kind)
	}
	if err := c.checkInputs(first, d); err != nil {
		return nil, err
	}
	rows := d.complete([]int{d.one("model")}) // those of models, in their order
	var out []ending
	for i, m := range models {
		e, err := c.ending(m)
		if err != nil {
			return nil, err
		}
		e.keys = d.keys(d.find("group"), rows[i])
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b ending) int { return slices.CompareFunc(a.keys, b.keys, compareKeys) })
	for i := range out[1:] {
		if groupLabel(out[i].group) == groupLabel(out[i+1].group) {
			return nil, fault.New(fault.Data, "the model table has two models%s", inGroup(group{keys: out[i].keys})).
				WithHint("Keep one model per group and table.")
		}
	}
	return out, nil
}

// checkInputs holds the call's inputs against those of the model.
func (c *forecast) checkInputs(m model, d Data) error {
	regressors := predictionInputs(m.Inputs, "regressor")
	if len(c.inputs) == 1 && len(regressors) > 0 {
		var names []string
		for _, r := range regressors {
			names = append(names, r.Expression)
		}
		return fault.New(fault.Parameter, "the model has regressors (%s), and their future values are missing", strings.Join(names, ", ")).
			WithHint("Pass regressors => a relation with the time column, these columns%s and one row for each future time.",
				map[bool]string{true: ", the groups", false: ""}[len(m.Group) > 0])
	}
	if len(c.inputs) == 2 && !slices.Equal(c.inputs[1].Columns, m.Inputs) {
		return fault.New(fault.State, "the model has changed while it was read").WithHint("Try again.")
	}
	if len(d.find("group")) != len(m.Group) {
		return fault.New(fault.Data, "the model has %d group columns, and its table %d", len(m.Group), len(d.find("group"))).
			WithHint("Pass the output or the summary of ml.arima, as it was made.")
	}
	return nil
}

// ending decodes one model.
func (c *forecast) ending(m model) (ending, error) {
	if m.Series == nil {
		return ending{}, modelFault(errors.New("it has no series"))
	}
	e := ending{group: m.Group, clock: m.Series.Clock}
	var err error
	if e.state, err = m.Series.state(); err != nil {
		return e, modelFault(err)
	}
	if !e.clock.valid() {
		return e, modelFault(errors.New("its time does not go on"))
	}
	if e.clock.Type == "timestamptz" && e.clock.Zone != c.zone {
		return e, fault.New(fault.State, "the model was trained with TimeZone %s, in which its times step by %s, and TimeZone is now %s",
			e.clock.Zone, e.clock.describeStep(), c.zone).WithHint("Run: SET TimeZone = '%s'", strings.ReplaceAll(e.clock.Zone, "'", "''"))
	}
	return e, nil
}
