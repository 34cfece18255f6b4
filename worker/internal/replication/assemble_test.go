package replication

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// wire makes a message: numbers of four bytes, positions and times of eight, single
// bytes, and strings that end with a zero byte.
func wire(tag byte, parts ...any) []byte {
	out := []byte{tag}
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			out = binary.BigEndian.AppendUint32(out, uint32(p))
		case LSN:
			out = binary.BigEndian.AppendUint64(out, uint64(p))
		case byte:
			out = append(out, p)
		case string:
			out = append(append(out, p...), 0)
		case []Cell:
			out = binary.BigEndian.AppendUint16(out, uint16(len(p)))
			for _, c := range p {
				out = append(out, byte(c.Kind))
				if c.Data != nil {
					out = append(binary.BigEndian.AppendUint32(out, uint32(len(c.Data))), c.Data...)
				}
			}
		}
	}
	return out
}

// table describes relation 7 with a key and another column.
func table(name string) []byte {
	return wire('R', 7, "public", name, byte('d'), byte(0), byte(2), byte(1), "k", 25, -1, byte(0), "v", 25, -1)
}

// streamed puts the number of a transaction behind the tag.
func streamed(xid int, message []byte) []byte {
	return append(wire(message[0], xid), message[1:]...)
}

var (
	value   = Cell{Text, []byte("x")}
	missing = Cell{Kind: Unchanged}
	null    = Cell{Kind: Null}
	begin   = wire('B', LSN(100), LSN(0), 1)
	commit  = wire('C', byte(0), LSN(100), LSN(110), LSN(0))
	insert  = wire('I', 7, byte('N'), []Cell{value, null})
)

// assemble feeds messages and returns the transactions, or the first error.
func assemble(t *testing.T, a *assembler, messages ...[]byte) (out []*Transaction, err error) {
	t.Helper()
	for _, m := range messages {
		e, err := a.add(m)
		if err != nil {
			return out, err
		}
		if tx, ok := e.(*Transaction); ok {
			out = append(out, tx)
		}
	}
	return out, nil
}

// TestRefusedMessages checks that messages that are sound but out of place are refused.
func TestRefusedMessages(t *testing.T) {
	t.Parallel()
	start, stop := wire('S', 9, byte(1)), wire('E')
	for name, messages := range map[string][][]byte{
		"CommitAlone":         {commit},
		"BeginTwice":          {begin, begin},
		"OtherCommit":         {begin, wire('C', byte(0), LSN(101), LSN(110), LSN(0))},
		"RowAlone":            {table("t"), insert},
		"UnknownRelation":     {begin, insert},
		"TruncateAlone":       {table("t"), wire('T', 1, byte(0), 7)},
		"TruncateUnknown":     {begin, wire('T', 1, byte(0), 7)},
		"MessageAlone":        {wire('M', byte(1), LSN(1), "p", 0)},
		"Prepared":            {wire('b', LSN(1), LSN(2), LSN(3), 4, "gid")},
		"FewCells":            {begin, table("t"), wire('I', 7, byte('N'), []Cell{value})},
		"FewOldCells":         {begin, table("t"), wire('D', 7, byte('K'), []Cell{value})},
		"InsertUnchanged":     {begin, table("t"), wire('I', 7, byte('N'), []Cell{value, missing})},
		"OldUnchanged":        {begin, table("t"), wire('D', 7, byte('O'), []Cell{value, missing})},
		"StopAlone":           {stop},
		"BlockInTransaction":  {begin, start},
		"BlockInBlock":        {start, start},
		"NotFirst":            {wire('S', 9, byte(0))},
		"FirstTwice":          {start, stop, start},
		"CommitInBlock":       {start, wire('c', 9, byte(0), LSN(100), LSN(110), LSN(0))},
		"CommitUnknownStream": {wire('c', 9, byte(0), LSN(100), LSN(110), LSN(0))},
		"AbortInBlock":        {start, wire('A', 9, 9)},
		"RelationOfAnother":   {table("t"), start, streamed(9, insert)}, // the server describes it in the stream again
	} {
		a := newAssembler()
		a.limit = 1 << 20
		if _, err := assemble(t, a, messages...); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v, want ErrProtocol", name, err)
		}
	}
}

// TestUnidentified checks that an update that does not say which row it is of is an
// error where it is read, and does not end the stream.
func TestUnidentified(t *testing.T) {
	t.Parallel()
	a := newAssembler()
	a.limit = 1 << 20
	txs, err := assemble(t, a, begin, table("t"), wire('U', 7, byte('N'), []Cell{missing, value}), commit, begin, insert, commit)
	if err != nil || len(txs) != 2 {
		t.Fatalf("%d transactions, %v", len(txs), err)
	}
	for _, err := range txs[0].Changes() {
		if !errors.Is(err, ErrUnidentified) || !strings.Contains(err.Error(), `column "k"`) {
			t.Errorf("update without key: %v, want ErrUnidentified", err)
		}
	}
	equal(t, "next transaction", changes(t, txs[1]), []string{"I t (text:x null)"})
}

// TestStart checks that what ended at the start or before is dropped.
func TestStart(t *testing.T) {
	t.Parallel()
	for start, want := range map[LSN]int{0: 1, 109: 1, 110: 0, 111: 0} {
		a := newAssembler()
		a.limit, a.start = 1<<20, start
		if txs, err := assemble(t, a, begin, table("t"), insert, commit); err != nil || len(txs) != want || a.used != 0 {
			t.Errorf("start %s: %d transactions, %v, want %d", start, len(txs), err, want)
		}
	}
}

// TestDescriptions checks which description of a table holds after a streamed
// transaction committed that began before another changed it: the younger one.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	a := newAssembler()
	a.limit = 1 << 20
	txs, err := assemble(t, a,
		wire('S', 9, byte(1)), streamed(9, table("old")), streamed(9, insert), wire('E'),
		begin, table("young"), insert, commit,
		wire('c', 9, byte(0), LSN(200), LSN(210), LSN(0)),
		begin, insert, commit)
	if err != nil || len(txs) != 3 {
		t.Fatalf("%d transactions, %v", len(txs), err)
	}
	var got []string
	for _, tx := range txs {
		got = append(got, changes(t, tx)...)
	}
	equal(t, "changes", got, []string{"I young (text:x null)", "I old (text:x null)", "I young (text:x null)"})
}

// TestAborted checks that a description from a subtransaction that was rolled back
// holds for nobody, and that its changes and messages are forgotten.
func TestAborted(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1 << 20, 1} { // in memory, on disk
		a := newAssembler()
		a.dir, a.limit = t.TempDir(), limit
		message := wire('M', byte(1), LSN(1), "p", 0)
		txs, err := assemble(t, a,
			begin, table("t"), insert, commit,
			wire('S', 9, byte(1)), streamed(9, table("t")), streamed(9, insert), streamed(9, message),
			streamed(10, insert), streamed(11, message), streamed(11, table("wrong")), streamed(11, insert), streamed(10, insert), wire('E'),
			wire('A', 9, 12), wire('A', 9, 10), wire('A', 77, 77),
			wire('S', 9, byte(0)), streamed(13, message), wire('E'),
			wire('c', 9, byte(0), LSN(200), LSN(210), LSN(0)),
			begin, insert, commit)
		if err != nil || len(txs) != 3 {
			t.Fatalf("%d transactions, %v", len(txs), err)
		}
		if txs[1].messages != 2 || txs[1].Spilled() != (limit == 1) {
			t.Errorf("%d messages, spilled %v; want 2, %v", txs[1].messages, txs[1].Spilled(), limit == 1)
		}
		got := append(changes(t, txs[1]), changes(t, txs[2])...)
		equal(t, "changes", got, []string{"I t (text:x null)", "I t (text:x null)"})
		for _, tx := range txs {
			if err := tx.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSpoolFails checks that a disk that cannot be written ends in an error.
func TestSpoolFails(t *testing.T) {
	t.Parallel()
	a := newAssembler()
	a.dir, a.limit = filepath.Join(t.TempDir(), "absent"), 10
	if _, err := assemble(t, a, begin, table("t"), insert); err == nil || errors.Is(err, ErrProtocol) {
		t.Errorf("spool in a folder that is not there: %v, want the disk's error", err)
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}

// TestLSN checks the text form of positions.
func TestLSN(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]LSN{"0/0": 0, "16/B374D848": 0x16_B374D848, "FFFFFFFF/FFFFFFFF": 1<<64 - 1} {
		var scanned LSN
		err := scanned.Scan([]byte(text))
		if got, parseErr := ParseLSN(text); got != want || got.String() != text || parseErr != nil || scanned != want || err != nil {
			t.Errorf("%s is %d, printed %s, scanned %d, %v, %v", text, got, got, scanned, parseErr, err)
		}
	}
	for _, text := range []string{"", "/", "1", "1/", "/1", "1/2/3", "100000000/0", "0/100000000", "g/0", "0/-1", " 0/0", "0/0x"} {
		if got, err := ParseLSN(text); !errors.Is(err, ErrProtocol) {
			t.Errorf("%q is %s, %v, want ErrProtocol", text, got, err)
		}
	}
}

// BenchmarkAssemble receives and reads transactions of 1000 rows.
func BenchmarkAssemble(b *testing.B) {
	a := newAssembler()
	a.limit = 1 << 30
	if _, err := a.add(table("t")); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := a.add(begin)
		for range 1000 {
			_, err = a.add(insert)
		}
		e, commitErr := a.add(commit)
		if err = errors.Join(err, commitErr); err != nil {
			b.Fatal(err)
		}
		for _, err := range e.(*Transaction).Changes() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "rows/s")
}
