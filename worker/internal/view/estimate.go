package view

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/fault"
)

// Bytes of state per row beside its values: the store's entry, and about one more in
// a circuit that joins or groups.
const (
	storeOverhead   = 80
	circuitOverhead = 80
)

// memory is the bytes of all state.
func (e *Engine) memory() (total int64) {
	for _, v := range e.order {
		_, bytes := v.size()
		total += bytes
	}
	for _, s := range e.stores {
		_, bytes := s.size()
		total += bytes
	}
	return total
}

// afterShedding is how long a view waits that was given up for memory.
const afterShedding = 5 * time.Minute

// shed gives up the view with the most state while all state is more than it may be,
// so that the others go on. Its table stays as it is.
func (e *Engine) shed() {
	limit := e.config.MemoryLimit
	for limit > 0 && e.memory() > limit {
		var largest *view
		var most int64
		for _, v := range e.order {
			if bytes := e.weight(v); (v.built() || v.filling != nil) && bytes > most {
				largest, most = v, bytes
			}
		}
		if largest == nil {
			return
		}
		v, used := largest, e.memory()
		e.broken(v, fmt.Errorf("state of all views is %d MB, more than memory_views (%d MB), and %d MB of it are this view's", used>>20, limit>>20, most>>20))
		v.retry, v.shed = time.Now().Add(afterShedding), true
		v.plan, v.feeds, v.output, v.applied, v.pending = nil, nil, nil, nil, zset.NewSet()
		e.dropUnusedStores()
	}
}

// weight is the bytes of a view's state, with the tables that no other view reads.
func (e *Engine) weight(v *view) int64 {
	_, bytes := v.size()
	for _, relation := range relations(v.feeds) {
		if s := e.stores[relation]; s != nil && e.sharing(v, relation) == "" {
			_, kept := s.size()
			bytes += kept
		}
	}
	return bytes
}

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
