package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
)

// follow is a worker's database with a session of an owner's.
func follow(t *testing.T) (*milltest.Env, *milltest.Client, string) {
	t.Helper()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "owner")
	return e, milltest.Open(t, url), url
}

// followSale is follow with a view by_city that is live.
func followSale(t *testing.T) (*milltest.Env, *milltest.Client, string) {
	t.Helper()
	e, c, url := follow(t)
	c.Run(`CREATE TABLE sale (id int PRIMARY KEY, city text); INSERT INTO sale VALUES (1, 'a'); SELECT ml.track('sale');
		SELECT ml.create_view('by_city', 'SELECT city, count(*) AS n FROM sale GROUP BY city')`)
	c.Run("SELECT ml.wait('by_city')")
	return e, c, url
}

// TestKeyReplaced drops a key column and adds one that looks alike: its values are
// others.
func TestKeyReplaced(t *testing.T) {
	t.Parallel()
	_, c, _ := follow(t)
	c.Run("CREATE TABLE item (v int, id int PRIMARY KEY); INSERT INTO item VALUES (1, 3), (2, 2), (3, 1); SELECT ml.track('item')")
	c.Run("SELECT ml.create_view('vs', 'SELECT v FROM item')")
	c.Run("SELECT ml.wait('vs')")
	c.Run("ALTER TABLE item DROP COLUMN id; ALTER TABLE item ADD COLUMN id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
	c.Run("DELETE FROM item WHERE id = 2")
	c.Run("DELETE FROM item WHERE id = 1")
	c.Run("SELECT ml.wait('vs')")
	equal(t, c, "vs")
}

// TestPausedFailure resumes a view whose query has come to fail meanwhile.
func TestPausedFailure(t *testing.T) {
	t.Parallel()
	_, c, _ := follow(t)
	c.Run("CREATE TABLE item (id int PRIMARY KEY, v int); INSERT INTO item VALUES (1, 1); SELECT ml.track('item'); SELECT ml.create_view('r', 'SELECT id, 100 / v AS r FROM item')")
	c.Run("SELECT ml.wait('r')")
	c.Run("SELECT ml.pause_view('r')")
	c.Run("INSERT INTO item VALUES (2, 0), (3, 3)")
	c.Refused("55000", "SELECT ml.wait('r')")
	c.Run("SELECT ml.resume_view('r')")
	if f := c.Refused("55000", "SELECT ml.wait('r')"); !strings.Contains(f.Message, "division by zero") {
		t.Errorf("message %q, want the row's error", f.Message)
	}
	if got := c.Text("SELECT count(*) FROM r"); got != "1" {
		t.Errorf("%s rows, want the last good one", got)
	}
	c.Run("DELETE FROM item WHERE id = 2")
	c.Run("SELECT ml.wait('r')")
	equal(t, c, "r")
}

// TestPausedParent holds a view back together with the one below it, and says so.
func TestPausedParent(t *testing.T) {
	t.Parallel()
	_, c, _ := follow(t)
	c.Run("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1); SELECT ml.track('item'); SELECT ml.create_view('below', 'SELECT id FROM item')")
	c.Run("SELECT ml.create_view('above', 'SELECT count(*) AS n FROM below')")
	c.Run("SELECT ml.wait()")
	c.Run("SELECT ml.pause_view('below')")
	c.Run("INSERT INTO item VALUES (2)")
	if f := c.Refused("55000", "SELECT ml.wait('above')"); !strings.Contains(f.Message, "below it") {
		t.Errorf("message %q, want the view below it named", f.Message)
	}
	if got := c.Text("SELECT n || ' ' || (SELECT count(*) FROM below) FROM above"); got != "1 1" {
		t.Errorf("above and below show %s, want 1 1", got)
	}
	c.Refused("55000", "SELECT ml.check_view('above')")
	c.Run("SELECT ml.resume_view('below')")
	c.Run("SELECT ml.wait('above')")
	equal(t, c, "above")
	if f := c.Refused("0A000", "SELECT ml.alter_view('below', 'SELECT id FROM item LIMIT 1')"); !strings.Contains(f.Message, "LIMIT") {
		t.Errorf("message %q", f.Message)
	}
}

// TestReadsItself has two views read each other, which neither can.
func TestReadsItself(t *testing.T) {
	t.Parallel()
	_, c, _ := follow(t)
	c.Run("CREATE TABLE item (id int PRIMARY KEY); SELECT ml.track('item'); SELECT ml.create_view('a', 'SELECT id FROM item')")
	c.Run("SELECT ml.create_view('b', 'SELECT id FROM a')")
	c.Run("SELECT ml.create_view('other', 'SELECT id FROM item')")
	c.Run("SELECT ml.wait()")
	c.Refused("42P19", "SELECT ml.alter_view('a', 'SELECT id FROM b')")
	c.Run("CREATE OR REPLACE VIEW a_definition AS SELECT id FROM b")
	milltest.Until(t, "the view says that it would read itself", func() bool {
		return strings.Contains(c.Text("SELECT string_agg(reason, ' ') FROM ml.views"), "read itself")
	})
	c.Run("INSERT INTO item VALUES (1)")
	c.Run("SELECT ml.wait('other')")
	equal(t, c, "other")
	c.Run("CREATE OR REPLACE VIEW a_definition AS SELECT id FROM item")
	milltest.Until(t, "both heal", func() bool { return c.Try("SELECT ml.wait()") == nil })
	equal(t, c, "b")
}

// TestHostileTrigger has an owner's trigger raise what a server that shuts down says.
func TestHostileTrigger(t *testing.T) {
	t.Parallel()
	e, c, _ := follow(t)
	_, url := e.Role(t, "other")
	o := milltest.Open(t, url)
	for _, owner := range []*milltest.Client{c, o} {
		owner.Run("CREATE TABLE item (id int PRIMARY KEY, b box); SELECT ml.track('item'); SELECT ml.create_view('v', 'SELECT id, b FROM item')")
		owner.Run("SELECT ml.wait('v')")
	}
	c.Run("CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'down' USING ERRCODE = '57P01'; END$$; CREATE TRIGGER halt AFTER INSERT ON v FOR EACH ROW EXECUTE FUNCTION halt()")
	c.Run("INSERT INTO item VALUES (1, '(0,0),(1,1)')")
	for _, values := range []string{"(1, '(0,0),(1,1)'), (2, NULL)", "(3, '(2,2),(3,3)')"} {
		o.Run("INSERT INTO item VALUES " + values)
		o.Run("SELECT ml.wait('v')")
	}
	if got := o.Text("SELECT string_agg(coalesce(b::text, '-'), ' ' ORDER BY id) FROM v"); got != "(1,1),(0,0) - (3,3),(2,2)" {
		t.Errorf("boxes %s", got)
	}
	milltest.Until(t, "the halted view lags", func() bool { return c.Text("SELECT state FROM ml.views") == "lagging" })
	c.Run("DROP TRIGGER halt ON v")
	milltest.Until(t, "it goes on", func() bool { return c.Text("SELECT count(*) FROM v") == "1" })
}

// TestRewrittenWhileCopying rewrites a table between the copy's snapshot and its
// reading: to that snapshot the new file is empty.
func TestRewrittenWhileCopying(t *testing.T) {
	t.Parallel()
	_, c, url := follow(t)
	writer := milltest.Open(t, url)
	c.Run("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item SELECT generate_series(1, 10); CREATE TABLE slow (id int PRIMARY KEY); SELECT ml.track('item'), ml.track('slow')")
	c.Run("SELECT ml.create_view('first', 'SELECT id FROM slow')")
	c.Run("SELECT ml.wait('first')")
	c.Run("SELECT ml.create_view('ids', 'SELECT id FROM item')")
	for range 3 {
		writer.Run("BEGIN; ALTER TABLE item ADD COLUMN IF NOT EXISTS z float DEFAULT random()")
		time.Sleep(50 * time.Millisecond)
		writer.Run("COMMIT; ALTER TABLE item DROP COLUMN z")
		c.Run("SELECT ml.rebuild_view('ids')")
	}
	c.Run("SELECT ml.wait('ids')")
	equal(t, c, "ids")
}
