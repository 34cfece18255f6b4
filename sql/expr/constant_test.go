package expr

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestConstants checks expressions that are native for their constants, and every
// kind of node. Each fails where its node or function differs from the server's.
func TestConstants(t *testing.T) {
	t.Parallel()
	const seed = 11
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	o := newOracle(t)
	for _, group := range constantGroups() {
		types := strings.Split(group.types, ",")
		o.fill(t, types, product(r, types, 20, o.catalog.major))
		for _, sql := range group.expressions {
			o.check(t, sql)
		}
	}
	for oid, f := range functions {
		if needsConstant[f.signature] && !o.used[oid] {
			t.Errorf("%s was not called", f.signature)
		}
	}
}

type constantGroup struct {
	types       string
	expressions []string
}

func constantGroups() []constantGroup {
	groups := []constantGroup{logicGroup, listGroup, textGroup, castGroup}
	groups = append(groups, constantGroup{"numeric", []string{
		"round(c0, 2)", "round(c0, 0)", "round(c0, -2)", "round(c0, 20)", "round(c0)", "trunc(c0, 3)", "trunc(c0, -1)",
		"c0::numeric(10,2)", "c0::numeric(5,0)", "c0::numeric(30)", "c0::text", "c0::text || 'x'", "c0 + 1", "c0 / 3", "1 / c0",
		"GREATEST(c0, 1.0, 2)", "LEAST(c0, 1.00)", "c0 IN (1, 0.50, 3, 7)", "c0 NOT IN (1.000, 2, 3, 4, 5, 6, 7, 8, 9, 10)",
	}})
	groups = append(groups, timeGroups()...)
	return append(groups,
		constantGroup{"bpchar", []string{"c0 LIKE 'a%'", "c0 NOT LIKE '% '", "c0::char(3)", "c0::text", "length(c0)", "c0 IN ('a', 'b  ')",
			"c0 IN ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'ab  ')", "c0::varchar(2)", `pg_catalog."bpchar"(c0, 6, false)`}},
		constantGroup{"name", []string{"c0 LIKE 'a%'", "c0 NOT LIKE '_'", `pg_catalog."like"(c0::text, 'a_')`, `pg_catalog."notlike"(c0::text, 'a_')`, "c0 = 'ab'", "c0::text"}},
		constantGroup{"mood", []string{"c0 = 'ok'", "c0 IN ('ok', 'sad')", "c0 < 'happy'", "GREATEST(c0, 'ok')", "c0::text", "c0 || '!'", "(c0, 1) < ('ok', 2)"}},
		constantGroup{"uuid", []string{"c0::text", "c0 || ''", "c0 = '01234567-89ab-cdef-0123-456789abcdef'", "c0 IS DISTINCT FROM '01234567-89ab-cdef-0123-456789abcdef'"}},
		constantGroup{"small", []string{"c0 + 1", "c0::int8", "c0 = ANY (ARRAY[1, 2, 3])", "c0::text"}},
		constantGroup{"int4[],int4", []string{"c1 = ANY (c0)", "c1 <> ALL (c0)", "c1 < ALL (c0)", "c1 > ANY (c0)"}},
	)
}

// logicGroup is the nodes that test and choose.
var logicGroup = constantGroup{"int4,bool,int4", []string{
	"c1 AND c0 > 0", "c1 OR c0 > 0", "NOT c1", "c1 IS TRUE", "c1 IS NOT TRUE", "c1 IS FALSE", "c1 IS NOT FALSE", "c1 IS UNKNOWN", "c1 IS NOT UNKNOWN",
	"c0 IS NULL", "c0 IS NOT NULL", "c0 IS DISTINCT FROM c2", "c0 IS NOT DISTINCT FROM c2", "NULLIF(c0, c2)", "NULLIF(c0, 0)",
	"CASE WHEN c0 = 0 THEN 1 WHEN c1 THEN 10 / c0 END", "CASE c0 WHEN 0 THEN 'zero' WHEN c2 THEN 'same' ELSE 'other' END",
	"CASE c0 WHEN 1 THEN CASE c2 WHEN 1 THEN 11 ELSE 10 END WHEN 0 THEN CASE c2 WHEN c0 THEN 0 END ELSE c2 END",
	"COALESCE(c0, c2, 5)", "COALESCE(c0, 1 / (c2 - c2))", "COALESCE(NULL, c0)", "GREATEST(c0, c2, 1)", "LEAST(c0, c2)", "GREATEST(c0, NULL)",
	"(c0, c2) < (1, 2)", "(c0, c2) <= (c2, c0)", "(c0, c1) >= (1, true)", "(c0, 2) > (c2, 1)", "(c0, c2) = (1, 2)", "(c0, c2) <> (1, 2)",
	"c0 + NULL::int4", "(c0 / 0) + NULL::int4", "c0 % 5 + c2 * 2 - -c0", "c0::int8 * c2", "abs(c0) / 2", "c0 BETWEEN c2 AND 10", "c0 BETWEEN SYMMETRIC c2 AND 10",
	"c0 IN (c2, 1)", "c0 NOT IN (c2, NULL)", "1", "NULL::int4", "c0::text || ':' || c2", "c0 || 'x'", "'x' || c0", "(c0 > 0) = c1", "c1::int4 + 1", "c0::bool", "c1::text",
	"c0 = ALL (ARRAY[c2, 1])", "ARRAY[c0, c2]", "c0 & 255 | c2 # 3", "c0 << 3", "c0 >> 31", "c0::int8 << 40", "c0::int8 >> 63", "(c2 & 255)::int2 << 9", "(c2 & 255)::int2 >> 3", "~c0", "c0::float8 / 3", "c0::numeric / 7", "c0 = 1.5", "c0 > 2.5::float8",
}}

// listGroup is lists short and long, with NULL and without.
var listGroup = constantGroup{"int8,int2", []string{
	"c0 IN (1, 2)", "c0 IN (1, 2, NULL)", "c0 NOT IN (1, 2)", "c0 NOT IN (1, NULL)", "c0 = ANY ('{}'::int8[])", "c0 <> ALL ('{}'::int8[])", "c0 = ANY (NULL::int8[])",
	"c0 IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)", "c0 NOT IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)", "c0 IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, NULL)",
	"c0 NOT IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, NULL)", "c0 < ANY (ARRAY[1, 7]::int8[])", "c0 >= ALL (ARRAY[1, 7, NULL]::int8[])", "c1 = ANY ('{{1,2},{7,8}}'::int4[])",
	"c1 IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 181, -7)", "NULL::int8 IN (1, 2)", "(c0 / c1) = ANY (ARRAY[1, 2]::int8[])", "c1 = ANY (ARRAY[1.0, 7]::numeric[])",
}}

// textGroup is text in the C collation, where it has an order.
var textGroup = constantGroup{`text COLLATE "C",int4`, []string{
	"c0 LIKE 'a%'", "c0 LIKE '%a'", "c0 LIKE '%a%b%'", "c0 LIKE '_'", "c0 LIKE '__%'", "c0 LIKE '%_a'", "c0 LIKE '%ä_%'", `c0 LIKE 'a\%b'`, `c0 LIKE '%\_%'`, "c0 LIKE ''", "c0 LIKE '%'",
	"c0 LIKE 'a_b'", "c0 LIKE '%日%'", "c0 LIKE 'a%a'", "c0 LIKE '%a_'", "c0 NOT LIKE '%aa%'", `c0 LIKE '\\'`, "c0 LIKE '%%'", "c0 LIKE '%_%_%'", "c0 LIKE ANY (ARRAY['a%', '%b'])", "c0 LIKE 'x' || '%'",
	"c0 = 'a'", "c0 <> 'a'", "c0 < 'ab'", "c0 >= 'ab'", `c0 COLLATE "POSIX" < 'b'`, "GREATEST(c0, 'aB')", "c0 IN ('a', 'b')", "c0 IN ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'ä', '')", `c0 COLLATE "default" = 'a'`,
	"lower(c0)", "upper(c0)", "c0 || c1", "c1 || c0", "substring(c0 FROM 2)", "substring(c0 FROM 2 FOR 1)", "substring(c0 FOR 2)", "substr(c0, c1)", "substr(c0, c1, 3)", "substr(c0, -1, c1)",
	"left(c0, c1)", "right(c0, c1)", "position('a' IN c0)", "trim(c0)", "trim(BOTH 'a' FROM c0)", "split_part(c0, ',', c1)", "split_part(c0, '', c1)", "c0::varchar(2)", "c0::char(3)", "c0::varchar",
	`pg_catalog."varchar"(c0::varchar, 7, false)`, `pg_catalog."varchar"(c0::varchar, -1, false)`, "length(c0) + c1", `CASE c0 WHEN 'a' THEN 'A' ELSE c0 END`, "NULLIF(c0, '')", "(c0, c1) < ('a', 0)",
}}

// castGroup is text that is read as numbers and truth.
var castGroup = constantGroup{"varchar", castExpressions}

var castExpressions = []string{"c0::text", "c0 = 'a'", "c0 LIKE '%a'", "length(c0)", "c0 IN ('a', '')", "c0 = ANY ('{a,b}'::varchar[])", "c0::int4", "c0::bool"}

// timeGroups is dates and times with constant fields and intervals.
func timeGroups() []constantGroup {
	intervals := []string{"1 day", "-1 month", "1 year 2 months", "36 hours 0.5 seconds", "-100 years"}
	timestamps := constantGroup{types: "timestamp"}
	dates := constantGroup{types: "date"}
	zoned := constantGroup{types: "timestamptz"}
	spans := constantGroup{"interval", []string{"extract(epoch FROM c0)", "date_part('epoch', c0)", "-c0", "c0 = '30 days'", "c0 IN ('1 month', '1 day')", "c0 > '1 day'"}}
	times := constantGroup{"time", []string{"c0::time(0)", "c0::time(3)", "c0 + interval '1 hour'", "c0 - interval '25 hours'", "c0 < '12:00'"}}
	for _, i := range intervals {
		timestamps.expressions = append(timestamps.expressions, fmt.Sprintf("c0 + interval '%s'", i), fmt.Sprintf("interval '%s' + c0", i), fmt.Sprintf("c0 - interval '%s'", i))
		dates.expressions = append(dates.expressions, fmt.Sprintf("c0 + interval '%s'", i), fmt.Sprintf("c0 - interval '%s'", i))
	}
	var fields, truncations, dayFields []string
	for unit := range dayParts {
		dayFields = append(dayFields, unit)
	}
	for unit := range timeParts {
		fields = append(fields, unit)
	}
	for unit := range dateTruncations {
		truncations = append(truncations, unit)
	}
	for unit := range timeTruncations {
		truncations = append(truncations, unit)
	}
	for _, f := range append(append(fields, dayFields...), "epoch", "YEAR") {
		timestamps.expressions = append(timestamps.expressions, "extract("+f+" FROM c0)", "date_part('"+f+"', c0)")
	}
	for _, f := range append(dayFields, "epoch", "julian") {
		dates.expressions = append(dates.expressions, "extract("+f+" FROM c0)")
		if f != "julian" {
			dates.expressions = append(dates.expressions, "date_part('"+f+"', c0)")
		}
	}
	for _, f := range truncations {
		timestamps.expressions = append(timestamps.expressions, "date_trunc('"+f+"', c0)")
	}
	for p := range 7 {
		timestamps.expressions = append(timestamps.expressions, fmt.Sprintf("c0::timestamp(%d)", p))
		zoned.expressions = append(zoned.expressions, fmt.Sprintf("c0::timestamptz(%d)", p))
	}
	dates.expressions = append(dates.expressions, "date_part('year', c0::timestamp)", "c0 + 1", "c0 - date '2000-01-01'", "c0 > '2000-01-01'::timestamp", "c0 + time '12:00'", "GREATEST(c0, '2000-02-29')")
	timestamps.expressions = append(timestamps.expressions, "c0::date", "c0::time", "c0 - timestamp '2000-01-01 12:00'", "c0 > '2000-01-01'::date", "extract(epoch FROM c0 - timestamp '1999-01-01')")
	zoned.expressions = append(zoned.expressions, "c0 + interval '1 hour'", "c0 - interval '1.5 seconds'", "extract(epoch FROM c0)", "date_part('epoch', c0)", "c0 - '2000-01-01 00:00+00'", "c0 > '2000-01-01 00:00+00'")
	return []constantGroup{timestamps, dates, zoned, spans, times}
}
