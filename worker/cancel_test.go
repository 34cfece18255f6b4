package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
)

// freeWithin bounds how late a caller may be free after what stops its call. On a
// quiet machine it is free within a second; tests run side by side on busy ones.
const freeWithin = 10 * time.Second

const blockedCall = "SELECT ml.linear_regression('t', 'y', '{x}', 'm')"

// TestStop stops a call whose readers wait, in every way there is. The caller is
// free soon, nothing is left in the worker or in the database, and the same
// session can call again.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, code string
		before     string
		stop       func(other *client, pid string)
		after      string
	}{
		{name: "CancelBackend", code: "57014", stop: func(o *client, pid string) { o.text("SELECT pg_cancel_backend($1::text::int)::text", pid) }},
		{name: "StatementTimeout", code: "57014", before: "SET statement_timeout = '700ms'", after: "RESET statement_timeout"},
		{name: "Cancel", code: "57014", stop: func(o *client, _ string) {
			if got := o.text("SELECT ml.cancel(job)::text FROM ml.jobs"); got != "true" {
				o.t.Errorf("ml.cancel: %s, want true", got)
			}
		}},
		{name: "InTransaction", code: "57014", before: "BEGIN; SELECT count(*) FROM base_t", after: "ROLLBACK",
			stop: func(o *client, pid string) { o.text("SELECT pg_cancel_backend($1::text::int)::text", pid) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := milltest.Start(t, nil)
			_, url := e.Role(t, "caller")
			boss, watcher, c, other := admin(t, e), admin(t, e), open(t, url), open(t, url)
			c.run(dataSQL("t", 100))
			end := block(t, boss, c, "t")
			pid := c.text("SELECT pg_backend_pid()::text")
			if tt.before != "" {
				c.run(tt.before)
			}
			began := time.Now()
			failed := make(chan error, 1)
			go func() { failed <- c.try(blockedCall) }()
			if tt.stop != nil {
				untilReading(t, watcher)
				began = time.Now()
				tt.stop(other, pid)
			} else {
				began = began.Add(700 * time.Millisecond)
			}
			wantCode(t, tt.code, tt.name, <-failed)
			free(t, tt.name, began)
			if tt.after != "" {
				c.run(tt.after)
			}
			nothingLeft(t, e, other)
			end()
			m := c.fit("t", "y", "x")
			c.checkSlope(m, "t", "y", "x")
		})
	}
}

func free(t *testing.T, what string, began time.Time) {
	t.Helper()
	took := time.Since(began)
	t.Logf("%s: the caller was free after %d ms", what, took.Milliseconds())
	if took > freeWithin {
		t.Errorf("%s: the caller was free after %v, want %v", what, took, freeWithin)
	}
}

// nothingLeft waits until the worker holds no job of the role and its readers
// are idle outside of transactions.
func nothingLeft(t *testing.T, e *milltest.Env, other *client) {
	t.Helper()
	began := time.Now()
	until(t, "the job is gone", func() bool { return other.jobs() == "0" })
	idle(t, e)
	if took := time.Since(began); took > 2*freeWithin {
		t.Errorf("the worker let go after %v", took)
	}
}

// TestTerminate ends the caller's session during its call: by the server, and by
// a client that vanishes. The second the server notices when it next writes,
// which the notice of progress makes it do.
func TestTerminate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		within time.Duration
		stop   func(c, o *client, pid string)
	}{
		{"Terminate", freeWithin, func(_, o *client, pid string) { o.text("SELECT pg_terminate_backend($1::text::int)::text", pid) }},
		{"SocketDrop", 3 * time.Second, func(c, _ *client, _ string) { c.vanish() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := milltest.Start(t, nil)
			_, url := e.Role(t, "caller")
			boss, watcher, c, other := admin(t, e), admin(t, e), open(t, url), open(t, url)
			c.run(dataSQL("t", 100))
			end := block(t, boss, c, "t")
			pid := c.text("SELECT pg_backend_pid()::text")
			failed := make(chan error, 1)
			go func() { failed <- c.try(blockedCall) }()
			untilReading(t, watcher)
			began := time.Now()
			tt.stop(c, other, pid)
			until(t, "the backend is gone", func() bool {
				return watcher.text("SELECT count(*)::text FROM pg_stat_activity WHERE pid = $1::text::int", pid) == "0"
			})
			took := time.Since(began)
			t.Logf("%s: the backend was gone after %d ms", tt.name, took.Milliseconds())
			if took > tt.within {
				t.Errorf("the backend was gone after %v, want %v", took, tt.within)
			}
			if err := <-failed; err == nil {
				t.Error("the call succeeded")
			}
			nothingLeft(t, e, other)
			end()
			m := other.fit("t", "y", "x")
			other.checkSlope(m, "t", "y", "x")
		})
	}
}

// TestWorkerGone stops the worker during a call, calls without one, and calls in
// the same session when it is back.
func TestWorkerGone(t *testing.T) {
	t.Parallel()
	e := milltest.Install(t)
	stop := e.Run(t)
	_, url := e.Role(t, "caller")
	boss, watcher, c := admin(t, e), admin(t, e), open(t, url)
	c.run(dataSQL("t", 100))
	end := block(t, boss, c, "t")
	failed := make(chan error, 1)
	c.run("BEGIN")
	go func() { failed <- c.try(blockedCall) }()
	untilReading(t, watcher)
	began := time.Now()
	stop()
	wantCode(t, "08006", "worker stopped", <-failed)
	free(t, "worker stopped", began)
	c.run("ROLLBACK")
	began = time.Now()
	c.refused("08001", blockedCall)
	free(t, "worker absent", began)
	idle(t, e)
	until(t, "no reader is connected", func() bool {
		return watcher.text("SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'millrace%'") == "0"
	})
	end()
	e.Run(t)
	m := c.fit("t", "y", "x")
	c.checkSlope(m, "t", "y", "x")
}

// TestRestartBetweenCalls restarts the worker behind the back of an idle session.
func TestRestartBetweenCalls(t *testing.T) {
	t.Parallel()
	e := milltest.Install(t)
	stop := e.Run(t)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(dataSQL("t", 100))
	c.fit("t", "y", "x")
	stop()
	e.Run(t)
	m := c.fit("t", "y", "x")
	c.checkSlope(m, "t", "y", "x")
}

// TestLostReaders ends the idle readers behind the worker's back: the next call
// takes new ones and stays on its path.
func TestLostReaders(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	boss, c := admin(t, e), open(t, url)
	c.run(dataSQL("t", 100))
	c.fit("t", "y", "x")
	if got := boss.text("SELECT count(pg_terminate_backend(pid, 5000))::text FROM pg_stat_activity WHERE application_name = 'millrace reader' AND datname = current_database()"); got == "0" {
		t.Fatal("no idle reader was kept")
	}
	m := c.fit("t", "y", "x")
	if m.read != "snapshot" {
		t.Errorf("read by %s (%s), want snapshot", m.read, m.reason)
	}
}

// TestCancelWhileShipping cancels calls at random moments of shipping: the
// worker survives, counts no memory for them, and works on.
func TestCancelWhileShipping(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c, other := open(t, url), open(t, url)
	c.run("CREATE TABLE big AS SELECT i::float8 AS x, 2 * i + sin(i) AS y FROM generate_series(1, 60000) AS i")
	stopped := 0
	for range 12 {
		c.run("BEGIN; SAVEPOINT s")
		failed := make(chan error, 1)
		go func() { failed <- c.try("SELECT ml.linear_regression('big', 'y', '{x}', 'm')") }()
		until(t, "rows are shipped", func() bool {
			return other.text("SELECT coalesce(max(rows), 0)::text FROM ml.jobs") != "0" || len(failed) > 0
		})
		other.run("SELECT ml.cancel(job) FROM ml.jobs")
		if err := <-failed; err != nil {
			wantCode(t, "57014", "ml.cancel while shipping", err)
			stopped++
		}
		c.run("ROLLBACK")
		until(t, "the job is gone", func() bool { return other.jobs() == "0" })
	}
	if stopped == 0 {
		t.Error("no call was stopped while shipping")
	}
	c.fit("big", "y", "x")
}

// TestThreeWayDeadlock has a reader queue behind an ALTER TABLE that waits for
// the reader's own caller. PostgreSQL cannot see the circle; the worker does.
func TestThreeWayDeadlock(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	for _, tt := range []struct {
		name, feature string
		notices       int
	}{{"Column", "x", 1}, {"Expression", "sqrt(x)", 0}} {
		t.Run(tt.name, func(t *testing.T) {
			c, other, watcher := open(t, url), open(t, url), admin(t, e)
			c.run("DROP TABLE IF EXISTS t;" + dataSQL("t", 100))
			c.run("BEGIN; SELECT count(*) FROM t")
			altered := make(chan error, 1)
			go func() { altered <- other.try("ALTER TABLE t ADD more int") }()
			until(t, "ALTER TABLE waits", func() bool {
				return watcher.text("SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE t ADD%' AND wait_event_type = 'Lock'") == "1"
			})
			c.shown("")
			began := time.Now()
			m := c.fit("t", "y", tt.feature)
			took := time.Since(began)
			t.Logf("resolved after %d ms: %s", took.Milliseconds(), m.reason)
			if m.read != "session" || took > 10*time.Second {
				t.Errorf("read by %s after %v, want session within 10 s", m.read, took)
			}
			if notices := c.shown(""); len(notices) != tt.notices {
				t.Errorf("notices %q, want %d", notices, tt.notices)
			}
			c.checkSlope(m, "t", "y", tt.feature)
			c.run("COMMIT")
			if err := <-altered; err != nil {
				t.Error(explain(err))
			}
		})
	}
}

// TestHonestLockWait waits for a lock of somebody who does not wait for the
// caller, as the caller's own SELECT would, and then reads.
func TestHonestLockWait(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	boss, watcher, c := admin(t, e), admin(t, e), open(t, url)
	c.run(dataSQL("t", 100))
	end := block(t, boss, c, "t")
	done := make(chan model, 1)
	go func() { done <- c.fit("t", "y", "x") }()
	untilReading(t, watcher)
	// Three rounds of the watch for deadlocks must leave the reader alone.
	asked := time.Now()
	until(t, "the watch has had three rounds", func() bool { return time.Since(asked) > 800*time.Millisecond })
	end()
	if m := <-done; m.read != "snapshot" {
		t.Errorf("read by %s (%s), want snapshot", m.read, m.reason)
	}
}

// TestReaderLockTimeout gives up a reader that waits too long for a lock, and
// lets the caller's session try.
func TestReaderLockTimeout(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, func(c *config) { c.ReaderLockTimeout = 300 * time.Millisecond })
	_, url := e.Role(t, "caller")
	boss, watcher, c := admin(t, e), admin(t, e), open(t, url)
	c.run(dataSQL("t", 100))
	end := block(t, boss, c, "t")
	done := make(chan model, 1)
	go func() { done <- c.fit("t", "y", "x") }()
	pid := c.PgConn().PID()
	until(t, "the caller's own backend waits for the lock", func() bool {
		return watcher.text(fmt.Sprintf("SELECT wait_event_type FROM pg_stat_activity WHERE pid = %d", pid)) == "Lock"
	})
	end()
	if m := <-done; m.read != "session" || !strings.Contains(m.reason, "lock timeout") {
		t.Errorf("read by %s (%s), want session because of the lock timeout", m.read, m.reason)
	}
}
