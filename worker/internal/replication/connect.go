package replication

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

// pinned are the settings of a replication connection. The first ones decide what the
// text form of a value is; the others would end the connection, or have the server
// look names up where users can put theirs. They override the defaults of the server,
// the database and the role.
var pinned = []struct{ name, value string }{
	{"client_encoding", "UTF8"},
	{"extra_float_digits", "3"},
	{"datestyle", "ISO, YMD"},
	{"intervalstyle", "postgres"},
	{"timezone", "UTC"},
	{"bytea_output", "hex"},
	{"lc_monetary", "C"},
	{"lc_numeric", "C"},
	{"lc_time", "C"},
	{"quote_all_identifiers", "off"},
	{"search_path", "pg_catalog"},
	{"statement_timeout", "0"},
	{"lock_timeout", "0"},
	{"idle_session_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"},
	{"transaction_timeout", "0"}, // since PostgreSQL 17
}

// Connect opens a replication connection to the database that the configuration names
// and pins its settings. The role needs REPLICATION.
func Connect(ctx context.Context, config *pgconn.Config) (*pgconn.PgConn, error) {
	config = config.Copy()
	config.RuntimeParams["replication"] = "database"
	config.RuntimeParams["statement_timeout"] = "0" // for the statement that pins, too
	// These could end the statement that pins the settings.
	config.RuntimeParams["statement_timeout"], config.RuntimeParams["lock_timeout"] = "0", "0"
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("replication: connect: %w", err)
	}
	if err := pin(ctx, conn); err != nil {
		_ = conn.Close(ctx) // the first error is the one to tell
		return nil, err
	}
	return conn, nil
}

// pin makes the settings and checks that they hold.
func pin(ctx context.Context, conn *pgconn.PgConn) error {
	var values []string
	for _, p := range pinned {
		values = append(values, fmt.Sprintf("('%s', '%s')", p.name, p.value))
	}
	// A simple query is all that a replication connection takes.
	rows, err := query(ctx, conn, `SELECT v.name, v.value, pg_catalog.set_config(v.name, v.value, false)
		FROM (VALUES `+strings.Join(values, ", ")+`) v (name, value)
		JOIN pg_catalog.pg_settings s ON pg_catalog.lower(s.name) OPERATOR(pg_catalog.=) v.name`)
	if err != nil {
		return fmt.Errorf("replication: connect: %w", err)
	}
	if len(rows) < len(pinned)-1 {
		return fmt.Errorf("replication: connect: the server knows %d of %d settings", len(rows), len(pinned))
	}
	for _, r := range rows {
		if r[1] != r[2] {
			return fmt.Errorf("replication: connect: setting %s is %q, want %q", r[0], r[2], r[1])
		}
	}
	return nil
}

// query runs one statement and returns its rows as text; NULL is "".
func query(ctx context.Context, conn *pgconn.PgConn, sql string) ([][]string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != 1 {
		return nil, fmt.Errorf("%d results of one statement", len(results))
	}
	var out [][]string
	for _, row := range results[0].Rows {
		var r []string
		for _, v := range row {
			r = append(r, string(v))
		}
		out = append(out, r)
	}
	return out, nil
}

// System says which server a position in the log belongs to.
type System struct {
	ID       string // of the cluster, since its initdb; a decimal number
	Timeline int32
	Database string
	End      LSN // of the log that is flushed, now
}

// Identify asks the server who it is.
func Identify(ctx context.Context, conn *pgconn.PgConn) (System, error) {
	r, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return System{}, fmt.Errorf("replication: identify: %w", err)
	}
	return System{ID: r.SystemID, Timeline: r.Timeline, Database: r.DBName, End: LSN(r.XLogPos)}, nil
}

// Check returns [ErrSystem] if positions of the other system do not hold here.
func (s System) Check(other System) error {
	if s.ID == other.ID && s.Timeline == other.Timeline && s.Database == other.Database {
		return nil
	}
	return fmt.Errorf("replication: %w: system %s, timeline %d, database %q, and not %s, %d, %q",
		ErrSystem, s.ID, s.Timeline, s.Database, other.ID, other.Timeline, other.Database)
}

// number reads an integer that the server printed.
func number(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, malformed("%q is no number", s)
	}
	return n, nil
}
