package replication

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
)

// TestHuge sends a transaction through a stream with little memory, and reads it
// twice: all rows are there, in order, and memory stays within the bound.
func TestHuge(t *testing.T) {
	t.Parallel()
	const rows, memory = 200_000, 1 << 20
	for _, streaming := range []bool{false, true} {
		t.Run(fmt.Sprintf("Streaming=%v", streaming), func(t *testing.T) {
			url := publish(t, `CREATE TABLE d (k int PRIMARY KEY, v text);
				DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET logical_decoding_work_mem = ''1MB''', current_database()); END $$`)
			s := stream(t, url, Config{Memory: memory, Streaming: streaming})
			pgtest.Exec(t, url, fmt.Sprintf("INSERT INTO d SELECT i, 'row ' || i FROM generate_series(1, %d) i; SELECT pg_logical_emit_message(true, 'p', 'last')", rows))
			tx := nextTransaction(t, s)
			if tx.Len() != rows || !tx.Spilled() || tx.spool.memory() > memory || s.Spilled() < tx.Bytes()-memory {
				t.Errorf("%d rows, spilled %v, %d bytes in memory, %d of %d on disk; want %d rows, true, at most %d bytes",
					tx.Len(), tx.Spilled(), tx.spool.memory(), s.Spilled(), tx.Bytes(), rows, memory)
			}
			for range 2 {
				n := int32(0)
				for c, err := range tx.Changes() {
					if err != nil {
						t.Fatal(err)
					}
					n++
					if k := int32(binary.BigEndian.Uint32(c.New[0].Data)); k != n || string(c.New[1].Data) != fmt.Sprintf("row %d", n) {
						t.Fatalf("row %d is %d, %q", n, k, c.New[1].Data)
					}
				}
				if n != rows {
					t.Fatalf("%d rows read, want %d", n, rows)
				}
			}
			for m, err := range tx.Messages() {
				if err != nil || m.Before != rows || string(m.Content) != "last" {
					t.Errorf("message %+v, %v", m, err)
				}
			}
		})
	}
}

// follower applies changes to a copy of the rows of tables with key k and value v.
type follower map[string]map[string]string

func (f follower) apply(t *testing.T, tx *Transaction) {
	t.Helper()
	for c, err := range tx.Changes() {
		if err != nil {
			t.Fatal(err)
		}
		rows := f[c.Relation.Name]
		if rows == nil || c.Kind == Truncate {
			rows = map[string]string{}
			f[c.Relation.Name] = rows
		}
		if c.Kind == Delete || c.Kind == Update && c.OldKind != 0 {
			old := text(c.Old[0], 23)
			if _, there := rows[old]; !there {
				t.Fatalf("%s: the old row is not there", changeText(c))
			}
			delete(rows, old)
		}
		if c.Kind == Insert || c.Kind == Update {
			k := text(c.New[0], 23)
			if _, there := rows[k]; there != (c.Kind == Update && c.OldKind == 0) {
				t.Fatalf("%s: there is a row with this key already, or none to update", changeText(c))
			}
			rows[k] = text(c.New[1], 25)
		}
	}
}

// smallMemory has the server stream, or write to its disk, what is larger than 64 kB.
const smallMemory = `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET logical_decoding_work_mem = ''64kB''', current_database()); END $$;`

// player makes random statements of one session.
type player struct {
	rnd        *rand.Rand
	session    int // keys are this, modulo 2
	open       bool
	savepoints int
	step       int
}

// statement returns the next one.
func (p *player) statement() string {
	p.step++
	if !p.open {
		p.open, p.savepoints = true, 0
		return "BEGIN"
	}
	table := []string{"a", "b"}[p.rnd.Intn(2)]
	low := p.rnd.Intn(1000)
	where := fmt.Sprintf("WHERE k %% 2 = %d AND k BETWEEN %d AND %d", p.session, low, low+p.rnd.Intn(400))
	switch p.rnd.Intn(12) {
	case 0:
		p.open = false
		return []string{"COMMIT", "COMMIT", "ROLLBACK"}[p.rnd.Intn(3)]
	case 1, 2, 3:
		p.savepoints++
		return fmt.Sprintf("SAVEPOINT s%d", p.savepoints)
	case 4, 5:
		if p.savepoints > 0 {
			p.savepoints = 1 + p.rnd.Intn(p.savepoints)
			return fmt.Sprintf("ROLLBACK TO s%d", p.savepoints)
		}
	case 6:
		if p.savepoints > 0 {
			p.savepoints--
			return fmt.Sprintf("RELEASE s%d", p.savepoints+1)
		}
	case 7:
		return fmt.Sprintf("DELETE FROM %s %s", table, where)
	case 8:
		return fmt.Sprintf("UPDATE %s SET k = k + %d %s", table, 10_000*p.step, where)
	case 9:
		return fmt.Sprintf("UPDATE %s SET v = 'step %d' %s", table, p.step, where)
	}
	return fmt.Sprintf("INSERT INTO %s SELECT 2 * i + %d, 'new ' || i FROM generate_series(%d, %d) i ON CONFLICT (k) DO UPDATE SET v = excluded.v || ' again'",
		table, p.session, low/2, low/2+p.rnd.Intn(300))
}

// play runs random transactions in two sessions at once, and ends them.
func play(t *testing.T, url string, seed int64) {
	t.Helper()
	var sessions [2]*pgx.Conn
	var players [2]*player
	for i := range sessions {
		sessions[i] = pgtest.Connect(t, url)
		players[i] = &player{rnd: rand.New(rand.NewSource(seed + int64(i))), session: i}
	}
	order := rand.New(rand.NewSource(seed))
	for range 600 {
		i := order.Intn(2)
		sql := players[i].statement()
		if _, err := sessions[i].Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("seed %d: %s: %v", seed, sql, err)
		}
	}
	for i := range sessions {
		if _, err := sessions[i].Exec(t.Context(), "COMMIT"); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Exec(t, url, "SELECT pg_logical_emit_message(false, 'end', '')")
}

// TestRandom follows random transactions with savepoints and rollbacks. What it has at
// the end is what the tables have.
func TestRandom(t *testing.T) {
	t.Parallel()
	const seed = 5
	for _, streaming := range []bool{false, true} {
		t.Run(fmt.Sprintf("Seed=%d/Streaming=%v", seed, streaming), func(t *testing.T) {
			t.Parallel()
			url := publish(t, smallMemory+`CREATE TABLE a (k int PRIMARY KEY, v text);
				CREATE TABLE b (k int PRIMARY KEY, v text); ALTER TABLE b REPLICA IDENTITY FULL`)
			s := stream(t, url, Config{Memory: 40_000, Streaming: streaming})
			play(t, url, seed)
			f := follower{"a": {}, "b": {}}
			follow(t, s, f)
			conn := pgtest.Connect(t, url)
			for table, rows := range f {
				compare(t, conn, table, rows)
			}
			if s.assembly.used != 0 || len(s.assembly.streamed) != 0 {
				t.Errorf("%d bytes and %d transactions left when all have ended", s.assembly.used, len(s.assembly.streamed))
			}
			if streaming {
				await(t, conn, "SELECT stream_txns > 0 AND stream_count > stream_txns FROM pg_stat_replication_slots WHERE slot_name = '"+slotOf(url)+"'")
			}
		})
	}
}

// follow applies transactions up to the message of the end.
func follow(t *testing.T, s *Stream, f follower) {
	t.Helper()
	for {
		e, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch e := e.(type) {
		case *Transaction:
			f.apply(t, e)
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		case *Message:
			return
		}
	}
}

// compare checks that a table has just these rows.
func compare(t *testing.T, conn *pgx.Conn, table string, want map[string]string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT k::text, v FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var k, v string
	if _, err := pgx.ForEachRow(rows, []any{&k, &v}, func() error {
		n++
		if got, there := want[k]; !there || got != v {
			t.Errorf("table %s has row %s, %q; followed %q, %v", table, k, v, got, there)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n != len(want) || n == 0 {
		t.Errorf("table %s has %d rows, followed %d", table, n, len(want))
	}
}

// await asks the server until it says yes.
func await(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var yes bool
		if err := conn.QueryRow(t.Context(), sql).Scan(&yes); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if yes {
			return
		}
	}
	t.Fatalf("not within %s: %s", patience, sql)
}

// TestStreamedSchema alters a table in a subtransaction that is rolled back after it
// was streamed: no other change may be read by that description of the table.
func TestStreamedSchema(t *testing.T) {
	t.Parallel()
	url := publish(t, smallMemory+"CREATE TABLE a (k int PRIMARY KEY, v text)")
	s := stream(t, url, Config{Streaming: true})
	const fill = "INSERT INTO a (k, v) SELECT i, 'v' FROM generate_series(%d, %d) i;"
	altered := strings.NewReplacer("(k, v)", "(k)", ", 'v'", "").Replace(fill)
	sql := "BEGIN;" + fill + "SAVEPOINT s; ALTER TABLE a ADD z int DEFAULT 7; ALTER TABLE a DROP v;" + altered +
		"ROLLBACK TO s;" + fill + "COMMIT; INSERT INTO a VALUES (0, 'after')"
	pgtest.Exec(t, url, fmt.Sprintf(sql, 1, 2000, 2001, 4000, 4001, 6000))
	tx := nextTransaction(t, s)
	if tx.Len() != 4000 {
		t.Errorf("%d changes, want 4000", tx.Len())
	}
	for i, line := range changes(t, tx) {
		k := i + 1
		if k > 2000 {
			k += 2000
		}
		if want := fmt.Sprintf("I a (%d v)", k); line != want {
			t.Fatalf("change %d is %s, want %s", i, line, want)
		}
	}
	equal(t, "changes after it", changes(t, nextTransaction(t, s)), []string{"I a (0 after)"})
}
