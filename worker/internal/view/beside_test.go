package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/worker"
)

// gateSQL makes an immutable function that does not return while another session holds
// the gate closed.
const gateSQL = `
	CREATE FUNCTION passed(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
	BEGIN
		WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(42) LOOP
			PERFORM pg_catalog.pg_sleep(0.01);
		END LOOP;
		RETURN v;
	END$$`

// TestFillBeside builds a view anew whose query takes long: the others go on, and what
// happens to its tables meanwhile is not lost.
func TestFillBeside(t *testing.T) {
	t.Parallel()
	_, c, url := follow(t)
	gate := milltest.Open(t, url)
	c.Run(gateSQL)
	c.Run("CREATE TABLE item (id int PRIMARY KEY, v int); INSERT INTO item SELECT i, i % 7 FROM generate_series(1, 100) AS i; SELECT ml.track('item')")
	c.Run("SELECT ml.create_view('below', 'SELECT id, v FROM item')")
	c.Run("SELECT ml.create_view('slow', 'SELECT passed(v) AS v, count(*), sum(id) FROM below GROUP BY passed(v)')")
	c.Run("SELECT ml.create_view('quick', 'SELECT v, count(*) FROM item GROUP BY v')")
	c.Run("SELECT ml.wait()")
	for _, interrupted := range []bool{false, true} {
		gate.Run("SELECT pg_advisory_lock(42)")
		c.Run("SELECT ml.rebuild_view('slow')")
		milltest.Until(t, "the view is computed", func() bool {
			return strings.HasPrefix(c.Text("SELECT concat(state, ': ', reason) FROM ml.views WHERE name = 'slow'"), "catching up: computing it from 10")
		})
		c.Run("UPDATE item SET v = v + 1 WHERE id % 3 = 0")
		c.Run("DELETE FROM item WHERE id > 95")
		c.Run("INSERT INTO item SELECT i, i FROM generate_series(96, 100) AS i")
		c.Run("SELECT ml.wait('quick', '20 s')")
		equal(t, c, "quick")
		if interrupted {
			c.Run("TRUNCATE item; INSERT INTO item VALUES (1, 1)")
			c.Run("SELECT ml.rebuild_view('below')")
			c.Run("SELECT ml.wait('quick', '20 s')")
		}
		gate.Run("SELECT pg_advisory_unlock(42)")
		c.Run("SELECT ml.wait()")
		equal(t, c, "slow")
		equal(t, c, "below")
		c.Run("INSERT INTO item VALUES (1000, 1000)")
		c.Run("SELECT ml.wait()")
		equal(t, c, "slow")
	}
}

// TestReadBeside builds a view anew whose table somebody has locked: the others do not
// wait for that table to be read.
func TestReadBeside(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, func(config *worker.Config) { config.ViewLockTimeout = time.Hour })
	_, url := e.Role(t, "owner")
	c, other := milltest.Open(t, url), milltest.Open(t, url)
	c.Run("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1); SELECT ml.track('item')")
	c.Run("SELECT ml.create_view('quick', 'SELECT id FROM item')")
	c.Run("SELECT ml.create_view('locked', 'SELECT count(*) AS n FROM quick')")
	c.Run("SELECT ml.wait()")
	c.Run("SELECT ml.pause_view('locked')")
	c.Run("SELECT ml.rebuild_view('locked')")
	other.Run("BEGIN; LOCK TABLE locked")
	c.Run("SELECT ml.resume_view('locked')")
	c.Run("INSERT INTO item VALUES (2)")
	admin := milltest.Open(t, e.AdminURL)
	milltest.Until(t, "the reader waits", func() bool {
		return admin.Text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace view reader' AND wait_event_type = 'Lock'") == "1"
	})
	for range 3 {
		c.Run("INSERT INTO item SELECT max(id) + 1 FROM item")
		c.Run("SELECT ml.wait('quick', '20 s')")
	}
	equal(t, c, "quick")
	other.Run("COMMIT")
	c.Run("SELECT ml.wait()")
	equal(t, c, "locked")
}

// TestMemoryGrows has a view grow beyond what all state may be: it is given up, with
// its last contents kept, and the other goes on.
func TestMemoryGrows(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, func(config *worker.Config) { config.MemoryViews = 4 << 20 })
	_, url := e.Role(t, "owner")
	c := milltest.Open(t, url)
	c.Run("CREATE TABLE small (id int PRIMARY KEY); CREATE TABLE large (id int PRIMARY KEY, text text); SELECT ml.track('small'), ml.track('large'); INSERT INTO large VALUES (0, '')")
	c.Run("SELECT ml.create_view('few', 'SELECT count(*) AS n FROM small')")
	c.Run("SELECT ml.create_view('many', 'SELECT text, count(*) FROM large GROUP BY text')")
	c.Run("SELECT ml.wait()")
	c.Run("INSERT INTO large SELECT i, repeat(i::text, 20) FROM generate_series(1, 50000) AS i")
	milltest.Until(t, "the view is given up", func() bool { return c.Text("SELECT state FROM ml.views WHERE name = 'many'") == "errored" })
	if f := c.Refused("55000", "SELECT ml.wait('many')"); !strings.Contains(f.Message, "memory_views (4 MB)") {
		t.Errorf("message %q, want the bound", f.Message)
	}
	c.Run("INSERT INTO small VALUES (1)")
	c.Run("SELECT ml.wait('few')")
	equal(t, c, "few")
}
