package worker_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
	"github.com/millrace/millrace/internal/milltest"
)

// floats reads one float8[] of a table; NULL elements are NaN.
func (c *client) floats(sql string) []float64 {
	c.t.Helper()
	var list []*float64
	if err := json.Unmarshal([]byte(c.text(sql)), &list); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	out := make([]float64, len(list))
	for i, x := range list {
		if out[i] = math.NaN(); x != nil {
			out[i] = *x
		}
	}
	return out
}

func (c *client) wantFloats(sql string, want []float64, digits float64) {
	c.t.Helper()
	got := c.floats(sql)
	if len(got) != len(want) {
		c.t.Errorf("%s: %v, want %v", sql, got, want)
		return
	}
	for i := range want {
		if !(algtest.Digits(got[i], want[i]) >= digits || math.Abs(got[i]-want[i]) < 1e-300) {
			c.t.Errorf("%s: element %d is %.17g, want %.17g", sql, i+1, got[i], want[i])
		}
	}
}

// bothReads runs a call that makes output, once by the readers and once by the
// session, and requires equal tables.
func (c *client) bothReads(e *milltest.Env, call func(output string) string, suffixes ...string) {
	c.t.Helper()
	if snapshot, session := paths(e, func() { c.run(call("a")) }); snapshot != 1 || session != 0 {
		c.t.Fatalf("%s: %d reads by snapshot and %d by session, want 1 and 0", call("a"), snapshot, session)
	}
	if snapshot, session := paths(e, func() { c.run("BEGIN; SAVEPOINT s; " + call("b") + "; COMMIT") }); snapshot != 0 || session != 1 {
		c.t.Fatalf("%s: %d reads by snapshot and %d by session, want 0 and 1", call("b"), snapshot, session)
	}
	for _, suffix := range suffixes {
		sql := fmt.Sprintf("SELECT count(*)::text FROM ((SELECT a::text FROM a%[1]s a EXCEPT ALL SELECT b::text FROM b%[1]s b) UNION ALL (SELECT b::text FROM b%[1]s b EXCEPT ALL SELECT a::text FROM a%[1]s a)) d", suffix)
		if differ := c.text(sql); differ != "0" {
			c.t.Errorf("%s rows of table %q differ between the paths", differ, suffix)
		}
	}
}

func madlibDatabase(t *testing.T, names ...string) (*milltest.Env, *client) {
	t.Helper()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "analyst")
	c := open(t, url)
	for _, name := range names {
		c.run("SELECT ml.load_dataset(" + literal(name) + "); ANALYZE " + name)
	}
	return e, c
}

// referenceFit is a case of linear.json or logistic.json that MADlib can state:
// numeric features, no weights, no groups, classical errors.
type referenceFit struct {
	Name, Dataset, Target string
	Features              []string
	Weights, Covariance   string
	Intercept             *bool
	GroupBy               any `json:"group_by"`
	Levels                any
	L1, L2                float64
	Groups                []struct {
		N       int64
		Terms   []struct{ Estimate, StdError, PValue *float64 }
		Dropped []string
		R2      float64  `json:"r_squared"`
		Cond    float64  `json:"condition_number"`
		BP      *float64 `json:"breusch_pagan"`
		BPP     *float64 `json:"breusch_pagan_p"`
		LogLik  float64  `json:"log_likelihood"`
		VCov    any
	}
}

func (f *referenceFit) UnmarshalJSON(b []byte) error {
	type plain referenceFit
	b = []byte(strings.NewReplacer(`"std_error"`, `"StdError"`, `"p_value"`, `"PValue"`).Replace(string(b)))
	return json.Unmarshal(b, (*plain)(f))
}

var factorColumns = map[string]bool{"species": true, "spray": true, "wool": true, "tension": true, "gender": true, "department": true}

func (f referenceFit) stated() bool {
	for _, name := range f.Features {
		if factorColumns[name] || strings.Contains(name, "==") {
			return false
		}
	}
	return f.Weights == "" && f.Covariance == "" && f.GroupBy == nil && f.Levels == nil && f.L1 == 0 && f.L2 == 0 && len(f.Groups) == 1
}

func (f referenceFit) design() string {
	terms := sqlExpressions(f.Features)
	if f.Intercept == nil || *f.Intercept {
		terms = append([]string{"1"}, terms...)
	}
	return "ARRAY[" + strings.Join(terms, ", ") + "]"
}

func (f referenceFit) columns() (estimate, stdError, p []float64) {
	for _, t := range f.Groups[0].Terms {
		estimate, stdError, p = append(estimate, *t.Estimate), append(stdError, *t.StdError), append(p, *t.PValue)
	}
	return estimate, stdError, p
}

// TestMadlibLinearValues compares linregr_train, by both paths, and the aggregate
// linregr with linear.json.
func TestMadlibLinearValues(t *testing.T) {
	t.Parallel()
	e, c := madlibDatabase(t, "mtcars", "longley", "faithful", "diabetes", "quakes", "breast_cancer", "airquality")
	var file struct{ Cases []referenceFit }
	algtest.Load(t, "linear.json", &file)
	count := 0
	for _, f := range file.Cases {
		if !f.stated() || len(f.Groups[0].Dropped) > 0 {
			continue
		}
		count++
		t.Run(f.Name, func(t *testing.T) {
			c.t = t
			c.run("DROP TABLE IF EXISTS a, a_summary, b, b_summary")
			c.bothReads(e, func(output string) string {
				return fmt.Sprintf("SELECT madlib.linregr_train(%s, %s, %s, %s, NULL, true)", literal(f.Dataset), literal(output), literal(sqlExpression(f.Target)), literal(f.design()))
			}, "")
			estimate, stdError, p := f.columns()
			g := f.Groups[0]
			for _, source := range []struct {
				sql    string
				digits float64
			}{{"a", 9}, {fmt.Sprintf("(SELECT (madlib.linregr(%s, %s)).* FROM %s)", sqlExpression(f.Target), f.design(), f.Dataset), 7}} {
				c.wantFloats("SELECT to_json(coef)::text FROM "+source.sql+" AS r", estimate, source.digits)
				c.wantFloats("SELECT to_json(std_err)::text FROM "+source.sql+" AS r", stdError, source.digits)
				c.wantFloats("SELECT to_json(p_values)::text FROM "+source.sql+" AS r", p, source.digits-2)
				c.wantFloats("SELECT json_build_array(condition_no)::text FROM "+source.sql+" AS r", []float64{g.Cond}, 4)
				if f.Intercept == nil {
					c.wantFloats("SELECT json_build_array(r2)::text FROM "+source.sql+" AS r", []float64{g.R2}, source.digits)
				}
			}
			c.wantFloats("SELECT json_build_array(num_rows_processed)::text FROM a", []float64{float64(g.N)}, 15)
			if f.Intercept == nil && g.BP != nil {
				c.wantFloats("SELECT json_build_array(bp_stats, bp_p_value)::text FROM a", []float64{*g.BP, *g.BPP}, 7)
			}
		})
	}
	if count < 10 {
		t.Errorf("%d cases, want 10 or more", count)
	}
}

// TestMadlibLogisticValues compares logregr_train with logistic.json.
func TestMadlibLogisticValues(t *testing.T) {
	t.Parallel()
	e, c := madlibDatabase(t, "mtcars", "breast_cancer", "airquality")
	var file struct{ Cases []referenceFit }
	algtest.Load(t, "logistic.json", &file)
	count := 0
	for _, f := range file.Cases {
		if !f.stated() || f.Dataset == "iris" || len(f.Groups[0].Dropped) > 0 {
			continue
		}
		count++
		t.Run(f.Name, func(t *testing.T) {
			c.t = t
			c.run("DROP TABLE IF EXISTS a, a_summary, b, b_summary")
			c.bothReads(e, func(output string) string {
				return fmt.Sprintf("SELECT madlib.logregr_train(%s, %s, %s, %s, NULL, 50)", literal(f.Dataset), literal(output), literal(sqlExpression(f.Target)), literal(f.design()))
			}, "")
			estimate, stdError, p := f.columns()
			c.wantFloats("SELECT to_json(coef)::text FROM a", estimate, 7)
			c.wantFloats("SELECT to_json(std_err)::text FROM a", stdError, 7)
			c.wantFloats("SELECT to_json(p_values)::text FROM a", p, 6)
			c.wantFloats("SELECT json_build_array(log_likelihood)::text FROM a", []float64{f.Groups[0].LogLik}, 9)
			c.wantFloats(fmt.Sprintf("SELECT json_build_array(sum(ln(CASE WHEN %[1]s THEN p ELSE 1 - p END)))::text FROM (SELECT d.*, madlib.logregr_predict_prob(coef, %[2]s) AS p FROM %[3]s AS d, a) AS s WHERE p IS NOT NULL AND (%[1]s) IS NOT NULL",
				sqlExpression(f.Target), f.design(), f.Dataset), []float64{f.Groups[0].LogLik}, 8)
		})
	}
	if count < 5 {
		t.Errorf("%d cases, want 5 or more", count)
	}
}

// TestMadlibKNNValues compares neighbours and distances with knn.json: the built-in
// distances in the worker, by both paths, and functions that PostgreSQL computes.
func TestMadlibKNNValues(t *testing.T) {
	t.Parallel()
	e, c := madlibDatabase(t, "iris", "wine", "diabetes")
	c.run("CREATE FUNCTION own_distance(float8[], float8[]) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN madlib.dist_norm2($1, $2)")
	var file struct{ Cases []knnFitCase }
	algtest.Load(t, "knn.json", &file)
	kernels := map[string]string{"euclidean": "dist_norm2", "sqeuclidean": "squared_dist_norm2", "manhattan": "dist_norm1", "chebyshev": "dist_inf_norm", "angular": "dist_angle"}
	count := 0
	for _, f := range file.Cases {
		if kernels[f.Metric] == "" || f.Dataset == "digits" || strings.Contains(f.Name, "grid") || strings.Contains(f.Name, "exclude") {
			continue
		}
		count++
		t.Run(f.Name, func(t *testing.T) {
			c.t = t
			f.check(c, e, "madlib."+kernels[f.Metric])
			if f.Metric == "euclidean" {
				f.check(c, nil, "own_distance")
			}
		})
	}
	if count < 15 {
		t.Errorf("%d cases, want 15 or more", count)
	}
}

type knnFitCase struct {
	Name, Dataset, Metric, Weights string
	Features                       []string
	K                              int
	Queries                        []struct {
		ID        int `json:"query_id"`
		Point     []float64
		IDs       []int `json:"neighbor_ids"`
		Distances []float64
	}
}

func (f knnFitCase) check(c *client, e *milltest.Env, function string) {
	c.t.Helper()
	c.run("DROP TABLE IF EXISTS queries, a, b; CREATE TABLE queries (id int, data float8[])")
	for _, q := range f.Queries {
		if q.Point != nil {
			point, err := json.Marshal(q.Point)
			if err != nil {
				c.t.Fatal(err)
			}
			c.run(fmt.Sprintf("INSERT INTO queries VALUES (%d, '{%s}')", q.ID, strings.Trim(string(point), "[]")))
		}
	}
	c.run("ANALYZE queries")
	call := func(output string) string {
		return fmt.Sprintf("SELECT madlib.knn(%s, %s, 'id', NULL, 'queries', 'data', 'id', %s, %d, true, %s, false, 'kd')",
			literal(f.Dataset), literal("ARRAY["+strings.Join(sqlExpressions(f.Features), ", ")+"]"), literal(output), f.K, literal(function))
	}
	if e != nil {
		c.bothReads(e, call, "")
	} else {
		c.run(call("a"))
	}
	digits := 11.0
	if f.Metric == "angular" {
		digits = 9 // the arc cosine of a value near 1: 1e-12 absolute
	}
	for _, q := range f.Queries {
		if q.Point == nil {
			continue
		}
		ids := make([]float64, len(q.IDs))
		for i, id := range q.IDs {
			ids[i] = float64(id)
		}
		where := fmt.Sprintf(" FROM a WHERE id = %d", q.ID)
		c.wantFloats("SELECT to_json(k_nearest_neighbours)::text"+where, ids, 15)
		c.wantFloats("SELECT to_json(distance)::text"+where, q.Distances, digits)
	}
}

// TestMadlibARIMAValues compares coefficients with the conditional least squares
// of arima_models.json, to the hundredth that its README promises, and forecasts.
func TestMadlibARIMAValues(t *testing.T) {
	t.Parallel()
	e, c := madlibDatabase(t, "nile", "lake_huron", "lynx", "www_usage", "air_passengers")
	var file struct{ Cases []arimaFitCase }
	algtest.Load(t, "arima_models.json", &file)
	count := 0
	for _, f := range file.Cases {
		if f.Method != "CSS" || f.IllPosed || f.Seasonal != [3]int{} {
			continue
		}
		count++
		t.Run(f.Name, func(t *testing.T) {
			c.t = t
			f.check(c, e)
		})
	}
	if count < 8 {
		t.Errorf("%d cases, want 8 or more", count)
	}
}

type arimaFitCase struct {
	Name, Series, Transform, Method string
	Order, Seasonal                 [3]int
	Mean                            bool
	IllPosed                        bool `json:"ill_posed"`
	Fit                             struct {
		Coef     map[string]float64
		StdError []float64 `json:"std_error"`
		Forecast struct{ Mean []float64 }
	}
}

func (f arimaFitCase) check(c *client, e *milltest.Env) {
	c.t.Helper()
	value := "value"
	if f.Transform == "log10" {
		value = "log(value)::float8"
	}
	c.run("DROP TABLE IF EXISTS a, a_summary, a_residual, b, b_summary, b_residual, future, s; CREATE TABLE s AS SELECT id, " + value + " AS value FROM " + f.Series + "; ANALYZE s")
	c.bothReads(e, func(output string) string {
		return fmt.Sprintf("SELECT madlib.arima_train('s', %s, 'id', 'value', NULL, %t, '{%d,%d,%d}')", literal(output), f.Mean, f.Order[0], f.Order[1], f.Order[2])
	}, "", "_residual")
	at := 0
	for i, name := range []string{"ar_params", "ma_params"} {
		n := f.Order[2*i]
		if n == 0 {
			continue
		}
		for j, got := range c.floats("SELECT to_json(" + name + ")::text FROM a") {
			want := f.Fit.Coef[fmt.Sprintf("%s%d", name[:2], j+1)]
			if math.Abs(got-want) > 1e-2*max(math.Abs(want), f.Fit.StdError[at]) {
				c.t.Errorf("%s[%d] = %g, want %g", name, j+1, got, want)
			}
			at++
		}
	}
	if f.Mean {
		got := c.floats("SELECT json_build_array(mean)::text FROM a")[0]
		if want := f.Fit.Coef["mean"]; math.Abs(got-want) > 1e-2*max(math.Abs(want), f.Fit.StdError[at]) {
			c.t.Errorf("mean = %g, want %g", got, want)
		}
	}
	c.run("SELECT madlib.arima_forecast('a', 'future', 12)")
	for i, got := range c.floats("SELECT json_agg(forecast_value ORDER BY steps_ahead)::text FROM future") {
		// R's starts differ in what precedes the series, so forecasts agree to a percent.
		if want := f.Fit.Forecast.Mean[i]; math.Abs(got-want) > 1e-2*math.Abs(want) {
			c.t.Errorf("forecast %d = %g, want %g", i+1, got, want)
		}
	}
}
