package view_test

import (
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestDeferredConstraint violates a deferred constraint on one owner's view: it falls
// out at once, and is not in the way of what is written in the same transaction.
func TestDeferredConstraint(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	d, other := openDesk(t, e), openDesk(t, e)
	d.step("v", "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1); SELECT ml.track('t'); SELECT ml.create_view('v', 'SELECT id, n FROM t')")
	d.Run("ALTER TABLE v ADD UNIQUE (n) DEFERRABLE INITIALLY DEFERRED")
	d.step("v", "INSERT INTO t VALUES (2, 2)")
	milltest.Open(t, e.AdminURL).Run("INSERT INTO " + d.role + ".t VALUES (3, 2); INSERT INTO " + other.role + ".calm VALUES (2)")
	other.same("calm_view", "a change that violates another view's constraint")
	d.until("v", "lagging", "unique")
	d.each("DELETE FROM t WHERE id = 2")
	milltest.Until(t, "the view is back", func() bool { return d.state("v") == "live" })
	d.same("v", "the end of the violation")
}

// TestSettingsOfTriggers has a trigger on one owner's view change the settings that
// another owner's values are rendered by, in the same transaction.
func TestSettingsOfTriggers(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	d, other := openDesk(t, e), openDesk(t, e)
	d.step("v", "CREATE TABLE t (id int PRIMARY KEY, f float8); INSERT INTO t VALUES (1, 0); SELECT ml.track('t'); SELECT ml.create_view('v', 'SELECT id, f FROM t')")
	d.Run(`CREATE FUNCTION sets() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('extra_float_digits', '-15', false); RETURN NULL; END $$;
		CREATE TRIGGER sets AFTER INSERT ON v FOR EACH STATEMENT EXECUTE FUNCTION sets()`)
	other.step("w", "CREATE TABLE u (id int PRIMARY KEY, f float8); INSERT INTO u VALUES (1, 0); SELECT ml.track('u'); SELECT ml.create_view('w', 'SELECT id, f FROM u')")
	admin := milltest.Open(t, e.AdminURL)
	for _, id := range []string{"2", "3"} {
		admin.Run("INSERT INTO " + d.role + ".t VALUES (" + id + ", pi()); INSERT INTO " + other.role + ".u VALUES (" + id + ", pi())")
		other.same("w", "a trigger on another view")
		d.same("v", "its trigger")
	}
}

// TestRowsStay refers to the rows of a view: a row whose key stays is changed where it
// is, and neither deleted nor there twice.
func TestRowsStay(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	d := openDesk(t, e)
	d.step("v", "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, i % 3 FROM generate_series(1, 9) AS i; SELECT ml.track('t'); "+
		"SELECT ml.create_view('v', 'SELECT count(*), n, sum(id) FROM t GROUP BY n', key => '{n}')")
	d.each("CREATE TABLE note (n int REFERENCES v (n)); INSERT INTO note VALUES (0), (1), (2)")
	for _, statement := range []string{"UPDATE t SET id = id + 100 WHERE id < 8", "UPDATE t SET n = 0 WHERE id = 8", "INSERT INTO t VALUES (50, 1), (51, 3), (52, 4)", "DELETE FROM t WHERE id = 52"} {
		d.step("v", statement)
	}
}

// TestWriterAlone begins beside a writer whose end nobody has noticed: its transaction
// is ended before a row is written, whatever the network does.
func TestWriterAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.open()
	c.Run("CREATE TABLE item (id int PRIMARY KEY); SELECT ml.track('item'); SELECT ml.create_view('items', 'SELECT count(*) FROM item')")
	earlier := milltest.Open(t, s.config.DatabaseURL)
	earlier.Run("BEGIN; SELECT pg_advisory_lock(hashtextextended('millrace view writer', 0))")
	s.run()
	s.settle()
	if earlier.Try("COMMIT") == nil {
		t.Error("an earlier writer could commit")
	}
	s.compare("items")
}
