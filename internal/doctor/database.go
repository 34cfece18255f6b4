package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/worker"
)

// A patient is what is under examination, and what is known about it so far.
type patient struct {
	config    Config
	conn      *pgx.Conn
	user      string
	superuser bool
	version   int  // as server_version_num, for example 170002
	installed bool // Millrace, of whatever version
	wayTried  bool // a call went from the database to the worker, with whatever result
}

func (p *patient) connect(ctx context.Context) ([]Finding, error) {
	conn, err := worker.Connect(ctx, p.config.DatabaseURL)
	if err != nil {
		return []Finding{{Fail, fmt.Sprintf("cannot connect to the database: %v", err), connectFix(err)}}, nil
	}
	var database string
	err = conn.QueryRow(ctx, `SELECT current_user, current_database(), current_setting('server_version_num')::int,
		(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`).Scan(&p.user, &database, &p.version, &p.superuser)
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	p.conn = conn
	return []Finding{good("connected to database %s as %s", database, p.user)}, nil
}

// connectFix says what to do about a login that failed.
func connectFix(err error) string {
	switch e, _ := errors.AsType[*pgconn.PgError](err); {
	case e == nil:
		return "check host and port, and that PostgreSQL runs"
	case e.Code == "28P01":
		return "check the password; it can also come from PGPASSWORD or a .pgpass file"
	case e.Code == "28000":
		return "allow this login in pg_hba.conf, and check that the role exists and may log in"
	case e.Code == "3D000":
		return "make the database, or correct its name in the URL"
	case e.Code == "53300":
		return "raise max_connections, or close idle sessions"
	default:
		return "see the log of PostgreSQL"
	}
}

// Versions of PostgreSQL that Millrace works with, as server_version_num.
const (
	oldestVersion = 140000
	beyondVersion = 190000
)

// lostChanges gives, for each major version, the first minor one in which logical
// decoding does not lose changes of transactions that run while a table is added to a
// publication. PostgreSQL 18 had the correction from the beginning.
var lostChanges = map[int]int{14: 18, 15: 13, 16: 9, 17: 5}

func (p *patient) checkVersion(context.Context) ([]Finding, error) {
	return []Finding{versionFinding(p.version)}, nil
}

func versionFinding(version int) Finding {
	major, minor := version/10000, version%10000
	name := fmt.Sprintf("PostgreSQL %d.%d", major, minor)
	switch {
	case version < oldestVersion:
		return Finding{Fail, name + " is too old", "upgrade to version 14 or later"}
	case version >= beyondVersion:
		return Finding{Warn, name + " is newer than the versions that Millrace was tested with, 14 to 18", "look for a newer Millrace"}
	case minor < lostChanges[major]:
		return Finding{Warn, fmt.Sprintf("%s can lose changes in logical replication while a table is added", name),
			fmt.Sprintf("upgrade to %d.%d or later", major, lostChanges[major])}
	}
	return good("%s", name)
}

func (p *patient) checkEncoding(ctx context.Context) ([]Finding, error) {
	var encoding string
	if err := p.conn.QueryRow(ctx, "SELECT current_setting('server_encoding')").Scan(&encoding); err != nil {
		return nil, err
	}
	if encoding != "UTF8" {
		return []Finding{{Fail, "the encoding of the database is " + encoding, "use a database made with ENCODING 'UTF8' TEMPLATE template0"}}, nil
	}
	return []Finding{good("the encoding of the database is UTF8")}, nil
}

// logicalFix says how the log comes to hold what views need.
const logicalFix = "run ALTER SYSTEM SET wal_level = 'logical' and restart PostgreSQL; with a managed one, set its parameter for logical replication"

func (p *patient) checkLog(ctx context.Context) ([]Finding, error) {
	var level string
	if err := p.conn.QueryRow(ctx, "SELECT current_setting('wal_level')").Scan(&level); err != nil {
		return nil, err
	}
	if level != "logical" {
		return []Finding{{Warn, "wal_level is " + level + ": functions work, views that keep themselves fresh need logical",
			logicalFix}}, nil
	}
	return []Finding{good("wal_level is logical")}, nil
}
