package worker_test

import (
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
)

// TestStopComputing stops a call while it computes, in every way there is: no
// row moves then, so only the context can tell the algorithm.
func TestStopComputing(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c, other := open(t, url), open(t, url)
	// 1.6 thousand million distances of 12 coordinates: minutes of work.
	c.run(`CREATE TABLE points AS SELECT i AS id, ARRAY(SELECT sin(i * j) FROM generate_series(1, 12) AS j) AS p FROM generate_series(1, 40000) AS i; ANALYZE points`)
	const call = "SELECT ml.knn('points', 'p', 'id', 'points', 'p', 'id', 'm')"
	pid := c.text("SELECT pg_backend_pid()::text")
	for _, tt := range []struct {
		name string
		stop func()
	}{
		{"CancelBackend", func() { other.text("SELECT pg_cancel_backend($1::text::int)::text", pid) }},
		{"Cancel", func() { other.text("SELECT ml.cancel(job)::text FROM ml.jobs") }},
	} {
		failed := make(chan error, 1)
		go func() { failed <- c.try(call) }()
		until(t, "the call computes", func() bool {
			return other.text("SELECT coalesce(string_agg(state || ': ' || phase, ' '), '') FROM ml.jobs WHERE phase NOT IN ('queued', 'reading rows')") != "" || len(failed) > 0
		})
		began := time.Now()
		tt.stop()
		wantCode(t, "57014", tt.name, <-failed)
		free(t, tt.name+" while computing", began)
		nothingLeft(t, e, other)
	}
	// The processors are free again: a small call takes its usual time.
	began := time.Now()
	c.run("CREATE TABLE few AS SELECT * FROM points LIMIT 50; SELECT ml.knn('few', 'p', 'id', 'few', 'p', 'id', 'm')")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("a small call took %v after the stopped ones", took)
	}
}

// TestNearestReadOnly answers with rows where no table can be made: in READ ONLY
// transactions, by both paths.
func TestNearestReadOnly(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run("CREATE TABLE points AS SELECT i AS id, ARRAY[i, i * i]::float8[] AS p FROM generate_series(1, 3000) AS i")
	const call = "SELECT string_agg(id || ':' || distance, ' ' ORDER BY distance) FROM ml.nearest('points', 'p', 'id', '{3.1, 9}', k => 3)"
	const want = "SELECT string_agg(id || ':' || d, ' ' ORDER BY d) FROM (SELECT id, sqrt((p[1] - 3.1)^2 + (p[2] - 9)^2) AS d FROM points ORDER BY 2 LIMIT 3) AS s"
	for begin, path := range map[string]string{"BEGIN READ ONLY": "snapshot", "BEGIN READ ONLY; SAVEPOINT s": "session", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY": "session", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY": "snapshot"} {
		c.run(begin)
		var got string
		snapshot, session := paths(e, func() { got = c.text(call) })
		if got != c.text(want) {
			t.Errorf("%s: %s, want %s", begin, got, c.text(want))
		}
		if (path == "snapshot") != (snapshot == 1) || (path == "session") != (session == 1) {
			t.Errorf("%s: paths tried: snapshot %d, session %d; want %s", begin, snapshot, session, path)
		}
		c.run("COMMIT")
	}
}

// TestReaderStatementTimeout has a statement_timeout of the database that the
// caller has switched off for its session: the readers must not stop for it.
func TestReaderStatementTimeout(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	boss, watcher := admin(t, e), admin(t, e)
	boss.run("ALTER DATABASE " + databaseName(t, e) + " SET statement_timeout = '400ms'")
	c := open(t, url)
	c.run("SET statement_timeout = 0;" + dataSQL("t", 100))
	end := block(t, boss, c, "t")
	done := make(chan model, 1)
	go func() { done <- c.fit("t", "y", "x") }()
	untilReading(t, watcher)
	began := time.Now()
	until(t, "the timeout has passed", func() bool { return time.Since(began) > 600*time.Millisecond })
	end()
	if m := <-done; m.read != "snapshot" {
		t.Errorf("read by %s (%s), want snapshot", m.read, m.reason)
	}
}
