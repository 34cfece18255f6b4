package views

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// perTransaction is how many changes a transaction of a backlog has.
const perTransaction = 20

// bound is how long anything that should happen soon may take.
const bound = 2 * time.Minute

// tables and the views on them. Amounts are spread evenly over 1 to 1000, so the
// filter keeps half of the rows.
var tables = []string{
	"CREATE TABLE shop (id int PRIMARY KEY, city text NOT NULL)",
	"CREATE TABLE sale (id bigint PRIMARY KEY, shop int NOT NULL, product int NOT NULL, amount int NOT NULL, note text)",
	"INSERT INTO shop SELECT i, 'city ' || i % 100 FROM generate_series(0, 999) AS i",
}

var definitions = [][2]string{
	{"big_sale", "SELECT id, product, amount * 2 AS twice FROM sale WHERE amount > 500"},
	{"by_product", "SELECT product, count(*) AS sales, sum(amount) AS total FROM sale GROUP BY product"},
	{"by_city", "SELECT s.city, count(*) AS sales, sum(a.amount) AS total FROM sale AS a JOIN shop AS s ON s.id = a.shop GROUP BY s.city"},
}

// freshRows is the part of an INSERT that gives rows with ids $1 to $2. The modulus is
// a prime far above the number of rows: were it a divisor of it, each new row would be
// like the one that is deleted for it, and the groups would stay as they are.
const freshRows = "SELECT i, i * 7919 % 1000003 % 1000, i * 104729 % 1000003 % 1000, 1 + i * 15485863 % 1000003 % 1000, 'note ' || i FROM generate_series($1::bigint, $2::bigint) AS i"

// prepare makes tables and views and has the worker follow them once.
func (b *bench) prepare(ctx context.Context) error {
	if err := b.exec(ctx, tables...); err != nil {
		return err
	}
	b.next = int64(b.Rows) + 1
	err := b.withConn(ctx, b.Owner, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "INSERT INTO sale "+freshRows, 1, b.Rows)
		return err
	})
	if err != nil {
		return fmt.Errorf("views: fill: %w", err)
	}
	if err := b.startWorker(ctx); err != nil {
		return err
	}
	list := []string{"ANALYZE shop, sale", "SELECT ml.track('shop')", "SELECT ml.track('sale')"}
	for _, d := range definitions {
		list = append(list, fmt.Sprintf("SELECT ml.create_view('%s', '%s')", d[0], d[1]))
	}
	if err := b.exec(ctx, append(list, "CREATE INDEX ON big_sale (id)")...); err != nil {
		return err
	}
	return b.exec(ctx, "SELECT ml.wait(timeout => '2 min')")
}

func (b *bench) startWorker(ctx context.Context) (err error) {
	b.stop, err = b.Start(ctx)
	return err
}

// stopWorker stops it, if it runs.
func (b *bench) stopWorker() error {
	if b.stop == nil {
		return nil
	}
	stop := b.stop
	b.stop = nil
	return stop()
}

// check fails unless the views hold what their queries give.
func (b *bench) check(ctx context.Context) error {
	return b.withConn(ctx, b.Owner, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "SELECT ml.wait(timeout => '2 min')"); err != nil {
			return fmt.Errorf("views: wait: %w", err)
		}
		for _, d := range definitions {
			var differing int64
			if err := conn.QueryRow(ctx, "SELECT differing FROM ml.check_view($1)", d[0]).Scan(&differing); err != nil {
				return fmt.Errorf("views: check %s: %w", d[0], err)
			}
			if differing != 0 {
				return fmt.Errorf("views: %d rows of %s differ from its query", differing, d[0])
			}
		}
		return nil
	})
}

// poll asks a question of one boolean until the answer is true, and returns when that
// was.
func poll(ctx context.Context, conn *pgx.Conn, sql string, args ...any) (time.Time, error) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(bound); ; {
		var yes bool
		if err := conn.QueryRow(ctx, sql, args...).Scan(&yes); err != nil {
			return time.Time{}, fmt.Errorf("views: %s: %w", sql, err)
		}
		now := time.Now()
		if yes {
			return now, nil
		}
		if now.After(deadline) {
			return now, fmt.Errorf("views: not within %v: %s %v", bound, sql, args)
		}
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-tick.C:
		}
	}
}
