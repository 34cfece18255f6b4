package view

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/worker/internal/replication"
)

// open makes slot and stream, with state that fits them: that in memory, that of the
// last checkpoint, or none.
func (e *Engine) open(ctx context.Context) error {
	if e.torn {
		e.reset()
	}
	if err := e.reconcile(ctx); err != nil {
		return err
	}
	if err := e.openWriter(ctx); err != nil {
		return err
	}
	err := e.openStream(ctx)
	if err != nil {
		_ = e.writer.Close(ctx)
	}
	return err
}

func (e *Engine) openStream(ctx context.Context) error {
	conn, err := replication.Connect(ctx, &e.config.Database.Config)
	if err != nil {
		return err
	}
	if err := e.match(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return err
	}
	e.stream, err = replication.Start(ctx, conn, replication.Config{
		Slot: e.slot, Publications: []string{Publication}, Start: e.position, System: e.system, Prefixes: []string{"millrace"},
	})
	if errors.Is(err, replication.ErrSlotLost) || errors.Is(err, replication.ErrSlotAhead) || errors.Is(err, replication.ErrSystem) {
		e.config.Log.Warn("views: the slot cannot go on: views are built anew", "err", err)
		e.reset()
		return errors.Join(err, e.dropSlot(ctx))
	}
	return err
}

// match brings together slot and state: that in memory or that of the last checkpoint
// if they are of the slot's log, else none.
func (e *Engine) match(ctx context.Context, conn *pgconn.PgConn) error {
	system, err := replication.Identify(ctx, conn)
	if err != nil {
		return err
	}
	slot, err := e.ensureSlot(ctx, conn)
	if err != nil {
		return err
	}
	if e.system == nil {
		if err := e.restore(ctx, system, slot); err != nil {
			return err
		}
	} else if err := e.checkHistory(ctx, system, slot); err != nil {
		if !errors.Is(err, errHistory) {
			return err
		}
		e.config.Log.Warn("views: the state is not of this log: views are built anew", "err", err)
		e.reset()
		if err := e.reconcile(ctx); err != nil {
			return err
		}
	}
	if e.system == nil {
		e.position, e.system = slot.ConfirmedFlush, &system
	}
	return nil
}

// errHistory is a state that the log does not continue.
var errHistory = errors.New("another history")

// checkHistory compares the state with what the server has: a backup may have been
// put in its place, it may have lost what it had not flushed, and the slot may be
// another one.
func (e *Engine) checkHistory(ctx context.Context, system replication.System, slot replication.Slot) error {
	if err := e.system.Check(system); err != nil {
		return fmt.Errorf("%w: %w", errHistory, err)
	}
	var shown replication.LSN
	if err := e.config.Pool.QueryRow(ctx, "SELECT coalesce(max(lsn), '0/0')::text FROM ml_private.position").Scan(&shown); err != nil {
		return fmt.Errorf("view: read the position: %w", err)
	}
	switch {
	case slot.New:
		return fmt.Errorf("%w: the slot is a new one", errHistory)
	case slot.ConfirmedFlush > e.position:
		return fmt.Errorf("%w: the state is of position %s, and the slot goes on at %s", errHistory, e.position, slot.ConfirmedFlush)
	case e.position > system.End:
		return fmt.Errorf("%w: the state is of position %s, and the log ends at %s", errHistory, e.position, system.End)
	case e.durable > shown:
		return fmt.Errorf("%w: the tables showed position %s, and now %s", errHistory, e.durable, shown)
	}
	return nil
}

// ensureSlot makes the slot, or a new one in the place of one that was lost or that is
// to be given up.
func (e *Engine) ensureSlot(ctx context.Context, conn *pgconn.PgConn) (replication.Slot, error) {
	if e.surrender {
		e.config.Log.Warn("views: the slot is given up: views are built anew")
		if err := e.dropSlot(ctx); err != nil {
			return replication.Slot{}, err
		}
		e.surrender = false
	}
	waiting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	e.say("making the replication slot, which waits for transactions that are running")
	slot, err := replication.EnsureSlot(waiting, conn, e.slot)
	if errors.Is(err, replication.ErrSlotLost) {
		e.config.Log.Warn("views: the slot was lost: views are built anew", "err", err)
		e.reset()
		return slot, errors.Join(err, e.dropSlot(ctx))
	}
	if err == nil && slot.ActivePID != 0 {
		err = e.freeSlot(ctx)
	}
	return slot, err
}

// freeSlot ends the session that streams from the slot: nobody but a leader does, so it
// is one whose other end is gone.
func (e *Engine) freeSlot(ctx context.Context) error {
	_, err := e.config.Pool.Exec(ctx, "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = $1 AND active", e.slot)
	if err != nil {
		return fmt.Errorf("view: free the slot: %w", err)
	}
	return nil
}

func (e *Engine) dropSlot(ctx context.Context) error {
	if err := e.freeSlot(ctx); err != nil {
		return err
	}
	_, err := e.config.Pool.Exec(ctx, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", e.slot)
	if err != nil {
		return fmt.Errorf("view: drop the slot: %w", err)
	}
	return nil
}

// writeTimeout bounds one statement that writes rows: a trigger of an owner's that
// sleeps does not hold up the others for longer.
const writeTimeout = 30 * time.Second

// openWriter opens the connection that result rows are written on. Losing its last
// commits loses the position too, so it need not wait for the disk.
func (e *Engine) openWriter(ctx context.Context) error {
	config := e.config.Database.Copy()
	for name, value := range map[string]string{
		"application_name": "millrace view writer", "search_path": searchPath, "synchronous_commit": "off",
		"statement_timeout": strconv.FormatInt(writeTimeout.Milliseconds(), 10),
		"lock_timeout":      strconv.FormatInt(e.config.LockTimeout.Milliseconds(), 10), "client_encoding": "UTF8",
		"timezone": "UTC", "datestyle": "ISO, YMD", "intervalstyle": "postgres", "extra_float_digits": "3",
	} {
		config.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("view: connect: %w", err)
	}
	if err := fence(ctx, conn); err != nil {
		closeConn(conn)
		return err
	}
	e.writer = conn.PgConn()
	return nil
}

// fence makes the connection the only one that writes: an earlier writer, of this
// worker or of another that has led, may still have a transaction under way, whose
// rows would come beside ours.
func fence(ctx context.Context, conn *pgx.Conn) error {
	const key = "hashtextextended('millrace view writer', 0)"
	_, err := conn.Exec(ctx, `
		SELECT pg_terminate_backend(l.pid, 10000) FROM pg_locks AS l
		WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.pid <> pg_backend_pid() AND l.classid::int8 << 32 | l.objid::int8 = `+key+`
			AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())`)
	if err != nil {
		return fmt.Errorf("view: end an earlier writer: %w", err)
	}
	var alone bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock("+key+")").Scan(&alone); err != nil {
		return fmt.Errorf("view: lock out other writers: %w", err)
	}
	if !alone {
		return errors.New("view: an earlier writer does not end")
	}
	return nil
}
