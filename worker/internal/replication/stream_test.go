package replication

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/pgtest"
)

// big is a value that is stored out of line, uncompressed.
const big = "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 300) i)"

// TestChanges compares the changes of single transactions with what PostgreSQL's
// documentation says of each replica identity.
func TestChanges(t *testing.T) {
	t.Parallel()
	const tables = `
		CREATE TABLE d (k int PRIMARY KEY, v text, w text);
		CREATE TABLE f (k int, v text, w text); ALTER TABLE f REPLICA IDENTITY FULL;
		CREATE TABLE x (a int, k text NOT NULL, w text); CREATE UNIQUE INDEX xk ON x (k); ALTER TABLE x REPLICA IDENTITY USING INDEX xk;
		CREATE TABLE toasted (k text PRIMARY KEY, v text);
		CREATE TABLE other (k int PRIMARY KEY, d int REFERENCES d);
		CREATE TABLE part (k int PRIMARY KEY, v text) PARTITION BY RANGE (k);
		CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
		CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (10) TO (20);
		ALTER TABLE d ALTER w SET STORAGE EXTERNAL; ALTER TABLE f ALTER w SET STORAGE EXTERNAL;
		ALTER TABLE x ALTER w SET STORAGE EXTERNAL; ALTER TABLE toasted ALTER k SET STORAGE EXTERNAL;`
	url := publish(t, tables)
	s := stream(t, url, Config{})
	for _, tt := range []struct {
		sql  string
		want []string
	}{
		{"INSERT INTO d VALUES (1, 'a', NULL), (2, '', " + big + ")", []string{"I d (1 a null)", "I d (2  c4c…9600)"}},
		{"UPDATE d SET v = 'b' WHERE k = 1", []string{"U d (1 b null)"}},
		{"UPDATE d SET v = 'c' WHERE k = 2", []string{"U d (2 c unchanged)"}},
		{"UPDATE d SET k = 3 WHERE k = 2", []string{"U d K(2 null null) (3 c unchanged)"}},
		{"UPDATE d SET w = 'small' WHERE k = 3", []string{"U d (3 c small)"}},
		{"DELETE FROM d WHERE k = 3", []string{"D d K(3 null null)"}},
		{"INSERT INTO f VALUES (1, 'a', " + big + "), (1, 'a', NULL)", []string{"I f (1 a c4c…9600)", "I f (1 a null)"}},
		{"UPDATE f SET v = 'b' WHERE w IS NOT NULL", []string{"U f O(1 a c4c…9600) (1 b c4c…9600)"}}, // filled in from the old row
		{"DELETE FROM f WHERE w IS NULL", []string{"D f O(1 a null)"}},
		{"INSERT INTO x VALUES (1, 'one', " + big + ")", []string{"I x (1 one c4c…9600)"}},
		{"UPDATE x SET a = 2", []string{"U x (2 one unchanged)"}},
		{"UPDATE x SET k = 'two'", []string{"U x K(null one null) (2 two unchanged)"}},
		{"DELETE FROM x", []string{"D x K(null two null)"}},
		// A key out of line does not change, and yet identifies the row.
		{"INSERT INTO toasted VALUES (repeat('k', 2500), 'a')", []string{"I toasted (kkk…2500 a)"}},
		{"UPDATE toasted SET v = 'b'", []string{"U toasted K(kkk…2500 null) (kkk…2500 b)"}},
		{"INSERT INTO part VALUES (1, 'a'), (11, 'b')", []string{"I part1 (1 a)", "I part2 (11 b)"}},
		{"UPDATE part SET k = 12 WHERE k = 1", []string{"D part1 K(1 null)", "I part2 (12 a)"}},
		{"TRUNCATE part", []string{"T part1", "T part2"}},
		{"TRUNCATE d, f RESTART IDENTITY CASCADE", []string{"T d cascade restart", "T f cascade restart", "T other cascade restart"}},
		{"BEGIN; INSERT INTO d VALUES (1); SAVEPOINT a; INSERT INTO d VALUES (2); ROLLBACK TO a; INSERT INTO d VALUES (3); " +
			"SAVEPOINT b; INSERT INTO d VALUES (4); RELEASE b; COMMIT", []string{"I d (1 null null)", "I d (3 null null)", "I d (4 null null)"}},
		{"BEGIN; INSERT INTO d VALUES (8); ROLLBACK; INSERT INTO d VALUES (9)", []string{"I d (9 null null)"}},
		{"BEGIN; INSERT INTO d VALUES (20); ALTER TABLE d ADD n int DEFAULT 5; INSERT INTO d VALUES (21); ALTER TABLE d DROP w; " +
			"INSERT INTO d VALUES (22); COMMIT", []string{"I d (20 null null)", "I d (21 null null 5)", "I d (22 null 5)"}},
	} {
		pgtest.Exec(t, url, tt.sql)
		equal(t, tt.sql, changes(t, nextTransaction(t, s)), tt.want)
	}
}

// TestRelation checks what is told of a table, and that it is told again as the same
// value only while it is.
func TestRelation(t *testing.T) {
	t.Parallel()
	url := publish(t, `CREATE SCHEMA "Some"; CREATE TYPE color AS ENUM ('red');
		CREATE TABLE "Some"."T b" (gone int, k int, n numeric(7,2), c color, "D d" varchar(10)[], PRIMARY KEY (k));
		ALTER TABLE "Some"."T b" DROP gone`)
	s := stream(t, url, Config{})
	insert := `INSERT INTO "Some"."T b" VALUES (%d, 1.5, 'red')`
	relation := func(k int) *Relation {
		pgtest.Exec(t, url, fmt.Sprintf(insert, k))
		return nextTransaction(t, s).Relations()[0]
	}
	first := relation(1)
	var enum uint32
	conn := pgtest.Connect(t, url)
	if err := conn.QueryRow(t.Context(), "SELECT 'color'::regtype::oid").Scan(&enum); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s|%s|%c|%+v", first.Namespace, first.Name, first.ReplicaIdentity, first.Columns)
	want := fmt.Sprintf("Some|T b|d|[{Name:k TypeOID:23 Mod:-1 Key:true} {Name:n TypeOID:1700 Mod:%d Key:false} "+
		"{Name:c TypeOID:%d Mod:-1 Key:false} {Name:D d TypeOID:1015 Mod:14 Key:false}]", 7<<16+2+4, enum)
	if got != want {
		t.Errorf("relation is %s, want %s", got, want)
	}
	if second := relation(2); second != first {
		t.Errorf("relation of an unchanged table is %+v, and was %+v", second, first)
	}
	pgtest.Exec(t, url, `ALTER TABLE "Some"."T b" REPLICA IDENTITY FULL`)
	if third := relation(3); third == first || third.ReplicaIdentity != 'f' || !third.Columns[1].Key {
		t.Errorf("relation with identity FULL is %+v", third)
	}
	pgtest.Exec(t, url, `ALTER TABLE "Some"."T b" RENAME TO renamed`)
	insert = strings.ReplaceAll(insert, "T b", "renamed")
	if fourth := relation(4); fourth.Name != "renamed" || fourth.OID != first.OID {
		t.Errorf("renamed relation is %+v", fourth)
	}
}

// TestNothing checks that the server, not we, refuses what could not be followed.
func TestNothing(t *testing.T) {
	t.Parallel()
	url := publish(t, "CREATE TABLE n (k int); ALTER TABLE n REPLICA IDENTITY NOTHING")
	s := stream(t, url, Config{})
	conn := pgtest.Connect(t, url)
	if _, err := conn.Exec(t.Context(), "INSERT INTO n VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"UPDATE n SET k = 2", "DELETE FROM n"} {
		if _, err := conn.Exec(t.Context(), sql); code(err) != "55000" {
			t.Errorf("%s: %v, want SQLSTATE 55000", sql, err)
		}
	}
	equal(t, "changes", changes(t, nextTransaction(t, s)), []string{"I n (1)"})
}

// TestPartitionRoot checks a publication that shows a partitioned table as one.
func TestPartitionRoot(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	pgtest.Exec(t, url, `CREATE TABLE part (k int PRIMARY KEY, v text) PARTITION BY RANGE (k);
		CREATE TABLE p1 (v text, k int NOT NULL); ALTER TABLE part ATTACH PARTITION p1 FOR VALUES FROM (0) TO (10);
		CREATE TABLE p2 PARTITION OF part FOR VALUES FROM (10) TO (20);
		CREATE PUBLICATION "ro""ot's, it" FOR TABLE part WITH (publish_via_partition_root = true)`)
	if _, err := EnsureSlot(t.Context(), connect(t, url), slotOf(url)); err != nil {
		t.Fatal(err)
	}
	s := stream(t, url, Config{Publications: []string{`ro"ot's, it`}})
	pgtest.Exec(t, url, "INSERT INTO part VALUES (1, 'a'), (11, 'b'); UPDATE part SET k = 12 WHERE k = 1; TRUNCATE part")
	equal(t, "changes", changes(t, nextTransaction(t, s)),
		[]string{"I part (1 a)", "I part (11 b)", "D part K(1 null)", "I part (12 a)", "T part"})
}

// TestMessages checks logical messages of both kinds, and that those with other
// prefixes are left out.
func TestMessages(t *testing.T) {
	t.Parallel()
	url := publish(t, "CREATE TABLE d (k int PRIMARY KEY)")
	s := stream(t, url, Config{Prefixes: []string{"ours"}})
	pgtest.Exec(t, url, `BEGIN; SELECT pg_logical_emit_message(true, 'ours', 'first');
		INSERT INTO d VALUES (1), (2); SELECT pg_logical_emit_message(true, 'theirs', 'x');
		SAVEPOINT a; SELECT pg_logical_emit_message(true, 'ours', 'undone'); ROLLBACK TO a;
		SELECT pg_logical_emit_message(false, 'ours', 'at once'); SELECT pg_logical_emit_message(false, 'theirs', 'x');
		SELECT pg_logical_emit_message(true, 'ours', '\x00ff'::bytea); DELETE FROM d WHERE k = 1; ROLLBACK;
		BEGIN; SELECT pg_logical_emit_message(true, 'ours', 'first'); INSERT INTO d VALUES (1), (2);
		SELECT pg_logical_emit_message(true, 'ours', '\x00ff'::bytea); DELETE FROM d WHERE k = 1; COMMIT;
		SELECT pg_logical_emit_message(true, 'ours', 'alone')`)
	atOnce := next(t, s, func(*Message) bool { return true })
	if atOnce.Transactional || atOnce.Prefix != "ours" || string(atOnce.Content) != "at once" || atOnce.LSN == 0 {
		t.Errorf("message outside of transactions is %+v", atOnce)
	}
	print := func(tx *Transaction) (out []string) {
		for m, err := range tx.Messages() {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%v %s %q after %d", m.Transactional, m.Prefix, m.Content, m.Before))
		}
		return out
	}
	tx := nextTransaction(t, s)
	equal(t, "changes", changes(t, tx), []string{"I d (1)", "I d (2)", "D d K(1)"})
	want := []string{`true ours "first" after 0`, `true ours "\x00\xff" after 2`}
	equal(t, "messages", print(tx), want)
	equal(t, "messages, read again", print(tx), want)
	tx = nextTransaction(t, s)
	equal(t, "messages alone", append(print(tx), changes(t, tx)...), []string{`true ours "alone" after 0`})
}

// TestTransactions checks order, positions and what a transaction knows of itself.
func TestTransactions(t *testing.T) {
	t.Parallel()
	url := publish(t, "CREATE TABLE d (k int PRIMARY KEY)")
	s := stream(t, url, Config{})
	a, b := pgtest.Connect(t, url), pgtest.Connect(t, url)
	var xid uint32
	for _, sql := range []string{"BEGIN", "INSERT INTO d VALUES (1)"} {
		if _, err := a.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.QueryRow(t.Context(), "SELECT pg_current_xact_id()::xid").Scan(&xid); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exec(t.Context(), "INSERT INTO d VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	first := nextTransaction(t, s)
	if _, err := a.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	var end LSN
	if err := a.QueryRow(t.Context(), "SELECT pg_current_wal_insert_lsn()::text").Scan(&end); err != nil {
		t.Fatal(err)
	}
	second := nextTransaction(t, s)
	equal(t, "first to commit", changes(t, first), []string{"I d (2)"})
	equal(t, "first to begin", changes(t, second), []string{"I d (1)"})
	if second.XID != xid {
		t.Errorf("transaction has number %d, want %d", second.XID, xid)
	}
	if first.CommitLSN >= first.EndLSN || first.EndLSN > second.CommitLSN || second.CommitLSN >= second.EndLSN || second.EndLSN > end {
		t.Errorf("positions %s to %s, %s to %s, %s: want them in order", first.CommitLSN, first.EndLSN, second.CommitLSN, second.EndLSN, end)
	}
	if d := second.CommitTime.Sub(first.CommitTime); d < 0 || d > patience {
		t.Errorf("commits at %s and %s", first.CommitTime, second.CommitTime)
	}
}
