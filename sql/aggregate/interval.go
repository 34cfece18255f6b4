package aggregate

import (
	"math"

	"github.com/millrace/millrace/sql/numeric"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// The infinite intervals, since version 17.
var (
	plusInterval  = row.IntervalParts{Micros: math.MaxInt64, Days: math.MaxInt32, Months: math.MaxInt32}
	minusInterval = row.IntervalParts{Micros: math.MinInt64, Days: math.MinInt32, Months: math.MinInt32}
)

// intervals is sum and avg over intervals. The fields are summed on their own: a
// month is no number of days.
type intervals struct {
	months, days, micros numeric.Int
	n                    int64 // all, the infinite ones too
	plus, minus          int64
	average              bool
}

func (a *intervals) Add(args []row.Value, w int64) {
	if hasNull(args) {
		return
	}
	a.n += w
	switch i := args[0].Interval(); i {
	case plusInterval:
		a.plus += w
	case minusInterval:
		a.minus += w
	default:
		a.months.AddMul(int64(i.Months), w)
		a.days.AddMul(int64(i.Days), w)
		a.micros.AddMul(i.Micros, w)
	}
}

func (a *intervals) Result() (row.Value, error) {
	switch {
	case a.n == 0:
		return nil, nil
	case a.plus > 0 && a.minus > 0:
		return nil, ErrIntervalRange
	case a.plus > 0:
		return row.IntervalValue(plusInterval), nil
	case a.minus > 0:
		return row.IntervalValue(minusInterval), nil
	}
	months, ok1 := a.months.Int64()
	days, ok2 := a.days.Int64()
	micros, ok3 := a.micros.Int64()
	if !ok1 || !ok2 || !ok3 || months != int64(int32(months)) || days != int64(int32(days)) {
		return nil, ErrIntervalRange
	}
	sum := row.IntervalParts{Micros: micros, Days: int32(days), Months: int32(months)}
	if sum == plusInterval || sum == minusInterval {
		return nil, ErrIntervalRange
	}
	if !a.average {
		return row.IntervalValue(sum), nil
	}
	return divided(sum, float64(a.n))
}

// divided returns i/n as PostgreSQL's interval / float8 does, in the same steps:
// months give what is left to days at 30 each, days to seconds, and what is left is
// rounded to microseconds twice on the way.
func divided(i row.IntervalParts, n float64) (row.Value, error) {
	const secondsPerDay = 86400
	months, days := float64(i.Months)/n, float64(i.Days)/n
	r := row.IntervalParts{Months: int32(months), Days: int32(days)}
	// Each product is rounded before it is added to: no fused operations.
	restDays := roundMicros(float64((months - float64(r.Months)) * 30))
	seconds := roundMicros(float64((days - float64(r.Days) + restDays - math.Trunc(restDays)) * secondsPerDay))
	if math.Abs(seconds) >= secondsPerDay {
		whole := math.Trunc(seconds / secondsPerDay)
		r.Days += int32(whole)
		seconds -= float64(whole * secondsPerDay)
	}
	r.Days += int32(restDays)
	micros := math.RoundToEven(float64(i.Micros)/n + float64(seconds*1e6))
	if !(micros >= -1<<63 && micros < 1<<63) {
		return nil, ErrIntervalRange
	}
	r.Micros = int64(micros)
	return row.IntervalValue(r), nil
}

// roundMicros rounds seconds, or days, to six digits.
func roundMicros(x float64) float64 { return math.RoundToEven(float64(x*1e6)) / 1e6 }

func (a *intervals) Save(w *zset.Writer) {
	w.Varint(a.n)
	w.Varint(a.plus)
	w.Varint(a.minus)
	w.Bytes(a.micros.Append(a.days.Append(a.months.Append(nil))))
}

func (a *intervals) Load(r *zset.Reader) error {
	a.n, a.plus, a.minus = r.Varint(), r.Varint(), r.Varint()
	return load(r, func(b []byte) ([]byte, error) {
		var err error
		for _, field := range []*numeric.Int{&a.months, &a.days, &a.micros} {
			if b, err = field.Consume(b); err != nil {
				return nil, err
			}
		}
		return b, nil
	})
}

func (a *intervals) Bytes() int64 { return 104 + a.months.Bytes() + a.days.Bytes() + a.micros.Bytes() }
