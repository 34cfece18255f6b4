package function

import (
	"math"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

// futureValues are the regressors over the horizon: by ending, by regressor, by
// step; nil without regressors.
type futureValues struct {
	values [][][]float64
	used   int64 // rows of the relation that lie in the horizon
}

// future finds, for each ending and step, the row of the relation with that
// group and time. Rows of other groups and times do not matter.
//
// Errors: faults that name the group and the time.
func (c *forecast) future(in []Data, endings []ending) (futureValues, error) {
	f := futureValues{values: make([][][]float64, len(endings))}
	if len(in) == 1 {
		return f, nil
	}
	d := in[1]
	if err := d.checkTimeType(endings[0].clock); err != nil {
		return f, err
	}
	places, err := d.places(endings, c.horizon)
	if err != nil {
		return f, err
	}
	regressors := d.find("regressor")
	for i, e := range endings {
		f.values[i] = make([][]float64, len(regressors))
		for j := range regressors {
			f.values[i][j] = make([]float64, c.horizon)
		}
		for step := range c.horizon {
			row := places[i][step] - 1
			if row < 0 {
				return f, d.missingRow(e, step+1)
			}
			for j, column := range regressors {
				x := d.floats(column)[row]
				if d.Record.Column(column).IsNull(row) || math.IsNaN(x) || math.IsInf(x, 0) {
					return f, d.badCell(column, row, group{keys: e.keys}).
						WithHint("A forecast needs a number for each regressor at each future time.")
				}
				f.values[i][j][step] = x
			}
			f.used++
		}
	}
	return f, nil
}

// checkTimeType refuses a time of another kind than in training.
func (d Data) checkTimeType(c clock) error {
	column := d.one("time")
	fits := false
	switch d.Casts[column] {
	case pushdown.Timestamp:
		fits = c.Unit == months || c.Unit == microseconds
	case pushdown.Int:
		fits = c.Unit == integers
	case pushdown.Float:
		fits = c.Unit == reals
	}
	if fits {
		return nil
	}
	return fault.New(fault.Type, "%s of regressors has type %s, and the model was trained with %s", d.timeName(), d.Types[column].Name, c.Type).
		WithHint("Give the column of the relation the type that it had in training.")
}

// places returns, by ending and step from 0, one more than the row that holds
// them; 0 if there is none.
func (d Data) places(endings []ending, horizon int) ([][]int, error) {
	index := map[string]int{}
	places := make([][]int, len(endings))
	for i, e := range endings {
		index[groupLabel(e.group)] = i
		places[i] = make([]int, horizon)
	}
	column, by := d.one("time"), d.find("group")
	for _, row := range d.complete(append([]int{column}, by...)) {
		i, known := index[groupLabel(pointers(d.keys(by, row)))]
		if !known {
			continue
		}
		step, ok := endings[i].clock.stepsTo(d.moment(column, row))
		if !ok || step > horizon {
			continue
		}
		if places[i][step-1] != 0 {
			return nil, fault.New(fault.Data, "regressors have two rows for %s %s%s", d.timeName(),
				d.formatTime(column, d.moment(column, row)), inGroup(group{keys: endings[i].keys})).
				WithHint("Keep one row for each group and time.")
		}
		places[i][step-1] = row + 1
	}
	return places, nil
}

func (d Data) missingRow(e ending, step int) error {
	at, ok := e.clock.after(step)
	if !ok {
		return e.clock.endOfType(step)
	}
	return fault.New(fault.Data, "regressors have no row for %s %s%s, step %d of the horizon", d.timeName(), formatMoment(e.clock.Type, at),
		inGroup(group{keys: e.keys}), step).
		WithHint("Add the row, or use a smaller horizon.")
}
