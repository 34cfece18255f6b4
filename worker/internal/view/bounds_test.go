package view

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// TestSplit cuts random writings into statements: together they are what was cut, and
// each is within the bounds.
func TestSplit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := randomWriting(random)
		b := bounds{rows: 1 + random.IntN(20), bytes: 1 + random.IntN(2000), row: 1 << 20, parameters: 20 + random.IntN(200)}
		var all writing
		parts := w.split(b)
		for i, p := range parts {
			all.gone, all.moved = append(all.gone, p.gone...), append(all.moved, p.moved...)
			all.changed, all.added = append(all.changed, p.changed...), append(all.added, p.added...)
			checkBounds(t, p, b)
			if (p.left != nil) != (i == len(parts)-1) || p.view != w.view {
				t.Errorf("seed %d: part %d of %d: left %v", seed, i, len(parts), p.left)
			}
		}
		same := func(a, b placed) bool { return bytes.Equal(a.row, b.row) }
		equal := func(a, b row.Row) bool { return bytes.Equal(a, b) }
		if !slices.EqualFunc(all.gone, w.gone, same) || !slices.EqualFunc(all.moved, w.moved, same) ||
			!slices.EqualFunc(all.changed, w.changed, equal) || !slices.EqualFunc(all.added, w.added, equal) {
			t.Errorf("seed %d: the parts are not the whole", seed)
		}
		if t.Failed() {
			t.Fatalf("seed %d, bounds %+v", seed, b)
		}
	}
}

// checkBounds fails unless a statement is within the bounds. One row may be too long,
// but not two.
func checkBounds(t *testing.T, w *writing, b bounds) {
	t.Helper()
	coming, size := len(w.changed)+len(w.added), 0
	for _, r := range slices.Concat(w.changed, w.added) {
		size += len(r)
	}
	if rows := len(w.gone) + coming; rows > b.rows || rows == 0 && w.left == nil {
		t.Errorf("a statement of %d rows, want 1 to %d", rows, b.rows)
	}
	if coming > 1 && size > b.bytes {
		t.Errorf("a statement of %d bytes, want at most %d", size, b.bytes)
	}
	if len(w.moved) != len(w.changed) {
		t.Errorf("%d rows become %d", len(w.moved), len(w.changed))
	}
	if _, p := w.statement(); len(p.values) > b.parameters {
		t.Errorf("a statement of %d parameters, want at most %d", len(p.values), b.parameters)
	}
}

// randomWriting has rows of an integer, a text and some arrays.
func randomWriting(random *rand.Rand) *writing {
	v := &view{plan: &plan.View{}, types: []*row.Type{{Kind: row.Int4, OID: 23}, {Kind: row.Text, OID: 25}}, numbers: []typeNumbers{{23, 1007}, {25, 1009}}}
	for range random.IntN(4) {
		v.types = append(v.types, &row.Type{Kind: row.Array, OID: 1007, Elem: v.types[0]})
		v.numbers = append(v.numbers, typeNumbers{base: 1007})
	}
	some := func() (list []row.Row) {
		for range random.IntN(60) {
			values := []row.Value{row.Int4Value(random.Int32()), row.TextValue(strings.Repeat("x", random.IntN(300)))}
			for range v.types[2:] {
				values = append(values, row.MakeArray(23, values[0]))
			}
			list = append(list, row.Make(values...))
		}
		return list
	}
	w := &writing{view: v, changed: some(), added: some(), left: zset.NewSet()}
	for _, r := range some() {
		w.gone = append(w.gone, placed{row: r})
	}
	for range w.changed {
		w.moved = append(w.moved, placed{row: row.Make(row.Int4Value(random.Int32()))})
	}
	return w
}

// TestAdmit refuses a row that is too long for any statement, and says how long it is.
func TestAdmit(t *testing.T) {
	t.Parallel()
	long := row.Make(row.TextValue(strings.Repeat("x", 100)))
	b := bounds{row: len(long)}
	for _, w := range []*writing{{changed: []row.Row{long}}, {added: []row.Row{long}}} {
		if err := b.admit(w); err != nil {
			t.Error(err)
		}
	}
	b.row--
	for _, w := range []*writing{{changed: []row.Row{long}}, {added: []row.Row{long}}} {
		if err := b.admit(w); err == nil || !strings.Contains(err.Error(), "at most 10") {
			t.Errorf("error %v, want one with the bound", err)
		}
	}
}

// TestLeft settles a writing while a row that is to go is not known to be there: it
// stays pending, and nothing else does.
func TestLeft(t *testing.T) {
	t.Parallel()
	there, missing, fresh := row.Make(row.Int4Value(1)), row.Make(row.Int4Value(2)), row.Make(row.Int4Value(3))
	place := row.Row{0, 0, 0, 0, 0, 1}
	v := &view{plan: &plan.View{}, pending: zset.NewSet(), applied: zset.NewIndex()}
	v.applied.Add(there, place, 1)
	for r, n := range map[*row.Row]int64{&there: -1, &missing: -2, &fresh: 2} {
		v.pending.Add(*r, n)
	}
	parts := newWriting(v)
	if len(parts) != 1 || len(parts[0].gone) != 1 || len(parts[0].added) != 2 {
		t.Fatalf("parts %+v, want one that deletes a row and adds two", parts)
	}
	parts[0].places = []row.Row{{0, 0, 0, 0, 0, 2}, {0, 0, 0, 0, 0, 3}}
	parts[0].settle()
	if v.pending.Len() != 1 || v.pending.Weight(missing) != -2 {
		t.Errorf("%d rows are pending, the missing one %d times, want it alone, -2 times", v.pending.Len(), v.pending.Weight(missing))
	}
	if v.applied.Has(there) || v.applied.Len() != 2 || v.applied.Weight(fresh, parts[0].places[1]) != 1 {
		t.Errorf("the table is said to hold %d rows, want the two that were added", v.applied.Len())
	}
}
