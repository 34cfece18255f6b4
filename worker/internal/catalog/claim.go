package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/token"
)

// ErrTaken is wrapped by errors on roles that are named as ours would be, and were made
// for another database.
var ErrTaken = errors.New("role belongs to another database")

// here names this database in the comments of its roles: roles are the whole cluster's,
// and PostgreSQL 14 and before do not keep the numbers of databases in pg_upgrade.
const here = `(SELECT format('of database %s of system %s', d.oid, c.system_identifier) FROM pg_control_system() AS c, pg_database AS d WHERE d.datname = current_database())`

// claimRole notes in the comment of a role that was just made which database it is for.
// One that exists, and was made for another database, is refused: its members and its
// password are that one's. former is what this database was called before it was
// upgraded or copied, or "".
func claimRole(ctx context.Context, tx pgx.Tx, role, what string, made bool, former string) error {
	var comment, now string
	err := tx.QueryRow(ctx, "SELECT coalesce(shobj_description(r.oid, 'pg_authid'), ''), "+here+" FROM pg_roles AS r WHERE r.rolname = $1", role).Scan(&comment, &now)
	if err != nil {
		return fmt.Errorf("catalog: look at role %s: %w", role, err)
	}
	_, of, noted := strings.Cut(comment, ", of database ")
	of = "of database " + of
	if !made && (!noted || of == now) {
		return nil
	}
	if !made && of != former {
		return fmt.Errorf("catalog: %w: %s was made for another one (%s), whose number pg_upgrade has changed; rename it, with ALTER ROLE %[2]s RENAME TO %[2]s_former, and run install for that database too",
			ErrTaken, role, of)
	}
	if _, err := tx.Exec(ctx, fmt.Sprintf("COMMENT ON ROLE %s IS %s", token.QuoteName(role), token.QuoteLiteral("Millrace: "+what+", "+now))); err != nil {
		return fmt.Errorf("catalog: note whose role %s is: %w", role, err)
	}
	return nil
}
