package view

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// beat is the time between questions to the server whether it is still there.
	beat = 2 * time.Second
	// patience is how long an answer to a small question may take. A network that was
	// cut, or a server that hangs, does not end a connection by itself.
	patience = 15 * time.Second
)

// patient has a connection that nobody answers on end, on both sides.
func patient(config *pgx.ConnConfig) *pgx.ConnConfig {
	config = config.Copy()
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = patience
	}
	config.RuntimeParams = maps.Clone(config.RuntimeParams)
	for name, value := range map[string]string{"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3", "tcp_user_timeout": "25000"} {
		if _, ok := config.RuntimeParams[name]; !ok {
			config.RuntimeParams[name] = value
		}
	}
	return config
}

// listen turns notifications into signals, and asks from time to time whether the
// server is there, until the connection or ctx ends.
func (e *Engine) listen(ctx context.Context, conn *pgx.Conn, notified chan<- struct{}) error {
	asked := time.Now()
	for {
		waiting, stop := context.WithTimeout(ctx, beat)
		_, err := conn.WaitForNotification(waiting)
		stop()
		if err != nil && (ctx.Err() != nil || !pgconn.Timeout(err)) {
			return fmt.Errorf("view: the leader's connection: %w", err)
		}
		if err == nil {
			select {
			case notified <- struct{}{}:
			default:
			}
		}
		if time.Since(asked) < beat {
			continue
		}
		asked = time.Now()
		if err := e.ask(ctx, conn); err != nil {
			return err
		}
	}
}

// errRetained is a slot that holds back more of the log than it may.
var errRetained = errors.New("too much of the log is held back")

// ask asks how much of the log is held back for the slot.
func (e *Engine) ask(ctx context.Context, conn *pgx.Conn) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	var bytes int64
	err := conn.QueryRow(ctx, `SELECT coalesce((SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8 FROM pg_replication_slots WHERE slot_name = $1), 0)`, e.slot).Scan(&bytes)
	if err != nil {
		return fmt.Errorf("view: the leader's connection: %w", err)
	}
	if limit := e.config.RetainedWAL; limit > 0 && bytes > limit {
		return fmt.Errorf("view: %w: %d MB, and retained_wal is %d MB", errRetained, bytes>>20, limit>>20)
	}
	return nil
}

// endLater cancels an era whose loop does not end by itself, since it waits for a
// server that does not answer.
func (e *Engine) endLater(ctx context.Context, cancel context.CancelFunc) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		cancel()
	}
}
