package worker_test

import (
	"strings"
	"testing"
)

// seriesError is a statement that must fail. An entry that has no hint is our
// bug: each error says the next step.
type seriesError struct {
	name, sql, code, message string
}

func (e seriesError) check(t *testing.T, c *client) {
	t.Helper()
	err := c.refused(e.code, e.sql)
	if !strings.Contains(err.Message+" "+err.Detail, e.message) || err.Hint == "" {
		t.Errorf("%s: %q, detail %q, hint %q, want %q and a hint", e.name, err.Message, err.Detail, err.Hint, e.message)
	}
	if strings.Contains(err.Message, "%!") || strings.Contains(err.Hint, "%!") {
		t.Errorf("%s: %q, hint %q: a format does not fit", e.name, err.Message, err.Hint)
	}
}

func TestARIMAArguments(t *testing.T) {
	t.Parallel()
	_, c := seriesDatabase(t, "nile")
	c.run("CREATE TABLE stepped AS SELECT *, 1 AS step FROM nile")
	fit := func(more string) string {
		return "SELECT ml.arima('nile', 'year', 'value', 'refused_model', " + more + ")"
	}
	for _, e := range []seriesError{
		{"TwoOrders", fit("orders => '{1,0}'"), "22023", "orders is {1,0}, and must be three numbers {p,d,q}"},
		{"FourOrders", fit("orders => '{1,0,0,0}'"), "22023", "orders is {1,0,0,0}"},
		{"NegativeOrder", fit("orders => '{1,-1,1}'"), "22023", "orders is {1,-1,1}"},
		{"NullOrder", fit("orders => '{1,NULL,1}'"), "22023", "orders is {1,NULL,1}"},
		{"NegativeSeasonal", fit("orders => '{1,0,1}', seasonal_orders => '{0,0,-2}'"), "22023", "seasonal_orders is {0,0,-2}"},
		{"HugeOrder", fit("orders => '{51,0,1}'"), "22023", "p = 51, want 0 to 50"},
		{"HugeDifference", fit("orders => '{0,4,1}'"), "22023", "d = 4, want 0 to 3"},
		{"HugeLag", fit("orders => '{0,1,1}', seasonal_orders => '{3,1,1}', period => 1000"), "22023", "a lag of 3000 steps"},
		{"SeasonalAlone", fit("seasonal_orders => '{0,1,1}'"), "22023", "seasonal_orders are given, and orders are not"},
		{"Matrix", fit("orders => '{{1,0,1},{1,0,1}}'"), "22023", "orders"},
		{"PeriodZero", fit("period => 0"), "22023", "period is 0, and must be at least 1"},
		{"PeriodOne", fit("orders => '{0,1,1}', seasonal_orders => '{0,1,1}', period => 1"), "22023", "want at least 2"},
		{"NoSeason", fit("orders => '{0,1,1}', seasonal_orders => '{0,1,1}'"), "22023", "step by 1, which suggests no season"},
		{"Method", fit("orders => '{0,1,1}', method => 'mle'"), "22023", `method "mle" is unknown`},
		{"MethodNull", fit("orders => '{0,1,1}', method => NULL"), "22023", "argument method is NULL"},
		{"Criterion", fit("ic => 'aci'"), "22023", `ic "aci" is unknown`},
		{"SelectionByCSS", fit("method => 'css'"), "22023", "method css cannot select orders"},
		{"SelectionWithMean", fit("mean => true"), "22023", "mean => true needs orders"},
		{"SelectionWithDrift", fit("drift => true"), "22023", "drift => true needs orders"},
		{"MeanAndDifference", fit("orders => '{0,1,1}', mean => true"), "22023", "mean => true with differences (d = 1, D = 0)"},
		{"DriftAndDifferences", fit("orders => '{0,1,1}', seasonal_orders => '{0,1,1}', drift => true"), "22023", "drift => true with 2 differences"},
		{"TextTime", "SELECT ml.arima('nile', '''a''::text', 'value', 'x')", "42804", "time 'a'::text cannot be used"},
		{"TextValue", "SELECT ml.arima('nile', 'year', '''a''::text', 'x')", "42804", "value 'a'::text cannot be used"},
		{"TextRegressor", fit("regressors => ARRAY['year::text']"), "42804", "regressor year::text cannot be used"},
		{"NoTime", "SELECT ml.arima('nile', NULL, 'value', 'x')", "22023", "argument time_column is NULL"},
		{"TwoGroups", "SELECT ml.arima('nile', 'year', 'value', 'x', group_by => ARRAY['id, year'])", "42601", "not one expression"},
		{"GroupTaken", "SELECT ml.arima('stepped', 'year', 'value', 'x', group_by => '{step}')", "22023", `two columns called "step"`},
	} {
		t.Run(e.name, func(t *testing.T) { e.check(t, c) })
	}
	if got := c.refused("22023", fit("method => 'css_ml'")).Hint; !strings.Contains(got, `Did you mean "css-ml"`) {
		t.Errorf("hint %q does not suggest css-ml", got)
	}
	if got := c.text("SELECT coalesce(to_regclass('refused_model'), to_regclass('x'))::text"); got != "NULL" {
		t.Errorf("refused calls left table %s", got)
	}
}

// TestARIMAData refuses series that are none, naming time and group.
func TestARIMAData(t *testing.T) {
	t.Parallel()
	_, c := seriesDatabase(t)
	c.run(`CREATE TABLE s AS SELECT d::date AS day, sin(n * n) AS value, cos(n * n) AS x, 'north' AS region
		FROM generate_series(1, 40) AS n, LATERAL (SELECT '2024-01-31'::date + n - 1) AS l(d)`)
	fit := func(orders string) string {
		return "; SELECT ml.arima('s', 'day', 'value', 'm', orders => '" + orders + "', group_by => '{region}')"
	}
	plain := "; SELECT ml.arima('s', 'day', 'value', 'm', orders => '{1,0,0}')"
	for _, e := range []seriesError{
		{"NullTime", "UPDATE s SET day = NULL WHERE day = '2024-02-03'" + plain, "22000", "time day is NULL"},
		{"NullTimeInGroup", "UPDATE s SET day = NULL WHERE day = '2024-02-03'" + fit("{1,0,0}"), "22000", "time day is NULL in group north"},
		{"InfiniteTime", "UPDATE s SET day = 'infinity' WHERE day = '2024-02-03'" + plain, "22000", "time day has the value infinity"},
		{"Twice", "INSERT INTO s VALUES ('2024-02-03', 1, 1, 'north')" + fit("{1,0,0}"), "22000", "time day 2024-02-03 occurs twice in group north"},
		{"Gap", "DELETE FROM s WHERE day IN ('2024-02-29', '2024-03-01')" + fit("{1,0,0}"), "22000",
			"gap in group north between 2024-02-28 and 2024-03-02: with steps of 1 day, 2 rows are missing"},
		{"Uneven", "ALTER TABLE s ALTER day TYPE timestamp; UPDATE s SET day = day + '1 hour' WHERE day = '2024-02-29'" + plain, "22000",
			"they step by 1 day, but not between 2024-02-28 00:00:00 and 2024-02-29 01:00:00"},
		{"Random", "ALTER TABLE s ALTER day TYPE timestamp; UPDATE s SET day = day + 3600 * (x * 10)::int * '1 second'::interval" + plain, "22000",
			"is another step than from there to"},
		{"Zone", "ALTER TABLE s ALTER day TYPE timestamptz; DELETE FROM s WHERE day = '2024-02-03'" + plain, "22000", "1 row is missing"},
		{"NaNValue", "UPDATE s SET value = 'NaN' WHERE day = '2024-02-03'" + fit("{1,0,0}"), "22000", "value value is NaN at time day 2024-02-03 in group north"},
		{"HugeValue", "UPDATE s SET value = 1e200 WHERE day = '2024-02-03'" + plain, "22000", "1e+200 at position 4 of the series"},
		{"NullRegressor", "UPDATE s SET x = NULL WHERE day = '2024-02-03'; SELECT ml.arima('s', 'day', 'value', 'm', orders => '{1,0,0}', regressors => '{x}')",
			"22000", "regressor x is NULL at time day 2024-02-03"},
		{"Collinear", "SELECT ml.arima('s', 'day', 'value', 'm', orders => '{1,0,0}', regressors => '{x,x + x}')", "22000", `"x + x" depends on those before it`},
		{"ConstantRegressor", "SELECT ml.arima('s', 'day', 'value', 'm', orders => '{1,1,0}', regressors => '{x - x}')", "22000", `"x - x"`},
		{"TooShort", "DELETE FROM s WHERE day > '2024-02-03'" + fit("{2,0,1}"), "22000", "4 values observed"},
		{"OneRow", "DELETE FROM s WHERE day > '2024-01-31'" + plain, "22000", "1 values observed"},
		{"NoRows", "DELETE FROM s" + plain, "22000", "there are no rows"},
		{"NoGroups", "UPDATE s SET region = NULL" + fit("{1,0,0}"), "22000", "there are no rows to use; 40 were skipped"},
		{"AllMissing", "UPDATE s SET value = NULL" + plain, "22000", "0 of 40 values observed"},
		{"Constant", "UPDATE s SET value = 7" + plain, "22000", "series without variation"},
		{"ConstantSelection", "UPDATE s SET value = 7; SELECT ml.arima('s', 'day', 'value', 'm')", "22000", "series without variation"},
		{"MissingByCSS", "UPDATE s SET value = NULL WHERE day = '2024-02-03'; SELECT ml.arima('s', 'day', 'value', 'm', orders => '{1,0,0}', method => 'css')",
			"22000", "missing values: 1 of 40"},
		{"AllGroups", "UPDATE s SET value = 7; INSERT INTO s SELECT day, 8, x, 'south' FROM s" + fit("{1,0,0}"), "22000", "In group north, the first of 2"},
	} {
		t.Run(e.name, func(t *testing.T) {
			c.run("BEGIN")
			defer c.run("ROLLBACK")
			e.check(t, c)
		})
	}
}

// badModels is models to forecast, of which some cannot be.
const badModels = `SET TimeZone = 'UTC';
		SELECT ml.arima('nile', 'year', 'value', 'plain', orders => '{1,0,0}');
		SELECT ml.arima('s', 'n', 'value', 'small', orders => '{1,0,0}', group_by => '{g}');
		SELECT ml.arima('s', 'at', 'value', 'zoned', orders => '{1,0,0}', group_by => '{g}');
		SELECT ml.arima('s', 'n', 'value', 'explained', orders => '{1,0,0}', group_by => '{g}', regressors => '{x}');
		SELECT ml.linear_regression('s', 'value', '{x}', 'line');
		CREATE TABLE future AS SELECT n::smallint AS n, g, n AS x FROM generate_series(30, 44) AS n, unnest('{a,b}'::text[]) AS g;
		CREATE TABLE twice AS SELECT * FROM plain_summary UNION ALL SELECT * FROM plain_summary;
		CREATE TABLE mixed AS SELECT model FROM plain_summary UNION ALL SELECT model FROM line_summary;
		CREATE TABLE broken AS SELECT jsonb_set(model, '{series,state,coef}', '[]') AS model FROM plain_summary;
		CREATE TABLE stopped AS SELECT model #- '{series,clock,step}' AS model FROM plain_summary;
		CREATE TABLE newer AS SELECT jsonb_set(model, '{format}', '99') AS model FROM plain_summary;
		CREATE TABLE unfitted AS SELECT NULL::jsonb AS model`

func forecastErrors() []seriesError {
	forecast := func(model, more string) string {
		return "SELECT ml.forecast('" + model + "', horizon => 3, output => 'f'" + more + ")"
	}
	explained := forecast("explained", ", regressors => 'future'")
	return []seriesError{
		{"NoHorizon", "SELECT ml.forecast('plain', NULL, 'f')", "22023", "argument horizon is NULL"},
		{"HorizonZero", "SELECT ml.forecast('plain', 0, 'f')", "22023", "horizon is 0, and must be between 1 and 100000"},
		{"HorizonHuge", "SELECT ml.forecast('plain', 100001, 'f')", "22023", "horizon is 100001"},
		{"LevelOne", forecast("plain", ", level => '{0.8,1}'"), "22023", "a level is 1, and must be between 0 and 1"},
		{"LevelPercent", forecast("plain", ", level => '{95}'"), "22023", "a level is 95"},
		{"LevelTwice", forecast("plain", ", level => '{0.8,0.80}'"), "22023", "level 0.8 is given twice"},
		{"LevelNull", forecast("plain", ", level => '{0.8,NULL}'"), "22023", "a level is NULL"},
		{"LevelNaN", forecast("plain", ", level => '{NaN}'"), "22023", "level"},
		{"NoLevel", forecast("plain", ", level => NULL"), "22023", "argument level is NULL"},
		{"ManyLevels", forecast("plain", ", level => '{.1,.2,.3,.4,.5,.6,.7,.8,.9,.91,.92,.93}'"), "22023", "12 levels are given, and 11 are possible"},
		{"NoModel", forecast("nile", ""), "42809", "is not a model"},
		{"Linear", forecast("line", ""), "22023", "the model is of linear_regression, not a time series"},
		{"LinearWithRegressors", forecast("line", ", regressors => 's'"), "22023", "the model is a regression, not a time series"},
		{"PredictSeries", "SELECT ml.predict('plain', 'nile', 'f')", "22023", "the model is a time series"},
		{"Unfitted", forecast("unfitted", ""), "55000", "has no fitted group"},
		{"Twice", forecast("twice", ""), "22000", "the model table has two models"},
		{"Mixed", forecast("mixed", ""), "22000", "belong to different models"},
		{"Broken", forecast("broken", ""), "22000", "the model cannot be applied"},
		{"Stopped", forecast("stopped", ""), "22000", "its time does not go on"},
		{"Newer", forecast("newer", ""), "55000", "the model has format 99"},
		{"TypeEnds", "SELECT ml.forecast('small', 40000, 'f')", "22023", "the time at step 32728 is outside of type int2: the series ends at 40 and steps by 1"},
		{"OtherZone", "SET LOCAL TimeZone = 'Asia/Tokyo'; " + forecast("zoned", ""), "55000", "trained with TimeZone UTC"},
		{"RegressorsMissing", forecast("explained", ""), "22023", "the model has regressors (x), and their future values are missing"},
		{"RegressorsUnwanted", forecast("plain", ", regressors => 'nile'"), "22023", "regressors are given, and the model has none"},
		{"RegressorRow", "DELETE FROM future WHERE n = 42 AND g = 'b'; " + explained, "22000", "no row for time n 42 in group b, step 2 of the horizon"},
		{"RegressorGroup", "DELETE FROM future WHERE g = 'a'; " + explained, "22000", "no row for time n 41 in group a, step 1"},
		{"RegressorNull", "UPDATE future SET x = NULL WHERE n = 43; " + explained, "22000", "regressor x is NULL at time n 43 in group a"},
		{"RegressorTwice", "INSERT INTO future VALUES (41, 'b', 1); " + explained, "22000", "two rows for time n 41 in group b"},
		{"RegressorTime", "ALTER TABLE future ALTER n TYPE numeric; " + explained, "42804", "the model was trained with int2"},
		{"RegressorColumn", "ALTER TABLE future DROP x; " + explained, "42703", ""},
		{"GroupColumn", forecast("named", ""), "22023", `two columns called "lower_80"`},
	}
}

func TestForecastErrors(t *testing.T) {
	t.Parallel()
	_, c := seriesDatabase(t, "nile")
	c.run(`CREATE TABLE s AS SELECT n::smallint AS n, '2024-01-01'::timestamptz + n * '1 hour'::interval AS at, g, sin(n * n + ascii(g)) AS value, cos(n * n) AS x
		FROM generate_series(1, 40) AS n, unnest('{a,b}'::text[]) AS g`)
	c.run(badModels)
	for _, e := range forecastErrors() {
		t.Run(e.name, func(t *testing.T) {
			c.run("BEGIN")
			defer c.run("ROLLBACK")
			switch e.name {
			case "GroupColumn":
				c.run("ALTER TABLE s RENAME g TO lower_80; SELECT ml.arima('s', 'n', 'value', 'named', orders => '{1,0,0}', group_by => '{lower_80}')")
			case "RegressorColumn": // PostgreSQL's own words, without a hint
				c.refused(e.code, e.sql)
				return
			}
			e.check(t, c)
		})
	}
}
