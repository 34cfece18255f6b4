package views

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/tpch"
	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker"
)

// stepRows is how many rows of all its tables a circuit gets in one step.
const stepRows = 10_000

// circuits measures rows per second of processor time, garbage collection included,
// through the circuits of the queries of TPC-H: tables grow from nothing, step by
// step, and then lose all rows again.
func (b *bench) circuits(ctx context.Context) error {
	if b.Scale == 0 {
		return nil
	}
	if err := b.stopWorker(); err != nil {
		return err
	}
	if err := b.exec(ctx, tpch.Tables()...); err != nil {
		return err
	}
	err := b.withConn(ctx, b.Owner, func(conn *pgx.Conn) error { return tpch.Load(ctx, conn, b.Scale, 1) })
	if err != nil {
		return err
	}
	var rates spread
	var slow []string
	rows, seconds := 0, 0.0
	for _, q := range tpch.Queries() {
		if err := b.exec(ctx, "CREATE VIEW "+q.Name+" AS "+q.SQL); err != nil {
			return err
		}
		n, took, err := b.circuit(ctx, q.Name)
		if err != nil {
			return fmt.Errorf("views: circuit of %s: %w", q.Name, err)
		}
		rows, seconds = rows+n, seconds+took.Seconds()
		rates = append(rates, float64(n)/took.Seconds())
		slow = append(slow, fmt.Sprintf("%s %.0f", q.Name, float64(n)/took.Seconds()/1000))
	}
	b.print("\ncircuits    22 queries of TPC-H, scale %g, steps of %d rows in and out: rows/s of one core's time", b.Scale, stepRows)
	b.print("  all       %.0f (%d rows in %.1f s of processor time)", float64(rows)/seconds, rows, seconds)
	b.print("  queries   %s", rates.text("%.0f"))
	for len(slow) > 0 {
		n := min(11, len(slow))
		b.print("  thousands %s", strings.Join(slow[:n], ", "))
		slow = slow[n:]
	}
	return nil
}

// circuit steps one view's circuit through all rows of its tables and back.
func (b *bench) circuit(ctx context.Context, name string) (rows int, took time.Duration, err error) {
	var v *plan.View
	var steps []map[any]*zset.Batch
	err = b.withConn(ctx, b.Owner, func(conn *pgx.Conn) error {
		var oid uint32
		if err := conn.QueryRow(ctx, "SELECT $1::text::regclass::oid", name).Scan(&oid); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, "SET search_path = pg_catalog"); err != nil {
			return err
		}
		if v, err = worker.CompileView(ctx, conn, oid); err != nil {
			return err
		}
		if len(v.Remote) > 0 {
			return errors.New("PostgreSQL evaluates a part of it")
		}
		steps, rows, err = stepsOf(ctx, conn, v)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	out := new(zset.Batch)
	began := processorTime()
	for _, w := range []int64{1, -1} {
		for _, in := range steps {
			for table, batch := range in {
				signed := new(zset.Batch)
				signed.AddAll(batch, w)
				in[table] = signed
			}
			out.Reset()
			if err := v.Circuit.Step(&dataflow.Context{Context: ctx}, in, out); err != nil {
				return 0, 0, err
			}
		}
	}
	return 2 * rows, processorTime() - began, nil
}

// stepsOf reads the rows of a view's tables and deals them out to steps.
func stepsOf(ctx context.Context, conn *pgx.Conn, v *plan.View) (steps []map[any]*zset.Batch, rows int, err error) {
	all := map[any]*zset.Batch{}
	for _, t := range v.Tables {
		if all[t.Input()], err = readTable(ctx, conn.PgConn(), t); err != nil {
			return nil, 0, err
		}
		rows += all[t.Input()].Len()
	}
	for range max(1, rows/stepRows) {
		steps = append(steps, map[any]*zset.Batch{})
	}
	for input, batch := range all {
		i := 0
		for r, w := range batch.All() {
			step := steps[i*len(steps)/batch.Len()]
			if step[input] == nil {
				step[input] = new(zset.Batch)
			}
			step[input].Add(r, w)
			i++
		}
	}
	return steps, rows, nil
}

// readTable reads the columns that a circuit wants, in binary.
func readTable(ctx context.Context, conn *pgconn.PgConn, t plan.Table) (*zset.Batch, error) {
	names := conn.ExecParams(ctx, "SELECT attname::text FROM unnest($1::int2[]) WITH ORDINALITY AS n(attnum, i) JOIN pg_attribute AS a ON a.attrelid = $2::oid AND a.attnum = n.attnum ORDER BY n.i",
		[][]byte{[]byte("{" + commas(t.Columns) + "}"), fmt.Append(nil, t.OID)}, nil, nil, nil).Read()
	if names.Err != nil {
		return nil, names.Err
	}
	columns := make([]string, len(names.Rows))
	for i, r := range names.Rows {
		columns[i] = pgx.Identifier{string(r[0])}.Sanitize()
	}
	reader := conn.ExecParams(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.Name, nil, nil, nil, []int16{1})
	batch := new(zset.Batch)
	var r row.Row
	for reader.NextRow() {
		r = r[:0]
		for _, v := range reader.Values() {
			r = row.Append(r, row.Value(v))
		}
		batch.Add(r, 1)
	}
	_, err := reader.Close()
	return batch, err
}

func commas(numbers []int16) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ","), "[]")
}

// processorTime is what this process has used, in all its threads.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
