package worker_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/algorithms/algtest"
	"github.com/millrace/millrace/internal/milltest"
)

// seriesDatabase has the named data sets as tables of an ordinary role.
func seriesDatabase(t *testing.T, names ...string) (*milltest.Env, *client) {
	t.Helper()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "analyst")
	c := open(t, url)
	for _, name := range names {
		c.run("SELECT ml.load_dataset(" + quote(name) + ")")
	}
	return e, c
}

// seriesFit is an estimate in the reference files.
type seriesFit struct {
	Coef     map[string]float64   `json:"coef"`
	StdErr   []float64            `json:"std_error"`
	Sigma2   float64              `json:"sigma2"`
	LogLik   float64              `json:"log_likelihood"`
	AIC      *float64             `json:"aic"`
	AICc     *float64             `json:"aicc"`
	BIC      *float64             `json:"bic"`
	Forecast map[string][]float64 `json:"forecast"`
}

// seriesCase is one case of arima_models.json, or of arima_best_forecasts.json
// once its series is named.
type seriesCase struct {
	Name      string               `json:"name"`
	Series    string               `json:"series"`
	Transform string               `json:"transform"`
	Order     []int                `json:"order"`
	Seasonal  []int                `json:"seasonal"`
	Period    int                  `json:"period"`
	Mean      bool                 `json:"mean"`
	Drift     bool                 `json:"drift"`
	Missing   []int                `json:"missing"`
	Method    string               `json:"method"`
	X         map[string][]float64 `json:"regressors"`
	Future    map[string][]float64 `json:"regressors_future"`
	Fit       seriesFit            `json:"fit"`
}

// seriesCases are cases of arima_models.json of each kind, and the best known
// optima of arima_best_forecasts.json that its programs find in the same place.
// All the others are tested where the algorithm is.
func seriesCases(t *testing.T) []seriesCase {
	t.Helper()
	var models struct {
		Cases []seriesCase `json:"cases"`
	}
	algtest.Load(t, "arima_models.json", &models)
	wanted := []string{"nile_101_mean", "lynx_201_mean", "lake_huron_200_time", "airquality_temp_111_wind", "us_acc_deaths_airline",
		"lake_huron_011_000_drift", "uk_gas_100_010_drift", "nile_101_mean_missing", "nile_011_missing", "css_air_passengers_111"}
	cases := slices.DeleteFunc(models.Cases, func(c seriesCase) bool { return !slices.Contains(wanted, c.Name) })
	var best struct {
		Fits []struct {
			Data  string `json:"data"`
			Model string `json:"model"`
			seriesCase
			seriesFit
		} `json:"fits"`
	}
	algtest.Load(t, "arima_best_forecasts.json", &best)
	series := map[string][2]string{"logAirPassengers airline": {"air_passengers", "log"}, "Nile arima111": {"nile", ""},
		"loglynx arima111": {"lynx", "log10"}, "co2 airline": {"co2", ""}}
	for _, f := range best.Fits {
		if s, ok := series[f.Data+" "+f.Model]; ok {
			c := f.seriesCase
			c.Name, c.Series, c.Transform, c.Fit = strings.ReplaceAll(f.Data+"_"+f.Model, " ", "_"), s[0], s[1], f.seriesFit
			cases = append(cases, c)
		}
	}
	if len(cases) != len(wanted)+len(series) {
		t.Fatalf("%d cases, want %d", len(cases), len(wanted)+len(series))
	}
	return cases
}

// TestARIMAReference fits and forecasts through SQL, by both paths, from the
// model's renamed summary alone.
func TestARIMAReference(t *testing.T) {
	t.Parallel()
	_, c := seriesDatabase(t, "nile", "lynx", "lake_huron", "air_passengers", "us_acc_deaths", "uk_gas", "co2", "airquality")
	for _, tt := range seriesCases(t) {
		t.Run(tt.Name, func(t *testing.T) {
			source, more := tt.relations(c)
			bothPaths(t, c.Conn, func(output string) string { return tt.call(source, output) }, "_summary", "_residuals")
			tt.checkFit(t, c.Conn)
			c.run("DROP TABLE IF EXISTS renamed; ALTER TABLE a_summary RENAME TO renamed; DROP TABLE a, a_residuals")
			bothPaths(t, c.Conn, func(output string) string {
				return "ml.forecast('renamed', 12, '" + output + "', replace => true" + more + ")"
			})
			tt.checkForecast(t, c.Conn)
		})
	}
}

func (c seriesCase) timeColumn() string {
	switch c.Series {
	case "nile", "lynx", "lake_huron":
		return "year"
	case "airquality":
		return "id"
	}
	return "date"
}

// relations makes tables with the case's regressor and its future, if it has
// one, and returns what to train on and the argument for the forecast.
func (c seriesCase) relations(client *client) (source, more string) {
	source = c.Series
	for name, x := range c.X { // at most one
		array := func(values []float64) string { return strings.ReplaceAll(fmt.Sprint(values), " ", ",") }
		source, more = c.Name, ", regressors => '"+c.Name+"_future'"
		client.run(fmt.Sprintf("CREATE TABLE %s AS SELECT d.*, x.x AS %q FROM %s AS d JOIN unnest('{%s}'::float8[]) WITH ORDINALITY AS x(x, n) ON n = id",
			source, name+"_x", c.Series, strings.Trim(array(x), "[]")))
		client.run(fmt.Sprintf("CREATE TABLE %s_future AS SELECT (SELECT max(%s) FROM %s) + n::int AS %[2]s, x AS %[4]q FROM unnest('{%[5]s}'::float8[]) WITH ORDINALITY AS x(x, n)",
			c.Name, c.timeColumn(), c.Series, name+"_x", strings.Trim(array(c.Future[name]), "[]")))
	}
	return source, more
}

// call renders the case as a call of ml.arima.
func (c seriesCase) call(source, output string) string {
	value := "value"
	if c.Series == "airquality" {
		value = "temp"
	}
	switch c.Transform {
	case "log":
		value = "ln(value)"
	case "log10":
		value = "log(value)"
	}
	if len(c.Missing) > 0 {
		value = fmt.Sprintf("CASE WHEN id <> ALL ('{%s}'::int[]) THEN %s END", strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Missing), " ", ","), "[]"), value)
	}
	array := func(orders []int) string {
		return strings.ReplaceAll(strings.Trim(fmt.Sprint(orders), "[]"), " ", ",")
	}
	more := ""
	if c.Drift {
		more += ", drift => true"
	}
	if c.Method == "CSS" {
		more += ", method => 'css'"
	}
	for name := range c.X {
		more += fmt.Sprintf(", regressors => '{%s_x}'", name)
	}
	// The mean and the period are left to their defaults.
	return fmt.Sprintf("ml.arima('%s', '%s', %s, '%s', orders => '{%s}', seasonal_orders => '{%s}', replace => true%s)",
		source, c.timeColumn(), quote(value), output, array(c.Order), array(c.Seasonal), more)
}

// checkFit compares table a with the reference: coefficients to 1e-3 of
// themselves or of a standard error, log likelihood to 1e-4.
func (c seriesCase) checkFit(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT term, estimate, std_error, z_statistic, p_value FROM a ORDER BY ctid")
	if err != nil {
		t.Fatal(err)
	}
	terms := 0
	for ; rows.Next(); terms++ {
		var term string
		var estimate, stdErr, z, p float64
		if err := rows.Scan(&term, &estimate, &stdErr, &z, &p); err != nil {
			t.Fatal(err)
		}
		want, ok := c.Fit.Coef[strings.TrimSuffix(term, "_x")]
		if !ok {
			t.Fatalf("term %q is not in the reference", term)
		}
		if math.Abs(estimate-want) > 1e-3*max(math.Abs(want), stdErr) || math.Abs(stdErr/c.Fit.StdErr[terms]-1) > 2e-2 {
			t.Errorf("%s = %g (%g), want %g (%g)", term, estimate, stdErr, want, c.Fit.StdErr[terms])
		}
		if math.Abs(z-estimate/stdErr) > 1e-12*math.Abs(z) || math.Abs(p-math.Erfc(math.Abs(z)/math.Sqrt2)) > 1e-12 {
			t.Errorf("%s: z = %g, p = %g do not belong to %g and %g", term, z, p, estimate, stdErr)
		}
	}
	if rows.Err() != nil || terms != len(c.Fit.Coef) {
		t.Errorf("%d terms, error %v, want %d", terms, rows.Err(), len(c.Fit.Coef))
	}
	c.checkSummary(t, conn)
}

func (c seriesCase) checkSummary(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	var orders, seasonal []int
	var n, residuals int
	var converged bool
	var sigma2, logLik, ssr float64
	var aic, aicc, bic *float64
	if err := conn.QueryRow(t.Context(), `SELECT n, orders, seasonal_orders, converged, sigma2, log_likelihood, aic, aicc, bic,
			(SELECT count(residual) FROM a_residuals), (SELECT sum(residual ^ 2) FROM a_residuals)
		FROM a_summary WHERE reason IS NULL AND iterations > 0 AND ljung_box_p BETWEEN 0 AND 1`).
		Scan(&n, &orders, &seasonal, &converged, &sigma2, &logLik, &aic, &aicc, &bic, &residuals, &ssr); err != nil {
		t.Fatal(err)
	}
	lost := c.Order[1] + c.Seasonal[1]*c.Period
	if !slices.Equal(orders, c.Order) || !slices.Equal(seasonal, c.Seasonal) || !converged || residuals < n-lost-len(c.Missing) || residuals > n-lost {
		t.Errorf("orders %v, %v, converged %t, %d residuals of %d values, want %v, %v", orders, seasonal, converged, residuals, n, c.Order, c.Seasonal)
	}
	if math.Abs(logLik-c.Fit.LogLik) > 1e-4 && !(logLik > c.Fit.LogLik && logLik < c.Fit.LogLik+1e-3) {
		t.Errorf("log likelihood = %.6f, want %.6f", logLik, c.Fit.LogLik)
	}
	if math.Abs(sigma2/c.Fit.Sigma2-1) > 1e-3 {
		t.Errorf("sigma2 = %g, want %g", sigma2, c.Fit.Sigma2)
	}
	near(t, "aic", aic, c.Fit.AIC, 5)
	near(t, "aicc", aicc, c.Fit.AICc, 5)
	near(t, "bic", bic, c.Fit.BIC, 5)
}

// checkForecast compares table a with the reference, to 1e-3.
func (c seriesCase) checkForecast(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for name, column := range map[string]string{"mean": "forecast", "std_error": "std_error", "lower_80": "lower_80", "upper_80": "upper_80",
		"lower_95": "lower_95", "upper_95": "upper_95"} {
		var got []float64
		if err := conn.QueryRow(t.Context(), "SELECT array_agg("+column+" ORDER BY step) FROM a").Scan(&got); err != nil {
			t.Fatal(err)
		}
		want := c.Fit.Forecast[name]
		if len(got) != 12 || len(want) != 12 {
			t.Fatalf("%d values of %s and %d references, want 12", len(got), name, len(want))
		}
		for i := range want {
			scale := max(math.Abs(want[i]), c.Fit.Forecast["std_error"][i])
			if column == "std_error" {
				scale = want[i]
			}
			if math.Abs(got[i]-want[i]) > 1e-3*scale {
				t.Errorf("%s at step %d = %g, want %g", column, i+1, got[i], want[i])
			}
		}
	}
}

// TestARIMASelection selects orders for a small series with and without season.
// The AICc of forecast::auto.arima's stepwise search stands in arima_auto.json:
// ours is not above it by more than 0.05, with the same differences.
func TestARIMASelection(t *testing.T) {
	t.Parallel()
	_, c := seriesDatabase(t, "nile", "us_acc_deaths")
	for _, tt := range []struct {
		series, time, value, differences string
		aicc                             float64
	}{
		{"nile", "year", "value", "1 0 1", 1267.50739513099},
		{"us_acc_deaths", "date", "value", "1 1 12", 857.316350742639},
	} {
		t.Run(tt.series, func(t *testing.T) {
			model := c.text(fmt.Sprintf("SELECT details ->> 'selected' || ';' || (details ->> 'models_tried') FROM ml.arima('%s', '%s', '%s', 'auto_%[1]s')", tt.series, tt.time, tt.value))
			got := c.text(fmt.Sprintf("SELECT concat_ws(' ', orders[2], seasonal_orders[2], period) FROM auto_%s_summary", tt.series))
			aicc, err := strconv.ParseFloat(c.text("SELECT aicc::text FROM auto_"+tt.series+"_summary"), 64)
			if err != nil || got != tt.differences || !(aicc < tt.aicc+0.05) {
				t.Errorf("d, D, period = %s, AICc %g (%v), want %s and at most %g", got, aicc, err, tt.differences, tt.aicc+0.05)
			}
			spec := c.text(fmt.Sprintf("SELECT format('ARIMA(%%s)', array_to_string(orders, ',')) FROM auto_%s_summary", tt.series))
			name, tried, _ := strings.Cut(model, ";")
			if n, _ := strconv.Atoi(tried); !strings.HasPrefix(name, spec) || n < 5 {
				t.Errorf("details say %s of %s models, the summary %s", name, tried, spec)
			}
		})
	}
}

// TestARIMAConstants selects with and without a mean or a drift.
func TestARIMAConstants(t *testing.T) {
	t.Parallel()
	_, c := seriesDatabase(t, "nile")
	c.run("CREATE TABLE flow AS SELECT year, value FROM nile WHERE year > 1900")
	c.run("CREATE TABLE rising AS SELECT n AS year, sum(3 + sin(n * n)) OVER (ORDER BY n) AS value FROM generate_series(1, 80) AS n")
	for _, tt := range []struct {
		source, more string
		want         string // the constant
	}{
		{"flow", "", " with mean"},
		{"flow", ", drift => false", " with mean"},
		{"flow", ", mean => false", ""},
		{"rising", "", " with drift"},
		{"rising", ", mean => false", " with drift"},
		{"rising", ", drift => false", ""},
		{"rising", ", drift => false, mean => false", ""},
	} {
		got := c.text("SELECT details ->> 'selected' FROM ml.arima('" + tt.source + "', 'year', 'value', 'constant', replace => true" + tt.more + ")")
		if _, constant, _ := strings.Cut(got, ")"); constant != tt.want {
			t.Errorf("%s%s: selected %s, want one%s", tt.source, tt.more, got, tt.want)
		}
	}
}
