package worker_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestMadlibDistances: values by hand, and MADlib's at zero vectors.
func TestMadlibDistances(t *testing.T) {
	t.Parallel()
	_, c := madlibDatabase(t)
	for call, want := range map[string]string{
		"dist_norm1('{1,2}', '{4,-2}')": "7", "dist_norm2('{1,2}', '{4,-2}')": "5", "squared_dist_norm2('{1,2}', '{4,-2}')": "25",
		"dist_inf_norm('{1,2}', '{4,-2}')": "4", "dist_pnorm('{1,2}', '{4,-2}', 1)": "7", "dist_pnorm('{0,0}', '{3,4}', 2)": "5", "dist_pnorm('{1,2}', '{4,-2}', 'Infinity')": "4",
		"cosine_similarity('{1,0}', '{2,0}')": "1", "cosine_similarity('{0,0}', '{2,0}')": "-1", "dist_angle('{1,0}', '{0,3}') = pi()/2": "true", "dist_angle('{0,0}', '{0,3}') = pi()": "true",
		"dist_tanimoto('{1,1}', '{1,1}')": "0", "dist_tanimoto('{1,0}', '{0,1}')": "1", "dist_tanimoto('{0,0}', '{0,0}')": "NaN",
		"dist_jaccard('{a,b}', '{b,c}') = 1 - 1/3::float8": "true", "dist_jaccard('{}', '{}')": "0", "dist_jaccard('{}', '{a}')": "1", "dist_jaccard('{a,a}', '{a}')": "0",
		"norm1('{3,-4}')": "7", "norm2('{3,-4}')": "5", "norm2('{}')": "0", "dist_norm2(NULL, '{1}') IS NULL": "true",
		"logistic(0)": "0.5", "logistic(-1e300)": "0", "logistic(1e300)": "1", "logregr_predict('{1,2}', '{1,-1}')": "false", "logregr_predict_prob('{0,0}', '{1,5}')": "0.5",
		"linregr_predict('{1,2}', '{1,10}')": "21", "linregr_predict('{1,2}', '{1,NULL}') IS NULL": "true",
	} {
		if got := c.text("SELECT (madlib." + call + ")::text"); got != want {
			t.Errorf("madlib.%s = %s, want %s", call, got, want)
		}
	}
	for _, call := range []string{"dist_norm1", "dist_norm2", "squared_dist_norm2", "dist_angle", "dist_tanimoto", "dist_inf_norm", "cosine_similarity"} {
		if e := c.refused("22000", "SELECT madlib."+call+"('{1}', '{1,2}')"); !strings.Contains(e.Message, "different lengths") {
			t.Errorf("%s: %s", call, e.Message)
		}
	}
	c.refused("22000", "SELECT madlib.dist_pnorm('{1}', '{1,2}', 2)")
	c.refused("22023", "SELECT madlib.dist_pnorm('{1}', '{2}', 0.5)")
}

// TestMadlibPrediction holds knn to MADlib's rules of prediction, by hand, with a
// kernel of the worker and with the same distance as a function of the caller.
func TestMadlibPrediction(t *testing.T) {
	t.Parallel()
	_, c := madlibDatabase(t)
	c.run(`CREATE FUNCTION own(float8[], float8[]) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN madlib.dist_norm1($1, $2);
		CREATE TABLE train (id bigint, p numeric[], i int, b boolean, f float8);
		INSERT INTO train VALUES (1, '{1}', 1, true, 1), (2, '{2}', 2, false, 10), (3, '{4}', 2, false, 100), (4, '{8}', NULL, NULL, NULL);
		CREATE TABLE test (id smallint, p float4[]); INSERT INTO test VALUES (7, '{0}'), (7, '{0}'), (8, '{1}')`)
	for _, tt := range []struct{ label, k, weighted, want string }{
		{"NULL", "1", "false", "(7,{0},{1},{1}) (8,{1},{1},{0})"},
		{"'i'", "2", "false", "(7,{0},2,{1,2},{1,2}) (8,{1},2,{1,2},{0,1})"},                   // a tie: the largest label
		{"'i'", "3", "true", "(7,{0},1,{1,2,3},{1,2,4}) (8,{1},1,{1,2,3},{0,1,3})"},            // 1 against 1/2 + 1/4; 1e107
		{"'b'", "3", "false", "(7,{0},0,{1,2,3},{1,2,4}) (8,{1},0,{1,2,3},{0,1,3})"},           // booleans are 0 and 1
		{"'b'", "1", "true", "(7,{0},1,{1},{1}) (8,{1},1,{1},{0})"},                            //
		{"'f'", "3", "false", "(7,{0},37,{1,2,3},{1,2,4}) (8,{1},37,{1,2,3},{0,1,3})"},         // the average
		{"'f'", "2", "true", "(7,{0},4,{1,2},{1,2}) (8,{1},1,{1,2},{0,1})"},                    // (1 + 10/2)/(3/2)
		{"'f'", "4", "false", "(7,{0},37,{1,2,3,4},{1,2,4,8}) (8,{1},37,{1,2,3,4},{0,1,3,7})"}, // NULL does not count
	} {
		for _, function := range []string{"madlib.dist_norm1", "own", " MADLIB.Dist_Norm1 "} {
			c.run(fmt.Sprintf("DROP TABLE IF EXISTS r; SELECT madlib.knn('train', 'p', 'id', %s, 'test', 'p', 'id', 'r', %s, true, '%s', %s)", tt.label, tt.k, function, tt.weighted))
			if got := strings.ReplaceAll(c.text("SELECT string_agg(r::text, ' ' ORDER BY id) FROM r"), `"`, ""); got != tt.want {
				t.Errorf("label %s, k %s, weighted %s, %s:\n%s\nwant\n%s", tt.label, tt.k, tt.weighted, function, got, tt.want)
			}
			prediction := ""
			if tt.label != "NULL" {
				prediction = "prediction double precision, "
				if tt.weighted == "true" && tt.label != "'f'" {
					prediction = "prediction integer, "
				}
			}
			c.wantColumns("r", "id smallint, p real[], "+prediction+"k_nearest_neighbours bigint[], distance double precision[]")
		}
	}
	for _, function := range []string{"madlib.dist_norm1", "own"} {
		c.run("DROP TABLE r; DELETE FROM train WHERE i IS NULL") // a NULL in ARRAY[id, f] would be an error
		c.run("SELECT madlib.knn('train', 'ARRAY[id, f]', 'id', 'i', 'test', 'p[1:1]||p[1:1]', 'id', 'r', 1, false, '" + function + "')")
		c.wantColumns("r", `id smallint, "p[1:1]||p[1:1]" real[], prediction double precision`)
	}
	c.run("DROP TABLE r; SELECT madlib.knn('train', 'p', 'id', NULL, 'test', 'p', 'id', 'r')")
	if got := c.text("SELECT count(*)::text FROM r"); got != "2" {
		t.Errorf("%s rows, want 2: equal test points with one id are one", got)
	}
}

// TestMadlibSameNeighbours: a distance gives the same table whether the worker or
// PostgreSQL computes it, also where it is negative or NaN.
func TestMadlibSameNeighbours(t *testing.T) {
	t.Parallel()
	_, c := madlibDatabase(t)
	c.run(`CREATE TABLE h AS SELECT i AS id, i % 3 AS label, (i % 4)::float8 AS value, ARRAY[i % 5 - 2, i % 3 - 1, 0] AS p FROM generate_series(1, 40) AS i`)
	for _, name := range []string{"dist_norm1", "dist_norm2", "squared_dist_norm2", "dist_inf_norm", "dist_angle", "dist_tanimoto", "cosine_similarity"} {
		c.run("CREATE OR REPLACE FUNCTION own(float8[], float8[]) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN madlib." + name + "($1, $2)")
		for _, more := range []string{"'label'|false", "'label'|true", "'value'|false", "'value'|true"} {
			label, weighted, _ := strings.Cut(more, "|")
			if name == "cosine_similarity" && weighted == "true" {
				continue // weights of both signs cancel, so that the vote hangs on the last bit
			}
			for out, function := range map[string]string{"a": "madlib." + name, "b": "own"} {
				c.run(fmt.Sprintf("DROP TABLE IF EXISTS %s; SELECT madlib.knn('h', 'p', 'id', %s, 'h', 'p', 'id', '%[1]s', 40, true, '%[3]s', %[4]s)", out, label, function, weighted))
			}
			// Sums of weights are rounded once by the worker, and at each step by PostgreSQL.
			differ := c.text(`SELECT count(*)::text FROM a JOIN b USING (id) WHERE abs(a.prediction::float8 - b.prediction::float8) > 1e-9 OR (a.prediction IS NULL) <> (b.prediction IS NULL)
				OR a.distance[1] IS DISTINCT FROM b.distance[1] AND abs(a.distance[1] - b.distance[1]) > 1e-7
				OR cardinality(a.distance) <> 40 OR (a.distance[40] = 'NaN') <> (b.distance[40] = 'NaN')`)
			if differ != "0" || c.text("SELECT count(*)::text FROM b") != "40" {
				t.Errorf("%s, label %s, weighted %s: %s of 40 rows differ", name, label, weighted, differ)
			}
		}
	}
	if got := c.text("SELECT (madlib.dist_tanimoto(p, p) = 'NaN')::text FROM h WHERE id = 7"); got != "true" {
		t.Errorf("no distance is NaN: %s", got)
	}
}

// TestMadlibLinearRules: collinear columns, few rows, NULL, groups.
func TestMadlibLinearRules(t *testing.T) {
	t.Parallel()
	_, c := madlibDatabase(t)
	c.run(`CREATE TABLE h (g text, "G h" int, x float8, y float8, j jsonb);
		INSERT INTO h SELECT NULLIF('abc', 'abc'), i, i, 3 + 4 * i, '{"k": 1}' FROM generate_series(1, 5) AS i;
		INSERT INTO h SELECT 'one', 1, 2, 7, '{"k": 2}';
		INSERT INTO h SELECT 'none', 1, x, NULL, '{"k": 2}' FROM generate_series(1, 3) AS x;
		INSERT INTO h SELECT 'noise', 1, i, i + i % 2, '{"k": 3}' FROM generate_series(1, 8) AS i`)
	train := func(out, design, more string) {
		c.run("DROP TABLE IF EXISTS m, m_summary; SELECT madlib.linregr_train('h', '" + out + "', 'y', '" + design + "'" + more + ")")
	}
	train("m", "ARRAY[1, x]", ", 'g'")
	c.wantColumns("m", "g text, coef double precision[], r2 double precision, std_err double precision[], t_stats double precision[], p_values double precision[], "+
		"condition_no double precision, num_rows_processed bigint, num_missing_rows_skipped bigint, variance_covariance double precision[]")
	c.wantColumns("m_summary", "method character varying, source_table character varying, out_table character varying, dependent_varname character varying, "+
		"independent_varname character varying, num_rows_processed bigint, num_missing_rows_skipped integer, grouping_col text")
	for sql, want := range map[string]string{
		"SELECT coef::text || r2 || std_err::text || p_values::text FROM m WHERE g IS NULL":                                          "{3,4}1{0,0}{0,0}",
		"SELECT (r2 = 1 AND p_values IS NULL AND num_rows_processed = 1 AND condition_no = 'Infinity')::text FROM m WHERE g = 'one'": "true",
		// The shortest of all b with b1 + 2 b2 = 7.
		"SELECT (SELECT string_agg(round(b::numeric, 12)::text, ' ') FROM unnest(coef) AS b) FROM m WHERE g = 'one'":    "1.400000000000 2.800000000000",
		"SELECT coalesce(coef::text, 'none') || num_rows_processed || num_missing_rows_skipped FROM m WHERE g = 'none'": "none03",
		"SELECT m_summary::text FROM m_summary": `(linregr,h,m,y,"ARRAY[1, x]",14,3,g)`,
	} {
		if got := c.text(sql); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	train("m", "ARRAY[1, x]", ", 'j->>''k'', \"G h\" % 2', true")
	c.wantColumns("m", `"j->>'k'" text, """G h"" % 2" integer, coef double precision[], r2 double precision, std_err double precision[], t_stats double precision[], `+
		"p_values double precision[], condition_no double precision, bp_stats double precision, bp_p_value double precision, "+
		"num_rows_processed bigint, num_missing_rows_skipped bigint, variance_covariance double precision[]")
	// x three times: each has a third of the slope, and predictions are the same.
	const same = "SELECT (max(abs(madlib.linregr_predict(a.coef, ARRAY[1, x]) - madlib.linregr_predict(b.coef, ARRAY[1, x, x, x]))) < 1e-12 AND min(b.condition_no) = 'Infinity' " +
		"AND min(abs(b.coef[2] - a.coef[2] / 3)) < 1e-13 AND max(abs(a.r2 - b.r2)) < 1e-13)::text FROM h, "
	train("m", "ARRAY[1, x, x, x]", "")
	c.run("DROP TABLE IF EXISTS n, n_summary; SELECT madlib.linregr_train('h', 'n', 'y', 'ARRAY[1, x]')")
	for _, b := range []string{"m", "(SELECT (madlib.linregr(y, ARRAY[1, x, x, x])).* FROM h)"} {
		if got := c.text(same + "n AS a, " + b + " AS b"); got != "true" {
			t.Errorf("collinear columns by %s: %s", b, got)
		}
	}
	if got := c.text("SELECT (madlib.linregr(y, ARRAY[1, x]) IS NULL)::text FROM h WHERE g = 'none'"); got != "true" {
		t.Errorf("linregr without rows: %s, want NULL", got)
	}
}

// TestMadlibAggregate: groups of many rows pass through the worker's sums, in any
// order, and give what linregr_train gives.
func TestMadlibAggregate(t *testing.T) {
	t.Parallel()
	_, c := madlibDatabase(t)
	c.run("BEGIN READ ONLY; SELECT madlib.linregr(i, ARRAY[1, i]) FROM generate_series(1, 5000) AS i; COMMIT")
	c.run("CREATE TABLE big AS SELECT i % 3 AS g, (i * 37 % 1001)::float8 AS x, sin(i) AS y FROM generate_series(1, 9000) AS i; SELECT madlib.linregr_train('big', 'l', 'y', 'ARRAY[1, x]', 'g')")
	if got := c.text(`SELECT count(*)::text FROM l JOIN (SELECT g, (madlib.linregr(y, ARRAY[1, x])).* FROM (SELECT * FROM big ORDER BY x, y) AS s GROUP BY g) AS a USING (g)
		WHERE abs(a.coef[2] / l.coef[2] - 1) < 1e-10 AND abs(a.r2 / l.r2 - 1) < 1e-10 AND abs(a.p_values[2] / l.p_values[2] - 1) < 1e-9 AND a.num_processed = l.num_rows_processed`); got != "3" {
		t.Errorf("%s of 3 groups agree between linregr and linregr_train", got)
	}
}

// TestMadlibLogisticRules: failed groups, collinear columns, integers as truth.
func TestMadlibLogisticRules(t *testing.T) {
	t.Parallel()
	_, c := madlibDatabase(t, "mtcars")
	c.run("SELECT madlib.logregr_train('mtcars', 'a', 'am', 'ARRAY[1, wt]'); SELECT madlib.logregr_train('mtcars', 'b', 'am = 1', 'ARRAY[1, wt, 2 * wt]', NULL, 20, 'newton')")
	c.wantColumns("a", "coef double precision[], log_likelihood double precision, std_err double precision[], z_stats double precision[], p_values double precision[], "+
		"odds_ratios double precision[], condition_no double precision, num_rows_processed bigint, num_missing_rows_skipped bigint, num_iterations integer, variance_covariance double precision[]")
	c.wantColumns("a_summary", "method character varying, source_table character varying, out_table character varying, dependent_varname character varying, independent_varname character varying, "+
		"optimizer_params text, num_all_groups integer, num_failed_groups integer, num_rows_processed integer, num_missing_rows_skipped integer, grouping_col text")
	if got := c.text("SELECT optimizer_params FROM b_summary"); got != "optimizer=irls, max_iter=20, tolerance=0.0001" {
		t.Errorf("optimizer_params: %s", got)
	}
	if got := c.text("SELECT (abs(b.coef[3] - 2 * b.coef[2]) < 1e-9 AND abs(5 * b.coef[2] - a.coef[2]) < 1e-9 AND b.condition_no = 'Infinity' AND abs(a.log_likelihood - b.log_likelihood) < 1e-9)::text FROM a, b"); got != "true" {
		t.Errorf("collinear columns: %s", got)
	}
	for _, optimizer := range []string{"irls", "cg", "igd"} {
		c.run("DROP TABLE b, b_summary; SELECT madlib.logregr_train('mtcars', 'b', 'am = 1', 'ARRAY[1, wt]', NULL, 20, '" + optimizer + "', 0.001, true)")
		if got := c.text("SELECT (a.coef = b.coef)::text FROM a, b"); got != "true" {
			t.Errorf("%s: other coefficients than the maximum", optimizer)
		}
	}
	// With 8 cylinders, wt and hp separate the gearboxes.
	c.run("SELECT madlib.logregr_train('mtcars', 'g', 'am = 1', 'ARRAY[1, mpg, hp]', 'cyl = 8')")
	if got := c.text("SELECT count(coef) || ' ' || (SELECT num_failed_groups || ' of ' || num_all_groups FROM g_summary) FROM g"); got != "1 1 of 2" {
		t.Errorf("groups with a model: %s, want 1, and 1 failed of 2", got)
	}
	if len(c.shown("no logistic regression for group true")) != 1 {
		t.Error("no notice says that a group failed, and which")
	}
	for _, sql := range []string{"'am = 1', 'ARRAY[1, wt, qsec]'", "'true', 'ARRAY[1, wt]'", "'NULL::boolean', 'ARRAY[1, wt]'"} {
		if e := c.refused("22000", "SELECT madlib.logregr_train('mtcars', 'x', "+sql+")"); e.Message != "Logregr error: No model created possibly due to ill-conditioned data." {
			t.Errorf("%s: %s", sql, e.Message)
		}
	}
	if got := c.text("SELECT to_regclass('x')::text"); got != "NULL" {
		t.Error("a failed call has left its table")
	}
}

// TestMadlibARIMARules: columns as needed, names and types of the time column,
// equal results under any form of time.
func TestMadlibARIMARules(t *testing.T) {
	t.Parallel()
	_, c := madlibDatabase(t, "nile")
	c.run(`CREATE TABLE s AS SELECT id, id * 0.5::float8 AS f, '1900-01-01'::date + id * 7 AS d, '1900-01-01 00:00Z'::timestamptz + id * interval '1.5 hours' AS "T z", value FROM nile ORDER BY value`)
	forecasts := map[string]bool{}
	for column, typ := range map[string]string{"id": "integer", "f": "double precision", "d": "date", `"T z"`: "timestamp with time zone"} {
		c.run(fmt.Sprintf(`DROP TABLE IF EXISTS m, m_summary, m_residual, o; SELECT madlib.arima_train('s', 'm', '%s', 'value', 'ignored', true, '{2,0,1}', 'max_iter=50, tau = 0.001'); SELECT madlib.arima_forecast('m', 'o', 3)`, column))
		c.wantColumns("m", "ar_params double precision[], ar_std_errors double precision[], ma_params double precision[], ma_std_errors double precision[], mean double precision, mean_std_error double precision")
		c.wantColumns("m_residual", column+" "+typ+", residual double precision")
		c.wantColumns("o", "steps_ahead integer, forecast_value double precision")
		if got := c.text("SELECT count(*)::text FROM m_residual JOIN s USING (" + column + ")"); got != "100" {
			t.Errorf("%s of 100 times of type %s come back", got, typ)
		}
		forecasts[c.text("SELECT (SELECT m::text FROM m) || string_agg(forecast_value::text, ' ' ORDER BY steps_ahead) FROM o")] = true
	}
	if len(forecasts) != 1 {
		t.Errorf("models and forecasts depend on the form of time: %v", forecasts)
	}
	c.run("DROP TABLE IF EXISTS m, m_summary, m_residual; SELECT madlib.arima_train('s', 'm', 'id', 'value', NULL, true, '{0,1,1}')")
	c.wantColumns("m", "ma_params double precision[], ma_std_errors double precision[]") // d > 0 turns the mean off
	if got := c.text("SELECT include_mean::text FROM m_summary"); got != "false" {
		t.Errorf("include_mean = %s with d = 1, want false", got)
	}
	c.run("DROP TABLE m, m_summary, m_residual; SELECT madlib.arima_train('s', 'm', 'id', 'value', NULL, false, '{2,0,0}')")
	c.wantColumns("m", "ar_params double precision[], ar_std_errors double precision[]")
}
