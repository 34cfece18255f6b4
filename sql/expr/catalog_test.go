package expr

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// catalog looks up in a server what the tests need, once.
type catalog struct {
	conn      *pgx.Conn
	major     int
	types     map[[2]uint32]*row.Type // by type and collation; modifiers do not matter here
	functions map[uint32]*schema.Function
}

func newCatalog(t testing.TB, conn *pgx.Conn) *catalog {
	t.Helper()
	c := &catalog{conn: conn, types: map[[2]uint32]*row.Type{}, functions: map[uint32]*schema.Function{}}
	const sql = "SELECT current_setting('server_version_num')::int / 10000"
	if err := conn.QueryRow(context.Background(), sql).Scan(&c.major); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *catalog) Version() int { return c.major }

func (c *catalog) one(sql string, oid uint32, into ...any) error {
	if err := c.conn.QueryRow(context.Background(), sql, oid).Scan(into...); err != nil {
		return fmt.Errorf("catalog: oid %d: %w", oid, err)
	}
	return nil
}

func (c *catalog) Relation(oid uint32) (*schema.Relation, error) {
	return nil, fmt.Errorf("relation %d: %w", oid, schema.ErrNotFound)
}

func (c *catalog) Function(oid uint32) (*schema.Function, error) {
	if f := c.functions[oid]; f != nil {
		return f, nil
	}
	f := &schema.Function{OID: oid}
	var volatility string
	const sql = `SELECT n.nspname::text, proname::text, provolatile::text, proisstrict
		FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE p.oid = $1`
	if err := c.one(sql, oid, &f.Schema, &f.Name, &volatility, &f.Strict); err != nil {
		return nil, err
	}
	f.Volatility = volatility[0]
	c.functions[oid] = f
	return f, nil
}

func (c *catalog) Operator(oid uint32) (*schema.Operator, error) {
	o := &schema.Operator{OID: oid}
	return o, c.one("SELECT oprname::text, oprcode::oid FROM pg_operator WHERE oid = $1", oid, &o.Name, &o.Function)
}

func (c *catalog) Collation(oid uint32) (string, error) {
	var name string
	return name, c.one("SELECT oid::regcollation::text FROM pg_collation WHERE oid = $1", oid, &name)
}

// EnumLabel is for the decoding of constants.
func (c *catalog) EnumLabel(oid uint32) (string, error) {
	var label string
	return label, c.one("SELECT enumlabel::text FROM pg_enum WHERE oid = $1", oid, &label)
}

var kinds = map[string]row.Kind{
	"bool": row.Bool, "int2": row.Int2, "int4": row.Int4, "int8": row.Int8, "oid": row.OID, "regclass": row.OID, "float4": row.Float4,
	"float8": row.Float8, "numeric": row.Numeric, "money": row.Money, "text": row.Text, "varchar": row.Text, "bpchar": row.Bpchar,
	"name": row.Name, "char": row.Char, "bytea": row.Bytea, "date": row.Date, "time": row.Time, "timetz": row.Timetz,
	"timestamp": row.Timestamp, "timestamptz": row.Timestamptz, "interval": row.Interval, "uuid": row.UUID, "jsonb": row.JSONB,
	"inet": row.Inet, "cidr": row.Inet,
}

func (c *catalog) Type(oid uint32, mod int32, collation uint32) (*row.Type, error) {
	key := [2]uint32{oid, collation}
	if t := c.types[key]; t != nil {
		return t, nil
	}
	t := &row.Type{OID: oid, Mod: mod, Collation: collation}
	var name, kind string
	var elem, base uint32
	const sql = `SELECT format_type(oid, NULL), typname::text, typtype::text, typbasetype,
		CASE WHEN typsubscript = 'array_subscript_handler'::regproc THEN typelem ELSE 0 END::oid,
		array(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) FROM pg_type t WHERE oid = $1`
	if err := c.one(sql, oid, &t.Name, &name, &kind, &base, &elem, &t.Labels); err != nil {
		return nil, err
	}
	var err error
	switch {
	case base != 0:
		var b *row.Type
		if b, err = c.Type(base, mod, collation); err == nil {
			t.Kind, t.Elem, t.Labels = b.Kind, b.Elem, b.Labels
		}
	case kind == "e":
		t.Kind = row.Enum
	case elem != 0:
		t.Kind = row.Array
		t.Elem, err = c.Type(elem, mod, collation)
	default:
		t.Kind = kinds[name]
	}
	if err == nil && collation != 0 {
		const sql = "SELECT collname IN ('C', 'POSIX'), NOT collisdeterministic FROM pg_collation WHERE oid = $1"
		err = c.one(sql, collation, &t.ByteOrder, &t.Nondeterministic)
	}
	if err != nil {
		return nil, err
	}
	c.types[key] = t
	return t, nil
}

// TestFunctionOIDs checks the table against the server: every OID still is the
// function of that name and those argument types, strict, and not volatile. It fails
// for a wrong OID, and for a function that a version has changed.
func TestFunctionOIDs(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.AdminURL(t, "postgres"))
	const sql = `SELECT proname || '(' || array_to_string(array(SELECT typname FROM unnest(proargtypes)
			WITH ORDINALITY u(t, n) JOIN pg_type y ON y.oid = t ORDER BY n), ',') || ')', proisstrict, proretset
		FROM pg_proc WHERE oid = $1 AND pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f'`
	for oid, f := range functions {
		var signature string
		var strict, set bool
		if err := conn.QueryRow(context.Background(), sql, oid).Scan(&signature, &strict, &set); err != nil {
			t.Errorf("%d %s: %v", oid, f.signature, err)
			continue
		}
		if signature != f.signature || !strict || set {
			t.Errorf("%d is %s (strict %v, set %v), want %s", oid, signature, strict, set, f.signature)
		}
	}
}
