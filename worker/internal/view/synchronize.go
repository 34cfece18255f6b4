package view

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/token"
	"github.com/millrace/millrace/sql/zset"
)

// reading is the reading of a view's table, so that the difference to what it should
// hold can be written.
type reading struct {
	applied *zset.Index
	node    uint32
	numbers []typeNumbers
}

// synchronize has the tables of views read whose contents are not known. While other
// views are live that goes on beside the loop; if none is, all are read at once, so
// that they go on together from the position that they show.
func (e *Engine) synchronize(ctx context.Context, wait *sync.WaitGroup) error {
	beside := slices.ContainsFunc(e.order, (*view).live)
	if !beside && e.gathering() {
		return nil
	}
	for _, v := range e.order {
		if !v.built() || v.reading != nil || v.state != stateCatchingUp && v.state != stateLagging || v.retry.After(e.now()) {
			continue
		}
		if v.applied == nil && beside {
			e.readBeside(ctx, wait, v)
			continue
		}
		if v.applied == nil {
			r, err := e.readTable(ctx, v.table())
			if err != nil {
				if err := e.alive(ctx); err != nil {
					return err
				}
				e.refuseWrite(v, err) // one owner's login fails alone
				continue
			}
			v.difference(r)
		}
		v.state, v.reason = stateLive, ""
	}
	return nil
}

// readBeside reads a view's table beside the loop. Nothing writes it meanwhile: the
// view is not live.
func (e *Engine) readBeside(ctx context.Context, wait *sync.WaitGroup, v *view) {
	mark, t := new(reading), v.table()
	v.reading = mark
	wait.Go(func() {
		r, err := e.readTable(ctx, t)
		e.post(ctx, func() {
			if v.reading != mark {
				return
			}
			v.reading = nil
			switch {
			case !v.built() || v.applied != nil:
			case err != nil:
				e.refuseWrite(v, err)
			default:
				v.difference(r)
			}
		})
	})
}

// difference makes what is to be written of what the table holds.
func (v *view) difference(r *reading) {
	pending := zset.NewSet()
	for r, n := range v.output.All() {
		pending.Add(r, n)
	}
	for k := range r.applied.Keys() {
		for range r.applied.Rows(k) {
			pending.Add(k, -1)
		}
	}
	v.applied, v.node, v.numbers, v.pending, v.output = r.applied, r.node, r.numbers, pending, nil
}

// sessionAttempts is how often something is tried on new sessions that are ended
// meanwhile. Not for ever: it may be what it does that ends them.
const sessionAttempts = 3

// alive asks the server on the connection that writes. If it does not answer, what
// failed is not one view's fault.
func (e *Engine) alive(ctx context.Context) error {
	if _, err := e.writer.Exec(ctx, "").ReadAll(); err != nil {
		return fmt.Errorf("view: the writer's connection: %w", err)
	}
	return nil
}

// table is what has to be known of a view to read its table.
type table struct {
	definition
	columns []plan.Column
}

func (v *view) table() table { return table{v.definition, v.plan.Columns} }

// readTable reads what a view's table holds, and where: again, if its session is ended.
// All views are at one position, so none falls behind for that.
func (e *Engine) readTable(ctx context.Context, t table) (r *reading, err error) {
	defer e.contain("view", t.Name, &err)
	for range sessionAttempts {
		if r, err = e.readTableOnce(ctx, t); err == nil || !isConnection(err) || ctx.Err() != nil {
			break
		}
	}
	return r, err
}

func (e *Engine) readTableOnce(ctx context.Context, t table) (*reading, error) {
	conn, err := e.connectLimited(ctx, t.OwnerName, t.Settings, sessionLimits{lock: e.config.LockTimeout})
	if err != nil {
		return nil, err
	}
	defer closeConn(conn)
	r := &reading{applied: zset.NewIndex()}
	if r.numbers, err = t.check(ctx, conn); err != nil {
		return nil, err
	}
	if err := conn.QueryRow(ctx, "SELECT pg_relation_filenode($1::oid)", t.View).Scan(&r.node); err != nil {
		return nil, fmt.Errorf("view: file of %s: %w", t.Name, err)
	}
	query := fmt.Sprintf("SELECT ctid%s FROM ONLY %s", t.columnList(), t.Name)
	err = copyRows(ctx, conn, query, 1+len(t.columns), func(values []row.Value) error {
		r.applied.Add(row.Make(values[1:]...), row.Row(slices.Clone(values[0])), +1)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("view: read %s: %w", t.Name, err)
	}
	return r, nil
}

func (v *view) columnList() string { return v.table().columnList() }

// columnList names the result's columns, each behind a comma.
func (t table) columnList() string {
	var b strings.Builder
	for _, c := range t.columns {
		b.WriteString(", " + token.QuoteName(c.Name))
	}
	return b.String()
}

// check checks that the table still has the query's columns, and numbers their types.
func (t table) check(ctx context.Context, conn *pgx.Conn) ([]typeNumbers, error) {
	var names []string
	var types []uint32
	err := conn.QueryRow(ctx, `
		SELECT array_agg(attname::text ORDER BY attnum), array_agg(atttypid ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped`, t.View).Scan(&names, &types)
	if err != nil {
		return nil, fmt.Errorf("view: columns of %s: %w", t.Name, err)
	}
	for _, c := range t.columns {
		i := slices.Index(names, c.Name)
		if i < 0 || types[i] != c.Type.OID {
			return nil, fmt.Errorf("column %s of the query is not in table %s, or has another type: ml.rebuild_view gives the table the query's columns", c.Name, t.Name)
		}
	}
	numbers := make([]typeNumbers, len(t.columns))
	for i, c := range t.columns {
		err := conn.QueryRow(ctx, `
			WITH RECURSIVE base(oid, below) AS (
				SELECT oid, typbasetype FROM pg_type WHERE oid = $1
				UNION ALL SELECT t.oid, t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.below)
			SELECT t.oid, CASE WHEN t.typdelim = ',' THEN t.typarray ELSE 0 END FROM base AS b JOIN pg_type AS t ON t.oid = b.oid WHERE b.below = 0`, c.Type.OID).
			Scan(&numbers[i].base, &numbers[i].array)
		if err != nil {
			return nil, fmt.Errorf("view: type %s: %w", c.Type.Name, err)
		}
	}
	return numbers, nil
}

// isConnection reports whether an error is of the connection or the server's state
// rather than of the statement.
func isConnection(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57P")
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(net.Error)) ||
		pgconn.Timeout(err) || errors.As(err, new(*pgconn.ConnectError))
}

// tids decodes an array of row places in binary format.
func tids(b []byte) ([]row.Row, error) {
	if len(b) < 12 {
		return nil, errCopyFormat
	}
	if binary.BigEndian.Uint32(b) == 0 {
		return nil, nil
	}
	if len(b) < 20 {
		return nil, errCopyFormat
	}
	n := int(binary.BigEndian.Uint32(b[12:]))
	b = b[20:]
	if len(b) != 10*n {
		return nil, errCopyFormat
	}
	out := make([]row.Row, n)
	for i := range out {
		out[i] = row.Row(b[10*i+4 : 10*i+10])
	}
	return out, nil
}
