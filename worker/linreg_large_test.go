package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
)

// TestLinearLarge fits values near the ends of float64: an answer or an error of
// the data, and a worker that goes on.
func TestLinearLarge(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run("CREATE TABLE cars AS SELECT 20 + sin(i) AS mpg, 3 + cos(i * i) AS wt FROM generate_series(1, 32) AS i")
	for _, tt := range []struct{ target, feature string }{
		{"mpg*1e200", "wt*1e-200"},
		{"mpg*1e306", "wt*1e-306"},
		{"mpg*1e200", "wt"},
	} {
		f := c.refused("22000", fmt.Sprintf("SELECT ml.linear_regression('cars', '%s', '{%s}', 'x')", tt.target, tt.feature))
		if !strings.Contains(f.Message, "1e308") || !strings.Contains(f.Hint, "Scale the columns") {
			t.Errorf("%s on %s: message %q, hint %q: want the bound and a way out", tt.target, tt.feature, f.Message, f.Hint)
		}
	}
	c.run("SELECT ml.linear_regression('cars', 'mpg', '{wt*1e200}', 'large'); SELECT ml.linear_regression('cars', 'mpg', '{wt}', 'plain')")
	if got := c.text("SELECT string_agg((abs(l.t_statistic / p.t_statistic - 1) < 1e-12)::text, ' ') FROM large AS l JOIN plain AS p ON (l.term = '(intercept)') = (p.term = '(intercept)')"); got != "true true" {
		t.Errorf("t statistics with wt*1e200 are those with wt: %s, want true true", got)
	}
}

// TestLinearLevels gives more levels than a fit takes, and cancels one that takes
// long: 600 levels are 10⁸ long multiplications.
func TestLinearLevels(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c, other := open(t, url), open(t, url)
	c.run("CREATE TABLE wide AS SELECT i % 2100 AS code, 'c' || i % 2100 AS city, 'z' || i % 600 AS zone, i % 2 = 0 AS side, sin(i) AS y FROM generate_series(1, 4200) AS i")
	f := c.refused("54000", "SELECT ml.linear_regression('wide', 'y', '{side,city}', 'x')")
	if !strings.Contains(f.Message, "2101 terms") || !strings.Contains(f.Message, "2000") || !strings.Contains(f.Detail, "city has 2100 levels") || !strings.Contains(f.Hint, "city") {
		t.Errorf("message %q, detail %q, hint %q: want the terms, the bound and the feature", f.Message, f.Detail, f.Hint)
	}
	failed := make(chan error, 1)
	go func() { failed <- c.try("SELECT ml.linear_regression('wide', 'y', '{zone}', 'x')") }()
	until(t, "the call computes", func() bool {
		return other.text("SELECT coalesce(string_agg(phase, ' '), '') FROM ml.jobs WHERE phase NOT IN ('queued', 'reading rows')") != "" || len(failed) > 0
	})
	if len(failed) > 0 {
		t.Fatalf("the call ended before it was cancelled: %v", <-failed)
	}
	began := time.Now()
	other.text("SELECT ml.cancel(job)::text FROM ml.jobs")
	wantCode(t, "57014", "ml.cancel", <-failed)
	if took := time.Since(began); took > 20*time.Second { // uncancelled it takes minutes on a busy machine
		t.Errorf("stopped %v after ml.cancel", took)
	}
	nothingLeft(t, e, other)
}
