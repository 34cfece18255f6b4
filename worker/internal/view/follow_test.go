package view_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// equal fails the test unless a view's table holds what its plain view gives.
func equal(t *testing.T, c *milltest.Client, view string) {
	t.Helper()
	got := c.Text(`SELECT count(*) FROM ((TABLE ` + view + ` EXCEPT ALL TABLE ` + view + `_definition) UNION ALL (TABLE ` + view + `_definition EXCEPT ALL TABLE ` + view + `)) AS d`)
	if got != "0" {
		t.Errorf("%s: %s rows differ; table: %s; query: %s", view, got,
			c.Text("SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM "+view+" AS x"), c.Text("SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM "+view+"_definition AS x"))
	}
}

// TestFollow makes a count and sum view and changes its table in every way.
func TestFollow(t *testing.T) {
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "owner")
	c := milltest.Open(t, url)
	c.Run(`CREATE TABLE sale (id int PRIMARY KEY, city text, amount int); INSERT INTO sale SELECT i, 'c' || i % 3, i FROM generate_series(1, 30) AS i`)
	f := c.Refused("42501", "SELECT ml.create_view('by_city', 'SELECT city, count(*), sum(amount) FROM sale GROUP BY city')")
	if want := "SELECT ml.track('sale')"; f.Hint != "Its owner runs: "+want {
		t.Errorf("hint %q, want %s", f.Hint, want)
	}
	c.Run("SELECT ml.track('sale')")
	c.Run("SELECT ml.create_view('by_city', 'SELECT city, count(*), sum(amount) FROM sale GROUP BY city')")
	equal(t, c, "by_city")
	for _, statement := range []string{
		"INSERT INTO sale VALUES (31, 'c1', 100), (32, NULL, 7)",
		"UPDATE sale SET amount = amount + 1 WHERE id % 2 = 0",
		"UPDATE sale SET city = 'moved' WHERE id % 5 = 0",
		"UPDATE sale SET id = id + 1000 WHERE id < 5",
		"DELETE FROM sale WHERE city = 'c2'",
		"BEGIN; INSERT INTO sale VALUES (50, 'x', 1); SAVEPOINT s; DELETE FROM sale; ROLLBACK TO s; COMMIT",
		"BEGIN; DELETE FROM sale; ROLLBACK",
		"TRUNCATE sale",
		"INSERT INTO sale VALUES (1, 'a', NULL)",
	} {
		c.Run(statement)
		c.Run("SELECT ml.wait('by_city')")
		equal(t, c, "by_city")
	}
	if got := c.Text("SELECT state FROM ml.views"); got != "live" {
		t.Errorf("state %s: %s", got, c.Text("SELECT reason FROM ml.views"))
	}
	c.Refused("55000", "INSERT INTO by_city VALUES ('x', 1, 1)")
	if got := c.Text("SELECT differing FROM ml.check_view('by_city')"); got != "0" {
		t.Errorf("check_view: %s rows differ, want 0", got)
	}
	c.Run("SELECT ml.drop_view('by_city')")
	if got := c.Text("SELECT count(*) FROM ml.views"); got != "0" {
		t.Errorf("%s views after ml.drop_view, want 0", got)
	}
}

// TestLogView collects the changes of a view.
func TestLogView(t *testing.T) {
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "owner")
	c := milltest.Open(t, url)
	c.Run(`CREATE TABLE sale (id int PRIMARY KEY, city text); INSERT INTO sale VALUES (1, 'a'); SELECT ml.track('sale');
		SELECT ml.create_view('by_city', 'SELECT city, count(*) AS n FROM sale GROUP BY city'); SELECT ml.log_view('by_city', 'by_city_log')`)
	for _, statement := range []string{"INSERT INTO sale VALUES (2, 'a'), (3, 'b')", "DELETE FROM sale WHERE id = 3"} {
		c.Run(statement)
		c.Run("SELECT ml.wait('by_city')")
	}
	got := c.Text("SELECT string_agg(log_change || city || n, ' ' ORDER BY log_position, log_change, city) FROM by_city_log")
	if want := "+a2 +b1 -a1 -b1"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
	if got := c.Text("SELECT count(DISTINCT log_position) || ' ' || count(log_time) FROM by_city_log"); got != "2 4" {
		t.Errorf("positions and times: %s, want 2 4", got)
	}
}

// TestWaitInWriter waits for a view's first copy in a transaction that the copy waits
// for: an error, and not until the timeout.
func TestWaitInWriter(t *testing.T) {
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "owner")
	c := milltest.Open(t, url)
	c.Run(`CREATE TABLE sale (id int PRIMARY KEY); SELECT ml.track('sale')`)
	c.Run("BEGIN; INSERT INTO sale VALUES (1)")
	milltest.Open(t, url).Run("SELECT ml.create_view('n', 'SELECT count(*) FROM sale')")
	f := c.Refused("55000", "SELECT ml.wait('n')")
	if want := "Call ml.wait in the next transaction."; f.Hint != want {
		t.Errorf("%s, hint %q, want %q", f.Message, f.Hint, want)
	}
	c.Run("ROLLBACK")
	c.Run("SELECT ml.wait('n')")
	equal(t, c, "n")
}

// TestCheckFreeOrder compares a view whose query leaves an order open.
func TestCheckFreeOrder(t *testing.T) {
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "owner")
	c := milltest.Open(t, url)
	c.Run(`CREATE TABLE item (id int PRIMARY KEY, g int, v text); INSERT INTO item SELECT i, i % 3, 'v' || i FROM generate_series(1, 30) AS i; SELECT ml.track('item');
		SELECT ml.create_view('lists', 'SELECT g, array_agg(v) AS a, string_agg(v, '','') AS s, json_agg(v)::text AS j FROM item GROUP BY g')`)
	c.Run("UPDATE item SET v = v || 'x' WHERE id % 2 = 0; DELETE FROM item WHERE id % 7 = 0")
	c.Run("SELECT ml.wait('lists')")
	if got := c.Text("SELECT differing || ' of ' || compared FROM ml.check_view('lists')"); got != "0 of 3" {
		t.Errorf("check_view: %s rows differ, want 0 of 3", got)
	}
	c.Run("SELECT ml.drop_view('lists')")
}

// TestWaitAfterChange waits behind a change of the view itself.
func TestWaitAfterChange(t *testing.T) {
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "owner")
	c := milltest.Open(t, url)
	c.Run("CREATE TABLE item (id int PRIMARY KEY, v int); INSERT INTO item VALUES (1, 0); SELECT ml.track('item'); SELECT ml.create_view('x', 'SELECT id, v FROM item')")
	for i := range 10 {
		c.Run("SELECT ml.wait('x')")
		c.Run(fmt.Sprintf("SELECT ml.alter_view('x', 'SELECT id, v + %d AS v FROM item')", i))
		c.Run("SELECT ml.wait('x')")
		if got := c.Text("SELECT v FROM x"); got != fmt.Sprint(i) {
			t.Fatalf("v = %s after ml.alter_view and ml.wait, want %d", got, i)
		}
	}
	c.Run("SELECT ml.pause_view('x')")
	c.Refused("55000", "SELECT ml.wait('x')")
	c.Run("SELECT ml.resume_view('x')")
	c.Run("SELECT ml.wait('x')")
}

// TestFailingRow has a query fail on one row, and heal.
func TestFailingRow(t *testing.T) {
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "owner")
	c := milltest.Open(t, url)
	c.Run("CREATE TABLE item (id int PRIMARY KEY, a int, b int); INSERT INTO item SELECT i, i, 1 FROM generate_series(1, 5) AS i; SELECT ml.track('item'); SELECT ml.create_view('r', 'SELECT id, a / b AS r FROM item')")
	c.Run("SELECT ml.wait('r')")
	c.Run("UPDATE item SET b = 0, a = 77 WHERE id = 4")
	f := c.Refused("55000", "SELECT ml.wait('r')")
	for _, part := range []string{"division by zero", "(4, 77, 0)", "position"} {
		if !strings.Contains(f.Message, part) {
			t.Errorf("message %q does not name %s", f.Message, part)
		}
	}
	if got := c.Text("SELECT count(*) || ' ' || sum(r) FROM r"); got != "5 15" {
		t.Errorf("the table has %s, want its last good contents, 5 15", got)
	}
	c.Run("INSERT INTO item VALUES (6, 6, 1)")
	c.Run("UPDATE item SET b = 7 WHERE id = 4")
	c.Run("SELECT ml.wait('r')")
	equal(t, c, "r")
}

// TestUniqueSwap swaps values under a unique index that is not the query's own key.
func TestUniqueSwap(t *testing.T) {
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "owner")
	c := milltest.Open(t, url)
	c.Run(`CREATE TABLE item (g int PRIMARY KEY, v int); INSERT INTO item SELECT i, i FROM generate_series(1, 9) AS i; SELECT ml.track('item');
		SELECT ml.create_view('ranks', 'SELECT g, max(v) AS rank FROM item GROUP BY g', key => '{rank}')`)
	c.Run("SELECT ml.wait('ranks')")
	c.Run("UPDATE item SET v = 10 - v")
	c.Run("SELECT ml.wait('ranks')")
	equal(t, c, "ranks")
}
