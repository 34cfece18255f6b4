package worker_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/worker"
)

type config = worker.Config

// TestMemory runs out of each memory limit at each place where it is counted: by
// estimate, while reading and while shipping.
func TestMemory(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, limit string
		change      func(*config)
	}{
		{"PerCall", "memory_per_call", func(c *config) { c.MemoryPerCall = 1 << 20 }},
		{"Total", "memory_total", func(c *config) { c.MemoryTotal = 1 << 20 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := milltest.Start(t, tt.change)
			_, url := e.Role(t, "caller")
			c := open(t, url)
			c.run(`CREATE TABLE big (x float8, y float8) WITH (autovacuum_enabled = off); INSERT INTO big SELECT i, 2 * i + sin(i) FROM generate_series(1, 100000) AS i;
				CREATE TABLE analysed AS TABLE big; ANALYZE analysed; CREATE TABLE small AS SELECT * FROM big LIMIT 2000; ANALYZE small`)
			for _, way := range []struct {
				name, begin, source string
				snapshot, session   int64
			}{
				{"Estimate", "BEGIN", "analysed", 0, 0},
				{"Reading", "BEGIN", "big", 1, 0},
				{"Shipping", "BEGIN; SAVEPOINT s", "big", 0, 1},
			} {
				c.run(way.begin)
				var f *pgconn.PgError
				snapshot, session := paths(e, func() {
					f = c.refused("53200", fmt.Sprintf("SELECT ml.linear_regression('%s', 'y', '{x}', 'm')", way.source))
				})
				if snapshot != way.snapshot || session != way.session {
					t.Errorf("%s: paths tried: snapshot %d, session %d; want %d, %d", way.name, snapshot, session, way.snapshot, way.session)
				}
				if !strings.Contains(f.Message, tt.limit) || !strings.Contains(f.Message, "1.0 MB") || !strings.Contains(f.Hint, "MILLRACE_"+strings.ToUpper(tt.limit)) {
					t.Errorf("%s: message %q, hint %q: want the limit, its value and its variable", way.name, f.Message, f.Hint)
				}
				c.run("ROLLBACK")
				nothingLeft(t, e, c)
				// What is counted must be given back: small calls fit again and again.
				for range 40 {
					c.fit("small", "y", "x")
				}
			}
		})
	}
}

// TestQueue lets one call run at a time: the next one waits, and gives up after
// the timeout.
func TestQueue(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, func(c *config) { c.Calls, c.QueueTimeout = 1, 400*time.Millisecond })
	_, url := e.Role(t, "caller")
	boss, watcher, first, second := admin(t, e), admin(t, e), open(t, url), open(t, url)
	first.run(dataSQL("t", 100) + "CREATE TABLE free AS TABLE t")
	end := block(t, boss, first, "t")
	done := make(chan error, 1)
	go func() { done <- first.try(blockedCall) }()
	untilReading(t, watcher)
	began := time.Now()
	queued := make(chan error, 1)
	go func() { queued <- second.try("SELECT ml.linear_regression('free', 'y', '{x}', 'm2')") }()
	other := open(t, url)
	until(t, "the second call is queued", func() bool {
		states := other.text("SELECT coalesce(string_agg(state, ' ' ORDER BY started), '') FROM ml.jobs")
		return states == "running queued" || len(queued) > 0
	})
	f := wantCode(t, "53300", "queued call", <-queued)
	if took := time.Since(began); took < 350*time.Millisecond || took > 10*time.Second {
		t.Errorf("refused after %v, want about 400 ms", took)
	}
	if !strings.Contains(f.Hint, "MILLRACE_CALLS") || !strings.Contains(f.Message, "1 place") {
		t.Errorf("message %q, hint %q: want the limit and its variable", f.Message, f.Hint)
	}
	end()
	if err := <-done; err != nil {
		t.Error(explain(err))
	}
	second.run("SELECT ml.linear_regression('free', 'y', '{x}', 'm2')")
}

// TestQueueMoves runs many sessions through one place and one reader.
func TestQueueMoves(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, func(c *config) { c.Calls, c.Readers, c.ReadersPerCall = 2, 1, 1 })
	_, url := e.Role(t, "caller")
	open(t, url).run(dataSQL("t", 100))
	done := make(chan error, 6)
	for i := range 6 {
		c := open(t, url)
		go func() {
			var err error
			for j := range 4 {
				if err == nil {
					err = c.try(fmt.Sprintf("SELECT ml.linear_regression('t', 'y', '{x}', 'm_%d_%d')", i, j))
				}
			}
			done <- err
		}()
	}
	for range 6 {
		if err := <-done; err != nil {
			t.Error(explain(err))
		}
	}
	if got := admin(t, e).text("SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace reader'"); got != "1" {
		t.Errorf("%s reader connections, want 1", got)
	}
}

// TestMaxConnections refuses a session too many at once, and takes it when
// another has left.
func TestMaxConnections(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, func(c *config) { c.MaxConnections = 1 })
	alice, url := e.Role(t, "alice")
	first, second := open(t, url), open(t, url)
	first.run(dataSQL("t", 100))
	first.run("SELECT ml.linear_regression('t', 'y', '{x}', 'm')")
	began := time.Now()
	f := second.refused("08001", "SELECT ml.linear_regression('t', 'y', '{x}', 'm2')")
	free(t, "connection refused", began)
	if !strings.Contains(f.Detail, "1 connections") {
		t.Errorf("detail %q, want the limit", f.Detail)
	}
	_, err := pgx.Connect(t.Context(), directURL(e, alice, "any password"))
	var direct *pgconn.PgError
	if !errors.As(err, &direct) || direct.Code != "53300" {
		t.Errorf("a direct connection: %v, want 53300", err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the place is free", func() bool { return second.try("SELECT * FROM ml.jobs") == nil })
	second.run("SELECT ml.linear_regression('t', 'y', '{x}', 'm2')")
}

// directURL addresses the worker itself, as libpq would.
func directURL(e *milltest.Env, user, password string) string {
	return fmt.Sprintf("host='%s' port=%d dbname=millrace user='%s' password='%s' sslmode=disable connect_timeout=10", e.Address.Host, e.Address.Port, user, password)
}
