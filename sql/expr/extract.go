package expr

import (
	"math"
	"strings"

	"github.com/millrace/millrace/sql/numeric"
	"github.com/millrace/millrace/sql/row"
)

// part computes a field of a date or timestamp as an integer in units of
// 10^-scale. Of an infinite one the field is NULL, or infinite if it only grows.
type part struct {
	of    func(days, micros int64) int64
	scale int
	grows bool
}

// partFinder returns the computation of a field by its name.
type partFinder func(unit string) (part, bool)

// days makes a field that the time of day does not change.
func byDay(f func(days int64) int64) func(days, micros int64) int64 {
	return func(days, _ int64) int64 { return f(days) }
}

// byYear makes a field of the year, which counts from 1 AD up and from 1 BC, written
// -1, down.
func byYear(f func(year int64) int64) func(days, micros int64) int64 {
	return func(days, _ int64) int64 { return f(toCivil(days).year) }
}

// roundYears counts spans of n years: the first began with year 1.
func roundYears(n int64) func(year int64) int64 {
	return func(y int64) int64 {
		if y > 0 {
			return (y + n - 1) / n
		}
		return -((n - y) / n)
	}
}

// dayParts are the fields of a date.
var dayParts = map[string]part{
	"day":     {of: byDay(func(d int64) int64 { return toCivil(d).day })},
	"month":   {of: byDay(func(d int64) int64 { return toCivil(d).month })},
	"quarter": {of: byDay(func(d int64) int64 { return (toCivil(d).month-1)/3 + 1 })},
	"week":    {of: byDay(func(d int64) int64 { _, w := isoWeek(d); return w })},
	"dow":     {of: byDay(weekday)},
	"isodow":  {of: byDay(isoWeekday)},
	"doy":     {of: byDay(func(d int64) int64 { return d - civil{toCivil(d).year, 1, 1}.days() + 1 })},
	"isoyear": {of: byDay(func(d int64) int64 { y, _ := isoWeek(d); return yearNumber(y) }), grows: true},
	"year":    {of: byYear(yearNumber), grows: true},
	"decade":  {of: byYear(func(y int64) int64 { return floorDiv(y, 10) }), grows: true},
	"century": {of: byYear(roundYears(100)), grows: true},

	"millennium": {of: byYear(roundYears(1000)), grows: true},
}

// yearNumber has no year 0.
func yearNumber(y int64) int64 {
	if y <= 0 {
		return y - 1
	}
	return y
}

// timeParts are the fields that only a time has.
var timeParts = map[string]part{
	"hour":         {of: func(_, t int64) int64 { return t / (3600 * microsPerSecond) }},
	"minute":       {of: func(_, t int64) int64 { return t / (60 * microsPerSecond) % 60 }},
	"second":       {of: func(_, t int64) int64 { return t % (60 * microsPerSecond) }, scale: 6},
	"milliseconds": {of: func(_, t int64) int64 { return t % (60 * microsPerSecond) }, scale: 3},
	"microseconds": {of: func(_, t int64) int64 { return t % (60 * microsPerSecond) }},
}

// datePart finds the fields of a date.
func datePart(unit string) (part, bool) {
	switch unit {
	case "epoch":
		return part{of: byDay(func(d int64) int64 { return (d - unixDays) * secondsPerDay }), grows: true}, true
	case "julian":
		return part{of: byDay(func(d int64) int64 { return d - minDate }), grows: true}, true
	}
	p, ok := dayParts[unit]
	return p, ok
}

// epochPart finds the one field of a timestamptz that no time zone changes.
func epochPart(unit string) (part, bool) {
	if unit != "epoch" {
		return part{}, false
	}
	return part{scale: 6, grows: true}, true
}

// timestampPart finds the fields of a timestamp.
func timestampPart(unit string) (part, bool) {
	if unit == "epoch" {
		return epochPart(unit)
	}
	if p, ok := timeParts[unit]; ok {
		return p, true
	}
	p, ok := dayParts[unit]
	return p, ok
}

// unit returns the name of the field that a call asks for, if it is constant. Only
// the names in full are known here.
func (s *site) unit() (string, error) {
	v, ok := s.constant(0)
	if !ok {
		return "", notNative("a field of a date or time that is not constant")
	}
	return strings.ToLower(string(v)), nil
}

// extract builds EXTRACT, whose result is numeric, or date_part, which returns
// float8.
func extract(find partFinder, exact bool) builder {
	return func(s *site) (run, error) {
		unit, err := s.unit()
		if err != nil {
			return nil, err
		}
		p, ok := find(unit)
		if !ok {
			return nil, notNative("field %q", unit)
		}
		return func(b *buffer, args []row.Value) (v row.Value, err error) {
			t, isDate := integer(args[1]), len(args[1]) == 4
			if isDate && !exact { // date_part of a date is that of its midnight
				if t, err = dateTimestamp(t); err != nil {
					return nil, err
				}
				isDate = false
			}
			infinite := isDate && infiniteDate(t) || !isDate && infiniteTimestamp(t)
			switch {
			case infinite && !p.grows:
				return nil, nil
			case infinite:
				return b.infinity(sign(t, 0), exact), nil
			case isDate:
				return b.number(p.of(t, 0), p.scale, exact), nil
			case p.of == nil:
				return b.epoch(t, exact)
			}
			days := floorDiv(t, microsPerDay)
			return b.number(p.of(days, t-days*microsPerDay), p.scale, exact), nil
		}, nil
	}
}

// infinity encodes Infinity or -Infinity.
func (b *buffer) infinity(sign int, exact bool) row.Value {
	if !exact {
		return b.float8(math.Inf(sign))
	}
	if sign < 0 {
		return b.keep(numeric.NegativeInfinity.AppendBinary(b.start()))
	}
	return b.keep(numeric.Infinity.AppendBinary(b.start()))
}

// number encodes n·10^-scale, rounding a float8 as PostgreSQL does: the seconds and
// the fraction are parted and added again.
func (b *buffer) number(n int64, scale int, exact bool) row.Value {
	if exact {
		return b.keep(appendNumeric(b.start(), n, scale))
	}
	seconds, fraction := float64(n/microsPerSecond), float64(n%microsPerSecond)
	switch scale {
	case 3:
		return b.float8(float64(seconds*1000) + float64(fraction/1000))
	case 6:
		return b.float8(seconds + float64(fraction/microsPerSecond))
	default:
		return b.float8(float64(n))
	}
}

// epoch encodes the seconds of a timestamp since 1970. Where the microseconds need
// more than 64 bits, PostgreSQL divides numerics, and rounds away some digits.
func (b *buffer) epoch(t int64, exact bool) (row.Value, error) {
	fits := t < math.MaxInt64+unixMicros
	switch {
	case !exact && fits:
		return b.float8(float64(t-unixMicros) / microsPerSecond), nil
	case !exact:
		return b.float8((float64(t) - unixMicros) / microsPerSecond), nil
	case fits:
		return b.keep(appendNumeric(b.start(), t-unixMicros, 6)), nil
	}
	d, err := numeric.FromInt64(t).Sub(numeric.FromInt64(unixMicros))
	if err == nil {
		d, err = d.Div(numeric.FromInt64(microsPerSecond))
	}
	if err == nil {
		d, err = d.Round(6)
	}
	if err != nil {
		return nil, rowError(err)
	}
	return b.keep(d.AppendBinary(b.start())), nil
}

// extractInterval builds EXTRACT(epoch FROM interval): a year has 365.25 days, a
// month 30.
func extractInterval(exact bool) builder {
	return func(s *site) (run, error) {
		unit, err := s.unit()
		if err != nil {
			return nil, err
		}
		if unit != "epoch" {
			return nil, notNative("field %q of an interval", unit)
		}
		infinities, err := s.infinities(1)
		if err != nil {
			return nil, err
		}
		return func(b *buffer, args []row.Value) (row.Value, error) {
			i := args[1].Interval()
			if r := infiniteInterval(i); infinities && r != 0 {
				return b.infinity(r, exact), nil
			}
			if exact {
				return intervalSeconds(b, i)
			}
			r := float64(i.Micros) / microsPerSecond
			r += float64(365.25 * secondsPerDay * float64(i.Months/12))
			r += float64(30 * secondsPerDay * float64(i.Months%12))
			r += float64(secondsPerDay * float64(i.Days))
			return b.float8(r), nil
		}, nil
	}
}

// intervalSeconds encodes an interval's seconds, which may need 80 bits.
func intervalSeconds(b *buffer, i row.IntervalParts) (row.Value, error) {
	const perYear = 1461 * secondsPerDay / 4
	seconds := int64(i.Months/12)*perYear + int64(i.Months%12)*30*secondsPerDay + int64(i.Days)*secondsPerDay
	if scaled, err := multiply(seconds, microsPerSecond); err == nil {
		if total, err := add(scaled, i.Micros); err == nil {
			return b.keep(appendNumeric(b.start(), total, 6)), nil
		}
	}
	whole, err := decimal(appendNumeric(nil, seconds, 0))
	if err != nil {
		return nil, err
	}
	fraction, err := decimal(appendNumeric(nil, i.Micros, 6))
	if err != nil {
		return nil, err
	}
	r, err := whole.Add(fraction)
	if err != nil {
		return nil, rowError(err)
	}
	return b.keep(r.AppendBinary(b.start())), nil
}
