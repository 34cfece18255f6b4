package worker_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

// client is a session of a caller that keeps the notices it was shown.
type client struct {
	*pgx.Conn
	t       testing.TB
	gone    atomic.Bool // it dials no more, not even to cancel
	mu      sync.Mutex
	notices []string
}

// open connects; the session ends with the test.
func open(t testing.TB, url string) *client {
	t.Helper()
	c := &client{t: t}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if n.Severity == "NOTICE" {
			c.notices = append(c.notices, n.Message)
		}
	}
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if c.gone.Load() {
			return nil, net.ErrClosed
		}
		return dial(ctx, network, address)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if c.Conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = c.Conn.Close(ctx) // some tests have it ended by others
	})
	return c
}

// vanish drops the connection without a word, as a machine that loses power.
func (c *client) vanish() {
	c.gone.Store(true)
	_ = c.PgConn().Conn().Close()
}

// shown returns the notices since the last call of shown that contain a text.
func (c *client) shown(containing string) (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.notices {
		if strings.Contains(n, containing) {
			list = append(list, n)
		}
	}
	c.notices = nil
	return list
}

// try runs statements and returns their error.
func (c *client) try(sql string) error {
	_, err := c.PgConn().Exec(c.t.Context(), sql).ReadAll()
	return err
}

// run runs statements that must succeed.
func (c *client) run(sql string) {
	c.t.Helper()
	if err := c.try(sql); err != nil {
		c.t.Fatalf("%s: %v", abridge(sql), explain(err))
	}
}

// text returns the one value of a query as text; NULL is "NULL".
func (c *client) text(sql string, args ...any) string {
	c.t.Helper()
	var out *string
	if err := c.QueryRow(c.t.Context(), sql, args...).Scan(&out); err != nil {
		c.t.Fatalf("%s: %v", abridge(sql), explain(err))
	}
	if out == nil {
		return "NULL"
	}
	return *out
}

// refused runs statements that must fail with a SQLSTATE, and returns the error.
func (c *client) refused(code, sql string) *pgconn.PgError {
	c.t.Helper()
	return wantCode(c.t, code, sql, c.try(sql))
}

func wantCode(t testing.TB, code, what string, err error) *pgconn.PgError {
	t.Helper()
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		t.Fatalf("%s: error = %v, want SQLSTATE %s", abridge(what), err, code)
	}
	if e.Code != code {
		t.Fatalf("%s: SQLSTATE %s (%v), want %s", abridge(what), e.Code, explain(err), code)
	}
	return e
}

func abridge(text string) string {
	if len(text) > 300 {
		return text[:300] + "…"
	}
	return text
}

// explain adds what pgconn leaves out of an error's text.
func explain(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%s: %s; detail %q, hint %q, where %q", e.Code, e.Message, e.Detail, e.Hint, e.Where)
}

// model is what one call of ml.linear_regression did.
type model struct {
	read, reason string
	used         int64
	coefficients string // term and all numbers, shortest exact text
	slope, base  float64
}

var outputs struct {
	sync.Mutex
	n int
}

// freshName returns a name for an output that the process has not used.
func freshName() string {
	outputs.Lock()
	defer outputs.Unlock()
	outputs.n++
	return fmt.Sprintf("out_%d", outputs.n)
}

// fit regresses target on one feature of source and reads the model back.
func (c *client) fit(source, target, feature string) model {
	c.t.Helper()
	m, err := c.tryFit(source, target, feature)
	if err != nil {
		c.t.Fatalf("linear regression of %s on %s over %s: %v", target, feature, source, explain(err))
	}
	return m
}

func (c *client) tryFit(source, target, feature string) (model, error) {
	name := freshName()
	m, err := c.call(fmt.Sprintf("ml.linear_regression('%s', %s, ARRAY[%s], '%s')",
		strings.ReplaceAll(source, "'", "''"), literal(target), literal(feature), name))
	if err != nil {
		return m, err
	}
	return m, c.readModel(&m, name)
}

// call runs one training call and returns what it says of itself.
func (c *client) call(sql string) (m model, err error) {
	err = c.QueryRow(c.t.Context(), `SELECT details ->> 'read', coalesce(details ->> 'read_reason', ''), rows_used FROM `+sql).
		Scan(&m.read, &m.reason, &m.used)
	return m, err
}

func (c *client) readModel(m *model, output string) error {
	return c.QueryRow(c.t.Context(), fmt.Sprintf(`
		SELECT string_agg(concat_ws(' ', term, estimate, std_error, t_statistic, p_value, conf_low, conf_high), '; ' ORDER BY term),
			coalesce(max(estimate) FILTER (WHERE term <> '(intercept)'), 'NaN'), coalesce(max(estimate) FILTER (WHERE term = '(intercept)'), 'NaN')
		FROM %s`, output)).Scan(&m.coefficients, &m.slope, &m.base)
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// checkSlope compares a model with what SQL computes in the same session.
// regr_slope sums in floating point, hence the tolerance.
func (c *client) checkSlope(m model, source, target, feature string) {
	c.t.Helper()
	var slope, base *float64
	var n int64
	sql := fmt.Sprintf("SELECT regr_slope(%[2]s, %[3]s), regr_intercept(%[2]s, %[3]s), regr_count(%[2]s, %[3]s) FROM %[1]s",
		source, "("+target+")::float8", "("+feature+")::float8")
	if err := c.QueryRow(c.t.Context(), sql).Scan(&slope, &base, &n); err != nil {
		c.t.Fatalf("%s: %v", sql, explain(err))
	}
	if n != m.used {
		c.t.Errorf("%d rows used, and the caller's own SELECT sees %d", m.used, n)
	}
	if slope == nil || !close9(m.slope, *slope) || !close9(m.base, *base) {
		c.t.Errorf("slope %g, intercept %g; the caller's own SELECT gives %v, %v", m.slope, m.base, deref(slope), deref(base))
	}
}

func deref(x *float64) any {
	if x == nil {
		return nil
	}
	return *x
}

func close9(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

// until polls a condition that another process brings about.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(end) {
			t.Fatalf("waited 20 s in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// paths returns what the worker's counters have grown by during f.
func paths(e *milltest.Env, f func()) (snapshot, session int64) {
	a, b := e.Worker.PathCounts()
	f()
	c, d := e.Worker.PathCounts()
	return c - a, d - b
}

// dataSQL makes a table of n rows whose regression has no round coefficients:
// y = 2x + 1 and a deterministic error.
func dataSQL(table string, n int) string {
	return fmt.Sprintf(`CREATE TABLE %s (id int, x float8, y float8, label text, tenant text);
		INSERT INTO %[1]s SELECT i, i %% 97 + i / 1000.0, 2 * (i %% 97) + 1 + sin(i), 'l' || i %% 3, 't' || i %% 2 FROM generate_series(1, %d) AS i;
		ANALYZE %[1]s;`, table, n)
}

// admin opens a superuser's session.
func admin(t testing.TB, e *milltest.Env) *client { return open(t, e.AdminURL) }

// idle waits until the worker holds no job of the role and no reader of the
// database is in a transaction.
func idle(t testing.TB, e *milltest.Env) {
	t.Helper()
	conn := pgtest.Connect(t, e.AdminURL)
	until(t, "no reader in a transaction", func() bool {
		var n int
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND application_name = 'millrace reader' AND state <> 'idle'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}

// jobs counts the jobs that the worker holds for the client's role.
func (c *client) jobs() string {
	c.t.Helper()
	return c.text("SELECT count(*)::text FROM ml.jobs")
}
