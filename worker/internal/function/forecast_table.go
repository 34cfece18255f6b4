package function

import (
	"slices"

	"github.com/millrace/millrace/algorithms/arima"
	"github.com/millrace/millrace/worker/internal/fault"
)

// forecastTable gathers the rows of the result.
type forecastTable struct {
	d             Data
	levels        []float64
	endings       []ending
	of            []int // ending of each row
	steps         Ints
	times         Texts
	mean, stdErr  Floats
	lower, upper  []Floats // by level
	filledEndings int
}

func (c *forecast) newTable(d Data, endings []ending) *forecastTable {
	n := len(endings) * c.horizon
	t := &forecastTable{d: d, levels: c.levels, endings: endings, of: make([]int, 0, n), steps: make(Ints, 0, n), times: make(Texts, 0, n)}
	t.lower, t.upper = make([]Floats, len(c.levels)), make([]Floats, len(c.levels))
	return t
}

// add appends the forecast of the next ending.
func (t *forecastTable) add(e ending, f arima.Forecast) error {
	for step := 1; step <= len(f.Mean); step++ {
		at, ok := e.clock.after(step)
		if !ok {
			return e.clock.endOfType(step)
		}
		t.of = append(t.of, t.filledEndings)
		t.steps = append(t.steps, int64(step))
		t.times = append(t.times, ptr(formatMoment(e.clock.Type, at)))
	}
	t.filledEndings++
	t.mean, t.stdErr = append(t.mean, f.Mean...), append(t.stdErr, f.StdErr...)
	for i, level := range t.levels {
		lower, upper, err := f.Limits(level)
		if err != nil {
			return err
		}
		t.lower[i], t.upper[i] = append(t.lower[i], lower...), append(t.upper[i], upper...)
	}
	return nil
}

func (t *forecastTable) table() Table {
	groups := make([]group, len(t.endings))
	for i, e := range t.endings {
		groups[i].keys = e.keys
	}
	out := Table{Rows: len(t.of), Columns: t.d.groupColumns(0, t.d.find("group"), groups, t.of)}
	add := func(name, typ string, v Values) {
		out.Columns = append(out.Columns, ResultColumn{Name: name, Type: typ, Values: v})
	}
	add("step", "int4", t.steps)
	add("time", t.endings[0].clock.Type, t.times)
	add("forecast", "float8", t.mean)
	add("std_error", "float8", t.stdErr)
	for i, level := range t.levels {
		add("lower_"+percent(level), "float8", t.lower[i])
		add("upper_"+percent(level), "float8", t.upper[i])
	}
	return out
}

// endOfType is the fault of a step that after cannot represent.
func (c clock) endOfType(step int) *fault.Error {
	return fault.New(fault.Parameter, "the time at step %d is outside of type %s: the series ends at %s and steps by %s", step, c.Type,
		formatMoment(c.Type, c.last()), c.describeStep()).
		WithHint("Use a smaller horizon, or train with a wider type of time.")
}

// last is the moment of the last observation.
func (c clock) last() moment {
	if c.Unit == reals {
		return moment{real: c.RealLast}
	}
	return moment{whole: c.Last}
}

// valid says whether the clock is one that newClock makes for a series long
// enough for a model: documents may have been written by anybody.
func (c clock) valid() bool {
	calendar := slices.Contains([]string{"date", "timestamp", "timestamptz"}, c.Type)
	switch c.Unit {
	case months:
		return calendar && c.Step > 0 && c.Day >= 1 && c.Day <= 31
	case microseconds:
		return calendar && c.Step > 0
	case integers:
		return c.Step > 0 && slices.Contains([]string{"int2", "int4", "int8"}, c.Type)
	case reals:
		return c.RealStep > 0 && slices.Contains([]string{"float4", "float8", "numeric"}, c.Type)
	}
	return false
}
