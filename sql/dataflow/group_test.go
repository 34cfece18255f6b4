package dataflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/sql/aggregate"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// collector is an accumulator that shows all that it was told: its result is the
// multiset of the arguments. It fails where a NULL is the only argument.
type collector struct{ bag bag }

func newCollector() aggregate.Accumulator { return &collector{bag{}} }

func (c *collector) Add(args []row.Value, w int64) { c.bag.add(row.Make(args...), w) }

func (c *collector) Result() (row.Value, error) { return collected(c.bag) }

func (c *collector) Save(w *zset.Writer) {
	w.Uvarint(uint64(len(c.bag)))
	for _, r := range slices.Sorted(maps.Keys(c.bag)) {
		w.Bytes([]byte(r))
		w.Varint(c.bag[r])
	}
}

func (c *collector) Load(r *zset.Reader) error {
	for range r.Uvarint() {
		key := row.Row(bytes.Clone(r.Bytes()))
		c.bag.add(key, r.Varint())
	}
	return r.Err()
}

func (c *collector) Bytes() int64 { return int64(len(c.bag)) * 100 }

func collected(b bag) (row.Value, error) {
	if len(b) == 1 && b["\x00"] != 0 {
		return nil, errors.New("nothing but NULL")
	}
	return row.Value(b.text()), nil
}

// collecting is a Remote whose aggregate is a group's rows in the order in which they
// came. It fails for groups that begin with a 2.
type collecting struct{ doubling }

func (*collecting) Aggregates(_ context.Context, _ *AggregateCall, groups []*zset.Batch) (results []row.Row, failed []string, err error) {
	for _, g := range groups {
		r, message := listed(g)
		results, failed = append(results, r), append(failed, message)
	}
	return results, failed, nil
}

func listed(b *zset.Batch) (r row.Row, message string) {
	text := "rows"
	for r, w := range b.All() {
		if v := r.Split(nil)[0]; text == "rows" && v != nil && intOf(v) == 2 {
			message = "begins with 2"
		}
		text += fmt.Sprintf(" %d %q", w, r)
	}
	return row.Make(row.Value(text)), message
}

// groupQuery recomputes a Group whose aggregates are collectors.
func groupQuery(spec GroupSpec, calls []groupCall) query {
	type group struct {
		shown   string // least spelling of the key
		rows    bag
		n       int64
		outside bool // of the domain
	}
	of := func(b bag, columns []int, groups map[string]*group, each func(*group, string, int64)) {
		for _, r := range slices.Sorted(maps.Keys(b)) {
			var values []row.Value
			for _, c := range columns {
				values = append(values, row.Row(r).Split(nil)[c])
			}
			key := plainKey(spec.KeyTypes, values)
			if groups[key] == nil {
				groups[key] = &group{rows: bag{}, outside: spec.Domain, shown: "none"}
			}
			g := groups[key]
			if s := string(row.Make(values...)); each != nil {
				each(g, s, b[r])
			} else {
				g.n += b[r]
				g.rows.add(row.Row(r), b[r])
				if !spec.Domain && (g.shown == "none" || s < g.shown) {
					g.shown = s
				}
			}
		}
	}
	return func(in []bag, fail func(row.Row, string, int64)) bag {
		groups := map[string]*group{}
		of(in[0], spec.Keys, groups, nil)
		if spec.Domain {
			of(in[1], leading(len(spec.Keys)), groups, func(g *group, s string, _ int64) {
				if g.outside || s < g.shown {
					g.shown, g.outside = s, false
				}
			})
		}
		out := bag{}
		for _, g := range groups {
			if g.outside {
				continue
			}
			r, message := row.Row(g.shown), ""
			for _, call := range calls {
				v, err := collected(call.plain(g.rows))
				if err != nil && message == "" {
					message = err.Error()
				}
				r = row.Append(r, v)
			}
			if spec.Remote != nil && message == "" {
				var rest row.Row
				rest, message = listed(plainRows(g.rows, spec.RemoteColumns))
				r = append(r, rest...)
			}
			if message != "" {
				fail(row.Row(g.shown), message, 1)
			} else {
				out.add(r, 1)
			}
		}
		return out
	}
}

// plain are the arguments that a call's aggregate is over.
func (c *groupCall) plain(rows bag) bag {
	args, least := bag{}, map[string]string{}
	for r, w := range rows {
		values := row.Row(r).Split(nil)
		if c.filter >= 0 && !bytes.Equal(values[c.filter], row.Value{1}) {
			continue
		}
		var chosen []row.Value
		for _, column := range c.columns {
			chosen = append(chosen, values[column])
		}
		args.add(row.Make(chosen...), w)
		key, s := plainKey(c.types, chosen), string(row.Make(chosen...))
		if have, ok := least[key]; !ok || s < have {
			least[key] = s
		}
	}
	if c.distinct {
		args = bag{}
		for _, s := range least {
			args.add(row.Row(s), 1)
		}
	}
	return args
}

func plainRows(rows bag, columns []int) *zset.Batch {
	args := bag{}
	for r, w := range rows {
		o := row.Row{}
		for _, c := range columns {
			o = row.Append(o, row.Row(r).Split(nil)[c])
		}
		args.add(o, w)
	}
	b := new(zset.Batch)
	for _, r := range slices.Sorted(maps.Keys(args)) {
		b.Add(row.Row(r), args[r])
	}
	return b
}

func groupCases() []lawCase {
	types := []*row.Type{intType, textType, numType, boolType}
	call := func(distinct bool, filter int, columns ...int) groupCall {
		c := groupCall{start: newCollector, columns: columns, distinct: distinct, filter: filter, name: "collected"}
		for _, column := range columns {
			c.types = append(c.types, types[column])
		}
		return c
	}
	remote := &AggregateCall{Columns: []*row.Type{intType, numType}, Expressions: []string{"array_agg(c0)"}, Results: []*row.Type{textType}}
	var cases []lawCase
	for name, c := range map[string]struct {
		keys   []int
		calls  []groupCall
		remote *AggregateCall
	}{
		"Plain":    {[]int{0}, []groupCall{call(false, -1, 1), call(false, -1)}, nil},
		"Spelled":  {[]int{2, 1}, []groupCall{call(false, -1, 0)}, nil},
		"Distinct": {[]int{0}, []groupCall{call(true, -1, 1), call(true, -1, 2), call(true, 3, 2, 1), call(true, -1, 3)}, nil},
		"Filter":   {[]int{1}, []groupCall{call(false, 3, 0)}, nil},
		"All":      {nil, []groupCall{call(false, -1, 0), call(true, -1, 2)}, nil},
		"NoCalls":  {[]int{2}, nil, nil},
		"Remote":   {[]int{1}, nil, remote},
		"Both":     {[]int{2}, []groupCall{call(true, -1, 0)}, remote},
		"Nothing":  {nil, nil, nil},
	} {
		for _, domain := range []bool{false, true} {
			spec := GroupSpec{Keys: c.keys, Remote: c.remote, RemoteColumns: []int{0, 2}, Domain: domain}
			for _, k := range c.keys {
				spec.KeyTypes = append(spec.KeyTypes, types[k])
			}
			inputs := [][]*row.Type{types}
			if domain {
				name, inputs = name+"OfDomain", append(inputs, spec.KeyTypes)
			}
			cases = append(cases, lawCase{"Group" + name, func() Operator { return newGroup(spec, c.calls) }, inputs, groupQuery(spec, c.calls)})
		}
	}
	return cases
}

// TestLawOfGroups is TestLaw for the operators that have at most one row per key.
func TestLawOfGroups(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(groupCases(), singleCases(), firstCases()) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				testLaw(t, tt, seed, &collecting{})
			}
		})
	}
}

// TestGroupsEmitOnce checks that a step emits at most one retraction and one row per
// key, and nothing where nothing changed.
func TestGroupsEmitOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(groupCases(), singleCases(), firstCases()) {
		rng := rand.New(rand.NewPCG(1, 6))
		c := &Context{Context: context.Background(), Remote: &collecting{}}
		op, in := tt.op(), make([]bag, len(tt.inputs))
		for i := range in {
			in[i] = bag{}
		}
		for range 50 {
			var deltas []*zset.Batch
			for i, types := range tt.inputs {
				deltas = append(deltas, randomDelta(rng, types, in[i]))
			}
			var out zset.Batch
			if err := op.Step(c, deltas, &out); err != nil {
				t.Fatal(err)
			}
			changes := out.Len()
			if out.Consolidate(); out.Len() != changes {
				t.Fatalf("%s: %d of %d changes cancel out", tt.name, changes-out.Len(), changes)
			}
		}
		checkKept(t, tt.name, op)
		var deltas []*zset.Batch
		for _, b := range in {
			delta := new(zset.Batch)
			for r, w := range b {
				delta.Add(row.Row(r), -w)
			}
			deltas = append(deltas, delta)
		}
		if err := op.Step(c, deltas, new(zset.Batch)); err != nil {
			t.Fatal(err)
		}
		checkKept(t, tt.name, op)
		if rows, _ := op.Size(); rows != 0 {
			t.Errorf("%s: %d rows after all has gone", tt.name, rows)
		}
	}
}

// checkKept checks the memory of emitted rows, which is counted as they come and go.
func checkKept(t *testing.T, name string, op Operator) {
	t.Helper()
	var g *groups
	switch op := op.(type) {
	case *Group:
		g = &op.groups
	case *Single:
		g = &op.groups
	case *First:
		g = &op.groups
	}
	want := int64(0)
	for _, s := range g.states {
		want += int64(cap(s.emitted))
	}
	if g.kept != want {
		t.Errorf("%s: %d bytes of emitted rows, want %d", name, g.kept, want)
	}
}

// TestGroupLoadRefuses checks that what Save did not write is an error.
func TestGroupLoadRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(groupCases(), singleCases(), firstCases()) {
		rng := rand.New(rand.NewPCG(2, 6))
		op, deltas := tt.op(), []*zset.Batch{}
		for _, types := range tt.inputs {
			deltas = append(deltas, randomDelta(rng, types, bag{}))
		}
		if err := op.Step(&Context{Context: context.Background(), Remote: &collecting{}}, deltas, new(zset.Batch)); err != nil {
			t.Fatal(err)
		}
		var saved bytes.Buffer
		w := zset.NewWriter(&saved)
		op.Save(w)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for n := range saved.Len() {
			if err := tt.op().Load(zset.NewReader(bytes.NewReader(saved.Bytes()[:n]))); err == nil {
				t.Fatalf("%s: %d of %d bytes load", tt.name, n, saved.Len())
			}
		}
	}
}
