package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/sql/row"
)

// Limits of one statement. A group is never cut, so it may exceed the first two.
const (
	maxRows       = 10_000
	maxBytes      = 16 << 20
	maxArrayRows  = 1_000         // of rows with array columns, whose values are parameters of their own
	maxParameters = 60_000        // the protocol has 65,535
	maxMessage    = 1<<30 - 1<<16 // the server reads no longer message
)

// work is a list of units to evaluate, rows or groups of rows, and what came of them.
type work struct {
	columns     []*row.Type
	collations  []string
	expressions []string
	grouped     bool
	arrays      bool // a column has no array type, since it is an array itself

	rows    []row.Row
	weights []int64
	starts  []int // of each unit in rows, and the end of the last
	results []row.Row
	failed  []string
}

func newWork(columns []*row.Type, expressions []string, units int) *work {
	w := &work{columns: columns, expressions: expressions, starts: make([]int, 1, units+1)}
	for _, c := range columns {
		w.arrays = w.arrays || c.Kind == row.Array
	}
	return w
}

// add adds a row to the open unit.
func (w *work) add(r row.Row, weight int64) {
	w.rows, w.weights = append(w.rows, r), append(w.weights, weight)
}

// close ends the open unit.
func (w *work) close() {
	w.starts = append(w.starts, len(w.rows))
	w.results, w.failed = append(w.results, nil), append(w.failed, "")
}

func (w *work) units() int { return len(w.results) }

// run evaluates all units, as many per statement as the limits allow.
//
// A statement whose rows come in order stops at the unit that fails: those before
// it are done. But the order is not promised, so the first unit without a result is
// only suspected, and evaluated alone. After a failure statements are as long as it
// was from the last, and grow from there, so that many failures cost one or two
// statements each, and none costs the evaluation of the others.
func (w *work) run(ctx context.Context, conn *pgx.Conn) error {
	window := maxRows
	for at := 0; at < w.units(); {
		end := w.cut(at, window)
		fault, err := w.try(ctx, conn, at, end)
		if err != nil {
			return err
		}
		if fault == nil {
			at, window = end, min(maxRows, 4*window)
			continue
		}
		suspect := at
		for suspect < end && w.results[suspect] != nil {
			suspect++
		}
		if suspect == end {
			return fmt.Errorf("error after the last result: %w", fault)
		}
		if end-at > 1 {
			if fault, err = w.try(ctx, conn, suspect, suspect+1); err != nil {
				return err
			}
		}
		if fault != nil {
			w.results[suspect], w.failed[suspect] = nil, message(fault)
			window = max(1, suspect-at)
		} else {
			window = max(1, (end-at)/4)
		}
		at = suspect + 1
	}
	return nil
}

// cut returns the end of the statement that begins with unit at.
func (w *work) cut(at, window int) int {
	most, bytes := maxRows, 0
	if w.arrays {
		most = maxArrayRows
	}
	end := at
	for end < w.units() && end-at < window {
		for _, r := range w.rows[w.starts[end]:w.starts[end+1]] {
			bytes += len(r)
		}
		if end > at && (w.starts[end+1]-w.starts[at] > most || bytes > maxBytes) {
			break
		}
		end++
	}
	return end
}

// try evaluates the units from at to end by one statement and keeps the results. A
// fault is the error of some unit; an error is not.
func (w *work) try(ctx context.Context, conn *pgx.Conn, at, end int) (fault *pgconn.PgError, err error) {
	s := w.statement(at, end)
	parameters, err := s.parameters()
	if err != nil {
		return nil, err
	}
	description, err := s.prepare(ctx, conn)
	if err != nil {
		return nil, err
	}
	binaries := []int16{pgx.BinaryFormatCode}
	reader := conn.PgConn().ExecPrepared(ctx, description, parameters, binaries, binaries)
	clear(w.results[at:end])
	wrong := w.read(reader, at, end)
	_, err = reader.Close()
	if err != nil {
		if errors.As(err, &fault) && ofRow(fault) && ctx.Err() == nil {
			return fault, wrong
		}
		return nil, err
	}
	if wrong == nil {
		for i := at; i < end; i++ {
			if w.results[i] == nil {
				return nil, fmt.Errorf("no result for unit %d of %d", i-at+1, end-at)
			}
		}
	}
	return nil, wrong
}

// read takes the results: the number of the unit, from 1, and its values.
func (w *work) read(reader *pgconn.ResultReader, at, end int) error {
	var wrong error
	for reader.NextRow() {
		values := reader.Values()
		i := at + int(int32(binary.BigEndian.Uint32(values[0]))) - 1
		if i < at || i >= end || w.results[i] != nil {
			wrong = fmt.Errorf("result for unit %d of %d, which has one or does not exist", i-at+1, end-at)
			continue
		}
		r := row.Row{}
		for _, v := range values[1:] {
			r = row.Append(r, v)
		}
		w.results[i] = r
	}
	return wrong
}
