package replication

import (
	"errors"
	"testing"
)

// FuzzDecode feeds the decoder, and behind it the assembler, with anything: they give
// errors and never panic, and a decoded row has what its form announces.
func FuzzDecode(f *testing.F) {
	for _, messages := range golden(f) {
		for _, m := range messages {
			f.Add(unhex(f, m[0]), false)
			f.Add(unhex(f, m[0]), true)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, inStream bool) {
		d := decoder{inStream: inStream}
		m, err := d.decode(data)
		if (m == nil) == (err == nil) {
			t.Fatalf("decode gives %v and %v", m, err)
		}
		if err != nil && !errors.Is(err, ErrProtocol) {
			t.Fatalf("decode error %v is no ErrProtocol", err)
		}
		row, ok := m.(*rowMessage)
		if ok && (row.kind == Insert && row.oldKind != 0 || row.kind == Delete && (row.oldKind == 0 || len(row.new) > 0)) {
			t.Fatalf("row of kind %c has tuples %c, %d and %d cells", row.kind, row.oldKind, len(row.old), len(row.new))
		}
	})
}

// FuzzAssemble feeds the assembler with messages of a real stream of which some are
// left out, doubled or changed: the order of anything is possible.
func FuzzAssemble(f *testing.F) {
	var messages [][]byte
	for _, stream := range golden(f) {
		for _, m := range stream {
			messages = append(messages, unhex(f, m[0]))
		}
	}
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, uint8(0), byte(0))
	f.Add([]byte{50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62}, uint8(9), byte(1))
	f.Fuzz(func(t *testing.T, order []byte, at uint8, change byte) {
		a := newAssembler()
		a.dir, a.limit = t.TempDir(), 100
		defer func() {
			if err := a.close(); err != nil {
				t.Error(err)
			}
		}()
		for _, i := range order {
			m := append([]byte(nil), messages[int(i)%len(messages)]...)
			m[int(at)%len(m)] ^= change
			e, err := a.add(m)
			if tx, ok := e.(*Transaction); ok {
				n := int64(0)
				for _, err := range tx.Changes() {
					if err != nil && !errors.Is(err, ErrUnidentified) {
						t.Fatal(err)
					}
					n++
				}
				if n > tx.Len() {
					t.Fatalf("%d changes, Len says %d", n, tx.Len())
				}
				if err := tx.Close(); err != nil {
					t.Fatal(err)
				}
			} else if err != nil && !errors.Is(err, ErrProtocol) {
				t.Fatal(err)
			}
		}
		if a.used > a.limit {
			t.Fatalf("%d bytes of memory used, %d allowed", a.used, a.limit)
		}
	})
}
