package expr

import (
	"math"

	"github.com/millrace/millrace/sql/row"
)

// compareTimetz compares instants in UTC, and equal ones by their zones.
func compareTimetz(a, b row.Value) int {
	at, aw := a.Timetz()
	bt, bw := b.Timetz()
	if r := sign(at+int64(aw)*microsPerSecond, bt+int64(bw)*microsPerSecond); r != 0 {
		return r
	}
	return sign(int64(aw), int64(bw))
}

// dateAdd is date ± integer.
func dateAdd(direction int64) run {
	return func(b *buffer, args []row.Value) (row.Value, error) {
		d, n := integer(args[0]), integer(args[1])
		if infiniteDate(d) {
			return args[0], nil
		}
		r := d + direction*n
		if r < minDate || r >= endDate {
			return nil, errDateRange
		}
		return b.int4(int32(r)), nil
	}
}

func dateSubtract(b *buffer, args []row.Value) (row.Value, error) {
	x, y := integer(args[0]), integer(args[1])
	if infiniteDate(x) || infiniteDate(y) {
		return nil, errInfiniteDates
	}
	return b.int4(int32(x - y)), nil
}

func dateToTimestamp(b *buffer, args []row.Value) (row.Value, error) {
	t, err := dateTimestamp(integer(args[0]))
	if err != nil {
		return nil, err
	}
	return b.int8(t), nil
}

func timestampToDate(b *buffer, args []row.Value) (row.Value, error) {
	switch t := integer(args[0]); t {
	case math.MinInt64:
		return b.int4(math.MinInt32), nil
	case math.MaxInt64:
		return b.int4(math.MaxInt32), nil
	default:
		return b.int4(int32(floorDiv(t, microsPerDay))), nil
	}
}

func timestampToTime(b *buffer, args []row.Value) (row.Value, error) {
	t := integer(args[0])
	if infiniteTimestamp(t) {
		return nil, nil
	}
	return b.int8(t - floorDiv(t, microsPerDay)*microsPerDay), nil
}

// dateTime is date + time.
func dateTime(b *buffer, args []row.Value) (row.Value, error) {
	t, err := dateTimestamp(integer(args[0]))
	if err == nil && !infiniteTimestamp(t) {
		t, err = checkTimestamp(t + integer(args[1]))
	}
	if err != nil {
		return nil, err
	}
	return b.int8(t), nil
}

// finite reports whether a date, timestamp or timestamptz is no infinity.
func finite(_ *buffer, args []row.Value) (row.Value, error) {
	if t := integer(args[0]); len(args[0]) == 4 {
		return boolValue(!infiniteDate(t)), nil
	} else {
		return boolValue(!infiniteTimestamp(t)), nil
	}
}

func timeSubtract(b *buffer, args []row.Value) (row.Value, error) {
	return b.interval(row.IntervalParts{Micros: integer(args[0]) - integer(args[1])}), nil
}

// timeAdd builds time ± interval: months and days do not count, and midnight is
// passed over.
func timeAdd(direction int64, infinite *RowError) builder {
	return func(s *site) (run, error) {
		infinities, err := s.infinities(1)
		if err != nil {
			return nil, err
		}
		return func(b *buffer, args []row.Value) (row.Value, error) {
			i := args[1].Interval()
			if infinities && infiniteInterval(i) != 0 {
				return nil, infinite
			}
			t := (integer(args[0]) + direction*i.Micros) % microsPerDay // may wrap around, as there
			if t < 0 {
				t += microsPerDay
			}
			return b.int8(t), nil
		}, nil
	}
}

// fractionDigits builds the casts to timestamp(p), timestamptz(p) and time(p): they
// round half away from 2000-01-01, or from midnight.
func fractionDigits(s *site) (run, error) {
	v, ok := s.constant(1)
	if !ok || integer(v) < 0 || integer(v) > 6 {
		return nil, notNative("number of digits of seconds that is not a constant between 0 and 6")
	}
	unit := int64(1)
	for range 6 - integer(v) {
		unit *= 10
	}
	return func(b *buffer, args []row.Value) (row.Value, error) {
		t := integer(args[0])
		switch {
		case unit == 1 || len(args[0]) == 8 && infiniteTimestamp(t):
			return args[0], nil
		case t >= 0:
			return b.int8((t + unit/2) / unit * unit), nil
		default:
			return b.int8(-((-t + unit/2) / unit * unit)), nil
		}
	}, nil
}

// timeFunctions is functions of dates and times that do not depend on the session's
// time zone or styles.
var timeFunctions = []function{
	{oid: 1141, signature: "date_pli(date,int4)", run: dateAdd(+1)},
	{oid: 1142, signature: "date_mii(date,int4)", run: dateAdd(-1)},
	{oid: 2550, signature: "integer_pl_date(int4,date)", run: dateAdd(+1), swap: true},
	{oid: 1140, signature: "date_mi(date,date)", run: dateSubtract},
	{oid: 2024, signature: "timestamp(date)", run: dateToTimestamp},
	{oid: 2029, signature: "date(timestamp)", run: timestampToDate},
	{oid: 1316, signature: "time(timestamp)", run: timestampToTime},
	{oid: 1272, signature: "datetime_pl(date,time)", run: dateTime},
	{oid: 2025, signature: "timestamp(date,time)", run: dateTime},
	{oid: 1296, signature: "timedate_pl(time,date)", run: dateTime, swap: true},
	{oid: 1373, signature: "isfinite(date)", run: finite},
	{oid: 2048, signature: "isfinite(timestamp)", run: finite},
	{oid: 1389, signature: "isfinite(timestamptz)", run: finite},
	{oid: 1690, signature: "time_mi_time(time,time)", run: timeSubtract},
	{oid: 1747, signature: "time_pl_interval(time,interval)", build: timeAdd(+1, errAddInfinite)},
	{oid: 1748, signature: "time_mi_interval(time,interval)", build: timeAdd(-1, errSubtractInfinite)},
	{oid: 1961, signature: "timestamp(timestamp,int4)", build: fractionDigits},
	{oid: 1967, signature: "timestamptz(timestamptz,int4)", build: fractionDigits},
	{oid: 1968, signature: "time(time,int4)", build: fractionDigits},
	{oid: 2031, signature: "timestamp_mi(timestamp,timestamp)", build: timestampSubtract},
	{oid: 1188, signature: "timestamptz_mi(timestamptz,timestamptz)", build: timestampSubtract},
	{oid: 2032, signature: "timestamp_pl_interval(timestamp,interval)", build: timestampAdd(+1)},
	{oid: 2033, signature: "timestamp_mi_interval(timestamp,interval)", build: timestampAdd(-1)},
	{oid: 2071, signature: "date_pl_interval(date,interval)", build: timestampAdd(+1)},
	{oid: 2072, signature: "date_mi_interval(date,interval)", build: timestampAdd(-1)},
	{oid: 2548, signature: "interval_pl_timestamp(interval,timestamp)", build: timestampAdd(+1), swap: true},
	{oid: 2546, signature: "interval_pl_date(interval,date)", build: timestampAdd(+1), swap: true},
	{oid: 1189, signature: "timestamptz_pl_interval(timestamptz,interval)", build: timestamptzAdd(+1)},
	{oid: 1190, signature: "timestamptz_mi_interval(timestamptz,interval)", build: timestamptzAdd(-1)},
	{oid: 1169, signature: "interval_pl(interval,interval)", build: intervalAdd(+1)},
	{oid: 1170, signature: "interval_mi(interval,interval)", build: intervalAdd(-1)},
	{oid: 1168, signature: "interval_um(interval)", build: intervalNegate},
	{oid: 6202, signature: "extract(text,timestamp)", build: extract(timestampPart, true)},
	{oid: 6203, signature: "extract(text,timestamptz)", build: extract(epochPart, true)},
	{oid: 6199, signature: "extract(text,date)", build: extract(datePart, true)},
	{oid: 6204, signature: "extract(text,interval)", build: extractInterval(true)},
	{oid: 1384, signature: "date_part(text,date)", build: extract(timestampPart, false)},
	{oid: 2021, signature: "date_part(text,timestamp)", build: extract(timestampPart, false)},
	{oid: 1171, signature: "date_part(text,timestamptz)", build: extract(epochPart, false)},
	{oid: 1172, signature: "date_part(text,interval)", build: extractInterval(false)},
	{oid: 2020, signature: "date_trunc(text,timestamp)", build: truncateTimestamp},
}
