package expr

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// nasty is values of each type at which functions change their ways.
var nasty = map[string][]string{
	"bool":    {"true", "false"},
	"int2":    {"0", "1", "-1", "2", "7", "-7", "32767", "-32768", "-32767", "181", "182"},
	"int4":    {"0", "1", "-1", "2", "3", "7", "-7", "2147483647", "-2147483648", "-2147483647", "46340", "46341", "65536"},
	"int8":    {"0", "1", "-1", "2", "7", "-7", "9223372036854775807", "-9223372036854775808", "-9223372036854775807", "3037000499", "3037000500", "4294967296", "2147483647", "-2147483648"},
	"float4":  {"0", "-0", "1", "-1", "0.1", "0.5", "1.5", "2.5", "-0.5", "32767.4", "32767.5", "-32768.5", "2147483520", "-2147483648", "9.2233715e18", "3.4028235e38", "-3.4028235e38", "1e-45", "1.1754944e-38", "1e-20", "NaN", "Infinity", "-Infinity"},
	"float8":  {"0", "-0", "1", "-1", "0.1", "0.5", "1.5", "2.5", "-0.5", "0.49999999999999994", "2147483647.4", "2147483647.5", "-2147483648.5", "-2147483648.6", "32767.5", "-32768.5", "9223372036854774784", "9223372036854775808", "-9223372036854775808", "1.7976931348623157e308", "-1.7976931348623157e308", "4.9e-324", "1e-160", "1e200", "3.4028236e38", "1e-46", "NaN", "Infinity", "-Infinity"},
	"numeric": {"0", "0.00", "1", "1.00", "-1", "0.5", "1.5", "2.5", "-0.5", "0.1", "0.0001", "0.00001", "9999.9999", "10000", "99999999", "12345678901234567890.123456789", "-12345678901234567890.123456789", "32767.5", "2147483647.5", "9223372036854775807.4", "9223372036854775807.5", "-9223372036854775808.5", "1e131071", "1e-100", "1e400", "3", "7.0", "NaN", "Infinity", "-Infinity"},
	"money":   {"0", "1.00", "-1.00", "92233720368547758.07", "-92233720368547758.08"},
	"text":    {"", "a", "A", "ab", "aB", "b", " a ", "  ", "a%b", "a_b", "äöü", "日本語", "a,b,,c", "zzzzzz", "aaaa", "𝄞x", "é", "%", "\\"},
	"bpchar":  {"", "a", "a  ", "ab", "  ", "ä ", "a%b", "日本語   "},
	"name":    {"", "a", "ab", "ä", "zz"},
	`"char"`:  {"", "a", "b", "Z"},
	"bytea":   {`\x`, `\x00`, `\x01`, `\xff`, `\x0001`, `\xff00`},
	"oid":     {"0", "1", "2147483648", "4294967295"},
	"uuid":    {"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "01234567-89ab-cdef-0123-456789abcdef"},
	"mood":    {"sad", "ok", "happy", "angry"},
	"date": {"2000-01-01", "1999-12-31", "2000-02-29", "1900-02-28", "2024-02-29", "2023-12-31", "1970-01-01", "0001-01-01", "0001-12-31 BC", "0004-02-29", "0100-12-31",
		"4714-11-24 BC", "5874897-12-31", "294276-12-31", "294277-01-01", "2020-12-28", "2021-01-03", "2021-01-04", "1000-12-31", "1001-01-01", "infinity", "-infinity"},
	"time":   {"00:00", "12:34:56.789012", "23:59:59.999999", "24:00", "00:00:00.000001", "23:59:59.5"},
	"timetz": {"00:00+00", "12:34:56.789012-05:30", "17:34:56.789012-00:30", "24:00+15", "23:59:59.999999-15", "12:00+01", "13:00+02"},
	"timestamp": {"2000-01-01", "1999-12-31 23:59:59.999999", "2000-02-29 12:34:56.789012", "1900-02-28 01:00", "2024-01-31 23:59:59.9999995", "2023-12-31 00:00:00.5", "1970-01-01", "0001-01-01", "0001-12-31 23:00 BC", "0044-03-15 BC",
		"4714-11-24 BC", "4714-11-24 00:00:00.000001 BC", "294276-12-31 23:59:59.999999", "294247-01-10 04:00:54.775807", "2021-01-03 12:00:00.000001", "1000-12-31", "1001-01-01", "1969-12-31 23:59:58.25", "infinity", "-infinity"},
	"interval": {"0", "1 day", "-1 day", "1 month", "-1 month", "30 days", "24 hours", "720 hours", "1 year 2 months -3 days 04:05:06.789", "-00:00:00.000001", "00:00:00.000001", "23:59:59.999999", "13 months",
		"-11 months", "178000000 years", "-178000000 years", "2147483647 days", "-2147483648 days", "2000000000 hours", "-2147483647 hours", "1 month -30 days 1 microsecond"},
}

func init() {
	nasty["timestamptz"] = nasty["timestamp"]
	nasty[`text COLLATE "C"`] = nasty["text"]
	nasty["small"] = nasty["int4"]
	nasty["int4[]"] = []string{"{}", "{1}", "{1,2,NULL}", "{{7,-7},{0,1}}", "[0:1]={3,4}", "{NULL}"}
	nasty["varchar"] = []string{"", "a", "1", "-1", " 42 ", "+7\t", "2147483647", "2147483648", "-2147483648", "-2147483649", "99999999999x", "2147483648x", "2147483649x", "0x1F", "0X", "1_000", "_1", "1_", "1__0",
		"0b101", "0o17", "0o8", "0x_1", "0b", "-0x80000000", "0x80000000", "4294967296", "1.5", "--1", "+", "12 3", "t", "TRUE", " tru ", "f", "no", "N", "o", "on", "of", "off", "offf", "y", "yes", "0", "truee", "é"}
}

// values returns the nasty values of a type and some random ones.
func values(r *rand.Rand, typ string, random int) []string {
	list := append([]string{}, nasty[typ]...)
	for range random {
		if v := randomValue(r, typ); v != "" {
			list = append(list, v)
		}
	}
	return list
}

func randomValue(r *rand.Rand, typ string) string {
	shift := r.IntN(63)
	typ, _, _ = strings.Cut(typ, " ")
	switch typ {
	case "int2":
		return fmt.Sprint(int16(r.Uint64()) >> (shift % 15))
	case "int4":
		return fmt.Sprint(int32(r.Uint64()) >> (shift % 31))
	case "int8":
		return fmt.Sprint(int64(r.Uint64()) >> shift)
	case "float4":
		return fmt.Sprint(math.Float32frombits(r.Uint32()))
	case "float8":
		return fmt.Sprint(math.Float64frombits(r.Uint64()))
	case "numeric":
		return fmt.Sprintf("%de-%d", int64(r.Uint64())>>shift, r.IntN(25))
	case "text":
		letters := []rune("aab %_ä日")
		var b strings.Builder
		for range r.IntN(8) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		return b.String()
	case "date":
		return fmt.Sprintf("%04d-%02d-%02d", 1+r.IntN(4000), 1+r.IntN(12), 1+r.IntN(28))
	case "time":
		return fmt.Sprintf("%02d:%02d:%02d.%06d", r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e6))
	case "timestamp", "timestamptz":
		return randomValue(r, "date") + " " + randomValue(r, "time")
	case "interval":
		clock := time.Duration(int64(r.Uint64()) >> shift).Round(time.Microsecond)
		return fmt.Sprintf("%d months %d days %d seconds %d microseconds", r.IntN(2000)-1000, r.IntN(20000)-10000, int32(clock/time.Second), clock%time.Second/1000)
	}
	return ""
}

// quoted makes an array literal of strings for SQL.
func quoted(values []string) string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
	}
	return "array[" + strings.Join(list, ", ") + "]::text[]"
}

// product is a query of all combinations of values of some types, with NULLs.
func product(r *rand.Rand, types []string, random int, version int) string {
	var columns, from []string
	for i, typ := range types {
		list := values(r, typ, random)
		if typ == "interval" && version >= 15 { // 14 does not read them
			list = append(list, "2562047788:00:54.775807", "-2562047788:00:54.775807")
		}
		if typ == "interval" && version >= 17 {
			list = append(list, "infinity", "-infinity")
		}
		if len(types) == 3 && len(list) > 10 {
			list = list[:10]
		}
		cast, _, _ := strings.Cut(typ, " COLLATE")
		if typ == "money" {
			cast = "numeric::money"
		}
		columns = append(columns, fmt.Sprintf("u%d::%s", i, cast))
		from = append(from, fmt.Sprintf("unnest(%s || NULL::text) u%d", quoted(list), i))
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + strings.Join(from, ", ")
}
