package dictionary

import (
	"fmt"

	"github.com/millrace/millrace/sql/schema"
)

// facts is what the catalog says of one type, whatever column uses it.
type facts struct {
	oid       uint32
	name      string // without a modifier
	class     byte   // pg_type.typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange
	arrayName string // of its array type, or ""
	elem      uint32 // of an array
	base      uint32 // of a domain
	baseMod   int32
	baseName  string
	labels    []string // of an enum
	inner     uint32   // of a range its subtype, of a multirange its range
	innerColl uint32
	fields    []uint32 // of a composite
	fieldMods []int32
	fieldColl []uint32
}

// factsSQL gives the facts of types and of all that they are made of. A type with
// a subscript is an array only if it is its element's array type: name, point and
// int2vector are not. Modifier -1 makes format_type print char as bpchar, not as
// character, which in a cast would mean character(1). Arrays of record exist, but
// PostgreSQL reads none.
const factsSQL = `
WITH RECURSIVE need(oid) AS (
	SELECT pg_catalog.unnest($1::oid[])
	UNION
	SELECT p.part FROM need JOIN pg_catalog.pg_type AS t ON t.oid = need.oid CROSS JOIN LATERAL (
		SELECT t.typbasetype
		UNION ALL SELECT e.oid FROM pg_catalog.pg_type AS e WHERE e.oid = t.typelem AND e.typarray = t.oid
		UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid
		UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range AS r WHERE r.rngmultitypid = t.oid
		UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
			WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
	) AS p(part) WHERE p.part <> 0
)
SELECT t.oid, pg_catalog.format_type(t.oid, -1), t.typtype::text,
	CASE WHEN t.typarray <> 0 AND t.typtype <> 'p' THEN pg_catalog.format_type(t.typarray, -1) ELSE '' END,
	coalesce(e.oid, 0::oid), t.typbasetype, t.typtypmod,
	CASE WHEN t.typbasetype <> 0 THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) ELSE '' END,
	coalesce(r.rngsubtype, m.rngtypid, 0::oid), coalesce(r.rngcollation, 0::oid),
	ARRAY(SELECT l.enumlabel::text FROM pg_catalog.pg_enum AS l WHERE l.enumtypid = t.oid ORDER BY l.enumsortorder),
	c.types, c.mods, c.collations
FROM need JOIN pg_catalog.pg_type AS t ON t.oid = need.oid
LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem AND e.typarray = t.oid
LEFT JOIN pg_catalog.pg_range AS r ON r.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_range AS m ON m.rngmultitypid = t.oid
CROSS JOIN LATERAL (
	SELECT pg_catalog.array_agg(a.atttypid ORDER BY a.attnum) AS types,
		pg_catalog.array_agg(a.atttypmod ORDER BY a.attnum) AS mods,
		pg_catalog.array_agg(a.attcollation ORDER BY a.attnum) AS collations
	FROM pg_catalog.pg_attribute AS a
	WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
) AS c`

// load reads the facts of those types that are not known yet, in one query. OIDs
// that are no type are left out.
func (d *Dictionary) load(oids ...uint32) error {
	if err := d.open(); err != nil {
		return err
	}
	var unknown []uint32
	for _, oid := range oids {
		if d.facts[oid] == nil {
			unknown = append(unknown, oid)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	var f facts
	var class string
	targets := []any{&f.oid, &f.name, &class, &f.arrayName, &f.elem, &f.base, &f.baseMod, &f.baseName,
		&f.inner, &f.innerColl, &f.labels, &f.fields, &f.fieldMods, &f.fieldColl}
	return d.each("types", factsSQL, []any{unknown}, targets, func() error {
		one := f
		one.class = first(class)
		d.facts[one.oid] = &one
		// The next row must not be scanned into the slices of this one.
		f = facts{}
		return nil
	})
}

// look returns the facts of one type.
func (d *Dictionary) look(oid uint32) (*facts, error) {
	if err := d.load(oid); err != nil {
		return nil, err
	}
	f := d.facts[oid]
	if f == nil {
		return nil, fmt.Errorf("dictionary: type %d: %w", oid, schema.ErrNotFound)
	}
	return f, nil
}
