package expr

import (
	"math"
	"math/bits"

	"github.com/millrace/millrace/sql/row"
)

var (
	errAddInfinite      = &RowError{"cannot add infinite interval to time"}
	errSubtractInfinite = &RowError{"cannot subtract infinite interval from time"}
)

// infiniteInterval is -1 or +1 for the two intervals that are infinite from version
// 17 on, and 0 for all others. Before, they were ordinary ones.
func infiniteInterval(i row.IntervalParts) int {
	switch i {
	case row.IntervalParts{Micros: math.MaxInt64, Days: math.MaxInt32, Months: math.MaxInt32}:
		return +1
	case row.IntervalParts{Micros: math.MinInt64, Days: math.MinInt32, Months: math.MinInt32}:
		return -1
	}
	return 0
}

// infinities reports whether the server has infinite intervals, for a call with an
// interval as argument i. A constant that all versions treat alike needs no answer.
func (s *site) infinities(i int) (bool, error) {
	if v, ok := s.constant(i); ok {
		if m := v.Interval().Micros; m > math.MinInt64/2 && m < math.MaxInt64/2 {
			return false, nil
		}
	}
	version, err := s.version()
	return version >= 17, err
}

// compareInterval takes a month for 30 days and a day for 24 hours. The sum needs
// more than 64 bits.
func compareInterval(a, b row.Value) int {
	ah, al := intervalSpan(a.Interval())
	bh, bl := intervalSpan(b.Interval())
	switch {
	case ah != bh:
		return sign(ah, bh)
	case al < bl:
		return -1
	case al > bl:
		return 1
	default:
		return 0
	}
}

// intervalSpan returns the microseconds of an interval as a signed integer of 128
// bits.
func intervalSpan(i row.IntervalParts) (high int64, low uint64) {
	days := int64(i.Months)*30 + int64(i.Days)
	h, l := bits.Mul64(uint64(days), microsPerDay)
	if days < 0 {
		h -= microsPerDay
	}
	low, carry := bits.Add64(l, uint64(i.Micros), 0)
	return int64(h) + i.Micros>>63 + int64(carry), low
}

func canonicalInterval(dst []byte, v row.Value) []byte { return intervalType.AppendKey(dst, v) }

var intervalType = &row.Type{Kind: row.Interval}

// timestampAdd builds timestamp ± interval, also of a date.
func timestampAdd(direction int64) builder {
	return func(s *site) (run, error) {
		infinities, err := s.infinities(1)
		if err != nil {
			return nil, err
		}
		return func(b *buffer, args []row.Value) (row.Value, error) {
			t := integer(args[0])
			if len(args[0]) == 4 {
				var err error
				if t, err = dateTimestamp(t); err != nil {
					return nil, err
				}
			}
			i, err := directed(args[1].Interval(), direction, infinities)
			if err != nil {
				return nil, err
			}
			if t, err = addInterval(t, i, infinities); err != nil {
				return nil, err
			}
			return b.int8(t), nil
		}, nil
	}
}

// directed is the interval, or its negation: before version 17 that of the smallest
// integers is themselves.
func directed(i row.IntervalParts, direction int64, infinities bool) (row.IntervalParts, error) {
	if direction > 0 {
		return i, nil
	}
	if infinities {
		return negateInterval(i, true)
	}
	return row.IntervalParts{Micros: -i.Micros, Days: -i.Days, Months: -i.Months}, nil
}

// addInterval adds months, then days, then microseconds; each sum must be in range.
func addInterval(t int64, i row.IntervalParts, infinities bool) (int64, error) {
	if infinities {
		switch infiniteInterval(i) {
		case +1:
			if t == math.MinInt64 {
				return 0, errTimestampRange
			}
			return math.MaxInt64, nil
		case -1:
			if t == math.MaxInt64 {
				return 0, errTimestampRange
			}
			return math.MinInt64, nil
		}
	}
	if infiniteTimestamp(t) {
		return t, nil
	}
	days := floorDiv(t, microsPerDay)
	micros := t - days*microsPerDay
	var err error
	if i.Months != 0 {
		days = toCivil(days).addMonths(int64(i.Months)).days()
		if t, err = timestampOf(days, micros); err != nil {
			return 0, err
		}
	}
	if i.Days != 0 {
		if t, err = timestampOf(days+int64(i.Days), micros); err != nil {
			return 0, err
		}
	}
	sum := t + i.Micros
	if (sum < t) != (i.Micros < 0) {
		return 0, errTimestampRange
	}
	return checkTimestamp(sum)
}

// timestamptzAdd builds timestamptz ± interval of a constant without months and
// days, which no time zone changes.
func timestamptzAdd(direction int64) builder {
	return func(s *site) (run, error) {
		v, ok := s.constant(1)
		if !ok || v.Interval().Months != 0 || v.Interval().Days != 0 {
			return nil, notNative("timestamptz and an interval that may have months or days")
		}
		return timestampAdd(direction)(s)
	}
}

// timestampSubtract builds the difference of two timestamps, which is in days and
// time. Before version 17 infinite ones failed; before 16, what did not fit wrapped
// around.
func timestampSubtract(s *site) (run, error) {
	version, err := s.version()
	if err != nil {
		return nil, err
	}
	return func(b *buffer, args []row.Value) (row.Value, error) {
		x, y := integer(args[0]), integer(args[1])
		if infiniteTimestamp(x) || infiniteTimestamp(y) {
			if version < 17 {
				return nil, errInfiniteTimestamp
			}
			return infiniteDifference(b, x, y)
		}
		d := x - y
		if version >= 16 && (d < x) != (y > 0) {
			return nil, errIntervalRange
		}
		return b.interval(row.IntervalParts{Micros: d % microsPerDay, Days: int32(d / microsPerDay)}), nil
	}, nil
}

// infiniteDifference is the difference of timestamps of which one is infinite.
func infiniteDifference(b *buffer, x, y int64) (row.Value, error) {
	up, down := x == math.MaxInt64 || y == math.MinInt64, x == math.MinInt64 || y == math.MaxInt64
	switch {
	case up && down:
		return nil, errIntervalRange
	case up:
		return b.interval(row.IntervalParts{Micros: math.MaxInt64, Days: math.MaxInt32, Months: math.MaxInt32}), nil
	default:
		return b.interval(row.IntervalParts{Micros: math.MinInt64, Days: math.MinInt32, Months: math.MinInt32}), nil
	}
}

// intervalAdd builds interval ± interval, part by part.
func intervalAdd(direction int) builder {
	return func(s *site) (run, error) {
		version, err := s.version()
		if err != nil {
			return nil, err
		}
		return func(b *buffer, args []row.Value) (row.Value, error) {
			x, y := args[0].Interval(), args[1].Interval()
			xi, yi := infiniteInterval(x), direction*infiniteInterval(y)
			switch {
			case version < 17 || xi == 0 && yi == 0:
			case xi == -yi:
				return nil, errIntervalRange
			case xi != 0:
				return args[0], nil
			case direction > 0:
				return args[1], nil
			default:
				r, err := negateInterval(y, true)
				return b.interval(r), err
			}
			r, err := sumIntervals(x, y, direction)
			if err != nil || version >= 17 && infiniteInterval(r) != 0 {
				return nil, errIntervalRange
			}
			return b.interval(r), nil
		}, nil
	}
}

// sumIntervals adds, or subtracts, the parts.
func sumIntervals(x, y row.IntervalParts, direction int) (row.IntervalParts, error) {
	op := add
	if direction < 0 {
		op = subtract
	}
	months, _ := op(int64(x.Months), int64(y.Months)) // 64 bits hold them
	days, _ := op(int64(x.Days), int64(y.Days))
	micros, err := op(x.Micros, y.Micros)
	if err != nil || months != int64(int32(months)) || days != int64(int32(days)) {
		return row.IntervalParts{}, errIntervalRange
	}
	return row.IntervalParts{Micros: micros, Days: int32(days), Months: int32(months)}, nil
}

// negateInterval is -interval. An infinite one has the other as its negative.
func negateInterval(i row.IntervalParts, infinities bool) (row.IntervalParts, error) {
	if infinities {
		switch infiniteInterval(i) {
		case +1:
			return row.IntervalParts{Micros: math.MinInt64, Days: math.MinInt32, Months: math.MinInt32}, nil
		case -1:
			return row.IntervalParts{Micros: math.MaxInt64, Days: math.MaxInt32, Months: math.MaxInt32}, nil
		}
	}
	r, err := sumIntervals(row.IntervalParts{}, i, -1)
	if err != nil || infinities && infiniteInterval(r) != 0 {
		return r, errIntervalRange
	}
	return r, nil
}

func intervalNegate(s *site) (run, error) {
	infinities, err := s.infinities(0)
	if err != nil {
		return nil, err
	}
	return func(b *buffer, args []row.Value) (row.Value, error) {
		r, err := negateInterval(args[0].Interval(), infinities)
		if err != nil {
			return nil, err
		}
		return b.interval(r), nil
	}, nil
}
