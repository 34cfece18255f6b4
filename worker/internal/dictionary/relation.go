package dictionary

import (
	"fmt"

	"github.com/millrace/millrace/sql/schema"
)

// relationSQL gives a relation. PostgreSQL uses an index as replica identity only
// if it is valid and immediate, the primary key too.
const relationSQL = `
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind::text, c.relpersistence::text,
	pg_catalog.row_security_active(c.oid),
	coalesce((SELECT w.ev_action::text FROM pg_catalog.pg_rewrite AS w
		WHERE c.relkind = 'v' AND w.ev_class = c.oid AND w.rulename = '_RETURN'), ''),
	(SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1] FROM pg_catalog.pg_index AS i
		WHERE i.indrelid = c.oid AND i.indisvalid AND i.indisunique AND i.indimmediate AND i.indpred IS NULL
		AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = $1`

// columnsSQL gives a relation's columns. From PostgreSQL 18 on a column can be declared
// NOT NULL without a look at the rows that there are.
const columnsSQL = `
SELECT a.attnum, a.attname::text, a.attgenerated::text,
	coalesce((SELECT d.adbin::text FROM pg_catalog.pg_attrdef AS d
		WHERE a.attgenerated <> '' AND d.adrelid = a.attrelid AND d.adnum = a.attnum), ''),
	a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS n
		WHERE n.conrelid = a.attrelid AND n.contype = 'n' AND NOT n.convalidated AND a.attnum = ANY (n.conkey)),
	a.atttypid, a.atttypmod, a.attcollation, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`

// Relation implements [schema.Catalog]. Key holds attribute numbers, in the
// index's order.
func (d *Dictionary) Relation(oid uint32) (*schema.Relation, error) {
	if r, ok := d.relations[oid]; ok {
		return r, nil
	}
	if err := d.open(); err != nil {
		return nil, err
	}
	r := &schema.Relation{OID: oid}
	var kind, persistence string
	err := d.one(fmt.Sprintf("relation %d", oid), relationSQL, []any{oid},
		&r.Name, &kind, &persistence, &r.RowSecurity, &r.Action, &r.Key)
	if err != nil {
		return nil, err
	}
	r.Kind, r.Persistence = first(kind), first(persistence)
	if r.Columns, err = d.columns(oid); err != nil {
		return nil, fmt.Errorf("dictionary: columns of %s: %w", r.Name, err)
	}
	d.relations[oid] = r
	return r, nil
}

// column is one row of columnsSQL.
type column struct {
	schema.Column
	use                 typeUse
	typeName, generated string
}

// columns reads a relation's columns, with three queries however many there are.
func (d *Dictionary) columns(relation uint32) ([]schema.Column, error) {
	var c column
	var list []column
	targets := []any{&c.Number, &c.Name, &c.generated, &c.Generation, &c.NotNull, &c.use.oid, &c.use.mod, &c.use.collation, &c.typeName}
	err := d.each("columns", columnsSQL, []any{relation}, targets, func() error {
		list = append(list, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	oids := make([]uint32, len(list))
	for i, c := range list {
		oids[i] = c.use.oid
		d.names[typeName{c.use.oid, c.use.mod}] = c.typeName
	}
	if err := d.load(oids...); err != nil {
		return nil, err
	}
	columns := make([]schema.Column, len(list))
	for i, c := range list {
		columns[i] = c.Column
		columns[i].Generated = first(c.generated)
		if columns[i].Type, err = d.Type(c.use.oid, c.use.mod, c.use.collation); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return columns, nil
}
