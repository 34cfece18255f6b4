package expr

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// TestNotNative fails if something that depends on the session, the server's
// libraries or its version is computed here all the same.
func TestNotNative(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	o.fill(t, []string{"text", "timestamptz", "float8", "int4", "date", "inet", "cidr", "interval"}, "SELECT 'a', 'epoch', 1, 1, '2000-01-01', '::1', '::1', '1 day'")
	for _, sql := range []string{
		"random()", "now()", "CURRENT_DATE", "lower(c0)", "upper(c0)", "c0 < 'a'", "GREATEST(c0, 'b')", "c0 COLLATE loose = 'a'", "c0 COLLATE loose LIKE 'a'",
		"strpos(c0 COLLATE loose, 'a')", "c0 LIKE c0", `c0 LIKE 'a\'`, "c0 ILIKE 'a'", "c0 ~ 'a'", "c0::date", "c0::float8", "c2::text", "c4::text", "c2 || 'x'",
		"c1 + interval '1 day'", "c1 + c7", "c1::date", "date_trunc('day', c1)", "extract(hour FROM c1)", "exp(c2)", "c2 ^ 2", "c6::inet = c5", "c5 = '::1'",
		"round(c2::numeric, c3)", "round(c2::numeric, 3000)", "date_trunc(c0, c4::timestamp)", "extract(julian FROM c4::timestamp)", "extract(day FROM c7)",
		"ROW(c0, c1) IS NULL", "(ARRAY[1,2])[c3]", "c3 << c3", "c3 << 32", "c3::small", "concat(c0, c3)", "format('%s', c0)", "ARRAY[ARRAY[c3]]", "c0::char(1) < 'b'",
		"jsonb_build_object('a', c3)", "(c0, 1) < ('b', 2)", "c0::name", "c3::money",
	} {
		if _, err := Compile(o.expression(t, sql), o.catalog); !errors.Is(err, ErrNotNative) {
			t.Errorf("%s: error %v, want ErrNotNative", sql, err)
		}
	}
}

// oldCatalog tells no version.
type oldCatalog struct{ schema.Catalog }

// TestUnknownVersion fails if a function that differs between versions is computed
// without knowing the version, or one that does not differ is not.
func TestUnknownVersion(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	o.fill(t, []string{"timestamp", "interval", "text"}, "SELECT '2000-01-01', '1 day', '1'")
	for sql, native := range map[string]bool{"c0 - c0": false, "c0 + c1": false, "c2::int4": false, "c0 + interval '1 day'": true, "c0 > c0": true} {
		_, err := Compile(o.expression(t, sql), oldCatalog{o.catalog})
		if native != (err == nil) || err != nil && !errors.Is(err, ErrNotNative) {
			t.Errorf("%s: error %v, want native %v", sql, err, native)
		}
	}
}

// TestVolatility checks the worst offender of expressions. It fails if a kind of
// node is passed over.
func TestVolatility(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	o.fill(t, []string{"text", "timestamptz", "float8", "int4", "date", "mood", "small"}, "SELECT 'a', 'epoch', 1, 1, '2000-01-01', 'ok', 1")
	o.exec(t, `CREATE FUNCTION roll(int, int) RETURNS bool VOLATILE LANGUAGE sql AS 'SELECT random() < 0.5';
		CREATE OPERATOR ==> (FUNCTION = roll, LEFTARG = int, RIGHTARG = int)`)
	for _, tt := range []struct {
		sql   string
		worst byte
		name  string
	}{
		{"c3 + 1", 'i', ""},
		{"CASE WHEN c3 > 1 THEN c3::text ELSE upper(c0) END", 'i', ""},
		{"c3 + random()", 'v', "pg_catalog.random"},
		{"COALESCE(c1, now())", 's', "pg_catalog.now"},
		{"COALESCE(c1, now(), clock_timestamp())", 'v', "pg_catalog.clock_timestamp"},
		{"c3 ==> 1", 'v', "public.roll"},
		{"1 ==> ANY (ARRAY[c3])", 'v', "public.roll"},
		{"c1 + interval '1 day'", 's', "timestamptz_pl_interval"},
		{"(c1, 1) < (c1::timestamp, c3)", 's', ""},
		{"c4 = CURRENT_DATE", 's', "CURRENT_DATE"},
		{"c4::text", 's', "cast through text"},
		{"c0::timestamp", 's', "cast through text"},
		{"'12:00'::time::text", 'i', ""},
		{"c0::time", 's', "cast through text"},
		{"c5::text", 's', "cast through text"},
		{"c2::text", 'i', ""},
		{"c6::text", 'i', ""},
		{"c0::jsonb::text", 'i', ""},
		{"c0::xml::text", 's', ""},
		{"ARRAY[c3]::text[]::regclass[]", 's', ""},
	} {
		worst, name, at := Volatility(o.expression(t, tt.sql), o.catalog)
		if worst != tt.worst || !strings.Contains(name, tt.name) || (worst == 'i') != (name == "") || worst == 'i' && at != -1 {
			t.Errorf("%s: %c %q at %d, want %c %q", tt.sql, worst, name, at, tt.worst, tt.name)
		}
	}
}

// column4 makes a column or constant for tests without a server.
func column4(i int) tree.Expr { return &tree.Column{Index: i, Type: tree.TypeRef{OID: 23, Mod: -1}} }

func const4(i int32) tree.Expr {
	return &tree.Const{Type: tree.TypeRef{OID: 23, Mod: -1}, Value: binary.BigEndian.AppendUint32(nil, uint32(i))}
}

func op(function uint32, args ...tree.Expr) tree.Expr {
	return &tree.Op{Function: function, Args: args, Type: tree.TypeRef{OID: 16, Mod: -1}}
}

// TestDecidedBeatsError fails if AND and OR let an error win over an operand that
// decides them, or lose an error where none does.
func TestDecidedBeatsError(t *testing.T) {
	t.Parallel()
	fails := op(65, op(154, const4(1), column4(0)), const4(1)) // 1 / c0 = 1
	is := func(i int32) tree.Expr { return op(65, column4(0), const4(i)) }
	null := &tree.Const{Type: tree.TypeRef{OID: 16, Mod: -1}, Null: true}
	for _, tt := range []struct {
		name string
		op   tree.BoolOp
		args []tree.Expr
		want row.Value
		fail bool
	}{
		{"FalseAfterError", tree.And, []tree.Expr{fails, is(1)}, row.Value{0}, false},
		{"TrueAfterError", tree.Or, []tree.Expr{fails, is(0)}, row.Value{1}, false},
		{"ErrorAndTrue", tree.And, []tree.Expr{is(0), fails, null}, nil, true},
		{"ErrorOrFalse", tree.Or, []tree.Expr{fails, null, is(1)}, nil, true},
		{"NullAndTrue", tree.And, []tree.Expr{null, is(0)}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := Compile(&tree.Bool{Op: tt.op, Args: tt.args}, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Eval([]row.Value{{0, 0, 0, 0}})
			if string(got) != string(tt.want) || (got == nil) != (tt.want == nil) || (err != nil) != tt.fail {
				t.Errorf("= %v, %v, want %v, error %v", got, err, tt.want, tt.fail)
			}
		})
	}
}

// TestNoAllocations fails if evaluation of numbers, dates and text comparisons makes
// garbage.
func TestNoAllocations(t *testing.T) {
	o := newOracle(t)
	o.fill(t, []string{"int4", "float8", "date", "text", "timestamp", "numeric"}, "SELECT 5, 1.5, '2020-01-01', 'abc', '2020-01-01', 1.5")
	for _, sql := range []string{
		"(c0 + 7) * 3 > 5 AND c1 / 2 < 1.5::float8", "CASE WHEN c0 IN (1,2,3,4,5,6,7,8,9,10) THEN c2 + 1 END", "c3 LIKE 'a%' OR c3 = 'b'",
		"c4 + interval '1 month'", "extract(year FROM c4)", "c5 > 1.4", "length(c3 || 'x')", "date_trunc('month', c4)", "c0::int8::float8", "c0::text",
	} {
		p, err := Compile(o.expression(t, sql), o.catalog)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		n := testing.AllocsPerRun(100, func() {
			if _, err := p.Eval(o.rows[0]); err != nil {
				t.Error(err)
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations", sql, n)
		}
	}
}

// BenchmarkFilter reports the rows that a typical condition tests per second.
func BenchmarkFilter(b *testing.B) {
	e := &tree.Bool{Op: tree.And, Args: []tree.Expr{op(147, op(177, column4(0), const4(7)), const4(5)), op(66, column4(1), const4(100))}}
	p, err := Compile(e, nil)
	if err != nil {
		b.Fatal(err)
	}
	values := []row.Value{{0, 0, 0, 9}, {0, 0, 0, 8}}
	for b.Loop() {
		if _, err := p.Eval(values); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
