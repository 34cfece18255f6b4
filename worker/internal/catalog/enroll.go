package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/token"
	"github.com/millrace/millrace/worker/internal/bridge"
)

// ErrRole is wrapped by errors on roles that cannot be enrolled as asked.
var ErrRole = errors.New("role cannot be enrolled")

// newLogin returns a random password and, quoted, the verifier to give to
// PostgreSQL in its place: a statement may be logged.
func newLogin() (password, literal string, err error) {
	password, verifier, err := bridge.NewSecret()
	return password, token.QuoteLiteral(verifier.String()), err
}

// keepFromLog stops statement logging for this transaction, because postgres_fdw
// takes a secret in clear only. Only a superuser may: others' statements are
// logged as the server is set.
func keepFromLog(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		SELECT set_config(s, v, true) FROM (VALUES ('log_statement', 'none'), ('log_min_duration_statement', '-1'),
			('log_min_duration_sample', '-1'), ('log_transaction_sample_rate', '0'), ('log_min_error_statement', 'panic')) AS x(s, v)
		WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`)
	if err != nil {
		return fmt.Errorf("catalog: stop statement logging: %w", err)
	}
	return nil
}

// Enroll lets role call the worker: a user mapping with a random secret, of which
// the worker keeps the verifier, and a reader login of its own. A superuser gets
// a reader login only if asReader says so: that login can become the superuser.
// Enrolling again replaces all secrets.
func Enroll(ctx context.Context, conn *pgx.Conn, role string, asReader bool) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := oneAtATime(ctx, tx); err != nil {
			return err
		}
		r, err := lookupRole(ctx, tx, role)
		if err != nil {
			return err
		}
		if r.own || strings.HasPrefix(role, "pg_") {
			return fmt.Errorf("catalog: %w: %q is a login of Millrace's own, or a predefined role", ErrRole, role)
		}
		secret, verifier, err := bridge.NewSecret()
		if err != nil {
			return err
		}
		if err := keepFromLog(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, mapping(role, secret, r.mapped)); err != nil {
			return fmt.Errorf("catalog: user mapping: %w", err)
		}
		var reader, password *string
		if !r.superuser || asReader {
			if password, err = makeReader(ctx, tx, role, r); err != nil {
				return err
			}
			reader = &r.reader
		} else if r.readerExists {
			if err := dropLogin(ctx, tx, r.reader); err != nil {
				return err
			}
		}
		if err := letMaintain(ctx, tx, role, r); err != nil {
			return err
		}
		if err := forgetFormer(ctx, tx, role, r.oid); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO ml_private.role (role, name, verifier, reader, reader_password) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (role) DO UPDATE SET name = EXCLUDED.name, verifier = EXCLUDED.verifier,
				reader = EXCLUDED.reader, reader_password = EXCLUDED.reader_password, enrolled_at = now()`,
			r.oid, role, verifier.String(), reader, password)
		if err != nil {
			return fmt.Errorf("catalog: remember the role: %w", err)
		}
		return nil
	})
}

// oneAtATime keeps administrators from changing the grants of one schema at once,
// which PostgreSQL answers with "tuple concurrently updated".
func oneAtATime(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('millrace enroll', 0))"); err != nil {
		return fmt.Errorf("catalog: wait for another enrolment: %w", err)
	}
	return nil
}

// mapping is the statements that give role its secret, or a new one. An existing
// mapping is made anew: a restored one may have come without its options.
func mapping(role, secret string, exists bool) string {
	statement := fmt.Sprintf("CREATE USER MAPPING FOR %s SERVER millrace OPTIONS (user %s, password %s)",
		token.QuoteName(role), token.QuoteLiteral(role), token.QuoteLiteral(secret))
	if exists {
		statement = fmt.Sprintf("DROP USER MAPPING FOR %s SERVER millrace; ", token.QuoteName(role)) + statement
	}
	return statement
}

// forgetFormer removes what an earlier bearer of the name was given: a role that
// has been renamed or dropped since, without being unenrolled.
func forgetFormer(ctx context.Context, tx pgx.Tx, role string, oid uint32) error {
	var reader *string
	err := tx.QueryRow(ctx, `
		WITH former AS (DELETE FROM ml_private.role WHERE name = $1 AND role <> $2 RETURNING reader)
		SELECT r.rolname FROM former AS f LEFT JOIN pg_roles AS r ON r.rolname = f.reader`, role, oid).Scan(&reader)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("catalog: forget the former role of this name: %w", err)
	}
	if reader != nil {
		return dropLogin(ctx, tx, *reader)
	}
	return nil
}

type roleFacts struct {
	oid            uint32
	superuser      bool
	mapped         bool
	reader         string // name of its reader login
	readerExists   bool
	readerConnects bool // by a grant to PUBLIC
	version        int
	own            bool // a login that Millrace made
}

func lookupRole(ctx context.Context, tx pgx.Tx, role string) (roleFacts, error) {
	var r roleFacts
	err := tx.QueryRow(ctx, `
		SELECT u.oid, u.rolsuper,
			EXISTS (SELECT FROM pg_user_mappings AS m WHERE m.srvname = 'millrace' AND m.umuser = u.oid),
			n.name, EXISTS (SELECT FROM pg_roles AS x WHERE x.rolname = n.name),
			has_database_privilege('public', d.oid, 'CONNECT'),
			current_setting('server_version_num')::int,
			coalesce(shobj_description(u.oid, 'pg_authid') LIKE 'Millrace%', false)
		FROM pg_roles AS u, pg_database AS d,
			LATERAL (SELECT format('ml_r_%s_%s', d.oid, u.oid) AS name) AS n
		WHERE u.rolname = $1 AND d.datname = current_database()`, role).
		Scan(&r.oid, &r.superuser, &r.mapped, &r.reader, &r.readerExists, &r.readerConnects, &r.version, &r.own)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, fmt.Errorf("catalog: %w: role %q does not exist", ErrRole, role)
	}
	if err != nil {
		return r, fmt.Errorf("catalog: look up role: %w", err)
	}
	return r, nil
}

// makeReader makes the reader login: no attribute but LOGIN, and member of
// exactly one role, with SET and without INHERIT.
func makeReader(ctx context.Context, tx pgx.Tx, role string, r roleFacts) (*string, error) {
	password, literal, err := newLogin()
	if err != nil {
		return nil, err
	}
	reader := token.QuoteName(r.reader)
	statement := "CREATE ROLE " + reader + " LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD " + literal
	if r.readerExists {
		// From PostgreSQL 16 on nobody may mention an attribute that he lacks himself.
		statement = "ALTER ROLE " + reader + " LOGIN NOINHERIT PASSWORD " + literal
	}
	statements := []string{statement}
	grant := "GRANT " + token.QuoteName(role) + " TO " + reader
	if r.version >= 160000 {
		grant += " WITH SET TRUE, INHERIT FALSE, ADMIN FALSE"
	}
	statements = append(statements, grant)
	if !r.readerConnects {
		var database string
		if err := tx.QueryRow(ctx, "SELECT quote_ident(current_database())").Scan(&database); err != nil {
			return nil, fmt.Errorf("catalog: reader login: %w", err)
		}
		statements = append(statements, "GRANT CONNECT ON DATABASE "+database+" TO "+reader)
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("catalog: reader login: %w", err)
		}
	}
	return &password, nil
}

// Unenroll takes back what [Enroll] gave, also from a role that has been dropped
// since.
func Unenroll(ctx context.Context, conn *pgx.Conn, role string) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := oneAtATime(ctx, tx); err != nil {
			return err
		}
		var enrolled bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM ml_private.role WHERE name = $1)", role).Scan(&enrolled); err != nil {
			return fmt.Errorf("catalog: look up role: %w", err)
		}
		r, err := lookupRole(ctx, tx, role)
		if errors.Is(err, ErrRole) && enrolled {
			return forgetFormer(ctx, tx, role, 0)
		}
		if err != nil {
			return err
		}
		if r.mapped {
			if _, err := tx.Exec(ctx, "DROP USER MAPPING FOR "+token.QuoteName(role)+" SERVER millrace"); err != nil {
				return fmt.Errorf("catalog: user mapping: %w", err)
			}
		}
		if _, err := tx.Exec(ctx, "DELETE FROM ml_private.role WHERE role = $1", r.oid); err != nil {
			return fmt.Errorf("catalog: forget the role: %w", err)
		}
		if err := endMaintaining(ctx, tx, role, r); err != nil {
			return err
		}
		if r.readerExists {
			return dropLogin(ctx, tx, r.reader)
		}
		return nil
	})
}

// dropLogin drops a login. Sessions that it has open go on: the running worker's
// readers end by themselves when they have been idle for a while.
func dropLogin(ctx context.Context, tx pgx.Tx, login string) error {
	name := token.QuoteName(login)
	var grants *string
	err := tx.QueryRow(ctx, `
		SELECT format('REVOKE ALL ON DATABASE %I FROM %I', current_database(), $1::text) FROM pg_database AS d, aclexplode(d.datacl) AS a
		WHERE d.datname = current_database() AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = $1) LIMIT 1`, login).Scan(&grants)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("catalog: look at login %s: %w", login, err)
	}
	if grants != nil {
		if _, err := tx.Exec(ctx, *grants); err != nil {
			return fmt.Errorf("catalog: revoke from login %s: %w", login, err)
		}
	}
	if _, err := tx.Exec(ctx, "DROP ROLE "+name); err != nil {
		return fmt.Errorf("catalog: drop login %s: %w", login, err)
	}
	return nil
}
