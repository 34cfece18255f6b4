package dictionary

import "fmt"

// defaultCollation is the OID of "default", which stands for the database's own.
const defaultCollation = 100

// collation is what is known of one collation.
type collation struct {
	name             string // qualified and quoted
	byteOrder        bool
	nondeterministic bool
}

// Collation implements [schema.Catalog].
func (d *Dictionary) Collation(oid uint32) (string, error) {
	c, err := d.collation(oid)
	return c.name, err
}

// collation looks one collation up.
func (d *Dictionary) collation(oid uint32) (collation, error) {
	if c, ok := d.collations[oid]; ok {
		return c, nil
	}
	if err := d.open(); err != nil {
		return collation{}, err
	}
	// collcollate is NULL where the provider does not use it.
	const sql = `SELECT pg_catalog.format('%I.%I', n.nspname, c.collname), c.collprovider::text,
			coalesce(c.collcollate::text, ''), NOT c.collisdeterministic
		FROM pg_catalog.pg_collation AS c
		JOIN pg_catalog.pg_namespace AS n ON n.oid = c.collnamespace
		WHERE c.oid = $1`
	var c collation
	var provider, collate string
	err := d.one(fmt.Sprintf("collation %d", oid), sql, []any{oid}, &c.name, &provider, &collate, &c.nondeterministic)
	if err != nil {
		return collation{}, err
	}
	c.byteOrder = byteOrder(provider, collate)
	if provider == "d" {
		c.byteOrder = d.database.byteOrder
	}
	d.collations[oid] = c
	return c, nil
}

// byteOrder reports whether a collation compares text by memcmp. The built-in
// provider (b, from version 17 on) does for all its locales, which differ in
// character classes and case only. Of libc (c) PostgreSQL takes C and POSIX as byte
// order by their names; C.UTF-8 is left to the C library, and so not promised.
func byteOrder(provider, collate string) bool {
	switch provider {
	case "b":
		return true
	case "c":
		return collate == "C" || collate == "POSIX"
	}
	return false
}
