package function

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/pushdown"
)

// moments parses dates and timestamps.
func moments(t *testing.T, texts ...string) []moment {
	t.Helper()
	out := make([]moment, len(texts))
	for i, text := range texts {
		layout := "2006-01-02 15:04:05"
		at, err := time.Parse(layout[:min(len(text), len(layout))], text)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = moment{whole: micros(at)}
	}
	return out
}

var clockCases = []struct {
	name   string
	typ    string
	times  []string
	step   string
	period int
	next   []string
}{
	{"Months", "date", []string{"2023-11-01", "2023-12-01", "2024-01-01"}, "1 month", 12, []string{"2024-02-01", "2024-03-01"}},
	{"MonthsOn15th", "date", []string{"2023-01-15", "2023-02-15", "2023-03-15"}, "1 month", 12, []string{"2023-04-15"}},
	{"MonthEnds", "date", []string{"2022-11-30", "2022-12-31", "2023-01-31"}, "1 month", 12, []string{"2023-02-28", "2023-03-31", "2023-04-30"}},
	{"MonthEndsLeapYear", "date", []string{"2023-11-30", "2023-12-31"}, "1 month", 12, []string{"2024-01-31", "2024-02-29", "2024-03-31"}},
	{"MonthEndsFromFebruary", "date", []string{"2023-01-31", "2023-02-28"}, "1 month", 12, []string{"2023-03-31", "2023-04-30"}},
	{"ThirtiethIsNoEnd", "date", []string{"2022-12-30", "2023-01-30", "2023-02-28"}, "1 month", 12, []string{"2023-03-30", "2023-04-30"}},
	{"ThirtyOneDaysAreAMonth", "date", []string{"2023-07-01", "2023-08-01", "2023-09-01"}, "1 month", 12, []string{"2023-10-01", "2023-11-01"}},
	{"Quarters", "date", []string{"2023-01-01", "2023-04-01", "2023-07-01"}, "1 quarter", 4, []string{"2023-10-01", "2024-01-01"}},
	{"QuarterEnds", "date", []string{"2023-03-31", "2023-06-30", "2023-09-30"}, "1 quarter", 4, []string{"2023-12-31", "2024-03-31"}},
	{"TwoMonths", "date", []string{"2023-01-01", "2023-03-01", "2023-05-01"}, "2 months", 1, []string{"2023-07-01"}},
	{"Years", "date", []string{"2021-01-01", "2022-01-01", "2023-01-01"}, "1 year", 1, []string{"2024-01-01", "2025-01-01"}},
	{"LeapDays", "date", []string{"2016-02-29", "2020-02-29"}, "4 years", 1, []string{"2024-02-29"}},
	{"YearsEndingInFebruary", "date", []string{"2021-02-28", "2022-02-28", "2023-02-28"}, "1 year", 1, []string{"2024-02-29", "2025-02-28"}},
	{"Decades", "date", []string{"1990-07-04", "2000-07-04"}, "10 years", 1, []string{"2010-07-04"}},
	{"Days", "date", []string{"2024-02-26", "2024-02-27", "2024-02-28"}, "1 day", 7, []string{"2024-02-29", "2024-03-01"}},
	{"Weeks", "date", []string{"2024-02-12", "2024-02-19", "2024-02-26"}, "1 week", 1, []string{"2024-03-04"}},
	{"Fortnights", "date", []string{"2024-02-12", "2024-02-26", "2024-03-11"}, "2 weeks", 1, []string{"2024-03-25"}},
	{"Hours", "timestamp", []string{"2024-02-28 22:00:00", "2024-02-28 23:00:00"}, "1 hour", 24, []string{"2024-02-29 00:00:00"}},
	{"QuarterHours", "timestamp", []string{"2024-02-28 23:30:00", "2024-02-28 23:45:00"}, "15 minutes", 1, []string{"2024-02-29 00:00:00"}},
	{"Seconds", "timestamptz", []string{"1999-12-31 23:59:57", "1999-12-31 23:59:58"}, "1 second", 1, []string{"1999-12-31 23:59:59", "2000-01-01 00:00:00"}},
	{"MonthsAtNoon", "timestamp", []string{"2023-12-31 12:00:00", "2024-01-31 12:00:00"}, "1 month", 12, []string{"2024-02-29 12:00:00"}},
	{"Before2000", "date", []string{"1899-11-01", "1899-12-01"}, "1 month", 12, []string{"1900-01-01", "1900-02-01"}},
}

// TestClock continues series in their own step. What follows is what a calendar
// on the wall says.
func TestClock(t *testing.T) {
	for _, tt := range clockCases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := newClock(tt.typ, pushdown.Timestamp, moments(t, tt.times...))
			if err != nil {
				t.Fatal(err)
			}
			if c.describeStep() != tt.step || c.period() != tt.period || !c.valid() {
				t.Errorf("step %s, period %d, valid %t, want %s, %d", c.describeStep(), c.period(), c.valid(), tt.step, tt.period)
			}
			for i, want := range tt.next {
				checkNext(t, c, i+1, want)
			}
		})
	}
}

// checkNext checks after, its text and its inverse.
func checkNext(t *testing.T, c clock, steps int, want string) {
	t.Helper()
	at, ok := c.after(steps)
	if got := formatMoment(c.Type, at); !ok || got != want {
		t.Errorf("after(%d) = %s, %t, want %s", steps, got, ok, want)
	}
	if back, ok := c.stepsTo(at); !ok || back != steps {
		t.Errorf("stepsTo(%s) = %d, %t, want %d", want, back, ok, steps)
	}
	at.whole, at.real = at.whole+1, at.real+0.3*c.RealStep
	if back, ok := c.stepsTo(at); ok && c.Step != 1 {
		t.Errorf("stepsTo just past %s = %d, want none", want, back)
	}
}

func TestClockOfNumbers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		typ   string
		times []float64
		step  string
		next  []string
	}{
		{"Years", "int4", []float64{1990, 1991, 1992}, "1", []string{"1993", "1994"}},
		{"Fives", "int8", []float64{-10, -5, 0}, "5", []string{"5", "10"}},
		{"Tenths", "numeric", []float64{1.7, 1.8, 1.9, 2}, "0.1", []string{"2.1", "2.2", "2.3"}},
		{"YearsWithMonths", "float8", []float64{1960, 1960.083, 1960.167, 1960.25}, "0.0833333", []string{"1960.3333333333"}},
		{"Float4", "float4", []float64{0.10000000149011612, 0.20000000298023224, 0.30000001192092896}, "0.1", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cast, times := pushdown.Int, make([]moment, len(tt.times))
			for i, x := range tt.times {
				times[i].whole = int64(x)
				if whole64[tt.typ] == 0 {
					cast, times[i] = pushdown.Float, moment{real: x}
				}
			}
			c, err := newClock(tt.typ, cast, times)
			if err != nil {
				t.Fatal(err)
			}
			if c.describeStep() != tt.step || c.period() != 1 || !c.valid() {
				t.Errorf("step %s, period %d, valid %t, want %s, 1", c.describeStep(), c.period(), c.valid(), tt.step)
			}
			for i, want := range tt.next {
				checkNext(t, c, i+1, want)
			}
		})
	}
}

func TestUneven(t *testing.T) {
	for _, tt := range []struct {
		name    string
		times   []string
		after   int
		missing uint64
		step    string
	}{
		{"MissingMonths", []string{"2023-01-01", "2023-02-01", "2023-03-01", "2023-07-01"}, 2, 3, "1 month"},
		{"MissingMonthEnd", []string{"2023-01-31", "2023-02-28", "2023-04-30"}, 1, 1, "1 month"},
		{"MissingYear", []string{"2001-01-01", "2002-01-01", "2004-01-01"}, 1, 1, "1 year"},
		{"WorkingDays", []string{"2024-02-01", "2024-02-02", "2024-02-05", "2024-02-06"}, 1, 2, "1 day"},
		{"MissingHour", []string{"2024-02-01 00:00:00", "2024-02-01 01:00:00", "2024-02-01 03:00:00", "2024-02-01 04:00:00"}, 1, 1, "1 hour"},
		{"OffTheGrid", []string{"2024-02-01", "2024-02-03", "2024-02-05", "2024-02-07", "2024-02-08"}, 3, 0, "2 days"},
		{"MonthsButOne", []string{"2024-01-01", "2024-02-01", "2024-03-01", "2024-04-02"}, 1, 0, ""},
		{"WideBeforeNarrow", []string{"2024-02-01", "2024-02-05", "2024-02-06", "2024-02-07"}, 0, 3, "1 day"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := newClock("timestamp", pushdown.Timestamp, moments(t, tt.times...))
			e, ok := errors.AsType[*unevenError](err)
			if !ok {
				t.Fatalf("error = %v, want an *unevenError", err)
			}
			if e.after != tt.after || e.missing != tt.missing || e.step != tt.step {
				t.Errorf("%+v, want after %d, missing %d, step %s", *e, tt.after, tt.missing, tt.step)
			}
		})
	}
}

func TestUnevenReals(t *testing.T) {
	for _, tt := range []struct {
		name    string
		times   []float64
		after   int
		missing uint64
	}{
		{"Gap", []float64{1, 1.5, 2, 3, 3.5}, 2, 1},
		{"OffTheGrid", []float64{1, 1.5, 2, 2.6, 3.1}, 2, 0},
		{"Drifting", []float64{0, 1, 2.018, 3.036, 4.054}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var times []moment
			for _, x := range tt.times {
				times = append(times, moment{real: x})
			}
			_, err := newClock("float8", pushdown.Float, times)
			e, ok := errors.AsType[*unevenError](err)
			if !ok || e.after != tt.after || e.missing != tt.missing {
				t.Errorf("error = %+v, want after %d, missing %d", err, tt.after, tt.missing)
			}
		})
	}
}

// TestClockBounds steps to the ends of types.
func TestClockBounds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		clock clock
		steps int
		want  bool
	}{
		{"Int2Fits", clock{Type: "int2", Unit: integers, Step: 1, Last: 32766}, 1, true},
		{"Int2", clock{Type: "int2", Unit: integers, Step: 1, Last: 32766}, 2, false},
		{"Int4", clock{Type: "int4", Unit: integers, Step: math.MaxInt32, Last: 1}, 1, false},
		{"Int8", clock{Type: "int8", Unit: integers, Step: math.MaxInt64 / 2, Last: 10}, 2, false},
		{"Int8FromBelow", clock{Type: "int8", Unit: integers, Step: 1 << 60, Last: math.MinInt64}, 7, true},
		{"Year294275", clock{Type: "date", Unit: months, Step: 12, Day: 1, Last: whole64["date"] - 366*24*3600*1e6 + 1}, 1, true},
		{"Year294276", clock{Type: "date", Unit: months, Step: 12, Day: 1, Last: whole64["date"] - 24*3600*1e6 + 1}, 1, false},
		{"Microseconds", clock{Type: "timestamp", Unit: microseconds, Step: 1e6, Last: whole64["timestamp"] - 1}, 1, false},
		{"Reals", clock{Type: "float8", Unit: reals, RealStep: 1e307, RealLast: 1.7e308}, 100, false},
		{"NoStep", clock{Type: "date", Unit: microseconds}, 1, false},
	} {
		if at, ok := tt.clock.after(tt.steps); ok != tt.want {
			t.Errorf("%s: after(%d) = %v, %t, want %t", tt.name, tt.steps, at, ok, tt.want)
		}
	}
}

func TestFormatMoment(t *testing.T) {
	bc := time.Date(-43, 3, 15, 12, 0, 0, 500000, time.UTC) // the ides of March of 44 BC
	for _, tt := range []struct {
		typ  string
		at   moment
		want string
	}{
		{"date", moment{}, "2000-01-01"},
		{"timestamp", moment{whole: 1}, "2000-01-01 00:00:00.000001"},
		{"timestamptz", moment{whole: -1}, "1999-12-31 23:59:59.999999"},
		{"date", moment{whole: micros(bc)}, "0044-03-15 BC"},
		{"timestamp", moment{whole: micros(bc)}, "0044-03-15 12:00:00.0005 BC"},
		{"date", moment{whole: math.MaxInt64}, "infinity"},
		{"date", moment{whole: math.MinInt64}, "-infinity"},
		{"timestamp", moment{whole: whole64["timestamp"]}, "294275-12-31 23:59:59.999999"},
		{"int2", moment{whole: -7}, "-7"},
		{"numeric", moment{real: 0.1}, "0.1"},
	} {
		if got := formatMoment(tt.typ, tt.at); got != tt.want {
			t.Errorf("formatMoment(%s, %v) = %q, want %q", tt.typ, tt.at, got, tt.want)
		}
	}
}

// TestSingleObservation has no step to go on with.
func TestSingleObservation(t *testing.T) {
	for _, cast := range []pushdown.Cast{pushdown.Timestamp, pushdown.Int, pushdown.Float} {
		c, err := newClock("int4", cast, []moment{{}})
		if err != nil || c.valid() || c.period() != 1 {
			t.Errorf("newClock of one time = %+v, %v, want period 1 and no step", c, err)
		}
	}
}

// TestPercent also holds the names of different levels apart.
func TestPercent(t *testing.T) {
	levels := []float64{0.8, 0.95, 0.995, 0.05, 0.5, 0.005, 0.6667, 0.57, 1e-9}
	want := []string{"80", "95", "99_5", "5", "50", "0_5", "66_67", "57", "0_0000001"}
	var got []string
	for _, level := range levels {
		got = append(got, percent(level))
	}
	if !slices.Equal(got, want) {
		t.Errorf("percent = %v, want %v", got, want)
	}
}
