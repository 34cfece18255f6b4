package function

import (
	"context"
	"encoding/json"
	"math"
	"strings"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "predict", Inputs: 1, Suffixes: []string{""}, New: newPredict})
}

// predict is one call of ml.predict: input 0 is the model's rows, input 1 the
// source with the model's expressions and the kept columns.
type predict struct {
	inputs     []Spec
	kind       string // response, link or class
	intervals  string // "", confidence or prediction
	confidence float64
}

type predictArgs struct {
	Type       *string  `json:"type"`
	Intervals  *string  `json:"intervals"`
	Confidence *float64 `json:"confidence"`
}

func newPredict(raw json.RawMessage, inputs []Spec) (Call, error) {
	var a predictArgs
	if err := decode(raw, &a); err != nil {
		return nil, err
	}
	if len(inputs) != 2 {
		return nil, fault.New(fault.Parameter, "argument source is NULL").WithHint("Name the relation whose rows are to be predicted.")
	}
	c := &predict{inputs: inputs}
	var err error
	if c.kind, err = argument("type", a.Type); err != nil {
		return nil, err
	}
	if err := oneOf("type", c.kind, "response", "link", "class"); err != nil {
		return nil, err
	}
	if a.Intervals != nil {
		c.intervals = *a.Intervals
		if err := oneOf("intervals", c.intervals, "confidence", "prediction"); err != nil {
			return nil, err
		}
	}
	if c.confidence, err = confidence(a.Confidence); err != nil {
		return nil, err
	}
	own := []string{"prediction", "std_error", "conf_low", "conf_high"}
	for _, column := range inputs[1].Columns {
		if column.Role == "group" {
			own = append(own, columnName(column.Expression))
		}
	}
	return c, checkNames(own, inputs[1].Columns, "keep")
}

// Cast implements [Call].
func (c *predict) Cast(input, column int, t pushdown.Type) (pushdown.Cast, error) {
	return castFixed(c.inputs[input].Columns[column], t)
}

// Run implements [Call].
func (c *predict) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	d := in[1]
	models, err := readModels(in[0], predictionInputs(d.Columns, "feature", "group"))
	if err != nil {
		return nil, err
	}
	if err := c.check(models[0].Kind); err != nil {
		return nil, err
	}
	features := d.find("feature")
	if err := d.checkModels(features, models); err != nil {
		return nil, err
	}
	if err := d.requireFinite(features, d.complete(features)); err != nil {
		return nil, err
	}
	release, err := env.Reserve(8 * int64(d.rows()) * int64(len(termNames(models[0].Encodings))+4))
	if err != nil {
		return nil, err
	}
	defer release()
	rows, counts := d.applicable(models)
	out := newPredictions(d.rows())
	if err := c.apply(ctx, application{data: d, models: models, rows: rows}, out, env); err != nil {
		return nil, err
	}
	return c.result(d, out, counts), nil
}

// check refuses what the model's kind does not have.
func (c *predict) check(kind string) error {
	switch {
	case kind == "arima":
		return fault.New(fault.Parameter, "the model is a time series").WithHint("Use ml.forecast(model, horizon, output).")
	case kind != "linear_regression" && kind != "logistic_regression":
		return fault.New(fault.State, "the model is of kind %q, which this worker cannot apply", kind).WithHint("Upgrade Millrace.")
	case kind == "linear_regression" && c.kind == "class":
		return fault.New(fault.Parameter, "type 'class' needs a logistic model, and this one is linear").WithHint("Use type => 'response'.")
	case kind == "logistic_regression" && c.intervals == "prediction":
		return fault.New(fault.Parameter, "a logistic model has no prediction intervals: an outcome is true or false").
			WithHint("Use intervals => 'confidence'.")
	case c.intervals != "" && c.kind == "class":
		return fault.New(fault.Parameter, "a class has no intervals").WithHint("Use type => 'response'.")
	}
	return nil
}

func groupLabel(group []*string) string {
	var b strings.Builder
	for _, g := range group {
		if g != nil {
			b.WriteString(*g)
		}
		b.WriteByte(0)
	}
	return b.String()
}

// checkModels refuses models that the source's features do not fit, and two
// models of one group.
func (d Data) checkModels(features []int, models []model) error {
	seen := map[string]bool{}
	for _, m := range models {
		if err := d.checkFeatures(features, m.Encodings); err != nil {
			return err
		}
		if label := groupLabel(m.Group); seen[label] {
			return fault.New(fault.Data, "the model has two rows for one group").WithHint("Keep one row per group.")
		} else {
			seen[label] = true
		}
	}
	return nil
}

// checkFeatures refuses a source whose feature has another type than in training.
func (d Data) checkFeatures(features []int, encodings []encoding) error {
	if len(features) != len(encodings) {
		return fault.New(fault.Data, "the model has %d features, and %d encodings", len(features), len(encodings)).WithHint("Train the model again.")
	}
	for i, c := range features {
		if isFactor := d.Casts[c] == pushdown.Text; isFactor != (encodings[i].Levels != nil) {
			want := map[bool]string{true: "text, boolean or enum", false: "a number"}[!isFactor]
			return fault.New(fault.Type, "feature %s has type %s, and the model was trained with %s", d.Columns[c].Expression, d.Types[c].Name, want)
		}
	}
	return nil
}

func modelFault(err error) error {
	return fault.New(fault.Data, "the model cannot be applied: %s", reason(err)).
		WithHint("The model's document may have been changed: train the model again.")
}

func (c *predict) result(d Data, out predictions, counts map[string]int) *Result {
	table := Table{Rows: d.rows()}
	r := &Result{RowsUsed: int64(d.rows()), Details: map[string]any{}}
	for _, n := range counts {
		r.RowsSkipped += int64(n)
		r.RowsUsed -= int64(n)
	}
	if len(counts) > 0 {
		r.Details["null_predictions"] = counts
	}
	for column, spec := range d.Columns {
		if spec.Role != "group" && spec.Role != "keep" {
			continue
		}
		texts := make(Texts, d.rows())
		for row := range texts {
			texts[row] = d.key(column, row).pointer()
		}
		table.Columns = append(table.Columns, ResultColumn{Name: columnName(spec.Expression), Of: &TypeOf{Input: 1, Column: column}, Values: texts})
	}
	if c.kind == "class" {
		classes := make(Texts, d.rows())
		for i, p := range out.value {
			if !math.IsNaN(p) {
				classes[i] = ptr(map[bool]string{true: "true", false: "false"}[p >= 0.5])
			}
		}
		table.Columns = append(table.Columns, ResultColumn{Name: "prediction", Type: "bool", Values: classes})
	} else {
		table.Columns = append(table.Columns, ResultColumn{Name: "prediction", Type: "float8", Values: out.value})
	}
	if c.intervals != "" {
		table.Columns = append(table.Columns,
			ResultColumn{Name: "std_error", Type: "float8", Values: out.stdErr},
			ResultColumn{Name: "conf_low", Type: "float8", Values: out.low},
			ResultColumn{Name: "conf_high", Type: "float8", Values: out.high})
	}
	r.Tables = []Table{table}
	return r
}
