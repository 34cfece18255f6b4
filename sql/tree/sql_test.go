package tree

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// expressions over table t.
var expressions = []string{
	"a", "a + 1", "a - 2 * a / 3 % 2", "-a", "@ (a - 5)", "a ^ 2", "|/ h", "a::numeric / 3", "c * 1.10", "c + a", "h * a", "big / a", "a & 3 | 4 # 1 << 2", "~a",
	"a = 1", "a <> 2 AND a < 5 OR NOT k", "a BETWEEN 2 AND 4", "a NOT BETWEEN SYMMETRIC 5 AND 3", "a IN (1, 2, 5)", "a NOT IN (1, NULL)", "b IN ('b1', 'b3')",
	"a = ANY (e)", "a <> ALL (e)", "2 < ANY (e)", "a = ANY ('{1,3}'::int[])", "g = ANY (ARRAY['aé', 'x'])", "b LIKE 'b_'", "b NOT ILIKE 'B1%'", "b ~ '^b[1-3]'", "b !~* 'B2'",
	"b SIMILAR TO 'b(1|2)'", "b LIKE '!b%' ESCAPE '!'", "a IS DISTINCT FROM 3", "b IS NOT DISTINCT FROM 'b2'", "e IS DISTINCT FROM ARRAY[1]", "o IS DISTINCT FROM ROW(1, 'y1')::pair", "nullif(a, 3)", "nullif(b, 'b1')",
	"CASE WHEN a > 3 THEN 'big' WHEN a > 1 THEN b ELSE g END", "CASE a WHEN 1 THEN 'one' WHEN 2 THEN 'two' END", "CASE b WHEN 'b1' THEN a ELSE -a END",
	"CASE a % 2 WHEN 0 THEN CASE b WHEN 'b2' THEN 'x' ELSE 'y' END ELSE 'z' END", "CASE WHEN k THEN 1 END", "coalesce(b, g, 'none')", "coalesce(c, 0)", "greatest(a, 3, NULL)", "least(b, 'b3')", "greatest(g, b)", "least(c, a)",
	"b IS NULL", "o IS NULL", "o IS NOT NULL", "ROW(a, b) IS NULL", "k IS TRUE", "k IS NOT TRUE", "k IS FALSE", "k IS NOT FALSE", "k IS UNKNOWN", "k IS NOT UNKNOWN", "(a, b) < (3, 'x')", "(a, g) >= (2, 'b')", "ROW(a, b) = ROW(1, 'b1')", "(b, a) <= (g, 3)",
	"a::text", "a::numeric(5,1)", "c::int", "c::text::numeric", "b::varchar(2)", "b::char(3)", "m::text", "l::text || m", "l || 'x'", "length(l)", "length(m)", "m = 'c1'", "m || '|'", "d::timestamp", "d::text", "j::date", "j::time", "z::timestamptz", "'7'::text::int + a",
	"e::text[]", "e::numeric[]", "e::text", "arr::varchar(1)[]", "arr::name[]", "arr::text", "k::int", "k::text", "h::numeric", "h::float4", "h::text", "pos", "pos + 1", "a::positive", "b::short", "pos::text", "g::regclass::text IS NULL AND false", "1259::regclass::text", "a::oid", "a::oid::regtype IS NULL", "q::text", "s::text", "u::text", "n::text", "b::name",
	"e[1]", "e[a]", "e[1:2]", "e[:2]", "e[2:]", "(ARRAY[ARRAY[1, a], ARRAY[3, 4]])[1][2]", "(ARRAY[ARRAY[1, a], ARRAY[3, 4]])[1:2][2:2]", "e || 5", "e || e", "cardinality(e)", "array_length(e, 1)", "ARRAY[a, 2, NULL]", "ARRAY[]::int[]", "ARRAY[e, e]", "ARRAY[b, g, 'x']", "ARRAY[b]::varchar[]", "e @> ARRAY[1]", "array_to_string(e, ',', '*')", "e = ARRAY[1, 2, NULL]",
	"f -> 'k'", "f ->> 'k'", "f #>> '{l,1}'", "f['l'][0]", "f @> '{\"k\": 1}'", "f ? 'k'", "(f ->> 'k')::int + 1", "jsonb_build_object('a', a, 'b', b)", "to_jsonb(e)", "f || '{\"z\": [1, null, \"q\\\"\"]}'", "jsonb_typeof(f)",
	"(o).x", "(o).y || 'z'", "o", "ROW(a, b)::pair", "(ROW(a, b)::pair).y", "o = ROW(1, 'y1')::pair",
	"b COLLATE \"C\"", "b COLLATE \"C\" < g", "g < 'b'", "g || b", "upper(g)", "upper(g) || upper(b)", "upper(g) < 'B'", "(g || 'x') > b COLLATE \"POSIX\"", "lower(g COLLATE \"POSIX\") || upper(g)", "concat(upper(g), upper(v::text COLLATE \"POSIX\"))", "v < 'n3'", "v || g", "v::text < b", "max_of(g, b)", "upper(b) COLLATE \"POSIX\" = ANY (ARRAY[upper(g), 'B1'])", "initcap(g) IN ('A', 'Bé')", "g = ANY (ARRAY[lower(g), upper(g)])", "least(g, upper(g)) = ANY (arr)",
	"n", "n = 'sad'::mood", "n > 'so so'", "n = 2", "n IN ('sad'::mood, 'hap''py')", "n IS DISTINCT FROM 2", "enum_last(n)", "ARRAY[n]",
	"extract(year FROM d)", "extract(epoch FROM j)", "date_part('month', z)", "date_trunc('month', j)", "date_trunc('day', j, 'UTC')", "d + 1", "d - date '2024-01-01'", "d + interval '1 month'", "d + time '01:00'", "j + i", "j - interval '1 day 02:00'", "j AT TIME ZONE 'UTC'", "z AT TIME ZONE 'Asia/Tokyo'", "age(z, '2020-01-01')", "w + i", "w::interval", "(d, d + 5) OVERLAPS (d + 3, d + 9)", "i * 2.5", "-i", "i > '2 days'", "justify_hours(i)", "to_char(j, 'YYYY-MM-DD HH24:MI TZ')", "to_char(c, '999D99')", "make_interval(days => a, hours => 3)", "make_date(2024, a, 1)",
	"substring(b FROM 1 FOR 1)", "substring(b FROM 'b(.)')", "substring(b SIMILAR 'b#\"%#\"' ESCAPE '#')", "trim(both 'b' FROM b)", "trim(b)", "overlay(b PLACING 'zz' FROM 2)", "position('1' IN b)", "upper(b)", "left(b, 1)", "replace(b, 'b', '''\\')", "split_part(b, '', 1)", "lpad(b, 5, '*')", "repeat(b, a)", "format('%s-%I-%L', a, coalesce(b, 'x y'), g)", "concat(a, b, NULL, c)", "concat_ws(',', VARIADIC arr)", "concat_ws(',', a, b)", "md5(b)", "encode(q, 'hex')", "q || '\\x00ff'", "sha256(q)", "regexp_replace(b, 'b', '\\&x', 'g')", "b ^@ 'b'", "chr(64 + a)", "ascii(g)", "normalize(g, NFD)", "g IS NFC NORMALIZED",
	"twice(a)", "twice(a, 3)", "twice(by => 3, v => a)", "twice(v => a)", "total(a, 1, 2)", "total(VARIADIC e)", "a === 'x'", "a OPERATOR(public.===) b", "round(c, 1)", "round(h)", "ceil(c)", "trunc(c, 0)", "abs(-a)", "mod(a, 2)", "power(c, 2)", "sqrt(h)", "width_bucket(c, 0, 2, 4)", "num_nulls(a, b, c)", "pg_typeof(a)", "pg_column_size(a)",
	"r @> a", "r * int4range(2, 4)", "lower(r)", "r && '[2,3]'", "isempty(r)", "int4range(a, NULL, '[]')", "u << '10.0.0.0/8'", "u + 1", "host(u)", "s = 'c4ca4238-a0b9-2382-0dcc-509a6f75849b'", "NULL::int", "NULL", "'x'", "TRUE", "B'101' | B'010'", "'1.50'::money * a", "current_user = user AND current_schema IS NOT NULL", "current_date = now()::date", "localtimestamp(0) IS NULL",
	"NOT (k AND (a > 2 OR NULL))", "a + CASE WHEN b = 'b1' THEN 1 ELSE a END", "(a > 2) = k", "(a > 2)::text || k", "'12:00'::time - w", "'é ''quoted\\'::text || b", "E'tab\\there'",
}

// columnsOf lists t's columns by number.
func columnsOf(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, _ := conn.Query(context.Background(), "SELECT attname::text FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum")
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// toColumns replaces the columns of the one table.
func toColumns(t *testing.T, e Expr) Expr {
	t.Helper()
	e, err := Rewrite(e, func(e Expr) (Expr, error) {
		if v, ok := e.(*Var); ok {
			return &Column{Index: int(v.Number) - 1, Type: v.Type}, nil
		}
		return e, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// results runs a query with columns of text.
func results(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	all, err := conn.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var lines []string
	for _, r := range all[0].Rows {
		lines = append(lines, fmt.Sprintf("%q", r))
	}
	return strings.Join(lines, "\n")
}

// hostile makes a session whose search path finds nothing of the user's.
func hostile(t *testing.T, conn *pgx.Conn) *pgx.Conn {
	t.Helper()
	other, err := pgx.ConnectConfig(context.Background(), conn.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(context.Background()) })
	exec(t, other, "SET search_path = ''; SET TimeZone = 'Europe/Zurich'")
	return other
}

// TestSQL prints expressions and compares their values with the view's, over the
// table itself and over columns that have lost their collation.
func TestSQL(t *testing.T) {
	conn := database(t)
	other, columns := hostile(t, conn), columnsOf(t, conn)
	c := &catalog{other}
	column := func(i int) string { return "s." + quoteName(columns[i]) }
	list := strings.Join(columns, ", ")
	sources := []string{"public.t AS s", "(SELECT " + strings.Replace(list, " g,", ` g COLLATE pg_catalog."default" AS g,`, 1) + " FROM public.t) AS s"}
	for _, e := range expressions {
		t.Run(e, func(t *testing.T) {
			name, action := view(t, conn, "SELECT a AS id, "+e+" AS result FROM t")
			q, err := Read(action)
			if err != nil {
				t.Fatal(err)
			}
			if err := DecodeConstants(q, c); err != nil {
				t.Fatal(err)
			}
			text, err := SQL(toColumns(t, q.Targets[1].Expr), c, column)
			if err != nil {
				t.Fatal(err)
			}
			want := results(t, other, "SELECT result::text, pg_typeof(result)::text FROM public."+name+" ORDER BY id")
			for _, source := range sources {
				got := results(t, other, fmt.Sprintf("SELECT (%s)::text, pg_typeof(%s)::text FROM %s ORDER BY a", text, text, source))
				if got != want {
					t.Errorf("%s\ngave %s\nwant %s", text, got, want)
				}
			}
		})
	}
}

// aggregates over table t.
var aggregates = []string{
	"count(*)", "count(b)", "count(DISTINCT a % 3)", "sum(a)", "sum(c)", "sum(DISTINCT a % 3)", "avg(h)", "min(b)", "max(g)", "string_agg(b, ',' ORDER BY a DESC)", "string_agg(g, b ORDER BY g DESC NULLS FIRST)",
	"string_agg(DISTINCT g, ','::text ORDER BY g DESC, ','::text)", "array_agg(a ORDER BY b COLLATE \"C\" DESC, c)", "array_agg(DISTINCT b ORDER BY b DESC)", "array_agg(e ORDER BY a) FILTER (WHERE e IS NOT NULL)", "sum(a) FILTER (WHERE a > 2 AND k)",
	"percentile_cont(0.5) WITHIN GROUP (ORDER BY h)", "percentile_disc(ARRAY[0.1, 0.5]) WITHIN GROUP (ORDER BY g DESC)", "mode() WITHIN GROUP (ORDER BY a % 2)", "rank(3) WITHIN GROUP (ORDER BY a DESC)", "dense_rank('b3', 2) WITHIN GROUP (ORDER BY b, a)",
	"jsonb_agg(f ORDER BY a)", "jsonb_object_agg(b, a ORDER BY a) FILTER (WHERE b IS NOT NULL)", "bool_and(k)", "every(a > 0)", "bit_or(a)", "stddev(c)", "corr(a, h)", "json_agg(ROW(a, b) ORDER BY a)", "range_agg(r)", "array_agg(a ORDER BY k, a DESC NULLS FIRST)",
	"string_agg(upper(g), lower(b) ORDER BY a)", "max(g || 'x') FILTER (WHERE g < 'd')", "joined(VARIADIC arr ORDER BY a)", "joined(b, g ORDER BY a)", "min(g COLLATE \"POSIX\")",
}

// TestAggregateSQL compares printed aggregates with the view's.
func TestAggregateSQL(t *testing.T) {
	conn := database(t)
	exec(t, conn, `CREATE FUNCTION join_next(s text, VARIADIC v text[]) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT coalesce(s, '''') || array_to_string(v, ''/'')';
		CREATE AGGREGATE joined(VARIADIC text[]) (SFUNC = join_next, STYPE = text)`)
	other, columns := hostile(t, conn), columnsOf(t, conn)
	c := &catalog{other}
	column := func(i int) string { return "s." + quoteName(columns[i]) }
	for _, e := range aggregates {
		t.Run(e, func(t *testing.T) {
			name, action := view(t, conn, "SELECT "+e+" AS result FROM t")
			q, err := Read(action)
			if err != nil {
				t.Fatal(err)
			}
			if err := DecodeConstants(q, c); err != nil {
				t.Fatal(err)
			}
			text, err := AggregateSQL(toColumns(t, q.Targets[0].Expr).(*Aggregate), c, column, "s.a")
			if err != nil {
				t.Fatal(err)
			}
			want := results(t, other, "SELECT result::text, pg_typeof(result)::text FROM public."+name)
			if got := results(t, other, fmt.Sprintf("SELECT (%s)::text, pg_typeof(%s)::text FROM public.t AS s", text, text)); got != want {
				t.Errorf("%s\ngave %s\nwant %s", text, got, want)
			}
		})
	}
}

// TestAggregateLastOrder: the order that is added decides, and only where it may.
func TestAggregateLastOrder(t *testing.T) {
	conn := database(t)
	c := &catalog{conn}
	column := func(i int) string { return fmt.Sprintf("c%d", i) }
	for e, want := range map[string]string{
		"array_agg(a)":                     `pg_catalog."array_agg"(c0 ORDER BY n)`,
		"array_agg(a ORDER BY b DESC)":     `pg_catalog."array_agg"(c0 ORDER BY c1 USING OPERATOR(pg_catalog.>) NULLS FIRST, n)`,
		"array_agg(DISTINCT a)":            `pg_catalog."array_agg"(DISTINCT c0)`,
		"array_agg(a ORDER BY g)":          `pg_catalog."array_agg"(c0 ORDER BY (c6 COLLATE pg_catalog."C") USING OPERATOR(pg_catalog.<) NULLS LAST, n)`,
		"array_agg(DISTINCT g ORDER BY g)": `pg_catalog."array_agg"(DISTINCT (c6 COLLATE pg_catalog."C") ORDER BY (c6 COLLATE pg_catalog."C") USING OPERATOR(pg_catalog.<) NULLS LAST)`,
		"count(*)":                         `pg_catalog."count"(*)`,
		"mode() WITHIN GROUP (ORDER BY a)": `pg_catalog."mode"() WITHIN GROUP (ORDER BY c0 USING OPERATOR(pg_catalog.<) NULLS LAST)`,
	} {
		q := read(t, conn, "SELECT "+e+" AS x FROM t")
		got, err := AggregateSQL(toColumns(t, q.Targets[0].Expr).(*Aggregate), c, column, "n")
		if err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", e, got, err, want)
		}
	}
}

// TestIsDescending: before 18 the direction is in the operator's name only.
func TestIsDescending(t *testing.T) {
	conn := database(t)
	q := read(t, conn, "SELECT a FROM t ORDER BY a, b DESC, c DESC NULLS LAST, d USING >, e USING <, b COLLATE \"C\" NULLS FIRST")
	var down, first []bool
	for _, s := range q.Sort {
		d, err := s.IsDescending(&catalog{conn})
		if err != nil {
			t.Fatal(err)
		}
		down, first = append(down, d), append(first, s.NullsFirst)
	}
	if want := []bool{false, true, true, true, false, false}; !slices.Equal(down, want) {
		t.Errorf("descending %v, want %v", down, want)
	}
	if want := []bool{false, true, false, true, false, true}; !slices.Equal(first, want) {
		t.Errorf("nulls first %v, want %v", first, want)
	}
}
