package expr

import (
	"math"

	"github.com/millrace/millrace/sql/row"
)

// A timestamp counts microseconds from 2000-01-01; a date counts days from it. The
// extremes of their integers are the infinities. Years are astronomical: 0 is 1 BC.
const (
	microsPerSecond = 1_000_000
	microsPerDay    = 86_400 * microsPerSecond
	secondsPerDay   = 86_400

	minTimestamp = -211_813_488_000_000_000       // 4714-11-24 BC
	endTimestamp = 9_223_371_331_200_000_000      // 294277-01-01
	minDate      = -2_451_545                     // 4714-11-24 BC
	endDate      = 2_147_483_494 - 2_451_545      // 5874898-06-03
	endDays      = endTimestamp / microsPerDay    // the first date that is no timestamp
	unixMicros   = -946_684_800 * microsPerSecond // 1970-01-01
	unixDays     = -10_957

	daysPerEra = 146_097 // 400 years
)

// Errors of dates and times.
var (
	errDateRange         = &RowError{"date out of range"}
	errDateTimestamp     = &RowError{"date out of range for timestamp"}
	errTimestampRange    = &RowError{"timestamp out of range"}
	errIntervalRange     = &RowError{"interval out of range"}
	errInfiniteDates     = &RowError{"cannot subtract infinite dates"}
	errInfiniteTimestamp = &RowError{"cannot subtract infinite timestamps"}
)

// civil is a day of the Gregorian calendar, which has no beginning here.
type civil struct{ year, month, day int64 }

// floorDiv divides and rounds down.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// toCivil converts days from 2000-01-01. A year is taken to begin in March, so that
// the leap day is its last; month lengths then repeat as 153 days in five months.
func toCivil(days int64) civil {
	days += 5*daysPerEra - 60 // from 0000-03-01
	era := floorDiv(days, daysPerEra)
	day := days - era*daysPerEra
	year := (day - day/1460 + day/36524 - day/146096) / 365
	day -= 365*year + year/4 - year/100
	month := (5*day + 2) / 153
	c := civil{year: era*400 + year, month: month + 3, day: day - (153*month+2)/5 + 1}
	if c.month > 12 {
		c.year++
		c.month -= 12
	}
	return c
}

// days converts back. The month must be between 1 and 12; the day need not exist.
func (c civil) days() int64 {
	year, month := c.year, c.month-3
	if month < 0 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	year -= era * 400
	return era*daysPerEra + 365*year + year/4 - year/100 + (153*month+2)/5 + c.day - 1 + 60 - 5*daysPerEra
}

// addMonths moves by months; a day that the month does not have becomes its last.
func (c civil) addMonths(n int64) civil {
	months := c.year*12 + c.month - 1 + n
	c.year = floorDiv(months, 12)
	c.month = months - c.year*12 + 1
	first := civil{c.year, c.month, 1}
	next := civil{c.year, c.month + 1, 1}
	if next.month > 12 {
		next = civil{c.year + 1, 1, 1}
	}
	c.day = min(c.day, next.days()-first.days())
	return c
}

// weekday is 0 for Sunday.
func weekday(days int64) int64 { return days + 6 - floorDiv(days+6, 7)*7 }

// isoWeekday is 1 for Monday and 7 for Sunday.
func isoWeekday(days int64) int64 { return (weekday(days)+6)%7 + 1 }

// isoWeek returns the year and week of ISO 8601: those of the week's Thursday.
func isoWeek(days int64) (year, week int64) {
	thursday := days + 4 - isoWeekday(days)
	year = toCivil(thursday).year
	return year, (thursday-civil{year, 1, 1}.days())/7 + 1
}

// infiniteTimestamp reports whether t is one of the infinities.
func infiniteTimestamp(t int64) bool { return t == math.MinInt64 || t == math.MaxInt64 }

func infiniteDate(d int64) bool { return d == math.MinInt32 || d == math.MaxInt32 }

// timestampOf returns the timestamp of a day and the time in it.
func timestampOf(days, micros int64) (int64, error) {
	if days < minDate || days >= endDays {
		return 0, errTimestampRange
	}
	return checkTimestamp(days*microsPerDay + micros)
}

func checkTimestamp(t int64) (int64, error) {
	if t < minTimestamp || t >= endTimestamp {
		return 0, errTimestampRange
	}
	return t, nil
}

// dateTimestamp casts a date to the timestamp of its midnight.
func dateTimestamp(d int64) (int64, error) {
	switch {
	case d == math.MinInt32:
		return math.MinInt64, nil
	case d == math.MaxInt32:
		return math.MaxInt64, nil
	case d >= endDays:
		return 0, errDateTimestamp
	default:
		return d * microsPerDay, nil
	}
}

// compareDateTimestamp compares a date with a timestamp, in either order. A date
// after all timestamps is still before infinity.
func compareDateTimestamp(a, b row.Value) int {
	return compareWide(dateOrTimestamp(a), dateOrTimestamp(b))
}

// instant is a timestamp, or a date later than those; late is 0 for the former.
type instant struct{ micros, late int64 }

func dateOrTimestamp(v row.Value) instant {
	t := integer(v)
	switch {
	case len(v) == 8 && t == math.MaxInt64:
		return instant{t, math.MaxInt64}
	case len(v) == 8:
		return instant{t, 0}
	case t == math.MaxInt32:
		return instant{math.MaxInt64, math.MaxInt64}
	case t >= endDays:
		return instant{math.MaxInt64, t}
	}
	micros, _ := dateTimestamp(t) // it is in range
	return instant{micros, 0}
}

func compareWide(a, b instant) int {
	switch {
	case a.late != b.late:
		return sign(a.late, b.late)
	default:
		return sign(a.micros, b.micros)
	}
}

func sign(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}
