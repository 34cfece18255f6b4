package source

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/pushdown/render"
)

// analysisLockTimeout is short: where a lock is in the way, the caller ships its
// rows, for which nothing needs to be known of the expressions.
const analysisLockTimeout = 500 * time.Millisecond

// DependsOnSession reports whether an expression of the input uses anything that
// is not IMMUTABLE. PostgreSQL analyses the expressions for a temporary view
// that is rolled back at once; nothing is evaluated. The view is made as the
// caller's role, on its reader login, outside of any snapshot.
func (r *Readers) DependsOnSession(ctx context.Context, login Login, in Input, settings map[string]string) (bool, error) {
	if err := r.reserve(ctx); err != nil {
		return false, err
	}
	defer r.places.Release(1)
	begin := "BEGIN; " + render.Become(login.Role, settings, analysisLockTimeout.Milliseconds())
	conn, err := r.acquire(ctx, login, begin)
	if err != nil {
		return false, err
	}
	defer func() { r.release(login, conn) }()
	defer r.end(conn)
	script := render.View(in.Relation.Name, in.Columns) + "; " +
		"SELECT ml_private.depends_on_session(w.ev_action::pg_catalog.text) FROM pg_catalog.pg_rewrite AS w " +
		"WHERE w.ev_class OPERATOR(pg_catalog.=) '" + render.ViewName + "'::pg_catalog.regclass::pg_catalog.oid"
	results, err := conn.Exec(ctx, script).ReadAll()
	if err != nil {
		return false, fmt.Errorf("source: analyse expressions: %w", err)
	}
	return firstIsTrue(results[len(results)-1])
}

func firstIsTrue(result *pgconn.Result) (bool, error) {
	if len(result.Rows) != 1 || len(result.Rows[0]) != 1 {
		return false, fmt.Errorf("source: analyse expressions: %d rows, want 1", len(result.Rows))
	}
	return string(result.Rows[0][0]) != "f", nil
}
