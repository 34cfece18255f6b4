package tree

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
)

// catalog looks up in a server what the tests need.
type catalog struct{ conn *pgx.Conn }

func (c *catalog) one(sql string, oid uint32, into ...any) error {
	if err := c.conn.QueryRow(context.Background(), sql, oid).Scan(into...); err != nil {
		return fmt.Errorf("catalog: oid %d: %w", oid, err)
	}
	return nil
}

func (c *catalog) Relation(oid uint32) (*schema.Relation, error) {
	r := &schema.Relation{OID: oid}
	return r, c.one("SELECT $1::oid::regclass::text", oid, &r.Name)
}

func (c *catalog) Function(oid uint32) (*schema.Function, error) {
	f := &schema.Function{OID: oid}
	const sql = `SELECT n.nspname::text, proname::text, proisstrict, proretset, provariadic <> 0 FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE p.oid = $1`
	return f, c.one(sql, oid, &f.Schema, &f.Name, &f.Strict, &f.ReturnsSet, &f.Variadic)
}

func (c *catalog) Operator(oid uint32) (*schema.Operator, error) {
	o := &schema.Operator{OID: oid}
	const sql = `SELECT n.nspname::text, oprname::text, oprcode::oid FROM pg_operator p JOIN pg_namespace n ON n.oid = oprnamespace WHERE p.oid = $1`
	return o, c.one(sql, oid, &o.Schema, &o.Name, &o.Function)
}

func (c *catalog) Collation(oid uint32) (string, error) {
	var name string
	const sql = `SELECT format('%I.%I', n.nspname, collname) FROM pg_collation c JOIN pg_namespace n ON n.oid = collnamespace WHERE c.oid = $1`
	return name, c.one(sql, oid, &name)
}

// EnumLabel implements [Labels].
func (c *catalog) EnumLabel(oid uint32) (string, error) {
	var label string
	return label, c.one("SELECT enumlabel::text FROM pg_enum WHERE oid = $1", oid, &label)
}

// FieldName implements [Fields].
func (c *catalog) FieldName(oid uint32, number int16) (string, error) {
	var name string
	const sql = `SELECT attname::text FROM pg_attribute JOIN pg_type t ON attrelid = typrelid WHERE t.oid = $1 AND attnum = $2`
	return name, c.conn.QueryRow(context.Background(), sql, oid, number).Scan(&name)
}

var kinds = map[string]row.Kind{
	"bool": row.Bool, "int2": row.Int2, "int4": row.Int4, "int8": row.Int8, "oid": row.OID, "regclass": row.OID, "regtype": row.OID,
	"regproc": row.OID, "float4": row.Float4, "float8": row.Float8, "numeric": row.Numeric, "money": row.Money, "text": row.Text,
	"varchar": row.Text, "bpchar": row.Bpchar, "name": row.Name, "char": row.Char, "bytea": row.Bytea, "date": row.Date, "time": row.Time,
	"timetz": row.Timetz, "timestamp": row.Timestamp, "timestamptz": row.Timestamptz, "interval": row.Interval, "uuid": row.UUID,
	"jsonb": row.JSONB, "inet": row.Inet, "cidr": row.Inet, "macaddr": row.Macaddr, "bit": row.Bit, "varbit": row.Bit,
}

func (c *catalog) Type(oid uint32, mod int32, collation uint32) (*row.Type, error) {
	t := &row.Type{OID: oid, Mod: mod, Collation: collation}
	var name, kind, category string
	var elem, base uint32
	const sql = `SELECT format_type($1, $2), typname::text, typtype::text, typcategory::text, CASE WHEN typsubscript = 'array_subscript_handler'::regproc THEN typelem
			WHEN typtype = 'r' THEN (SELECT rngsubtype FROM pg_range WHERE rngtypid = $1)
			WHEN typtype = 'm' THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = $1) ELSE 0 END::oid, typbasetype
		FROM pg_type WHERE oid = $1`
	if err := c.conn.QueryRow(context.Background(), sql, oid, mod).Scan(&t.Name, &name, &kind, &category, &elem, &base); err != nil {
		return nil, err
	}
	t.BaseName = t.Name
	var err error
	switch {
	case base != 0:
		b, err := c.Type(base, mod, collation)
		if err != nil {
			return nil, err
		}
		oid, name := t.OID, t.Name
		*t = *b
		t.OID, t.Name = oid, name
		return t, nil
	case kind == "r":
		t.Kind = row.Range
	case kind == "m":
		t.Kind = row.Multirange
	case kind == "e":
		t.Kind = row.Enum
	case kind == "c":
		t.Kind = row.Composite
	case elem != 0:
		t.Kind = row.Array
	default:
		t.Kind = kinds[name]
	}
	if elem != 0 {
		t.Elem, err = c.Type(elem, mod, collation)
	}
	return t, err
}
