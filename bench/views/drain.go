package views

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"

	"github.com/jackc/pgx/v5"
)

// copySlot is the name of a copy of the worker's slot: the same changes, decoded from
// the same place.
func (b *bench) copySlot() string { return "bench_" + b.slot }

// drain measures how fast a backlog is caught up with.
func (b *bench) drain(ctx context.Context) error {
	if err := b.stopWorker(); err != nil {
		return err
	}
	var worker, receiver spread
	for round := range b.Rounds {
		end, changes, err := b.backlog(ctx)
		if err != nil {
			return err
		}
		receive := func() error {
			took, err := b.receive(ctx, end)
			receiver = append(receiver, float64(changes)/took.Seconds())
			return err
		}
		follow := func() error {
			took, err := b.follow(ctx)
			worker = append(worker, float64(changes)/took.Seconds())
			return err
		}
		order := []func() error{follow, receive}
		if round%2 == 1 {
			order[0], order[1] = order[1], order[0]
		}
		for _, measure := range order {
			if err := measure(); err != nil {
				return err
			}
		}
	}
	beside := "pg_recvlogical -f /dev/null"
	if b.Receiver == "" {
		beside = "pg_logical_slot_peek_binary_changes"
	}
	b.print("\ndrain       %d changes in transactions of %d, %d rounds: changes/s, median (least to greatest)", b.Changes, perTransaction, b.Rounds)
	b.print("  worker    %s", worker.text("%.0f"))
	b.print("  beside    %s: %s", receiver.text("%.0f"), beside)
	b.print("  ratio     %s", worker.over(receiver).text("%.2f"))
	return nil
}

// backlog copies the slot, writes changes while nobody follows, and returns where the
// log ends with them. The last change is seen in a view.
func (b *bench) backlog(ctx context.Context) (end string, changes int, err error) {
	err = b.withConn(ctx, b.Admin, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SELECT pg_copy_logical_replication_slot($1, $2)", b.slot, b.copySlot())
		return err
	})
	if err != nil {
		return "", 0, fmt.Errorf("views: copy the slot: %w", err)
	}
	err = b.withConn(ctx, b.Owner, func(conn *pgx.Conn) error {
		for range b.Changes / perTransaction {
			n, err := b.change(ctx, conn)
			if err != nil {
				return err
			}
			changes += n
		}
		if err := b.insertSeen(ctx, conn); err != nil {
			return err
		}
		changes++
		return conn.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&end)
	})
	if err != nil {
		return "", 0, fmt.Errorf("views: write a backlog: %w", err)
	}
	return end, changes, nil
}

// insertSeen inserts a row that view big_sale shows.
func (b *bench) insertSeen(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "INSERT INTO sale VALUES ($1, 1, 1, 1000, 'seen')", b.next)
	b.next++
	return err
}

// change is one transaction: a quarter of it inserts, half updates rows anywhere, a
// quarter deletes the oldest. Were rows updated that are deleted soon after, the worker
// would see in one tick that nothing has come of it.
func (b *bench) change(ctx context.Context, conn *pgx.Conn) (changes int, err error) {
	const quarter = perTransaction / 4
	first := b.next - int64(b.Rows) // the oldest row that is left
	random := rand.New(rand.NewPCG(uint64(b.next), 0))
	var ids []int64
	for len(ids) < 2*quarter {
		ids = append(ids, first+quarter+random.Int64N(int64(b.Rows)-quarter))
	}
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue("INSERT INTO sale "+freshRows, b.next, b.next+quarter-1)
	batch.Queue("UPDATE sale SET amount = 1 + (amount + 400) % 1000, product = (product + 1) % 1000 WHERE id = ANY ($1)", ids)
	batch.Queue("DELETE FROM sale WHERE id >= $1 AND id < $2", first, first+quarter)
	batch.Queue("COMMIT")
	results := conn.SendBatch(ctx, batch)
	for range batch.Len() {
		tag, err := results.Exec()
		if err != nil {
			return 0, errors.Join(err, results.Close())
		}
		changes += int(tag.RowsAffected())
	}
	b.next += quarter
	return changes, results.Close()
}

// follow starts the worker, measures from the moment in which it takes the slot until
// a reader of the views sees the last change, and stops it again.
func (b *bench) follow(ctx context.Context) (took time.Duration, err error) {
	if err := b.startWorker(ctx); err != nil {
		return 0, err
	}
	err = b.withConn(ctx, b.Admin, func(conn *pgx.Conn) error {
		from, err := poll(ctx, conn, "SELECT active FROM pg_replication_slots WHERE slot_name = $1", b.slot)
		if err != nil {
			return err
		}
		to, err := poll(ctx, conn, "SELECT EXISTS (SELECT FROM big_sale WHERE id = $1)", b.next-1)
		took = to.Sub(from)
		return err
	})
	if err != nil {
		return 0, err
	}
	return took, b.stopWorker()
}

// receive measures how fast the same changes are read and thrown away.
func (b *bench) receive(ctx context.Context, end string) (took time.Duration, err error) {
	err = b.withConn(ctx, b.Admin, func(conn *pgx.Conn) error {
		if b.Receiver == "" {
			began := time.Now()
			_, err := conn.Exec(ctx, `SELECT count(data) FROM pg_logical_slot_peek_binary_changes($1, $2::text::pg_lsn, NULL,
				'proto_version', '1', 'publication_names', 'millrace', 'binary', 'true')`, b.copySlot(), end)
			took = time.Since(began)
			return err
		}
		took, err = b.runReceiver(ctx, conn, end)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("views: read the slot: %w", err)
	}
	return took, b.withConn(ctx, b.Admin, func(conn *pgx.Conn) error {
		if _, err := poll(ctx, conn, "SELECT NOT active FROM pg_replication_slots WHERE slot_name = $1", b.copySlot()); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", b.copySlot())
		return err
	})
}

// runReceiver runs pg_recvlogical up to the end, timed from when it has the slot.
func (b *bench) runReceiver(ctx context.Context, conn *pgx.Conn, end string) (time.Duration, error) {
	c := conn.Config()
	cmd := exec.CommandContext(ctx, b.Receiver, "--dbname", c.Database, "--slot", b.copySlot(), "--start", "--no-loop", "--endpos", end, "--file", "/dev/null",
		"--option", "proto_version=1", "--option", "publication_names=millrace", "--option", "binary=true", "--option", "messages=true")
	cmd.Env = append(os.Environ(), "PGHOST="+c.Host, fmt.Sprintf("PGPORT=%d", c.Port), "PGUSER="+c.User, "PGPASSWORD="+c.Password)
	done := make(chan error, 1)
	go func() {
		text, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %w: %s", b.Receiver, err, text)
		}
		done <- err
	}()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	from := time.Now()
	for began := false; ; {
		if !began {
			if err := conn.QueryRow(ctx, "SELECT active FROM pg_replication_slots WHERE slot_name = $1", b.copySlot()).Scan(&began); err != nil {
				return 0, errors.Join(err, <-done)
			}
			from = time.Now()
		}
		select {
		case err := <-done:
			return time.Since(from), err
		case <-tick.C:
		}
	}
}
