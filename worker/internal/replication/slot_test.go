package replication

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/pgtest"
)

// TestEnsureSlot checks making a slot, finding it again, and dropping it.
func TestEnsureSlot(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	conn, name := connect(t, url), slotOf(url)
	first, err := EnsureSlot(t.Context(), conn, name)
	if err != nil || !first.New || first.ConfirmedFlush == 0 || first.RestartLSN == 0 || first.RestartLSN > first.ConfirmedFlush || first.ActivePID != 0 {
		t.Fatalf("new slot %+v, %v", first, err)
	}
	second, err := EnsureSlot(t.Context(), conn, name)
	if err != nil || second.New || second.ConfirmedFlush != first.ConfirmedFlush {
		t.Errorf("slot found again %+v, %v, want %+v", second, err, first)
	}
	s := stream(t, url, Config{})
	if busy, err := EnsureSlot(t.Context(), conn, name); err != nil || busy.ActivePID == 0 {
		t.Errorf("slot in use %+v, %v, want its process", busy, err)
	}
	if err := DropSlot(t.Context(), conn, name); !errors.Is(err, ErrSlotBusy) {
		t.Errorf("drop of a slot in use: %v, want ErrSlotBusy", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds nothing
		if err := DropSlot(t.Context(), conn, name); err != nil {
			t.Errorf("drop: %v", err)
		}
	}
	_, err = Start(t.Context(), connect(t, url), Config{Slot: name, Publications: []string{"everything"}})
	if !errors.Is(err, ErrSlotLost) {
		t.Errorf("start of a dropped slot: %v, want ErrSlotLost", err)
	}
}

// TestSlotKind checks that slots of others are not taken.
func TestSlotKind(t *testing.T) {
	t.Parallel()
	url, elsewhere := pgtest.Database(t), pgtest.Database(t)
	conn, name := connect(t, url), slotOf(url)
	keeper := pgtest.Connect(t, url) // a temporary slot lives as long as this
	for _, tt := range []struct{ name, sql string }{
		{"physical", "SELECT pg_create_physical_replication_slot($1)"},
		{"temporary", "SELECT pg_create_logical_replication_slot($1, 'pgoutput', true)"},
		{"prepared", "SELECT pg_create_logical_replication_slot($1, 'pgoutput', false, true)"},
		{"database", ""},
	} {
		at := keeper
		if tt.sql == "" {
			at, tt.sql = pgtest.Connect(t, elsewhere), "SELECT pg_create_logical_replication_slot($1, 'pgoutput')"
		}
		if _, err := at.Exec(t.Context(), tt.sql, name); err != nil {
			t.Fatal(err)
		}
		if s, err := EnsureSlot(t.Context(), conn, name); !errors.Is(err, ErrSlotKind) {
			t.Errorf("%s: %+v, %v, want ErrSlotKind", tt.name, s, err)
		}
		if _, err := keeper.Exec(t.Context(), "SELECT pg_drop_replication_slot($1)", name); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"", "A", "a-b", "a b", strings.Repeat("a", 64), "a'"} {
		if _, err := EnsureSlot(t.Context(), conn, bad); err == nil || strings.Contains(err.Error(), "SQLSTATE") {
			t.Errorf("slot name %q: %v, want our own refusal", bad, err)
		}
	}
}

// TestWait checks that a slot that cannot be made names who is in the way, and that
// the attempt leaves nothing.
func TestWait(t *testing.T) {
	t.Parallel()
	url := privateDatabase(t, privateServer(t, map[string]string{"max_prepared_transactions": "5"}))
	writer := pgtest.Connect(t, url)
	for _, sql := range []string{"CREATE TABLE d (k int)", "BEGIN", "INSERT INTO d VALUES (1)", "PREPARE TRANSACTION 'waiting'",
		"BEGIN", "INSERT INTO d VALUES (2)", "SAVEPOINT a", "INSERT INTO d VALUES (3)"} {
		if _, err := writer.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := EnsureSlot(ctx, connect(t, url), slotOf(url))
	var wait *WaitError
	if !errors.As(err, &wait) || !errors.Is(err, context.DeadlineExceeded) || len(wait.Running) != 2 {
		t.Fatalf("slot behind two transactions: %v, want a WaitError with both", err)
	}
	if p, r := wait.Running[0], wait.Running[1]; p.PID != 0 || p.GID != "waiting" || r.PID != int64(writer.PgConn().PID()) || r.User != "postgres" ||
		!strings.Contains(url, r.Database) || r.Since == "" || p.Since == "" {
		t.Errorf("running are %v", wait.Running)
	}
	await(t, pgtest.Connect(t, url), "SELECT count(*) = 0 FROM pg_replication_slots")
	for _, sql := range []string{"COMMIT", "COMMIT PREPARED 'waiting'"} {
		if _, err := writer.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := EnsureSlot(t.Context(), connect(t, url), slotOf(url)); err != nil || !s.New {
		t.Errorf("slot after they ended: %+v, %v", s, err)
	}
}

// TestLost has the server remove the log that a slot needs.
func TestLost(t *testing.T) {
	t.Parallel()
	url := privateDatabase(t, privateServer(t, map[string]string{"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"}))
	pgtest.Exec(t, url, "CREATE PUBLICATION everything FOR ALL TABLES")
	conn, name := connect(t, url), slotOf(url)
	if _, err := EnsureSlot(t.Context(), conn, name); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		pgtest.Exec(t, url, "SELECT pg_logical_emit_message(false, '', 'x'); SELECT pg_switch_wal()")
		pgtest.Exec(t, url, "CHECKPOINT")
	}
	if s, err := EnsureSlot(t.Context(), conn, name); !errors.Is(err, ErrSlotLost) {
		t.Errorf("slot without its log: %+v, %v, want ErrSlotLost", s, err)
	}
	if _, err := Start(t.Context(), connect(t, url), Config{Slot: name, Publications: []string{"everything"}}); !errors.Is(err, ErrSlotLost) {
		t.Errorf("start without the log: %v, want ErrSlotLost", err)
	}
}

// TestPrepared checks that a prepared transaction comes when it is committed, as any
// other, and one that is rolled back never.
func TestPrepared(t *testing.T) {
	t.Parallel()
	server := privateServer(t, map[string]string{"max_prepared_transactions": "5", "logical_decoding_work_mem": "64kB"})
	for _, streaming := range []bool{false, true} {
		url := privateDatabase(t, server)
		pgtest.Exec(t, url, "CREATE TABLE d (k int PRIMARY KEY)")
		pgtest.Exec(t, url, "CREATE PUBLICATION everything FOR ALL TABLES")
		if _, err := EnsureSlot(t.Context(), connect(t, url), slotOf(url)); err != nil {
			t.Fatal(err)
		}
		s := stream(t, url, Config{Streaming: streaming})
		writer := pgtest.Connect(t, url)
		for _, sql := range []string{"BEGIN", "INSERT INTO d SELECT generate_series(1001, 4000)", "PREPARE TRANSACTION 'one'",
			"BEGIN", "INSERT INTO d SELECT generate_series(5001, 8000)", "PREPARE TRANSACTION 'two'",
			"INSERT INTO d VALUES (1)", "ROLLBACK PREPARED 'two'", "COMMIT PREPARED 'one'", "INSERT INTO d VALUES (2)"} {
			if _, err := writer.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, "before the commit", changes(t, nextTransaction(t, s)), []string{"I d (1)"})
		if tx := nextTransaction(t, s); tx.Len() != 3000 || changes(t, tx)[2999] != "I d (4000)" {
			t.Errorf("the prepared transaction has %d changes, want 3000", tx.Len())
		}
		equal(t, "after the commit", changes(t, nextTransaction(t, s)), []string{"I d (2)"})
	}
}

// TestServerStops stops a server while a stream is open: it stops in time, because the
// caller acknowledges keepalives, and the stream ends with an error.
func TestServerStops(t *testing.T) {
	t.Parallel()
	server := privateServer(t, map[string]string{})
	url := privateDatabase(t, server)
	pgtest.Exec(t, url, "CREATE PUBLICATION everything FOR ALL TABLES")
	if _, err := EnsureSlot(t.Context(), connect(t, url), slotOf(url)); err != nil {
		t.Fatal(err)
	}
	s := stream(t, url, Config{})
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(context.Background()) }()
	for {
		e, err := s.Next(t.Context())
		if err != nil {
			break
		}
		if k, ok := e.(Keepalive); ok {
			_ = s.Acknowledge(k.ServerEnd, k.ServerEnd) // Next says what is wrong with the connection
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestSystem checks that positions of another system, timeline or database are refused.
func TestSystem(t *testing.T) {
	t.Parallel()
	address := publish(t, "")
	here, err := Identify(t.Context(), connect(t, address))
	if u, _ := url.Parse(address); err != nil || here.Timeline != 1 || "/"+here.Database != u.Path || here.End == 0 || len(here.ID) < 15 {
		t.Fatalf("system %+v, %v", here, err)
	}
	for name, change := range map[string]func(*System){
		"ID": func(s *System) { s.ID += "0" }, "Timeline": func(s *System) { s.Timeline++ }, "Database": func(s *System) { s.Database = "x" },
		"Same": func(s *System) { s.End = 0 },
	} {
		other := here
		change(&other)
		s, err := Start(t.Context(), connect(t, address), Config{Slot: slotOf(address), Publications: []string{"everything"}, System: &other})
		if (name == "Same") != (err == nil) || err != nil && !errors.Is(err, ErrSystem) {
			t.Errorf("%s: %v, want ErrSystem unless it is the same", name, err)
		}
		if err == nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
