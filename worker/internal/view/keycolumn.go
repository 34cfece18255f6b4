package view

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/token"
)

// operatorsSQL finds, for columns of a table and of a query, the operators of the
// default btree class of their type, as PostgreSQL itself looks for it: the type's own
// class, that of its kind of types, or that of a type which it is stored as.
const operatorsSQL = `
	SELECT t.n::int4, CASE WHEN l.oid IS NULL THEN '' ELSE format(' COLLATE %I.%I', ln.nspname, l.collname) END, o.less, o.equal, o.at_least, o.greater
	FROM unnest($3::text[], $4::oid[]) WITH ORDINALITY AS t (name, base, n)
	JOIN pg_attribute AS a ON a.attrelid = $1 AND a.attname = t.name AND NOT a.attisdropped
	JOIN pg_attribute AS d ON d.attrelid = $2 AND d.attname = a.attname AND NOT d.attisdropped AND d.attcollation = a.attcollation
	JOIN pg_type AS y ON y.oid = t.base
	LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
	LEFT JOIN pg_namespace AS ln ON ln.oid = l.collnamespace
	CROSS JOIN LATERAL (
		SELECT c.opcfamily, c.opcintype FROM (
			SELECT 0 AS rank, y.oid
			UNION ALL SELECT 1, CASE WHEN y.typcategory = 'A' AND y.typelem <> 0 THEN 2277 ELSE CASE y.typtype WHEN 'e' THEN 3500 WHEN 'r' THEN 3831 WHEN 'm' THEN 4537 WHEN 'c' THEN 2249 END END
			UNION ALL SELECT CASE WHEN s.typispreferred THEN 2 ELSE 3 END, s.oid FROM pg_cast AS k JOIN pg_type AS s ON s.oid = k.casttarget
				WHERE k.castsource = y.oid AND k.castmethod = 'b' AND k.castcontext = 'i') AS u
		JOIN pg_opclass AS c ON c.opcintype = u.oid AND c.opcmethod = 403 AND c.opcdefault
		ORDER BY u.rank LIMIT 1) AS f
	CROSS JOIN LATERAL (
		SELECT max(r.name) FILTER (WHERE m.amopstrategy = 1) AS less, max(r.name) FILTER (WHERE m.amopstrategy = 3) AS equal,
			max(r.name) FILTER (WHERE m.amopstrategy = 4) AS at_least, max(r.name) FILTER (WHERE m.amopstrategy = 5) AS greater
		FROM pg_amop AS m
		JOIN LATERAL (SELECT format('OPERATOR(%I.%s)', n.nspname, p.oprname) AS name FROM pg_operator AS p JOIN pg_namespace AS n ON n.oid = p.oprnamespace WHERE p.oid = m.amopopr) AS r ON true
		WHERE m.amopfamily = f.opcfamily AND m.amoplefttype = f.opcintype AND m.amoprighttype = f.opcintype AND m.amopmethod = 403) AS o
	WHERE o.less IS NOT NULL AND o.equal IS NOT NULL AND o.at_least IS NOT NULL AND o.greater IS NOT NULL
	ORDER BY t.n`

// keyColumns are the columns by which ranges of a view are made, the most significant
// first: those of its key, then the others, for a key that is not ordered or not
// known. Of the others, columns in which PostgreSQL is free are used only if there is
// nothing else.
func (e *Engine) keyColumns(ctx context.Context, p pinnedView) ([]keyColumn, error) {
	base := make([]uint32, len(p.numbers))
	for i, n := range p.numbers {
		base[i] = n.base
	}
	rows, err := e.config.Pool.Query(ctx, operatorsSQL, p.View, p.Definition, p.names, base)
	if err != nil {
		return nil, fmt.Errorf("view: audit: operators: %w", err)
	}
	found := map[int]keyColumn{}
	_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (struct{}, error) {
		var n int
		var c keyColumn
		err := r.Scan(&n, &c.collate, &c.less, &c.equal, &c.atLeast, &c.greater)
		if err == nil {
			n--
			c.name, c.typ, c.base, c.free = token.QuoteName(p.names[n]), p.types[n], base[n], p.freeIn(n)
			found[n] = c
		}
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("view: audit: operators: %w", err)
	}
	return p.bySignificance(found), nil
}

// bySignificance puts columns in the order in which ranges use them.
func (p pinnedView) bySignificance(found map[int]keyColumn) []keyColumn {
	var list, free []keyColumn
	for _, i := range p.key {
		if c, ok := found[i]; ok {
			list = append(list, c)
		}
	}
	for i := range p.names {
		c, ok := found[i]
		switch {
		case !ok || slices.Contains(p.key, i):
		case c.free:
			free = append(free, c)
		default:
			list = append(list, c)
		}
	}
	if len(list) > 0 {
		return list
	}
	return free
}

// freeIn reports whether a row may lie in another range of the table than of the
// query, and both be right: see [pinnedView.looseKey]. So may one whose type is
// ordered by functions that a user has made.
func (p pinnedView) freeIn(i int) bool {
	t := p.types[i]
	return p.floats[i] || p.free && ordered(t) || p.numbers[i].base >= firstUserOID && t.Kind != row.Enum
}
