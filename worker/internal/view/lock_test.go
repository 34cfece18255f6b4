package view_test

import (
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

// TestCatalogLock locks the catalog of views: who is not enrolled cannot, and what an
// enrolled role locks is waited for some seconds at a time, not until it pleases.
func TestCatalogLock(t *testing.T) {
	t.Parallel()
	e, c, url := followSale(t)
	stranger, password := pgtest.Role(t, "stranger", "LOGIN")
	other := milltest.Open(t, milltest.WithUser(t, e.AdminURL, stranger, password))
	other.Refused("42501", "BEGIN; LOCK TABLE ml_private.view IN ACCESS EXCLUSIVE MODE")
	other.Run("ROLLBACK")
	other.Refused("42501", "DELETE FROM ml_private.view")

	watch := milltest.Open(t, e.AdminURL)
	const waits = `SELECT coalesce(string_agg(concat_ws(' ', pid, query_start), ',' ORDER BY pid), '') FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'millrace worker' AND wait_event_type = 'Lock'`
	c.Run("BEGIN; LOCK TABLE ml_private.view IN ACCESS EXCLUSIVE MODE")
	milltest.Open(t, url).Run("NOTIFY millrace_view")
	milltest.Until(t, "the worker waits", func() bool { return watch.Text(waits) != "" })
	first := watch.Text(waits)
	milltest.Until(t, "the worker gives the wait up", func() bool { return watch.Text(waits) != first })
	c.Run("COMMIT; INSERT INTO sale VALUES (2, 'a'), (3, 'b')")
	milltest.Until(t, "the view is followed again", func() bool { return c.Try("SELECT ml.wait('by_city')") == nil })
	equal(t, c, "by_city")
}
