package view_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/milltest"
)

// A bank moves money between two tables. Whatever happens, its views show one sum of
// money, and all of them the same number of moves: that of one position of the log.
const (
	accounts = 60
	money    = accounts * 2 * 100
	bankSQL  = `
		CREATE TABLE checking (id int PRIMARY KEY, branch int NOT NULL, amount bigint NOT NULL, moves bigint NOT NULL);
		CREATE TABLE savings (id int PRIMARY KEY, branch int NOT NULL, amount bigint NOT NULL, moves bigint NOT NULL);
		INSERT INTO checking SELECT i, i % 7, 100, 0 FROM generate_series(1, 60) AS i;
		INSERT INTO savings SELECT i, i % 5, 100, 0 FROM generate_series(1, 60) AS i;
		SELECT ml.track('checking'); SELECT ml.track('savings')`
	bankViewsSQL = `BEGIN;
		SELECT ml.create_view('total', 'SELECT sum(amount) AS amount, sum(moves) AS moves, count(*) AS n FROM (SELECT amount, moves FROM checking UNION ALL SELECT amount, moves FROM savings) AS a');
		SELECT ml.create_view('branches', 'SELECT branch, sum(amount) AS amount, sum(moves) AS moves FROM (TABLE checking UNION ALL TABLE savings) AS a GROUP BY branch');
		SELECT ml.create_view('pairs', 'SELECT c.id, c.amount + s.amount AS amount, c.moves + s.moves AS moves FROM checking AS c JOIN savings AS s USING (id)');
		COMMIT`
	bankReadSQL = `SELECT (SELECT lsn::text FROM ml_private.position), (SELECT amount::bigint FROM total), (SELECT sum(amount)::bigint FROM branches), (SELECT sum(amount)::bigint FROM pairs),
		(SELECT moves::bigint FROM total), (SELECT sum(moves)::bigint FROM branches), (SELECT sum(moves)::bigint FROM pairs)`
)

var bankViews = []string{"total", "branches", "pairs"}

// bank is a site with writers and readers at work.
type bank struct {
	*site
	stop   context.CancelFunc
	work   sync.WaitGroup
	random *rand.Rand
	moved  atomic.Int64 // transfers that were committed
	read   atomic.Int64 // statements that have read all views
}

// newBank makes tables and views, and prints the seed of all that is random.
func newBank(s *site) *bank {
	s.t.Helper()
	seed := uint64(time.Now().UnixNano())
	s.t.Logf("seed %d", seed)
	c := s.open()
	c.Run(bankSQL)
	c.Run(bankViewsSQL)
	return &bank{site: s, random: rand.New(rand.NewPCG(seed, 1))}
}

// begin begins to write and to read, until the test ends or stop is called.
func (b *bank) begin(writers, readers int) {
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = sync.OnceFunc(func() { cancel(); b.work.Wait() })
	b.t.Cleanup(b.stop)
	for i := range writers {
		r := rand.New(rand.NewPCG(b.random.Uint64(), uint64(i)))
		b.work.Go(func() { b.session(ctx, func(conn *pgx.Conn) error { return b.transfer(ctx, conn, r) }) })
	}
	r := rand.New(rand.NewPCG(b.random.Uint64(), 100))
	b.work.Go(func() { b.session(ctx, func(conn *pgx.Conn) error { return b.check(ctx, conn, r) }) })
	for range readers {
		seen := map[string]int64{}
		b.work.Go(func() { b.session(ctx, func(conn *pgx.Conn) error { return b.look(ctx, conn, seen) }) })
	}
}

// session repeats f on a connection, a new one after each that was lost. An error that
// is not of a crash fails the test.
func (b *bank) session(ctx context.Context, f func(*pgx.Conn) error) {
	for ctx.Err() == nil {
		conn, err := pgx.Connect(ctx, b.owner)
		for err == nil {
			err = f(conn)
			var refused *pgconn.PgError
			if errors.As(err, &refused) && (refused.Code == "40P01" || refused.Code == "40001") {
				err = nil
			}
			if err != nil && !conn.IsClosed() && ctx.Err() == nil {
				b.t.Error(err)
			}
		}
		if conn != nil {
			closeSoon(conn)
		}
		time.Sleep(5 * time.Millisecond) // the server may be down
	}
}

// transfer moves money in one transaction, in one of several ways.
func (b *bank) transfer(ctx context.Context, conn *pgx.Conn, r *rand.Rand) error {
	from, to, sum := 1+r.IntN(accounts), 1+r.IntN(accounts), r.IntN(50)
	tables := [2]string{"checking", "savings"} // always in this order, against deadlocks
	if r.IntN(2) == 0 {
		sum = -sum
	}
	sql := fmt.Sprintf("UPDATE %s SET amount = amount - %d, moves = moves + 1 WHERE id = %d; UPDATE %s SET amount = amount + %[2]d WHERE id = %d;", tables[0], sum, from, tables[1], to)
	lock := "SELECT pg_advisory_xact_lock_shared(1);"
	switch r.IntN(8) {
	case 0: // the row goes and comes again, elsewhere; others would not find it meanwhile
		lock = "SELECT pg_advisory_xact_lock(1);"
		sql += fmt.Sprintf("WITH gone AS (DELETE FROM %s WHERE id = %d RETURNING *) INSERT INTO history SELECT * FROM gone; INSERT INTO %[1]s SELECT id, (branch + 1) %% 9, amount, moves FROM history; DELETE FROM history;", tables[0], to)
	case 1:
		sql += fmt.Sprintf("SAVEPOINT s; UPDATE %s SET amount = amount + 1; ROLLBACK TO s;", tables[1])
	case 2:
		sql = fmt.Sprintf("UPDATE %s SET amount = amount - 1, moves = moves + 1 WHERE id %% 3 = 0; UPDATE %s SET amount = amount + 1 WHERE id %% 3 = 0;", tables[0], tables[1])
	}
	end := "COMMIT"
	if r.IntN(10) == 0 {
		end = "ROLLBACK"
	}
	_, err := conn.Exec(ctx, "CREATE TEMPORARY TABLE IF NOT EXISTS history (LIKE checking)", pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		_, err = conn.Exec(ctx, "BEGIN; "+lock+sql+end, pgx.QueryExecModeSimpleProtocol)
	}
	if err != nil && !conn.IsClosed() {
		_, _ = conn.Exec(ctx, "ROLLBACK") // the first error is the one to tell
		return err
	}
	if err == nil {
		b.moved.Add(1)
	}
	return err
}

// check has the worker compare a view. It may say that it cannot just now, but must say
// something.
func (b *bank) check(ctx context.Context, conn *pgx.Conn, r *rand.Rand) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var differing int64
	var example *string
	name := bankViews[r.IntN(len(bankViews))]
	err := conn.QueryRow(ctx, "SELECT differing, example FROM ml.check_view($1)", name).Scan(&differing, &example)
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		err = nil
	case errors.Is(err, context.DeadlineExceeded):
		b.t.Errorf("check_view of %s does not end", name)
	case err == nil && differing != 0:
		b.t.Errorf("check_view of %s: %d rows differ: %s", name, differing, *example)
	}
	time.Sleep(20 * time.Millisecond)
	return err
}

// look reads all views in one statement.
func (b *bank) look(ctx context.Context, conn *pgx.Conn, seen map[string]int64) error {
	var position *string
	var amount, moves [3]int64
	err := conn.QueryRow(ctx, bankReadSQL).Scan(&position, &amount[0], &amount[1], &amount[2], &moves[0], &moves[1], &moves[2])
	if err != nil {
		return err
	}
	b.read.Add(1)
	time.Sleep(2 * time.Millisecond) // others need the processors too
	if amount != [3]int64{money, money, money} {
		b.t.Errorf("the views show sums %v, want %d each", amount, money)
	}
	if moves[0] != moves[1] || moves[0] != moves[2] {
		b.t.Errorf("the views show %v moves in one statement: they are at different positions", moves)
	}
	if position == nil {
		return nil
	}
	if before, ok := seen[*position]; ok && before != moves[0] {
		b.t.Errorf("at position %s the views have shown %d moves, and %d", *position, before, moves[0])
	}
	seen[*position] = moves[0]
	return nil
}

// verify compares each view with PostgreSQL, when nobody writes any more.
func (b *bank) verify() {
	b.t.Helper()
	if b.stop != nil {
		b.stop()
	}
	b.settle()
	if got := b.open().Text("SELECT (SELECT sum(amount) FROM checking) + (SELECT sum(amount) FROM savings)"); got != fmt.Sprint(money) {
		b.t.Errorf("the bank holds %s, want %d: the test is wrong", got, money)
	}
	b.compare(bankViews...)
	if b.stop != nil {
		b.t.Logf("%d transfers, %d statements have read the views", b.moved.Load(), b.read.Load())
	}
}

// compare compares views with PostgreSQL, by a query and by the worker.
func (s *site) compare(views ...string) {
	s.t.Helper()
	c := s.open()
	for _, v := range views {
		equal(s.t, c, v)
		var differing string
		milltest.Until(s.t, "ml.check_view compares", func() bool {
			if err := c.Try("SELECT ml.check_view('" + v + "')"); err != nil {
				s.t.Log("ml.check_view: ", err)
				return false
			}
			differing = c.Text("SELECT differing FROM ml.check_view('" + v + "')")
			return true
		})
		if differing != "0" {
			s.t.Errorf("check_view of %s: %s rows differ, want 0", v, differing)
		}
	}
}

// pause lets the bank work for a random time.
func (b *bank) pause(most time.Duration) { time.Sleep(time.Duration(b.random.Int64N(int64(most)))) }

// TestCrashRestart stops and starts the worker while money moves, with and without a
// folder for its state.
func TestCrashRestart(t *testing.T) {
	for _, name := range []string{"Memory", "StateDir"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.config.Checkpoint = 100 * time.Millisecond
			if name == "StateDir" {
				s.config.StateDir = t.TempDir()
			}
			stop := s.run()
			b := newBank(s)
			s.settle()
			b.begin(3, 2)
			for range rounds(t, 4) {
				b.pause(600 * time.Millisecond)
				stop()
				b.pause(100 * time.Millisecond)
				stop = s.run()
			}
			b.pause(300 * time.Millisecond)
			b.verify()
		})
	}
}

// TestCrashSessions ends sessions of the worker while money moves.
func TestCrashSessions(t *testing.T) {
	victims := []string{
		"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database() AND active",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace view writer'",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace worker' AND query LIKE 'LISTEN%'",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace view reader'",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'millrace%'",
	}
	for _, name := range []string{"Memory", "StateDir"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.config.Checkpoint = 50 * time.Millisecond
			if name == "StateDir" {
				s.config.StateDir = t.TempDir()
			}
			s.run()
			b := newBank(s)
			s.settle()
			b.begin(3, 2)
			admin := s.openAdmin()
			for i := range rounds(t, 10) {
				b.pause(400 * time.Millisecond)
				admin.Run(victims[(i+b.random.IntN(2))%len(victims)])
			}
			b.pause(300 * time.Millisecond)
			b.verify()
		})
	}
}
