package worker_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestBadInput requires, for each kind of bad input, the SQLSTATE, the data's
// facts in the sentence, and a hint; and that no table is left behind.
func TestBadInput(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	mustExec(t, conn, `
		CREATE TABLE empty (id int, x float8, y float8);
		CREATE TABLE bad (id int, x float8, y float8, p float8[], w float8, g text);
		INSERT INTO bad VALUES (1, 1, 2, '{1,2}', 1, 'a'), (2, 'NaN', 3, '{1,NaN}', -1, 'a'), (3, 3, 'Infinity', '{1,2,3}', 1, 'b'), (4, 4, 5, '{0,0}', 1, 'b');
		CREATE TABLE deep (id int, p float8[]);
		INSERT INTO deep VALUES (1, '{{1,2},{3,4}}');
		CREATE TABLE taken (a int);
		CREATE VIEW a_view AS SELECT 1 AS a`)
	for _, tt := range []struct{ name, sql, code, message, hint string }{
		{"KZero", "ml.knn('iris', 'ARRAY[sepal_length]', 'id', 'iris', 'ARRAY[sepal_length]', 'id', 'out', k => 0)", "22023", "k is 0, and must be at least 1", ""},
		{"KNull", "ml.knn('iris', 'ARRAY[sepal_length]', 'id', 'iris', 'ARRAY[sepal_length]', 'id', 'out', k => NULL)", "22023", "argument k is NULL", "default"},
		{"Metric", "ml.knn('iris', 'ARRAY[sepal_length]', 'id', 'iris', 'ARRAY[sepal_length]', 'id', 'out', metric => 'euclidian')", "22023", `metric "euclidian" is unknown`, `"euclidean"`},
		{"Power", "ml.knn('iris', 'ARRAY[sepal_length]', 'id', 'iris', 'ARRAY[sepal_length]', 'id', 'out', metric => 'minkowski', p => 0.5)", "22023", "p is 0.5", ""},
		{"Weights", "ml.knn('iris', 'ARRAY[sepal_length]', 'id', 'iris', 'ARRAY[sepal_length]', 'id', 'out', weights => 'distanse')", "22023", `weights "distanse" is unknown`, `"distance"`},
		{"TaskWithoutLabel", "ml.knn('iris', 'ARRAY[sepal_length]', 'id', 'iris', 'ARRAY[sepal_length]', 'id', 'out', task => 'regression')", "22023", "label is missing", "label"},
		{"IntegerLabel", "ml.knn('mtcars', 'ARRAY[mpg]', 'id', 'mtcars', 'ARRAY[mpg]', 'id', 'out', label => 'id')", "22023", "label id is an integer", "task =>"},
		{"RegressionOfText", "ml.knn('iris', 'ARRAY[sepal_length]', 'id', 'iris', 'ARRAY[sepal_length]', 'id', 'out', label => 'species', task => 'regression')", "42804", "label species cannot be used", "float8"},
		{"Dimensions", "ml.knn('iris', 'ARRAY[sepal_length]', 'id', 'iris', 'ARRAY[sepal_length, sepal_width]', 'id', 'out')", "22000", "1 and 2", "same number"},
		{"DimensionsWithin", "ml.knn('bad', 'p', 'id', 'bad', 'p', 'id', 'out')", "22000", "dimensions: 2 and 3", "same number"},
		{"Deep", "ml.knn('deep', 'p', 'id', 'deep', 'p', 'id', 'out')", "22000", "more than one dimension", "ARRAY["},
		{"PointNotANumber", "ml.knn('(SELECT 1)', 'p', 'id', 'bad', 'p', 'id', 'out')", "42602", "", ""},
		{"PointIsText", "ml.knn('iris', 'species', 'id', 'iris', 'species', 'id', 'out')", "42804", "point species cannot be used", "float8"},
		{"PointNaN", "ml.nearest('bad', 'ARRAY[x]', 'id', '{1}')", "22000", "has the value NaN", "Filter"},
		{"ZeroVector", "ml.nearest('bad', 'ARRAY[w - w]', 'id', '{1}', metric => 'cosine')", "22000", "has only zeros", "another metric"},
		{"NoTrain", "ml.knn('empty', 'ARRAY[x]', 'id', 'iris', 'ARRAY[sepal_length]', 'id', 'out')", "22000", "train has no rows", "NULL"},
		{"NegativeDistanceWeights", "ml.knn('iris', 'ARRAY[sepal_length]', 'id', 'iris', 'ARRAY[sepal_length]', 'id', 'out', metric => 'inner_product', weights => 'distance', label => 'species')", "22023", "need distances of at least 0", "uniform"},
		{"EmptyQueryPoint", "ml.nearest('iris', 'ARRAY[sepal_length]', 'id', '{}')", "22023", "query has no coordinates", "array"},

		{"NoRows", "ml.linear_regression('empty', 'y', '{x}', 'out')", "22000", "there are no rows to use; 0 were skipped", "source"},
		{"NaN", "ml.linear_regression('bad', 'id::float8', '{x}', 'out')", "22000", "feature x has the value NaN", "NULL"},
		{"Infinity", "ml.linear_regression('bad', 'y', '{w}', 'out')", "22000", "target y has the value Infinity", "NULL"},
		{"NoColumn", "ml.linear_regression('mtcars', 'mpgg', '{wt}', 'out')", "42703", `column "mpgg" does not exist`, ""},
		{"NotNumeric", "ml.linear_regression('mtcars', 'model', '{wt}', 'out')", "42804", "target model cannot be used", "float8"},
		{"FeatureType", "ml.linear_regression('air', 'x', '{month}', 'out')", "42P01", `relation "air" does not exist`, ""},
		{"Covariance", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'out', covariance => 'HC4')", "22023", `covariance "HC4" is unknown`, "HC3"},
		{"ClusterMissing", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'out', covariance => 'cluster')", "22023", "cluster is missing", "together"},
		{"OneCluster", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'out', covariance => 'cluster', cluster => '1')", "22000", "one cluster", "HC1"},
		{"Ridge", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'out', ridge => -1)", "22023", "ridge is -1", ""},
		{"Confidence", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'out', confidence => 95)", "22023", "confidence is 95", "0.95"},
		{"Weight", "ml.linear_regression('bad', 'id::float8', '{id}', 'out', weights => 'w')", "22000", "weight is negative", "at least 0"},
		{"NothingToFit", "ml.linear_regression('mtcars', 'mpg', '{}', 'out', intercept => false)", "22023", "neither a feature nor an intercept", "features"},
		{"OrderTwice", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'out', order_by => 'cyl')", "22000", "has the value", "unique"},
		{"GroupCollides", "ml.linear_regression('taken', 'a', '{a}', 'out', group_by => '{term}')", "22023", `two columns called "term"`, "expression"},
		{"TargetNull", "ml.linear_regression('mtcars', NULL, '{wt}', 'out')", "22023", "target", "ml.help"},

		{"OneClass", "ml.logistic_regression('mtcars', 'wt > 0', '{wt}', 'out')", "22000", "same value in all 32 rows", "Both"},
		{"ThreeLevels", "ml.logistic_regression('iris', 'species', '{sepal_length}', 'out')", "22000", "has 3 levels", "species = ''"},
		{"NotZeroOne", "ml.logistic_regression('mtcars', 'cyl', '{wt}', 'out')", "22000", "must be 0 or 1", "cyl > 0"},
		{"L1", "ml.logistic_regression('mtcars', 'am', '{wt}', 'out', l1 => -1)", "22023", "l1 is -1", ""},
		{"Iterations", "ml.logistic_regression('mtcars', 'am', '{wt}', 'out', max_iterations => 0)", "22023", "max_iterations is 0", ""},

		{"OutputExists", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'taken')", "42P07", "already exists", "replace => true"},
		{"OutputIsView", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'a_view', replace => true)", "42809", "not a table that Millrace made", "another output"},
		{"OutputIsForeign", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'taken', replace => true)", "42809", "not a table that Millrace made", "drop it yourself"},
		{"FeaturesNull", "ml.linear_regression('mtcars', 'mpg', NULL, 'out')", "22023", "argument features is NULL", "ml.help"},
		{"Star", "ml.linear_regression('mtcars', 'mpg', '{*}', 'out')", "42601", "not one expression", "column"},
		{"Alias", "ml.linear_regression('mtcars', 'mpg', '{wt AS w}', 'out')", "42601", "not one expression", "column"},
		{"Aggregate", "ml.linear_regression('mtcars', 'mpg', '{sum(wt)}', 'out')", "42803", "aggregate functions are not allowed", ""},
		{"OutputIsInput", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'mtcars', replace => true)", "22023", "also read by the call", "another output"},
		{"OutputNull", "ml.linear_regression('mtcars', 'mpg', '{wt}', NULL)", "22023", "output is missing", "output =>"},
		{"OutputLong", "ml.linear_regression('mtcars', 'mpg', '{wt}', '" + strings.Repeat("x", 60) + "')", "42622", "more than 63 bytes", "shorter"},
		{"OutputThreeParts", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'a.b.c')", "22023", "more than a schema and a table", ""},
		{"OutputNoSchema", "ml.linear_regression('mtcars', 'mpg', '{wt}', 'nowhere.out')", "3F000", "nowhere", ""},

		{"Dataset", "ml.load_dataset('irsi')", "22023", `data set "irsi" is unknown`, `"iris"`},
		{"Help", "ml.help('knnn')", "42883", "no function ml.knnn", "knn"},
		{"NotAModel", "ml.predict('mtcars', 'mtcars', 'out')", "42809", "not a model", "ml.linear_regression"},
		{"ForecastNull", "ml.predict(NULL, 'mtcars', 'out')", "42809", "NULL is not a model", "ml.linear_regression"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := conn.Exec(t.Context(), "SELECT * FROM "+tt.sql)
			f, ok := errors.AsType[*pgconn.PgError](err)
			if !ok {
				t.Fatalf("error %v, want SQLSTATE %s", err, tt.code)
			}
			if f.Code != tt.code || !strings.Contains(f.Message, tt.message) || !strings.Contains(f.Hint, tt.hint) {
				t.Errorf("got %s: %s\nHINT: %s\nwant %s: %s\nHINT: %s", f.Code, f.Message, f.Hint, tt.code, tt.message, tt.hint)
			}
			var out *string
			if err := conn.QueryRow(t.Context(), "SELECT to_regclass('out')::text").Scan(&out); err != nil || out != nil {
				t.Errorf("table out is left behind (%v)", err)
			}
		})
	}
}

// TestSkippedRows counts rows with NULL in a used column, and only those.
func TestSkippedRows(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	mustExec(t, conn, `CREATE TABLE holes (id int, x float8, y float8, unused float8, g text, p float8[]);
		INSERT INTO holes SELECT i, i, sin(i), NULL, CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END, ARRAY[i, i % 3] FROM generate_series(1, 20) i;
		UPDATE holes SET x = NULL WHERE id = 3; UPDATE holes SET y = NULL WHERE id IN (4, 5); UPDATE holes SET g = NULL WHERE id = 6;
		UPDATE holes SET p = '{1,NULL}' WHERE id = 7`)
	for _, tt := range []struct {
		sql           string
		used, skipped int64
	}{
		{"ml.linear_regression('holes', 'y', '{x}', 'm1')", 17, 3},
		{"ml.linear_regression('holes', 'y', '{x}', 'm2', group_by => '{g}')", 16, 4},
		{"ml.linear_regression('holes', 'y', '{x,g}', 'm3')", 16, 4},
		{"ml.knn('holes', 'p', 'id', 'holes', 'p', 'id', 'k1')", 38, 2},
	} {
		var used, skipped int64
		if err := conn.QueryRow(t.Context(), "SELECT rows_used, rows_skipped FROM "+tt.sql).Scan(&used, &skipped); err != nil {
			t.Fatalf("%s: %v", tt.sql, err)
		}
		if used != tt.used || skipped != tt.skipped {
			t.Errorf("%s used %d and skipped %d, want %d and %d", tt.sql, used, skipped, tt.used, tt.skipped)
		}
	}
	var n, skipped int64
	if err := conn.QueryRow(t.Context(), "SELECT n, n_skipped FROM m2_summary WHERE g = 'even'").Scan(&n, &skipped); err != nil || n != 8 || skipped != 1 {
		t.Errorf("group even: n = %d, n_skipped = %d (%v), want 8 and 1", n, skipped, err)
	}
}
