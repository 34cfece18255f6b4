package aggregate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// server connects to a database with an enum.
func server(t *testing.T) *pgx.Conn {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	if _, err := conn.Exec(ctx, "SET lc_monetary = 'C'; CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE TYPE pair AS (a int4, b numeric)"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// call is an aggregate with the types of its arguments, as PostgreSQL names it.
type call struct {
	oid   uint32
	name  string
	types []string
}

// sql is the call over columns x1, x2 of type text.
func (c call) sql() string {
	if len(c.types) == 0 {
		return c.name + "(*)"
	}
	var args []string
	for i, t := range c.types {
		args = append(args, fmt.Sprintf("x%d::%s", i+1, t))
	}
	return c.name + "(" + strings.Join(args, ", ") + ")"
}

// tuple is a row of arguments as text; nil is NULL.
type tuple []*string

// columns returns the tuples as two parameters of type text[].
func columns(rows []tuple) []any {
	parameters := [2][]*string{}
	for _, r := range rows {
		for i := range parameters {
			var v *string
			if i < len(r) {
				v = r[i]
			}
			parameters[i] = append(parameters[i], v)
		}
	}
	return []any{parameters[0], parameters[1]}
}

const from = " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(x1, x2, i)"

// query returns all values of a query over the tuples in binary format.
func query(conn *pgx.Conn, sql string, rows []tuple) ([][]row.Value, error) {
	parameters := columns(rows)
	result, err := conn.Query(context.Background(), sql, append([]any{pgx.QueryResultFormats{pgtype.BinaryFormatCode}}, parameters...)...)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	var all [][]row.Value
	for result.Next() {
		var values []row.Value
		for _, v := range result.RawValues() {
			if v == nil {
				values = append(values, nil)
			} else {
				values = append(values, append(row.Value{}, v...))
			}
		}
		all = append(all, values)
	}
	return all, result.Err()
}

// encode returns the tuples' arguments in binary format.
func (c call) encode(t *testing.T, conn *pgx.Conn, rows []tuple) [][]row.Value {
	t.Helper()
	if len(c.types) == 0 {
		return make([][]row.Value, len(rows))
	}
	list := strings.TrimSuffix(strings.TrimPrefix(c.sql(), c.name+"("), ")")
	values, err := query(conn, "SELECT "+list+from+" ORDER BY i", rows)
	if err != nil {
		t.Fatalf("%s: %v", c.sql(), err)
	}
	return values
}

// ask returns what PostgreSQL answers, or its message.
func (c call) ask(t *testing.T, conn *pgx.Conn, rows []tuple) (row.Value, string) {
	t.Helper()
	values, err := query(conn, "SELECT "+c.sql()+from, rows)
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return nil, e.Message
	}
	if err != nil {
		t.Fatalf("%s: %v", c.sql(), err)
	}
	return values[0][0], ""
}

// show makes tuples readable.
func show(rows []tuple) string {
	var b strings.Builder
	for _, r := range rows {
		for _, v := range r {
			if v == nil {
				b.WriteString("NULL,")
			} else {
				b.WriteString(*v + ",")
			}
		}
		b.WriteByte(' ')
	}
	return b.String()
}

func saved(t *testing.T, a Accumulator) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zset.NewWriter(&b)
	a.Save(w)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// types describes the argument types of the aggregates.
var types = map[string]*row.Type{
	"smallint": {Kind: row.Int2}, "integer": {Kind: row.Int4}, "bigint": {Kind: row.Int8}, "numeric": {Kind: row.Numeric}, "real": {Kind: row.Float4},
	"double precision": {Kind: row.Float8}, "money": {Kind: row.Money}, "interval": {Kind: row.Interval}, "boolean": {Kind: row.Bool}, "oid": {Kind: row.OID},
	"date": {Kind: row.Date}, "time without time zone": {Kind: row.Time}, "time with time zone": {Kind: row.Timetz}, "bytea": {Kind: row.Bytea},
	"timestamp without time zone": {Kind: row.Timestamp}, "timestamp with time zone": {Kind: row.Timestamptz}, "inet": {Kind: row.Inet},
	`text COLLATE "C"`: {Kind: row.Text, ByteOrder: true}, `bpchar COLLATE "C"`: {Kind: row.Bpchar, ByteOrder: true},
	"mood": {Kind: row.Enum, Labels: []string{"sad", "ok", "happy"}, Name: "mood"}, "integer[]": {Kind: row.Array, Elem: &row.Type{Kind: row.Int4}},
	"pair": {Kind: row.Composite, Fields: []*row.Type{{Kind: row.Int4}, {Kind: row.Numeric}}},
}
