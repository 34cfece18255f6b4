// Package datasets holds small public data sets for demonstrations, examples and tests.
//
// Each set is a CSV file with a header, embedded in the program. Column id numbers
// the rows 1, 2, … in the original order; an empty field is NULL. README.md, which
// is embedded too, states the source and the terms of every set.
package datasets

import (
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed *.csv README.md
var files embed.FS

// ErrUnknown says that there is no data set of that name. Take one of [Names].
var ErrUnknown = errors.New("unknown data set")

// Dataset is one data set in memory. It may be read by many goroutines at once.
type Dataset struct {
	Name        string   // for example "air_passengers"
	Rows        int      // number of rows
	Columns     []Column // in the order of the file; the first is id
	Description string   // what was measured
	Source      string   // who published it, and where these values were taken
	Licence     string   // the terms under which they were taken

	values [][]*string // Rows × len(Columns)
}

// Column describes one column of a data set.
type Column struct {
	Name    string // lower snake case
	SQLType string // PostgreSQL's name: boolean, integer, double precision, date or text
}

// Names returns the names of all data sets in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the program does not hold its own files
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".csv"); ok {
			out = append(out, name)
		}
	}
	return out
}

// Get parses a data set. It takes O(bytes) time, at most a few milliseconds.
//
// Errors: [ErrUnknown] with the names that look most like it.
func Get(name string) (Dataset, error) {
	if names := Names(); !slices.Contains(names, name) {
		return Dataset{}, fmt.Errorf("datasets: %w: %q, nearest are %s", ErrUnknown, name, strings.Join(nearest(name, names), ", "))
	}
	d, err := load(name)
	if err != nil {
		panic(err) // an embedded file is malformed, which the tests exclude
	}
	return d, nil
}

// load parses the embedded file of a data set and its line in README.md.
func load(name string) (Dataset, error) {
	text, err := files.ReadFile("README.md")
	if err != nil {
		return Dataset{}, err
	}
	d, err := describe(string(text), name)
	if err != nil {
		return Dataset{}, err
	}
	f, err := files.Open(name + ".csv")
	if err != nil {
		return Dataset{}, err
	}
	defer f.Close()
	header, values, err := parse(f)
	if err != nil {
		return Dataset{}, fmt.Errorf("datasets: %s: %w", name, err)
	}
	if d.Rows != len(values) {
		return Dataset{}, fmt.Errorf("datasets: %s: %d rows, README.md says %d", name, len(values), d.Rows)
	}
	d.values = values
	for j, column := range header {
		t, err := sqlType(values, j)
		if err != nil {
			return Dataset{}, fmt.Errorf("datasets: %s: column %s: %w", name, column, err)
		}
		d.Columns = append(d.Columns, Column{Name: column, SQLType: t})
	}
	return d, nil
}

// parse reads a CSV file with a header; every row has as many fields as it.
func parse(r io.Reader) (header []string, values [][]*string, err error) {
	records, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	if len(records) < 2 {
		return nil, nil, fmt.Errorf("%d lines, want a header and at least one row", len(records))
	}
	for _, record := range records[1:] {
		row := make([]*string, len(record))
		for j := range record {
			if record[j] != "" {
				row[j] = &record[j]
			}
		}
		values = append(values, row)
	}
	return records[0], values, nil
}

// describe reads the line of a data set in the table of README.md, whose columns
// are file, rows, what, source and terms.
func describe(readme, name string) (Dataset, error) {
	for line := range strings.Lines(readme) {
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), "`", ""), "|")
		if len(cells) != 7 || strings.TrimSpace(cells[1]) != name {
			continue
		}
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		d := Dataset{Name: name, Description: cells[3], Source: cells[4], Licence: cells[5]}
		if _, err := fmt.Sscanf(cells[2], "%d", &d.Rows); err != nil {
			return Dataset{}, fmt.Errorf("datasets: README.md: rows of %s: %w", name, err)
		}
		if d.Description == "" || d.Source == "" || d.Licence == "" {
			return Dataset{}, fmt.Errorf("datasets: README.md: a cell of %s is empty", name)
		}
		return d, nil
	}
	return Dataset{}, fmt.Errorf("datasets: README.md: no line for %s", name)
}

// All yields the rows in order. A row has one value per column, in PostgreSQL's text
// form; nil is NULL. The slice may be kept and changed, the strings are shared.
func (d Dataset) All() iter.Seq[[]*string] {
	return func(yield func([]*string) bool) {
		for _, row := range d.values {
			if !yield(slices.Clone(row)) {
				return
			}
		}
	}
}

// ColumnNames returns the names of the columns in order.
func (d Dataset) ColumnNames() []string {
	out := make([]string, len(d.Columns))
	for j, c := range d.Columns {
		out[j] = c.Name
	}
	return out
}

// CreateTable returns the statement that makes an empty table for the rows of the data
// set, for example with table pgx.Identifier{"public", "iris"}. Column id is its
// primary key.
func (d Dataset) CreateTable(table pgx.Identifier) string {
	lines := make([]string, len(d.Columns))
	for j, c := range d.Columns {
		lines[j] = "\t" + pgx.Identifier{c.Name}.Sanitize() + " " + c.SQLType
		if j == 0 {
			lines[j] += " PRIMARY KEY"
		}
	}
	return "CREATE TABLE " + table.Sanitize() + " (\n" + strings.Join(lines, ",\n") + "\n)"
}
