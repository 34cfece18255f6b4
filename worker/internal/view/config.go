package view

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/worker/internal/source"
)

// Owners knows the logins on which something runs as a view's owner.
type Owners interface {
	Reader(ctx context.Context, role string) (source.Login, bool, error)
}

// Config of an [Engine].
type Config struct {
	Database    *pgx.ConnConfig // the worker's own login
	Pool        *pgxpool.Pool   // of the same
	Owners      Owners
	StateDir    string        // folder for checkpoints; "" to keep none
	Checkpoint  time.Duration // between checkpoints while rows change
	MemoryLimit int64         // bytes of state of all views; 0 for no bound
	TickRows    int           // a tick takes about so many changes at most
	LockTimeout time.Duration // a view whose table is locked so long falls behind
	RetainedWAL int64         // bytes of log held back after which the slot is given up; 0 for no bound
	Audit       time.Duration // between two rounds over all views, which are compared with their queries; 0 for none
	Log         *slog.Logger
}

// Publication is what the engine follows.
const Publication = "millrace"
