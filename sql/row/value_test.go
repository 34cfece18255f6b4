package row_test

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/millrace/millrace/sql/row"
)

// TestValues reads what PostgreSQL sends of each type, and makes the same bytes.
func TestValues(t *testing.T) {
	t.Parallel()
	conn, _ := connect(t)
	uuid := [16]byte{0: 0x80, 15: 0x2a}
	for _, tt := range []struct {
		sql  string
		read func(row.Value) any
		want any
		made row.Value
	}{
		{"true", func(v row.Value) any { return v.Bool() }, true, row.BoolValue(true)},
		{"false", func(v row.Value) any { return v.Bool() }, false, row.BoolValue(false)},
		{"'-32768'::int2", func(v row.Value) any { return v.Int2() }, int16(math.MinInt16), row.Int2Value(math.MinInt16)},
		{"-7::int4", func(v row.Value) any { return v.Int4() }, int32(-7), row.Int4Value(-7)},
		{"'-9223372036854775808'::int8", func(v row.Value) any { return v.Int8() }, int64(math.MinInt64), row.Int8Value(math.MinInt64)},
		{"4000000000::oid", func(v row.Value) any { return v.OID() }, uint32(4000000000), row.OIDValue(4000000000)},
		{"-1.5::float4", func(v row.Value) any { return v.Float4() }, float32(-1.5), row.Float4Value(-1.5)},
		{"1e300::float8", func(v row.Value) any { return v.Float8() }, 1e300, row.Float8Value(1e300)},
		{"'-Infinity'::float8", func(v row.Value) any { return v.Float8() }, math.Inf(-1), row.Float8Value(math.Inf(-1))},
		{"'1999-12-30'::date", func(v row.Value) any { return v.Date() }, int32(-2), row.DateValue(-2)},
		{"'infinity'::date", func(v row.Value) any { return v.Date() }, int32(math.MaxInt32), row.DateValue(math.MaxInt32)},
		{"'00:00:01.5'::time", func(v row.Value) any { return v.Time() }, int64(1500000), row.TimeValue(1500000)},
		{"'00:00:01+02'::timetz", func(v row.Value) any { m, w := v.Timetz(); return [2]int64{m, int64(w)} }, [2]int64{1000000, -7200}, row.TimetzValue(1000000, -7200)},
		{"'2000-01-02'::timestamp", func(v row.Value) any { return v.Timestamp() }, int64(86400e6), row.TimestampValue(86400e6)},
		{"'1999-12-31 23:00Z'::timestamptz", func(v row.Value) any { return v.Timestamp() }, int64(-3600e6), row.TimestampValue(-3600e6)},
		{"'-infinity'::timestamptz", func(v row.Value) any { return v.Timestamp() }, int64(math.MinInt64), row.TimestampValue(math.MinInt64)},
		{"'-14 mons 3 days -00:00:01'::interval", func(v row.Value) any { return v.Interval() }, row.IntervalParts{Micros: -1e6, Days: 3, Months: -14}, row.IntervalValue(row.IntervalParts{Micros: -1e6, Days: 3, Months: -14})},
		{"'80000000-0000-0000-0000-00000000002a'::uuid", func(v row.Value) any { return v.UUID() }, uuid, row.UUIDValue(uuid)},
		{"'é '::text", func(v row.Value) any { return v.Text() }, "é ", row.TextValue("é ")},
		{"''::text", func(v row.Value) any { return v.Text() }, "", row.TextValue("")},
		{`'\x00ff'::bytea`, func(v row.Value) any { return string(v.Bytea()) }, "\x00\xff", row.ByteaValue([]byte{0, 255})},
		{"'{}'::int4[]", readArray, "23 [] 0 []", row.MakeArray(23)},
		{"'{1,NULL}'::int4[]", readArray, "23 [{2 1}] 2 [00000001 NULL]", row.MakeArray(23, row.Int4Value(1), nil)},
		{`'{"",a}'::text[]`, readArray, "25 [{2 1}] 2 [ 61]", row.MakeArray(25, row.TextValue(""), row.TextValue("a"))},
		{"'[-1:0][5:5]={{1},{2}}'::int4[]", readArray, "23 [{2 -1} {1 5}] 2 [00000001 00000002]", nil},
		{"row(1, NULL::int, ''::text)", readComposite, "23 00000001; 23 NULL; 25 ; ", nil},
		{"'empty'::int4range", readRange, row.RangeParts{Empty: true}, nil},
		{"'(,)'::int4range", readRange, row.RangeParts{}, nil},
		{"'[1,)'::int4range", readRange, row.RangeParts{Lower: row.Bound{Value: row.Int4Value(1), Inclusive: true}}, nil},
		{"'(1999-12-30,1999-12-31)'::tsrange", readRange, row.RangeParts{Lower: row.Bound{Value: row.TimestampValue(-2 * 86400e6)}, Upper: row.Bound{Value: row.TimestampValue(-86400e6)}}, nil},
		{"'{[1,2),[5,)}'::int4multirange", readMultirange, "2 ranges", nil},
	} {
		v := binary(t, conn, "SELECT "+tt.sql)[0]
		if got := tt.read(v); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: read %v, want %v", tt.sql, got, tt.want)
		}
		if tt.made != nil && !bytes.Equal(v, tt.made) {
			t.Errorf("%s: made %x, want %x", tt.sql, tt.made, v)
		}
	}
}

func show(v row.Value) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprintf("%x", []byte(v))
}

func readArray(v row.Value) any {
	a := v.Array()
	elements := []string{}
	for e := range a.All() {
		elements = append(elements, show(e))
	}
	return fmt.Sprint(a.Elem, a.Dimensions, a.Len(), elements)
}

func readComposite(v row.Value) any {
	s := ""
	for oid, field := range v.Composite() {
		s += fmt.Sprint(oid, " ", show(field), "; ")
	}
	return s
}

func readRange(v row.Value) any { return v.Range() }

func readMultirange(v row.Value) any {
	return fmt.Sprintf("%d ranges", len(slices.Collect(v.Multirange())))
}

// TestRow checks that rows come apart as they were put together, and that keys of
// several columns do not run into each other.
func TestRow(t *testing.T) {
	t.Parallel()
	values := []row.Value{nil, {}, row.TextValue("a"), bytes.Repeat([]byte{7}, 300), nil}
	if got := row.Make(values...).Split(nil); !reflect.DeepEqual(got, values) {
		t.Errorf("Split = %x, want %x", got, values)
	}
	for _, bad := range []string{"\x80", "\x05a", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Split(%q) does not panic", bad)
				}
			}()
			row.Row(bad).Split(nil)
		}()
	}
	types := []*row.Type{{Kind: row.Text}, {Kind: row.Bpchar}, {Kind: row.Numeric}}
	key := func(a, b string) string {
		return string(row.AppendKeys(nil, types, []row.Value{row.TextValue(a), row.TextValue(b), nil}))
	}
	if key("a", "b ") != key("a", "b") || key("ab", "") == key("a", "b") || key("", " ") == key(" ", "") {
		t.Errorf("keys %q, %q, %q, %q", key("a", "b "), key("a", "b"), key("ab", ""), key("a", "b"))
	}
	if got := row.Row(key("a", "b ")).Split(nil); len(got) != 3 || string(got[1]) != "b" || got[2] != nil {
		t.Errorf("key as a row: %q", got)
	}
}

// TestRefused are the types of which PostgreSQL alone knows what is equal, or in which
// order.
func TestRefused(t *testing.T) {
	t.Parallel()
	foreign := &row.Type{Kind: row.Text, Nondeterministic: true, ByteOrder: true}
	local := &row.Type{Kind: row.Text}
	for _, tt := range []struct {
		name               string
		typ                row.Type
		equatable, ordered bool
	}{
		{"Opaque", row.Type{}, false, false},
		{"Nondeterministic", *foreign, false, false},
		{"Local", *local, true, false},
		{"LocalBpchar", row.Type{Kind: row.Bpchar}, true, false},
		{"LocalName", row.Type{Kind: row.Name}, true, false},
		{"EnumWithoutLabels", row.Type{Kind: row.Enum}, true, false},
		{"ArrayOfOpaque", row.Type{Kind: row.Array, Elem: &row.Type{}}, false, false},
		{"ArrayOfUnknown", row.Type{Kind: row.Array}, false, false},
		{"ArrayOfLocal", row.Type{Kind: row.Array, Elem: local}, true, false},
		{"DomainOfVector", row.Type{Kind: row.Array, BaseName: "oidvector", Elem: &row.Type{Kind: row.OID}}, true, false},
		{"CompositeOfForeign", row.Type{Kind: row.Composite, Fields: []*row.Type{local, foreign}}, false, false},
		{"Record", row.Type{Kind: row.Composite}, false, false},
		{"OwnRange", row.Type{OID: 16400, BaseName: "public.floatrange", Kind: row.Range, Elem: &row.Type{Kind: row.Float8}}, false, false},
		{"DomainOfRange", row.Type{OID: 16400, BaseName: "int4range", Kind: row.Range, Elem: &row.Type{Kind: row.Int4}}, true, true},
		{"JSONB", row.Type{Kind: row.JSONB}, true, false},
	} {
		if e, o := tt.typ.Equatable(), tt.typ.Ordered(); e != tt.equatable || o != tt.ordered {
			t.Errorf("%s: Equatable %t, Ordered %t, want %t, %t", tt.name, e, o, tt.equatable, tt.ordered)
		}
	}
}

// TestCheckOrder finds labels that an enum got later.
func TestCheckOrder(t *testing.T) {
	t.Parallel()
	array := row.Type{Kind: row.Array, Elem: &mood}
	pair := row.Type{Kind: row.Composite, Fields: []*row.Type{&int4, &array}}
	if int4.HasEnum() || !mood.HasEnum() || !array.HasEnum() || !pair.HasEnum() {
		t.Error("HasEnum")
	}
	for label, want := range map[string]bool{"ok": true, "OK": false} {
		if got := array.CheckOrder(row.MakeArray(1, nil, row.TextValue(label))); got != want {
			t.Errorf("CheckOrder(%s) = %t, want %t", label, got, want)
		}
	}
	if !mood.CheckOrder(nil) {
		t.Error("CheckOrder(NULL) = false")
	}
}

// TestNumericForms checks that zero digits at either end of a numeric, which
// PostgreSQL does not send but accepts, make no other value.
func TestNumericForms(t *testing.T) {
	t.Parallel()
	one := row.Value{0, 1, 0, 0, 0, 0, 0, 0, 0, 1}
	for _, same := range []row.Value{
		{0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1},
		{0, 2, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0},
	} {
		if !bytes.Equal(decimal.AppendKey(nil, one), decimal.AppendKey(nil, same)) {
			t.Errorf("%x and %x have keys %x and %x", one, same, decimal.AppendKey(nil, one), decimal.AppendKey(nil, same))
		}
	}
}
