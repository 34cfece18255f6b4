package view_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/replication"
)

// position returns the position up to which what is on disk holds: that of the state,
// or the later one beside it.
func (s *site) position() replication.LSN {
	s.t.Helper()
	for range 100 { // the files are replaced one after the other
		state, err := os.ReadFile(s.stateFile())
		if err != nil {
			s.t.Fatal(err)
		}
		r := zset.NewReader(bytes.NewReader(state))
		r.Bytes() // format
		r.Bytes() // system
		r.Uvarint()
		r.Bytes() // database
		at := replication.LSN(r.Uint64())
		idle, err := os.ReadFile(strings.TrimSuffix(s.stateFile(), "state") + "position")
		if fields := strings.Fields(string(idle)); err == nil && len(fields) == 3 && bytes.HasSuffix(state, []byte(fields[0])) {
			later, err := replication.ParseLSN(fields[1])
			if err != nil {
				s.t.Fatal(err)
			}
			at = max(at, later)
		}
		if again, err := os.ReadFile(s.stateFile()); err == nil && bytes.Equal(state, again) {
			return at
		}
	}
	s.t.Fatal("the state's file never stays")
	return 0
}

// TestSlotNotAhead looks at the slot while rows change: what the server may forget is
// never beyond what is on disk.
func TestSlotNotAhead(t *testing.T) {
	t.Parallel()
	i := newItem(newSite(t))
	i.stop()
	i.config.Checkpoint = 700 * time.Millisecond // so that the position is often ahead of the disk
	i.run()
	i.settle()
	admin := i.openAdmin()
	moved := map[string]bool{}
	for k := range 150 {
		i.c.Run("UPDATE item SET n = n + 1 WHERE id = " + strconv.Itoa(1+k%50))
		text := admin.Text("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database()")
		flushed, err := replication.ParseLSN(text)
		if err != nil {
			t.Fatal(err)
		}
		if disk := i.position(); flushed > disk {
			t.Fatalf("the slot is flushed up to %s, and the state on disk is of %s", flushed, disk)
		}
		moved[text] = true
		time.Sleep(5 * time.Millisecond)
	}
	if len(moved) < 2 {
		t.Error("the slot has not moved")
	}
}

// TestSlot has a server of its own, whose log nobody else writes to.
func TestSlot(t *testing.T) {
	t.Parallel()
	i := newItem(newPrivateSite(t, map[string]string{"fsync": "off", "min_wal_size": "32MB", "max_wal_size": "1GB"}))
	for _, part := range []struct {
		name string
		test func(*testing.T, *item)
	}{{"Idle", slotIdle}, {"OtherTables", slotOtherTables}, {"GivenUp", slotGivenUp}, {"Invalidated", slotInvalidated}} {
		t.Run(part.name, func(t *testing.T) {
			on := *i.site
			on.t = t
			part.test(t, &item{&on, on.open(), i.stop})
		})
	}
}

// slotIdle counts what is written to the log when nobody writes.
func slotIdle(t *testing.T, i *item) {
	const bound, sample = 100_000, 5 * time.Second
	admin := i.openAdmin()
	admin.Run("CHECKPOINT")
	time.Sleep(time.Second) // what was to be written has been
	before := admin.Text("SELECT pg_current_wal_insert_lsn()")
	time.Sleep(sample)
	text := admin.Text("SELECT pg_current_wal_insert_lsn() - '" + before + "'")
	bytes, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	if hour := bytes * int(time.Hour/sample); hour > bound {
		t.Errorf("an idle server's log grows by %d bytes in %v, %d in an hour, want at most %d", bytes, sample, hour, bound)
	}
}

// slotOtherTables writes 100 MB to a table that no view reads.
func slotOtherTables(t *testing.T, i *item) {
	i.c.Run("CREATE TABLE elsewhere (t text)")
	admin := i.openAdmin()
	for range 10 {
		i.c.Run("INSERT INTO elsewhere SELECT repeat('x', 1000) FROM generate_series(1, 10000)")
	}
	held := ""
	milltest.Until(t, "the slot holds at most two segments back", func() bool {
		admin.Run("CHECKPOINT") // says which transactions are running, from where on the log is needed
		held = admin.Text("SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots WHERE database = current_database()")
		n, err := strconv.Atoi(held)
		return err == nil && n <= 32<<20
	})
	i.settle()
	i.compare("kinds")
}

// slotGivenUp has an open transaction hold the log back, beyond what is allowed.
func slotGivenUp(t *testing.T, i *item) {
	i.stop()
	config := i.config
	config.RetainedWAL = 12 << 20
	stop := i.runWith(config)
	i.settle()
	open := i.open()
	open.Run("BEGIN; INSERT INTO elsewhere VALUES ('')")
	i.c.Run("UPDATE item SET n = n + 1 WHERE id = 5")
	i.c.Run("INSERT INTO elsewhere SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
	milltest.Until(t, "the slot is given up", func() bool { return i.log.count("the slot is given up") > 0 })
	admin := i.openAdmin()
	milltest.Until(t, "the slot is gone, or new", func() bool {
		return admin.Text("SELECT count(*) FROM pg_replication_slots WHERE database = current_database() AND pg_current_wal_lsn() - restart_lsn > 12000000") == "0"
	})
	open.Run("COMMIT")
	i.c.Run("UPDATE item SET n = n + 1 WHERE id = 6")
	i.settle()
	i.compare("kinds")
	stop()
}

// slotInvalidated has the server remove the log that the slot needs, while the worker
// is down.
func slotInvalidated(t *testing.T, i *item) {
	stop := i.run()
	i.settle()
	stop()
	admin := i.openAdmin()
	admin.Run("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
	admin.Run("ALTER SYSTEM SET max_wal_size = '32MB'")
	admin.Run("SELECT pg_reload_conf()")
	i.c.Run("UPDATE item SET n = n + 1 WHERE id = 8")
	milltest.Until(t, "the slot is lost", func() bool {
		admin.Run("SELECT pg_logical_emit_message(false, '', 'x'); SELECT pg_switch_wal()")
		admin.Run("CHECKPOINT")
		return admin.Text("SELECT wal_status FROM pg_replication_slots WHERE database = current_database()") == "lost"
	})
	i.c.Run("UPDATE item SET n = n + 1 WHERE id = 9")
	stop = i.run()
	i.settle()
	i.compare("kinds")
	if i.log.count("the slot was lost") == 0 {
		t.Error("the log does not say that the slot was lost")
	}
	stop()
}

// TestStateFull has no room on disk: the views go on, and the log says so.
func TestStateFull(t *testing.T) {
	t.Parallel()
	i := newItem(newSite(t))
	if err := os.RemoveAll(i.config.StateDir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(i.config.StateDir, nil, 0o600); err != nil { // nobody can make a file in it
		t.Fatal(err)
	}
	i.c.Run("UPDATE item SET n = n + 1")
	milltest.Until(t, "the log says it", func() bool { return i.log.count("no checkpoint") > 0 })
	i.settle()
	i.compare("kinds")
	if err := os.Remove(filepath.Clean(i.config.StateDir)); err != nil {
		t.Fatal(err)
	}
	i.stop()
}
