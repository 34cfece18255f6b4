package view_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestCopyBesideStalledCommit copies a table while the log has a commit that the copy
// does not see: it waits for a standby that does not exist. Only the snapshot tells
// whether its rows are in the copy; the position of the commit would say that they are.
func TestCopyBesideStalledCommit(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t, map[string]string{"fsync": "off"})
	c := s.open()
	c.Run("CREATE TABLE item (id int PRIMARY KEY, n int); INSERT INTO item VALUES (1, 1); CREATE TABLE other (id int PRIMARY KEY)")
	c.Run("SELECT ml.track('item'); SELECT ml.track('other'); SELECT ml.create_view('others', 'SELECT count(*) FROM other')")
	s.run()
	s.settle()
	admin, early, stalled := s.openAdmin(), s.open(), s.open()
	admin.Run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	admin.Run("SELECT pg_reload_conf()")
	c.Run("SET synchronous_commit = local")
	stalled.Run("SET synchronous_commit = on")
	early.Run("BEGIN; SELECT pg_current_xact_id()") // the copy waits for this one
	c.Run("SELECT ml.create_view('sums', 'SELECT count(*), sum(n) FROM item')")
	milltest.Until(t, "the copy waits", func() bool {
		return c.Text("SELECT count(*) FROM ml.views WHERE name = 'sums' AND reason LIKE 'waiting to copy%'") == "1"
	})
	done, id := make(chan error, 1), 2
	insert := func() { done <- stalled.Try(fmt.Sprintf("INSERT INTO item VALUES (%d, 20)", id)) }
	go insert()
	milltest.Until(t, "a commit waits for its standby", func() bool {
		if len(done) > 0 { // the server had not taken up its new setting
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			id++
			go insert()
		}
		return admin.Text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1"
	})
	c.Run("INSERT INTO other VALUES (1); SELECT ml.wait('others')") // later, and visible
	early.Run("ROLLBACK")
	milltest.Until(t, "the view is live", func() bool { return c.Text("SELECT state FROM ml.views WHERE name = 'sums'") == "live" })
	admin.Run("ALTER SYSTEM RESET synchronous_standby_names")
	admin.Run("SELECT pg_reload_conf()")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.compare("sums", "others")
}
