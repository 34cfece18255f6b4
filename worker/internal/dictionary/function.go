package dictionary

import (
	"fmt"

	"github.com/millrace/millrace/sql/schema"
)

// Function implements [schema.Catalog].
func (d *Dictionary) Function(oid uint32) (*schema.Function, error) {
	if f, ok := d.functions[oid]; ok {
		return f, nil
	}
	const sql = `SELECT n.nspname::text, p.proname::text, p.prokind::text, p.provolatile::text,
			p.proisstrict, p.proretset, p.provariadic <> 0, l.lanname::text, p.prosrc
		FROM pg_catalog.pg_proc AS p
		JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
		JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
		WHERE p.oid = $1`
	if err := d.open(); err != nil {
		return nil, err
	}
	f := &schema.Function{OID: oid}
	var kind, volatility string
	err := d.one(fmt.Sprintf("function %d", oid), sql, []any{oid},
		&f.Schema, &f.Name, &kind, &volatility, &f.Strict, &f.ReturnsSet, &f.Variadic, &f.Language, &f.Source)
	if err != nil {
		return nil, err
	}
	f.Kind, f.Volatility = first(kind), first(volatility)
	d.functions[oid] = f
	return f, nil
}

// Operator implements [schema.Catalog].
func (d *Dictionary) Operator(oid uint32) (*schema.Operator, error) {
	if o, ok := d.operators[oid]; ok {
		return o, nil
	}
	const sql = `SELECT n.nspname::text, o.oprname::text, o.oprcode::oid, o.oprcom, o.oprnegate, o.oprcanhash, o.oprcanmerge
		FROM pg_catalog.pg_operator AS o
		JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
		WHERE o.oid = $1`
	if err := d.open(); err != nil {
		return nil, err
	}
	o := &schema.Operator{OID: oid}
	err := d.one(fmt.Sprintf("operator %d", oid), sql, []any{oid},
		&o.Schema, &o.Name, &o.Function, &o.Commutator, &o.Negator, &o.Hashable, &o.Mergeable)
	if err != nil {
		return nil, err
	}
	d.operators[oid] = o
	return o, nil
}
