package worker_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/milltest"
)

// hostile are texts that try to be more than one expression over the input. %s
// is a table that holds the number 4711 and that the caller may not read, or,
// the second time, one that the caller may read but has not named.
var hostile = []string{
	`x) FROM %s --`, `x) FROM %s /*`, `x FROM %s --`, `1) FROM %s; --`, `x); SELECT (n FROM %s`, `x; SELECT n FROM %s`,
	`(SELECT n FROM %s)`, `( SELECT n FROM %s)`, `((SELECT n FROM %s))`, "(\n\tSELECT n FROM %s)", `(/**/SELECT n FROM %s)`, "(--\nSELECT n FROM %s)",
	`(TABLE %s)`, `((TABLE %s))`, `(WITH s AS (SELECT n FROM %s) SELECT n FROM s)`, `(VALUES ((SELECT n FROM %s)))`, `(VALUES (4711))`,
	`ARRAY(SELECT n FROM %s)`, `(ARRAY(TABLE %s))[1]`, `EXISTS(SELECT n FROM %s)::int`, `EXISTS(TABLE %s)::int`, `x IN (SELECT n FROM %s)`,
	`x = ANY (SELECT n FROM %s)`, `x = ALL (TABLE %s)`, `ROW(x) = (SELECT n FROM %s)`, `x UNION SELECT n FROM %s`, `x) UNION SELECT (n FROM %s`,
	`x) UNION ALL SELECT 0, record_send(ROW((n FROM %s`, `x), (SELECT n FROM %s`, `x, n`, `x AS c1, n AS c2`, `x) AS c1, (x`, `*`, `%s.*`, `(t.*).x`, `((t.*))`,
	`sum(x)`, `max(x) FILTER (WHERE true)`, `count(*)`, `rank() OVER ()`, `sum(x) OVER (ORDER BY id)`, `generate_series(1, 3)`, `unnest(ARRAY[x, x])`, `x + (generate_series(1, 2))`,
	`$1`, `x + $1`, `$$4711$$::text`, `$q$x$q$; SELECT n FROM %s`, `'x' || $$`, `E'\'' || (SELECT n FROM %s)::text`, `E'\' || x`, `'\' || (SELECT n FROM %s) --'`, `E'\\' || '`,
	`U&'\0041'`, `U&"x" UESCAPE '!'`, `'a' 'b'`, "'a'\n'b'", `x::text || '`, `"x`, `"x" "y"`, `)`, `(`, `x)`, `(x`, `[x`, `x]`, `(x]`, `x))((x`,
	`CASE WHEN x > 0 THEN (SELECT n FROM %s) END`, `COALESCE(x, (SELECT n FROM %s))`, `x ORDER BY 1`, `x LIMIT 1`, `x INTO n`, `x FOR UPDATE`,
	`JSON_ARRAY(SELECT n FROM %s)`, `xmlforest((SELECT n FROM %s))`, `DEFAULT`, ``, ` `, "x\x00", `x COLLATE`, `x::`, `::x`, `x +`, `x AS y`, `DISTINCT x`, `ALL x`, `VARIADIC x`,
	`%s`, `(%s).n`, `n(%s)`, `x WITHIN GROUP (ORDER BY x)`, "x\u2028; SELECT n FROM %s", "x\u00a0FROM %s", `х`, `ｘ`, `SELECT`, `SELECT x`, `TABLE %s`, `VALUES (1)`,
	`SET ROLE postgres`, `x; RESET ROLE; SELECT 1`, `x); COMMIT; DROP TABLE t; SELECT (1`, `x) TO PROGRAM 'id' --`, `x) TO STDOUT; COPY (SELECT (x`, `0x1;`, `1_0;`, `1..2`, `x || ;`, `x -- `, `x /* */`,
}

// positions are the text arguments that take expressions.
var positions = []struct{ name, call string }{
	{"target", "ml.linear_regression('t', %s, '{x}', 'm', replace => true)"},
	{"features", "ml.linear_regression('t', 'y', ARRAY['x', %s], 'm', replace => true)"},
	{"group_by", "ml.linear_regression('t', 'y', '{x}', 'm', group_by => ARRAY[%s], replace => true)"},
	{"weights", "ml.linear_regression('t', 'y', '{x}', 'm', weights => %s, replace => true)"},
	{"cluster", "ml.linear_regression('t', 'y', '{x}', 'm', covariance => 'cluster', cluster => %s, replace => true)"},
	{"order_by", "ml.linear_regression('t', 'y', '{x}', 'm', order_by => %s, replace => true)"},
}

// TestHostileExpressions puts each hostile text into each argument, on both
// paths and under either setting of standard_conforming_strings.
func TestHostileExpressions(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	role, url := e.Role(t, "caller")
	boss, c := admin(t, e), open(t, url)
	boss.run("CREATE TABLE public.hidden (n float8); INSERT INTO public.hidden VALUES (4711)")
	c.run(dataSQL("t", 30) + "CREATE TABLE other (n float8); INSERT INTO other VALUES (4711); CREATE TABLE untouched (n int)")
	for i, text := range hostile {
		table := []string{"public.hidden", role + ".other"}[i%2]
		expression := strings.ReplaceAll(text, "%s", table)
		for j, position := range positions {
			begin := "BEGIN"
			if (i+j)%3 == 0 {
				begin += "; SAVEPOINT s"
			}
			if (i+j)%5 == 0 {
				begin += "; SET LOCAL standard_conforming_strings = off; SET LOCAL escape_string_warning = off"
			}
			c.run(begin)
			checkHostile(t, c, position.name, fmt.Sprintf("SELECT * FROM "+position.call, "$1"), expression)
			c.run("ROLLBACK")
		}
	}
	if got := c.text("SELECT count(*)::text FROM t, untouched RIGHT JOIN other ON true"); got != "30" {
		t.Errorf("the tables have changed: %s", got)
	}
	idle(t, e)
}

// checkHostile requires that the call fails with an error of the class of user
// errors, or computes over the rows of t alone.
func checkHostile(t *testing.T, c *client, position, sql, expression string) {
	t.Helper()
	_, err := c.Exec(t.Context(), sql, expression)
	if err == nil {
		rest := c.text("SELECT concat_ws(' ', (SELECT string_agg(m::text, ' ') FROM m), (SELECT string_agg(s::text, ' ') FROM m_summary AS s))")
		if strings.Contains(strings.ReplaceAll(rest, expression, ""), "4711") && !strings.Contains(expression, "4711") {
			t.Errorf("%s %q reads another table: %s", position, expression, rest)
		}
		return
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		t.Fatalf("%s %q: the connection broke: %v", position, expression, err)
	}
	switch e.Code[:2] {
	case "42", "22", "0A", "54":
	default:
		t.Errorf("%s %q: %s", position, expression, explain(err))
	}
	if strings.Contains(e.Message+e.Detail+e.Where, "4711") && !strings.Contains(expression, "4711") {
		t.Errorf("%s %q shows another table: %s", position, expression, explain(err))
	}
}

// TestHostilePath calls under a search_path whose first schema shadows the
// operators, functions and types that the functions of schema ml could use. Each
// shadow fails loudly when it is evaluated.
func TestHostilePath(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	boss, c := admin(t, e), open(t, url)
	boss.run("GRANT CREATE ON DATABASE " + databaseName(t, e) + " TO PUBLIC")
	c.run(dataSQL("t", 60))
	want := c.fit("t", "y", "x")
	c.run(hostileSchema("evil_"))
	c.run("GRANT USAGE ON SCHEMA evil_ TO PUBLIC")
	for _, path := range []string{"evil_, pg_catalog, \"$user\", public", "evil_, ml_private, ml, pg_catalog, \"$user\"", "pg_temp, evil_, pg_catalog, \"$user\""} {
		c.run("SET search_path = " + path)
		if got := c.try("SELECT 'a'::pg_catalog.text = 'a'::pg_catalog.text"); got == nil {
			t.Fatalf("under %s the operators are not shadowed", path)
		}
		for _, begin := range []string{"BEGIN", "BEGIN; SAVEPOINT s"} {
			c.run(begin)
			for range 7 {
				c.run("SELECT pg_catalog.count(*) FROM ml.linear_regression('t', 'y', '{x}', '\"$out\"', replace => true)")
			}
			c.run("SELECT * FROM ml.jobs; SELECT ml.cancel('x'); SELECT ml.help(); SELECT ml.help('linear_regression'); RESET search_path")
			m := model{}
			if err := c.readModel(&m, c.text(`SELECT oid::regclass::text FROM pg_class WHERE relname = '$out'`)); err != nil {
				t.Fatal(explain(err))
			}
			if m.coefficients != want.coefficients {
				t.Errorf("under %s: %s, want %s", path, m.coefficients, want.coefficients)
			}
			c.run("ROLLBACK; SET search_path = " + path)
		}
	}
}

// hostileSchema makes shadows of what careless SQL would use.
func hostileSchema(schema string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE SCHEMA %s; SET search_path = pg_catalog, %[1]s; CREATE FUNCTION %[1]s.loud() RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE 'a shadow was called'; END$$;", schema)
	for i, op := range []struct{ name, left, right, result string }{
		{"=", "text", "text", "boolean"}, {"<>", "text", "text", "boolean"}, {"||", "text", "text", "text"}, {"=", "name", "name", "boolean"}, {"=", "oid", "oid", "boolean"},
		{"=", "name", "text", "boolean"}, {"+", "int", "int", "int"}, {"-", "int", "int", "int"}, {">", "int", "int", "boolean"}, {"<>", "int", "int", "boolean"}, {"=", "int", "int", "boolean"},
		{"->", "jsonb", "text", "jsonb"}, {"->>", "jsonb", "text", "text"}, {"->", "jsonb", "int", "jsonb"}, {"->>", "jsonb", "int", "text"}, {"||", "jsonb", "jsonb", "jsonb"},
		{"~", "text", "text", "boolean"}, {"-", "timestamptz", "timestamptz", "interval"}, {"<>", `"char"`, `"char"`, "boolean"}, {"<>", "oid", "oid", "boolean"}, {">=", "tid", "tid", "boolean"}, {"<", "tid", "tid", "boolean"},
		{"=", "anyelement", "anyelement", "boolean"},
	} {
		fmt.Fprintf(&b, "CREATE FUNCTION %[1]s.op%[2]d(%[3]s, %[4]s) RETURNS %[5]s LANGUAGE plpgsql AS $$BEGIN PERFORM %[1]s.loud(); RETURN NULL; END$$; CREATE OPERATOR %[1]s.%[6]s (LEFTARG = %[3]s, RIGHTARG = %[4]s, FUNCTION = %[1]s.op%[2]d);",
			schema, i, op.left, op.right, op.result, op.name)
	}
	for _, f := range []struct{ name, args, result string }{
		{"format", "text, VARIADIC text[]", "text"}, {"concat", "VARIADIC text[]", "text"}, {"current_setting", "text", "text"}, {"jsonb_build_object", "VARIADIC text[]", "jsonb"},
		{"to_regclass", "text", "regclass"}, {"parse_ident", "text", "text[]"}, {"octet_length", "text", "int"}, {"cardinality", "text[]", "int"}, {"length", "bytea", "int"}, {"record_send", "record", "bytea"},
		{"array_send", "bytea[]", "bytea"}, {"encode", "bytea, text", "text"}, {"clock_timestamp", "", "timestamptz"}, {"pg_export_snapshot", "", "text"}, {"pg_typeof", "text", "regtype"}, {"to_jsonb", "bigint[]", "jsonb"},
		{"set_config", "text, text, boolean", "text"}, {"btrim", "text", "text"}, {"version", "", "text"}, {"ask", "jsonb", "jsonb"}, {"run", "text, jsonb, jsonb, text, boolean, boolean", "ml.result"}, {"float8", "float8", "float8"},
	} {
		fmt.Fprintf(&b, "CREATE FUNCTION %s.%s(%s) RETURNS %s LANGUAGE plpgsql AS $$BEGIN RAISE 'a shadow was called'; END$$;", schema, f.name, f.args, f.result)
	}
	for _, name := range []string{"text", "jsonb", "int4", "int8", "float8", "bytea", "bool", "regclass", "oid", "refcursor", "timestamptz", "result", "tid"} {
		fmt.Fprintf(&b, "CREATE DOMAIN %s.%s AS pg_catalog.int2 CHECK (VALUE = 4242);", schema, name)
	}
	for _, name := range []string{"worker", "rows", "wide_rows", "pg_class", "pg_namespace", "pg_type", "pg_locks", "pg_user_mappings", "jobs"} {
		fmt.Fprintf(&b, "CREATE TABLE %s.%s (loud pg_catalog.int4);", schema, name)
	}
	return b.String() + "RESET search_path;"
}
