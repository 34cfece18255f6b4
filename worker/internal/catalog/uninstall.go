package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Uninstall removes what [Install] and [Enroll] made in this database: logins,
// functions, foreign server and catalog. Tables of users stay, models and
// results among them. A schema madlib that is not ours stays too.
//
// The event triggers go first, by themselves: a session that has just looked them up
// must find their function.
func Uninstall(ctx context.Context, conn *pgx.Conn) error {
	if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return dropHints(ctx, tx) }); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var installed bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass('ml_private.role') IS NOT NULL").Scan(&installed); err != nil {
			return fmt.Errorf("catalog: look at the catalog: %w", err)
		}
		if !installed {
			return fmt.Errorf("catalog: Millrace is not installed in this database")
		}
		logins, err := ownLogins(ctx, tx)
		if err != nil {
			return err
		}
		schemas, err := ownSchemas(ctx, tx)
		if err != nil {
			return err
		}
		if err := dropViews(ctx, tx); err != nil {
			return err
		}
		if err := dropFunctions(ctx, tx, schemas...); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DROP SERVER millrace CASCADE; DROP TABLE ml_private.role, ml_private.identity, ml_private.migration, ml_private.position, ml_private.view_state, ml_private.view"); err != nil {
			return fmt.Errorf("catalog: drop the catalog: %w", err)
		}
		for _, schema := range schemas {
			if _, err := tx.Exec(ctx, "DROP SCHEMA "+schema); err != nil {
				return fmt.Errorf("catalog: schema %s holds objects that are not Millrace's; move them first: %w", schema, err)
			}
		}
		for _, login := range logins {
			if err := dropLogin(ctx, tx, login); err != nil {
				return err
			}
		}
		return nil
	})
}

// ownLogins lists the reader logins and the worker's login of this database, if
// the installation made that: a role that somebody else made stays, even if it
// was granted the right to read the catalog.
func ownLogins(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `
		SELECT e.reader FROM ml_private.role AS e JOIN pg_roles AS r ON r.rolname = e.reader
		UNION
		SELECT r.rolname FROM pg_class AS c, aclexplode(c.relacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
		WHERE c.oid = 'ml_private.role'::regclass AND a.grantee <> c.relowner
			AND shobj_description(r.oid, 'pg_authid') LIKE 'Millrace%'`)
	if err != nil {
		return nil, fmt.Errorf("catalog: list logins: %w", err)
	}
	logins, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("catalog: list logins: %w", err)
	}
	return logins, nil
}

// dropViews ends the following of tables: slot and publication, the guards on the
// tables of maintained views, and the functions that wrote them. The tables and
// their plain views stay.
func dropViews(ctx context.Context, tx pgx.Tx) error {
	var script *string
	err := tx.QueryRow(ctx, `
		SELECT string_agg(statement, '; ' ORDER BY place) FROM (
			SELECT 1, 'DROP PUBLICATION ' || quote_ident(pubname) FROM pg_publication WHERE pubname = $1
			UNION ALL
			SELECT 2, format('REVOKE ALL ON ml_private.view FROM %1$I; DROP ROLE %1$I', r.rolname) FROM pg_roles AS r, pg_database AS d
			WHERE d.datname = current_database() AND r.rolname = 'ml_publisher_' || d.oid
			UNION ALL
			SELECT 3, format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace
			WHERE nspname IN ('ml_view', 'ml_apply') AND obj_description(oid, 'pg_namespace') LIKE 'Millrace%'
		) AS s(place, statement)`, Publication).Scan(&script)
	if err != nil {
		return fmt.Errorf("catalog: list what views need: %w", err)
	}
	var slot *string
	err = tx.QueryRow(ctx, `
		SELECT s.slot_name FROM pg_replication_slots AS s JOIN pg_database AS d ON d.oid = s.datoid
		WHERE d.datname = current_database() AND s.slot_name = 'millrace_' || d.oid`).Scan(&slot)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("catalog: look at the replication slot: %w", err)
	}
	if slot != nil {
		if _, err := tx.Exec(ctx, "SELECT pg_drop_replication_slot($1)", *slot); err != nil {
			return fmt.Errorf("catalog: drop the replication slot; stop the worker first: %w", err)
		}
	}
	if script == nil {
		return nil
	}
	if _, err := tx.Exec(ctx, *script); err != nil {
		return fmt.Errorf("catalog: drop what views need: %w", err)
	}
	return nil
}
