package views

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// sampleEvery is how many transactions there are for one whose effect is awaited.
const sampleEvery = 20

// sample is a commit: the row that a view will show, and when the client knew of it.
type sample struct {
	id        int64
	committed time.Time
}

// latency measures from the moment in which a client knows of its commit to the one
// in which another has read the effect from a view, at a steady rate of transactions.
func (b *bench) latency(ctx context.Context) error {
	if err := b.catchUp(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	samples := make(chan sample, 1<<16)
	seen := make(chan outcome, 1)
	go func() { seen <- b.observe(ctx, samples) }()
	commits, late, err := b.pace(ctx, samples)
	close(samples)
	if err != nil {
		cancel()
		return errors.Join(err, (<-seen).err)
	}
	o := <-seen
	if o.err != nil {
		return o.err
	}
	b.print("\nlatency     %.0f transactions/s asked for, %.0f reached (at most %v late) in %v: ms from commit to read by another", float64(b.Rate), float64(commits)/b.Span.Seconds(), late.Round(time.Millisecond), b.Span)
	b.print("  outside   p50 %.1f, p90 %.1f, p99 %.1f, most %.1f (%d samples)", o.times.median(), o.times.quantile(0.9), o.times.quantile(0.99), o.times.quantile(1), len(o.times))
	return b.ownFigures(ctx)
}

// ownFigures prints what the worker says of its last ticks.
func (b *bench) ownFigures(ctx context.Context) error {
	return b.withConn(ctx, b.Owner, func(conn *pgx.Conn) error {
		var name string
		var p50, p99, ticks float64
		rows, err := conn.Query(ctx, "SELECT name, coalesce(freshness_p50_ms, 0), coalesce(freshness_p99_ms, 0), coalesce(ticks_per_second, 0) FROM ml.views")
		if err != nil {
			return fmt.Errorf("views: ml.views: %w", err)
		}
		_, err = pgx.ForEachRow(rows, []any{&name, &p50, &p99, &ticks}, func() error {
			b.print("  ml.views  %s: p50 %.1f, p99 %.1f, %.0f ticks/s", name, p50, p99, ticks)
			return nil
		})
		return err
	})
}

type outcome struct {
	times spread // milliseconds
	err   error
}

// observe awaits the samples: whenever the worker tells of a new position, it looks
// which rows are there.
func (b *bench) observe(ctx context.Context, samples <-chan sample) (o outcome) {
	o.err = b.withConn(ctx, b.Owner, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "LISTEN millrace"); err != nil {
			return err
		}
		waiting := map[int64]time.Time{}
		for open, patience := true, time.Now().Add(bound+b.Span); open || len(waiting) > 0; {
			if time.Now().After(patience) {
				return fmt.Errorf("views: %d of the samples were not seen within %v", len(waiting), bound)
			}
			if err := await(ctx, conn); err != nil {
				return err
			}
			open = collect(samples, waiting) && open
			if err := look(ctx, conn, waiting, &o.times); err != nil {
				return err
			}
		}
		return nil
	})
	return o
}

// await returns at the next notification, or soon.
func await(ctx context.Context, conn *pgx.Conn) error {
	soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := conn.WaitForNotification(soon); err != nil && !(ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)) {
		return fmt.Errorf("views: listen: %w", err)
	}
	return nil
}

// collect takes over the samples that are there. It is false when there will be no more.
func collect(samples <-chan sample, into map[int64]time.Time) bool {
	for {
		select {
		case s, open := <-samples:
			if !open {
				return false
			}
			into[s.id] = s.committed
		default:
			return true
		}
	}
}

// look moves what the view shows from waiting to times.
func look(ctx context.Context, conn *pgx.Conn, waiting map[int64]time.Time, times *spread) error {
	if len(waiting) == 0 {
		return nil
	}
	ids := make([]int64, 0, len(waiting))
	for id := range waiting {
		ids = append(ids, id)
	}
	rows, err := conn.Query(ctx, "SELECT id FROM big_sale WHERE id = ANY ($1)", ids)
	if err != nil {
		return fmt.Errorf("views: read: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	now := time.Now()
	for _, id := range found {
		*times = append(*times, now.Sub(waiting[id]).Seconds()*1000)
		delete(waiting, id)
	}
	return err
}

// pace commits at the rate, shared by the writers, and hands on the samples. It
// returns how late the latest transaction began.
func (b *bench) pace(ctx context.Context, samples chan<- sample) (commits int, late time.Duration, err error) {
	type result struct {
		commits int
		late    time.Duration
		err     error
	}
	done := make(chan result)
	began := time.Now()
	each := max(1, b.Rate*int(b.Span/time.Millisecond)/1000/b.Writers)
	for i := range b.Writers {
		w := &writer{rng: rand.New(rand.NewPCG(uint64(b.next), uint64(i))), oldest: b.next - int64(b.Rows)/2, first: b.next, next: b.next + int64(i), step: int64(b.Writers)}
		go func() {
			var r result
			r.err = b.withConn(ctx, b.Owner, func(conn *pgx.Conn) error {
				for ; r.commits < each; r.commits++ {
					due := began.Add(b.Span * time.Duration(r.commits) / time.Duration(each))
					time.Sleep(time.Until(due))
					r.late = max(r.late, time.Since(due))
					if err := w.paced(ctx, conn, r.commits, samples); err != nil {
						return err
					}
				}
				return nil
			})
			done <- r
		}()
	}
	for range b.Writers {
		r := <-done
		commits, late, err = commits+r.commits, max(late, r.late), errors.Join(err, r.err)
	}
	b.next += int64(each+1) * int64(b.Writers)
	return commits, late, err
}

// paced is transaction number n of one writer.
func (w *writer) paced(ctx context.Context, conn *pgx.Conn, n int, samples chan<- sample) error {
	if n%sampleEvery != 0 {
		return w.one(ctx, conn, 1+w.rng.IntN(1000))
	}
	id, err := w.insert(ctx, conn, 1000)
	if err == nil {
		samples <- sample{id, time.Now()}
	}
	return err
}
