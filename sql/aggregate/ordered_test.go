package aggregate

import (
	"bytes"
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/sql/numeric"
	"github.com/millrace/millrace/sql/row"
)

// model is an ordered multiset that is obviously right.
type model map[string]int64

func (m model) sorted() []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestOrderedModel: random changes of all patterns against a map; values of an
// eighth of them are equal in order and differ in their bytes.
func TestOrderedModel(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 0))
		var o ordered
		m := model{}
		for step := range 20000 {
			n := r.IntN(3000)
			switch seed % 3 {
			case 1: // ascending, then taken out from the front
				n = step / 2
			case 2: // descending
				n = 1<<15 - step
			}
			order, value := string(rune(n/2+1))+"\x00", string(rune(n+1))
			w := int64(r.IntN(3) - 1)
			if step > 10000 {
				w = -m[order+value]
			}
			o.add([]byte(order), []byte(value), w)
			if m[order+value] += w; m[order+value] == 0 {
				delete(m, order+value)
			}
			if step%1000 == 0 || step == 10000 {
				o.equals(t, seed, m)
			}
		}
		for _, k := range m.sorted() {
			i := bytes.IndexByte([]byte(k), 0) + 1
			o.add([]byte(k[:i]), []byte(k[i:]), -m[k])
		}
		if len(o.chunks) != 0 {
			t.Errorf("seed %d: %d chunks are left", seed, len(o.chunks))
		}
	}
}

// equals compares the content, the order and the limits with the model's.
func (o *ordered) equals(t *testing.T, seed uint64, m model) {
	t.Helper()
	var got []string
	for _, c := range o.chunks {
		if len(c.entries) == 0 || len(c.entries) > maxEntries || c.dead > len(c.arena)/2 {
			t.Fatalf("seed %d: chunk of %d entries, %d of %d bytes dead", seed, len(c.entries), c.dead, len(c.arena))
		}
		for i := range c.entries {
			e := &c.entries[i]
			k := string(c.order(e)) + string(c.value(e))
			got = append(got, k)
			if m[k] != e.count {
				t.Fatalf("seed %d: %q counts %d, want %d", seed, k, e.count, m[k])
			}
		}
	}
	if !slices.Equal(got, m.sorted()) {
		t.Fatalf("seed %d: %d values, want %d in order", seed, len(got), len(m))
	}
}

// A group of very many values is kept within bounds: little memory for each, and
// chunks that are not nearly empty.
func TestOrderedLarge(t *testing.T) {
	f, err := New(Spec{Function: 2115, Args: []Arg{{Type: types["bigint"]}}})
	if err != nil {
		t.Fatal(err)
	}
	const n = 200000
	for name, at := range map[string]func(int) int64{
		"ascending": func(i int) int64 { return int64(i) }, "descending": func(i int) int64 { return int64(-i) }, "scattered": func(i int) int64 { return int64(i) * 0x9E3779B97F4A7C >> 3 },
	} {
		a := f().(*extreme)
		var most int64
		for i := range n {
			a.Add([]row.Value{row.Int8Value(at(i))}, 1)
			most = max(most, at(i))
		}
		if perValue := a.Bytes() / n; perValue > 120 {
			t.Errorf("%s: %d bytes for each value", name, perValue)
		}
		v, err := a.Result()
		if err != nil || v.Int8() != most {
			t.Errorf("%s: max = %x, %v, want %d", name, v, err, most)
		}
		for i := n - 1; i > 0; i-- {
			a.Add([]row.Value{row.Int8Value(at(i))}, -1)
		}
		if v, err := a.Result(); err != nil || v.Int8() != at(0) || len(a.values.chunks) != 1 {
			t.Errorf("%s: max = %x, %v with %d chunks, want %d", name, v, err, len(a.values.chunks), at(0))
		}
	}
}

// Large values split a chunk before it has many.
func TestOrderedWideValues(t *testing.T) {
	var o ordered
	for i := range 40 {
		o.add([]byte{byte(i), 0}, bytes.Repeat([]byte{byte(i)}, maxArena/8), 1)
	}
	for _, c := range o.chunks {
		if len(c.arena) > maxArena+maxArena/4 {
			t.Errorf("a chunk of %d bytes", len(c.arena))
		}
	}
	if v := o.greatest(); len(v) != maxArena/8 || v[0] != 39 {
		t.Errorf("the greatest value has %d bytes", len(v))
	}
}

// Of equal values the smallest bytes represent, in whatever order they came.
func TestRepresentative(t *testing.T) {
	one, oneZero := decimal(t, "1"), decimal(t, "1.0")
	for _, oid := range []uint32{2130, 2146} {
		for _, values := range [][]row.Value{{one, oneZero}, {oneZero, one}} {
			f, err := New(Spec{Function: oid, Args: []Arg{{Type: types["numeric"]}}})
			if err != nil {
				t.Fatal(err)
			}
			a := f()
			for _, v := range values {
				a.Add([]row.Value{v}, 1)
			}
			want := slices.MinFunc(values, func(a, b row.Value) int { return cmp.Compare(string(a), string(b)) })
			if got, err := a.Result(); err != nil || !bytes.Equal(got, want) {
				t.Errorf("function %d = %x, %v, want %x", oid, got, err, want)
			}
		}
	}
}

// A label that came after the type was read is an error until it goes.
func TestNewLabel(t *testing.T) {
	f, err := New(Spec{Function: 3526, Args: []Arg{{Type: types["mood"]}}})
	if err != nil {
		t.Fatal(err)
	}
	a := f()
	a.Add([]row.Value{row.TextValue("ok")}, 1)
	a.Add([]row.Value{row.TextValue("better")}, 1)
	if _, err := a.Result(); !errors.Is(err, ErrLabel) {
		t.Errorf("error = %v, want %v", err, ErrLabel)
	}
	a.Add([]row.Value{row.TextValue("better")}, -1)
	if v, err := a.Result(); err != nil || v.Text() != "ok" {
		t.Errorf("max = %q, %v, want ok", v, err)
	}
}

func decimal(t *testing.T, s string) row.Value {
	t.Helper()
	d, err := numeric.FromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return d.Binary()
}
