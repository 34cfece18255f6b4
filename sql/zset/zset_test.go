package zset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/sql/row"
)

// weighted is a row with its weight, or a key with its value, as a model holds it.
type weighted struct {
	data   string
	weight int64
}

// model is the plain truth about a set: its rows in the order in which they came.
type model struct {
	rows    []weighted
	present map[string]bool
}

func (m *model) add(data string, w int64) (before, after int64) {
	if m.present == nil {
		m.present = map[string]bool{}
	}
	if !m.present[data] {
		if w != 0 {
			m.rows = append(m.rows, weighted{data, w})
			m.present[data] = true
		}
		return 0, w
	}
	i := slices.IndexFunc(m.rows, func(r weighted) bool { return r.data == data })
	before = m.rows[i].weight
	m.rows[i].weight += w
	if m.rows[i].weight == 0 {
		m.rows = slices.Delete(m.rows, i, i+1)
		delete(m.present, data)
	}
	return before, before + w
}

func generator(t *testing.T, seed uint64) *rand.Rand {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// randomRow is one of few rows, so that they meet again; some are empty, some are
// longer than a chunk.
func randomRow(g *rand.Rand, of int) row.Row {
	n := g.IntN(of)
	switch {
	case n == 0:
		return row.Row{}
	case n < 3:
		return bytes.Repeat([]byte{byte(n)}, chunkSize/2+n*chunkSize/3)
	}
	return append(fmt.Appendf(nil, "%d", n), make([]byte, n%300)...)
}

func TestSet(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		g := generator(t, seed)
		s, m := NewSet(), &model{}
		of := []int{4, 40, 600}[seed%3]
		for step := range 4000 {
			r, w := randomRow(g, of), g.Int64N(5)-2
			if phase := step / 500 % 2; phase == 1 { // mostly leaving: compaction
				w = -s.Weight(r)
			}
			before, after := s.Add(r, w)
			if b, a := m.add(string(r), w); b != before || a != after {
				t.Fatalf("step %d: Add = %d, %d, want %d, %d", step, before, after, b, a)
			}
			if s.Len() != len(m.rows) || s.Weight(r) != after {
				t.Fatalf("step %d: Len %d, Weight %d, want %d, %d", step, s.Len(), s.Weight(r), len(m.rows), after)
			}
			if step%97 == 0 {
				checkRows(t, s.All(), m.rows)
			}
		}
		loaded := NewSet()
		loaded.Add(row.Row("gone"), 3)
		roundTrip(t, s.Save, loaded.Load)
		checkRows(t, loaded.All(), m.rows)
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		g := generator(t, seed)
		x, all, byKey := NewIndex(), &model{}, map[string]*model{}
		keys := []int{1, 7, 200}[seed%3]
		for step := range 4000 {
			key, r, w := fmt.Appendf(nil, "k%d", g.IntN(keys)), randomRow(g, 60), g.Int64N(5)-2
			if byKey[string(key)] == nil {
				byKey[string(key)] = &model{}
			}
			if m := byKey[string(key)]; step/500%2 == 1 && m.present[string(r)] {
				i := slices.IndexFunc(m.rows, func(o weighted) bool { return o.data == string(r) })
				w = -m.rows[i].weight
			}
			before, after := x.Add(key, r, w)
			b, a := byKey[string(key)].add(string(r), w)
			all.add(string(key)+"/"+string(r), w)
			if b != before || a != after || x.Len() != len(all.rows) {
				t.Fatalf("step %d: Add = %d, %d, Len %d, want %d, %d, %d", step, before, after, x.Len(), b, a, len(all.rows))
			}
			if x.Weight(key, r) != after {
				t.Fatalf("step %d: Weight = %d, want %d", step, x.Weight(key, r), after)
			}
			if x.Has(key) != (len(byKey[string(key)].rows) > 0) {
				t.Fatalf("step %d: Has(%s) = %t", step, key, x.Has(key))
			}
			checkRows(t, x.Rows(key), byKey[string(key)].rows)
		}
		checkIndex(t, x, all, byKey)
		loaded := NewIndex()
		roundTrip(t, x.Save, loaded.Load)
		checkIndex(t, loaded, all, byKey)
	}
}

func checkIndex(t *testing.T, x *Index, all *model, byKey map[string]*model) {
	t.Helper()
	rows := slices.Clone(all.rows)
	for i, r := range rows {
		_, after, _ := bytes.Cut([]byte(r.data), []byte("/"))
		rows[i].data = string(after)
	}
	checkRows(t, x.All(), rows)
	keys := 0
	for range x.Keys() {
		keys++
	}
	for key, m := range byKey {
		checkRows(t, x.Rows([]byte(key)), m.rows)
		if len(m.rows) > 0 {
			keys--
		}
	}
	if keys != 0 {
		t.Errorf("Keys yields %d too many", keys)
	}
}

func TestMap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(9) {
		g := generator(t, seed)
		m, want := NewMap[int64](), &model{}
		of := []int{3, 50, 900}[seed%3]
		for step := range 6000 {
			key := fmt.Appendf(nil, "k%d", g.IntN(of))
			i := slices.IndexFunc(want.rows, func(r weighted) bool { return r.data == string(key) })
			if got := m.Get(key); (got != nil) != (i >= 0) || i >= 0 && *got != want.rows[i].weight {
				t.Fatalf("step %d: Get(%s) = %v", step, key, got)
			}
			if g.IntN(10) < 3+step/1000%2*5 {
				m.Delete(key)
				if i >= 0 {
					want.rows = slices.Delete(want.rows, i, i+1)
				}
			} else {
				v := m.Put(key)
				*v += int64(step)
				if i < 0 {
					want.rows = append(want.rows, weighted{string(key), int64(step)})
				} else {
					want.rows[i].weight += int64(step)
				}
			}
			if m.Len() != len(want.rows) {
				t.Fatalf("step %d: Len = %d, want %d", step, m.Len(), len(want.rows))
			}
		}
		checkRows(t, func(yield func(row.Row, int64) bool) {
			for key, v := range m.All() {
				if !yield(key, *v) {
					return
				}
			}
		}, want.rows)
	}
}

func TestConsolidate(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		g := generator(t, seed)
		var b Batch
		var order []string
		sum := map[string]int64{}
		for range 2 { // again, with memory that was used
			b.Reset()
			clear(sum)
			order = nil
			for range g.IntN(40) {
				r, w := randomRow(g, 12)[:0:0], g.Int64N(5)-2
				r = append(r, byte(g.IntN(12)))
				b.Add(r, w)
				if _, ok := sum[string(r)]; !ok && w != 0 {
					order = append(order, string(r))
				}
				if w != 0 {
					sum[string(r)] += w
				}
			}
			b.Consolidate()
			var want []weighted
			for _, r := range order {
				if sum[r] != 0 {
					want = append(want, weighted{r, sum[r]})
				}
			}
			checkRows(t, b.All(), want)
		}
	}
}

// TestBytes holds the claim of memory to the memory of what was put in: neither
// less, nor much more after all has gone.
func TestBytes(t *testing.T) {
	t.Parallel()
	s, x, m := NewSet(), NewIndex(), NewMap[[4]uint64]()
	var key [16]byte
	const n = 50_000
	for i := range uint64(n) {
		binary.BigEndian.PutUint64(key[8:], i)
		s.Add(key[:], 1)
		x.Add(key[:], key[:], 1)
		*m.Put(key[:]) = [4]uint64{i}
	}
	for what, b := range map[string][2]int64{
		"set": {s.Bytes(), n * (16 + 8 + 1 + 8)}, "index": {x.Bytes(), n * (2*16 + 48 + 2 + 16)}, "map": {m.Bytes(), n * (16 + 8 + 1 + 8 + 32)},
	} {
		if b[0] < b[1] || b[0] > 2*b[1] {
			t.Errorf("%s: Bytes = %d, want at least %d and at most twice that", what, b[0], b[1])
		}
	}
	for i := range uint64(n) {
		binary.BigEndian.PutUint64(key[8:], i)
		s.Add(key[:], -1)
		x.Add(key[:], key[:], -1)
		m.Delete(key[:])
	}
	if s.Len()+x.Len()+m.Len() != 0 {
		t.Errorf("Len = %d, %d, %d of what is empty", s.Len(), x.Len(), m.Len())
	}
	// The tables keep their size; the arenas do not.
	if s.rows.bytes() > 4*firstSize || x.rows.bytes()+x.keys.bytes() > 8*firstSize || m.keys.bytes() > 4*firstSize {
		t.Errorf("arenas of %d, %d, %d, %d bytes hold nothing", s.rows.bytes(), x.rows.bytes(), x.keys.bytes(), m.keys.bytes())
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	s, x := NewSet(), NewIndex()
	for i := range 20 {
		s.Add(fmt.Appendf(nil, "row %d", i), int64(i)-30)
		x.Add(fmt.Appendf(nil, "key %d", i%3), fmt.Appendf(nil, "row %d", i), int64(i)+1)
	}
	type state interface {
		Save(*Writer)
		Load(*Reader) error
		Len() int
	}
	g := generator(t, 1)
	for _, from := range []state{s, x} {
		into := func() state {
			if from == state(s) {
				return NewSet()
			}
			return NewIndex()
		}
		whole := saved(t, from.Save)
		for n := range whole {
			got := into()
			if err := got.Load(NewReader(bytes.NewReader(whole[:n]))); !errors.Is(err, io.ErrUnexpectedEOF) || got.Len() != 0 {
				t.Fatalf("Load of %d of %d bytes: %v, %d rows", n, len(whole), err, got.Len())
			}
		}
		for range 2000 { // Whatever the bytes say, no panic and no endless loop.
			garbled := bytes.Clone(whole)
			for range 1 + g.IntN(4) {
				garbled[g.IntN(len(garbled))] = byte(g.Uint32())
			}
			got := into()
			if err := got.Load(NewReader(bytes.NewReader(garbled))); err != nil && got.Len() != 0 {
				t.Fatalf("Load failed with %v and left %d rows", err, got.Len())
			}
		}
	}
	for _, tt := range []struct {
		name  string
		write func(w *Writer)
	}{
		{"Twice", func(w *Writer) { w.Uvarint(2); w.Bytes([]byte("a")); w.Varint(1); w.Bytes([]byte("a")); w.Varint(1) }},
		{"Zero", func(w *Writer) { w.Uvarint(1); w.Bytes([]byte("a")); w.Varint(0) }},
		{"Length", func(w *Writer) { w.Uvarint(1); w.Uvarint(1 << 62) }},
	} {
		if err := NewSet().Load(NewReader(bytes.NewReader(saved(t, tt.write)))); err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("x"), 3*maxRead+5)
	data := saved(t, func(w *Writer) {
		w.Uvarint(1 << 63)
		w.Varint(-1 << 63)
		w.Uint64(7)
		w.Bytes(nil)
		w.Bytes(long)
	})
	r := NewReader(bytes.NewReader(data))
	if u, v, n := r.Uvarint(), r.Varint(), r.Uint64(); u != 1<<63 || v != -1<<63 || n != 7 {
		t.Errorf("read %d, %d, %d", u, v, n)
	}
	if b := r.Bytes(); b == nil || len(b) != 0 {
		t.Errorf("read %q, want an empty slice", b)
	}
	if b := r.Bytes(); !bytes.Equal(b, long) {
		t.Errorf("read %d bytes, want %d", len(b), len(long))
	}
	if r.Uint64() != 0 || !errors.Is(r.Err(), io.ErrUnexpectedEOF) {
		t.Errorf("behind the end: %v", r.Err())
	}
	w := NewWriter(failing{})
	for range 100_000 {
		w.Uint64(1)
	}
	if err := w.Flush(); !errors.Is(err, errFailing) || !errors.Is(w.Err(), errFailing) {
		t.Errorf("Flush = %v", err)
	}
}

var errFailing = errors.New("disk full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFailing }

func saved(t *testing.T, save func(*Writer)) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := NewWriter(&buffer)
	save(w)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func roundTrip(t *testing.T, save func(*Writer), load func(*Reader) error) {
	t.Helper()
	if err := load(NewReader(bytes.NewReader(saved(t, save)))); err != nil {
		t.Fatal(err)
	}
}

func checkRows(t *testing.T, got func(func(row.Row, int64) bool), want []weighted) {
	t.Helper()
	i := 0
	for r, w := range got {
		if i >= len(want) || string(r) != want[i].data || w != want[i].weight {
			t.Fatalf("entry %d is %.40q with weight %d, want one of %d: %.80v", i, r, w, len(want), want[min(i, len(want)):])
		}
		i++
	}
	if i != len(want) {
		t.Fatalf("%d entries, want %d", i, len(want))
	}
}
