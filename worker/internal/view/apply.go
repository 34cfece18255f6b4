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
				parts, err := e.writings(v)
				if err != nil {
					e.refuseWrite(v, err)
					continue
				}
				list = append(list, parts...)
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

// writings are the statements of a view.
func (e *Engine) writings(v *view) (list []*writing, err error) {
	defer e.contain("view", v.Name, &err)
	return newWriting(v), nil
}

// render has the view's owner render what only he may.
func (e *Engine) render(ctx context.Context, w *writing) (err error) {
	defer e.contain("view", w.view.Name, &err)
	if err := statementBounds.admit(w); err != nil {
		return err
	}
	return w.render(e.renderer(ctx, w.view))
}

// statement is the call that writes.
func (e *Engine) statement(w *writing) (sql string, p *parameters, err error) {
	defer e.contain("view", w.view.Name, &err)
	sql, p = w.statement()
	return sql, p, nil
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
	for _, w := range list {
		if err := e.render(ctx, w); err != nil {
			return w, err
		}
	}
	s := &script{pipeline: e.writer.StartPipeline(ctx)}
	s.add(nil, "BEGIN", nil)
	owner := uint32(0)
	for _, w := range list {
		if w.view.Owner != owner {
			// What an earlier owner's trigger may have set does not reach this one's.
			s.add(nil, "RESET ALL", nil)
			s.add(nil, "SELECT set_config('millrace.position', '"+e.position.String()+"', true)", nil)
			owner = w.view.Owner
		}
		sql, params, err := e.statement(w)
		if err != nil {
			_ = errors.Join(s.pipeline.Sync(), s.pipeline.Close()) // what matters is how it ends
			return w, errors.Join(err, e.rollBack(ctx))
		}
		s.add(w, sql, params)
	}
	s.add(nil, "RESET ALL", nil)
	s.add(nil, e.positionSQL(list), nil)
	s.add(nil, "COMMIT", nil)
	s.add(nil, "SELECT pg_current_wal_insert_lsn()::text", nil)
	s.pipeline.SendPipelineSync()
	return e.results(ctx, s)
}

// results hands each writing its result.
func (e *Engine) results(ctx context.Context, s *script) (failed *writing, err error) {
	_ = s.pipeline.Flush() // the first result is the same error
	var last []byte
	for _, w := range s.writings {
		if last, err = oneValue(s.pipeline); err != nil {
			failed = w
			break
		}
		if w == nil {
			continue
		}
		if w.places, err = tids(last); err != nil {
			break
		}
	}
	if closed := s.pipeline.Close(); err == nil {
		err = closed
	}
	if err != nil {
		err = fmt.Errorf("view: write: %w", err)
		if e.writer.IsClosed() {
			return nil, err
		}
		if e.rollBack(ctx) != nil {
			return nil, err
		}
		return failed, err
	}
	e.written, err = replication.ParseLSN(string(last))
	return nil, err
}

func (e *Engine) rollBack(ctx context.Context) error {
	_, err := e.writer.Exec(ctx, "ROLLBACK").ReadAll()
	return err
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
	return fmt.Sprintf(`INSERT INTO ml_private.position (lsn, system_identifier, timeline, at) VALUES ('%s', %s, %d, clock_timestamp())
		ON CONFLICT (one) DO UPDATE SET lsn = EXCLUDED.lsn, system_identifier = EXCLUDED.system_identifier, timeline = EXCLUDED.timeline, at = EXCLUDED.at
		RETURNING pg_notify('millrace', %s)`, e.position, e.system.ID, e.system.Timeline, quote(payload))
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
	conn, release, err := e.acquirer(v.definition, e.briefly())(ctx)
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
