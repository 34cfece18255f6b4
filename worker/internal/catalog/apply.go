package catalog

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/token"
)

// applyBody is what writes result rows as the owner of a maintained view.
//
//go:embed apply.sql
var applyBody string

// ApplyFunction is the qualified name of the function that writes as a role.
func ApplyFunction(role uint32) string { return fmt.Sprintf("ml_apply.apply_%d", role) }

// letMaintain gives a role what maintained views need: membership in the owner of
// the publication, and the function by which the worker writes as this role. A
// superuser's tables are written by nobody in his name.
func letMaintain(ctx context.Context, tx pgx.Tx, role string, r roleFacts) error {
	var publisher string
	var super bool
	err := tx.QueryRow(ctx, `
		SELECT quote_ident('ml_publisher_' || d.oid), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
		FROM pg_database AS d WHERE d.datname = current_database()`).Scan(&publisher, &super)
	if err != nil {
		return fmt.Errorf("catalog: look at the publication's owner: %w", err)
	}
	name := token.QuoteName(role)
	function := ApplyFunction(r.oid)
	script := fmt.Sprintf("GRANT %s TO %s; DROP FUNCTION IF EXISTS %s;", publisher, name, function)
	if r.superuser {
		script = fmt.Sprintf("DROP FUNCTION IF EXISTS %s;", function)
	} else {
		var worker string
		if err := tx.QueryRow(ctx, "SELECT quote_ident(r.rolname) FROM ml_private.identity AS i JOIN pg_roles AS r ON r.oid = i.worker").Scan(&worker); err != nil {
			return fmt.Errorf("catalog: look at the worker's login: %w", err)
		}
		script += strings.ReplaceAll(applyBody, "ml_apply.apply", function) +
			fmt.Sprintf("REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC; GRANT EXECUTE ON FUNCTION %[1]s TO %s;", function, worker) +
			giveTo(super, name, "FUNCTION "+function, "SCHEMA ml_apply")
	}
	if _, err := tx.Exec(ctx, script); err != nil {
		return fmt.Errorf("catalog: let %s maintain views: %w", role, err)
	}
	return nil
}

// endMaintaining takes back what letMaintain gave.
func endMaintaining(ctx context.Context, tx pgx.Tx, role string, r roleFacts) error {
	var publisher string
	err := tx.QueryRow(ctx, "SELECT quote_ident('ml_publisher_' || d.oid) FROM pg_database AS d WHERE d.datname = current_database()").Scan(&publisher)
	if err != nil {
		return fmt.Errorf("catalog: look at the publication's owner: %w", err)
	}
	script := fmt.Sprintf("REVOKE %s FROM %s; DROP FUNCTION IF EXISTS %s", publisher, token.QuoteName(role), ApplyFunction(r.oid))
	if _, err := tx.Exec(ctx, script); err != nil {
		return fmt.Errorf("catalog: end the views of %s: %w", role, err)
	}
	return nil
}
