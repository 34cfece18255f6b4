package worker_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestProgress shows a long call's progress to its caller, at most one line a
// second, and the call to other sessions of the role; a short call shows nothing.
func TestProgress(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	_, strangerURL := e.Role(t, "stranger")
	c, watcher, stranger := open(t, url), open(t, url), open(t, strangerURL)
	c.run(dataSQL("t", 4) + `CREATE FUNCTION slowly(x float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE COST 1000000 AS
		'BEGIN PERFORM pg_sleep(0.8); RETURN x; END'`)
	c.run("SELECT ml.linear_regression('t', 'y', '{x}', 'short')")
	if lines := c.shown(""); len(lines) > 0 {
		t.Errorf("a short call shows %q", lines)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.try("SELECT ml.linear_regression('t', 'y', '{slowly(x)}', 'long')") }()
	const running = "SELECT count(*)::text FROM ml.jobs WHERE function = 'linear_regression' AND state = 'running' AND phase LIKE '%rows' AND started < now() AND rows >= 0"
	until(t, "the call in ml.jobs", func() bool { return watcher.text(running) == "1" })
	if n := stranger.text("SELECT count(*)::text FROM ml.jobs"); n != "0" {
		t.Errorf("another role sees %s jobs", n)
	}
	if err := <-ended; err != nil {
		t.Fatal(explain(err))
	}
	lines := c.shown("")
	if len(lines) < 2 || len(lines) > 4 {
		t.Errorf("%d lines in about 3 s, want one a second: %q", len(lines), lines)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "linear_regression: ") {
			t.Errorf("line %q", line)
		}
	}
	if n := watcher.text("SELECT count(*)::text FROM ml.jobs"); n != "0" {
		t.Errorf("%s jobs are left", n)
	}
}
