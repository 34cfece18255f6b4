package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// maxReaders bounds how many reader logins are tried.
const maxReaders = 20

// reader is the login with which the worker reads for an enrolled role.
type reader struct {
	Role     string
	Login    *string
	Password *string
	Stale    bool // the role has been renamed or dropped since
}

// checkReaders logs in as each reader. It needs the right to read their passwords,
// which a superuser and the worker have.
func (p *patient) checkReaders(ctx context.Context) ([]Finding, error) {
	if !p.installed {
		return nil, nil
	}
	var may bool
	if err := p.conn.QueryRow(ctx, "SELECT has_table_privilege('ml_private.role', 'SELECT')").Scan(&may); err != nil {
		return nil, err
	}
	if !may {
		return nil, nil
	}
	rows, err := p.conn.Query(ctx, `
		SELECT e.name AS role, e.reader AS login, e.reader_password AS password, r.oid IS NULL AS stale
		FROM ml_private.role AS e LEFT JOIN pg_roles AS r ON r.oid = e.role AND r.rolname = e.name
		ORDER BY e.enrolled_at DESC LIMIT $1`, maxReaders)
	if err != nil {
		return nil, err
	}
	readers, err := pgx.CollectRows(rows, pgx.RowToStructByName[reader])
	if err != nil {
		return nil, err
	}
	var findings []Finding
	connected := 0
	for _, r := range readers {
		switch f := p.tryReader(ctx, r); {
		case f != nil:
			findings = append(findings, *f)
		case r.Login != nil:
			connected++
		}
	}
	if connected > 0 {
		findings = append(findings, good("reader logins can connect: %d", connected))
	}
	return findings, nil
}

// tryReader returns nil if all is well.
func (p *patient) tryReader(ctx context.Context, r reader) *Finding {
	if r.Stale {
		return &Finding{Warn, fmt.Sprintf("role %s was renamed or dropped after it had been enrolled", r.Role), "run millrace enroll with its new name"}
	}
	if r.Login == nil {
		return nil // a superuser without a reader
	}
	config := p.conn.Config()
	config.User, config.Password = *r.Login, *r.Password
	conn, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		err = conn.Close(ctx)
	}
	if err == nil {
		return nil
	}
	f := Finding{Fail, fmt.Sprintf("the reader login of role %s cannot connect: %v", r.Role, err), connectFix(err)}
	switch e, _ := errors.AsType[*pgconn.PgError](err); {
	case e == nil:
	case e.Code == "28P01":
		f.Fix = "run millrace enroll " + r.Role
	case e.Code == "28000":
		f.Fix = fmt.Sprintf("allow login %s in pg_hba.conf with scram-sha-256 from the worker's address; until then calls read by their own session, which is slower", *r.Login)
	}
	return &f
}
