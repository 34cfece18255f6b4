package tree

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// literals has constants of each type that are hard to decode or to print.
var literals = map[string][]string{
	"bool": {"t", "f"}, "int2": {"0", "-32768", "32767"}, "int4": {"0", "-2147483648", "2147483647"},
	"int8": {"-9223372036854775808", "9223372036854775807", "1"}, "oid": {"0", "4294967295"}, "regclass": {"pg_class", "t"}, "regtype": {"int4"},
	"float4": {"0", "-0", "NaN", "Infinity", "-Infinity", "1e-45", "3.4e38", "0.1"}, "float8": {"0", "-0", "NaN", "-Infinity", "5e-324", "1.7976931348623157e308", "0.1"},
	"numeric": {"0", "0.00", "-1.50", "1e100", "1e-100", "NaN", "Infinity", "-Infinity", "9999", "10000", "0.0001", "123456789.000000001000", "-0.00001",
		"12345678901234567890123456789012345678901234567890.5", "1e-5000", "0.1234567891234567891234567890123456789012345678901234567890123456789012345678901234567890123456789"},
	"money": {"1.23", "-92233720368547758.08", "92233720368547758.07"},
	"text":  {"", "a", "é\u00a0😀", "it''s", `back\slash`, "{}", "NULL", "tab\tnewline\n", "(x) [1 2] {y} <>", strings.Repeat("long ", 100)}, "varchar": {"x "},
	"bpchar": {"x  ", "é"}, "name": {"", "naïve", "x y"}, `"char"`: {"a", ""},
	"bytea": {"", `\x00ff5c27`, "abc"}, "date": {"2000-01-01", "0001-01-01", "0044-03-15 BC", "4713-01-01 BC", "5874897-12-31", "infinity", "-infinity", "1999-12-31", "2024-02-29"},
	"time": {"00:00", "24:00:00", "23:59:59.999999", "01:02:03.5"}, "timetz": {"00:00+00", "12:34:56.789-12:30:15", "01:00+15:59"},
	"timestamp":   {"2000-01-01", "1999-12-31 23:59:59.999999", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999", "infinity", "-infinity", "0001-01-01 00:00:01 BC"},
	"timestamptz": {"2000-01-01 00:00+00", "2024-03-31 02:30:00 Europe/Zurich", "infinity", "-infinity", "294276-12-31 23:59:59.999999+00", "1890-01-01 00:00 Europe/Zurich"},
	"interval":    {"0", "1 year 2 mons 3 days 04:05:06.789", "-1 mons +2 days -00:00:00.000001", "-1 year", "178000000 years", "1 mon -1 day", "2000000000 hours"},
	"uuid":        {"00000000-0000-0000-0000-000000000000", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}, "json": {`{"a": [1,  2]}`, "null"},
	"jsonb": {"null", "1.50", `"x"`, "true", "[]", "{}", `{"b": [1, {"c": null}, "\u0001\"\\\n\u20ac"], "a": -1e3, "": false}`, "[1, [2, [3, [4.000]]]]", `[[], {}, "", 0]`,
		`{"longer key": 123456789012345678901234567890, "k": {"x": {"y": [true, false]}}}`, "[" + strings.Repeat(`1, "ab", {"k": 2}, `, 60) + "3]", `"` + strings.Repeat("é", 200) + `"`},
	"inet": {"1.2.3.4", "10.0.0.0/8", "10.1.2.3/8", "::1", "fe80::1/64", "::ffff:1.2.3.4"}, "cidr": {"10.0.0.0/8", "1.2.3.4/32", "2001:db8::/32"}, "macaddr": {"08:00:2b:01:02:03"}, "macaddr8": {"08:00:2b:01:02:03:04:05"},
	"mood": {"sad", "so so", "hap''py"}, `"bit"`: {"101", ""}, "varbit": {"", "1", "101010101"}, "point": {"(1.5,-2)"}, "box": {"(3,4),(1,2)"}, "circle": {"<(1,2),3>"},
	"line": {"{1,2,3}"}, "lseg": {"[(1,2),(3,4)]"}, "pg_lsn": {"16/B374D848"},
	"int[]": {"{}", "{1,NULL,3}", "{{1,2},{3,4}}", "[2:3]={1,2}", "[0:1][-1:0]={{1,2},{3,NULL}}"}, "text[]": {`{a,"b c","",NULL,"NULL","q\"u\\o",é}`, `{"{}",",","it''s"}`}, "bool[]": {"{t,f,NULL}"},
	"numeric[]": {"{1.50,NaN,NULL}"}, "float8[]": {"{1.5,NaN,-0}"}, "mood[]": {`{sad,"so so"}`}, "date[]": {"{2020-01-01,infinity}"}, "bytea[]": {`{"\\\\x00ff"}`}, "timestamptz[]": {`{"2020-01-01 00:00+00"}`}, "interval[]": {`{"1 day","-2 mons"}`},
	"bpchar[]": {"{a,abc }"}, `"char"[]`: {"{a,b}"}, "name[]": {"{x,y z}"}, "int2[]": {"{1,2,3}"}, "jsonb[]": {`{"{\"a\": 1}",null,"\"x\""}`}, "uuid[]": {"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"}, "timetz[]": {"{00:00+01,01:00-02}"},
	"int4range": {"empty", "[1,5)", "(,5)", "[1,)", "(,)"}, "int8range": {"[1,5)"}, "numrange": {"[1.50,2.5]", "(,1]", "(0.1,)"}, "daterange": {"[2020-01-01,infinity)"}, "tsrange": {`["2020-01-01 00:00:00","2021-01-01 01:00:00"]`},
	"tstzrange": {`["2020-01-01 00:00:00+00",)`}, "int4range[]": {`{"[1,2)",empty}`}, "textrange": {`["a b","c\"\\d"]`, "[a,)", `["",x)`}, "int4multirange": {"{}", "{[1,2),[3,4)}", "{[1,2),[3,4),[5,6),[7,8),[9,10),[11,)}"}, "nummultirange": {"{[1.5,2],(3,)}"},
	"datemultirange": {"{[2020-01-01,2020-02-01)}"}, "tsmultirange": {`{["2020-01-01 00:00:00","2020-02-01 00:00:00"),[2021-01-01,)}`},
}

const rangeType = "CREATE TYPE textrange AS RANGE (subtype = text)"

// binaryResult runs a query with one result and returns it in binary format.
func binaryResult(t *testing.T, conn *pgx.Conn, sql string) []byte {
	t.Helper()
	r := conn.PgConn().ExecParams(context.Background(), sql, nil, nil, nil, []int16{1}).Read()
	if r.Err != nil {
		t.Fatalf("%s: %v", sql, r.Err)
	}
	return r.Rows[0][0]
}

// oneConst reads the constant of a view with nothing else.
func oneConst(t *testing.T, q *Query) *Const {
	t.Helper()
	k, ok := q.Targets[0].Expr.(*Const)
	if !ok {
		t.Fatalf("%T is no constant", q.Targets[0].Expr)
	}
	return k
}

// TestDecodeConstants compares decoded constants with what the server sends.
func TestDecodeConstants(t *testing.T) {
	conn := database(t)
	exec(t, conn, rangeType)
	c := &catalog{conn}
	for typ, texts := range literals {
		for _, text := range texts {
			t.Run(typ, func(t *testing.T) { checkConstant(t, conn, c, fmt.Sprintf("'%s'::%s", text, typ)) })
		}
	}
}

func checkConstant(t *testing.T, conn *pgx.Conn, c *catalog, literal string) {
	t.Helper()
	q := read(t, conn, "SELECT "+literal+" AS x")
	if err := DecodeConstants(q, c); err != nil {
		t.Fatalf("%.60s: %v", literal, err)
	}
	k := oneConst(t, q)
	if want := binaryResult(t, conn, "SELECT "+literal); string(k.Value) != string(want) || k.Value == nil {
		t.Errorf("%.60s: decoded %x, want %x", literal, k.Value, want)
	}
	checkPrinted(t, conn, c, literal, k)
}

// checkPrinted prints a constant under settings that would change the text forms and
// compares what the server reads back.
func checkPrinted(t *testing.T, conn *pgx.Conn, c *catalog, literal string, k *Const) {
	t.Helper()
	text, err := SQL(k, c, nil)
	if err != nil {
		t.Fatalf("%.60s: %v", literal, err)
	}
	for _, set := range []string{"SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; SET TimeZone = 'Asia/Kathmandu'; SET standard_conforming_strings = off; SET extra_float_digits = 0", "RESET ALL"} {
		exec(t, conn, set)
		if got := binaryResult(t, conn, "SELECT "+text); string(got) != string(k.Value) {
			t.Errorf("%.60s: printed %.200s, which is %x, want %x", literal, text, got, k.Value)
		}
	}
	exec(t, conn, "SET TimeZone = 'Europe/Zurich'")
}

// TestDecodeInfiniteInterval has the values that 17 has added.
func TestDecodeInfiniteInterval(t *testing.T) {
	conn := database(t)
	var version int
	if err := conn.QueryRow(context.Background(), "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version < 170000 {
		return
	}
	for _, text := range []string{"infinity", "-infinity"} {
		checkConstant(t, conn, &catalog{conn}, fmt.Sprintf("'%s'::interval", text))
	}
}

// TestDecodeRefused names the types that are not decoded.
func TestDecodeRefused(t *testing.T) {
	conn := database(t)
	c := &catalog{conn}
	for literal, name := range map[string]string{"'$.a'::jsonpath": "jsonpath", "'a b'::tsvector": "tsvector", "'(1,x)'::pair": "pair", `'{"(1,x)"}'::pair[]`: "pair[]", "'((1,2))'::polygon": "polygon"} {
		err := DecodeConstants(read(t, conn, "SELECT a FROM t WHERE "+literal+" IS NULL"), c)
		if !errors.Is(err, ErrConstant) || !strings.Contains(err.Error(), "type "+name) {
			t.Errorf("%s: error %v", literal, err)
		}
	}
}

// TestDecodeEverywhere: constants in all places of a query are decoded.
func TestDecodeEverywhere(t *testing.T) {
	conn := database(t)
	q := read(t, conn, `WITH w AS (SELECT 11 AS q) SELECT 12, (SELECT max(a + 13) FROM u WHERE a > 14), sum(a + 15) FILTER (WHERE a > 16)
		FROM t JOIN (VALUES (17)) v(q) ON a > 18, LATERAL (SELECT 19) l, generate_series(1, 20) WHERE t.a IN (21, 22) AND CASE a WHEN 23 THEN true ELSE a > 24 END
		GROUP BY a + 25 HAVING sum(a) > 26 ORDER BY sum(a) + 27 LIMIT 28 OFFSET 29`)
	if err := DecodeConstants(q, &catalog{conn}); err != nil {
		t.Fatal(err)
	}
	found := map[uint32]bool{}
	WalkQuery(q, func(e Expr, _ int) {
		if k, ok := e.(*Const); ok && len(k.Value) == 4 {
			found[binary.BigEndian.Uint32(k.Value)] = true
		}
	})
	for n := uint32(11); n <= 29; n++ {
		if !found[n] {
			t.Errorf("constant %d was not decoded", n)
		}
	}
}

// TestDecodeDamaged changes bytes of good constants: an error or another value, but
// no panic.
func TestDecodeDamaged(t *testing.T) {
	conn := database(t)
	exec(t, conn, rangeType)
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	for _, typ := range []string{"numeric", "jsonb", "int[]", "text[]", "textrange", "int4multirange", "inet", "varbit", "name", "text"} {
		c := &catalog{conn}
		for _, text := range literals[typ] {
			k := oneConst(t, read(t, conn, fmt.Sprintf("SELECT '%s'::%s AS x", text, typ)))
			rt, err := c.Type(k.Type.OID, k.Type.Mod, k.Type.Collation)
			if err != nil {
				t.Fatal(err)
			}
			for range 300 {
				raw := append([]byte{}, k.Datum...)
				for range 1 + random.IntN(3) {
					raw[random.IntN(len(raw))] = byte(random.IntN(256))
				}
				if random.IntN(4) == 0 {
					raw = raw[:random.IntN(len(raw))]
				}
				if v, err := binaryOf(c, rt, raw); err == nil && v == nil {
					t.Errorf("seed %d: %s: no value and no error for %x", seed, typ, raw)
				}
			}
		}
	}
}
