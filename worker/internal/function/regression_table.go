package function

import (
	"math"
	"slices"
	"strings"

	"github.com/millrace/millrace/worker/internal/fault"
)

// termRows gathers the table of a model's terms: one row per group and term.
type termRows struct {
	columns []string // of the numbers behind the term
	of      []int    // group of each row
	terms   Texts
	values  []Floats
}

func newTermRows(columns []string) *termRows {
	return &termRows{columns: columns, values: make([]Floats, len(columns))}
}

func (t *termRows) add(group int, term string, values ...float64) {
	t.of = append(t.of, group)
	t.terms = append(t.terms, ptr(term))
	for j, v := range values {
		t.values[j] = append(t.values[j], v)
	}
}

func (t *termRows) table(d Data, groups []group) Table {
	table := Table{Rows: len(t.of), Columns: d.groupColumns(0, d.find("group"), groups, t.of)}
	table.Columns = append(table.Columns, ResultColumn{Name: "term", Type: "text", Values: t.terms})
	for j, name := range t.columns {
		table.Columns = append(table.Columns, ResultColumn{Name: name, Type: "float8", Values: t.values[j]})
	}
	return table
}

// summaryRows gathers the table with one row per group: what was used, numbers,
// and the model, or the reason why there is none.
type summaryRows struct {
	columns         []string // of the numbers
	used            Ints
	values          []Floats
	reasons, models Texts
}

func newSummaryRows(groups int, columns []string) *summaryRows {
	s := &summaryRows{columns: columns, used: make(Ints, groups), reasons: make(Texts, groups), models: make(Texts, groups)}
	for range columns {
		s.values = append(s.values, slices.Repeat(Floats{math.NaN()}, groups))
	}
	return s
}

func (s *summaryRows) fail(group int, reason *fault.Error) { s.reasons[group] = ptr(reason.Message) }

func (s *summaryRows) fit(group, used int, m model, values ...float64) {
	s.used[group], s.models[group] = int64(used), m.text()
	for j, v := range values {
		s.values[j][group] = v
	}
}

// table puts more columns between the numbers and the reason.
func (s *summaryRows) table(d Data, groups []group, more ...ResultColumn) Table {
	of, skipped := make([]int, len(groups)), make(Ints, len(groups))
	for i, g := range groups {
		of[i], skipped[i] = i, g.skipped
	}
	table := Table{Rows: len(groups), Columns: d.groupColumns(0, d.find("group"), groups, of)}
	table.Columns = append(table.Columns,
		ResultColumn{Name: "n", Type: "int8", Values: s.used}, ResultColumn{Name: "n_skipped", Type: "int8", Values: skipped})
	for j, name := range s.columns {
		table.Columns = append(table.Columns, ResultColumn{Name: name, Type: "float8", Values: s.values[j]})
	}
	table.Columns = append(table.Columns, more...)
	table.Columns = append(table.Columns,
		ResultColumn{Name: "reason", Type: "text", Values: s.reasons}, ResultColumn{Name: "model", Type: "jsonb", Values: s.models})
	return table
}

// reportGroups says in details and in a notice what a person should not miss.
func reportGroups(r *Result, env Env, groups int, failed, dropped []string) {
	if groups > 1 {
		r.Details["groups"] = groups
	}
	if len(failed) > 0 {
		r.Details["failed"], r.Details["failed_groups"] = len(failed), someOf(failed)
		env.Notice("%d of %d groups could not be fitted: see column reason of the summary", len(failed), groups)
	}
	if len(dropped) > 0 {
		r.Details["dropped_terms"], r.Details["dropped"] = len(dropped), someOf(dropped)
		env.Notice("collinear terms were dropped, their estimate is NULL: %s", strings.Join(someOf(dropped), ", "))
	}
}

// someOf cuts a list to what a person reads; its length stands beside it.
func someOf(list []string) []string { return list[:min(len(list), 10)] }

// label names a group by its keys; "" if there are no group columns.
func label(g group) string {
	var parts []string
	for _, k := range g.keys {
		parts = append(parts, k.String())
	}
	return strings.Join(parts, ", ")
}

func termName(column int, names []string) string {
	if column < 0 {
		return "(intercept)"
	}
	return names[column]
}

func pointers(keys []key) []*string {
	out := make([]*string, len(keys))
	for i, k := range keys {
		out[i] = k.pointer()
	}
	return out
}
