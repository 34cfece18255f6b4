package function

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/millrace/millrace/worker/internal/fault"
)

func lastRune(s string) (rune, int) { return utf8.DecodeLastRuneInString(s) }

// modelFormat is the version of the documents in column model. A worker reads
// its own and older ones.
const modelFormat = 1

// model is the document in column model of a summary table: all that a
// prediction needs, so the summary alone is the model.
type model struct {
	Format     int        `json:"format"`
	Kind       string     `json:"kind"`   // the function that made it
	Inputs     []Column   `json:"inputs"` // expressions over the source that a prediction reads
	Group      []*string  `json:"group"`  // this row's group, as text
	Encodings  []encoding `json:"encodings,omitempty"`
	Intercept  bool       `json:"intercept"`
	Estimates  []number   `json:"estimates,omitempty"` // intercept first, if there is one; null for a dropped term
	Covariance [][]number `json:"covariance,omitempty"`
	Sigma      number     `json:"sigma"`
	DF         number     `json:"df"`
	Columns    []Column   `json:"columns,omitempty"` // of the model table itself, that a call reads besides the document
	Series     *series    `json:"series,omitempty"`  // of arima
}

// number is a float64 whose NaN is null.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = number(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}

func numbers(values []float64) []number {
	out := make([]number, len(values))
	for i, v := range values {
		out[i] = number(v)
	}
	return out
}

func floats(values []number) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

func matrix(values [][]float64) [][]number {
	out := make([][]number, len(values))
	for i, v := range values {
		out[i] = numbers(v)
	}
	return out
}

func floatMatrix(values [][]number) [][]float64 {
	if values == nil {
		return nil
	}
	out := make([][]float64, len(values))
	for i, v := range values {
		out[i] = floats(v)
	}
	return out
}

// text encodes m for a jsonb column.
func (m model) text() *string {
	m.Format = modelFormat
	b, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("function: encode model: %v", err)) // our own types always encode
	}
	return ptr(string(b))
}

// predictionInputs are the expressions of a training input that a prediction
// reads again: features and groups.
func predictionInputs(columns []Column, roles ...string) []Column {
	var inputs []Column
	for _, c := range columns {
		if slices.Contains(roles, c.Role) {
			inputs = append(inputs, c)
		}
	}
	return inputs
}

// readModels decodes the model rows of input 0 and checks that all were made by
// one function from the same expressions. Groups without a model are left out.
func readModels(d Data, inputs []Column) ([]model, error) {
	column := d.one("model")
	var models []model
	for row := range d.rows() {
		if d.Record.Column(column).IsNull(row) {
			continue
		}
		var m model
		if err := json.Unmarshal([]byte(d.text(column, row)), &m); err != nil {
			return nil, fault.New(fault.Data, "column model of %d is not a model: %v", row+1, err).
				WithHint("Pass the output or the summary of a training function, as it was made.")
		}
		if m.Format < 1 || m.Format > modelFormat {
			return nil, fault.New(fault.State, "the model has format %d, and this worker reads up to %d", m.Format, modelFormat).
				WithHint("Upgrade Millrace, or train the model again.")
		}
		if len(models) > 0 && (models[0].Kind != m.Kind || !slices.Equal(models[0].Inputs, m.Inputs)) {
			return nil, fault.New(fault.Data, "the rows of the model table belong to different models").
				WithHint("Keep one model per table.")
		}
		models = append(models, m)
	}
	if len(models) == 0 {
		return nil, fault.New(fault.State, "the model has no fitted group").WithHint("See column reason of the summary table.")
	}
	if inputs != nil && !slices.Equal(models[0].Inputs, inputs) {
		return nil, fault.New(fault.State, "the model has changed while it was read").WithHint("Try again.")
	}
	return models, nil
}

// series is what a forecast needs to know of the series besides the fit.
type series struct {
	State json.RawMessage `json:"state"`
	Clock clock           `json:"clock"`
}
