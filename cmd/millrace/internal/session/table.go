package session

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"
)

// maxWidth bounds the letters of a cell; longer ones end with an ellipsis.
const maxWidth = 64

// Table is the result of a query in PostgreSQL's text form.
type Table struct {
	Columns []Column
	Rows    [][]string // as many cells as columns; NULL is empty, as in psql
}

// Column describes one column of a [Table].
type Column struct {
	Name  string
	Right bool // its cells stand at the right, as numbers do
}

// isNumber reports whether psql puts values of the type at the right.
func isNumber(oid uint32) bool {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID,
		pgtype.OIDOID, pgtype.XIDOID, pgtype.CIDOID, 790: // money
		return true
	}
	return false
}

// String draws the table as psql does: names in the middle, a line, rows, their number.
func (t Table) String() string {
	widths := make([]int, len(t.Columns))
	names, rules := make([]string, len(t.Columns)), make([]string, len(t.Columns))
	for j, c := range t.Columns {
		widths[j] = utf8.RuneCountInString(cell(c.Name))
		for _, row := range t.Rows {
			widths[j] = max(widths[j], utf8.RuneCountInString(cell(row[j])))
		}
		left := (widths[j] - utf8.RuneCountInString(cell(c.Name))) / 2
		names[j] = pad(strings.Repeat(" ", left)+cell(c.Name), widths[j], false)
		rules[j] = strings.Repeat("-", widths[j]+2)
	}
	var b strings.Builder
	fmt.Fprintf(&b, " %s\n%s\n", strings.TrimRight(strings.Join(names, " | "), " "), strings.Join(rules, "+"))
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for j, text := range row {
			cells[j] = pad(cell(text), widths[j], t.Columns[j].Right)
		}
		fmt.Fprintln(&b, strings.TrimRight(" "+strings.Join(cells, " | "), " "))
	}
	plural := "s"
	if len(t.Rows) == 1 {
		plural = ""
	}
	fmt.Fprintf(&b, "(%d row%s)\n", len(t.Rows), plural)
	return b.String()
}

// cell puts a value on one line of bounded width.
func cell(text string) string {
	text = strings.ReplaceAll(text, "\n", " ")
	if utf8.RuneCountInString(text) <= maxWidth {
		return text
	}
	return string([]rune(text)[:maxWidth-1]) + "…"
}

func pad(text string, width int, right bool) string {
	space := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
	if right {
		return space + text
	}
	return text + space
}
