package replication

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/millrace/millrace/internal/pgtest"
)

var rewrite = flag.Bool("rewrite", false, "capture testdata again from the server of MILLRACE_TEST_PG")

// A golden file holds what a server really sent: a line with the options of pgoutput
// begins a stream, and each message has two lines, its bytes and what they say.
const goldenFile = "testdata/postgresql%d.golden"

// goldenTables and goldenWork make each message at least once. The unpublished table
// fills the memory for decoding, so that the rest is streamed.
const (
	goldenTables = `CREATE TYPE color AS ENUM ('red', 'green');
		CREATE TABLE t (k int PRIMARY KEY, v text, c color, a aclitem); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;
		CREATE TABLE f (k int, v text); ALTER TABLE f REPLICA IDENTITY FULL;
		CREATE TABLE unpublished (k int);
		CREATE PUBLICATION listed FOR TABLE t, f`
	goldenWork = `SELECT pg_logical_emit_message(false, 'prefix', 'outside');
		SELECT pg_replication_origin_create('elsewhere'); SELECT pg_replication_origin_session_setup('elsewhere');
		BEGIN; SELECT pg_replication_origin_xact_setup('0/ABCD', '2020-02-02');
		INSERT INTO t VALUES (1, 'a', 'red', 'postgres=r/postgres'); COMMIT;
		SELECT pg_replication_origin_session_reset(); SELECT pg_replication_origin_drop('elsewhere');
		INSERT INTO t VALUES (2, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 70) i));
		BEGIN; UPDATE t SET c = 'green'; UPDATE t SET k = 3 WHERE k = 2; DELETE FROM t WHERE k = 3; COMMIT;
		BEGIN; INSERT INTO f VALUES (1, ''); UPDATE f SET k = NULL; DELETE FROM f; COMMIT;
		BEGIN; INSERT INTO t VALUES (5); INSERT INTO f VALUES (5); SELECT pg_logical_emit_message(true, 'prefix', '\x00ff'::bytea);
		INSERT INTO unpublished SELECT generate_series(1, 2000); TRUNCATE t, f RESTART IDENTITY CASCADE;
		SAVEPOINT a; INSERT INTO t VALUES (6); INSERT INTO unpublished SELECT generate_series(1, 2000); ROLLBACK TO a;
		INSERT INTO t VALUES (7); COMMIT;
		BEGIN; INSERT INTO t VALUES (8); INSERT INTO unpublished SELECT generate_series(1, 2000); ROLLBACK;`
	goldenPrepared = `BEGIN; INSERT INTO t VALUES (10); PREPARE TRANSACTION 'one'; COMMIT PREPARED 'one';
		BEGIN; INSERT INTO t VALUES (11); PREPARE TRANSACTION 'two'; ROLLBACK PREPARED 'two';
		BEGIN; INSERT INTO t VALUES (12); INSERT INTO unpublished SELECT generate_series(1, 2000); PREPARE TRANSACTION 'three'; COMMIT PREPARED 'three';`
)

// goldenEnd is the message after which a capture ends.
const goldenEnd = "SELECT pg_logical_emit_message(false, 'end', '')"

// capture writes the golden file of the server's version.
func capture(t *testing.T) {
	server := privateServer(t, map[string]string{"max_prepared_transactions": "10", "logical_decoding_work_mem": "64kB"})
	var out bytes.Buffer
	for _, stream := range []struct {
		since   int
		options string
		twoStep bool
	}{
		{14, "proto_version '1'", false},
		{14, "proto_version '2', streaming 'on'", false},
		{15, "proto_version '3', streaming 'on', two_phase 'on'", true},
		{16, "proto_version '4', streaming 'parallel'", false},
	} {
		if server.Major() < stream.since {
			continue
		}
		url := privateDatabase(t, server)
		pgtest.Exec(t, url, goldenTables)
		slot := slotOf(url)
		pgtest.Exec(t, url, fmt.Sprintf("SELECT pg_create_logical_replication_slot('%s', 'pgoutput', false, %v)", slot, stream.twoStep))
		options := stream.options + ", publication_names 'listed', messages 'true', binary 'true'"
		work := goldenWork
		if stream.twoStep {
			work += goldenPrepared
		}
		session := pgtest.Connect(t, url)
		for _, sql := range append(strings.Split(work, ";"), goldenEnd) {
			if _, err := session.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
		fmt.Fprintf(&out, "# %s\n", options)
		recordStream(t, url, slot, options, &out)
	}
	if err := os.WriteFile(fmt.Sprintf(goldenFile, server.Major()), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// recordStream appends the messages of a slot up to the last one.
func recordStream(t *testing.T, url, slot, options string, out *bytes.Buffer) {
	conn := connect(t, url)
	err := pglogrepl.StartReplication(t.Context(), conn, slot, 0, pglogrepl.StartReplicationOptions{PluginArgs: []string{options}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var d decoder
	for {
		m, err := conn.ReceiveMessage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		data, ok := m.(*pgproto3.CopyData)
		if !ok {
			t.Fatalf("%T %+v within the stream", m, m)
		}
		if data.Data[0] != 'w' {
			continue
		}
		message := data.Data[25:]
		decoded, err := d.decode(message)
		fmt.Fprintf(out, "%s\n\t%s\n", hex.EncodeToString(message), describe(decoded, err))
		if l, ok := decoded.(*logicalMessage); ok && l.prefix == "end" {
			return
		}
	}
}

// describe prints a decoded message.
func describe(m wireMessage, err error) string {
	if err != nil {
		return err.Error()
	}
	var body string
	switch m := m.(type) {
	case *rowMessage:
		columns := make([]Column, max(len(m.old), len(m.new)))
		for i := range columns {
			columns[i].TypeOID = 25
		}
		if len(columns) > 0 {
			columns[0].TypeOID = 23
		}
		body = fmt.Sprintf("xid %d relation %d %c%s %s", m.xid, m.relation, max(m.oldKind, '-'), tupleText(m.old, columns), tupleText(m.new, columns))
	case *relationMessage:
		r := *m.relation
		body = fmt.Sprintf("xid %d %d %s.%s %c %+v", m.xid, r.OID, r.Namespace, r.Name, r.ReplicaIdentity, r.Columns)
	case *beginMessage:
		body = fmt.Sprintf("%s %s xid %d", m.commit, m.time.Format(time.RFC3339Nano), m.xid)
	case *commitMessage:
		body = fmt.Sprintf("flags %d xid %d %s to %s %s", m.flags, m.xid, m.commit, m.end, m.time.Format(time.RFC3339Nano))
	case *streamAbort:
		body = fmt.Sprintf("xid %d subxid %d parallel %v %s %s", m.xid, m.subxid, m.parallel, m.lsn, m.time.Format(time.RFC3339Nano))
	case *preparedMessage:
		body = fmt.Sprintf("flags %d %s to %s %s %s xid %d %s", m.flags, m.lsn, m.end,
			m.time.Format(time.RFC3339Nano), m.second.Format(time.RFC3339Nano), m.xid, m.gid)
	default:
		body = strings.TrimPrefix(fmt.Sprintf("%+v", m), "&")
	}
	return fmt.Sprintf("%c %q", m.tag(), body)
}

// golden returns the messages of all golden files, stream by stream.
func golden(t testing.TB) map[string][][2]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) < 2 {
		t.Fatalf("golden files: %v, %v, want two at least", files, err)
	}
	out := map[string][][2]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var stream string
		lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		for i := 0; i < len(lines); i++ {
			if strings.HasPrefix(lines[i], "#") {
				stream = file + lines[i]
				continue
			}
			out[stream] = append(out[stream], [2]string{lines[i], strings.TrimPrefix(lines[i+1], "\t")})
			i++
		}
	}
	return out
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGolden decodes what servers sent, and checks that every kind of message is there.
func TestGolden(t *testing.T) {
	if *rewrite {
		capture(t)
	}
	seen := map[byte]bool{}
	for stream, messages := range golden(t) {
		var d decoder
		for i, m := range messages {
			data := unhex(t, m[0])
			seen[data[0]] = true
			if got := describe(d.decode(data)); got != m[1] {
				t.Errorf("%s, message %d:\n%s\nwant\n%s", stream, i, got, m[1])
			}
		}
	}
	for _, tag := range []byte("BCORYIUDTMSEcAbPKrp") {
		if !seen[tag] {
			t.Errorf("no message %q in the golden files", tag)
		}
	}
}

// TestDamaged checks that every message of the servers is refused when it is cut at any
// place or has one byte more, and that the decoder goes on after it.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for stream, messages := range golden(t) {
		var d decoder
		for i, m := range messages {
			data := unhex(t, m[0])
			for n := range len(data) {
				// A stream abort is complete without the fields of streaming parallel.
				if _, err := d.decode(data[:n]); !errors.Is(err, ErrProtocol) && !(data[0] == 'A' && n == 9) {
					t.Fatalf("%s, message %d (%q), cut after %d bytes: %v, want ErrProtocol", stream, i, data[0], n, err)
				}
			}
			if _, err := d.decode(append(bytes.Clone(data), 0)); !errors.Is(err, ErrProtocol) {
				t.Fatalf("%s, message %d (%q) with a byte more: %v, want ErrProtocol", stream, i, data[0], err)
			}
			if got := describe(d.decode(data)); got != m[1] {
				t.Fatalf("%s, message %d after damaged ones: %s, want %s", stream, i, got, m[1])
			}
		}
	}
}
