package view

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/worker/internal/dictionary"
)

// usedColumns are the columns of a table that a plan names: those that its input has,
// and the generated ones that are computed from them.
func usedColumns(t plan.Table) []int16 { return slices.Concat(t.Columns, t.Generated) }

// sameGeneration refuses a partition or descendant whose columns are not generated as
// those of the root are: the circuit computes them for all its rows alike.
func sameGeneration(d *dictionary.Dictionary, m membership, root *schema.Relation, names map[int16]string) error {
	if m.relation == root.OID {
		return nil
	}
	r, err := d.Relation(m.relation)
	if err != nil {
		return err
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		same, err := plan.SameGeneration(root, r, names[n])
		if err != nil {
			return err
		}
		if !same {
			return &plan.Refused{Construct: fmt.Sprintf("column %s of %s, which is generated otherwise than in %s,", names[n], r.Name, root.Name), Location: -1,
				Hint: "Give it the same expression, or name each of the tables in the query, with UNION ALL."}
		}
	}
	return nil
}

// identified refuses a table whose changed rows the log identifies by a generated
// column that it does not carry.
func identified(s base, r *schema.Relation) error {
	for _, n := range s.key {
		if slices.ContainsFunc(s.attached, func(c keptColumn) bool { return c.Number == n }) {
			continue
		}
		i := slices.IndexFunc(r.Columns, func(c schema.Column) bool { return c.Number == n })
		if i < 0 {
			return fmt.Errorf("view: %s has no column number %d", r.Name, n)
		}
		return &plan.Refused{
			Construct: fmt.Sprintf("%s, whose replica identity has generated column %s, which is not in the log,", r.Name, r.Columns[i].Name), Location: -1,
			Hint: fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL, or USING a unique index without it.", r.Name),
		}
	}
	return nil
}

// checkCallable asks for the owner's right to call the functions of generated columns,
// which PostgreSQL calls on his login to compute them; a query that reads a stored
// column needs none.
func checkCallable(ctx context.Context, conn querier, r *schema.Relation, generated []int16) error {
	if len(generated) == 0 {
		return nil
	}
	var function string
	err := conn.QueryRow(ctx, `
		SELECT p.oid::regprocedure::text FROM unnest($2::int2[]) AS n, ml_private.generators($1, n) AS f JOIN pg_proc AS p ON p.oid = f
		WHERE NOT (has_function_privilege(p.oid, 'EXECUTE') AND has_schema_privilege(p.pronamespace, 'USAGE'))
		ORDER BY p.oid LIMIT 1`, r.OID, generated).Scan(&function)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("view: functions of generated columns of %s: %w", r.Name, err)
	}
	return &privilegeError{what: "call " + function, from: true}
}
