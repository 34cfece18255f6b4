package dataflow

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// A lawCase is an operator, the types of its inputs, and the query that it maintains.
type lawCase struct {
	name   string
	op     func() Operator
	inputs [][]*row.Type
	query  query
}

func lawCases() []lawCase {
	ints := []*row.Type{intType, intType}
	mixed := []*row.Type{intType, textType, numType}
	exact := []*row.Type{intType, textType}
	exprs := func() []Scalar { return []Scalar{Column(1), divide(0)} }
	cases := []lawCase{
		{"Map", func() Operator { return NewMap(exprs()) }, [][]*row.Type{ints}, mapQuery(exprs())},
		{"MapToNothing", func() Operator { return NewMap(nil) }, [][]*row.Type{ints}, mapQuery(nil)},
		{"Filter", func() Operator { return NewFilter(less(0, 1)) }, [][]*row.Type{ints}, filterQuery(less(0, 1))},
		{"Call", func() Operator { return NewCall(&ScalarCall{}, []int{1}) }, [][]*row.Type{ints}, doublingQuery(1)},
		{"Union", func() Operator { return NewUnion(1, -1, 2) }, [][]*row.Type{exact, exact, exact}, unionQuery([]int64{1, -1, 2})},
	}
	for mode, name := range []string{"Semi", "Anti", "Mark", "Mark3", "NullExtend"} {
		mode, width, inputs := MatchMode(mode), 0, [][]*row.Type{exact, exact, exact}
		if mode != MatchMark3 {
			inputs = inputs[:2]
		}
		if mode == MatchNullExtend {
			width = 2
		}
		cases = append(cases, lawCase{name, func() Operator { return NewMatch(mode, width) }, inputs, matchQuery(mode, width)})
	}
	for _, types := range [][]*row.Type{exact, mixed, {numType}, {}} {
		name := fmt.Sprintf("Of%dColumns", len(types))
		cases = append(cases, lawCase{"Distinct" + name, func() Operator { return NewDistinct(types) }, [][]*row.Type{types}, distinctQuery(types)})
		for i := range 4 {
			kind, all := Intersect+SetKind(i/2), i%2 == 1
			cases = append(cases, lawCase{fmt.Sprintf("SetOp%d%v%s", kind, all, name),
				func() Operator { return NewSetOp(kind, all, types) }, [][]*row.Type{types, types}, setOpQuery(kind, all, types)})
		}
	}
	return append(cases, joinCases(mixed, ints)...)
}

func joinCases(left, right []*row.Type) []lawCase {
	side := func(types []*row.Type, columns []int, nullSafe []bool) Side {
		s := Side{NullSafe: nullSafe}
		for _, c := range columns {
			s.Key, s.Types = append(s.Key, Column(c)), append(s.Types, types[c])
		}
		return s
	}
	join := func(name string, right []*row.Type, l, r []int, nullSafe []bool, residual Scalar) lawCase {
		var types []*row.Type
		for _, c := range l {
			types = append(types, left[c])
		}
		op := func() Operator { return NewJoin(side(left, l, nullSafe), side(right, r, nullSafe), residual) }
		return lawCase{name, op, [][]*row.Type{left, right}, joinQuery(l, r, types, nullSafe, residual)}
	}
	return []lawCase{
		join("Join", right, []int{0}, []int{1}, nil, nil),
		join("JoinNullSafe", left, []int{0, 2}, []int{0, 2}, []bool{false, true}, nil),
		join("JoinNumeric", left, []int{2, 1}, []int{2, 1}, nil, nil),
		join("JoinResidual", right, []int{0}, []int{0}, nil, less(0, 4)),
		join("JoinAllPairs", right, nil, nil, nil, less(3, 4)),
		{"JoinKeyFails", func() Operator {
			return NewJoin(Side{Key: []Scalar{divide(0)}, Types: right[:1]}, Side{Key: []Scalar{Column(1)}, Types: right[:1]}, nil)
		}, [][]*row.Type{right, right}, func(in []bag, fail func(row.Row, string, int64)) bag {
			keyed := mapQuery([]Scalar{Column(0), Column(1), divide(0)})([]bag{in[0]}, fail)
			pairs := joinQuery([]int{2}, []int{1}, right[:1], nil, nil)([]bag{keyed, in[1]}, fail)
			return mapQuery([]Scalar{Column(0), Column(1), Column(3), Column(4)})([]bag{pairs}, fail)
		}},
	}
}

// run is a circuit under test beside the sums of its inputs and of its output.
type run struct {
	t       *testing.T
	seed    uint64
	step    int
	fresh   func() *Circuit
	circuit *Circuit
	types   [][]*row.Type // of inputs 0, 1, …
	in      []bag
	out     bag
	ctx     *Context
}

func newRun(t *testing.T, seed uint64, fresh func() *Circuit, types [][]*row.Type) *run {
	t.Helper()
	r := &run{t: t, seed: seed, fresh: fresh, circuit: fresh(), types: types, out: bag{}}
	r.ctx = &Context{Context: t.Context(), Remote: &doubling{}}
	for range types {
		r.in = append(r.in, bag{})
	}
	return r
}

// change steps by a random change; clear by one that takes away all rows.
func (r *run) change(rng *rand.Rand) {
	r.t.Helper()
	deltas := map[any]*zset.Batch{}
	for i, types := range r.types {
		if rng.IntN(4) > 0 {
			deltas[i] = randomDelta(rng, types, r.in[i])
		}
	}
	r.apply(deltas)
}

func (r *run) clear() {
	r.t.Helper()
	deltas := map[any]*zset.Batch{}
	for i := range r.in {
		delta := new(zset.Batch)
		for b, w := range r.in[i] {
			delta.Add(row.Row(b), -w)
		}
		deltas[i], r.in[i] = delta, bag{}
	}
	r.apply(deltas)
}

func (r *run) apply(deltas map[any]*zset.Batch) {
	r.t.Helper()
	r.step++
	var out zset.Batch
	if err := r.circuit.Step(r.ctx, deltas, &out); err != nil {
		r.t.Fatalf("seed %d, step %d: %v", r.seed, r.step, err)
	}
	r.out.integrate(&out)
}

// reload replaces the circuit by a fresh one with its saved state.
func (r *run) reload() {
	r.t.Helper()
	saved := save(r.t, r.circuit)
	r.circuit = r.fresh()
	if err := r.circuit.Load(zset.NewReader(bytes.NewReader(saved))); err != nil {
		r.t.Fatalf("seed %d, step %d: Load: %v", r.seed, r.step, err)
	}
}

func save(t *testing.T, c *Circuit) []byte {
	t.Helper()
	var saved bytes.Buffer
	w := zset.NewWriter(&saved)
	if err := c.Save(w); err != nil {
		t.Fatalf("Save: %v", err)
	}
	if err := w.Flush(); err != nil {
		t.Fatalf("Save: %v", err)
	}
	return saved.Bytes()
}

// check compares the output and the errors with those recomputed.
func (r *run) check(want bag, wantErrors *Errors) {
	r.t.Helper()
	if !maps.Equal(r.out, want) {
		r.t.Fatalf("seed %d, step %d: output\n%swant\n%s", r.seed, r.step, r.out.text(), want.text())
	}
	have, wanted := bag{}, bag{}
	for e, w := range r.circuit.errors.set.All() {
		have.add(e, w)
	}
	for e, w := range wantErrors.set.All() {
		wanted.add(e, w)
	}
	if !maps.Equal(have, wanted) {
		r.t.Fatalf("seed %d, step %d: errors\n%swant\n%s", r.seed, r.step, have.text(), wanted.text())
	}
	count, message, example := r.circuit.Errors()
	wantMessage, wantExample, _ := wantErrors.Example()
	if count != wantErrors.Count() || message != wantMessage || !bytes.Equal(example, wantExample) {
		r.t.Fatalf("seed %d, step %d: Errors = %d, %q, %q, want %d, %q, %q",
			r.seed, r.step, count, message, example, wantErrors.Count(), wantMessage, wantExample)
	}
}

// TestLaw checks for each operator that its output is that of the query on the
// integrated inputs, after each of many steps, with its state saved and loaded now and
// then, and that no state is left when all rows are gone.
func TestLaw(t *testing.T) {
	t.Parallel()
	for _, tt := range lawCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(4) {
				testLaw(t, tt, seed, &doubling{})
			}
		})
	}
}

func testLaw(t *testing.T, tt lawCase, seed uint64, remote Remote) {
	t.Helper()
	fresh := func() *Circuit {
		c := NewCircuit()
		var inputs []NodeID
		for i := range tt.inputs {
			inputs = append(inputs, c.Input(i))
		}
		c.SetOutput(c.Add(tt.op(), inputs...))
		return c
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	r := newRun(t, seed, fresh, tt.inputs)
	r.ctx.Remote = remote
	node := NodeID(len(tt.inputs))
	check := func() {
		t.Helper()
		errs := NewErrors()
		want := tt.query(r.in, func(b row.Row, message string, w int64) { errs.add(node, message, b, w) })
		r.check(want, errs)
	}
	for range 200 {
		r.change(rng)
		check()
		if rng.IntN(10) == 0 {
			r.reload()
		}
		if rng.IntN(40) == 0 {
			r.clear()
			check()
		}
	}
	r.clear()
	check()
	if rows, _ := r.circuit.Size(); rows != 0 {
		t.Errorf("seed %d: %d rows of state without input", seed, rows)
	}
}

// TestOperatorAlone steps operators without a circuit, which brings the entries of a
// row together before them, and with sums of weights that need not be positive.
func TestOperatorAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range lawCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				testAlone(t, tt, seed, randomDelta)
				testAlone(t, tt, seed, wildDelta)
			}
		})
	}
}

func testAlone(t *testing.T, tt lawCase, seed uint64, change func(*rand.Rand, []*row.Type, bag) *zset.Batch) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	c := &Context{Context: context.Background(), Remote: &doubling{}}
	op, in, out := tt.op(), []bag{}, bag{}
	for range tt.inputs {
		in = append(in, bag{})
	}
	for step := range 100 {
		var deltas []*zset.Batch
		for i, types := range tt.inputs {
			deltas = append(deltas, change(rng, types, in[i]))
		}
		var delta zset.Batch
		if err := op.Step(c, deltas, &delta); err != nil {
			t.Fatalf("seed %d, step %d: %v", seed, step, err)
		}
		out.integrate(&delta)
		want := tt.query(in, func(row.Row, string, int64) {})
		if !maps.Equal(out, want) {
			t.Fatalf("seed %d, step %d: output\n%swant\n%s", seed, step, out.text(), want.text())
		}
	}
}
