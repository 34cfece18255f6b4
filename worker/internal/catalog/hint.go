package catalog

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// hintFunction is what the event triggers run.
//
//go:embed hint.sql
var hintFunction string

// hintTriggers make the event triggers. Of commands that end, those are named after
// which a comparison of the catalog can find something: tables and their partitions,
// plain views, types, functions, privileges, publications. ALWAYS: what is replayed by
// another system's replication changes the catalog too.
const hintTriggers = `
	CREATE EVENT TRIGGER millrace_hint ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE',
		'CREATE VIEW', 'ALTER VIEW', 'CREATE RULE', 'CREATE SCHEMA', 'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE', 'ALTER DOMAIN',
		'CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'CREATE AGGREGATE', 'ALTER AGGREGATE',
		'GRANT', 'REVOKE', 'DROP OWNED', 'CREATE PUBLICATION', 'ALTER PUBLICATION') EXECUTE FUNCTION ml_view.hint();
	CREATE EVENT TRIGGER millrace_hint_drop ON sql_drop EXECUTE FUNCTION ml_view.hint();
	COMMENT ON EVENT TRIGGER millrace_hint IS 'Millrace: tells the worker of changes below maintained views';
	COMMENT ON EVENT TRIGGER millrace_hint_drop IS 'Millrace: tells the worker of what is dropped below maintained views';
	ALTER EVENT TRIGGER millrace_hint ENABLE ALWAYS;
	ALTER EVENT TRIGGER millrace_hint_drop ENABLE ALWAYS`

// installHints makes the event triggers by which the worker hears of changes in the
// catalog as the log tells them, and not by comparison alone. PostgreSQL lets only
// superusers make event triggers. An administrator's ALTER EVENT TRIGGER … DISABLE is
// kept.
//
// The function is replaced, and not dropped: a session that has just looked up its
// event triggers would fail without it.
func installHints(ctx context.Context, tx pgx.Tx, _ InstallOptions, _ *Installation) error {
	var super, disabled bool
	err := tx.QueryRow(ctx, `
		SELECT r.rolsuper, count(t.oid) = 2 AND bool_or(t.evtenabled = 'D')
		FROM pg_roles AS r LEFT JOIN pg_event_trigger AS t ON t.evtfoid = to_regproc('ml_view.hint')
		WHERE r.rolname = current_user GROUP BY r.rolsuper`).Scan(&super, &disabled)
	if err != nil {
		return fmt.Errorf("catalog: look at the event triggers: %w", err)
	}
	if !super {
		return nil
	}
	if _, err := tx.Exec(ctx, hintFunction); err != nil {
		return fmt.Errorf("catalog: function of the event triggers: %w", err)
	}
	if disabled {
		return nil
	}
	if err := dropHints(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, hintTriggers); err != nil {
		return fmt.Errorf("catalog: event triggers: %w", err)
	}
	return nil
}

// dropHints drops the event triggers that the current role may drop. Those that remain
// go with their function.
func dropHints(ctx context.Context, tx pgx.Tx) error {
	var script string
	err := tx.QueryRow(ctx, `
		SELECT coalesce(string_agg(format('DROP EVENT TRIGGER %I', evtname), '; '), '') FROM pg_event_trigger
		WHERE evtfoid = to_regproc('ml_view.hint') AND pg_has_role(evtowner, 'USAGE')`).Scan(&script)
	if err != nil {
		return fmt.Errorf("catalog: look at the event triggers: %w", err)
	}
	if _, err := tx.Exec(ctx, script); err != nil {
		return fmt.Errorf("catalog: drop the event triggers: %w", err)
	}
	return nil
}
