package replication

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
)

// confirmed is the slot's flushed position.
func confirmed(t *testing.T, conn *pgx.Conn, slot string) LSN {
	t.Helper()
	var out LSN
	if err := conn.QueryRow(t.Context(), "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = $1", slot).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestResume ends the server's process and streams again: what was acknowledged does
// not come, everything else does, and nothing but an acknowledgement moves the slot.
func TestResume(t *testing.T) {
	t.Parallel()
	url := publish(t, "CREATE TABLE d (k int PRIMARY KEY)")
	conn, slot := pgtest.Connect(t, url), slotOf(url)
	before := confirmed(t, conn, slot)
	s := stream(t, url, Config{StatusInterval: time.Millisecond})
	var seen []*Transaction
	for k := range 3 {
		pgtest.Exec(t, url, fmt.Sprintf("INSERT INTO d VALUES (%d)", k))
		seen = append(seen, nextTransaction(t, s))
	}
	await(t, conn, "SELECT reply_time > now() FROM pg_stat_replication WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = '"+slot+"')")
	if got := confirmed(t, conn, slot); got != before {
		t.Errorf("slot moved to %s from %s before anything was acknowledged", got, before)
	}
	if err := s.Acknowledge(seen[2].EndLSN, seen[2].EndLSN+1); !errors.Is(err, ErrAcknowledge) {
		t.Errorf("acknowledging what was not delivered: %v, want ErrAcknowledge", err)
	}
	if err := s.Acknowledge(seen[2].EndLSN, seen[0].EndLSN); err != nil {
		t.Fatal(err)
	}
	if err := s.Acknowledge(0, 0); err != nil { // changes nothing
		t.Fatal(err)
	}
	await(t, conn, fmt.Sprintf("SELECT confirmed_flush_lsn = '%s' FROM pg_replication_slots WHERE slot_name = '%s'", seen[0].EndLSN, slot))
	await(t, conn, fmt.Sprintf("SELECT write_lsn = '%s' AND flush_lsn = '%s' FROM pg_stat_replication WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = '%s')",
		seen[2].EndLSN, seen[0].EndLSN, slot))

	if _, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1", slot); err != nil {
		t.Fatal(err)
	}
	if err := failure(t, s); err == nil {
		t.Error("no error after the server's process was ended")
	} else if again := failure(t, s); again.Error() != err.Error() {
		t.Errorf("error %v, and then %v", err, again)
	}
	resumed := stream(t, url, Config{})
	equal(t, "first to come again", changes(t, nextTransaction(t, resumed)), []string{"I d (1)"})
	if err := resumed.Close(); err != nil {
		t.Fatal(err)
	}
	// The caller has more than the slot knows.
	later := stream(t, url, Config{Start: seen[1].EndLSN})
	equal(t, "first after a position", changes(t, nextTransaction(t, later)), []string{"I d (2)"})
	if err := later.Acknowledge(seen[2].EndLSN, seen[2].EndLSN); err != nil {
		t.Fatal(err)
	}
	if err := later.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, conn, fmt.Sprintf("SELECT NOT active AND confirmed_flush_lsn = '%s' FROM pg_replication_slots WHERE slot_name = '%s'", seen[2].EndLSN, slot))
	_, err := Start(t.Context(), connect(t, url), Config{Slot: slot, Publications: []string{"everything"}, Start: seen[1].EndLSN})
	if !errors.Is(err, ErrSlotAhead) {
		t.Errorf("start behind the slot: %v, want ErrSlotAhead", err)
	}
}

// failure returns the error that ends a stream.
func failure(t *testing.T, s *Stream) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, err := s.Next(ctx); err != nil {
			return err
		}
	}
}

// TestIdle checks that the slot of an idle stream can follow the log, when the caller
// acknowledges what keepalives say.
func TestIdle(t *testing.T) {
	t.Parallel()
	url := publish(t, "CREATE TABLE d (k int PRIMARY KEY)")
	s := stream(t, url, Config{})
	conn, slot := pgtest.Connect(t, url), slotOf(url)
	var end LSN
	if err := conn.QueryRow(t.Context(), "SELECT pg_logical_emit_message(true, '', repeat('x', 100000))::text").Scan(&end); err != nil {
		t.Fatal(err)
	}
	// The message has gone by when a keepalive is behind it.
	k := next(t, s, func(k Keepalive) bool { return k.ServerEnd >= end })
	if s.ServerEnd() < end {
		t.Errorf("ServerEnd is %s, want at least %s", s.ServerEnd(), end)
	}
	if err := s.Acknowledge(k.ServerEnd, k.ServerEnd); err != nil {
		t.Fatal(err)
	}
	await(t, conn, fmt.Sprintf("SELECT confirmed_flush_lsn = '%s' FROM pg_replication_slots WHERE slot_name = '%s'", k.ServerEnd, slot))
}

// TestBusyCaller leaves a stream alone for longer than the server waits for a sign of
// life: it goes on.
func TestBusyCaller(t *testing.T) {
	t.Parallel()
	url := publish(t, `CREATE TABLE d (k int PRIMARY KEY);
		DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET wal_sender_timeout = ''300ms''', current_database()); END $$`)
	s := stream(t, url, Config{})
	conn := pgtest.Connect(t, url)
	await(t, conn, "SELECT clock_timestamp() > backend_start + interval '1 s' FROM pg_stat_replication "+
		"WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = '"+slotOf(url)+"')")
	pgtest.Exec(t, url, "INSERT INTO d VALUES (1)")
	equal(t, "changes", changes(t, nextTransaction(t, s)), []string{"I d (1)"})
}

// TestContext ends waits by their context, and checks that nothing is lost by it.
func TestContext(t *testing.T) {
	t.Parallel()
	url := publish(t, "CREATE TABLE d (k int PRIMARY KEY, v text)")
	s := stream(t, url, Config{})
	go pgtest.Exec(t, url, "INSERT INTO d SELECT i, repeat('x', 20000) FROM generate_series(1, 500) i")
	ended := 0
	for wait := 10 * time.Microsecond; ; wait += 10 * time.Microsecond {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		e, err := s.Next(ctx)
		cancel()
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			ended++
			continue
		}
		if tx, ok := e.(*Transaction); ok && tx.Len() > 0 {
			if got := changes(t, tx); len(got) != 500 || got[499] != "I d (500 xxx…20000)" || ended == 0 {
				t.Errorf("%d changes, the last %s, after %d waits; want 500", len(got), got[len(got)-1], ended)
			}
			if err := tx.Close(); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
}

// TestClose checks that a closed stream says so, and that its slot is free.
func TestClose(t *testing.T) {
	t.Parallel()
	url := publish(t, "CREATE TABLE d (k int PRIMARY KEY)")
	s := stream(t, url, Config{})
	pgtest.Exec(t, url, "INSERT INTO d SELECT generate_series(1, 10000)")
	busy, err := Start(t.Context(), connect(t, url), Config{Slot: slotOf(url), Publications: []string{"everything"}})
	if !errors.Is(err, ErrSlotBusy) {
		t.Errorf("second stream of a slot: %v, %v, want ErrSlotBusy", busy, err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Next after Close: %v, want ErrClosed", err)
	}
	if err := s.Acknowledge(0, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("Acknowledge after Close: %v, want ErrClosed", err)
	}
	if err := DropSlot(t.Context(), connect(t, url), slotOf(url)); err != nil {
		t.Errorf("drop after Close: %v", err)
	}
}
