package function

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/millrace/millrace/algorithms/knn"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "knn", Inputs: 2, Suffixes: []string{""}, New: newKNN})
}

// neighbours is one call of ml.knn: input 0 is train, input 1 the queries.
type neighbours struct {
	inputs      []Spec
	metric      knn.Metric
	k           int
	task        string // "", classification or regression
	weighting   knn.Weighting
	excludeSelf bool
	labelled    bool
	classify    bool // decided by task and the label's type
}

type knnArgs struct {
	K           *int     `json:"k"`
	Task        *string  `json:"task"`
	Metric      *string  `json:"metric"`
	P           *float64 `json:"p"`
	Weights     *string  `json:"weights"`
	ExcludeSelf *bool    `json:"exclude_self"`
}

var metricNames = []string{"euclidean", "sqeuclidean", "manhattan", "chebyshev", "minkowski", "cosine", "angular",
	"inner_product", "hamming", "jaccard", "tanimoto"}

func newKNN(raw json.RawMessage, inputs []Spec) (Call, error) {
	var a knnArgs
	if err := decode(raw, &a); err != nil {
		return nil, err
	}
	c := &neighbours{inputs: inputs, labelled: inputs[0].one("label") >= 0}
	var err error
	if c.k, err = positive("k", a.K); err != nil {
		return nil, err
	}
	if c.metric, err = parseMetric(a.Metric, a.P); err != nil {
		return nil, err
	}
	weights, err := argument("weights", a.Weights)
	if err != nil {
		return nil, err
	}
	if err := oneOf("weights", weights, "uniform", "distance"); err != nil {
		return nil, err
	}
	if weights == "distance" {
		c.weighting = knn.InverseDistance
	}
	if a.Task != nil {
		c.task = *a.Task
		if err := oneOf("task", c.task, "classification", "regression"); err != nil {
			return nil, err
		}
		if !c.labelled {
			return nil, fault.New(fault.Parameter, "task is %s, and label is missing", c.task).WithHint("Pass label => 'column of train'.")
		}
	}
	c.excludeSelf, err = argument("exclude_self", a.ExcludeSelf)
	return c, err
}

func positive(name string, p *int) (int, error) {
	v, err := argument(name, p)
	if err == nil && v < 1 {
		err = fault.New(fault.Parameter, "%s is %d, and must be at least 1", name, v)
	}
	return v, err
}

func parseMetric(name *string, p *float64) (knn.Metric, error) {
	word, err := argument("metric", name)
	if err != nil {
		return knn.Metric{}, err
	}
	if err := oneOf("metric", word, metricNames...); err != nil {
		return knn.Metric{}, err
	}
	power, err := argument("p", p)
	if err != nil {
		return knn.Metric{}, err
	}
	m, err := knn.ParseMetric(word, power)
	if err != nil {
		return m, fault.New(fault.Parameter, "p is %g, and the metric minkowski needs at least 1", power)
	}
	return m, nil
}

// Cast implements [Call].
func (c *neighbours) Cast(input, column int, t pushdown.Type) (pushdown.Cast, error) {
	col := c.inputs[input].Columns[column]
	if col.Role == "id" && input == 0 && t.Array == "" {
		return "", fault.New(fault.Type, "id %s has type %s, of which there are no arrays for neighbor_ids", col.Expression, t.Name).
			WithHint("Cast it, for example (%s)::text.", col.Expression)
	}
	if col.Role != "label" {
		return castFixed(col, t)
	}
	switch {
	case c.task == "classification", c.task == "" && t.IsFactor():
		c.classify = true
		return castAs(pushdown.Key, col, t)
	case c.task == "" && t.IsInteger():
		return "", fault.New(fault.Parameter, "label %s is an integer, which can be a class or a quantity", col.Expression).
			WithHint("Pass task => 'classification' or task => 'regression'.")
	}
	return castAs(pushdown.Number, col, t)
}

// Run implements [Call].
func (c *neighbours) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	train, query := in[0], in[1]
	trainRows, queryRows := train.complete(train.used("")), query.complete(query.used(""))
	r := &Result{
		RowsUsed:    int64(len(trainRows) + len(queryRows)),
		RowsSkipped: int64(train.rows() + query.rows() - len(trainRows) - len(queryRows)),
		Details:     map[string]any{"train_rows": len(trainRows), "queries": len(queryRows)},
	}
	if len(trainRows) == 0 {
		return nil, fault.New(fault.Data, "train has no rows to use; %d were skipped because of NULL", train.rows()).
			WithHint("Check the relation, and which columns hold NULL.")
	}
	// Ties go by id; rows with one id by their label and point, so that the
	// order in which rows arrive is of no consequence.
	slices.SortStableFunc(trainRows, train.compareRows)
	slices.SortStableFunc(queryRows, query.compareRows)
	trainPoints, queryPoints, release, err := points(env, train, trainRows, query, queryRows)
	if err != nil {
		return nil, err
	}
	defer release()
	releaseResult, err := env.Reserve(12 * int64(min(c.k, len(trainRows))) * int64(len(queryRows)))
	if err != nil {
		return nil, err
	}
	defer releaseResult()
	s := knn.Search{Metric: c.metric, K: c.k, Workers: env.Workers,
		Progress: func(done int) { env.Progress("searching", int64(done), int64(len(queryRows))) }}
	if c.excludeSelf {
		s.TrainKey, s.QueryKey = commonCodes(train, trainRows, query, queryRows)
	}
	found := knn.Neighbors{Offset: []int{0}}
	if len(queryRows) > 0 {
		if found, err = s.Run(ctx, trainPoints, queryPoints); err != nil {
			return nil, c.explain(err, in, [2][]int{trainRows, queryRows})
		}
	}
	if short := fewer(found, c.k); short > 0 {
		r.Details["queries_with_fewer_than_k"] = short
	}
	table, err := c.table(in, trainRows, queryRows, found)
	r.Tables = []Table{table}
	return r, err
}

func fewer(n knn.Neighbors, k int) int {
	count := 0
	for i := range n.Len() {
		if n.Offset[i+1]-n.Offset[i] < k {
			count++
		}
	}
	return count
}

// compareRows orders rows by id, then by everything else.
func (d Data) compareRows(a, b int) int {
	id := d.one("id")
	if c := compareKeys(d.key(id, a), d.key(id, b)); c != 0 {
		return c
	}
	for column, cast := range d.Casts {
		var c int
		switch cast {
		case pushdown.Float:
			c = cmp.Compare(d.floats(column)[a], d.floats(column)[b])
		case pushdown.Floats, pushdown.Vector:
			c = slices.Compare(d.point(column, a), d.point(column, b))
		default:
			c = compareKeys(d.key(column, a), d.key(column, b))
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// points gathers the points of both inputs, which must have one dimension.
func points(env Env, train Data, trainRows []int, query Data, queryRows []int) (a, b knn.Points, release func(), err error) {
	dim := len(train.point(train.one("point"), trainRows[0]))
	release, err = env.Reserve(8 * int64(dim) * int64(len(trainRows)+len(queryRows)))
	if err != nil {
		return a, b, nil, err
	}
	if a, err = train.points("train", trainRows, dim); err == nil {
		b, err = query.points("query", queryRows, dim)
	}
	if err != nil {
		release()
	}
	return a, b, release, err
}

func (d Data) points(name string, rows []int, dim int) (knn.Points, error) {
	column := d.one("point")
	p := knn.Points{Dim: dim, Values: make([]float64, 0, dim*len(rows))}
	for _, row := range rows {
		x := d.point(column, row)
		if len(x) != dim {
			return p, fault.New(fault.Data, "points differ in their dimensions: %d and %d", dim, len(x)).
				WithDetail("In %s, the row with %s.", name, d.describeRow(row)).
				WithHint("All points of train and query must have the same number of coordinates.")
		}
		p.Values = append(p.Values, x...)
	}
	if dim == 0 {
		return p, fault.New(fault.Data, "points have no coordinates").WithHint("A point is an array with at least one number.")
	}
	return p, d.requireFinite([]int{column}, rows)
}

// commonCodes numbers ids so that equal ids of both inputs get one number. Ids
// of different types are equal if their texts are.
func commonCodes(train Data, trainRows []int, query Data, queryRows []int) (a, b []int32) {
	codes := map[string]int32{}
	number := func(d Data, rows []int) []int32 {
		out := make([]int32, len(rows))
		for i, row := range rows {
			text := d.key(d.one("id"), row).String()
			code, ok := codes[text]
			if !ok {
				code = int32(len(codes))
				codes[text] = code
			}
			out[i] = code
		}
		return out
	}
	return number(train, trainRows), number(query, queryRows)
}

func (c *neighbours) explain(err error, in []Data, rows [2][]int) error {
	if v, ok := errors.AsType[*knn.ValueError](err); ok && errors.Is(err, knn.ErrZeroVector) {
		set := 0
		if v.Set == "query" {
			set = 1
		}
		return fault.New(fault.Data, "a point of %s has only zeros, and metric %s needs a direction", v.Set, c.metric).
			WithDetail("The row with %s.", in[set].describeRow(rows[set][v.Row])).
			WithHint("Filter such rows out, or choose another metric.")
	}
	return algorithmError(err)
}

func algorithmError(err error) error {
	if cancelled(err) {
		return fault.New(fault.Cancelled, "canceling statement due to user request")
	}
	return err
}
