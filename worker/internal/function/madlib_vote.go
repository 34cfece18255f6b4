package function

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/algorithms/knn"
	"github.com/millrace/millrace/exact"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

// weighted is neighbours with their weights, largest weight first.
type weighted struct {
	knn.Neighbors
	weight []float64
}

// zeroWeight is the weight of a neighbour at distance 0.
const zeroWeight = 1e107

// inverseOrder weighs each neighbour by the inverse of its distance and sorts by
// that: nearest first, unless a distance function has negative values.
func inverseOrder(n knn.Neighbors) weighted {
	out := weighted{Neighbors: knn.Neighbors{Offset: n.Offset}}
	for i := range n.Len() {
		rows, distances := n.At(i)
		order, weights := make([]int, len(rows)), make([]float64, len(rows))
		for j, d := range distances {
			order[j], weights[j] = j, 1/d
			if d == 0 {
				weights[j] = zeroWeight
			}
		}
		// NaN compares as the least, so it comes last.
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weights[b], weights[a]) })
		for _, j := range order {
			out.Row = append(out.Row, rows[j])
			out.Distance = append(out.Distance, distances[j])
			out.weight = append(out.weight, weights[j])
		}
	}
	return out
}

// label is a label as a number; NaN without one.
func (d Data) label(column, row int) (float64, error) {
	switch {
	case d.Record.Column(column).IsNull(row):
		return math.NaN(), nil
	case d.Casts[column] == pushdown.Float:
		v := d.floats(column)[row]
		if v-v != 0 {
			return 0, fault.New(fault.Data, "kNN error: a label is %s", appendNumber(v)).WithHint("Filter such rows out of the training table.")
		}
		return v, nil
	}
	switch text := d.text(column, row); text {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	default:
		v, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("function: label %q is no integer: %w", text, err)
		}
		return float64(v), nil
	}
}

// ballotBox collects the labels of one test row's neighbours.
type ballotBox struct {
	sums  map[float64]*exact.Sum
	total exact.Sum // Σ w
	value exact.Sum // Σ w·y
}

func (b *ballotBox) add(label, weight float64) {
	if math.IsNaN(label) || math.IsNaN(weight) {
		return
	}
	if b.sums == nil {
		b.sums = map[float64]*exact.Sum{}
	}
	if b.sums[label] == nil {
		b.sums[label] = new(exact.Sum)
	}
	weight = min(weight, math.MaxFloat64) // 1/d of a denormal d
	b.sums[label].Add(weight)
	b.total.Add(weight)
	b.value.AddProduct(weight, label)
}

// winner is the label of the largest sum of weights, of equal ones the largest;
// NaN without a vote.
func (b *ballotBox) winner() float64 {
	winner, most := math.NaN(), math.Inf(-1)
	for label, sum := range b.sums {
		if w := sum.Float64(); w > most || w == most && label > winner {
			winner, most = label, w
		}
	}
	return winner
}

// mean is the weighted mean of the labels; NaN without any.
func (b *ballotBox) mean() float64 {
	if len(b.sums) == 0 {
		return math.NaN()
	}
	return b.value.Float64() / b.total.Float64()
}

// copyCells shows the values of an input again. They are copied: rows of inputs
// are gone when the result is fetched.
func (d Data) copyCells(column int, rows []int) Values {
	null := d.Record.Column(column).IsNull
	if d.Casts[column] == pushdown.Floats {
		lists := make(FloatLists, len(rows))
		for i, row := range rows {
			if !null(row) {
				lists[i] = append([]float64{}, d.point(column, row)...)
			}
		}
		return lists
	}
	texts := make(Texts, len(rows))
	for i, row := range rows {
		if !null(row) {
			texts[i] = ptr(d.cell(column, row))
		}
	}
	return texts
}

// nullableIDs is a column of arrays of train ids, in which an id can be NULL.
type nullableIDs struct {
	found knn.Neighbors
	keys  []key
}

// itemEscaper quotes an element of an array literal.
var itemEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Slot implements [Values].
func (nullableIDs) Slot() string { return "t" }

// Write implements [Values].
func (v nullableIDs) Write(w Writer, row int) {
	rows, _ := v.found.At(row)
	items := make([]string, len(rows))
	for i, r := range rows {
		items[i] = "NULL"
		if k := v.keys[r]; !k.isNull() {
			items[i] = `"` + itemEscaper.Replace(k.String()) + `"`
		}
	}
	w.Text("{" + strings.Join(items, ",") + "}")
}

// madlibDistances is a column of float8[] in which NaN stays NaN.
type madlibDistances struct{ found knn.Neighbors }

// Slot implements [Values].
func (madlibDistances) Slot() string { return "t" }

// Write implements [Values].
func (v madlibDistances) Write(w Writer, row int) {
	_, distances := v.found.At(row)
	w.Text(listText(distances))
}
