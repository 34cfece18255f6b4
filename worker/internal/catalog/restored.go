package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// restoration says what a dump, or a copy of the database, has changed.
type restoration struct {
	copied bool   // it is another database than the one that was installed into
	moved  bool   // the numbers of its views' tables or of their owners are others
	former string // what it was, in the words of [here]
}

// lookRestored compares the database with what the catalog notes. pg_upgrade and a
// restored dump give another identity; a dump restored into its own database keeps it.
func lookRestored(ctx context.Context, tx pgx.Tx) (r restoration, err error) {
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM ml_private.identity AS i, pg_control_system() AS c, pg_database AS d
				WHERE d.datname = current_database() AND (i.system_identifier, i.database) <> (c.system_identifier, d.oid)),
			EXISTS (SELECT FROM ml_private.view AS v LEFT JOIN pg_class AS c ON c.oid = v.view
				WHERE view_name IS DISTINCT FROM view OR definition_name IS DISTINCT FROM definition OR c.relowner <> v.owner),
			coalesce((SELECT format('of database %s of system %s', i.database, i.system_identifier) FROM ml_private.identity AS i), '')`).Scan(&r.copied, &r.moved, &r.former)
	if err != nil {
		return r, fmt.Errorf("catalog: compare the database with what was installed: %w", err)
	}
	return r, nil
}

// installRestored makes the catalog of a copy its own. Views come with it: a worker
// builds them anew. Roles do not: the secrets are the original's.
func installRestored(ctx context.Context, tx pgx.Tx, _ InstallOptions, out *Installation) error {
	r, err := lookRestored(ctx, tx)
	if err != nil {
		return err
	}
	if r.copied || r.moved {
		if err := renumberViews(ctx, tx); err != nil {
			return err
		}
	}
	if r.copied {
		out.former = r.former
		if err := forgetOriginal(ctx, tx); err != nil {
			return err
		}
	}
	err = tx.QueryRow(ctx, `
		SELECT coalesce(array_agg(v.view::regclass::text ORDER BY v.view::regclass::text), '{}')
		FROM ml_private.view AS v JOIN pg_class AS c ON c.oid = v.view JOIN pg_roles AS r ON r.oid = v.owner WHERE r.rolsuper`).Scan(&out.Unwritten)
	if err != nil {
		return fmt.Errorf("catalog: look at the owners of views: %w", err)
	}
	return nil
}

// renumberViews gives the rows of maintained views the numbers that their tables and
// plain views have here. A view is what carries the guard; it belongs to the table's
// owner, whom a restore may have changed. A plain view that is not the one of before,
// by its owner and columns, is none: the worker calls the view orphaned then.
func renumberViews(ctx context.Context, tx pgx.Tx) error {
	var views string
	err := tx.QueryRow(ctx, `
		WITH shape AS (SELECT a.attrelid, array_agg((a.attname, a.atttypid, a.atttypmod, a.attcollation)::text ORDER BY a.attnum) AS columns
			FROM pg_attribute AS a WHERE a.attnum > 0 AND NOT a.attisdropped GROUP BY a.attrelid)
		SELECT coalesce(jsonb_agg(to_jsonb(v) || jsonb_build_object('view', c.oid, 'definition', coalesce(d.oid, 0), 'owner', c.relowner,
			'generation', v.generation + 1, 'revision', v.revision + 1)), '[]')::text
		FROM ml_private.view AS v
		JOIN pg_class AS c ON c.oid = v.view_name AND c.relkind = 'r'
		LEFT JOIN pg_class AS d ON d.oid = v.definition_name AND d.relkind = 'v' AND d.relowner = c.relowner
			AND (SELECT s.columns FROM shape AS s WHERE s.attrelid = d.oid) = (SELECT s.columns FROM shape AS s WHERE s.attrelid = c.oid)
		WHERE EXISTS (SELECT FROM pg_trigger AS g JOIN pg_proc AS p ON p.oid = g.tgfoid
			WHERE g.tgrelid = c.oid AND p.pronamespace = 'ml_view'::regnamespace AND p.proname = 'guard')`).Scan(&views)
	if err != nil {
		return fmt.Errorf("catalog: read the maintained views: %w", err)
	}
	for _, statement := range []string{
		"DELETE FROM ml_private.view", "DELETE FROM ml_private.view_state", "DELETE FROM ml_private.position",
		"NOTIFY millrace_view", // a worker that knows of no view waits for this
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("catalog: forget what the original's worker noted: %w", err)
		}
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO ml_private.view (view, definition, owner, made, settings, generation, revision, paused, created_at)
		SELECT view, definition, owner, made, settings, generation, revision, paused, created_at
		FROM jsonb_to_recordset($1::text::jsonb) AS v(view oid, definition oid, owner oid, made boolean, settings jsonb,
			generation integer, revision integer, paused boolean, created_at timestamptz)
		ON CONFLICT (view) DO NOTHING`, views)
	if err != nil {
		return fmt.Errorf("catalog: keep the maintained views: %w", err)
	}
	return nil
}

// forgetOriginal takes from the copy what the original's roles and worker were given:
// roles must be enrolled anew.
func forgetOriginal(ctx context.Context, tx pgx.Tx) error {
	var script string
	err := tx.QueryRow(ctx, `
		WITH object(name, acl, owner) AS (
			SELECT 'TABLE ' || c.oid::regclass, c.relacl, c.relowner FROM pg_class AS c WHERE c.relnamespace = 'ml_private'::regnamespace AND c.relkind = 'r'
			UNION ALL
			SELECT format('SCHEMA %I', n.nspname), n.nspacl, n.nspowner FROM pg_namespace AS n WHERE n.nspname IN ('ml_private', 'ml_apply'))
		SELECT coalesce(string_agg(statement, '; '), '') FROM (
			SELECT format('DROP USER MAPPING FOR %s SERVER millrace', CASE WHEN umuser = 0 THEN 'PUBLIC' ELSE quote_ident(usename) END)
			FROM pg_user_mappings WHERE srvname = 'millrace'
			UNION ALL
			SELECT format('DROP FUNCTION %s', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'ml_apply'::regnamespace
			UNION ALL
			SELECT DISTINCT format('REVOKE ALL ON %s FROM %I', o.name, r.rolname)
			FROM object AS o, aclexplode(o.acl) AS a JOIN pg_roles AS r ON r.oid = a.grantee WHERE a.grantee <> o.owner
		) AS s(statement)`).Scan(&script)
	if err != nil {
		return fmt.Errorf("catalog: list what the original's roles were given: %w", err)
	}
	if _, err := tx.Exec(ctx, script+"; DELETE FROM ml_private.role; DELETE FROM ml_private.identity"); err != nil {
		return fmt.Errorf("catalog: forget the original's roles: %w", err)
	}
	return nil
}

// installGrants gives PUBLIC what it may use. Default privileges may say otherwise, and
// a dump that was restored without privileges, or without a role that they name, has
// come without any.
func installGrants(ctx context.Context, tx pgx.Tx, _ InstallOptions, _ *Installation) error {
	_, err := tx.Exec(ctx, `
		GRANT USAGE ON SCHEMA ml_view TO PUBLIC;
		GRANT SELECT ON ml_private.identity, ml_private.view, ml_private.view_state, ml_private.position TO PUBLIC;
		GRANT SELECT ON ml_private.worker, ml_private.rows, ml_private.wide_rows, ml.jobs, ml.views TO PUBLIC;
		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ml, ml_private, ml_view TO PUBLIC;
		GRANT USAGE ON TYPE ml.result, ml.view_status TO PUBLIC`)
	if err != nil {
		return fmt.Errorf("catalog: grants: %w", err)
	}
	return nil
}
