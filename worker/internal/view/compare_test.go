package view_test

import (
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
)

// readers counts the connections on which the worker compares.
const readers = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace view reader'`

// TestCheckAbandoned cancels comparisons that wait for a lock: no more than two run for
// one owner, and they end while the lock is still there, since nobody asks for them.
func TestCheckAbandoned(t *testing.T) {
	t.Parallel()
	e, c, url := followSale(t)
	locker, watch := milltest.Open(t, url), milltest.Open(t, e.AdminURL)
	milltest.Until(t, "building has ended", func() bool { return watch.Text(readers) == "0" })
	locker.Run("BEGIN; LOCK TABLE sale")
	for range 2 {
		c.Run("SET statement_timeout = '500ms'")
		c.Refused("57014", "SELECT ml.check_view('by_city')")
	}
	c.Run("SET statement_timeout = 0")
	c.Refused("53300", "SELECT ml.check_view('by_city')")
	if watch.Text(readers) == "0" {
		t.Error("no comparison waits for the lock: the test shows nothing")
	}
	began := time.Now()
	milltest.Until(t, "abandoned comparisons end", func() bool { return watch.Text(readers) == "0" })
	if took := time.Since(began); took > 28*time.Second { // 30 s is when the lock is given up anyway
		t.Errorf("abandoned comparisons end after %s", took)
	}
	locker.Run("COMMIT")
	if got := c.Text("SELECT differing FROM ml.check_view('by_city')"); got != "0" {
		t.Errorf("check_view after abandoned ones: %s rows differ, want 0", got)
	}
}
