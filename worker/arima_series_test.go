package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// series is a stationary series of 40 rows whose time is an expression of n.
func series(time string) string {
	return "CREATE TABLE s AS SELECT " + time + " AS at, 10 + sin(n * n) AS value FROM generate_series(1, 40) AS n"
}

// TestForecastTimes goes on in the step and with the type of the series, by a
// calendar on the wall.
func TestForecastTimes(t *testing.T) {
	t.Parallel()
	_, c := seriesDatabase(t)
	c.run("SET TimeZone = 'Europe/Berlin'; CREATE DOMAIN day AS date")
	for _, tt := range []struct {
		name, time, typ string
		period          string
		first, last     string // of three steps
	}{
		{"Months", "('2020-10-01'::date + n * '1 month'::interval)::date", "date", "12", "2024-03-01", "2024-05-01"},
		{"MonthEnds", "(date '2020-10-01' + n * '1 month'::interval - '1 day'::interval)::date", "date", "12", "2024-02-29", "2024-04-30"},
		{"Quarters", "date '2014-01-01' + n * '3 months'::interval", "timestamp without time zone", "4", "2024-04-01 00:00:00", "2024-10-01 00:00:00"},
		{"Years", "(date '1950-12-31' + n * '1 year'::interval)::day", "date", "1", "1991-12-31", "1993-12-31"},
		{"Days", "timestamptz '2024-02-19 12:00' + n * '1 day'::interval", "timestamp with time zone", "7", "2024-03-31 12:00:00+02", "2024-04-02 12:00:00+02"},
		{"Hours", "timestamp '2024-02-27 08:00' + n * '1 hour'::interval", "timestamp without time zone", "24", "2024-02-29 01:00:00", "2024-02-29 03:00:00"},
		{"Weeks", "date '2023-05-01' + n * 7", "date", "1", "2024-02-12", "2024-02-26"},
		{"Int2", "n::int2", "smallint", "1", "41", "43"},
		{"Int4", "1980 + n", "integer", "1", "2021", "2023"},
		{"Int8", "n * 10000000000", "bigint", "1", "410000000000", "430000000000"},
		{"Float4", "(n * 0.5)::float4", "real", "1", "20.5", "21.5"},
		{"Float8", "n * 0.1::float8", "double precision", "1", "4.1", "4.3"},
		{"Numeric", "n * 0.1", "numeric", "1", "4.1", "4.3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.run("DROP TABLE IF EXISTS s; " + series(tt.time))
			if got := c.text("SELECT (ml.arima('s', 'at', 'value', 'm', orders => '{1,0,0}', replace => true)).rows_used::text"); got != "40" {
				t.Errorf("%s rows used, want 40", got)
			}
			c.run("SELECT ml.forecast('m', 3, 'f', replace => true)")
			got := c.text("SELECT concat_ws('|', pg_typeof(min(time)), (SELECT period FROM m_summary), min(time), max(time)) FROM f")
			if want := strings.Join([]string{tt.typ, tt.period, tt.first, tt.last}, "|"); got != want {
				t.Errorf("forecast times %s, want %s", got, want)
			}
			if got := c.text("SELECT count(*)::text FROM s JOIN m_residuals AS r ON s.at = r.time AND abs(s.value - r.fitted - r.residual) < 1e-12"); got != "40" {
				t.Errorf("%s residuals belong to their rows, want 40", got)
			}
		})
	}
}

// TestClocksGoForward finds the hour that local time leaves out.
func TestClocksGoForward(t *testing.T) {
	t.Parallel()
	_, c := seriesDatabase(t)
	c.run("SET TimeZone = 'Europe/Berlin'; " + series("timestamptz '2024-03-30 12:00' + n * '1 hour'::interval"))
	err := c.refused("22000", "SELECT ml.arima('s', 'at', 'value', 'm', orders => '{1,0,0}')")
	if !strings.Contains(err.Message, "between 2024-03-31 01:00:00 and 2024-03-31 03:00:00") || !strings.Contains(err.Hint, "(at) AT TIME ZONE ''UTC''") {
		t.Errorf("%q, hint %q, want the hour and a time zone", err.Message, err.Hint)
	}
	c.run("SELECT ml.arima('s', $$(at) AT TIME ZONE 'UTC'$$, 'value', 'm', orders => '{1,0,0}'); SELECT ml.forecast('m', 1, 'f')")
	if got := c.text("SELECT time::text FROM f"); got != "2024-04-01 04:00:00" {
		t.Errorf("forecast for %s, want 2024-04-01 04:00:00", got)
	}
}

// shops is four weekly series in groups of several types: the third has a gap, the
// fourth two missing values, and two rows are in no group. Table next goes on.
const shops = `CREATE TYPE size AS ENUM ('small', 'big');
		CREATE TABLE shops AS SELECT n AS week, g AS "Shop ""A""", (ARRAY['small', 'big'])[1 + g % 2]::size AS size, g > 2 AS new,
			g * 100 + 10 * sin(n * n + g) AS sold, cos(n * n + g) AS weather
		FROM generate_series(1, 50) AS n, generate_series(1, 4) AS g;
		DELETE FROM shops WHERE "Shop ""A""" = 3 AND week = 20;
		INSERT INTO shops SELECT week, NULL, size, new, sold FROM shops WHERE week < 3;
		UPDATE shops SET sold = NULL WHERE "Shop ""A""" = 4 AND week IN (5, 6);
		CREATE TABLE next AS SELECT n AS week, g AS "Shop ""A""", (ARRAY['small', 'big'])[1 + g % 2]::size AS size, g > 2 AS new, 0.5 AS weather
		FROM generate_series(45, 60) AS n, generate_series(1, 4) AS g`

// TestSeriesGroups fits groups of several types, of which one cannot be fitted.
func TestSeriesGroups(t *testing.T) {
	t.Parallel()
	_, c := seriesDatabase(t)
	c.run(shops)
	fit := func(output string) string {
		return `ml.arima('shops', 'week', 'sold', '` + output + `', orders => '{1,0,0}', regressors => '{weather}', replace => true,
			group_by => ARRAY['"Shop ""A"""', 'size', 'new', '"Shop ""A""" * 2.50'])`
	}
	bothPaths(t, c.Conn, fit, "_summary", "_residuals")
	c.shown("")
	if got, want := c.text("SELECT concat_ws(' ', rows_used, rows_skipped, details ->> 'groups', details ->> 'failed_groups') FROM "+fit("m")),
		`150 8 4 ["3, big, true, 7.5"]`; got != want {
		t.Errorf("used, skipped, groups, failed: %s, want %s", got, want)
	}
	if shown := c.shown("1 of 4 groups could not be fitted"); len(shown) != 1 {
		t.Errorf("notices %q, want one on the failed group", shown)
	}
	want := "between 19 and 21: with steps of 1, 1 row is missing"
	if got := c.text(`SELECT reason FROM m_summary WHERE "Shop ""A""" = 3 AND num_nonnulls(n, orders, period, sigma2, converged, iterations, model) = 0`); !strings.Contains(got, want) {
		t.Errorf("reason %q, want %q", got, want)
	}
	if got := c.text(`SELECT string_agg(n::text, ' ' ORDER BY "Shop ""A""") FROM m_summary`); got != "50 50 48" {
		t.Errorf("n = %s, want 50 50 48", got)
	}
	bothPaths(t, c.Conn, func(output string) string {
		return "ml.forecast('m', 5, '" + output + "', regressors => 'next', level => '{0.995,0.5,0.05}', replace => true)"
	})
	columns := c.text("SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'a'::regclass AND attnum > 0")
	if want := `Shop "A" integer, size size, new boolean, "Shop ""A""" * 2.50 numeric, step integer, time integer, forecast double precision, ` +
		`std_error double precision, lower_99_5 double precision, upper_99_5 double precision, lower_50 double precision, upper_50 double precision, ` +
		`lower_5 double precision, upper_5 double precision`; columns != want {
		t.Errorf("columns %s, want %s", columns, want)
	}
	if got := c.text(`SELECT string_agg(DISTINCT concat_ws(' ', "Shop ""A""", size, new), ', ') || count(*) || min(time) || max(time) FROM a
		WHERE upper_99_5 > upper_50 AND upper_50 > upper_5 AND upper_5 > forecast AND forecast - lower_50 BETWEEN 0.674 * std_error AND 0.675 * std_error
		AND abs(forecast - 100 * "Shop ""A""") < 40`); got != "1 big f, 2 small f, 4 small t155155" {
		t.Errorf("groups, rows, times: %s, want 1, 2 and 4 with 15 rows from 51 to 55", got)
	}
}

// TestSeriesModelMoves forecasts from a summary that was renamed, moved, copied
// or granted: the table is the model.
func TestSeriesModelMoves(t *testing.T) {
	t.Parallel()
	e, c := seriesDatabase(t, "nile")
	other, otherURL := e.Role(t, "reader")
	c.run(`CREATE FUNCTION steps(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
		SELECT ml.arima('nile', 'year', 'value', 'm', orders => '{1,0,1}', regressors => ARRAY['(year > 1898)::int'], group_by => ARRAY['value > 0']);
		SELECT ml.arima('nile', 'year', 'value', 'unsafe', orders => '{1,0,1}', regressors => ARRAY['steps(year)'], group_by => ARRAY['value > 0']);
		CREATE TABLE later AS SELECT n AS year, 1 AS value FROM generate_series(1971, 1980) AS n`)
	space := pgx.Identifier{c.text("SELECT current_schema()::text")}.Sanitize()
	forecast := func(c *client, model, source string) string {
		c.t.Helper()
		c.run("SELECT ml.forecast(" + quote(model) + ", 10, 'f', regressors => " + quote(source) + ", replace => true)")
		return c.text("SELECT md5(string_agg(f::text, ',' ORDER BY step)) FROM f")
	}
	want := forecast(c, "m", "later")
	c.run("CREATE TABLE copied AS SELECT * FROM m_summary; CREATE VIEW seen AS SELECT * FROM m_summary; CREATE TABLE renamed (LIKE m_summary); INSERT INTO renamed TABLE m_summary")
	c.run(fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON m_summary, unsafe_summary, copied TO %[2]s", space, pgx.Identifier{other}.Sanitize()))
	for _, model := range []string{"m_summary", "copied", "seen", "renamed"} {
		if got := forecast(c, model, "later"); got != want {
			t.Errorf("another forecast from %s", model)
		}
	}
	o := open(t, otherURL)
	o.run("CREATE TABLE later AS SELECT n AS year, 1 AS value FROM generate_series(1971, 1980) AS n")
	if got := forecast(o, space+".m_summary", "later"); got != want {
		t.Error("another forecast by the role that was granted the model")
	}
	err := o.refused("42501", "SELECT ml.forecast('"+space+".unsafe_summary', 10, 'g', regressors => 'later')")
	if !strings.Contains(err.Message, "[steps]") || err.Hint == "" {
		t.Errorf("%q, hint %q, want the function that another role's model must not call", err.Message, err.Hint)
	}
	c.run("ALTER TABLE copied RENAME TO \"My model\"")
	if got := forecast(c, `"My model"`, "later"); got != want {
		t.Error("another forecast from the renamed model")
	}
	admin(t, e).run("ALTER TABLE " + space + ".\"My model\" SET SCHEMA public")
	if got := forecast(c, `public."My model"`, "later"); got != want {
		t.Error("another forecast from the moved model")
	}
}

// TestARIMACancel ends a search for orders that would take minutes, and a
// forecast that would take seconds.
func TestARIMACancel(t *testing.T) {
	t.Parallel()
	e, c := seriesDatabase(t)
	c.run("CREATE TABLE long AS SELECT n, 100 * random() + 20 * sin(n * 0.26) AS value FROM generate_series(1, 20000) AS n")
	c.run("SELECT ml.arima('long', 'n', 'value', 'walk', orders => '{0,1,0}', seasonal_orders => '{0,1,0}', period => 100)")
	for _, call := range []string{"arima('long', 'n', 'value', 'm', period => 24)", "forecast('walk', 100000, 'm')"} {
		began := time.Now()
		c.refused("57014", "SET statement_timeout = '300ms'; SELECT ml."+call)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: cancelled after %s, want 0.3 s", call, took)
		}
		if got := c.text("SELECT count(*)::text FROM ml.jobs"); got != "0" {
			t.Errorf("%s: %s jobs left", call, got)
		}
	}
	idle(t, e)
}
