package function

import (
	"context"
	"encoding/json"
	"math"
	"slices"

	"github.com/millrace/millrace/algorithms/knn"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "nearest", Inputs: 1, Suffixes: nil, New: newNearest})
}

// nearestCall is one call of ml.nearest: one query point, rows instead of a table.
type nearestCall struct {
	inputs []Spec
	search neighbours
	query  []float64
}

type nearestArgs struct {
	Query  []*float64 `json:"query"`
	K      *int       `json:"k"`
	Metric *string    `json:"metric"`
}

func newNearest(raw json.RawMessage, inputs []Spec) (Call, error) {
	var a nearestArgs
	if err := decode(raw, &a); err != nil {
		return nil, err
	}
	c := &nearestCall{inputs: inputs}
	var err error
	if c.search.k, err = positive("k", a.K); err != nil {
		return nil, err
	}
	p := 3.0
	if c.search.metric, err = parseMetric(a.Metric, &p); err != nil {
		return nil, err
	}
	for _, x := range a.Query {
		if x == nil || math.IsNaN(*x) || math.IsInf(*x, 0) {
			return nil, fault.New(fault.Parameter, "query has a coordinate that is NULL, NaN or infinite")
		}
		c.query = append(c.query, *x)
	}
	if len(c.query) == 0 {
		return nil, fault.New(fault.Parameter, "query has no coordinates").WithHint("Pass an array, for example '{5.1, 1.4}'.")
	}
	return c, nil
}

// Cast implements [Call].
func (c *nearestCall) Cast(input, column int, t pushdown.Type) (pushdown.Cast, error) {
	return castFixed(c.inputs[input].Columns[column], t)
}

// Run implements [Call].
func (c *nearestCall) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	d := in[0]
	rows := d.complete(d.used("filter"))
	r := &Result{RowsSkipped: int64(d.rows() - len(rows)), Details: map[string]any{}}
	if f := d.one("filter"); f >= 0 {
		rows = slices.DeleteFunc(rows, func(row int) bool { return d.Record.Column(f).IsNull(row) || d.text(f, row) != "true" })
	}
	r.RowsUsed = int64(len(rows))
	slices.SortStableFunc(rows, d.compareRows)
	found := knn.Neighbors{Offset: []int{0, 0}}
	if len(rows) > 0 {
		release, err := env.Reserve(8 * int64(len(c.query)) * int64(len(rows)))
		if err != nil {
			return nil, err
		}
		defer release()
		points, err := d.points("train", rows, len(c.query))
		if err != nil {
			return nil, err
		}
		s := knn.Search{Metric: c.search.metric, K: c.search.k, Workers: env.Workers}
		if found, err = s.Run(ctx, points, knn.Points{Values: c.query, Dim: len(c.query)}); err != nil {
			return nil, c.search.explain(err, []Data{d, d}, [2][]int{rows, nil})
		}
	}
	indices, distances := found.At(0)
	ids := make(Texts, len(indices))
	for i, row := range indices {
		ids[i] = d.key(d.one("id"), rows[row]).pointer()
	}
	r.Tables = []Table{{Rows: len(ids), Columns: []ResultColumn{
		{Name: "id", Type: "text", Values: ids}, {Name: "distance", Type: "float8", Values: Floats(distances)}}}}
	return r, nil
}
