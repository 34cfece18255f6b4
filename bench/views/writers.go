package views

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// writers measures transactions per second while the worker follows and while none
// runs. In both cases the log is logical, the table published and the slot there.
func (b *bench) writers(ctx context.Context) error {
	var with, without, behind spread
	slice := func(followed bool) error {
		if followed {
			if err := b.catchUp(ctx); err != nil {
				return err
			}
		} else if err := b.stopWorker(); err != nil {
			return err
		}
		n, err := b.write(ctx)
		if err != nil {
			return err
		}
		perSecond := float64(n) / b.Slice.Seconds()
		if !followed {
			without = append(without, perSecond)
			return nil
		}
		with = append(with, perSecond)
		began := time.Now()
		err = b.exec(ctx, "SELECT ml.wait(timeout => '2 min')")
		behind = append(behind, time.Since(began).Seconds()*1000)
		return err
	}
	for round := range b.Rounds {
		for _, followed := range []bool{round%2 == 0, round%2 != 0} {
			if err := slice(followed); err != nil {
				return err
			}
		}
	}
	if err := b.catchUp(ctx); err != nil {
		return err
	}
	b.print("\nwriters     %d connections, one update or insert of a row each time, slices of %v, %d rounds: transactions/s", b.Writers, b.Slice, b.Rounds)
	b.print("  with      %s; behind by %s ms at the end of a slice", with.text("%.0f"), behind.text("%.0f"))
	b.print("  without   %s", without.text("%.0f"))
	b.print("  ratio     %s", with.over(without).text("%.2f"))
	return b.check(ctx)
}

// catchUp has the worker run, with the views up to date.
func (b *bench) catchUp(ctx context.Context) error {
	if b.stop == nil {
		if err := b.startWorker(ctx); err != nil {
			return err
		}
	}
	return b.exec(ctx, "SELECT ml.wait(timeout => '2 min')")
}

// write has all writers write for one slice and returns how often they committed.
func (b *bench) write(ctx context.Context) (commits int, err error) {
	conns := make([]*pgx.Conn, b.Writers)
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close(context.WithoutCancel(ctx))
			}
		}
	}()
	for i := range conns {
		if conns[i], err = b.connect(ctx, b.Owner); err != nil {
			return 0, err
		}
	}
	type result struct {
		commits int
		err     error
	}
	done := make(chan result)
	until := time.Now().Add(b.Slice)
	w := writer{oldest: b.next - int64(b.Rows)/2, first: b.next, step: int64(b.Writers)}
	for i, conn := range conns {
		mine := w
		mine.next, mine.rng = b.next+int64(i), rand.New(rand.NewPCG(uint64(b.next), uint64(i)))
		go func() {
			n, err := mine.write(ctx, conn, until)
			done <- result{n, err}
		}()
	}
	most := 0
	for range conns {
		r := <-done
		commits, most, err = commits+r.commits, max(most, r.commits), errors.Join(err, r.err)
	}
	b.next += int64(most+1) * int64(b.Writers)
	return commits, err
}

// writer is one connection's part of the writing.
type writer struct {
	rng           *rand.Rand
	oldest, first int64 // rows from oldest on and before first may be updated
	next, step    int64 // ids of its own for what it inserts
}

const (
	updateRow = "UPDATE sale SET amount = $2 WHERE id = $1"
	insertRow = "INSERT INTO sale VALUES ($1, $2, $3, $4, 'written')"
)

func (w *writer) write(ctx context.Context, conn *pgx.Conn, until time.Time) (commits int, err error) {
	for time.Now().Before(until) {
		if err := w.one(ctx, conn, 1+w.rng.IntN(1000)); err != nil {
			return commits, err
		}
		commits++
	}
	return commits, nil
}

// one is a transaction: three of four are updates.
func (w *writer) one(ctx context.Context, conn *pgx.Conn, amount int) error {
	if w.rng.IntN(4) != 0 {
		_, err := conn.Exec(ctx, updateRow, w.oldest+w.rng.Int64N(w.first-w.oldest), amount)
		return wrap(err)
	}
	_, err := w.insert(ctx, conn, amount)
	return err
}

// insert inserts a row and returns its id.
func (w *writer) insert(ctx context.Context, conn *pgx.Conn, amount int) (int64, error) {
	id := w.next
	w.next += w.step
	_, err := conn.Exec(ctx, insertRow, id, w.rng.IntN(1000), w.rng.IntN(1000), amount)
	return id, wrap(err)
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("views: write: %w", err)
}
