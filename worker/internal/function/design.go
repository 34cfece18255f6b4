package function

import (
	"github.com/millrace/millrace/pushdown"
)

// encoding says how one feature becomes columns of a design matrix. It is part
// of the model, so that a prediction encodes as the training did.
type encoding struct {
	Feature string   `json:"feature"`          // the expression
	Levels  []string `json:"levels,omitempty"` // of a factor, the base first; nil for a number
}

// terms names the columns: the feature itself, or feature=level for each level
// but the base.
func (e encoding) terms() []string {
	if e.Levels == nil {
		return []string{e.Feature}
	}
	var names []string
	for _, level := range e.Levels[min(1, len(e.Levels)):] {
		names = append(names, e.Feature+"="+level)
	}
	return names
}

// encode looks at the given rows of the feature columns and returns how to
// encode them. Levels of text are ordered by bytes, false before true, those of
// an enum in its own order; only levels that occur count.
func (d Data) encode(features, rows []int) []encoding {
	encodings := make([]encoding, len(features))
	for i, c := range features {
		encodings[i].Feature = d.Columns[c].Expression
		if d.Casts[c] == pushdown.Text {
			encodings[i].Levels = d.levels(c, rows)
		}
	}
	return encodings
}

func (d Data) levels(column int, rows []int) []string {
	keys := d.distinct(column, rows)
	levels := make([]string, len(keys))
	for i, k := range keys {
		levels[i] = k.String()
	}
	return levels
}

// termNames names all columns of the design matrix.
func termNames(encodings []encoding) []string {
	var names []string
	for _, e := range encodings {
		names = append(names, e.terms()...)
	}
	return names
}

// design returns the columns of the design matrix for the given rows, without
// intercept. Numbers that need no selection are not copied.
func (d Data) design(features, rows []int, encodings []encoding) [][]float64 {
	var x [][]float64
	for i, c := range features {
		if encodings[i].Levels == nil {
			x = append(x, d.selectFloats(c, rows))
			continue
		}
		for _, level := range encodings[i].Levels[min(1, len(encodings[i].Levels)):] {
			dummy := make([]float64, len(rows))
			for j, row := range rows {
				if d.text(c, row) == level {
					dummy[j] = 1
				}
			}
			x = append(x, dummy)
		}
	}
	return x
}

// selectFloats returns the values of the given rows, in their order.
func (d Data) selectFloats(column int, rows []int) []float64 {
	all := d.floats(column)
	if len(rows) == len(all) {
		return all // rows are ascending and distinct, so they are all rows
	}
	values := make([]float64, len(rows))
	for i, row := range rows {
		values[i] = all[row]
	}
	return values
}

// codes numbers the distinct keys of a column over the given rows.
func (d Data) codes(column int, rows []int) []int32 {
	numbers := map[key]int32{}
	codes := make([]int32, len(rows))
	for i, row := range rows {
		k := d.key(column, row)
		code, ok := numbers[k]
		if !ok {
			code = int32(len(numbers))
			numbers[k] = code
		}
		codes[i] = code
	}
	return codes
}
