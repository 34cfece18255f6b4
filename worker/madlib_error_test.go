package worker_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/milltest"
)

// madlibErrors are calls and parts of MADlib's texts, which its test helpers match.
var madlibErrors = map[string]string{
	"linregr_train(NULL, 'o', 'x', 'ARRAY[1]')":                                                                      "Linregr error: Invalid data table name!",
	"linregr_train('', 'o', 'x', 'ARRAY[1]')":                                                                        "Linregr error: Invalid data table name!",
	"linregr_train('absent', 'o', 'x', 'ARRAY[1]')":                                                                  "Linregr error: Data table does not exist!",
	"linregr_train('nothing', 'o', 'x', 'ARRAY[1]')":                                                                 "Linregr error: Data table is empty!",
	"linregr_train('h', 'null', 'x', 'ARRAY[1]')":                                                                    "Linregr error: Invalid output table name!",
	"linregr_train('h', 'taken', 'x', 'ARRAY[1]')":                                                                   "Output table name already exists. Drop the table before calling the function.",
	"linregr_train('h', 'taken2', 'x', 'ARRAY[1]')":                                                                  "Output table name already exists. Drop the table before calling the function.",
	"linregr_train('h', 'o', NULL, 'ARRAY[1]')":                                                                      "Linregr error: Invalid dependent column name!",
	"linregr_train('h', 'o', 'x', ' ')":                                                                              "Linregr error: Invalid independent column name!",
	"linregr_train('h', 'o', 'x', 'ARRAY[1]', 'coef')":                                                               "Conflicting grouping column name.",
	"linregr_train('h', 'o', 'x', 'ARRAY[1]', 'id, \"coef\"')":                                                       "Conflicting grouping column name.",
	"linregr_train('h', 'o', 'x', 'ARRAY[1]', '')":                                                                   "Linregr error: Invalid grouping columns name!",
	"linregr_train('h', 'o', 'x', 'ARRAY[1]', NULL, NULL)":                                                           "Linregr error: Invalid heteroskedasticity_option",
	"linregr_train('h', 'o', 'x', 'ragged')":                                                                         "Inconsistent numbers of independent variables.",
	"linregr_train('h', 'o', '1 / x * ''Infinity''', 'data')":                                                        "Dependent variables are not finite.",
	"linregr_train('h', 'o', 'x', 'ARRAY[x * ''NaN'']')":                                                             "Design matrix is not finite.",
	"linregr_train('h', 'o', 'x', 'x')":                                                                              "point x cannot be used",
	"logregr_train('absent', 'o', 'x', 'ARRAY[1]')":                                                                  "Logregr error: Data table does not exist!",
	"logregr_train('h', 'o', 'b', 'data', NULL, 0)":                                                                  "Logregr error: Maximum number of iterations must be positive!",
	"logregr_train('h', 'o', 'b', 'data', NULL, 20, 'bfgs')":                                                         "Logregr error: Unknown optimizer requested.",
	"logregr_train('h', 'o', 'b', 'data', NULL, 20, 'irls', -1)":                                                     "Logregr error: The tolerance cannot be negative!",
	"logregr_train('h', 'o', 'x', 'data')":                                                                           "target x cannot be used",
	"logregr_train('h', 'o', 'b', 'data', 'std_err')":                                                                "Conflicting grouping column name.",
	"knn(NULL, 'data', 'id', 'label', 'knn_test_data', 'data', 'id', 'o')":                                           "kNN error: NULL/empty input table name!",
	"knn('absent', 'data', 'id', 'label', 'knn_test_data', 'data', 'id', 'o')":                                       "kNN error: Input table 'absent' does not exist.",
	"knn('h', 'data', 'id', NULL, 'nothing', 'data', 'id', 'o')":                                                     "kNN error: Input table 'nothing' is empty!",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', NULL)":                                                          "kNN error: NULL/empty output table name!",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'taken')":                                                       "kNN error: Output table 'taken' already exists. Drop it before calling the function.",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 1, false)":                                                 "Either label_column_name or output_neighbors",
	"knn('h', 'holes', 'id', NULL, 'h', 'data', 'id', 'o')":                                                          "kNN Error: Feature column 'holes' in train table has some NULL values.",
	"knn('h', 'data', 'id', NULL, 'h', 'holes', 'id', 'o')":                                                          "kNN Error: Feature column 'holes' in test table has some NULL values.",
	"knn('h', 'x', 'id', NULL, 'h', 'data', 'id', 'o')":                                                              "'x' in train table is not an array.",
	"knn('h', 'data', 'id', NULL, 'h', 'ARRAY[txt]', 'id', 'o')":                                                     "'ARRAY[txt]' in test table is not an array.",
	"knn('h', 'data', 'id', 'txt', 'h', 'data', 'id', 'o')":                                                          "Invalid data type 'text' for label_column_name",
	"knn('h', 'data', 'id', 'big', 'h', 'data', 'id', 'o')":                                                          "Invalid data type 'int8' for label_column_name",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'x', 'o')":                                                            "Invalid data type 'float8' for test_id",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 0)":                                                        "kNN Error: k=0 is an invalid value, must be greater than 0.",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 10)":                                                       "kNN Error: k=10 is greater than number of rows in training table.",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 1, true, 'absent')":                                        "Distance function (absent) has invalid signature or is not a simple function.",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 1, true, 'two')":                                           "Distance function (two) has invalid signature or is not a simple function.",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 1, true, 'madlib.norm1')":                                  "Distance function (madlib.norm1) has invalid signature or is not a simple function.",
	"knn('h', 'data', 'id', NULL, 'h', 'ragged', 'id', 'o')":                                                         "different lengths",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 1, true, NULL, false, 'ball_tree')":                        "Please pick brute_force or kd_tree",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 1, true, NULL, false, 'kd_tree', 'depth=0')":               "depth=0 is an invalid value",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 1, true, NULL, false, 'kd_tree', 'leaf_nodes=0')":          "leaf_nodes=0 is an invalid value",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 1, true, NULL, false, 'kd_tree', 'depth=1, leaf_nodes=2')": "2^depth must be greater than leaf_nodes",
	"knn('h', 'data', 'id', NULL, 'h', 'data', 'id', 'o', 1, true, NULL, false, 'kd_tree', 'width=1')":               "unknown key",
	"arima_train('absent', 'o', 'time_id', 'value')":                                                                 "ARIMA error: Source data table does not exist!",
	"arima_train('arima_beer', NULL, 'time_id', 'value')":                                                            "ARIMA error: Invalid output table prefix!",
	"arima_train('arima_beer', 'taken', 'time_id', 'value')":                                                         "ARIMA error: Output table taken already exists!",
	"arima_train('arima_beer', 'taken2', 'time_id', 'value')":                                                        "ARIMA error: Output table taken2_summary already exists!",
	"arima_train('arima_beer', 'o', NULL, 'value')":                                                                  "columns do not exist in arima_beer!",
	"arima_train('arima_beer', 'o', 'absent', 'value')":                                                              `column "absent" does not exist`,
	"arima_train('arima_beer', 'o', 'time_id', 'value', NULL, false, '{1,1}')":                                       "ARIMA error: 3 integers not supplied for non_seasonal_orders",
	"arima_train('arima_beer', 'o', 'time_id', 'value', NULL, false, '{1,-1,1}')":                                    "ARIMA error: Non-seasonal orders must be non-negative!",
	"arima_train('arima_beer', 'o', 'time_id', 'value', NULL, false, '{0,0,0}')":                                     "ARIMA error: Non-seasonal orders must not all be zeros!",
	"arima_train('arima_beer', 'o', 'time_id', 'value', NULL, false, '{0,1,0}')":                                     "ARIMA error: AR order and MA order cannot both be zeros!",
	"arima_train('arima_beer', 'o', 'time_id', 'value', NULL, false, '{20,0,0}')":                                    "ARIMA error: Non-seasonal orders should be less than 20!",
	"arima_train('arima_beer', 'o', 'time_id', 'value', NULL, false, NULL, 'tau')":                                   "ARIMA error: Optimizer parameter list has incorrect format!",
	"arima_train('arima_beer', 'o', 'time_id', 'value', NULL, false, NULL, 'tau=-1')":                                "ARIMA error: tau must be positive!",
	"arima_train('arima_beer', 'o', 'time_id', 'value', NULL, false, NULL, 'max_iter=x')":                            "ARIMA error: max_iter must be an integer number!",
	"arima_train('arima_beer', 'o', 'time_id', 'value', NULL, false, NULL, 'chunk_size=100')":                        "ARIMA error: chunk_size must be at least 10000!",
	"arima_train('arima_beer', 'o', 'time_id', 'value', NULL, false, NULL, 'lambda=1')":                              "lambda is not a valid parameter name",
	"arima_train('gap', 'o', 'id', 'value')":                                                                         "column value of the input table has NULL values!",
	"arima_train('lone', 'o', 'n', 'n')":                                                                             "ARIMA error: ",
	"arima_forecast('absent', 'o', 1)":                                                                               "ARIMA error: Model table 'absent' does not exist!",
	"arima_forecast(NULL, 'o', 1)":                                                                                   "ARIMA error: Invalid model table parameter",
	"arima_forecast('taken', 'o', 1)":                                                                                "ARIMA error: Model summary table 'taken_summary' does not exist!",
}

// madlibErrorData makes the tables of madlibErrors.
const madlibErrorData = lecture + `CREATE TABLE nothing (id int, data float8[], x float8, y float8); CREATE TABLE taken (n int); CREATE TABLE taken2_summary (n int);
		CREATE TABLE h AS SELECT i AS id, i AS coef, i % 2 = 0 AS b, i::float8 AS x, 'a' AS txt, i::bigint AS big, ARRAY[i, CASE WHEN i < 9 THEN 1 END] AS holes, ARRAY[i, 1] AS data,
			CASE WHEN i < 3 THEN ARRAY[i] ELSE ARRAY[i, i] END AS ragged FROM generate_series(1, 9) AS i;
		CREATE TABLE gap AS SELECT i AS id, CASE WHEN i <> 5 THEN i % 7 END::float8 AS value FROM generate_series(1, 30) AS i;
		CREATE FUNCTION two(float8[], float8[]) RETURNS int LANGUAGE sql RETURN 2; CREATE TABLE lone AS SELECT 1 AS n;`

// TestMadlibErrors runs calls that must fail in MADlib's words.
func TestMadlibErrors(t *testing.T) {
	t.Parallel()
	_, c := madlibDatabase(t)
	c.run(madlibErrorData)
	for call, want := range madlibErrors {
		err := c.try("SELECT madlib." + call)
		var e *pgconn.PgError
		if !errors.As(err, &e) || !strings.Contains(e.Message, want) || e.Code == "XX000" {
			t.Errorf("madlib.%s:\n%v\nwant %s", call, err, want)
		}
	}
	for _, sql := range []string{"SELECT madlib.linregr(x, ragged) FROM h", "SELECT madlib.linregr('NaN', data) FROM h"} {
		c.refused("22000", sql)
	}
}

// TestMadlibSameErrors: knn has the same words whoever computes the distance.
func TestMadlibSameErrors(t *testing.T) {
	t.Parallel()
	_, c := madlibDatabase(t)
	c.run(madlibErrorData + "CREATE FUNCTION own(float8[], float8[]) RETURNS float8 LANGUAGE sql RETURN madlib.dist_norm1($1, $2)")
	for _, more := range []string{"'h', 'holes', 'id', NULL, 'h', 'data'", "'h', 'data', 'id', NULL, 'h', 'holes'", "'h', 'data', 'id', 'txt', 'h', 'data'",
		"'h', 'x', 'id', NULL, 'h', 'data'", "'h', 'data', 'id', NULL, 'h', 'x'"} {
		call := func(function string) string {
			var e *pgconn.PgError
			if !errors.As(c.try("SELECT madlib.knn("+more+", 'id', 'o', 1, true, '"+function+"')"), &e) {
				t.Fatalf("knn(%s) does not fail", more)
			}
			return e.Message
		}
		if own, kernel := call("own"), call("madlib.dist_norm1"); own != kernel {
			t.Errorf("knn(%s): %q with a function of the caller, %q with the worker's", more, own, kernel)
		}
	}
}

// TestMadlibForecastErrors: a forecast needs a model's three tables as they were.
func TestMadlibForecastErrors(t *testing.T) {
	t.Parallel()
	_, c := madlibDatabase(t)
	c.run(madlibErrorData + "SELECT madlib.arima_train('arima_beer', 'm', 'time_id', 'value')")
	for sql, want := range map[string]string{
		"SELECT madlib.arima_forecast('m', 'o', 0)":                                                              "ARIMA error: Invalid steps_ahead parameter!",
		"SELECT madlib.arima_forecast('m', 'o', 1000000001)":                                                     "Maximum number of steps",
		"SELECT madlib.arima_forecast('m', 'taken', 1)":                                                          "ARIMA error: Output table taken already exists!",
		"BEGIN; DELETE FROM m; SELECT madlib.arima_forecast('m', 'o', 1)":                                        "does not have one row",
		"BEGIN; DELETE FROM m_summary; SELECT madlib.arima_forecast('m', 'o', 1)":                                "is empty!",
		"BEGIN; UPDATE m_summary SET non_seasonal_orders = '{2,1,1}'; SELECT madlib.arima_forecast('m', 'o', 1)": "has 1 and 1 coefficients",
		"BEGIN; UPDATE m_summary SET input_table = 'absent'; SELECT madlib.arima_forecast('m', 'o', 1)":          "Source data table 'absent' does not exist!",
		"BEGIN; ALTER TABLE m DROP ar_params; SELECT madlib.arima_forecast('m', 'o', 1)":                         "missing ar_params column!",
		"BEGIN; DELETE FROM m_residual; SELECT madlib.arima_forecast('m', 'o', 1)":                               "80 values and 0 residuals are left",
	} {
		if err := c.try(sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", sql, err, want)
		}
		c.run("ROLLBACK")
	}
}

// madlibPositions are the text arguments of schema madlib: expressions first, then
// names of tables and functions, and lists.
var madlibPositions = []string{
	"linregr_train('t', 'm', $1, 'ARRAY[1, x]')", "linregr_train('t', 'm', 'y', $1)", "linregr_train('t', 'm', 'y', 'ARRAY[1, x]', $1)", "linregr_train('t', 'm', 'y', 'ARRAY[1, x]', 'id, ' || $1)",
	"logregr_train('t', 'm', $1, 'ARRAY[1, x]')", "logregr_train('t', 'm', 'x > 3', $1)", "logregr_train('t', 'm', 'x > 3', 'ARRAY[1, x]', $1)",
	"knn('t', $1, 'id', NULL, 't', 'ARRAY[x]', 'id', 'm')", "knn('t', 'ARRAY[x]', $1, NULL, 't', 'ARRAY[x]', 'id', 'm')", "knn('t', 'ARRAY[x]', 'id', $1, 't', 'ARRAY[x]', 'id', 'm')",
	"knn('t', 'ARRAY[x]', 'id', NULL, 't', $1, 'id', 'm')", "knn('t', 'ARRAY[x]', 'id', NULL, 't', 'ARRAY[x]', $1, 'm')", "knn('t', 'ARRAY[x]', 'id', $1, 't', 'ARRAY[x]', 'id', 'm', 1, true, 'own')",
	"knn('t', $1, 'id', NULL, 't', 'ARRAY[x]', 'id', 'm', 1, true, 'own')", "knn('t', 'ARRAY[x]', 'id', NULL, 't', $1, 'id', 'm', 1, true, 'own')", "knn('t', 'ARRAY[x]', $1, NULL, 't', 'ARRAY[x]', 'id', 'm', 1, true, 'own')",
	"arima_train('t', 'm', $1, 'y')", "arima_train('t', 'm', 'id', $1)",
	"linregr_train($1, 'm', 'y', 'ARRAY[1, x]')", "linregr_train('t', $1, 'y', 'ARRAY[1, x]')", "logregr_train($1, 'm', 'x > 3', 'ARRAY[1, x]')", "knn($1, 'ARRAY[x]', 'id', NULL, 't', 'ARRAY[x]', 'id', 'm')",
	"knn('t', 'ARRAY[x]', 'id', NULL, $1, 'ARRAY[x]', 'id', 'm')", "knn('t', 'ARRAY[x]', 'id', NULL, 't', 'ARRAY[x]', 'id', $1, 1, true, 'own')", "knn('t', 'ARRAY[x]', 'id', NULL, 't', 'ARRAY[x]', 'id', 'm', 1, true, $1)",
	"knn('t', 'ARRAY[x]', 'id', NULL, 't', 'ARRAY[x]', 'id', 'm', 1, true, NULL, false, $1)", "knn('t', 'ARRAY[x]', 'id', NULL, 't', 'ARRAY[x]', 'id', 'm', 1, true, NULL, false, 'kd', $1)",
	"arima_train($1, 'm', 'id', 'y')", "arima_train('t', $1, 'id', 'y')", "arima_train('t', 'm', 'id', 'y', $1)", "arima_train('t', 'm', 'id', 'y', NULL, false, NULL, $1)",
	"arima_forecast($1, 'm', 1)", "arima_forecast('forecastable', $1, 1)", "linregr_train($1)", "knn($1)",
}

// TestMadlibHostile puts each hostile text into each text argument. The caller's
// own tables stay, another role's are not read, and errors are user errors.
func TestMadlibHostile(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	role, url := e.Role(t, "caller")
	boss, c := admin(t, e), open(t, url)
	boss.run("CREATE TABLE public.hidden (n float8); INSERT INTO public.hidden VALUES (4711)")
	c.run(dataSQL("t", 30) + `CREATE TABLE other (n float8); INSERT INTO other VALUES (4711); CREATE TABLE untouched (n int);
		CREATE FUNCTION own(float8[], float8[]) RETURNS float8 LANGUAGE sql RETURN madlib.dist_norm1($1, $2); SELECT madlib.arima_train('t', 'forecastable', 'id', 'y')`)
	for i, text := range hostile {
		table := []string{"public.hidden", role + ".other"}[i%2]
		expression := strings.ReplaceAll(text, "%s", table)
		for j, position := range madlibPositions {
			c.run("BEGIN")
			if (i+j)%5 == 0 {
				c.run("SET LOCAL standard_conforming_strings = off; SET LOCAL escape_string_warning = off")
			}
			checkMadlibHostile(c, position, expression)
			c.run("ROLLBACK")
		}
	}
	if got := c.text("SELECT count(*) || session_user || current_user FROM t, untouched RIGHT JOIN other ON true"); got != "30"+role+role {
		t.Errorf("the tables or the role have changed: %s", got)
	}
}

func checkMadlibHostile(c *client, position, expression string) {
	c.t.Helper()
	_, err := c.Exec(c.t.Context(), "SELECT madlib."+position, expression)
	if err == nil {
		made := c.text(`SELECT coalesce(string_agg(query_to_xml(format('SELECT * FROM %s', oid::regclass), true, true, '')::text, ' '), '')
			FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname NOT IN ('t', 'other', 'untouched') AND relname NOT LIKE 'forecastable%'`)
		if strings.Contains(made, "4711") && !strings.Contains(expression, "4711") && !strings.Contains(position, "train($1") {
			c.t.Errorf("%s %q reads another table: %s", position, expression, made)
		}
		return
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		c.t.Fatalf("%s %q: the connection broke: %v", position, expression, err)
	}
	switch e.Code[:2] {
	case "42", "22", "0A", "54", "23":
	default:
		c.t.Errorf("%s %q: %s", position, expression, explain(err))
	}
	if strings.Contains(e.Message+e.Detail+e.Where, "4711") && !strings.Contains(expression, "4711") {
		c.t.Errorf("%s %q shows another table: %s", position, expression, explain(err))
	}
}

// TestMadlibHostilePath: shadows of operators, functions and types are not called.
func TestMadlibHostilePath(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	boss, c := admin(t, e), open(t, url)
	boss.run("GRANT CREATE ON DATABASE " + databaseName(t, e) + " TO PUBLIC")
	c.run(dataSQL("t", 60) + hostileSchema("evil_") + `SET search_path = "$user"; CREATE FUNCTION own(a float8[], b float8[]) RETURNS float8 LANGUAGE sql RETURN madlib.dist_norm1(a, b); RESET search_path`)
	for _, path := range []string{`evil_, pg_catalog, "$user", public`, `"$user", evil_, madlib, ml_private, ml, pg_catalog`} {
		c.run("SET search_path = " + path)
		for _, call := range []string{
			"linregr_train('t', 'l', 'y', 'array[x]', 'label, id % 2', true)", "logregr_train('t', 'lo', 'id % 2', 'array[x]')",
			"knn('t', 'array[x]', 'id', NULL, 't', 'array[x]', 'id', 'k')", "knn('t', 'array[x]', 'id', NULL, 't', 'array[x]', 'id', 'k2', 1, true, 'own')",
			"arima_train('t', 'ar', 'id', 'y', NULL, false, '{1,0,0}')", "arima_forecast('ar', 'f', 3)", "knn('usage')", "linregr_train()",
			"dist_angle('{1}', '{2}')", "dist_pnorm('{1}', '{2}', 3)", "logregr_predict_prob('{1}', '{2}')",
		} {
			if err := c.try("SELECT madlib." + call); err != nil {
				t.Errorf("under %s: madlib.%s: %v", path, call, explain(err))
			}
		}
		if err := c.try("SELECT madlib.linregr(y, ARRAY[x]) FROM t"); err != nil {
			t.Errorf("under %s: linregr: %v", path, explain(err))
		}
		c.run("DROP TABLE IF EXISTS l, l_summary, lo, lo_summary, k, k2, ar, ar_summary, ar_residual, f")
	}
}

// TestMadlibForeignModel: a model that somebody else wrote names what it reads. It
// may not make the caller run that role's code.
func TestMadlibForeignModel(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	mallory, malloryURL := e.Role(t, "mallory")
	_, url := e.Role(t, "alice")
	m, c := open(t, malloryURL), open(t, url)
	m.run(lecture + `SELECT madlib.arima_train('` + mallory + `.arima_beer', 'm', 'time_id', 'value');
		CREATE TABLE trap (who text); GRANT INSERT ON trap TO PUBLIC;
		CREATE FUNCTION spring(x float8) RETURNS float8 LANGUAGE plpgsql AS $$BEGIN INSERT INTO ` + mallory + `.trap VALUES (current_user); RETURN x; END$$;
		CREATE VIEW bait AS SELECT time_id, spring(value) AS value FROM arima_beer;
		GRANT USAGE ON SCHEMA ` + mallory + ` TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA ` + mallory + ` TO PUBLIC`)
	forecast := fmt.Sprintf("SELECT madlib.arima_forecast('%s.m', 'f', 2)", mallory)
	c.run(forecast) // plain tables and columns are allowed
	if got := c.text("SELECT count(*)::text FROM f"); got != "2" {
		t.Errorf("%s rows of a forecast, want 2", got)
	}
	for _, change := range []string{"input_table = '" + mallory + ".bait'", "timeseries_col = '" + mallory + ".spring(value)'", "timeseries_col = 'spring(value)'", "timestamp_col = '(SELECT 1)'"} {
		m.run("BEGIN; CREATE TABLE saved AS SELECT * FROM m_summary; UPDATE m_summary SET " + change + "; COMMIT")
		c.run("DROP TABLE IF EXISTS f")
		var err *pgconn.PgError
		if !errors.As(c.try(forecast), &err) || err.Code[:2] != "42" {
			t.Errorf("%s: %v, want a refusal", change, err)
		}
		m.run("BEGIN; DELETE FROM m_summary; INSERT INTO m_summary SELECT * FROM saved; DROP TABLE saved; COMMIT")
	}
	if got := m.text("SELECT coalesce(string_agg(who, ' '), 'nobody') FROM trap"); got != "nobody" {
		t.Errorf("the trap was sprung by %s", got)
	}
}
