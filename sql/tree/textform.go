package tree

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/millrace/millrace/sql/row"
)

func boolText(v row.Value) (string, error) {
	if len(v) != 1 {
		return "", errBytes
	}
	return strconv.FormatBool(v[0] != 0), nil
}

func intText(v row.Value) (string, error) {
	switch len(v) {
	case 2:
		return strconv.Itoa(int(int16(binary.BigEndian.Uint16(v)))), nil
	case 4:
		return strconv.Itoa(int(int32(binary.BigEndian.Uint32(v)))), nil
	case 8:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(v)), 10), nil
	}
	return "", errBytes
}

func oidText(v row.Value) (string, error) {
	if len(v) != 4 {
		return "", errBytes
	}
	return strconv.FormatUint(uint64(binary.BigEndian.Uint32(v)), 10), nil
}

// floatText writes the shortest text that is read back to the same number.
func floatText(v row.Value) (string, error) {
	var f float64
	bits := 8 * len(v)
	switch bits {
	case 32:
		f = float64(math.Float32frombits(binary.BigEndian.Uint32(v)))
	case 64:
		f = math.Float64frombits(binary.BigEndian.Uint64(v))
	default:
		return "", errBytes
	}
	switch {
	case math.IsInf(f, 1):
		return "Infinity", nil
	case math.IsInf(f, -1):
		return "-Infinity", nil
	}
	return strconv.FormatFloat(f, 'g', -1, bits), nil
}

func plainText(v row.Value) (string, error) { return string(v), nil }

func hexText(v row.Value) (string, error) { return hex.EncodeToString(v), nil }

func byteaText(v row.Value) (string, error) { return `\x` + hex.EncodeToString(v), nil }

// jsonbText takes the version off.
func jsonbText(v row.Value) (string, error) {
	if len(v) < 1 || v[0] != 1 {
		return "", errBytes
	}
	return string(v[1:]), nil
}

func inetText(v row.Value) (string, error) {
	if len(v) < 4 || int(v[3]) != len(v)-4 {
		return "", errBytes
	}
	a, ok := netip.AddrFromSlice(v[4:])
	if !ok {
		return "", errBytes
	}
	return fmt.Sprintf("%s/%d", a, v[1]), nil
}

func bitText(v row.Value) (string, error) {
	if len(v) < 4 {
		return "", errBytes
	}
	n := int(binary.BigEndian.Uint32(v))
	if (n+7)/8 != len(v)-4 {
		return "", errBytes
	}
	var b strings.Builder
	for i := range n {
		b.WriteByte('0' + v[4+i/8]>>(7-i%8)&1)
	}
	return b.String(), nil
}

// Microseconds.
const (
	second = 1_000_000
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// dateOf writes a day counted from 2000-01-01 in ISO form, and the era's suffix.
func dateOf(days int64) (date, era string) {
	y, m, d := civil(days)
	if y <= 0 {
		return fmt.Sprintf("%04d-%02d-%02d", 1-y, m, d), " BC"
	}
	return fmt.Sprintf("%04d-%02d-%02d", y, m, d), ""
}

// civil is the Gregorian date of a day counted from 2000-01-01, in astronomical years.
// Years are taken to begin in March, so that the leap day is the last of a year;
// 400 years have 146097 days.
func civil(days int64) (y, m, d int64) {
	days += 730425 // days from 0000-03-01 to 2000-01-01
	era := floorDiv(days, 146097)
	in := days - era*146097
	year := (in - in/1460 + in/36524 - in/146096) / 365
	rest := in - (365*year + year/4 - year/100)
	month := (5*rest + 2) / 153
	d = rest - (153*month+2)/5 + 1
	y = year + era*400
	if m = month + 3; m > 12 {
		m -= 12
		y++
	}
	return y, m, d
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// clock writes a time of day, or more hours.
func clock(micros uint64) string {
	text := fmt.Sprintf("%02d:%02d:%02d", micros/hour, micros/minute%60, micros/second%60)
	if f := micros % second; f != 0 {
		text += fmt.Sprintf(".%06d", f)
	}
	return text
}

func dateText(v row.Value) (string, error) {
	if len(v) != 4 {
		return "", errBytes
	}
	switch n := int32(binary.BigEndian.Uint32(v)); n {
	case math.MaxInt32:
		return "infinity", nil
	case math.MinInt32:
		return "-infinity", nil
	default:
		date, era := dateOf(int64(n))
		return date + era, nil
	}
}

func timeText(v row.Value) (string, error) {
	if len(v) != 8 {
		return "", errBytes
	}
	return clock(binary.BigEndian.Uint64(v)), nil
}

// timetzText writes a time and its zone, which is stored in seconds west.
func timetzText(v row.Value) (string, error) {
	if len(v) != 12 {
		return "", errBytes
	}
	zone, sign := int32(binary.BigEndian.Uint32(v[8:])), '-'
	if zone < 0 {
		zone, sign = -zone, '+'
	}
	return fmt.Sprintf("%s%c%02d:%02d:%02d", clock(binary.BigEndian.Uint64(v)), sign, zone/3600, zone/60%60, zone%60), nil
}

func timestampText(v row.Value) (string, error) { return momentText(v, "") }

// timestamptzText writes the moment in UTC, so that it does not depend on TimeZone.
func timestamptzText(v row.Value) (string, error) { return momentText(v, "+00") }

func momentText(v row.Value, zone string) (string, error) {
	if len(v) != 8 {
		return "", errBytes
	}
	switch n := int64(binary.BigEndian.Uint64(v)); n {
	case math.MaxInt64:
		return "infinity", nil
	case math.MinInt64:
		return "-infinity", nil
	default:
		days := floorDiv(n, day)
		date, era := dateOf(days)
		return date + " " + clock(uint64(n-days*day)) + zone + era, nil
	}
}

// intervalText writes each part with its sign: without, the sign of the first one
// would hold for all under IntervalStyle sql_standard.
func intervalText(v row.Value) (string, error) {
	if len(v) != 16 {
		return "", errBytes
	}
	micros := int64(binary.BigEndian.Uint64(v))
	days, months := int32(binary.BigEndian.Uint32(v[8:])), int32(binary.BigEndian.Uint32(v[12:]))
	switch {
	case micros == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32:
		return "infinity", nil
	case micros == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32:
		return "-infinity", nil
	}
	sign, size := '+', uint64(micros)
	if micros < 0 {
		sign, size = '-', -size
	}
	return fmt.Sprintf("%+d mons %+d days %c%s", months, days, sign, clock(size)), nil
}
