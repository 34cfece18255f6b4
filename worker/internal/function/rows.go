package function

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func (d Data) floats(column int) []float64 {
	return d.Record.Column(column).(*array.Float64).Float64Values()
}

func (d Data) ints(column int) []int64 {
	return d.Record.Column(column).(*array.Int64).Int64Values()
}

func (d Data) text(column, row int) string {
	return d.Record.Column(column).(*array.LargeString).Value(row)
}

func (d Data) rows() int { return int(d.Record.NumRows()) }

// point returns the coordinates of a row's point; they are not copied.
func (d Data) point(column, row int) []float64 {
	list := d.Record.Column(column).(*array.LargeList)
	begin, end := list.ValueOffsets(row)
	return list.ListValues().(*array.Float64).Float64Values()[begin:end]
}

// complete returns the rows that have a value in every one of the columns.
func (d Data) complete(columns []int) []int {
	rows := make([]int, 0, d.rows())
	for row := range d.rows() {
		null := slices.ContainsFunc(columns, func(c int) bool { return d.Record.Column(c).IsNull(row) })
		if !null {
			rows = append(rows, row)
		}
	}
	return rows
}

// requireFinite returns a fault that names the first column and, by its other
// values, the row with a NaN or an infinity among the given rows.
func (d Data) requireFinite(columns, rows []int) error {
	for _, c := range columns {
		switch d.Casts[c] {
		case pushdown.Float:
			values := d.floats(c)
			for _, row := range rows {
				if math.IsNaN(values[row]) || math.IsInf(values[row], 0) {
					return d.notFinite(c, row, values[row])
				}
			}
		case pushdown.Floats, pushdown.Vector:
			for _, row := range rows {
				for _, x := range d.point(c, row) {
					if math.IsNaN(x) || math.IsInf(x, 0) {
						return d.notFinite(c, row, x)
					}
				}
			}
		}
	}
	return nil
}

func (d Data) notFinite(column, row int, value float64) error {
	return fault.New(fault.Data, "%s %s has the value %s", d.Columns[column].Role, d.Columns[column].Expression, appendNumber(value)).
		WithDetail("In the row with %s.", d.describeRow(row)).
		WithHint("Filter such rows out, or make them NULL: rows with NULL are skipped.")
}

func appendNumber(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// describeRow names a row by its values: the id alone if there is one.
func (d Data) describeRow(row int) string {
	var parts []string
	for c := range d.Columns {
		part := fmt.Sprintf("%s = %s", d.Columns[c].Expression, d.cell(c, row))
		if d.Columns[c].Role == "id" {
			return part
		}
		if len(parts) < 8 {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

// cell is a value as text: what PostgreSQL reads back as the same value.
func (d Data) cell(column, row int) string {
	if d.Record.Column(column).IsNull(row) {
		return "NULL"
	}
	switch d.Casts[column] {
	case pushdown.Float:
		return appendNumber(d.floats(column)[row])
	case pushdown.Int:
		return strconv.FormatInt(d.ints(column)[row], 10)
	case pushdown.Timestamp, pushdown.Timestamptz:
		return d.key(column, row).String()
	case pushdown.Floats, pushdown.Vector:
		return string(appendFloats(nil, d.point(column, row)))
	}
	return d.text(column, row)
}
