package view

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/worker/internal/replication"
)

// apply writes what is pending of all live views, and the position, in one
// transaction. A view that cannot be written falls out, and the others are written
// without it. committed, if not nil, is when the oldest change of the tick was.
func (e *Engine) apply(ctx context.Context, committed *time.Time) error {
	for {
		var list []*writing
		for _, v := range e.order {
			// A view waits for those below it: they are read together.
			if v.live() && v.pending.Len() > 0 && e.parentsCurrent(v) {
				list = append(list, newWriting(v)...)
			}
		}
		if len(list) == 0 {
			return nil
		}
		began := time.Now()
		failed, err := e.write(ctx, list)
		if err == nil {
			e.settle(list, committed)
			e.pace.wrote(time.Since(began), time.Now())
			return nil
		}
		if failed == nil || e.writer.IsClosed() || ctx.Err() != nil {
			return err // any other error, whatever code it has, may be an owner's trigger's
		}
		if code(err) == "23505" && !failed.view.unpaired {
			failed.view.unpaired = true
			continue
		}
		e.refuseWrite(failed.view, err)
	}
}

// settle notes what was written.
func (e *Engine) settle(list []*writing, committed *time.Time) {
	now := time.Now()
	for _, w := range list {
		w.settle()
		w.view.lastChange = now
		if committed != nil {
			w.view.fresh.add(now.Sub(*committed))
		}
	}
}

// refuseWrite takes a view out of the common tick for a while, since its table could
// not be written or read.
func (e *Engine) refuseWrite(v *view, err error) {
	v.pause = min(max(2*v.pause, 100*time.Millisecond), 30*time.Second)
	v.retry = e.now().Add(v.pause)
	v.position = e.position
	e.config.Log.Warn("views: a table could not be written", "view", v.Name, "err", err)
	v.fail(stateLagging, "its table could not be written: %v", err)
	switch code(err) {
	case "55P03", "40P01", "40001": // a lock
	case "42P01", "42883", "42501": // dropped, or its owner is no longer enrolled
		e.dirty = true
		v.forgetTable()
	default:
		v.forgetTable()
	}
}

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// write runs one transaction. If one of the writings failed, it is returned with its
// error; nothing was written then.
func (e *Engine) write(ctx context.Context, list []*writing) (failed *writing, err error) {
	batch := &pgconn.Batch{}
	at := map[int]*writing{}
	n := 0
	add := func(w *writing, sql string, p parameters) {
		batch.ExecParams(sql, p.values, p.types, binaryFormat, binaryFormat)
		if w != nil {
			at[n] = w
		}
		n++
	}
	add(nil, "BEGIN", parameters{})
	owner := uint32(0)
	for _, w := range list {
		if w.view.Owner != owner {
			// What an earlier owner's trigger may have set does not reach this one's.
			add(nil, "RESET ALL", parameters{})
			add(nil, "SELECT set_config('millrace.position', '"+e.position.String()+"', true)", parameters{})
			owner = w.view.Owner
		}
		sql, params, err := w.statement(e.renderer(ctx, w.view))
		if err != nil {
			return w, err
		}
		add(w, sql, *params)
	}
	add(nil, "RESET ALL", parameters{})
	add(nil, e.positionSQL(list), parameters{})
	add(nil, "COMMIT", parameters{})
	add(nil, "SELECT pg_current_wal_insert_lsn()::text", parameters{})
	return e.execute(ctx, batch, at)
}

// execute runs the batch and hands each writing its result.
func (e *Engine) execute(ctx context.Context, batch *pgconn.Batch, at map[int]*writing) (*writing, error) {
	results := e.writer.ExecBatch(ctx, batch)
	i := 0
	var last []byte
	for results.NextResult() {
		r := results.ResultReader().Read()
		if r.Err != nil {
			break
		}
		last = nil
		if len(r.Rows) == 1 && len(r.Rows[0]) == 1 {
			last = r.Rows[0][0]
		}
		if w := at[i]; w != nil {
			places, err := tids(last)
			if err != nil {
				_ = results.Close()
				return nil, err
			}
			w.places = places
		}
		i++
	}
	if err := results.Close(); err != nil {
		if e.writer.IsClosed() {
			return nil, fmt.Errorf("view: write: %w", err)
		}
		if _, rollback := e.writer.Exec(ctx, "ROLLBACK").ReadAll(); rollback != nil {
			return nil, fmt.Errorf("view: write: %w", err)
		}
		return at[i], fmt.Errorf("view: write: %w", err)
	}
	var err error
	e.written, err = replication.ParseLSN(string(last))
	return nil, err
}

// positionSQL stores the position and tells listeners of it.
func (e *Engine) positionSQL(list []*writing) string {
	var names []string
	size := 0
	for i, w := range list {
		if i > 0 && list[i-1].view == w.view {
			continue
		}
		if size += len(w.view.Name); size < 6000 {
			names = append(names, strconv.Quote(w.view.Name))
		}
	}
	payload := fmt.Sprintf(`{"position":"%s","views":[%s]}`, e.position, strings.Join(names, ","))
	return fmt.Sprintf(`WITH told AS (SELECT pg_notify('millrace', %s))
		INSERT INTO ml_private.position (lsn, system_identifier, timeline, at)
		SELECT '%s', %s, %d, clock_timestamp() FROM told
		ON CONFLICT (one) DO UPDATE SET lsn = EXCLUDED.lsn, system_identifier = EXCLUDED.system_identifier, timeline = EXCLUDED.timeline, at = EXCLUDED.at`,
		quote(payload), e.position, e.system.ID, e.system.Timeline)
}

// renderer renders values on the view owner's login, where what a type's functions do
// is done as the owner.
func (e *Engine) renderer(ctx context.Context, v *view) renderer {
	return func(t *row.Type, n typeNumbers, values []row.Value) (text []byte, err error) {
		p := &parameters{}
		sql := "SELECT " + p.texts(t, n, values)
		for range sessionAttempts {
			if text, err = e.askOwner(ctx, v, sql, p); err == nil || !isConnection(err) || ctx.Err() != nil {
				break
			}
		}
		if err != nil {
			return nil, fmt.Errorf("view: render values of %s: %w", t.Name, err)
		}
		return text, nil
	}
}

// askOwner asks for one value on the view owner's login.
func (e *Engine) askOwner(ctx context.Context, v *view, sql string, p *parameters) ([]byte, error) {
	conn, release, err := e.acquirer(v.definition)(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	r := conn.PgConn().ExecParams(ctx, sql, p.values, p.types, binaryFormat, binaryFormat).Read()
	if r.Err != nil {
		return nil, r.Err
	}
	return slices.Clone(r.Rows[0][0]), nil
}

var binaryFormat = []int16{1}
