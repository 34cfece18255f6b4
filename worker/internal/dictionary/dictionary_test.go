package dictionary

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// open makes a database with the script's objects and a connection as the worker
// has it.
func open(t *testing.T, script string) *pgx.Conn {
	t.Helper()
	url := pgtest.Database(t)
	pgtest.Exec(t, url, script)
	conn := pgtest.Connect(t, url)
	if _, err := conn.Exec(t.Context(), "SET search_path = pg_catalog"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// oid evaluates an expression of type oid.
func oid(t *testing.T, conn *pgx.Conn, expression string) uint32 {
	t.Helper()
	var n uint32
	if err := conn.QueryRow(t.Context(), "SELECT ("+expression+")::oid").Scan(&n); err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return n
}

// describe writes a type with all that it is made of on one line.
func describe(t *row.Type) string {
	s := fmt.Sprintf("%s %d", t.Name, t.Kind)
	if t.BaseName != t.Name {
		s += " is " + t.BaseName
	}
	if t.Mod != -1 {
		s += fmt.Sprint(" mod ", t.Mod)
	}
	if t.ArrayName != "" {
		s += " in " + t.ArrayName
	}
	if t.ByteOrder {
		s += " bytes"
	}
	if t.Nondeterministic {
		s += " nondeterministic"
	}
	if t.Labels != nil {
		s += " " + strings.Join(t.Labels, "<")
	}
	if t.Elem != nil {
		s += " of [" + describe(t.Elem) + "]"
	}
	for _, f := range t.Fields {
		s += " {" + describe(f) + "}"
	}
	return s
}

// TestType defines each column by SQL and says what its type must be.
func TestType(t *testing.T) {
	t.Parallel()
	const prelude = `CREATE SCHEMA "My ""s"; SET search_path = "My ""s", pg_catalog;
		CREATE TYPE mood AS ENUM ('sad', 'ok'); ALTER TYPE mood ADD VALUE 'so-so' BEFORE 'ok';
		CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE > 0); CREATE DOMAIN fee AS price NOT NULL;
		CREATE DOMAIN code AS char(3) COLLATE "C"; CREATE DOMAIN list AS int[];
		CREATE TYPE pair AS (a int, gone text, "B c" varchar(5) COLLATE "C"); ALTER TYPE pair DROP ATTRIBUTE gone;
		CREATE TYPE nest AS (p pair, l fee[]);
		CREATE TYPE span AS RANGE (subtype = text, collation = "C", multirange_type_name = spans);
		CREATE TYPE "text" AS (x int);
		CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false);`
	q := `"My ""s"`
	columns := []struct{ sql, want string }{
		{"bool", fmt.Sprintf("boolean %d in boolean[]", row.Bool)},
		{"int", fmt.Sprintf("integer %d in integer[]", row.Int4)},
		{"numeric", fmt.Sprintf("numeric %d in numeric[]", row.Numeric)},
		{"numeric(10,2)", fmt.Sprintf("numeric(10,2) %d mod 655366 in numeric[]", row.Numeric)},
		{`char(3) COLLATE "C"`, fmt.Sprintf("character(3) %d mod 7 in bpchar[] bytes", row.Bpchar)},
		{`bpchar COLLATE "POSIX"`, fmt.Sprintf("bpchar %d in bpchar[] bytes", row.Bpchar)},
		{"bit(4)", fmt.Sprintf(`bit(4) %d mod 4 in "bit"[]`, row.Bit)},
		{`"char"`, fmt.Sprintf(`"char" %d in "char"[]`, row.Char)},
		{"name", fmt.Sprintf("name %d in name[] bytes", row.Name)},
		{`pg_catalog.text COLLATE ucs_basic`, fmt.Sprintf("text %d in text[] bytes", row.Text)},
		{`varchar(9) COLLATE loose`, fmt.Sprintf("character varying(9) %d mod 13 in character varying[] nondeterministic", row.Text)},
		{"interval day to second(3)", fmt.Sprintf("interval day to second(3) %d mod 470286339 in interval[]", row.Interval)},
		{"timestamptz(0)", fmt.Sprintf("timestamp(0) with time zone %d mod 0 in timestamp with time zone[]", row.Timestamptz)},
		{"regclass", fmt.Sprintf("regclass %d in regclass[]", row.OID)},
		{"json", fmt.Sprintf("json %d in json[]", row.Opaque)},
		{"point", fmt.Sprintf("point %d in point[]", row.Opaque)},
		{"int2vector", fmt.Sprintf("int2vector %d in int2vector[]", row.Opaque)},
		{"text", fmt.Sprintf("%s.text %d in %s.text[] {integer %d in integer[]}", q, row.Composite, q, row.Int4)},
		{"mood", fmt.Sprintf("%s.mood %d in %s.mood[] sad<so-so<ok", q, row.Enum, q)},
		{"price", fmt.Sprintf("%s.price %d is numeric(10,2) mod 655366 in numeric[]", q, row.Numeric)},
		{"fee", fmt.Sprintf("%s.fee %d is numeric(10,2) mod 655366 in numeric[]", q, row.Numeric)},
		{"code", fmt.Sprintf("%s.code %d is character(3) mod 7 in bpchar[] bytes", q, row.Bpchar)},
		{"list", fmt.Sprintf("%s.list %d is integer[] of [integer %d in integer[]]", q, row.Array, row.Int4)},
		{"numeric(10,2)[]", fmt.Sprintf("numeric(10,2)[] %d mod 655366 of [numeric(10,2) %d mod 655366 in numeric[]]", row.Array, row.Numeric)},
		{"fee[]", fmt.Sprintf("%s.fee[] %d of [%s.fee %d is numeric(10,2) mod 655366 in numeric[]]", q, row.Array, q, row.Numeric)},
		{`varchar[] COLLATE "C"`, fmt.Sprintf("character varying[] %d bytes of [character varying %d in character varying[] bytes]", row.Array, row.Text)},
		{"nest", fmt.Sprintf("%s.nest %d in %s.nest[] {%s.pair %d in %s.pair[] {integer %d in integer[]} {character varying(5) %d mod 9 in character varying[] bytes}} "+
			"{%s.fee[] %d of [%s.fee %d is numeric(10,2) mod 655366 in numeric[]]}", q, row.Composite, q, q, row.Composite, q, row.Int4, row.Text, q, row.Array, q, row.Numeric)},
		{"int4range", fmt.Sprintf("int4range %d in int4range[] of [integer %d in integer[]]", row.Range, row.Int4)},
		{"span", fmt.Sprintf("%s.span %d in %s.span[] of [text %d in text[] bytes]", q, row.Range, q, row.Text)},
		{"spans", fmt.Sprintf("%s.spans %d in %s.spans[] of [%s.span %d in %s.span[] of [text %d in text[] bytes]]", q, row.Multirange, q, q, row.Range, q, row.Text)},
	}
	create := prelude + " CREATE TABLE wide ("
	for i, c := range columns {
		create += fmt.Sprintf("c%d %s, d%d int, ", i, c.sql, i)
	}
	create += "e int);"
	for i := range columns {
		create += fmt.Sprintf("ALTER TABLE wide DROP COLUMN d%d;", i)
	}
	conn := open(t, create)
	r, err := New(t.Context(), conn).Relation(oid(t, conn, `'"My ""s".wide'::regclass`))
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != q+".wide" || len(r.Columns) != len(columns)+1 {
		t.Fatalf("relation %s has %d columns, want %s.wide and %d", r.Name, len(r.Columns), q, len(columns)+1)
	}
	for i, c := range columns {
		got := r.Columns[i]
		if s := describe(got.Type); s != c.want || got.Name != fmt.Sprint("c", i) || int(got.Number) != 2*i+1 {
			t.Errorf("%s: column %d %s is %s, want c%d and %s", c.sql, got.Number, got.Name, s, i, c.want)
		}
		for _, name := range []string{got.Type.Name, got.Type.BaseName, got.Type.ArrayName} {
			if name == "" {
				continue // An array has no array type.
			}
			if _, err := conn.Exec(t.Context(), "SELECT NULL::"+name+" WHERE false"); err != nil && !strings.Contains(err.Error(), "not-null") {
				t.Errorf("%s: cast to %s: %v", c.sql, name, err)
			}
		}
	}
}

// TestOpaqueType: what citext means by equality only citext knows.
func TestOpaqueType(t *testing.T) {
	t.Parallel()
	conn := open(t, "CREATE SCHEMA x; CREATE TYPE x.shell; CREATE FUNCTION x.i(cstring) RETURNS x.shell LANGUAGE internal IMMUTABLE STRICT AS 'textin';"+
		"CREATE FUNCTION x.o(x.shell) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';"+
		"CREATE TYPE x.shell (input = x.i, output = x.o, like = text);")
	d := New(t.Context(), conn)
	got, err := d.Type(oid(t, conn, "'x.shell'::regtype"), -1, 0)
	if err != nil || got.Kind != row.Opaque || got.Name != "x.shell" || got.ArrayName != "x.shell[]" {
		t.Errorf("Type = %+v, %v, want an opaque x.shell", got, err)
	}
	if got, err := d.Type(2249, -1, 0); err != nil || got.Kind != row.Opaque || got.ArrayName != "" {
		t.Errorf("Type = %+v, %v, want an opaque record without arrays", got, err)
	}
}

// TestDefaultCollation: "default" is what the database says.
func TestDefaultCollation(t *testing.T) {
	t.Parallel()
	admin := pgtest.Connect(t, pgtest.AdminURL(t, "postgres"))
	var version int
	if err := admin.QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
		t.Fatal(err)
	}
	options := map[string]bool{"LOCALE 'C'": true, "LOCALE 'POSIX'": true, "LOCALE 'C.UTF-8'": false, "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'": true}
	if version >= 15 {
		options["LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C'"] = false
	}
	if version >= 17 {
		options["LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"] = true
	}
	for option, want := range options {
		name := fmt.Sprintf("collation_%p", &option)
		if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8' "+option); err != nil {
			t.Fatal(err)
		}
		conn := pgtest.Connect(t, pgtest.AdminURL(t, name))
		if _, err := conn.Exec(t.Context(), "SET search_path = pg_catalog"); err != nil {
			t.Fatal(err)
		}
		got, err := New(t.Context(), conn).Type(25, -1, defaultCollation)
		if err != nil || got.ByteOrder != want || got.Nondeterministic {
			t.Errorf("%s: Type = %+v, %v, want byte order %v", option, got, err, want)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.Exec(t.Context(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	}
}

// TestCollationName: names stand in COLLATE.
func TestCollationName(t *testing.T) {
	t.Parallel()
	conn := open(t, `CREATE SCHEMA "S"; CREATE COLLATION "S"."x y" FROM "C"`)
	d := New(t.Context(), conn)
	for expression, want := range map[string]string{
		"100": `pg_catalog."default"`,
		"950": `pg_catalog."C"`,
		`(SELECT oid FROM pg_collation WHERE collname = 'x y')`: `"S"."x y"`,
	} {
		if got, err := d.Collation(oid(t, conn, expression)); err != nil || got != want {
			t.Errorf("Collation(%s) = %s, %v, want %s", expression, got, err, want)
		}
	}
}

// TestFunctionAndOperator looks at built-in ones, whose facts are documented.
func TestFunctionAndOperator(t *testing.T) {
	t.Parallel()
	conn := open(t, `CREATE SCHEMA "F"; CREATE FUNCTION "F"."g h"(VARIADIC a int[]) RETURNS SETOF int LANGUAGE sql STABLE STRICT AS 'SELECT 1'`)
	d := New(t.Context(), conn)
	for expression, want := range map[string]schema.Function{
		"'int4pl'::regproc":         {Schema: "pg_catalog", Name: "int4pl", Kind: 'f', Volatility: 'i', Strict: true, Language: "internal", Source: "int4pl"},
		"'sum(int8)'::regprocedure": {Schema: "pg_catalog", Name: "sum", Kind: 'a', Volatility: 'i', Language: "internal", Source: "aggregate_dummy"},
		"'rank()'::regprocedure":    {Schema: "pg_catalog", Name: "rank", Kind: 'w', Volatility: 'i', Language: "internal", Source: "window_rank"},
		`'"F"."g h"'::regproc`:      {Schema: "F", Name: "g h", Kind: 'f', Volatility: 's', Strict: true, ReturnsSet: true, Variadic: true, Language: "sql", Source: "SELECT 1"},
	} {
		want.OID = oid(t, conn, expression)
		if got, err := d.Function(want.OID); err != nil || *got != want {
			t.Errorf("Function(%s) = %+v, %v, want %+v", expression, got, err, want)
		}
	}
	o, err := d.Operator(96)
	want := schema.Operator{OID: 96, Schema: "pg_catalog", Name: "=", Function: 65, Commutator: 96, Negator: 518, Hashable: true, Mergeable: true}
	if err != nil || *o != want {
		t.Errorf("Operator(96) = %+v, %v, want %+v", o, err, want)
	}
}

// TestEnumLabel: constants hold the OID of a value.
func TestEnumLabel(t *testing.T) {
	t.Parallel()
	conn := open(t, "CREATE TYPE public.mood AS ENUM ('sad', 'ok')")
	id := oid(t, conn, "SELECT oid FROM pg_enum WHERE enumlabel = 'ok'")
	if got, err := New(t.Context(), conn).EnumLabel(id); err != nil || got != "ok" {
		t.Errorf("EnumLabel = %q, %v, want ok", got, err)
	}
}

// TestFieldName: a dropped field keeps its number.
func TestFieldName(t *testing.T) {
	t.Parallel()
	conn := open(t, `CREATE TYPE public.pair AS (a int, gone int, "B c" int); ALTER TYPE public.pair DROP ATTRIBUTE gone`)
	d, id := New(t.Context(), conn), oid(t, conn, "'public.pair'::regtype")
	if got, err := d.FieldName(id, 3); err != nil || got != "B c" {
		t.Errorf("FieldName = %q, %v, want B c", got, err)
	}
	if got, err := d.FieldName(id, 2); !errors.Is(err, schema.ErrNotFound) {
		t.Errorf("FieldName of a dropped field = %q, %v, want not found", got, err)
	}
}

// TestVersion compares with the server that was started.
func TestVersion(t *testing.T) {
	t.Parallel()
	if got := New(t.Context(), open(t, "")).Version(); got != pgtest.Server(t).Major() {
		t.Errorf("version %d, want %d", got, pgtest.Server(t).Major())
	}
}

// TestNotFound: each lookup wraps the error that the compiler asks for.
func TestNotFound(t *testing.T) {
	t.Parallel()
	d := New(t.Context(), open(t, ""))
	const none = 4000000000
	_, relation := d.Relation(none)
	_, function := d.Function(none)
	_, operator := d.Operator(none)
	_, typ := d.Type(none, -1, 0)
	_, collation := d.Collation(none)
	_, used := d.Type(25, -1, none)
	_, label := d.EnumLabel(none)
	_, name := d.FieldName(none, 1)
	for name, err := range map[string]error{"relation": relation, "function": function, "operator": operator, "type": typ, "collation": collation, "collation of type": used, "label": label, "field": name} {
		if !errors.Is(err, schema.ErrNotFound) {
			t.Errorf("%s: %v, want not found", name, err)
		}
	}
}

// TestSearchPath: with another path names would come out unqualified.
func TestSearchPath(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.Database(t))
	d := New(t.Context(), conn)
	if _, err := d.Type(25, -1, 0); !errors.Is(err, ErrSearchPath) {
		t.Errorf("Type = %v, want an error about search_path", err)
	}
	if _, err := d.EnumLabel(1); !errors.Is(err, ErrSearchPath) {
		t.Errorf("EnumLabel = %v, want an error about search_path", err)
	}
}
