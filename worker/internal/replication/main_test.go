package replication

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// patience bounds every wait of a test.
const patience = 30 * time.Second

// config is the configuration of a connection.
func config(t testing.TB, url string) *pgconn.Config {
	t.Helper()
	c, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// connect opens a replication connection.
func connect(t testing.TB, url string) *pgconn.PgConn {
	t.Helper()
	conn, err := Connect(t.Context(), config(t, url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// slotOf is the name of the test's slot: slots are the server's, not the database's.
func slotOf(url string) string {
	_, rest, _ := strings.Cut(url, "/test_")
	name, _, _ := strings.Cut(rest, "?")
	return "slot_" + name
}

// publish makes an empty database with a publication of all tables and a slot, after
// running statements in it.
func publish(t testing.TB, sql string) string {
	t.Helper()
	url := pgtest.Database(t)
	pgtest.Exec(t, url, sql)
	pgtest.Exec(t, url, "CREATE PUBLICATION everything FOR ALL TABLES")
	if _, err := EnsureSlot(t.Context(), connect(t, url), slotOf(url)); err != nil {
		t.Fatal(err)
	}
	return url
}

// stream starts a stream of the database's slot, when it is free.
func stream(t testing.TB, url string, c Config) *Stream {
	t.Helper()
	c.Slot, c.SpoolDir = slotOf(url), t.TempDir()
	if c.Publications == nil {
		c.Publications = []string{"everything"}
	}
	for end := time.Now().Add(patience); ; {
		s, err := Start(t.Context(), connect(t, url), c)
		if errors.Is(err, ErrSlotBusy) && time.Now().Before(end) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
}

// next returns the next event that is wanted.
func next[E Event](t testing.TB, s *Stream, wanted func(E) bool) E {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		e, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := e.(E); ok && wanted(e) {
			return e
		}
		if tx, ok := e.(*Transaction); ok {
			if err := tx.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// nextTransaction returns the next transaction that is not empty.
func nextTransaction(t testing.TB, s *Stream) *Transaction {
	t.Helper()
	tx := next(t, s, func(tx *Transaction) bool { return tx.Len() > 0 || tx.messages > 0 })
	t.Cleanup(func() {
		if err := tx.Close(); err != nil {
			t.Error(err)
		}
	})
	return tx
}

// text prints a cell: numbers of int4 columns and texts as such, anything else in hex.
func text(c Cell, typeOID uint32) string {
	switch {
	case c.Kind == Null:
		return "null"
	case c.Kind == Unchanged:
		return "unchanged"
	case c.Kind == Text:
		return "text:" + string(c.Data)
	case typeOID == 23 && len(c.Data) == 4:
		return fmt.Sprint(int32(binary.BigEndian.Uint32(c.Data)))
	case typeOID == 25:
		if len(c.Data) > 40 {
			return fmt.Sprintf("%.3s…%d", c.Data, len(c.Data))
		}
		return string(c.Data)
	}
	return fmt.Sprintf("%x", c.Data)
}

func tupleText(cells []Cell, columns []Column) string {
	var out []string
	for i, c := range cells {
		out = append(out, text(c, columns[i].TypeOID))
	}
	return "(" + strings.Join(out, " ") + ")"
}

// changeText prints a change as "U t K(1 null) (2 x)".
func changeText(c Change) string {
	out := fmt.Sprintf("%c %s", c.Kind, c.Relation.Name)
	if c.Cascade {
		out += " cascade"
	}
	if c.RestartIdentity {
		out += " restart"
	}
	if c.OldKind != 0 {
		out += fmt.Sprintf(" %c%s", c.OldKind, tupleText(c.Old, c.Relation.Columns))
	}
	if c.New != nil && c.Kind != Delete {
		out += " " + tupleText(c.New, c.Relation.Columns)
	}
	return out
}

// changes prints all changes of a transaction, and checks their number.
func changes(t testing.TB, tx *Transaction) []string {
	t.Helper()
	var out []string
	for c, err := range tx.Changes() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, changeText(c))
	}
	if int64(len(out)) != tx.Len() {
		t.Errorf("transaction %d has %d changes, Len says %d", tx.XID, len(out), tx.Len())
	}
	return out
}

// equal compares lists of lines.
func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s:\n%s\nwant\n%s", what, g, w)
	}
}
