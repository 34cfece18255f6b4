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

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/token"
	"github.com/millrace/millrace/sql/zset"
)

// firstStep fills a view's circuit from all that its tables hold.
func (e *Engine) firstStep(ctx context.Context, v *view) error {
	out := new(zset.Batch)
	in := e.contents(v.feeds)
	if err := e.stepCircuit(ctx, v, in, out); err != nil {
		return err
	}
	v.output, v.applied, v.pending = zset.NewSet(), nil, zset.NewSet()
	v.change(out)
	if limit := e.config.MemoryLimit; limit > 0 {
		if used := e.memory(); used > limit {
			return fmt.Errorf("state of %d MB is more than memory_limit %d MB", used>>20, limit>>20)
		}
	}
	return nil
}

// memory is the bytes of all state.
func (e *Engine) memory() (total int64) {
	for _, v := range e.order {
		_, bytes := v.size()
		total += bytes
	}
	for _, s := range e.stores {
		_, bytes := s.size()
		total += bytes
	}
	return total
}

// synchronize reads the tables of views whose contents are not known, so that the
// difference to what they should hold can be written.
func (e *Engine) synchronize(ctx context.Context) error {
	for _, v := range e.order {
		if !v.built() || v.state != stateCatchingUp && v.state != stateLagging || v.retry.After(e.now()) {
			continue
		}
		if v.applied == nil {
			if err := e.readTable(ctx, v); err != nil {
				if err := e.alive(ctx); err != nil {
					return err
				}
				e.refuseWrite(v, err) // one owner's login fails alone
				continue
			}
		}
		v.state, v.reason = stateLive, ""
	}
	return nil
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

// readTable reads what a view's table holds, and where: again, if its session is ended.
// All views are at one position, so none falls behind for that.
func (e *Engine) readTable(ctx context.Context, v *view) (err error) {
	for range sessionAttempts {
		if err = e.readTableOnce(ctx, v); err == nil || !isConnection(err) || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (e *Engine) readTableOnce(ctx context.Context, v *view) error {
	conn, err := e.connectLimited(ctx, v.OwnerName, v.Settings, sessionLimits{lock: e.config.LockTimeout})
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if err := e.checkColumns(ctx, conn, v); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, "SELECT pg_relation_filenode($1::oid)", v.View).Scan(&v.node); err != nil {
		return fmt.Errorf("view: file of %s: %w", v.Name, err)
	}
	applied := zset.NewIndex()
	query := fmt.Sprintf("SELECT ctid%s FROM ONLY %s", v.columnList(), v.Name)
	err = copyRows(ctx, conn, query, 1+len(v.types), func(values []row.Value) error {
		applied.Add(row.Make(values[1:]...), row.Row(slices.Clone(values[0])), +1)
		return nil
	})
	if err != nil {
		return fmt.Errorf("view: read %s: %w", v.Name, err)
	}
	pending := zset.NewSet()
	for r, n := range v.output.All() {
		pending.Add(r, n)
	}
	for r := range applied.Keys() {
		for range applied.Rows(r) {
			pending.Add(r, -1)
		}
	}
	v.applied, v.pending, v.output = applied, pending, nil
	return nil
}

// columnList names the result's columns, each behind a comma.
func (v *view) columnList() string {
	var b strings.Builder
	for _, c := range v.plan.Columns {
		b.WriteString(", " + token.QuoteName(c.Name))
	}
	return b.String()
}

// checkColumns checks that the table still has the query's columns.
func (e *Engine) checkColumns(ctx context.Context, conn *pgx.Conn, v *view) error {
	var names []string
	var types []uint32
	err := conn.QueryRow(ctx, `
		SELECT array_agg(attname::text ORDER BY attnum), array_agg(atttypid ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped`, v.View).Scan(&names, &types)
	if err != nil {
		return fmt.Errorf("view: columns of %s: %w", v.Name, err)
	}
	for _, c := range v.plan.Columns {
		i := slices.Index(names, c.Name)
		if i < 0 || types[i] != c.Type.OID {
			return fmt.Errorf("column %s of the query is not in table %s, or has another type: ml.alter_view makes the table anew", c.Name, v.Name)
		}
	}
	v.numbers = make([]typeNumbers, len(v.types))
	for i, t := range v.types {
		err := conn.QueryRow(ctx, `
			WITH RECURSIVE base(oid, below) AS (
				SELECT oid, typbasetype FROM pg_type WHERE oid = $1
				UNION ALL SELECT t.oid, t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.below)
			SELECT t.oid, CASE WHEN t.typdelim = ',' THEN t.typarray ELSE 0 END FROM base AS b JOIN pg_type AS t ON t.oid = b.oid WHERE b.below = 0`, t.OID).
			Scan(&v.numbers[i].base, &v.numbers[i].array)
		if err != nil {
			return fmt.Errorf("view: type %s: %w", t.Name, err)
		}
	}
	return nil
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
