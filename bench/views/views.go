// Package views measures maintained views beside what they are to be compared with,
// in one run, on a database that nobody else uses:
//
//   - the drain: how fast the worker catches up with a backlog of changes, beside
//     pg_recvlogical that reads the same changes and throws them away;
//   - the writers: transactions per second with the views followed and without;
//   - the latency, from a commit to the moment in which a reader sees its effect;
//   - the circuits alone: rows per second of processor time through those of the
//     queries of TPC-H, without log and without result tables.
//
// What is compared runs alternately, in rounds, so that a machine that others use too
// slows both sides. Read the ratios and their spread; no figure stands alone.
package views

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
)

// Config says where to measure and how much.
type Config struct {
	// Owner is the address of an empty database as an enrolled role that may create
	// tables in schema Schema. Required.
	Owner, Schema string

	// Admin is the address of the same database as a superuser. Required.
	Admin string

	// Start starts the worker, with a StateDir, and returns what stops it. Required.
	Start func(context.Context) (stop func() error, err error)

	// Receiver is the program pg_recvlogical. Defaults to none: the changes are then
	// decoded by pg_logical_slot_peek_binary_changes.
	Receiver string

	Rows    int           // in the table, before anything is measured
	Rounds  int           // of drain and of writers
	Changes int           // of one backlog
	Writers int           // connections that write
	Slice   time.Duration // that they write without a pause
	Rate    int           // transactions per second while latency is measured
	Span    time.Duration // of that
	Scale   float64       // of TPC-H; 0 leaves the circuits out
}

// validate names the first field that cannot be.
func (c Config) validate() error {
	for _, f := range []struct {
		name        string
		value, from int
	}{
		{"rows", c.Rows, 100}, {"rounds", c.Rounds, 1}, {"changes", c.Changes, perTransaction}, {"writers", c.Writers, 1}, {"rate", c.Rate, 1},
	} {
		if f.value < f.from {
			return fmt.Errorf("views: %s is %d, and must be at least %d", f.name, f.value, f.from)
		}
	}
	if c.Slice < 100*time.Millisecond || c.Span < 100*time.Millisecond {
		return errors.New("views: slice and span must be at least 100ms")
	}
	if !(c.Scale >= 0) {
		return fmt.Errorf("views: scale is %g, and must be at least 0", c.Scale)
	}
	return nil
}

// Run measures and writes a table to out, part by part.
func Run(ctx context.Context, c Config, out io.Writer) error {
	if err := c.validate(); err != nil {
		return err
	}
	b := &bench{Config: c, out: out}
	for _, part := range []func(context.Context) error{b.facts, b.prepare, b.drain, b.writers, b.latency, b.circuits} {
		if err := part(ctx); err != nil {
			return errors.Join(err, b.stopWorker())
		}
	}
	return b.stopWorker()
}

// bench is one run.
type bench struct {
	Config
	out  io.Writer
	stop func() error // of the running worker; nil while none runs
	slot string       // the worker's
	next int64        // id of the next row that is inserted
}

// facts says where the figures are from.
func (b *bench) facts(ctx context.Context) error {
	var version, durable string
	err := b.withConn(ctx, b.Admin, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT current_setting('server_version'), format('fsync %s, synchronous_commit %s', current_setting('fsync'), current_setting('synchronous_commit')), ml_private.slot_name()").Scan(&version, &durable, &b.slot)
	})
	if err != nil {
		return err
	}
	b.print("machine     %d cores, %s/%s, %s; server, worker and clients share them", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	b.print("server      PostgreSQL %s, %s", version, durable)
	b.print("views       3 on one table of %d rows: filter, group, join with group", b.Rows)
	return nil
}

func (b *bench) print(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

// withConn runs f on a connection of its own.
func (b *bench) withConn(ctx context.Context, address string, f func(*pgx.Conn) error) error {
	conn, err := b.connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return f(conn)
}

// connect opens a connection whose unqualified names are those of the schema.
func (b *bench) connect(ctx context.Context, address string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("views: address: %w", err)
	}
	config.RuntimeParams["search_path"] = pgx.Identifier{b.Schema}.Sanitize()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("views: connect: %w", err)
	}
	return conn, nil
}

// exec runs statements without parameters as the owner.
func (b *bench) exec(ctx context.Context, statements ...string) error {
	return b.withConn(ctx, b.Owner, func(conn *pgx.Conn) error {
		for _, s := range statements {
			if _, err := conn.Exec(ctx, s); err != nil {
				return fmt.Errorf("views: %s: %w", s, err)
			}
		}
		return nil
	})
}
