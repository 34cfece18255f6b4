package function

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/millrace/millrace/algorithms/arima"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

// sequence is the series of one group in the order of time.
type sequence struct {
	rows  []int // of the input
	times []moment
	data  arima.Data
	clock clock
}

// moment returns the time in a row, which must not be NULL.
func (d Data) moment(column, row int) moment {
	if d.Casts[column] == pushdown.Float {
		return moment{real: d.floats(column)[row]}
	}
	return moment{whole: d.ints(column)[row]}
}

// formatTime writes the time in a row as its type reads it.
func (d Data) formatTime(column int, m moment) string {
	return formatMoment(d.Types[column].Base, m)
}

// sequence builds the series of a group. A NULL value is a missing observation;
// everything else must be there: a time or a regressor that is not known has no
// place in a series.
//
// Errors: faults with the time and the group in question.
func (d Data) sequence(g group, zone string) (sequence, error) {
	column := d.one("time")
	s := sequence{rows: slices.Clone(g.rows)}
	if len(s.rows) == 0 {
		return s, noRows(g.skipped)
	}
	if err := d.checkTimes(column, g); err != nil {
		return s, err
	}
	slices.SortStableFunc(s.rows, func(a, b int) int { return compareMoments(d.moment(column, a), d.moment(column, b)) })
	for _, row := range s.rows {
		s.times = append(s.times, d.moment(column, row))
	}
	for i, m := range s.times[1:] {
		if m == s.times[i] {
			return s, fault.New(fault.Data, "%s %s occurs twice%s", d.timeName(), d.formatTime(column, m), inGroup(g)).
				WithHint("A series has one row for each time: aggregate the rows, or split them with group_by.%s", d.zoneHint())
		}
	}
	clock, err := newClock(d.Types[column].Base, d.Casts[column], s.times)
	if err != nil {
		return s, d.unevenFault(err, s, g)
	}
	if clock.Type == "timestamptz" {
		clock.Zone = zone
	}
	s.clock = clock
	s.data, err = d.observations(s.rows, g)
	return s, err
}

// timeName is how messages call the time column.
func (d Data) timeName() string { return "time " + d.Columns[d.one("time")].Expression }

func inGroup(g group) string {
	if len(g.keys) == 0 {
		return ""
	}
	return " in group " + label(g)
}

// zoneHint points at the hour that a change of the clocks repeats or leaves out.
func (d Data) zoneHint() string {
	c := d.one("time")
	if d.Types[c].Base != "timestamptz" {
		return ""
	}
	return fmt.Sprintf(" Times are local to TimeZone: where the clocks change, use time_column => '(%s) AT TIME ZONE ''UTC'''.", d.Columns[c].Expression)
}

// checkTimes refuses times that are not a position.
func (d Data) checkTimes(column int, g group) error {
	for _, row := range g.rows {
		if d.Record.Column(column).IsNull(row) {
			return fault.New(fault.Data, "%s is NULL%s", d.timeName(), inGroup(g)).
				WithDetail("In the row with %s.", d.describeRow(row)).
				WithHint("Read from a view without such rows; only the value may be NULL, for a missing observation.")
		}
		m := d.moment(column, row)
		infinite := d.Casts[column] == pushdown.Timestamp && (m.whole == math.MaxInt64 || m.whole == math.MinInt64)
		if infinite || math.IsNaN(m.real) || math.IsInf(m.real, 0) {
			return fault.New(fault.Data, "%s has the value %s%s", d.timeName(), d.formatTime(column, m), inGroup(g)).
				WithHint("Read from a view without such rows.")
		}
	}
	return nil
}

// unevenFault says between which times the series leaves its step.
func (d Data) unevenFault(err error, s sequence, g group) error {
	e, ok := errors.AsType[*unevenError](err)
	if !ok {
		return err
	}
	column := d.one("time")
	from, to := d.formatTime(column, s.times[e.after]), d.formatTime(column, s.times[e.after+1])
	const align = "Aggregate to a fixed step, for example with date_trunc, or number the rows and use the number as the time.%s"
	switch {
	case e.step == "":
		return fault.New(fault.Data, "the times are not equally spaced%s: from %s to %s is another step than from there to %s", inGroup(g),
			d.formatTime(column, s.times[e.after-1]), from, to).WithHint(align, d.zoneHint())
	case e.missing == 0:
		return fault.New(fault.Data, "the times are not equally spaced%s: they step by %s, but not between %s and %s", inGroup(g), e.step, from, to).
			WithHint(align, d.zoneHint())
	}
	return fault.New(fault.Data, "the series has a gap%s between %s and %s: with steps of %s, %s missing", inGroup(g), from, to, e.step,
		map[bool]string{true: "1 row is", false: fmt.Sprintf("%d rows are", e.missing)}[e.missing == 1]).
		WithHint("Insert rows with a NULL value for the missing times, for example by a LEFT JOIN from generate_series, or number the rows and use the number as the time.%s", d.zoneHint())
}

// observations returns values and regressors of rows in their order.
func (d Data) observations(rows []int, g group) (arima.Data, error) {
	value := d.one("value")
	out := arima.Data{Y: make([]float64, len(rows))}
	for t, row := range rows {
		if d.Record.Column(value).IsNull(row) {
			out.Y[t] = math.NaN()
			continue
		}
		out.Y[t] = d.floats(value)[row]
		if math.IsNaN(out.Y[t]) || math.IsInf(out.Y[t], 0) {
			return out, d.badCell(value, row, g).WithHint("Make it NULL if the observation is missing, or filter the rows out with a view.")
		}
	}
	for _, c := range d.find("regressor") {
		x := make([]float64, len(rows))
		for t, row := range rows {
			if x[t] = d.floats(c)[row]; d.Record.Column(c).IsNull(row) || math.IsNaN(x[t]) || math.IsInf(x[t], 0) {
				return out, d.badCell(c, row, g).
					WithHint("A regressor must be known at every time, also where the value is NULL: fill it, for example with coalesce.")
			}
		}
		out.X = append(out.X, x)
		out.Names = append(out.Names, d.Columns[c].Expression)
	}
	return out, nil
}

// badCell names a cell that is NULL, NaN or infinite by its time and group.
func (d Data) badCell(column, row int, g group) *fault.Error {
	return fault.New(fault.Data, "%s %s is %s at %s %s%s", d.Columns[column].Role, d.Columns[column].Expression, d.cell(column, row),
		d.timeName(), d.formatTime(d.one("time"), d.moment(d.one("time"), row)), inGroup(g))
}
