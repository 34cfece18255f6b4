package view

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/worker/internal/fault"
)

// Bytes of state per row beside its values: the store's entry, and about one more in
// a circuit that joins or groups.
const (
	storeOverhead   = 80
	circuitOverhead = 80
)

// checkMemory refuses a view whose state would not fit, as far as the statistics of
// its tables tell.
func (e *Engine) checkMemory(ctx context.Context, conn querier, p *plan.View) error {
	limit := e.config.MemoryLimit
	if limit <= 0 {
		return nil
	}
	var need int64
	for _, t := range p.Tables {
		var bytes int64
		err := conn.QueryRow(ctx, `
			WITH RECURSIVE family(oid) AS (
				SELECT $1::oid UNION SELECT i.inhrelid FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.oid)
			SELECT coalesce(sum(greatest(c.reltuples, 0) * ($3 + 2 * coalesce(w.width, 0))), 0)::bigint
			FROM family AS f JOIN pg_class AS c ON c.oid = f.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace,
				LATERAL (SELECT sum(coalesce(s.avg_width, 8) + 1) AS width FROM pg_attribute AS a LEFT JOIN pg_stats AS s
					ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
					WHERE a.attrelid = c.oid AND a.attnum = ANY ($2::int2[])) AS w
			WHERE c.relkind = 'r'`, t.OID, t.Columns, storeOverhead+circuitOverhead).Scan(&bytes)
		if err != nil {
			return fmt.Errorf("view: estimate for %s: %w", t.Name, err)
		}
		need += bytes
	}
	var used int64
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := e.do(ctx, func() { used = e.memory() }); err != nil {
		used = 0 // the loop is in a long step: what it holds is checked when the view is built
	}
	if used+need <= limit {
		return nil
	}
	return fault.New(fault.Memory, "the view needs about %d MB of state, and %d of %d MB are taken", need>>20, used>>20, limit>>20).
		WithHint("Raise memory_views, drop another view, or keep fewer columns or rows.")
}
