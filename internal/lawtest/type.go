package lawtest

import "math/rand/v2"

// kind groups the types that are used alike.
type kind int

const (
	intKind kind = iota
	numericKind
	floatKind
	textKind
	boolKind
	dateKind
	timestampKind
	arrayKind
	jsonKind
	otherKind // compared, and passed on
)

// typ is a column type. Expressions have exactly this type.
type typ struct {
	name     string // in a cast
	declared string // of a column
	kind     kind
	literals []string // what columns hold, without quotes; few, so that rows meet
	sums     bool     // has sum and avg
	ordered  bool     // has min and max
}

var (
	integer   = &typ{"int4", "int4", intKind, []string{"0", "1", "2", "3", "4", "5", "-1", "17"}, true, true}
	bigint    = &typ{"int8", "int8", intKind, []string{"0", "1", "2", "3", "-7", "1000000000000"}, true, true}
	smallint  = &typ{"int2", "int2", intKind, []string{"0", "1", "2", "-32768"}, true, true}
	domain    = &typ{"small", "small", intKind, []string{"0", "1", "2", "999"}, true, true}
	decimal   = &typ{"numeric", "numeric", numericKind, []string{"0", "1", "1.0", "1.00", "-2.5", "10.25", "3", "NaN", "100000.5"}, true, true}
	money2    = &typ{"numeric", "numeric(10,2)", numericKind, []string{"0", "1", "1.50", "-99.99", "2.25"}, true, true}
	double    = &typ{"float8", "float8", floatKind, []string{"0", "-0", "1", "0.125", "-2.5", "100.375", "NaN", "Infinity"}, true, true}
	float     = &typ{"float4", "float4", floatKind, []string{"0", "1", "0.125", "-2.5", "8.625"}, true, true}
	text      = &typ{"text", "text", textKind, []string{"", "a", "b", "B", "ab", "äb", "a b", "x_%"}, false, true}
	textC     = &typ{"text", `text COLLATE "C"`, otherKind, []string{"", "a", "B", "é", "ab"}, false, true}
	varchar   = &typ{"varchar", "varchar(5)", otherKind, []string{"", "a", "b ", "abcde"}, false, true}
	bpchar    = &typ{"bpchar", "char(4)", otherKind, []string{"", "a", "b", "ab  "}, false, true}
	boolean   = &typ{"bool", "bool", boolKind, []string{"t", "f"}, false, false}
	day       = &typ{"date", "date", dateKind, []string{"2020-02-29", "2020-03-01", "1999-12-31", "infinity"}, false, true}
	timestamp = &typ{"timestamp", "timestamp", timestampKind, []string{"2020-02-29 12:00", "2020-03-01 00:00:00.5", "-infinity"}, false, true}
	instant   = &typ{"timestamptz", "timestamptz", otherKind, []string{"2020-02-29 12:00Z", "2020-03-01 00:00Z", "2020-03-01 01:00+01"}, false, true}
	clock     = &typ{"time", "time", otherKind, []string{"00:00", "12:30", "24:00"}, false, true}
	interval  = &typ{"interval", "interval", otherKind, []string{"1 mon", "30 days", "720:00", "-1 day", "0"}, false, true}
	uuid      = &typ{"uuid", "uuid", otherKind, []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-00000000000a"}, false, false}
	json      = &typ{"jsonb", "jsonb", jsonKind, []string{"null", "1", "1.0", `{"a": 1}`, `{"a": {"b": []}, "c": 2}`, `["a", 1.00]`, "{}"}, false, false}
	array     = &typ{"int4[]", "int4[]", arrayKind, []string{"{}", "{1}", "{1,2}", "{NULL}", "{2,1,NULL}", "{{1,2},{3,4}}"}, false, true}
	enum      = &typ{"mood", "mood", otherKind, []string{"sad", "ok", "glad"}, false, true}
	bytes     = &typ{"bytea", "bytea", otherKind, []string{`\x`, `\x00`, `\xff00`}, false, false}
	span      = &typ{"int4range", "int4range", otherKind, []string{"empty", "[1,3)", "[1,2]", "(,5)", "[3,)"}, false, false}
	bits      = &typ{"bit varying", "varbit(8)", otherKind, []string{"", "0", "101"}, false, false}
	inet      = &typ{"inet", "inet", otherKind, []string{"10.0.0.1", "10.0.0.0/8", "10.0.0.1/8", "::1"}, false, true}
	zoned     = &typ{"timetz", "timetz", otherKind, []string{"12:00+00", "13:00+01", "12:00+01"}, false, true}
	oid       = &typ{"oid", "oid", otherKind, []string{"0", "7", "4000000000"}, false, true}
	pair      = &typ{"pair", "pair", otherKind, []string{"(,)", "(1,a)", "(1,)", `(2,"a b")`, "(,A)"}, false, false}
	types     = []*typ{integer, integer, integer, bigint, smallint, domain, decimal, decimal, money2, double, double, float, text, text, text, textC, varchar, bpchar,
		boolean, boolean, day, day, timestamp, timestamp, instant, clock, interval, uuid, json, array, enum, enum, bytes, span, bits,
		inet, zoned, oid, pair}
)

// value is a random constant of the type for a column: NULL now and then, unless it
// must not be.
func (t *typ) value(rng *rand.Rand, notNull bool) string {
	if !notNull && rng.IntN(6) == 0 {
		return "NULL"
	}
	return "'" + t.literals[rng.IntN(len(t.literals))] + "'"
}

// constant is a random constant that has the type by itself.
func (t *typ) constant(rng *rand.Rand) string {
	return t.value(rng, rng.IntN(4) > 0) + "::" + t.name
}
