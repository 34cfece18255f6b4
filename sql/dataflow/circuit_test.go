package dataflow

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// counting passes its input on and counts its steps and entries; it fails when told to.
type counting struct {
	stateless
	steps, entries int
	err            error
}

func (o *counting) Step(_ *Context, in []*zset.Batch, out *zset.Batch) error {
	o.steps++
	for _, b := range in {
		out.AddAll(b, 1)
		o.entries += b.Len()
	}
	return o.err
}

func (o *counting) Describe() string { return "counting" }

func batch(rows ...row.Row) *zset.Batch {
	b := new(zset.Batch)
	for _, r := range rows {
		b.Add(r, 1)
	}
	return b
}

func ints(values ...int) row.Row {
	r := row.Row{}
	for _, v := range values {
		r = row.Append(r, intValue(v))
	}
	return r
}

// step returns the integrated output of one step.
func step(t *testing.T, c *Circuit, in map[any]*zset.Batch) bag {
	t.Helper()
	var out zset.Batch
	if err := c.Step(&Context{Context: t.Context()}, in, &out); err != nil {
		t.Fatalf("Step: %v", err)
	}
	b := bag{}
	b.integrate(&out)
	return b
}

func TestStepRunsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	c, a, b, both := NewCircuit(), &counting{}, &counting{}, &counting{}
	c.SetOutput(c.Add(both, c.Add(a, c.Input("a")), c.Add(b, c.Input("b"))))
	in := func(table string) map[any]*zset.Batch { return map[any]*zset.Batch{table: batch(ints(1))} }
	for i, tt := range []struct {
		in               map[any]*zset.Batch
		a, b, both, rows int
	}{
		{nil, 1, 1, 1, 0}, // the first step runs all
		{in("a"), 2, 1, 2, 1},
		{in("b"), 2, 2, 3, 1},
		{map[any]*zset.Batch{"a": {}}, 2, 2, 3, 0},
		{nil, 2, 2, 3, 0},
	} {
		if out := step(t, c, tt.in); len(out) != tt.rows {
			t.Errorf("step %d: output %v, want %d rows", i, out, tt.rows)
		}
		if a.steps != tt.a || b.steps != tt.b || both.steps != tt.both {
			t.Errorf("step %d: ran %d, %d, %d times, want %d, %d, %d", i, a.steps, b.steps, both.steps, tt.a, tt.b, tt.both)
		}
	}
}

func TestConstantComesOnce(t *testing.T) {
	t.Parallel()
	build := func() *Circuit {
		c := NewCircuit()
		c.SetOutput(c.Add(NewUnion(1, 1, 1), c.Constant(batch(ints(7), ints(7))), c.Constant(nil), c.Input(1)))
		return c
	}
	c := build()
	if out := step(t, c, nil); out[string(ints(7))] != 2 {
		t.Errorf("first step: %v, want two rows of 7", out)
	}
	saved := save(t, c)
	if out := step(t, c, nil); len(out) != 0 {
		t.Errorf("second step: %v, want nothing", out)
	}
	c = build()
	if err := c.Load(zset.NewReader(bytes.NewReader(saved))); err != nil {
		t.Fatal(err)
	}
	if out := step(t, c, nil); len(out) != 0 {
		t.Errorf("step after Load: %v, want nothing", out)
	}
}

// TestStepLeavesInput checks that a table's change is not brought together in place:
// it is given to the circuits of all views.
func TestStepLeavesInput(t *testing.T) {
	t.Parallel()
	c := NewCircuit()
	c.SetOutput(c.Add(NewDistinct([]*row.Type{intType}), c.Input(1)))
	delta := new(zset.Batch)
	delta.Add(ints(1), 1)
	delta.Add(ints(1), 1)
	delta.Add(ints(1), -1)
	if out := step(t, c, map[any]*zset.Batch{1: delta}); out[string(ints(1))] != 1 {
		t.Errorf("output %v, want one row", out)
	}
	if delta.Len() != 3 {
		t.Errorf("the change has %d entries after the step, want 3", delta.Len())
	}
}

// TestStepConsolidates checks that operators with state get one entry a row, from a
// table as from another operator, and that none of a row of weight 0.
func TestStepConsolidates(t *testing.T) {
	t.Parallel()
	c, direct, behind := NewCircuit(), &counting{}, &counting{}
	in := c.Input(1)
	c.SetOutput(c.Add(behind, c.Add(NewMap([]Scalar{Column(0)}), c.Add(direct, in))))
	delta := batch(ints(1, 1), ints(1, 2), ints(1, 2), ints(2, 1))
	delta.Add(ints(2, 2), -1)
	delta.Add(ints(1, 1), -1)
	out := step(t, c, map[any]*zset.Batch{1: delta})
	if out[string(ints(1))] != 2 || len(out) != 1 {
		t.Errorf("output %v, want 1 twice", out)
	}
	if direct.entries != 3 || behind.entries != 1 {
		t.Errorf("%d entries of the table, %d of the map, want 3 and 1", direct.entries, behind.entries)
	}
}

// TestStepFreesLargeBatches checks that the memory of a large step is not kept when
// small ones follow, and is when large ones do.
func TestStepFreesLargeBatches(t *testing.T) {
	t.Parallel()
	c := NewCircuit()
	id := c.Add(NewMap([]Scalar{Column(0), Column(1)}), c.Input(1))
	c.SetOutput(id)
	large := batch(benchRows(10_000, 10)...)
	step(t, c, map[any]*zset.Batch{1: large})
	if size := c.nodes[id].out.Bytes(); size <= alwaysKeptBytes {
		t.Errorf("%d bytes kept after a large step, want them for the next", size)
	}
	step(t, c, map[any]*zset.Batch{1: batch(ints(1, 2))})
	if size := c.nodes[id].out.Bytes(); size > alwaysKeptBytes {
		t.Errorf("%d bytes kept after a small step, want at most %d", size, alwaysKeptBytes)
	}
	step(t, c, map[any]*zset.Batch{1: batch(benchRows(400_000, 10)...)})
	if size := c.nodes[id].out.Bytes(); size > keptBytes {
		t.Errorf("%d bytes kept after a very large step, want at most %d", size, keptBytes)
	}
}

func TestStepErrors(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	op := &counting{}
	c := NewCircuit()
	c.SetOutput(c.Add(op, c.Input(1)))
	ctx := &Context{Context: t.Context()}
	if err := c.Step(ctx, map[any]*zset.Batch{2: batch(ints(1))}, new(zset.Batch)); !errors.Is(err, ErrUnknownInput) {
		t.Errorf("unknown table: error %v, want %v", err, ErrUnknownInput)
	}
	step(t, c, nil)
	saved := save(t, c)
	op.err = lost
	in := map[any]*zset.Batch{1: batch(ints(1))}
	if err := c.Step(ctx, in, new(zset.Batch)); !errors.Is(err, lost) {
		t.Errorf("failing operator: error %v, want %v", err, lost)
	}
	if err := c.Step(ctx, nil, new(zset.Batch)); !errors.Is(err, ErrBroken) {
		t.Errorf("after a failure: error %v, want %v", err, ErrBroken)
	}
	if err := c.Save(zset.NewWriter(io.Discard)); !errors.Is(err, ErrBroken) {
		t.Errorf("Save after a failure: error %v, want %v", err, ErrBroken)
	}
	if err := c.Load(zset.NewReader(bytes.NewReader(saved))); err != nil {
		t.Fatalf("Load: %v", err)
	}
	op.err = nil
	step(t, c, in)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Step(&Context{Context: cancelled}, in, new(zset.Batch)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v, want %v", err, context.Canceled)
	}
}

// TestErrorsComeAndGo checks that a view heals with its data, and that the errors of
// two operators do not cancel out.
func TestErrorsComeAndGo(t *testing.T) {
	t.Parallel()
	c := NewCircuit()
	in := c.Input(1)
	negated := c.Add(NewUnion(-1), in)
	c.SetOutput(c.Add(NewUnion(1, 1), c.Add(NewMap([]Scalar{divide(0)}), in), c.Add(NewMap([]Scalar{divide(0)}), negated)))
	for i, tt := range []struct {
		value   int
		weight  int64
		count   int64
		message string
		example row.Row
	}{
		{1, 1, 0, "", nil},
		{0, 2, 4, "division by zero", ints(0)},
		{0, -1, 2, "division by zero", ints(0)},
		{0, -1, 0, "", nil},
	} {
		delta := new(zset.Batch)
		delta.Add(ints(tt.value), tt.weight)
		step(t, c, map[any]*zset.Batch{1: delta})
		count, message, example := c.Errors()
		if count != tt.count || message != tt.message || !bytes.Equal(example, tt.example) {
			t.Errorf("step %d: Errors = %d, %q, %q, want %d, %q, %q", i, count, message, example, tt.count, tt.message, tt.example)
		}
	}
}

func TestErrorsExample(t *testing.T) {
	t.Parallel()
	var c Context
	for _, message := range []string{"b", "c", "b", "a", "", "d"} {
		c.Fail(ints(len(message)), message, 1)
		c.Errors.Example()
	}
	for _, want := range []string{"", "a", "b", "b", "c", "d"} {
		message, r, ok := c.Errors.Example()
		if !ok || message != want || !bytes.Equal(r, ints(len(want))) {
			t.Fatalf("Example = %q, %q, %v, want %q", message, r, ok, want)
		}
		c.Fail(r, message, -1)
	}
	if _, _, ok := c.Errors.Example(); ok || c.Errors.Count() != 0 {
		t.Errorf("%d errors left, want none", c.Errors.Count())
	}
}

func TestCall(t *testing.T) {
	t.Parallel()
	call := NewCall(&ScalarCall{Expressions: []string{"f(c0)"}}, []int{1})
	remote := &doubling{}
	c := &Context{Context: t.Context(), Remote: remote}
	delta := batch(ints(1, 2), ints(2, 2), ints(2, 5), ints(2, 3))
	var out zset.Batch
	if err := call.Step(c, []*zset.Batch{delta}, &out); err != nil {
		t.Fatal(err)
	}
	if remote.calls != 1 || remote.rows != 3 {
		t.Errorf("%d calls with %d rows, want 1 with the 3 distinct arguments", remote.calls, remote.rows)
	}
	if out.Len() != 3 || c.Errors.Count() != 1 {
		t.Errorf("%d rows and %d errors, want 3 and 1", out.Len(), c.Errors.Count())
	}
	if err := call.Step(c, []*zset.Batch{{}}, &out); err != nil || remote.calls != 1 {
		t.Errorf("without rows: error %v, %d calls", err, remote.calls)
	}
	if err := call.Step(&Context{Context: t.Context()}, []*zset.Batch{delta}, &out); err == nil || !strings.Contains(err.Error(), "f(c0)") {
		t.Errorf("without connection: error %v, want one that names f(c0)", err)
	}
}
