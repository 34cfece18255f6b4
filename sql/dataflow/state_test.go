package dataflow

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// orders is a circuit with a state in most operators, for tests of saving and explain.
func orders(change func(*Circuit)) *Circuit {
	c := NewCircuit()
	types := []*row.Type{intType, textType}
	key := func(column int) Side { return Side{Key: []Scalar{Column(column)}, Types: types[:1]} }
	order, customer := c.Input("orders"), c.Input("customers")
	open := c.Add(NewFilter(less(0, 0)), order)
	c.Label(open, "o.total < 0")
	pairs := c.Add(NewJoin(key(0), key(0), nil), order, customer)
	matches := c.Add(NewMap([]Scalar{Column(0), Column(1)}), pairs)
	outer := c.Add(NewMatch(MatchNullExtend, 2), order, matches)
	all := c.Add(NewUnion(1, 1), pairs, outer)
	names := c.Add(NewMap([]Scalar{Column(0), Column(3)}), all)
	set := c.Add(NewSetOp(Except, true, types), names, open)
	c.SetOutput(c.Add(NewDistinct(types), set))
	if change != nil {
		change(c)
	}
	return c
}

func fill(t *testing.T, c *Circuit) {
	t.Helper()
	step(t, c, map[any]*zset.Batch{
		"orders":    batch(row.Make(intValue(1), row.Value("x")), row.Make(intValue(2), row.Value("y"))),
		"customers": batch(row.Make(intValue(1), row.Value("Ann"))),
	})
}

func TestExplain(t *testing.T) {
	t.Parallel()
	c := orders(nil)
	want := `distinct: 2 columns
  except all: 2 columns
    map: 2 columns c0 c3
      union: 2 inputs
        #3 join: (c0) = (c0)
          #0 table: orders
          table: customers
        null extension: 2 columns
          #0 as above
          map: 2 columns c0 c1
            #3 as above
    filter: o.total < 0
      #0 as above
`
	if got := regexp.MustCompile(` \(0 rows, \d+ bytes\)`).ReplaceAllString(c.Explain(), ""); got != want {
		t.Errorf("Explain = \n%s\nwant\n%s", got, want)
	}
	fill(t, c)
	if got := c.Explain(); !strings.Contains(got, "#3 join: (c0) = (c0) (3 rows, ") {
		t.Errorf("Explain = \n%s\nwant 3 rows of state in the join", got)
	}
	if rows, size := c.Size(); rows != 3+2+2+2 || size <= 0 {
		t.Errorf("Size = %d rows, %d bytes, want 9 rows", rows, size)
	}
}

func TestLoadRefusesOtherCircuits(t *testing.T) {
	t.Parallel()
	c := orders(nil)
	fill(t, c)
	saved := save(t, c)
	for name, change := range map[string]func(*Circuit){
		"Label":    func(c *Circuit) { c.Label(2, "o.total < 1") },
		"Output":   func(c *Circuit) { c.SetOutput(3) },
		"More":     func(c *Circuit) { c.Add(NewUnion(1), 3) },
		"Constant": func(c *Circuit) { c.Constant(batch(ints(1))) },
		"Table":    func(c *Circuit) { c.Input("lines") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := orders(change)
			if err := other.Load(zset.NewReader(bytes.NewReader(saved))); !errors.Is(err, ErrOtherState) {
				t.Errorf("Load: error %v, want %v", err, ErrOtherState)
			}
			if err := other.Step(&Context{Context: t.Context()}, nil, new(zset.Batch)); !errors.Is(err, ErrBroken) {
				t.Errorf("Step after it: error %v, want %v", err, ErrBroken)
			}
		})
	}
	version := bytes.Clone(saved)
	version[0]++
	if err := orders(nil).Load(zset.NewReader(bytes.NewReader(version))); !errors.Is(err, ErrOtherState) {
		t.Errorf("Load of another version: error %v, want %v", err, ErrOtherState)
	}
}

// TestFingerprintOfConstants checks that constants of the same shape are told apart.
func TestFingerprintOfConstants(t *testing.T) {
	t.Parallel()
	build := func(n int) *Circuit {
		c := NewCircuit()
		c.SetOutput(c.Constant(batch(ints(n))))
		return c
	}
	saved := save(t, build(1))
	if err := build(2).Load(zset.NewReader(bytes.NewReader(saved))); !errors.Is(err, ErrOtherState) {
		t.Errorf("Load: error %v, want %v", err, ErrOtherState)
	}
}

// TestLoadOfTornState checks that each proper prefix of a state is refused, and that
// bytes behind the end or anything else that cannot be does not pass as a state.
func TestLoadOfTornState(t *testing.T) {
	t.Parallel()
	c := orders(nil)
	fill(t, c)
	saved := save(t, c)
	for n := range saved {
		err := orders(nil).Load(zset.NewReader(bytes.NewReader(saved[:n])))
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrOtherState) {
			t.Fatalf("Load of %d of %d bytes: error %v, want %v", n, len(saved), err, io.ErrUnexpectedEOF)
		}
	}
	torn := bytes.Clone(saved)
	torn[len(torn)-1]++
	if err := orders(nil).Load(zset.NewReader(bytes.NewReader(torn))); err == nil {
		t.Error("Load of a state with a wrong end: no error")
	}
}

func FuzzLoad(f *testing.F) {
	c := orders(nil)
	var saved bytes.Buffer
	w := zset.NewWriter(&saved)
	if err := errors.Join(c.Save(w), w.Flush()); err != nil {
		f.Fatal(err)
	}
	f.Add(saved.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		c := orders(nil)
		if c.Load(zset.NewReader(bytes.NewReader(data))) == nil {
			fill(t, c)
		}
	})
}
