package view_test

import (
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestCopyAheadOfLog copies a table whose last transactions are still to come in the
// log, behind a big one: they are in the copy already, and must not be applied again.
func TestCopyAheadOfLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stop := s.run()
	c := s.open()
	c.Run("CREATE TABLE item (id int PRIMARY KEY, n int); CREATE TABLE big (id int PRIMARY KEY); SELECT ml.track('item'); SELECT ml.track('big')")
	c.Run("SELECT ml.create_view('sums', 'SELECT count(*), sum(n) FROM item'); SELECT ml.create_view('bigs', 'SELECT count(*) FROM big')")
	s.settle()
	stop() // the slot stays, and is behind from here on
	c.Run("INSERT INTO big SELECT generate_series(1, 250000)")
	c.Run("INSERT INTO item VALUES (1, 10), (2, 20), (3, 30); UPDATE item SET n = n + 1; DELETE FROM item WHERE id = 2")
	s.run()
	s.settle()
	s.compare("sums", "bigs")
	c.Run("UPDATE item SET n = 5; DELETE FROM item WHERE id = 1")
	s.settle()
	s.compare("sums")
}

// TestCopyBesideWriter copies a table while transactions that wrote to it are open,
// some of which began before the table was followed.
func TestCopyBesideWriter(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.open()
	c.Run("CREATE TABLE item (id int PRIMARY KEY, n int); INSERT INTO item VALUES (1, 1)")
	c.Run("CREATE TABLE other (id int PRIMARY KEY); SELECT ml.track('other'); SELECT ml.create_view('others', 'SELECT count(*) FROM other')")
	s.run()
	s.settle()
	early, late := s.open(), s.open()
	early.Run("BEGIN; INSERT INTO item VALUES (2, 2)") // before the table is followed: the log does not tell of it
	c.Run("SELECT ml.track('item'); SELECT ml.create_view('sums', 'SELECT count(*), sum(n) FROM item')")
	early.Run("UPDATE item SET n = n + 1 WHERE id = 2")
	milltest.Until(t, "ml.views names who is in the way", func() bool {
		return c.Text("SELECT count(*) FROM ml.views WHERE name = 'sums' AND reason LIKE 'waiting to copy%process "+early.Text("SELECT pg_backend_pid()")+",%'") == "1"
	})
	late.Run("BEGIN; UPDATE item SET n = n + 10 WHERE id = 1") // not waited for
	early.Run("INSERT INTO item VALUES (3, 3); COMMIT")
	milltest.Until(t, "the view is live", func() bool { return c.Text("SELECT state FROM ml.views WHERE name = 'sums'") == "live" })
	late.Run("INSERT INTO item VALUES (4, 4); COMMIT")
	s.settle()
	s.compare("sums", "others")
	if got := c.Text("SELECT x FROM sums AS x"); got != "(4,21)" {
		t.Errorf("the view shows %s, want (4,21)", got)
	}
}

// TestCopyCommitStalled copies a table while a transaction has its commit in the log,
// but is not visible: it waits for a standby that does not exist.
func TestCopyCommitStalled(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t, map[string]string{"fsync": "off"})
	c := s.open()
	c.Run("CREATE TABLE item (id int PRIMARY KEY, n int); INSERT INTO item VALUES (1, 1); CREATE TABLE other (id int PRIMARY KEY)")
	c.Run("SELECT ml.track('item'); SELECT ml.track('other'); SELECT ml.create_view('others', 'SELECT count(*) FROM other')")
	s.run()
	s.settle()
	admin, stalled := s.openAdmin(), s.open()
	admin.Run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	admin.Run("SELECT pg_reload_conf()")
	c.Run("SET synchronous_commit = local")
	stalled.Run("SET synchronous_commit = on")
	milltest.Until(t, "the session knows of the standby", func() bool {
		return stalled.Text("SHOW synchronous_standby_names") == "nobody" && admin.Text("SHOW synchronous_standby_names") == "nobody"
	})
	done := make(chan error, 1)
	go func() { done <- stalled.Try("INSERT INTO item VALUES (2, 20)") }()
	milltest.Until(t, "a commit waits for its standby", func() bool {
		return admin.Text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1"
	})
	c.Run("SELECT ml.create_view('sums', 'SELECT count(*), sum(n) FROM item')")
	c.Run("INSERT INTO other VALUES (1)")
	c.Run("SELECT ml.wait('others')") // nothing of ours waits for the standby
	s.compare("others")
	admin.Run("ALTER SYSTEM RESET synchronous_standby_names")
	admin.Run("SELECT pg_reload_conf()")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.compare("sums", "others")
}
