package bridge

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/millrace/millrace/worker/internal/fault"
)

// writeAhead is how many bytes of rows are gathered before they are written.
const writeAhead = 128 << 10

// perform runs one statement. The transaction's state follows the caller's.
func (s *Session) perform(ctx context.Context, st statement, params []string) error {
	if s.failed && st.verb != verbAbort && st.verb != verbRollbackTo && st.verb != verbCommit {
		return fault.New(fault.State, "current transaction is aborted at the worker").
			WithHint("End the transaction, or roll back to a savepoint.")
	}
	tag := st.tag
	switch st.verb {
	case verbBegin:
		s.inBlock, s.savepoints = true, 0
	case verbCommit, verbAbort:
		s.endTransaction()
	case verbSavepoint:
		s.savepoints++
	case verbRelease:
		s.savepoints = max(0, s.savepoints-1)
	case verbRollbackTo:
		s.failed = false
		s.server.config.Handler.EndSubtransaction(s, s.savepoints)
	case verbDeclare:
		if err := s.declare(st, params); err != nil {
			return err
		}
	case verbFetch:
		n, err := s.fetch(ctx, st)
		if err != nil {
			return err
		}
		tag = fmt.Sprintf("FETCH %d", n)
	case verbRewind:
		if c := s.cursors[st.cursor]; c != nil && c.rows != nil {
			return unsupported("a second scan of the same request")
		}
	case verbClose:
		if c := s.cursors[st.cursor]; c != nil {
			c.close()
			delete(s.cursors, st.cursor)
		}
	}
	s.send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	return nil
}

func (s *Session) endTransaction() {
	s.inBlock, s.failed, s.savepoints = false, false, 0
	s.closeCursors()
	s.server.config.Handler.EndTransaction(s)
}

func (s *Session) closeCursors() {
	for name, c := range s.cursors {
		c.close()
		delete(s.cursors, name)
	}
}

func (c *cursor) close() {
	if c.rows != nil {
		c.rows.Close()
	}
}

func (s *Session) declare(st statement, params []string) error {
	q := Query{Table: st.query.table, Columns: st.query.columns, Request: st.query.request}
	if st.query.isParam {
		if len(params) != 1 {
			return unsupported("a scan with other parameters than the request")
		}
		q.Request = params[0]
	}
	s.cursors[st.cursor] = &cursor{query: q}
	return nil
}

// fetch sends up to st.count rows. The first fetch opens the scan: that is
// where a call waits, interruptibly.
func (s *Session) fetch(ctx context.Context, st statement) (int, error) {
	c := s.cursors[st.cursor]
	if c == nil {
		return 0, fault.New(fault.Unsupported, "cursor %q does not exist", st.cursor)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.setCurrent(cancel)
	defer s.setCurrent(nil)
	if c.rows == nil && !c.done {
		rows, err := s.server.config.Handler.Open(ctx, s, c.query)
		if err != nil {
			return 0, err
		}
		c.rows = rows
	}
	s.describeRows(c.query.Columns)
	n := 0
	for ; n < st.count && !c.done; n++ {
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		more, err := s.writeRow(c)
		if err != nil {
			return n, err
		}
		if !more {
			c.done = true
			break
		}
		if len(s.out) >= writeAhead {
			if err := s.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (s *Session) setCurrent(cancel context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = cancel
}

func (s *Session) describeRows(columns []string) {
	fields := make([]pgproto3.FieldDescription, len(columns))
	for i, column := range columns {
		const textOID = 25
		fields[i] = pgproto3.FieldDescription{Name: []byte(column), DataTypeOID: textOID, DataTypeSize: -1, TypeModifier: -1}
	}
	s.send(&pgproto3.RowDescription{Fields: fields})
}

// writeRow appends one DataRow to the output, or nothing behind the last row.
func (s *Session) writeRow(c *cursor) (bool, error) {
	w := RowWriter{out: s.out, start: len(s.out), columns: len(c.query.Columns)}
	w.begin()
	more, err := c.rows.Next(&w)
	if err != nil || !more {
		s.out = w.out[:w.start]
		return false, err
	}
	s.out = w.finish()
	return true, nil
}
