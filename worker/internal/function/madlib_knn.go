package function

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/algorithms/knn"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "madlib_knn", Inputs: 2, Suffixes: []string{""}, New: newMadlibKNN})
}

// madlibNeighbours is one call of madlib.knn: input 0 is train with its points,
// ids and labels, input 1 is test with its points, ids and the points once more
// as they are to be shown.
type madlibNeighbours struct {
	inputs []Spec
	metric knn.Metric
	madlibKNNArgs
}

type madlibKNNArgs struct {
	K               int     `json:"k"`
	OutputNeighbors bool    `json:"output_neighbors"`
	Weighted        bool    `json:"weighted_avg"`
	Distance        string  `json:"fn_dist"` // a kernel's name; "" if PostgreSQL computes the distances
	Algorithm       string  `json:"algorithm"`
	Params          *string `json:"algorithm_params"`
	Train           string  `json:"point_source"`
}

func newMadlibKNN(raw json.RawMessage, inputs []Spec) (Call, error) {
	c := &madlibNeighbours{inputs: inputs}
	if err := decode(raw, &c.madlibKNNArgs); err != nil {
		return nil, err
	}
	if c.K <= 0 {
		return nil, fault.New(fault.Parameter, "kNN Error: k=%d is an invalid value, must be greater than 0.", c.K)
	}
	if c.Distance != "" {
		var err error
		if c.metric, err = knn.ParseMADlibMetric(c.Distance, 0); err != nil {
			return nil, fault.New(fault.Parameter, "kNN error: %s", reason(err))
		}
	}
	switch word := strings.ToLower(strings.TrimSpace(c.Algorithm)); {
	case word != "" && strings.HasPrefix("brute_force", word):
		return c, nil
	case word != "" && strings.HasPrefix("kd_tree", word):
		return c, checkTree(c.Params)
	}
	return nil, fault.New(fault.Parameter, "kNN error: Incorrect algorithm. Please pick brute_force or kd_tree")
}

// checkTree checks the parameters of kd_tree, which an exact search does not need.
func checkTree(params *string) error {
	depth, leaves := 3, 2
	if params != nil {
		list, ok := pairs(*params)
		if !ok {
			return fault.New(fault.Parameter, "kNN Error: algorithm_params %.200q is not a list of key=value.", *params)
		}
		for _, p := range list {
			value, err := strconv.Atoi(p.value)
			if err != nil {
				return fault.New(fault.Parameter, "kNN Error: %s=%.50s is not an integer.", p.key, p.value)
			}
			switch p.key {
			case "depth":
				depth = value
			case "leaf_nodes":
				leaves = value
			default:
				return fault.New(fault.Parameter, "kNN Error: algorithm_params has an unknown key %.50q.", p.key).
					WithHint("Keys are depth and leaf_nodes.")
			}
		}
	}
	switch {
	case depth <= 0:
		return fault.New(fault.Parameter, "kNN Error: depth=%d is an invalid value, must be greater than 0.", depth)
	case leaves <= 0:
		return fault.New(fault.Parameter, "kNN Error: leaf_nodes=%d is an invalid value, must be greater than 0.", leaves)
	case math.Pow(2, float64(depth)) <= float64(leaves):
		return fault.New(fault.Parameter, "kNN Error: depth=%d, leaf_nodes=%d is not valid: 2^depth must be greater than leaf_nodes.", depth, leaves)
	}
	return nil
}

// Cast implements [Call]. The types that it takes are MADlib's.
func (c *madlibNeighbours) Cast(input, column int, t pushdown.Type) (pushdown.Cast, error) {
	col := c.inputs[input].Columns[column]
	switch col.Role {
	case "point":
		cast, err := pushdown.CastFor(pushdown.Point, t)
		if err != nil {
			return "", fault.New(fault.Type, "kNN Error: Feature column or expression '%s' in %s table is not an array.",
				col.Expression, []string{"train", "test"}[input]).WithDetail("Its type is %s.", t.Name)
		}
		return cast, nil
	case "label":
		if t.Builtin && (t.Base == "int4" || t.Base == "bool") {
			return pushdown.Text, nil
		}
		if t.Builtin && t.Base == "float8" {
			return pushdown.Float, nil
		}
		return "", fault.New(fault.Type, "kNN error: Invalid data type '%s' for label_column_name in table '%s'.", t.Base, c.Train).
			WithHint("A label is integer or boolean (classes) or double precision (values): cast it, for example (%s)::integer.", col.Expression)
	case "shown":
		if t.Category == "A" && (t.Element == "float8" || t.Element == "float4" || t.Element == "int4" || t.Element == "int2") {
			return pushdown.Floats, nil // exact there and back
		}
		return pushdown.Text, nil
	case "id":
		if input == 1 && !t.IsInteger() {
			return "", fault.New(fault.Type, "kNN Error: Invalid data type '%s' for test_id column in the test table.", t.Base).
				WithHint("test_id must be an integer.")
		}
	}
	return castFixed(col, t)
}

// Run implements [Call].
func (c *madlibNeighbours) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	train, test := in[0], in[1]
	if err := c.check(train, test); err != nil {
		return nil, err
	}
	trainRows, testRows := train.complete(nil), test.distinctRows()
	slices.SortStableFunc(trainRows, train.compareRows) // ties go by id
	r := &Result{RowsUsed: int64(train.rows() + test.rows()), Details: map[string]any{}}
	found := knn.Neighbors{Offset: []int{0}}
	if len(testRows) > 0 {
		trainPoints, testPoints, release, err := points(env, train, trainRows, test, testRows)
		if err != nil {
			return nil, differentLengths(err)
		}
		defer release()
		releaseResult, err := env.Reserve(32 * int64(c.K) * int64(len(testRows))) // rows, distances, weights
		if err != nil {
			return nil, err
		}
		defer releaseResult()
		s := knn.Search{Metric: c.metric, K: c.K, Workers: env.Workers,
			Progress: func(done int) { env.Progress("searching", int64(done), int64(len(testRows))) }}
		if found, err = s.Run(ctx, trainPoints, testPoints); err != nil {
			return nil, algorithmError(err)
		}
	}
	t, err := c.table(in, trainRows, testRows, inverseOrder(found))
	r.Tables = []Table{t}
	return r, err
}

// check refuses what MADlib refuses once it has looked at the rows.
func (c *madlibNeighbours) check(train, test Data) error {
	for i, d := range []Data{train, test} {
		if column := d.one("point"); d.Record.Column(column).NullN() > 0 {
			return fault.New(fault.Data, "kNN Error: Feature column '%s' in %s table has some NULL values.",
				d.Columns[column].Expression, []string{"train", "test"}[i])
		}
	}
	if c.K > train.rows() {
		return fault.New(fault.Data, "kNN Error: k=%d is greater than number of rows in training table.", c.K)
	}
	return nil
}

// differentLengths adds MADlib's words to our own.
func differentLengths(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && strings.HasPrefix(f.Message, "points differ") {
		return fault.New(f.Kind, "kNN error: the points have different lengths: %s", f.Message).WithDetail("%s", f.Detail)
	}
	return err
}

// distinctRows lists the rows without those that repeat an id with an equal
// point, by id.
func (d Data) distinctRows() []int {
	rows := d.complete(nil)
	id, point := d.one("id"), d.one("point")
	compare := func(a, b int) int {
		if c := compareKeys(d.key(id, a), d.key(id, b)); c != 0 {
			return c
		}
		return slices.Compare(d.point(point, a), d.point(point, b))
	}
	slices.SortStableFunc(rows, compare)
	return slices.CompactFunc(rows, func(a, b int) bool { return compare(a, b) == 0 })
}

func (c *madlibNeighbours) table(in []Data, trainRows, testRows []int, found weighted) (Table, error) {
	train, test := in[0], in[1]
	t := Table{Rows: len(testRows)}
	ids := make(Texts, len(testRows))
	for i, row := range testRows {
		ids[i] = test.key(test.one("id"), row).pointer()
	}
	shown := test.one("shown")
	t.Columns = []ResultColumn{
		{Name: "id", Of: &TypeOf{Input: 1, Column: test.one("id")}, Values: ids},
		{Name: test.Columns[shown].Expression, Of: &TypeOf{Input: 1, Column: shown}, Values: test.copyCells(shown, testRows)},
	}
	if label := train.one("label"); label >= 0 {
		column, err := c.predict(train, label, trainRows, found)
		if err != nil {
			return t, err
		}
		t.Columns = append(t.Columns, column)
	}
	if c.OutputNeighbors {
		id := train.one("id")
		keys := make([]key, len(trainRows))
		for i, row := range trainRows {
			keys[i] = train.key(id, row)
		}
		t.Columns = append(t.Columns,
			ResultColumn{Name: "k_nearest_neighbours", Of: &TypeOf{Input: 0, Column: id, Array: true}, Values: nullableIDs{found.Neighbors, keys}})
		t.add("distance", "float8[]", madlibDistances{found.Neighbors})
	}
	return t, nil
}

// predict fills column prediction. Rows without a label do not vote.
func (c *madlibNeighbours) predict(train Data, label int, rows []int, found weighted) (ResultColumn, error) {
	class := !train.Types[label].IsNumber() || train.Types[label].IsInteger()
	out := make(Texts, found.Len())
	column := ResultColumn{Name: "prediction", Type: "float8", Values: out}
	if class && c.Weighted {
		column.Type = "int4"
	}
	values := make([]float64, len(rows))
	for i, row := range rows {
		v, err := train.label(label, row)
		if err != nil {
			return column, err
		}
		values[i] = v
	}
	for i := range out {
		var b ballotBox
		for at := found.Offset[i]; at < found.Offset[i+1]; at++ {
			weight := 1.0
			if c.Weighted {
				weight = found.weight[at]
			}
			b.add(values[found.Row[at]], weight)
		}
		if class {
			out[i] = number8(b.winner())
		} else {
			out[i] = number8(b.mean())
		}
	}
	return column, nil
}
