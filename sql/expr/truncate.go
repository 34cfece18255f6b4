package expr

import "github.com/millrace/millrace/sql/row"

// dateTruncations give the first day of what a day is in.
var dateTruncations = map[string]func(days int64) int64{
	"millennium": func(d int64) int64 { return firstYear(toCivil(d).year, 1000).days() },
	"century":    func(d int64) int64 { return firstYear(toCivil(d).year, 100).days() },
	"decade":     func(d int64) int64 { return civil{floorDiv(toCivil(d).year, 10) * 10, 1, 1}.days() },
	"year":       func(d int64) int64 { return civil{toCivil(d).year, 1, 1}.days() },
	"quarter": func(d int64) int64 {
		c := toCivil(d)
		return civil{c.year, (c.month-1)/3*3 + 1, 1}.days()
	},
	"month": func(d int64) int64 {
		c := toCivil(d)
		return civil{c.year, c.month, 1}.days()
	},
	"week": func(d int64) int64 { return d + 1 - isoWeekday(d) },
	"day":  func(d int64) int64 { return d },
}

// firstYear is the first day of a span of n years; the spans began with year 1.
func firstYear(year, n int64) civil { return civil{floorDiv(year-1, n)*n + 1, 1, 1} }

// timeTruncations are the lengths of the units within a day.
var timeTruncations = map[string]int64{
	"hour": 3600 * microsPerSecond, "minute": 60 * microsPerSecond, "second": microsPerSecond,
	"milliseconds": 1000, "microseconds": 1,
}

// truncateTimestamp builds date_trunc of a timestamp.
func truncateTimestamp(s *site) (run, error) {
	unit, err := s.unit()
	if err != nil {
		return nil, err
	}
	first, dated := dateTruncations[unit]
	length, timed := timeTruncations[unit]
	if !dated && !timed {
		return nil, notNative("date_trunc to %q", unit)
	}
	return func(b *buffer, args []row.Value) (row.Value, error) {
		t := integer(args[1])
		if infiniteTimestamp(t) {
			return args[1], nil
		}
		days := floorDiv(t, microsPerDay)
		micros := t - days*microsPerDay
		if dated {
			days, micros = first(days), 0
		} else {
			micros -= micros % length
		}
		t, err := timestampOf(days, micros)
		if err != nil {
			return nil, err
		}
		return b.int8(t), nil
	}, nil
}
