package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// checkPrivileges tells whether this login could install, upgrade and enroll.
func (p *patient) checkPrivileges(ctx context.Context) ([]Finding, error) {
	if p.superuser {
		return []Finding{good("%s is a superuser, and can install and enroll", p.user)}, nil
	}
	var creates, createsRoles, usesWrapper, present bool
	err := p.conn.QueryRow(ctx, `
		SELECT has_database_privilege(current_database(), 'CREATE WITH GRANT OPTION'), r.rolcreaterole,
			coalesce((SELECT has_foreign_data_wrapper_privilege(oid, 'USAGE') FROM pg_foreign_data_wrapper WHERE fdwname = 'postgres_fdw'), true),
			to_regnamespace('ml_private') IS NOT NULL
		FROM pg_roles AS r WHERE r.rolname = current_user`).Scan(&creates, &createsRoles, &usesWrapper, &present)
	if err != nil {
		return nil, err
	}
	var missing []string
	if !createsRoles {
		missing = append(missing, "CREATEROLE")
	}
	if !creates {
		missing = append(missing, "CREATE on the database, with grant option")
	}
	if !usesWrapper {
		missing = append(missing, "USAGE on foreign data wrapper postgres_fdw")
	}
	if len(missing) > 0 {
		level := Fail
		if present {
			level = Warn // somebody has installed it: this login need not be able to
		}
		return []Finding{{level, fmt.Sprintf("%s cannot install or enroll: it lacks %s", p.user, strings.Join(missing, ", ")),
			"for that, connect as a superuser, or grant what is missing"}}, nil
	}
	return p.checkAdmin(ctx)
}

// checkAdmin lists the roles that this login cannot enroll. Before PostgreSQL 16
// CREATEROLE could grant every role; since then it takes ADMIN OPTION.
func (p *patient) checkAdmin(ctx context.Context) ([]Finding, error) {
	if p.version < 160000 {
		return []Finding{good("%s has CREATEROLE and what else it takes to install and enroll", p.user)}, nil
	}
	rows, err := p.conn.Query(ctx, `
		SELECT rolname FROM pg_roles
		WHERE rolcanlogin AND NOT rolsuper AND rolname <> current_user AND rolname !~ '^(pg_|ml_r_|ml_worker_)'
		  AND NOT pg_has_role(current_user, oid, 'MEMBER WITH ADMIN OPTION')
		ORDER BY rolname`)
	if err != nil {
		return nil, err
	}
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	if len(roles) > 0 {
		return []Finding{{Warn, fmt.Sprintf("%s cannot enroll %s", p.user, few(roles)),
			fmt.Sprintf("to enroll one, GRANT it TO %s WITH ADMIN OPTION, or do it as a superuser", p.user)}}, nil
	}
	return []Finding{good("%s has CREATEROLE and what else it takes to install and enroll", p.user)}, nil
}

// few lists the first names.
func few(names []string) string {
	const shown = 5
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}
