package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/worker"
)

// madlibContract lists the functions of MADlib 2.1 that schema madlib has: names,
// parameters and result types of its documentation and code. All arities from
// least up exist, without defaults, and f() and f(text) for help.
var madlibContract = []struct {
	name, parameters, result string
	least                    int // 0: one arity only
	help                     bool
}{
	{"knn", "point_source varchar, point_column_name varchar, point_id varchar, label_column_name varchar, test_source varchar, test_column_name varchar, " +
		"test_id varchar, output_table varchar, k integer, output_neighbors boolean, fn_dist text, weighted_avg boolean, algorithm varchar, algorithm_params varchar",
		"varchar", 8, true},
	{"linregr_train", "source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar, grouping_cols varchar, heteroskedasticity_option boolean",
		"void", 4, true},
	{"linregr_predict", "coef float8[], col_ind_var float8[]", "float8", 0, true},
	{"linregr", "y float8, x float8[]", "madlib.linregr_result", 0, false},
	{"logregr_train", "source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar, grouping_cols varchar, " +
		"max_iter integer, optimizer varchar, tolerance float8, verbose boolean", "void", 4, true},
	{"logregr_predict", "coef float8[], col_ind_var float8[]", "boolean", 0, true},
	{"logregr_predict_prob", "coef float8[], col_ind_var float8[]", "float8", 0, true},
	{"logistic", "x float8", "float8", 0, false},
	{"arima_train", "input_table text, output_table text, timestamp_column text, timeseries_column text, grouping_columns text, include_mean boolean, " +
		"non_seasonal_orders integer[], optimizer_params text", "void", 4, true},
	{"arima_forecast", "model_table text, output_table text, steps_ahead integer", "void", 0, true},
	{"dist_norm1", "x float8[], y float8[]", "float8", 0, false},
	{"dist_norm2", "x float8[], y float8[]", "float8", 0, false},
	{"squared_dist_norm2", "x float8[], y float8[]", "float8", 0, false},
	{"dist_angle", "x float8[], y float8[]", "float8", 0, false},
	{"dist_tanimoto", "x float8[], y float8[]", "float8", 0, false},
	{"dist_inf_norm", "x float8[], y float8[]", "float8", 0, false},
	{"cosine_similarity", "x float8[], y float8[]", "float8", 0, false},
	{"dist_pnorm", "x float8[], y float8[], p float8", "float8", 0, false},
	{"dist_jaccard", "x text[], y text[]", "float8", 0, false},
	{"norm1", "x float8[]", "float8", 0, false},
	{"norm2", "x float8[]", "float8", 0, false},
}

// TestMadlibContract compares the catalog with the contract, both ways.
func TestMadlibContract(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	boss := admin(t, e)
	long := strings.NewReplacer("varchar", "character varying", "float8", "double precision", "verbose", `"verbose"`)
	want := map[string]bool{}
	for _, f := range madlibContract {
		parameters := strings.Split(long.Replace(f.parameters), ", ")
		for n := len(parameters); n >= f.least && (f.least > 0 || n == len(parameters)); n-- {
			want[fmt.Sprintf("%s(%s) %s", f.name, strings.Join(parameters[:n], ", "), long.Replace(f.result))] = true
		}
		if f.help {
			want[f.name+"() text"] = true
			want[f.name+"(message text) text"] = true
		}
	}
	rows, err := boss.Query(t.Context(), `
		SELECT format('%s(%s) %s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)),
			p.pronargdefaults = 0 AND p.prosecdef = false AND p.proconfig IS NULL AND obj_description(p.oid, 'pg_proc') IS NOT NULL,
			p.proname LIKE '\_\_%'
		FROM pg_proc AS p WHERE p.pronamespace = 'madlib'::regnamespace`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var signature string
		var plain, helper bool
		if err := rows.Scan(&signature, &plain, &helper); err != nil {
			t.Fatal(err)
		}
		if !plain {
			t.Errorf("%s has a default, a SET clause, SECURITY DEFINER or no comment", signature)
		}
		if !helper && !want[signature] {
			t.Errorf("%s is not in the contract", signature)
		}
		delete(want, signature)
	}
	for signature := range want {
		t.Errorf("%s is missing", signature)
	}
	if rows.Err() != nil {
		t.Error(rows.Err())
	}
}

// TestMadlibVolatility: what only computes may be folded and run in parallel,
// what makes tables may not.
func TestMadlibVolatility(t *testing.T) {
	t.Parallel()
	boss := admin(t, milltest.Start(t, nil))
	got := boss.text(`SELECT string_agg(DISTINCT proname || ' ' || provolatile::text || proparallel::text, ', ' ORDER BY proname || ' ' || provolatile::text || proparallel::text)
		FROM pg_proc WHERE pronamespace = 'madlib'::regnamespace AND proname NOT LIKE '\_\_%' AND prokind = 'f' AND NOT (pronargs = 0 OR proargnames = '{message}')`)
	want := "arima_forecast vu, arima_train vu, cosine_similarity is, dist_angle is, dist_inf_norm is, dist_jaccard is, dist_norm1 is, dist_norm2 is, " +
		"dist_pnorm is, dist_tanimoto is, knn vu, linregr_predict is, linregr_train vu, logistic is, logregr_predict is, logregr_predict_prob is, " +
		"logregr_train vu, norm1 is, norm2 is, squared_dist_norm2 is"
	if got != want {
		t.Errorf("volatility and parallel safety:\n%s\nwant\n%s", got, want)
	}
}

// TestMadlibReinstall: an installation over an older one brings the same schema.
func TestMadlibReinstall(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	boss := admin(t, e)
	const count = "SELECT count(*)::text FROM pg_proc WHERE pronamespace = 'madlib'::regnamespace"
	before := boss.text(count)
	options := worker.InstallOptions{Host: e.Address.Host, Port: e.Address.Port, Madlib: true}
	for range 2 {
		if _, err := worker.Install(t.Context(), e.AdminURL, options); err != nil {
			t.Fatal(err)
		}
	}
	if after := boss.text(count); after != before {
		t.Errorf("%s functions after installing again, %s before", after, before)
	}
}

// lecture makes tables in the shape of MADlib's examples.
const lecture = `
	CREATE TABLE knn_train_data (id int, data int[], label int);
	INSERT INTO knn_train_data VALUES (1, '{1,1}', 1), (2, '{2,2}', 1), (3, '{3,3}', 1), (4, '{4,4}', 1), (5, '{4,5}', 1),
		(6, '{20,50}', 0), (7, '{10,31}', 0), (8, '{81,13}', 0), (9, '{1,111}', 0);
	CREATE TABLE knn_test_data (id int, data int[]);
	INSERT INTO knn_test_data VALUES (1, '{2,1}'), (2, '{2,6}'), (3, '{15,40}'), (4, '{12,1}'), (5, '{2,90}'), (6, '{50,45}');
	CREATE TABLE arima_beer AS SELECT i AS time_id, (90 + 5 * sin(i * 1.7) + i * 0.2 + (i * 37 % 11))::float8 AS value FROM generate_series(1, 80) AS i;`

// TestMadlibLecture runs calls as they stand in MADlib's documentation. The
// predictions and neighbours of knn are by hand.
func TestMadlibLecture(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "student")
	c := open(t, url)
	c.run(lecture)
	message := c.text("SELECT * FROM madlib.knn('knn_train_data','data','id','label','knn_test_data','data','id','knn_result',3,True,'madlib.squared_dist_norm2')")
	if want := "The classification results have been written to output table knn_result"; message != want {
		t.Errorf("knn returned %q, want %q", message, want)
	}
	want := `(1,"{2,1}",1,"{1,2,3}","{1,1,5}") (2,"{2,6}",1,"{5,4,3}","{5,8,10}") (3,"{15,40}",0,"{7,6,5}","{106,125,1346}") ` +
		`(4,"{12,1}",1,"{4,5,3}","{73,80,85}") (5,"{2,90}",0,"{9,6,7}","{442,1924,3545}") (6,"{50,45}",0,"{6,7,8}","{925,1796,1985}")`
	if got := c.text("SELECT string_agg(r::text, ' ' ORDER BY id) FROM knn_result AS r"); got != want {
		t.Errorf("knn_result:\n%s\nwant\n%s", got, want)
	}
	c.text("SELECT madlib.arima_train('arima_beer','arima_beer_output','time_id','value',NULL,FALSE,ARRAY[1,1,1])::text")
	c.text("SELECT madlib.arima_forecast('arima_beer_output','arima_beer_forecast_output',10)::text")
	for table, want := range map[string]string{
		"knn_result":                 "id integer, data integer[], prediction double precision, k_nearest_neighbours integer[], distance double precision[]",
		"arima_beer_output":          "ar_params double precision[], ar_std_errors double precision[], ma_params double precision[], ma_std_errors double precision[]",
		"arima_beer_output_residual": "time_id integer, residual double precision",
		"arima_beer_output_summary": `input_table text, timestamp_col text, timeseries_col text, non_seasonal_orders integer[], include_mean boolean, ` +
			`residual_variance double precision, log_likelihood double precision, iter_num integer, "exec_time (s)" double precision`,
		"arima_beer_forecast_output": "steps_ahead integer, forecast_value double precision",
	} {
		c.wantColumns(table, want)
	}
	if got := c.text("SELECT count(*) || ' ' || min(steps_ahead) || ' ' || max(steps_ahead) || ' ' || count(forecast_value) FROM arima_beer_forecast_output"); got != "10 1 10 10" {
		t.Errorf("forecast: %s, want 10 1 10 10", got)
	}
	if got := c.text("SELECT count(*) || ' ' || count(*) FILTER (WHERE residual = 0) FROM arima_beer_output_residual"); got != "80 2" {
		t.Errorf("residuals: %s, want 80 rows and zeros for the first d + p = 2", got)
	}
}

// wantColumns compares the columns of a table, in their order.
func (c *client) wantColumns(table, want string) {
	c.t.Helper()
	got := c.text(`SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped`, table)
	if got != want {
		c.t.Errorf("columns of %s:\n%s\nwant\n%s", table, got, want)
	}
}

// TestMadlibHelp: help is text and never an error.
func TestMadlibHelp(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "student")
	c := open(t, url)
	for _, f := range madlibContract {
		if !f.help {
			continue
		}
		for _, option := range []string{"", "''", "NULL", "'usage'", "'help'", "'?'", "'example'", "'nonsense'"} {
			page := c.text(fmt.Sprintf("SELECT madlib.%s(%s)", f.name, strings.Replace(option, "NULL", "NULL::text", 1)))
			usage := option == "'usage'" || option == "'help'" || option == "'?'" || option == "'example'"
			if !strings.Contains(page, f.name) || usage != strings.Contains(page, "Example: SELECT") {
				t.Errorf("madlib.%s(%s):\n%s", f.name, option, page)
			}
		}
	}
}
