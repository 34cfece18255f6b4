package view

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/sql/row"
)

// KeyType is a type of keys, with values by a number i.
type KeyType struct{ Name, Type, Value string }

// KeyTypesSQL makes those of them that are not PostgreSQL's own.
const KeyTypesSQL = `CREATE TYPE mood AS ENUM ('good', 'bad', 'a', 'Z'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN short AS text CHECK (length(VALUE) < 9)`

// KeyTypes are types by which views are walked.
var KeyTypes = []KeyType{
	{"k_int", "int", "i"},
	{"k_small", "int2", "i % 9"},
	{"k_big", "int8", "i * 10000000000"},
	{"k_bool", "bool", "i % 2 = 0"},
	{"k_oid", "oid", "i"},
	{"k_numeric", "numeric", "CASE i % 4 WHEN 0 THEN 1.0 WHEN 1 THEN 1.00 WHEN 2 THEN 'NaN' ELSE i END"},
	{"k_float", "float8", "CASE i % 6 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' WHEN 2 THEN 0 WHEN 3 THEN '-Infinity' ELSE i / 3.0 END"},
	{"k_real", "float4", "i / 7.0"},
	{"k_money", "money", "i::money"},
	{"k_text", "text", "CASE i % 5 WHEN 0 THEN '' WHEN 1 THEN 'Ä' || i WHEN 2 THEN 'a ' || i ELSE 'A-' || i END"},
	{"k_bytes", `text COLLATE "C"`, "CASE i % 3 WHEN 0 THEN 'Z' || i ELSE 'ä' || i END"},
	{"k_varchar", "varchar(9)", "'v' || i"},
	{"k_bpchar", "char(6)", "'c' || i"},
	{"k_name", "name", "'n' || i"},
	{"k_char", `"char"`, "chr(40 + i)"},
	{"k_bytea", "bytea", "CASE i % 4 WHEN 0 THEN '' ELSE decode(lpad(to_hex(i), 4, '0'), 'hex') END"},
	{"k_date", "date", "CASE i % 9 WHEN 0 THEN 'infinity' ELSE '1999-12-20'::date + i END"},
	{"k_time", "time", "'00:00'::time + i * '1 minute'::interval"},
	{"k_timetz", "timetz", "('12:00+0' || i % 9)::timetz"},
	{"k_stamp", "timestamptz", "'2020-03-29 00:30 Europe/Berlin'::timestamptz + i * '7 minutes'::interval"},
	{"k_interval", "interval", "CASE i % 3 WHEN 0 THEN '1 day' WHEN 1 THEN '24 hours' ELSE i * '1 hour'::interval END"},
	{"k_uuid", "uuid", "md5(i::text)::uuid"},
	{"k_inet", "inet", "('10.0.0.' || i % 200 || '/' || 20 + i % 10)::inet"},
	{"k_cidr", "cidr", "('10.' || i % 200 || '.0.0/16')::cidr"},
	{"k_mac", "macaddr", "('08:00:2b:01:02:' || lpad(to_hex(i % 200), 2, '0'))::macaddr"},
	{"k_bit", "bit varying", "i::bit(7)::varbit"},
	{"k_jsonb", "jsonb", "CASE i % 4 WHEN 0 THEN '1.0' WHEN 1 THEN '1.00' ELSE jsonb_build_object('a', i) END"},
	{"k_array", "int[]", "CASE i % 4 WHEN 0 THEN '{}' WHEN 1 THEN ARRAY[NULL, i] ELSE ARRAY[i, 2] END"},
	{"k_texts", "text[]", "ARRAY['x' || i % 30, NULL]"},
	{"k_range", "int4range", "CASE i % 7 WHEN 0 THEN 'empty' ELSE int4range(i, i + 5) END"},
	{"k_mood", "mood", "(ARRAY['good', 'bad', 'a', 'Z'])[1 + i % 4]::mood"},
	{"k_domain", "short", "'d' || i"},
	{"k_pair", "pair", "CASE i % 3 WHEN 0 THEN ROW(NULL, NULL)::pair WHEN 1 THEN ROW(i, NULL)::pair ELSE ROW(1, 'p' || i)::pair END"},
}

// TestWalkCovers walks a table that changes between any two ranges, by a key of each
// type and a second column: each row that there could ever be is in exactly one range.
func TestWalkCovers(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	pgtest.Exec(t, url, KeyTypesSQL)
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeConn(conn) })
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for i, k := range KeyTypes {
		w := newWalked(t, k, pool, conn)
		w.random = rand.New(rand.NewPCG(seed, uint64(i)))
		w.run()
	}
}

// walked is a table that is walked.
type walked struct {
	*testing.T
	walk
	table  ranger
	random *rand.Rand
}

// newWalked makes a table and a probe, which has all rows that the table could have:
// many for some values, some with NULL, and more at both ends.
func newWalked(t *testing.T, k KeyType, pool *pgxpool.Pool, conn *pgx.Conn) *walked {
	t.Helper()
	w := &walked{T: t, table: ranger{conn, k.Name}}
	w.exec("CREATE TABLE " + k.Name + " (k " + k.Type + ", n int)")
	w.exec("CREATE TABLE probe_" + k.Name + " (k " + k.Type + ", n int, place serial)")
	w.exec(fmt.Sprintf("INSERT INTO probe_%s SELECT CASE WHEN i %% 13 = 0 THEN NULL ELSE %s END, nullif(n, 7) FROM generate_series(1, 60) AS i, generate_series(1, CASE WHEN i %% 9 = 0 THEN 12 ELSE 1 END) AS n", k.Name, k.Value))
	var oid, base uint32
	err := conn.QueryRow(t.Context(), "SELECT a.attrelid, coalesce(nullif(y.typbasetype, 0), y.oid) FROM pg_attribute AS a JOIN pg_type AS y ON y.oid = a.atttypid WHERE a.attrelid = $1::text::regclass AND a.attname = 'k'", k.Name).Scan(&oid, &base)
	if err != nil {
		t.Fatal(err)
	}
	p := pinnedView{definition: definition{View: oid, Definition: oid}, names: []string{"k", "n"}, types: []*row.Type{{}, {Kind: row.Int4}},
		numbers: []typeNumbers{{base: base}, {base: 23}}, floats: []bool{false, false}, key: []int{0, 1}}
	e := &Engine{config: Config{Pool: pool}}
	if w.columns, err = e.keyColumns(t.Context(), p); err != nil || len(w.columns) != 2 {
		t.Fatalf("%s: columns %v, error %v; want k and n", k.Name, w.columns, err)
	}
	w.size = 5
	return w
}

func (w *walked) exec(sql string) {
	w.Helper()
	if _, err := w.table.conn.Exec(w.Context(), sql); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

// run walks the table once, and asks each range for its rows of the probe.
func (w *walked) run() {
	w.Helper()
	found := map[string][]string{}
	ranges := 0
	for end := false; !end; ranges++ {
		w.exec(fmt.Sprintf("DELETE FROM %[1]s WHERE random() < 0.3; INSERT INTO %[1]s SELECT k, n FROM probe_%[1]s WHERE (place * %[2]d) %% 59 < 30", w.table.name, 1+w.random.IntN(58)))
		if w.random.IntN(5) == 0 {
			w.exec("TRUNCATE " + w.table.name)
		}
		s, err := w.next(w.Context(), w.table)
		if err != nil {
			w.Fatalf("%s: %v", w.table.name, err)
		}
		where, params := s.keys.condition(w.columns)
		err = readRows(w.Context(), w.table.conn, "SELECT place::text FROM probe_"+w.table.name+where, params, func(values []row.Value) {
			found[string(values[0])] = append(found[string(values[0])], s.keys.text(w.columns))
		})
		if err != nil {
			w.Fatalf("%s: %s: %v", w.table.name, s.keys.text(w.columns), err)
		}
		end = w.pass(s)
	}
	err := readRows(w.Context(), w.table.conn, "SELECT place::text, concat_ws(' ', k::text, n) FROM probe_"+w.table.name, &parameters{}, func(values []row.Value) {
		if in := found[string(values[0])]; len(in) != 1 {
			w.Errorf("%s: row %s is in ranges %s, want one of %d", w.table.name, values[1], slices.Compact(in), ranges)
		}
	})
	if err != nil {
		w.Fatal(strings.TrimSpace(err.Error()))
	}
}
