package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/sql/token"
)

// Publication is the name of the publication whose tables are followed.
const Publication = "millrace"

// viewGrants are the statements that let the worker follow and write maintained
// views: their catalog, and functions that act as their owners. Row security
// shows it all views.
func viewGrants(worker string) string {
	return fmt.Sprintf(`
		UPDATE ml_private.identity SET worker = %[2]s::regrole;
		GRANT SELECT ON ml_private.identity TO %[1]s;
		GRANT SELECT, DELETE ON ml_private.view TO %[1]s;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ml_private.view_state, ml_private.position TO %[1]s;
		GRANT USAGE ON SCHEMA ml_apply TO %[1]s;
		DROP POLICY IF EXISTS worker ON ml_private.view;
		DROP POLICY IF EXISTS worker ON ml_private.view_state;
		CREATE POLICY worker ON ml_private.view TO %[1]s USING (true);
		CREATE POLICY worker ON ml_private.view_state TO %[1]s USING (true)`, worker, token.QuoteLiteral(worker))
}

// installPublication makes the publication and the role that owns it. Enrolled
// roles are members of that role, so that each can add its own tables: PostgreSQL
// asks for ownership of both; and by it they may register views. It also lets the worker's login replicate, if the
// administrator may say so: doctor tells, otherwise.
func installPublication(ctx context.Context, tx pgx.Tx, _ InstallOptions, out *Installation) error {
	var publisher, database string
	var roleExists, exists, misowned, replicates, super bool
	err := tx.QueryRow(ctx, `
		SELECT n.name, quote_ident(d.datname), EXISTS (SELECT FROM pg_roles WHERE rolname = n.name), EXISTS (SELECT FROM pg_publication WHERE pubname = $1),
			EXISTS (SELECT FROM pg_publication AS p WHERE p.pubname = $1 AND pg_get_userbyid(p.pubowner) <> n.name AND pg_has_role(p.pubowner, 'USAGE')),
			(SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = $2), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
		FROM pg_database AS d, LATERAL (SELECT 'ml_publisher_' || d.oid AS name) AS n WHERE d.datname = current_database()`,
		Publication, out.Worker).Scan(&publisher, &database, &roleExists, &exists, &misowned, &replicates, &super)
	if err != nil {
		return fmt.Errorf("catalog: look at the publication: %w", err)
	}
	name := token.QuoteName(publisher)
	script := ""
	if !roleExists {
		script += fmt.Sprintf("CREATE ROLE %s NOLOGIN;", name)
	}
	if !exists {
		script += "CREATE PUBLICATION " + Publication + ";"
	}
	if !exists || misowned { // a restored one belongs to the original's role, or to who restored it
		script += giveTo(super, name, "PUBLICATION "+Publication, "DATABASE "+database)
	}
	script += "GRANT INSERT, UPDATE, DELETE ON ml_private.view TO " + name // enrolled roles inherit it
	if _, err := tx.Exec(ctx, script); err != nil {
		var e *pgconn.PgError
		if errors.As(err, &e) && e.Code == "42501" && !super {
			return fmt.Errorf("catalog: publication: the administrator needs GRANT CREATE ON DATABASE %s … WITH GRANT OPTION: %w", database, err)
		}
		return fmt.Errorf("catalog: publication: %w", err)
	}
	if err := claimRole(ctx, tx, publisher, "owner of the publication", !roleExists, out.former); err != nil {
		return err
	}
	if replicates {
		return nil
	}
	attempt, err := tx.Begin(ctx)
	if err != nil {
		return fmt.Errorf("catalog: worker role: %w", err)
	}
	if _, err := attempt.Exec(ctx, "ALTER ROLE "+token.QuoteName(out.Worker)+" REPLICATION"); err != nil {
		return attempt.Rollback(ctx)
	}
	return attempt.Commit(ctx)
}

// giveTo is the statements by which an administrator gives an object to a role.
// PostgreSQL asks that the role may create such an object itself, and, of somebody
// who is no superuser, to be a member of the role: both for that moment only.
func giveTo(super bool, role, object, container string) string {
	give := fmt.Sprintf("GRANT CREATE ON %s TO %s; ALTER %s OWNER TO %[2]s; REVOKE CREATE ON %[1]s FROM %[2]s;", container, role, object)
	if super {
		return give
	}
	return fmt.Sprintf("GRANT %s TO CURRENT_USER; %s", role, give)
}
