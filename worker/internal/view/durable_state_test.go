package view_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
)

// item is a table with a view, on a site whose worker has written a checkpoint and
// ended.
type item struct {
	*site
	c    *milltest.Client
	stop func()
}

const itemSQL = `
	CREATE TABLE item (id int PRIMARY KEY, kind int, n int);
	INSERT INTO item SELECT i, i % 50, i FROM generate_series(1, 2000) AS i;
	SELECT ml.track('item')`

func newItem(s *site) *item {
	s.t.Helper()
	s.config.StateDir, s.config.Checkpoint = s.t.TempDir(), 50*time.Millisecond
	i := &item{site: s, c: s.open(), stop: s.run()}
	i.c.Run(itemSQL)
	i.c.Run("SELECT ml.create_view('kinds', 'SELECT kind, count(*), sum(n) FROM item GROUP BY kind')")
	s.settle()
	i.c.Run("UPDATE item SET n = n + 1 WHERE id = 7")
	s.settle()
	return i
}

// stateFile returns the file with the state.
func (s *site) stateFile() string {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.config.StateDir, "*.state"))
	if err != nil || len(files) != 1 {
		s.t.Fatalf("state files %v, %v, want one", files, err)
	}
	return files[0]
}

// scans counts how often the table was read; all sessions that read it have ended.
func (i *item) scans() string {
	i.t.Helper()
	admin := i.openAdmin()
	milltest.Until(i.t, "the worker's sessions have ended", func() bool {
		return admin.Text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'millrace%'") == "0"
	})
	return admin.Text("SELECT seq_scan + idx_scan FROM pg_stat_all_tables WHERE relname = 'item'")
}

// TestStateKept restarts the worker: it goes on where the log is, and does not read
// the table again.
func TestStateKept(t *testing.T) {
	t.Parallel()
	i := newItem(newSite(t))
	i.c.Run("SELECT ml.create_view('parity', 'SELECT id % 2 AS odd, count(*) FROM item GROUP BY id % 2')")
	i.settle()
	i.stop()
	i.c.Run("INSERT INTO item VALUES (3001, 3, 1), (3002, 99, 1)") // without a scan
	before := i.scans()
	i.stop = i.run()
	i.settle()
	i.stop()
	if after := i.scans(); after != before {
		t.Errorf("the table was scanned %s times before the restart, and %s after it", before, after)
	}
	if n := i.log.count("built anew"); n != 1 { // at the first start there is no checkpoint
		t.Errorf("views were built anew %d times, want once", n)
	}
	if n := i.log.count("does not fit"); n != 0 {
		t.Errorf("%d saved states did not fit, want none", n)
	}
	i.run()
	i.settle()
	i.compare("kinds", "parity")
}

// TestStateKeptWhileWriting ends the worker while a write waits for a lock: it gives up
// the write, not the state.
func TestStateKeptWhileWriting(t *testing.T) {
	t.Parallel()
	i := newItem(newSite(t))
	i.stop()
	i.config.Checkpoint = time.Hour
	if err := os.Remove(i.stateFile()); err != nil {
		t.Fatal(err)
	}
	i.stop = i.run()
	i.settle()
	admin := i.openAdmin()
	other := i.open()
	other.Run("BEGIN; LOCK TABLE kinds IN SHARE MODE")
	i.c.Run("UPDATE item SET n = n + 1 WHERE id = 9")
	milltest.Until(t, "the writer waits", func() bool {
		return admin.Text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace view writer' AND wait_event_type = 'Lock'") == "1"
	})
	i.stop()
	other.Run("ROLLBACK")
	before := i.log.count("built anew")
	i.run()
	i.settle()
	i.compare("kinds")
	if n := i.log.count("built anew"); n != before {
		t.Errorf("views were built anew %d times, want %d", n, before)
	}
}

// TestStateRefused damages what is on disk, or in the database, while the worker is
// down and rows change: the views are built anew, and rows that did not differ stay
// where they are.
func TestStateRefused(t *testing.T) {
	edit := func(change func([]byte) []byte) func(*item) {
		return func(i *item) {
			text, err := os.ReadFile(i.stateFile())
			if err == nil {
				err = os.WriteFile(i.stateFile(), change(text), 0o600)
			}
			if err != nil {
				i.t.Fatal(err)
			}
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for _, tt := range []struct {
		name   string
		damage func(*item)
		says   string
	}{
		{"Deleted", func(i *item) {
			if err := os.Remove(i.stateFile()); err != nil {
				i.t.Fatal(err)
			}
		}, "there is no checkpoint"},
		{"Empty", edit(func([]byte) []byte { return nil }), "of no use"},
		{"Truncated", edit(func(b []byte) []byte { return b[:len(b)*2/3] }), "of no use"},
		{"Flipped", edit(func(b []byte) []byte {
			b = bytes.Clone(b)
			b[rand.New(rand.NewPCG(seed, 2)).IntN(len(b))] ^= 1 << (seed % 8)
			return b
		}), "of no use"},
		{"OtherDatabase", func(i *item) {
			second := newItem(newSite(i.t))
			second.stop()
			other, err := os.ReadFile(second.stateFile())
			if err != nil {
				i.t.Fatal(err)
			}
			edit(func([]byte) []byte { return other })(i)
		}, "another system"},
		{"TablesOlder", func(i *item) {
			i.openAdmin().Run("UPDATE ml_private.position SET lsn = '0/10'") // as after a backup was put back
		}, "the tables showed position"},
		{"SlotDropped", func(i *item) {
			i.openAdmin().Run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()")
		}, "the slot is a new one"},
		{"SlotAhead", func(i *item) {
			i.c.Run("UPDATE item SET n = n - 3 WHERE id = 10")
			i.openAdmin().Run("SELECT pg_replication_slot_advance(slot_name, pg_current_wal_flush_lsn()) FROM pg_replication_slots WHERE database = current_database()")
		}, "and the slot goes on at"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := newItem(newSite(t))
			i.stop()
			places := i.c.Text("SELECT string_agg(concat(kind, ctid), ' ' ORDER BY kind) FROM kinds WHERE kind NOT IN (7, 8, 10)")
			i.c.Run("UPDATE item SET n = n + 5 WHERE id = 7; DELETE FROM item WHERE id = 8")
			tt.damage(i)
			i.run()
			i.settle()
			if i.log.count(tt.says) == 0 {
				t.Errorf("the log does not say %q", tt.says)
			}
			if now := i.c.Text("SELECT string_agg(concat(kind, ctid), ' ' ORDER BY kind) FROM kinds WHERE kind NOT IN (7, 8, 10)"); now != places {
				t.Errorf("rows that did not differ have moved: %s, were %s", now, places)
			}
			i.compare("kinds")
			i.c.Run("UPDATE item SET kind = kind + 1 WHERE id < 30")
			i.settle()
			i.compare("kinds")
		})
	}
}

// TestStateOfLostTables crashes the server right after a checkpoint, when only what
// was flushed remains: the state on disk must not be ahead of the tables.
func TestStateOfLostTables(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t, map[string]string{"fsync": "on", "wal_writer_delay": "10s"})
	i := newItem(s)
	for range rounds(t, 3) {
		before := s.log.count("views: checkpoint position")
		i.c.Run("UPDATE item SET n = n + 1 WHERE id % 7 = 0")
		milltest.Until(t, "a checkpoint", func() bool { return s.log.count("views: checkpoint position") > before })
		if err := s.server.Kill(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		i.stop()
		s.restart()
		i.c = s.open()
		i.stop = s.run()
		i.settle()
		i.compare("kinds")
	}
	if n := s.log.count("built anew"); n != 1 {
		t.Errorf("views were built anew %d times, want once: the state was ahead of the tables", n)
	}
}
