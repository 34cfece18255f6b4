package view_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestWriterFenced cuts the network while a transaction of the worker waits for a lock
// with all its rows written: when the lock is free it must not commit beside the one
// that has written the rows again.
func TestWriterFenced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.config.ViewLockTimeout = 60e9
	n := newNetwork(s)
	i := newItem(s)
	admin := s.openAdmin()
	admin.Run("BEGIN; SELECT * FROM ml_private.position FOR UPDATE")
	i.c.Run("INSERT INTO item VALUES (5000, 5000, 1)")
	watch := s.openAdmin()
	const waits = `SELECT coalesce(string_agg(pid::text, ' '), '') FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'millrace view writer' AND wait_event_type = 'Lock'`
	milltest.Until(t, "the writer waits", func() bool { return watch.Text(waits) != "" })
	first := watch.Text(waits)
	n.reset()
	milltest.Until(t, "the next writer waits", func() bool {
		now := watch.Text(waits)
		return now != first && now != "" || strings.Contains(now, " ")
	})
	admin.Run("COMMIT")
	s.settle()
	s.compare("kinds")
}

// TestStopInStep stops the worker while PostgreSQL evaluates a function for it, so that
// a circuit is in the middle of a step: what is then on disk must not be of that moment.
func TestStopInStep(t *testing.T) {
	t.Parallel()
	i := newItem(newSite(t))
	i.c.Run(`CREATE TABLE gate (open bool); INSERT INTO gate VALUES (true);
		CREATE FUNCTION slow(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN
			PERFORM pg_advisory_lock_shared(4711);
			PERFORM pg_advisory_unlock_shared(4711);
			RETURN n;
		END $$`)
	i.c.Run("SELECT ml.create_view('slowly', 'SELECT kind, slow(sum(n)::int) FROM item GROUP BY kind')")
	i.settle()
	admin := i.openAdmin()
	i.c.Run("SELECT pg_advisory_lock(4711)")
	i.c.Run("UPDATE item SET n = n + 100 WHERE id IN (5, 6)")
	milltest.Until(t, "PostgreSQL evaluates for the worker", func() bool {
		return admin.Text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace view reader' AND wait_event = 'advisory'") == "1"
	})
	i.stop()
	i.c.Run("SELECT pg_advisory_unlock(4711)")
	i.run()
	i.settle()
	i.compare("slowly", "kinds")
}
