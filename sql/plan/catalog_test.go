package plan_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
)

// catalog looks up in a server, remembering answers.
type catalog struct {
	conn    *pgx.Conn
	version int
	memory  map[string]any
}

func newCatalog(t testing.TB, conn *pgx.Conn) *catalog {
	c := &catalog{conn: conn, memory: map[string]any{}}
	if err := conn.QueryRow(context.Background(), "SELECT current_setting('server_version_num')::int / 10000").Scan(&c.version); err != nil {
		t.Fatal(err)
	}
	return c
}

// Version implements expr.Versioned.
func (c *catalog) Version() int { return c.version }

func remember[V any](c *catalog, key string, look func() (V, error)) (V, error) {
	if v, ok := c.memory[key]; ok {
		return v.(V), nil
	}
	v, err := look()
	if err == nil {
		c.memory[key] = v
	}
	return v, err
}

func (c *catalog) one(sql string, args []any, into ...any) error {
	if err := c.conn.QueryRow(context.Background(), sql, args...).Scan(into...); err != nil {
		return fmt.Errorf("catalog: %v: %w", args, err)
	}
	return nil
}

func (c *catalog) Relation(oid uint32) (*schema.Relation, error) {
	r := &schema.Relation{OID: oid}
	var kind, persistence string
	const sql = `SELECT format('%I.%I', nspname, relname), relkind::text, relpersistence::text, relrowsecurity,
		coalesce((SELECT ev_action::text FROM pg_rewrite WHERE ev_class = c.oid AND rulename = '_RETURN'), '')
		FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = $1`
	if err := c.one(sql, []any{oid}, &r.Name, &kind, &persistence, &r.RowSecurity, &r.Action); err != nil {
		return nil, err
	}
	r.Kind, r.Persistence = kind[0], persistence[0]
	rows, err := c.conn.Query(context.Background(), `SELECT attnum, attname::text, atttypid, atttypmod, attcollation, attgenerated::text, attnotnull,
			coalesce((SELECT adbin::text FROM pg_attrdef WHERE attgenerated <> '' AND adrelid = attrelid AND adnum = attnum), '')
		FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, oid)
	if err != nil {
		return nil, err
	}
	type attribute struct {
		Number     int16
		Name       string
		Type       uint32
		Mod        int32
		Collation  uint32
		Generated  string
		NotNull    bool
		Generation string
	}
	attributes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[attribute])
	if err != nil {
		return nil, err
	}
	for _, a := range attributes {
		typ, err := c.Type(a.Type, a.Mod, a.Collation)
		if err != nil {
			return nil, err
		}
		col := schema.Column{Number: a.Number, Name: a.Name, Type: typ, NotNull: a.NotNull, Generation: a.Generation}
		if a.Generated != "" {
			col.Generated = a.Generated[0]
		}
		r.Columns = append(r.Columns, col)
	}
	return r, nil
}

func (c *catalog) Function(oid uint32) (*schema.Function, error) {
	return remember(c, fmt.Sprint("f", oid), func() (*schema.Function, error) {
		f := &schema.Function{OID: oid}
		var kind, volatility string
		const sql = `SELECT n.nspname::text, proname::text, prokind::text, provolatile::text, proisstrict, proretset, provariadic <> 0, lanname::text, prosrc
			FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace JOIN pg_language l ON l.oid = prolang WHERE p.oid = $1`
		err := c.one(sql, []any{oid}, &f.Schema, &f.Name, &kind, &volatility, &f.Strict, &f.ReturnsSet, &f.Variadic, &f.Language, &f.Source)
		if err == nil {
			f.Kind, f.Volatility = kind[0], volatility[0]
		}
		return f, err
	})
}

func (c *catalog) Operator(oid uint32) (*schema.Operator, error) {
	return remember(c, fmt.Sprint("o", oid), func() (*schema.Operator, error) {
		o := &schema.Operator{OID: oid}
		const sql = `SELECT n.nspname::text, oprname::text, oprcode::oid, oprcom, oprnegate, oprcanhash, oprcanmerge
			FROM pg_operator p JOIN pg_namespace n ON n.oid = oprnamespace WHERE p.oid = $1`
		return o, c.one(sql, []any{oid}, &o.Schema, &o.Name, &o.Function, &o.Commutator, &o.Negator, &o.Hashable, &o.Mergeable)
	})
}

func (c *catalog) Collation(oid uint32) (string, error) {
	return remember(c, fmt.Sprint("c", oid), func() (name string, err error) {
		const sql = `SELECT format('%I.%I', n.nspname, collname) FROM pg_collation c JOIN pg_namespace n ON n.oid = collnamespace WHERE c.oid = $1`
		return name, c.one(sql, []any{oid}, &name)
	})
}

// EnumLabel implements tree.Labels.
func (c *catalog) EnumLabel(oid uint32) (label string, err error) {
	return label, c.one("SELECT enumlabel::text FROM pg_enum WHERE oid = $1", []any{oid}, &label)
}

// FieldName tells tree.SQL the name of a composite type's field.
func (c *catalog) FieldName(oid uint32, number int16) (name string, err error) {
	const sql = `SELECT attname::text FROM pg_attribute JOIN pg_type t ON attrelid = typrelid WHERE t.oid = $1 AND attnum = $2`
	return name, c.one(sql, []any{oid, number}, &name)
}

var kinds = map[string]row.Kind{
	"bool": row.Bool, "int2": row.Int2, "int4": row.Int4, "int8": row.Int8, "oid": row.OID, "regclass": row.OID, "float4": row.Float4,
	"float8": row.Float8, "numeric": row.Numeric, "money": row.Money, "text": row.Text, "varchar": row.Text, "bpchar": row.Bpchar,
	"name": row.Name, "char": row.Char, "bytea": row.Bytea, "date": row.Date, "time": row.Time, "timetz": row.Timetz,
	"timestamp": row.Timestamp, "timestamptz": row.Timestamptz, "interval": row.Interval, "uuid": row.UUID, "jsonb": row.JSONB,
	"inet": row.Inet, "cidr": row.Inet, "macaddr": row.Macaddr, "bit": row.Bit, "varbit": row.Bit,
}

func (c *catalog) Type(oid uint32, mod int32, collation uint32) (*row.Type, error) {
	return remember(c, fmt.Sprint("t", oid, mod, collation), func() (*row.Type, error) { return c.typ(oid, mod, collation) })
}

const typeSQL = `SELECT format_type(t.oid, $2), typname::text, typtype::text, CASE WHEN typsubscript = 'array_subscript_handler'::regproc THEN typelem
			WHEN typtype = 'r' THEN (SELECT rngsubtype FROM pg_range WHERE rngtypid = $1)
			WHEN typtype = 'm' THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = $1) ELSE 0 END::oid, typbasetype, typtypmod, typnamespace = 'pg_catalog'::regnamespace,
			CASE WHEN typarray <> 0 THEN format_type(typarray, -1) ELSE '' END
		FROM pg_type t WHERE oid = $1`

func (c *catalog) typ(oid uint32, mod int32, collation uint32) (*row.Type, error) {
	t := &row.Type{OID: oid, Mod: mod, Collation: collation}
	var name, kind string
	var elem, base uint32
	var baseMod int32
	var own bool
	if err := c.one(typeSQL, []any{oid, mod}, &t.Name, &name, &kind, &elem, &base, &baseMod, &own, &t.ArrayName); err != nil {
		return nil, err
	}
	t.BaseName = t.Name
	if base != 0 {
		b, err := c.Type(base, baseMod, collation)
		if err != nil {
			return nil, err
		}
		d := *b
		d.OID, d.Name, d.Mod = oid, t.Name, mod
		return &d, nil
	}
	var err error
	switch {
	case kind == "r":
		t.Kind = row.Range
	case kind == "m":
		t.Kind = row.Multirange
	case kind == "e":
		t.Kind = row.Enum
		const labels = "SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = $1"
		err = c.one(labels, []any{oid}, &t.Labels)
	case kind == "c":
		t.Kind = row.Composite
	case elem != 0:
		t.Kind = row.Array
	case own:
		t.Kind = kinds[name]
	}
	if err == nil && elem != 0 {
		t.Elem, err = c.Type(elem, mod, collation)
	}
	if err == nil && collation != 0 {
		err = c.collated(t)
	}
	return t, err
}

// collated says how text of the type's collation is compared.
func (c *catalog) collated(t *row.Type) error {
	const sql = `SELECT coalesce(CASE WHEN c.oid = 100 THEN (SELECT datcollate FROM pg_database WHERE datname = current_database()) ELSE collcollate END IN ('C', 'POSIX'), false),
			NOT collisdeterministic FROM pg_collation c WHERE oid = $1`
	return c.one(sql, []any{t.Collation}, &t.ByteOrder, &t.Nondeterministic)
}
