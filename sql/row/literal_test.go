package row_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/millrace/millrace/sql/row"
)

// sample is a type and values of it to compare, as literals.
type sample struct {
	name     string // of the type, as SQL
	typ      row.Type
	literals []string
	random   func(g *rand.Rand) string // nil: only the literals
	unorder  bool                      // known not to be Ordered
	since    int                       // major version, 0 for all
}

func choice(of ...string) func(*rand.Rand) string {
	return func(g *rand.Rand) string { return of[g.IntN(len(of))] }
}

// joined is a random literal of 0 to 4 parts.
func joined(open, close string, part func(*rand.Rand) string) func(*rand.Rand) string {
	return func(g *rand.Rand) string {
		parts := make([]string, g.IntN(5))
		for i := range parts {
			parts[i] = part(g)
		}
		return open + strings.Join(parts, ",") + close
	}
}

func numeric(g *rand.Rand) string {
	s := fmt.Sprintf("%d.%0*d", g.IntN(3)*g.IntN(20001), g.IntN(6), g.IntN(2)*10)
	return []string{"-", ""}[g.IntN(2)] + s + []string{"", "e5", "e-7", "e40", "e-40"}[g.IntN(5)]
}

func interval(g *rand.Rand) string {
	return fmt.Sprintf("%d mon %d days %d hours %d us", g.IntN(5)-2, g.IntN(121)-60, 24*(g.IntN(121)-60), g.IntN(3)-1)
}

var (
	text  = choice("", "a", "b", "ab", "A", "é", "e", "z", "ab ", "a b", " ", "a\x01", "a~", "日本", "Z", "_")
	small = choice("1", "2", "-1", "3", "10", "7")
)

var (
	textC   = row.Type{Kind: row.Text, ByteOrder: true}
	int4    = row.Type{Kind: row.Int4}
	decimal = row.Type{Kind: row.Numeric}
	mood    = row.Type{Kind: row.Enum, Labels: []string{"sad", "ok", "happy", "A"}}
)

var samples = []sample{
	{name: "bool", typ: row.Type{Kind: row.Bool}, literals: []string{"t", "f"}},
	{name: "int2", typ: row.Type{Kind: row.Int2}, literals: []string{"0", "-1", "1", "32767", "-32768", "256"}},
	{name: "int4", typ: int4, literals: []string{"0", "-1", "1", "2147483647", "-2147483648", "65536"}},
	{name: "int8", typ: row.Type{Kind: row.Int8}, literals: []string{"0", "-1", "1", "9223372036854775807", "-9223372036854775808"}},
	{name: "oid", typ: row.Type{Kind: row.OID}, literals: []string{"0", "1", "4294967295", "2147483648"}},
	{name: "regclass", typ: row.Type{Kind: row.OID}, literals: []string{"pg_class", "pg_proc", "4294967295"}},
	{name: "float4", typ: row.Type{Kind: row.Float4}, literals: []string{"0", "-0", "NaN", "Infinity", "-Infinity", "1e-45", "-1e-45", "3.4e38", "1", "-1", "1.5"}},
	{name: "float8", typ: row.Type{Kind: row.Float8}, literals: []string{"0", "-0", "NaN", "Infinity", "-Infinity", "5e-324", "-5e-324", "1.7e308", "-1.7e308", "1", "-1", "1.5"}},
	{name: "numeric", typ: decimal, literals: []string{"0", "-0", "0.000", "1", "1.0", "1.00", "-1", "-1.0", "NaN", "Infinity", "-Infinity", "10000", "10000.0000",
		"9999", "100000000", "0.0001", "0.00001", "1e1000", "-1e1000", "1e-1000", "1e131071", "0.1", "0.10", "-0.10", "-0.1001", "-0.1"}, random: numeric},
	{name: "money", typ: row.Type{Kind: row.Money}, literals: []string{"0", "-1.01", "1.00", "92233720368547758.07", "-92233720368547758.08"}},
	{name: `text COLLATE "C"`, typ: textC, literals: nil, random: text},
	{name: `text COLLATE "default"`, typ: row.Type{Kind: row.Text}, random: text, unorder: true},
	{name: `varchar(3) COLLATE "C"`, typ: textC, random: choice("", "a", "ab", "ab ", "é")},
	{name: `char(4) COLLATE "C"`, typ: row.Type{Kind: row.Bpchar, ByteOrder: true}, literals: []string{"", " ", "a", "a ", "a\x01", "ab", "a\t", "a b", "aé"}, random: text},
	{name: `bpchar COLLATE "C"`, typ: row.Type{Kind: row.Bpchar, ByteOrder: true}, literals: []string{"", " ", "a", "a  ", "a\x01", "ab", " a", "a b   "}},
	{name: "name", typ: row.Type{Kind: row.Name, ByteOrder: true}, random: text},
	{name: `"char"`, typ: row.Type{Kind: row.Char}, literals: []string{"", "a", "Z", `\200`, `\377`, "é"}},
	{name: "bytea", typ: row.Type{Kind: row.Bytea}, literals: []string{``, `\x00`, `\x0000`, `\x00ff`, `\x01`, `\xff`, `\xff00`, `\xff0000`, `\xffff`, `\x0001`, `\x00ff00`}},
	{name: "date", typ: row.Type{Kind: row.Date}, literals: []string{"infinity", "-infinity", "2000-01-01", "1999-12-31", "4713-01-01 BC", "5874897-12-31"}},
	{name: "time", typ: row.Type{Kind: row.Time}, literals: []string{"00:00", "24:00", "12:34:56.789", "23:59:59.999999"}},
	{name: "timetz", typ: row.Type{Kind: row.Timetz}, literals: []string{"00:00+00", "01:00+01", "00:00-15:59:59", "24:00+15:59:59", "12:00+02", "12:00+02:00:01", "10:00+00", "24:00+00", "00:00-01"}},
	{name: "timestamp", typ: row.Type{Kind: row.Timestamp}, literals: []string{"infinity", "-infinity", "2000-01-01", "1999-12-31 23:59:59.999999", "4714-11-24 BC", "294276-12-31 23:59:59.999999"}},
	{name: "timestamptz", typ: row.Type{Kind: row.Timestamptz}, literals: []string{"infinity", "-infinity", "2000-01-01", "2000-01-01 00:00+02", "1999-12-31 22:00Z"}},
	{name: "interval", typ: row.Type{Kind: row.Interval}, literals: []string{"0", "1 mon", "30 days", "720 hours", "29 days 24 hours", "1 mon -30 days", "-1 mon", "1 us", "-1 us", "1 day -1 us",
		"178000000 years", "-178000000 years", "178000000 years 2147483647 days", "-178000000 years -2147483648 days", "106751991 days"}, random: interval},
	{name: "interval", typ: row.Type{Kind: row.Interval}, literals: []string{"178000000 years 2147483647 days 2562047788 hours", "-178000000 years -2147483648 days -2562047788 hours",
		"2562047788 hours", "-2562047788 hours", "178000000 years", "-178000000 years", "-1 us", "0"}, since: 15},
	{name: "interval", typ: row.Type{Kind: row.Interval}, literals: []string{"infinity", "-infinity", "0", "178000000 years 2147483647 days 2562047788 hours"}, since: 17},
	{name: "uuid", typ: row.Type{Kind: row.UUID}, literals: []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "80000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"}},
	{name: "mood", typ: mood, literals: []string{"happy", "sad", "A", "ok"}},
	{name: "jsonb", typ: row.Type{Kind: row.JSONB}, literals: []string{"1", "1.0", "1.00", "100", "1e2", "-0", "0", "0.0", "-0.0", "[1]", "[1.0]", `"1"`, `"1.0"`, `{"a":1,"b":2.0}`, `{"b":2,"a":1.000}`,
		`{"a":1,"a":1,"b":2}`, "[]", "{}", "null", "true", `"a\"1.0"`, `"a\"1"`, `"\\"`, `["\\",1.0]`, `["\\",1]`, `"é1.0"`, `{"1.0":1}`, `{"1":1}`, "1e-3", "0.001", "0.0010", "-12.50", "-12.5", `[1.10,[2.0]]`, `[1.1,[2]]`, "1e30", "1.0e30"}, unorder: true},
	{name: "inet", typ: row.Type{Kind: row.Inet}, literals: []string{"10.0.0.0/8", "10.0.0.1/8", "10.0.0.0", "10.1.0.0/16", "10.0.0.0/16", "9.255.255.255", "0.0.0.0/0", "255.255.255.255/0", "10.0.0.1/7", "::/0", "::1", "fe80::1/64",
		"fe80::2/64", "fe80::1/65", "fe80::/10", "::ffff:10.0.0.0", "11.0.0.0/9", "11.128.0.0/9", "11.0.0.0/8", "11.128.0.0/8"}},
	{name: "cidr", typ: row.Type{Kind: row.Inet}, literals: []string{"10.0.0.0/8", "10.0.0.0/9", "10.0.0.0/32", "0.0.0.0/0", "::/0", "2001:db8::/32"}},
	{name: "macaddr", typ: row.Type{Kind: row.Macaddr}, literals: []string{"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "08:00:2b:01:02:03", "80:00:00:00:00:00"}},
	{name: "macaddr8", typ: row.Type{Kind: row.Macaddr}, literals: []string{"00:00:00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff:ff:ff", "08:00:2b:01:02:03:04:05"}},
	{name: "varbit", typ: row.Type{Kind: row.Bit}, literals: []string{"", "0", "1", "00", "10", "100000000", "000000000", "11111111", "111111110", "0000000000000000", "00000001"}},
	{name: "int4[]", typ: row.Type{Kind: row.Array, Elem: &int4}, literals: []string{"{}", "{1}", "{1,2}", "{NULL}", "{1,NULL}", "{{1,2}}", "{{1},{2}}", "[2:3]={1,2}", "[-5:-4]={1,2}", "{1,2,3,4}", "{{1,2},{3,4}}",
		"{{1,2,3,4}}", "{{{1,2},{3,4}}}", "[0:1][0:1]={{1,2},{3,4}}", "{{1},{2},{3},{4}}"}, random: joined("{", "}", small)},
	{name: `text[] COLLATE "C"`, typ: row.Type{Kind: row.Array, Elem: &textC}, literals: []string{"{}", `{""}`, "{a}", "{a,b}", "{ab}", "{NULL}", `{"NULL"}`, `{a,NULL}`, `{a,""}`}},
	{name: "numeric[]", typ: row.Type{Kind: row.Array, Elem: &decimal}, literals: []string{"{1.0,2}", "{1,2.00}", "{NaN}", "{1.0,NULL}", "{1,NULL}"}, random: joined("{", "}", numeric)},
	{name: "oidvector", typ: row.Type{OID: 30, Kind: row.Array, Elem: &row.Type{Kind: row.OID}}, literals: []string{"", "1", "1 2", "2", "0 0 0"}, unorder: true},
	{name: "pair", typ: row.Type{Kind: row.Composite, Fields: []*row.Type{&decimal, &textC}}, literals: []string{"(,)", "(1,)", "(1.0,)", "(,a)", "(1,a)", "(1.00,a)", "(1,b)", "(2,a)", `(1,"")`}},
	{name: "pair[]", typ: row.Type{Kind: row.Array, Elem: &row.Type{Kind: row.Composite, Fields: []*row.Type{&decimal, &textC}}}, literals: []string{"{}", `{"(1,a)"}`, `{"(1.0,a)"}`, `{NULL}`, `{"(,)"}`, `{"(1,a)","(1,a)"}`}},
	{name: "int4range", typ: row.Type{OID: 3904, Kind: row.Range, Elem: &int4}, literals: []string{"empty", "(,)", "[1,2]", "[1,3)", "(0,3)", "[1,)", "(,1)", "(,3)", "(1,)"}, random: func(g *rand.Rand) string { return fmt.Sprintf("[%d,%d)", g.IntN(3), 3+g.IntN(3)) }},
	{name: "numrange", typ: row.Type{OID: 3906, Kind: row.Range, Elem: &decimal}, literals: []string{"empty", "(,)", "[1,2]", "[1,2)", "(1,2]", "(1,2)", "[1.0,2.00]", "[1,)", "(1,)", "(,1]", "(,1)", "(1,1]", "[1,1]", "[-1,1]", "[NaN,NaN]", "[1,NaN)", "[1,Infinity]"}},
	{name: "nummultirange", typ: row.Type{OID: 4532, Kind: row.Multirange, Elem: &row.Type{OID: 3906, Kind: row.Range, Elem: &decimal}}, literals: []string{"{}", "{(,)}", "{[1,2)}", "{[1.0,2.0)}", "{[1,2),[3,4)}", "{[1,2),[3,4]}", "{[1,2]}", "{[3,4)}", "{(,2)}", "{(,2),[3,)}"}},
}

var escaper = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// bare is a type's name without a collation, for a cast.
func bare(name string) string {
	name, _, _ = strings.Cut(name, " COLLATE")
	return name
}
