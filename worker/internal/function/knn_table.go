package function

import (
	"errors"
	"math"
	"strconv"

	"github.com/millrace/millrace/algorithms/knn"
	"github.com/millrace/millrace/worker/internal/fault"
)

// table builds query_id, [prediction, [probability]], neighbor_ids, distances.
func (c *neighbours) table(in []Data, trainRows, queryRows []int, found knn.Neighbors) (Table, error) {
	train, query := in[0], in[1]
	t := Table{Rows: len(queryRows)}
	ids := make(Texts, len(queryRows))
	for i, row := range queryRows {
		ids[i] = query.key(query.one("id"), row).pointer()
	}
	t.Columns = append(t.Columns, ResultColumn{Name: "query_id", Of: &TypeOf{Input: 1, Column: query.one("id")}, Values: ids})
	if c.labelled {
		columns, err := c.predict(train, trainRows, found)
		if err != nil {
			return t, err
		}
		t.Columns = append(t.Columns, columns...)
	}
	id := train.one("id")
	keys := make([]key, len(trainRows))
	for i, row := range trainRows {
		keys[i] = train.key(id, row)
	}
	t.Columns = append(t.Columns,
		ResultColumn{Name: "neighbor_ids", Of: &TypeOf{Input: 0, Column: id, Array: true}, Values: neighborIDs{found, keys}},
		ResultColumn{Name: "distances", Type: "float8[]", Values: neighborDistances{found}})
	return t, nil
}

// predict votes or averages; without any neighbour the prediction is NULL.
func (c *neighbours) predict(train Data, rows []int, found knn.Neighbors) ([]ResultColumn, error) {
	label := train.one("label")
	of := &TypeOf{Input: 0, Column: label}
	if !c.classify {
		mean, err := knn.Mean(found, selectRows(train.floats(label), rows), c.weighting)
		if err != nil {
			return nil, c.predictionFault(err)
		}
		// The mean of a domain's values need not be in the domain.
		column := ResultColumn{Name: "prediction", Type: train.Types[label].Base, Values: Floats(mean)}
		if train.Types[label].IsInteger() {
			column.Type = "float8"
		}
		return []ResultColumn{column}, nil
	}
	classes, levels := train.classes(label, rows)
	votes, err := knn.Vote(found, classes, c.weighting)
	if err != nil {
		return nil, c.predictionFault(err)
	}
	prediction, probability := make(Texts, found.Len()), make(Floats, found.Len())
	for i, class := range votes.Class {
		probability[i] = math.NaN()
		if class >= 0 {
			prediction[i] = ptr(levels[class])
			probability[i] = votes.Probability[i*classes.Count+int(class)]
		}
	}
	return []ResultColumn{{Name: "prediction", Of: of, Values: prediction}, {Name: "probability", Type: "float8", Values: probability}}, nil
}

func (c *neighbours) predictionFault(err error) error {
	if errors.Is(err, knn.ErrParameter) && c.weighting == knn.InverseDistance {
		return fault.New(fault.Parameter, "weights 'distance' need distances of at least 0, and metric %s has negative ones", c.metric).
			WithHint("Use weights => 'uniform', or another metric.")
	}
	if errors.Is(err, knn.ErrNotFinite) {
		return fault.New(fault.Data, "a label is NaN or infinite").WithHint("Filter such rows out of train.")
	}
	return err
}

func selectRows(values []float64, rows []int) []float64 {
	out := make([]float64, len(rows))
	for i, row := range rows {
		out[i] = values[row]
	}
	return out
}

// classes numbers labels in the order of their type.
func (d Data) classes(column int, rows []int) (knn.Classes, []string) {
	keys := d.distinct(column, rows)
	number := make(map[key]int32, len(keys))
	levels := make([]string, len(keys))
	for i, k := range keys {
		number[k], levels[i] = int32(i), k.String()
	}
	c := knn.Classes{Of: make([]int32, len(rows)), Count: len(keys)}
	for i, row := range rows {
		c.Of[i] = number[d.key(column, row)]
	}
	return c, levels
}

// neighborIDs is a column of arrays of train ids.
type neighborIDs struct {
	found knn.Neighbors
	keys  []key // of train rows
}

// Slot implements [Values].
func (v neighborIDs) Slot() string {
	if len(v.keys) > 0 && v.keys[0].kind != whole {
		return "t"
	}
	return "ia"
}

// Write implements [Values].
func (v neighborIDs) Write(w Writer, row int) {
	rows, _ := v.found.At(row)
	w.Append(func(b []byte) []byte {
		b = append(b, '{')
		for i, r := range rows {
			if i > 0 {
				b = append(b, ',')
			}
			if k := v.keys[r]; k.kind == whole {
				b = strconv.AppendInt(b, k.number, 10)
			} else {
				b = appendItem(b, k.String())
			}
		}
		return append(b, '}')
	})
}

// neighborDistances is a column of float8[].
type neighborDistances struct{ found knn.Neighbors }

// Slot implements [Values].
func (neighborDistances) Slot() string { return "fa" }

// Write implements [Values].
func (v neighborDistances) Write(w Writer, row int) {
	_, distances := v.found.At(row)
	w.Append(func(b []byte) []byte { return appendFloats(b, distances) })
}
