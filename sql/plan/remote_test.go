package plan_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// remote evaluates in a server, a statement for each row and group.
type remote struct {
	conn    *pgx.Conn
	catalog *catalog
	calls   int
}

// binaryRows runs a statement with binary parameters and returns the binary rows.
func binaryRows(ctx context.Context, conn *pgx.Conn, sql string, args [][]byte, types []uint32) ([]row.Row, error) {
	formats := []int16{1}
	if len(args) == 0 {
		formats = nil
	}
	r := conn.PgConn().ExecParams(ctx, sql, args, types, formats, []int16{1})
	var out []row.Row
	for r.NextRow() {
		var one row.Row = row.Row{}
		for _, v := range r.Values() {
			if v == nil {
				one = row.Append(one, nil)
			} else {
				one = row.Append(one, append(row.Value{}, v...))
			}
		}
		out = append(out, one)
	}
	_, err := r.Close()
	return out, err
}

// parameter is the text of a parameter as a column of its type and collation.
func (r *remote) parameter(number int, t *row.Type) string {
	text := fmt.Sprintf("$%d::%s", number, t.Name)
	if t.Collation != 0 && t.Collation != 100 {
		if name, err := r.catalog.Collation(t.Collation); err == nil {
			text += " COLLATE " + name
		}
	}
	return text
}

// failure is the message of an error that is a row's.
func failure(err error) (string, bool) {
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code[:2] == "22" || e.Code[:2] == "23" || e.Code[:2] == "2F") {
		return e.Message, true
	}
	return "", false
}

// Scalars implements dataflow.Remote.
func (r *remote) Scalars(ctx context.Context, call *dataflow.ScalarCall, rows *zset.Batch) ([]row.Row, []string, error) {
	var columns []string
	for i, t := range call.Columns {
		columns = append(columns, fmt.Sprintf("%s AS c%d", r.parameter(i+1, t), i))
	}
	sql := fmt.Sprintf("SELECT %s FROM (SELECT %s OFFSET 0) AS x", strings.Join(call.Expressions, ", "), strings.Join(columns, ", "))
	var results []row.Row
	var failed []string
	for one := range rows.All() {
		args, types := arguments(one, call.Columns)
		r.calls++
		out, err := binaryRows(ctx, r.conn, sql, args, types)
		message, isRow := "", false
		if err != nil {
			if message, isRow = failure(err); !isRow {
				return nil, nil, fmt.Errorf("%s: %w", sql, err)
			}
			out = []row.Row{nil}
		}
		results, failed = append(results, out[0]), append(failed, message)
	}
	return results, failed, nil
}

func arguments(one row.Row, types []*row.Type) (args [][]byte, oids []uint32) {
	for i, v := range one.Split(nil) {
		args, oids = append(args, v), append(oids, types[i].OID)
	}
	return args, oids
}

// Aggregates implements dataflow.Remote.
func (r *remote) Aggregates(ctx context.Context, call *dataflow.AggregateCall, groups []*zset.Batch) ([]row.Row, []string, error) {
	var results []row.Row
	var failed []string
	for _, g := range groups {
		selects := []string{}
		var args [][]byte
		var oids []uint32
		add := func(one [][]byte, types []uint32, n int, where string) {
			columns := []string{fmt.Sprintf("%d AS n", n)}
			for i, t := range call.Columns {
				columns = append(columns, fmt.Sprintf("%s AS c%d", r.parameter(len(args)+i+1, t), i))
			}
			args, oids = append(args, one...), append(oids, types...)
			selects = append(selects, "SELECT "+strings.Join(columns, ", ")+where)
		}
		null, types := make([][]byte, len(call.Columns)), []uint32{}
		for _, t := range call.Columns {
			types = append(types, t.OID)
		}
		add(null, types, 0, " WHERE false")
		n := 0
		for one, w := range g.All() {
			values, types := arguments(one, call.Columns)
			for range w {
				n++
				add(values, types, n, "")
			}
		}
		sql := fmt.Sprintf("SELECT %s FROM (%s) AS x", strings.Join(call.Expressions, ", "), strings.Join(selects, " UNION ALL "))
		r.calls++
		out, err := binaryRows(ctx, r.conn, sql, args, oids)
		message, isRow := "", false
		if err != nil {
			if message, isRow = failure(err); !isRow {
				return nil, nil, fmt.Errorf("%s: %w", sql, err)
			}
			out = []row.Row{nil}
		}
		results, failed = append(results, out[0]), append(failed, message)
	}
	return results, failed, nil
}
