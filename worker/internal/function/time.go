package function

import (
	"fmt"
	"math"
	"time"
)

// epoch is PostgreSQL's: its timestamps are microseconds since then.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// timestamp returns the moment of a value, as a local time without zone.
func timestamp(micros int64) time.Time {
	days := micros / (24 * 3600 * 1e6)
	return epoch.AddDate(0, 0, int(days)).Add(time.Duration(micros%(24*3600*1e6)) * time.Microsecond)
}

// micros is the inverse of timestamp.
func micros(t time.Time) int64 {
	return (t.Unix()-epoch.Unix())*1e6 + int64(t.Nanosecond()/1000)
}

// formatTimestamp writes a value so that PostgreSQL reads it under any DateStyle.
func formatTimestamp(v int64) string {
	switch v {
	case math.MaxInt64:
		return "infinity"
	case math.MinInt64:
		return "-infinity"
	}
	t := timestamp(v)
	if t.Year() <= 0 { // 1 BC is year 0 there
		return fmt.Sprintf("%04d%s BC", 1-t.Year(), t.Format("-01-02 15:04:05.999999"))
	}
	return t.Format("2006-01-02 15:04:05.999999")
}
