package zset

import (
	"bytes"
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"testing"

	"github.com/millrace/millrace/sql/row"
)

func TestOrdered(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		g := generator(t, seed)
		o, all, byKey := NewOrdered(), 0, map[string]*model{}
		keys := []int{1, 7, 200}[seed%3]
		for step := range 4000 {
			key, r, w := fmt.Appendf(nil, "k%d", g.IntN(keys)), fmt.Appendf(nil, "row %d", g.IntN(300)), g.Int64N(5)-2
			order := []byte{r[len(r)-1]} // by the last digit
			m := byKey[string(key)]
			if m == nil {
				m = &model{}
				byKey[string(key)] = m
			}
			if i := slices.IndexFunc(m.rows, func(o weighted) bool { return o.data == string(r) }); step/500%2 == 1 && i >= 0 {
				w = -m.rows[i].weight
			}
			all -= len(m.rows)
			before, after := o.Add(key, order, r, w)
			b, a := m.add(string(r), w)
			if all += len(m.rows); b != before || a != after || o.Len() != all {
				t.Fatalf("step %d: Add = %d, %d, Len %d, want %d, %d, %d", step, before, after, o.Len(), b, a, all)
			}
			if step%10 == 0 {
				checkRows(t, o.Rows(key), inOrder(m))
			}
		}
		loaded := NewOrdered()
		loaded.Add([]byte("k0"), nil, row.Row("gone"), 3)
		roundTrip(t, o.Save, loaded.Load)
		for key, m := range byKey {
			checkRows(t, loaded.Rows([]byte(key)), inOrder(m))
		}
	}
}

func inOrder(m *model) []weighted {
	return slices.SortedFunc(slices.Values(m.rows), func(a, b weighted) int {
		return cmp.Or(cmp.Compare(a.data[len(a.data)-1], b.data[len(b.data)-1]), cmp.Compare(a.data, b.data))
	})
}

// TestOrderedBalance checks that rows that come in order make no list, nor after
// compaction.
func TestOrderedBalance(t *testing.T) {
	t.Parallel()
	const n = 20_000
	o := NewOrdered()
	for i := range n {
		o.Add(nil, nil, fmt.Appendf(nil, "%08d", i), 1)
	}
	check := func(what string) {
		t.Helper()
		var depth func(at address) int
		depth = func(at address) int {
			if at == none {
				return 0
			}
			return 1 + max(depth(o.left(at)), depth(o.right(at)))
		}
		if d := depth(*o.roots.Get(nil)); d > 4*bits.Len(uint(o.Len())) {
			t.Errorf("%s: a tree of %d rows is %d deep", what, o.Len(), d)
		}
	}
	check("filled")
	filled := o.Bytes()
	for i := range n * 4 / 5 {
		o.Add(nil, nil, fmt.Appendf(nil, "%08d", i), -1)
	}
	check("emptied")
	if b := o.Bytes(); b > filled*3/4 {
		t.Errorf("%d bytes with all rows, %d with a fifth of them", filled, b)
	}
}

func TestOrderedLoadRefuses(t *testing.T) {
	t.Parallel()
	o := NewOrdered()
	for i := range 20 {
		o.Add(fmt.Appendf(nil, "%d", i%3), nil, fmt.Appendf(nil, "row %d", i), 1)
	}
	whole := saved(t, o.Save)
	for n := range whole {
		got := NewOrdered()
		if err := got.Load(NewReader(bytes.NewReader(whole[:n]))); err == nil || got.Len() != 0 {
			t.Fatalf("Load of %d of %d bytes: %v, %d rows", n, len(whole), err, got.Len())
		}
	}
	g := generator(t, 1)
	for range 1000 {
		garbled := bytes.Clone(whole)
		garbled[g.IntN(len(garbled))] = byte(g.Uint32())
		got := NewOrdered()
		if err := got.Load(NewReader(bytes.NewReader(garbled))); err != nil && got.Len() != 0 {
			t.Fatalf("Load failed with %v and left %d rows", err, got.Len())
		}
	}
}
