package function

import (
	"context"
	"encoding/json"

	"github.com/millrace/millrace/datasets"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "load_dataset", Suffixes: []string{""}, New: newLoad})
}

// load is one call of ml.load_dataset, which reads no relation.
type load struct{ set datasets.Dataset }

type loadArgs struct {
	Name *string `json:"name"`
}

func newLoad(raw json.RawMessage, _ []Spec) (Call, error) {
	var a loadArgs
	if err := decode(raw, &a); err != nil {
		return nil, err
	}
	name, err := argument("name", a.Name)
	if err != nil {
		return nil, err
	}
	if err := oneOf("data set", name, datasets.Names()...); err != nil {
		return nil, err
	}
	set, err := datasets.Get(name)
	return &load{set}, err
}

// Cast implements [Call].
func (c *load) Cast(int, int, pushdown.Type) (pushdown.Cast, error) {
	return "", fault.New(fault.State, "load_dataset has no inputs")
}

var datasetTypes = map[string]string{"integer": "int4", "double precision": "float8", "text": "text", "date": "date", "boolean": "bool"}

// Run implements [Call].
func (c *load) Run(context.Context, []Data, Env) (*Result, error) {
	t := Table{Rows: c.set.Rows}
	columns := make([]Texts, len(c.set.Columns))
	for row := range c.set.All() {
		for i, cell := range row {
			columns[i] = append(columns[i], cell)
		}
	}
	for i, column := range c.set.Columns {
		t.Columns = append(t.Columns, ResultColumn{Name: column.Name, Type: datasetTypes[column.SQLType], Values: columns[i]})
	}
	return &Result{Tables: []Table{t}, RowsUsed: int64(c.set.Rows), Details: map[string]any{
		"description": c.set.Description, "source": c.set.Source, "licence": c.set.Licence,
	}}, nil
}
