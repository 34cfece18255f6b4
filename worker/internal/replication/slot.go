package replication

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

// slotName is what PostgreSQL allows, so that a name needs no quotes.
var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

// Slot is the state of a logical replication slot.
type Slot struct {
	Name           string
	ConfirmedFlush LSN    // changes of transactions that committed before it are not sent again
	RestartLSN     LSN    // the log from here on is kept for the slot
	ActivePID      int64  // of the process that streams from it, or zero
	WALStatus      string // reserved, extended, unreserved, lost
	SafeWALSize    int64  // bytes that can be written before it is in danger of being lost; -1 for no limit
	New            bool   // made by this call
}

// EnsureSlot returns the state of a slot and makes it if it is not there: logical, of
// pgoutput, permanent, without prepared transactions. Publications have to be there
// first.
//
// To make a slot the server waits until every transaction that is running, in any
// database, has ended. If the context ends before, the error is a [WaitError] that
// names those that were running at the beginning, and nothing remains; the connection
// is closed then. [Running] on another connection tells of them meanwhile.
//
// Errors: [ErrSlotLost] and [ErrSlotKind] for a slot that is there; [ErrServer] if none
// can be made. A slot in use is no error here: see ActivePID.
func EnsureSlot(ctx context.Context, conn *pgconn.PgConn, name string) (Slot, error) {
	slot, err := readSlot(ctx, conn, name)
	if !errors.Is(err, errNoSlot) {
		return slot, err
	}
	running, err := Running(ctx, conn)
	if err != nil {
		return Slot{}, err
	}
	_, err = pglogrepl.CreateReplicationSlot(ctx, conn, name, "pgoutput",
		pglogrepl.CreateReplicationSlotOptions{Mode: pglogrepl.LogicalReplication, SnapshotAction: "NOEXPORT_SNAPSHOT"})
	if ctx.Err() != nil && err != nil {
		return Slot{}, &WaitError{Slot: name, Running: running, cause: err}
	}
	made := err == nil
	if err != nil && code(err) != "42710" { // somebody else was faster
		return Slot{}, slotError(name, err)
	}
	slot, err = readSlot(ctx, conn, name)
	slot.New = made
	return slot, err
}

// errNoSlot is a slot that is not there.
var errNoSlot = fmt.Errorf("replication: %w: it does not exist", ErrSlotLost)

// readSlot reads the state of a slot and checks that it can be used.
func readSlot(ctx context.Context, conn *pgconn.PgConn, name string) (Slot, error) {
	if !slotName.MatchString(name) {
		return Slot{}, fmt.Errorf("replication: slot name %q: want 1 to 63 lower case letters, digits and underscores", name)
	}
	rows, err := query(ctx, conn, `SELECT pg_catalog.current_setting('wal_level')`)
	if err != nil {
		return Slot{}, slotError(name, err)
	}
	if level := rows[0][0]; level != "logical" {
		return Slot{}, fmt.Errorf("replication: %w: wal_level is %s, want logical", ErrServer, level)
	}
	rows, err = query(ctx, conn, fmt.Sprintf(`SELECT coalesce(confirmed_flush_lsn, '0/0'), coalesce(restart_lsn, '0/0'),
		coalesce(active_pid, 0), wal_status, coalesce(safe_wal_size, -1),
		slot_type = 'logical' AND plugin = 'pgoutput' AND database = current_database() AND NOT temporary AND NOT two_phase,
		concat_ws(', ', slot_type, plugin, database, CASE WHEN temporary THEN 'temporary' END, CASE WHEN two_phase THEN 'two_phase' END)
		FROM pg_catalog.pg_replication_slots WHERE slot_name = '%s'`, name))
	if err != nil {
		return Slot{}, slotError(name, err)
	}
	if len(rows) == 0 {
		return Slot{}, errNoSlot
	}
	return parseSlot(name, rows[0])
}

// parseSlot reads the row of a slot.
func parseSlot(name string, row []string) (Slot, error) {
	s := Slot{Name: name, WALStatus: row[3]}
	var errs [4]error
	s.ConfirmedFlush, errs[0] = ParseLSN(row[0])
	s.RestartLSN, errs[1] = ParseLSN(row[1])
	s.ActivePID, errs[2] = number(row[2])
	s.SafeWALSize, errs[3] = number(row[4])
	if err := errors.Join(errs[:]...); err != nil {
		return Slot{}, err
	}
	if row[5] != "t" {
		return Slot{}, fmt.Errorf("replication: slot %q: %w: %s", name, ErrSlotKind, row[6])
	}
	if s.WALStatus == "lost" {
		return Slot{}, fmt.Errorf("replication: slot %q: %w: the log that it needs was removed", name, ErrSlotLost)
	}
	return s, nil
}

// DropSlot drops a slot; one that is not there is fine.
//
// Errors: [ErrSlotBusy].
func DropSlot(ctx context.Context, conn *pgconn.PgConn, name string) error {
	if !slotName.MatchString(name) {
		return fmt.Errorf("replication: slot name %q: want 1 to 63 lower case letters, digits and underscores", name)
	}
	err := pglogrepl.DropReplicationSlot(ctx, conn, name, pglogrepl.DropReplicationSlotOptions{})
	if err == nil || code(err) == "42704" {
		return nil
	}
	return slotError(name, err)
}

// RunningTransaction is one that has written something and not ended.
type RunningTransaction struct {
	XID      string
	PID      int64  // zero if prepared
	GID      string // if prepared
	Database string
	User     string
	Since    string // its beginning, in ISO form, UTC on a connection of Connect
}

// String names the transaction for a person.
func (r RunningTransaction) String() string {
	if r.PID == 0 {
		return fmt.Sprintf("prepared transaction %q of %s in database %s, since %s", r.GID, r.User, r.Database, r.Since)
	}
	return fmt.Sprintf("transaction %s of process %d (%s) in database %s, since %s", r.XID, r.PID, r.User, r.Database, r.Since)
}

// Running lists the transactions that a new slot would wait for, oldest first: each
// holds the lock on its own number, which all roles may see. Those of subtransactions
// are younger.
func Running(ctx context.Context, conn *pgconn.PgConn) ([]RunningTransaction, error) {
	rows, err := query(ctx, conn, `SELECT l.transactionid, coalesce(l.pid, 0), coalesce(p.gid, ''),
		coalesce(p.database, a.datname, ''), coalesce(p.owner, a.usename, ''), coalesce(p.prepared, a.xact_start)
		FROM (SELECT DISTINCT ON (virtualtransaction) transactionid, pid FROM pg_catalog.pg_locks
			WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted
			ORDER BY virtualtransaction, pg_catalog.age(transactionid) DESC) l
		LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = l.transactionid
		ORDER BY pg_catalog.age(l.transactionid) DESC`)
	if err != nil {
		return nil, fmt.Errorf("replication: running transactions: %w", err)
	}
	var out []RunningTransaction
	for _, r := range rows {
		pid, err := number(r[1])
		if err != nil {
			return nil, err
		}
		out = append(out, RunningTransaction{XID: r[0], PID: pid, GID: r[2], Database: r[3], User: r[4], Since: r[5]})
	}
	return out, nil
}

// WaitError is a slot that was not made in time, because of running transactions.
type WaitError struct {
	Slot    string
	Running []RunningTransaction
	cause   error
}

// Error implements error.
func (e *WaitError) Error() string {
	text := fmt.Sprintf("replication: slot %q: waiting for running transactions", e.Slot)
	for i, r := range e.Running {
		if i == 5 {
			text += fmt.Sprintf("; and %d more", len(e.Running)-i)
			break
		}
		text += "; " + r.String()
	}
	return text + ": " + e.cause.Error()
}

// Unwrap gives the context's error.
func (e *WaitError) Unwrap() error { return e.cause }
