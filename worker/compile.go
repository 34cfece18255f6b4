package worker

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/tree"
	"github.com/millrace/millrace/worker/internal/dictionary"
)

// CompileView compiles a plain view as the worker does for a maintained one, and
// follows nothing: for measuring circuits alone. The connection's search_path must be
// pg_catalog.
func CompileView(ctx context.Context, conn *pgx.Conn, view uint32) (*plan.View, error) {
	d := dictionary.New(ctx, conn)
	r, err := d.Relation(view)
	if err != nil {
		return nil, fmt.Errorf("worker: compile: %w", err)
	}
	q, err := tree.Read(r.Action)
	if err != nil {
		return nil, fmt.Errorf("worker: compile %s: %w", r.Name, err)
	}
	v, err := plan.Compile(q, d)
	if err != nil {
		return nil, fmt.Errorf("worker: compile %s: %w", r.Name, err)
	}
	return v, nil
}
