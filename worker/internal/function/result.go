package function

import (
	"math"
	"strconv"
)

// Result is what a call gives back.
type Result struct {
	Tables      []Table // one per suffix of the function
	RowsUsed    int64
	RowsSkipped int64
	Details     map[string]any // becomes jsonb
}

// Table is one result table, by column.
type Table struct {
	Columns []ResultColumn
	Rows    int
}

// ResultColumn is one column of a result table.
type ResultColumn struct {
	Name   string
	Type   string // an SQL type that the stub knows, or "" with Of
	Of     *TypeOf
	Values Values
}

// TypeOf says that a column has the type of one of the call's expressions, or of
// arrays of it.
type TypeOf struct {
	Input, Column int
	Array         bool
}

// Writer takes the cells of a row in PostgreSQL's text form.
type Writer interface {
	Null()
	Text(string)
	Int(int64)
	Float(float64)
	Append(func([]byte) []byte)
}

// Values is a column's cells. Slot names the kind of foreign-table column that
// the cells travel in: i, f, t, ia or fa.
type Values interface {
	Slot() string
	Write(w Writer, row int)
}

// Floats is a column of float8; NaN stands for NULL.
type Floats []float64

// Slot implements [Values].
func (Floats) Slot() string { return "f" }

// Write implements [Values].
func (v Floats) Write(w Writer, row int) {
	if math.IsNaN(v[row]) {
		w.Null()
		return
	}
	w.Float(v[row])
}

// Ints is a column of int8.
type Ints []int64

// Slot implements [Values].
func (Ints) Slot() string { return "i" }

// Write implements [Values].
func (v Ints) Write(w Writer, row int) { w.Int(v[row]) }

// Texts is a column of text, or of any type by its text; nil is NULL.
type Texts []*string

// Slot implements [Values].
func (Texts) Slot() string { return "t" }

// Write implements [Values].
func (v Texts) Write(w Writer, row int) {
	if v[row] == nil {
		w.Null()
		return
	}
	w.Text(*v[row])
}

// FloatLists is a column of float8[]; nil is NULL.
type FloatLists [][]float64

// Slot implements [Values].
func (FloatLists) Slot() string { return "fa" }

// Write implements [Values].
func (v FloatLists) Write(w Writer, row int) {
	if v[row] == nil {
		w.Null()
		return
	}
	w.Append(func(b []byte) []byte { return appendFloats(b, v[row]) })
}

func appendFloats(b []byte, list []float64) []byte {
	b = append(b, '{')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendFloat(b, x)
	}
	return append(b, '}')
}

// appendFloat spells x as PostgreSQL reads it; NaN in a list is NULL.
func appendFloat(b []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return append(b, "NULL"...)
	case math.IsInf(x, 1):
		return append(b, "Infinity"...)
	case math.IsInf(x, -1):
		return append(b, "-Infinity"...)
	}
	return strconv.AppendFloat(b, x, 'g', -1, 64)
}

// Matrices is a column of float8[][]; nil is NULL.
type Matrices [][][]float64

// Slot implements [Values].
func (Matrices) Slot() string { return "fa" }

// Write implements [Values].
func (v Matrices) Write(w Writer, row int) {
	if v[row] == nil {
		w.Null()
		return
	}
	w.Append(func(b []byte) []byte {
		b = append(b, '{')
		for i, line := range v[row] {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendFloats(b, line)
		}
		return append(b, '}')
	})
}

// appendItem appends one element of an array literal, quoted.
func appendItem(b []byte, item string) []byte {
	b = append(b, '"')
	for i := range len(item) {
		if item[i] == '"' || item[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, item[i])
	}
	return append(b, '"')
}

// ptr returns a pointer to a copy of s.
func ptr(s string) *string { return &s }
