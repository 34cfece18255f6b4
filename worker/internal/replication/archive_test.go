package replication

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/millrace/millrace/internal/pgtest"
)

// TestArchive keeps many transactions on two tables, with little memory and with
// enough, and reads back those that are wanted, of the table that was wanted.
func TestArchive(t *testing.T) {
	t.Parallel()
	const count = 300
	url := publish(t, "CREATE TABLE d (k int PRIMARY KEY, v text); CREATE TABLE other (k int PRIMARY KEY)")
	s := stream(t, url, Config{})
	small, large := NewArchive(t.TempDir(), 1<<12), NewArchive(t.TempDir(), 1<<30)
	var odd []uint32
	for i := range count {
		pgtest.Exec(t, url, fmt.Sprintf("INSERT INTO d VALUES (%d, repeat('x', 100)), (%d, 'second'); INSERT INTO other VALUES (%d); SELECT pg_logical_emit_message(true, 'p', 'm')", i, i+count, i))
		tx := nextTransaction(t, s)
		for _, a := range []*Archive{small, large} {
			if err := a.Add(tx, func(r *Relation) bool { return r.Name == "d" }); err != nil {
				t.Fatal(err)
			}
		}
		if i%2 == 1 {
			odd = append(odd, tx.XID)
		}
		if err := tx.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !small.Spilled() || large.Spilled() || small.spool.memory() > spillBlock {
		t.Errorf("spilled %v and %v, want only the one with little memory, which holds %d bytes", small.Spilled(), large.Spilled(), small.spool.memory())
	}
	for _, a := range []*Archive{small, large, small} {
		n, next := 0, 0
		wanted := func(x Archived) bool {
			if next < len(odd) && x.XID == odd[next] {
				next++
				return true
			}
			return false
		}
		for c, err := range a.Changes(wanted) {
			if err != nil {
				t.Fatal(err)
			}
			want := int32(2*(n/2) + 1 + count*(n%2))
			if k := int32(binary.BigEndian.Uint32(c.New[0].Data)); c.Relation.Name != "d" || k != want {
				t.Fatalf("change %d is of table %s, key %d, want d, %d", n, c.Relation.Name, k, want)
			}
			n++
		}
		if n != count {
			t.Errorf("%d changes, want %d", n, count)
		}
	}
	for _, a := range []*Archive{small, large} {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}
