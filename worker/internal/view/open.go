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
	system, err := replication.Identify(ctx, conn)
	if err != nil {
		_ = conn.Close(ctx)
		return err
	}
	slot, err := e.ensureSlot(ctx, conn)
	if err != nil {
		_ = conn.Close(ctx)
		return err
	}
	if e.system == nil && !slot.New {
		if err := e.restore(ctx, system); err != nil {
			_ = conn.Close(ctx)
			return err
		}
	}
	if e.system != nil && (e.system.Check(system) != nil || slot.New || slot.ConfirmedFlush > e.position) {
		e.config.Log.Warn("views: the state is not of this log: views are built anew", "position", e.position.String(), "slot", slot.ConfirmedFlush.String())
		e.reset()
		if err := e.reconcile(ctx); err != nil {
			_ = conn.Close(ctx)
			return err
		}
	}
	if e.system == nil {
		e.position, e.system = slot.ConfirmedFlush, &system
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

// ensureSlot makes the slot, or a new one in the place of one that was lost.
func (e *Engine) ensureSlot(ctx context.Context, conn *pgconn.PgConn) (replication.Slot, error) {
	waiting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	e.say("making the replication slot, which waits for transactions that are running")
	slot, err := replication.EnsureSlot(waiting, conn, e.slot)
	if errors.Is(err, replication.ErrSlotLost) {
		e.config.Log.Warn("views: the slot was lost: views are built anew", "err", err)
		e.reset()
		return slot, errors.Join(err, e.dropSlot(ctx))
	}
	return slot, err
}

// openWriter opens the connection that result rows are written on. Losing its last
// commits loses the position too, so it need not wait for the disk.
func (e *Engine) openWriter(ctx context.Context) error {
	config := e.config.Database.Copy()
	for name, value := range map[string]string{
		"application_name": "millrace view writer", "search_path": searchPath, "synchronous_commit": "off",
		"lock_timeout": strconv.FormatInt(e.config.LockTimeout.Milliseconds(), 10), "client_encoding": "UTF8",
		"timezone": "UTC", "datestyle": "ISO, YMD", "intervalstyle": "postgres", "extra_float_digits": "3",
	} {
		config.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("view: connect: %w", err)
	}
	e.writer = conn.PgConn()
	return nil
}
