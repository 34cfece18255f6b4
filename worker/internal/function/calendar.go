package function

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/millrace/millrace/pushdown"
)

// moment is a position in time: whole holds microseconds since 2000, local time,
// or an integer; real holds a number with a fraction.
type moment struct {
	whole int64
	real  float64
}

func compareMoments(a, b moment) int {
	return cmp.Or(cmp.Compare(a.whole, b.whole), cmp.Compare(a.real, b.real))
}

// unit is what the steps of a clock are counted in.
type unit string

// The units. A month is a date of the calendar, not a length of time.
const (
	months       unit = "month"
	microseconds unit = "microsecond"
	integers     unit = "integer"
	reals        unit = "real"
)

// clock is the time axis of a series: where it ended and how it goes on. It is
// part of the model's document.
type clock struct {
	Type string `json:"type"`           // of the times: date, timestamp, timestamptz, int2, …, numeric
	Zone string `json:"zone,omitempty"` // TimeZone in which times of type timestamptz were local
	Unit unit   `json:"unit"`
	Step int64  `json:"step,omitempty"` // in units; 0 for a single observation
	Last int64  `json:"last,omitempty"`
	// Day of the month on which steps of months fall, or the last one of a
	// shorter month: 31 is always the last.
	Day      int     `json:"day,omitempty"`
	RealStep float64 `json:"real_step,omitempty"` // of unit real
	RealLast float64 `json:"real_last,omitempty"`
}

// unevenError says where times leave their step.
type unevenError struct {
	after   int    // index of the time before the place
	missing uint64 // times left out there; 0 if it is no multiple of the step
	step    string // "" if most times have none in common; then after is the middle of three
}

// Error implements error.
func (e *unevenError) Error() string {
	return fmt.Sprintf("function: uneven times after index %d, step %s, %d missing", e.after, e.step, e.missing)
}

// newClock recognises the step of ascending, distinct times. Dates and
// timestamps at one time of the day and on one day of the month, or on the last
// day of each, step by months; others by a fixed length. Numbers with a fraction
// may be off their grid by a hundredth of a step.
//
// Errors: [*unevenError]. Cost: O(n log n).
func newClock(typeName string, cast pushdown.Cast, times []moment) (clock, error) {
	c := clock{Type: typeName, Unit: integers}
	last := times[len(times)-1]
	switch cast {
	case pushdown.Float:
		c.Unit, c.RealLast = reals, last.real
		return c, c.findRealStep(times)
	case pushdown.Timestamp:
		c.Unit = microseconds
		if day := dayOfMonth(times); day > 0 {
			c.Unit, c.Day = months, day
		}
	}
	c.Last = last.whole
	positions := make([]int64, len(times))
	for i, t := range times {
		positions[i] = t.whole
		if c.Unit == months {
			positions[i] = monthOf(timestamp(t.whole))
		}
	}
	return c, c.findStep(positions)
}

// findStep takes the most frequent difference, the smallest of several such, as
// the step.
func (c *clock) findStep(positions []int64) error {
	count := map[uint64]int{}
	differences := make([]uint64, len(positions)-1)
	for i := range differences {
		differences[i] = uint64(positions[i+1]) - uint64(positions[i]) // right even if int64 overflows
		count[differences[i]]++
	}
	step := uint64(0)
	for d, n := range count {
		if n > count[step] || n == count[step] && d < step {
			step = d
		}
	}
	c.Step = int64(step)
	return c.firstUneven(differences, step, count[step])
}

// firstUneven returns where differences first leave the step, which common of
// them have. A step that less than three quarters have is not the series' own,
// unless the others are multiples.
func (c *clock) firstUneven(differences []uint64, step uint64, common int) error {
	multiples := !slices.ContainsFunc(differences, func(d uint64) bool { return d%step != 0 })
	for i, d := range differences {
		switch {
		case d == step:
		case multiples || 4*common >= 3*len(differences):
			e := &unevenError{after: i, step: c.describeStep()}
			if d%step == 0 {
				e.missing = d/step - 1
			}
			return e
		default:
			change := slices.IndexFunc(differences, func(d uint64) bool { return d != differences[0] })
			return &unevenError{after: change}
		}
	}
	return nil
}

// realTolerance is how far a real time may be off its grid, in steps.
const realTolerance = 0.01

// findRealStep takes the mean difference as the step where all are near their
// median.
func (c *clock) findRealStep(times []moment) error {
	if len(times) < 2 {
		return nil
	}
	differences := make([]float64, len(times)-1)
	for i := range differences {
		differences[i] = times[i+1].real - times[i].real
	}
	sorted := slices.Sorted(slices.Values(differences))
	c.RealStep = sorted[(len(sorted)-1)/2]
	for i, d := range differences {
		steps := math.Round(d / c.RealStep)
		if math.Abs(d/c.RealStep-steps) > 2*realTolerance || steps < 1 {
			return &unevenError{after: i, step: c.describeStep()}
		}
		if steps > 1 {
			return &unevenError{after: i, step: c.describeStep(), missing: uint64(steps) - 1}
		}
	}
	c.RealStep = tidy((c.RealLast - times[0].real) / float64(len(differences)))
	for i, t := range times[1:] {
		grid := times[0].real + float64(i+1)*c.RealStep
		if math.Abs(t.real-grid) > realTolerance*c.RealStep {
			return &unevenError{after: i, step: c.describeStep()}
		}
	}
	return nil
}

// tidy rounds to 14 digits, so that 2.3000000000000003 becomes 2.3.
func tidy(x float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 14, 64), 64)
	if err != nil {
		return x // only beyond the range of float64
	}
	return rounded
}

// monthOf numbers the months of all years.
func monthOf(t time.Time) int64 { return int64(t.Year())*12 + int64(t.Month()) - 1 }

// lastDay is the length of a month.
func lastDay(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// dayOfMonth returns the day on which all times fall, 31 if each is the last of
// its month, or 0 if they do not go by months.
func dayOfMonth(times []moment) int {
	const day = 24 * 3600 * 1e6
	ends, highest := true, 0
	for _, m := range times {
		if (m.whole-times[0].whole)%day != 0 {
			return 0
		}
		t := timestamp(m.whole)
		highest = max(highest, t.Day())
		ends = ends && t.Day() == lastDay(t.Year(), t.Month())
	}
	if ends {
		return 31
	}
	for _, m := range times {
		t := timestamp(m.whole)
		if t.Day() != min(highest, lastDay(t.Year(), t.Month())) {
			return 0
		}
	}
	return highest
}

// period is the number of steps in the season that the step suggests: a year of
// months or quarters, a week of days, a day of hours; otherwise 1.
func (c clock) period() int {
	switch {
	case c.Unit == months && c.Step == 1:
		return 12
	case c.Unit == months && c.Step == 3:
		return 4
	case c.Unit == microseconds && c.Step == 24*3600*1e6:
		return 7
	case c.Unit == microseconds && c.Step == 3600*1e6:
		return 24
	}
	return 1
}

// describeStep names the step, for example "1 quarter" or "90 seconds".
func (c clock) describeStep() string {
	name := func(count int64, unit string) string {
		if count != 1 {
			unit += "s"
		}
		return fmt.Sprintf("%d %s", count, unit)
	}
	type part struct {
		size int64
		name string
	}
	parts := []part{{7 * 24 * 3600 * 1e6, "week"}, {24 * 3600 * 1e6, "day"}, {3600 * 1e6, "hour"}, {60 * 1e6, "minute"}, {1e6, "second"}, {1, "microsecond"}}
	switch c.Unit {
	case months:
		parts = []part{{12, "year"}, {3, "quarter"}, {1, "month"}}
	case integers:
		return strconv.FormatInt(c.Step, 10)
	case reals:
		return strconv.FormatFloat(c.RealStep, 'g', 6, 64)
	}
	for _, p := range parts {
		if c.Step%p.size == 0 {
			return name(c.Step/p.size, p.name)
		}
	}
	return ""
}

// whole64 bounds the types of whole times. Years after 294275 are outside of
// PostgreSQL's timestamp.
var whole64 = map[string]int64{
	"int2": math.MaxInt16, "int4": math.MaxInt32, "int8": math.MaxInt64,
	"date": 9223339708799999999, "timestamp": 9223339708799999999, "timestamptz": 9223339708799999999,
}

// after returns the moment steps ≥ 1 steps past the last; false if it is outside
// of the type.
func (c clock) after(steps int) (moment, bool) {
	if c.Unit == reals {
		x := tidy(c.RealLast + float64(steps)*c.RealStep)
		return moment{real: x}, !math.IsInf(x, 0)
	}
	if c.Step < 1 || c.Step > (math.MaxInt64-max(c.Last, 0))/int64(steps) {
		return moment{}, false
	}
	if c.Unit != months {
		at := c.Last + int64(steps)*c.Step
		return moment{whole: at}, at <= whole64[c.Type]
	}
	last := timestamp(c.Last)
	month := monthOf(last) + int64(steps)*c.Step
	year := month / 12
	if year > 294275 {
		return moment{}, false
	}
	if month%12 < 0 {
		year-- // years before 1
	}
	m := time.Month(month-year*12) + 1
	day := min(c.Day, lastDay(int(year), m))
	at := time.Date(int(year), m, day, last.Hour(), last.Minute(), last.Second(), last.Nanosecond(), time.UTC)
	return moment{whole: micros(at)}, true
}

// stepsTo is the inverse of after; false if m is not on the grid after the last.
func (c clock) stepsTo(m moment) (int, bool) {
	steps := int64(0)
	switch c.Unit {
	case reals:
		exact := (m.real - c.RealLast) / c.RealStep
		near := math.Round(exact)
		return int(near), near >= 1 && near < 1e9 && math.Abs(exact-near) <= realTolerance
	case months:
		steps = (monthOf(timestamp(m.whole)) - monthOf(timestamp(c.Last))) / max(1, c.Step)
	default:
		if m.whole <= c.Last {
			return 0, false
		}
		steps = int64((uint64(m.whole) - uint64(c.Last)) / uint64(max(1, c.Step)))
	}
	if steps < 1 || steps > 1e9 {
		return 0, false
	}
	at, ok := c.after(int(steps))
	return int(steps), ok && at == m
}

// formatMoment writes a time so that PostgreSQL reads it as typeName under any
// DateStyle.
func formatMoment(typeName string, m moment) string {
	switch typeName {
	case "date", "timestamp", "timestamptz":
		return formatCalendar(m.whole, typeName == "date")
	case "int2", "int4", "int8":
		return strconv.FormatInt(m.whole, 10)
	}
	return appendNumber(m.real)
}

func formatCalendar(micros int64, dateOnly bool) string {
	switch micros {
	case math.MaxInt64:
		return "infinity"
	case math.MinInt64:
		return "-infinity"
	}
	t := timestamp(micros)
	year, era := t.Year(), ""
	if year < 1 {
		year, era = 1-year, " BC"
	}
	text := fmt.Sprintf("%04d-%02d-%02d", year, t.Month(), t.Day())
	if !dateOnly {
		text += t.Format(" 15:04:05.999999")
	}
	return text + era
}
