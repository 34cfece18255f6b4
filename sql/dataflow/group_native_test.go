package dataflow

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/millrace/millrace/sql/aggregate"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// TestNativeAggregates checks that a group's columns go where its aggregates expect
// them, for two aggregates of package aggregate.
func TestNativeAggregates(t *testing.T) {
	t.Parallel()
	bigint := &row.Type{Kind: row.Int8}
	g := NewGroup(GroupSpec{Keys: []int{1}, KeyTypes: []*row.Type{textType}, Aggregates: []aggregate.Spec{
		{Function: 2803, Star: true, Filter: -1, Result: bigint},
		{Function: 2108, Args: []aggregate.Arg{{Column: 0, Type: intType}}, Distinct: true, Filter: 2, Result: bigint}, // sum(int4)
	}})
	in, out := new(zset.Batch), new(zset.Batch)
	for _, n := range []int{5, 5, 7, 100} {
		in.Add(row.Make(intValue(n), row.Value("a"), row.BoolValue(n < 100)), 1)
	}
	if err := g.Step(&Context{Context: context.Background()}, []*zset.Batch{in}, out); err != nil {
		t.Fatal(err)
	}
	want := bag{string(row.Make(row.Value("a"), row.Int8Value(4), row.Int8Value(12))): 1}
	got := bag{}
	if got.integrate(out); !maps.Equal(got, want) {
		t.Errorf("got\n%swant\n%s", got.text(), want.text())
	}
	if d := g.Describe(); d != "group by columns [1]: aggregate 2803 of columns [], aggregate 2108 of columns [0] distinct where column 2" {
		t.Errorf("Describe = %q", d)
	}
	defer func() {
		if recover() == nil {
			t.Error("an aggregate that is not native: no panic")
		}
	}()
	NewGroup(GroupSpec{Aggregates: []aggregate.Spec{{Function: 1}}})
}

// brokenRemote answers a fixed number of groups, or fails.
type brokenRemote struct {
	collecting
	answers int
	err     error
}

func (b *brokenRemote) Aggregates(context.Context, *AggregateCall, []*zset.Batch) ([]row.Row, []string, error) {
	return make([]row.Row, b.answers), nil, b.err
}

// TestGroupRemoteFails checks that what PostgreSQL did not answer is no result.
func TestGroupRemoteFails(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	for _, tt := range []struct {
		name   string
		remote Remote
		rows   int
		want   string
	}{
		{"None", nil, 1, "dataflow: group: no connection to evaluate array_agg(c0)"},
		{"NoneAndNothingToDo", nil, 0, ""},
		{"Lost", &brokenRemote{err: lost}, 1, "dataflow: group: connection lost"},
		{"TooFew", &brokenRemote{answers: 1}, 2, "dataflow: group: 1 results and 0 messages for 2 groups"},
	} {
		g := NewGroup(GroupSpec{Keys: []int{0}, KeyTypes: []*row.Type{intType}, Remote: &AggregateCall{Expressions: []string{"array_agg(c0)"}}, RemoteColumns: []int{0}})
		in := new(zset.Batch)
		for i := range tt.rows {
			in.Add(row.Make(intValue(i)), 1)
		}
		err := g.Step(&Context{Context: context.Background(), Remote: tt.remote}, []*zset.Batch{in}, new(zset.Batch))
		if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if b, ok := tt.remote.(*brokenRemote); ok && !errors.Is(err, b.err) && b.err != nil {
			t.Errorf("%s: %v does not wrap %v", tt.name, err, b.err)
		}
	}
}

// TestGroupAsksOnce checks that the changed groups go to PostgreSQL in one call, those
// without rows as one group.
func TestGroupAsksOnce(t *testing.T) {
	t.Parallel()
	g := NewGroup(GroupSpec{Keys: []int{0}, KeyTypes: []*row.Type{intType}, Remote: &AggregateCall{Expressions: []string{"array_agg(c0)"}}, RemoteColumns: []int{0}, Domain: true})
	rows, domain, remote := new(zset.Batch), new(zset.Batch), &countingRemote{}
	for i := range 6 {
		domain.Add(row.Make(intValue(i)), 1)
		if i < 3 {
			rows.Add(row.Make(intValue(i)), 1)
		}
	}
	var out zset.Batch
	if err := g.Step(&Context{Context: context.Background(), Remote: remote}, []*zset.Batch{rows, domain}, &out); err != nil {
		t.Fatal(err)
	}
	if remote.calls != 1 || remote.groups != 4 {
		t.Errorf("%d calls of %d groups, want 1 of 4", remote.calls, remote.groups)
	}
}

type countingRemote struct {
	collecting
	calls, groups int
}

func (c *countingRemote) Aggregates(ctx context.Context, call *AggregateCall, groups []*zset.Batch) ([]row.Row, []string, error) {
	c.calls++
	c.groups += len(groups)
	return c.collecting.Aggregates(ctx, call, groups)
}

// TestGroupKeepsLittle checks that the memory of a first fill is not kept for later.
func TestGroupKeepsLittle(t *testing.T) {
	t.Parallel()
	g := NewGroup(GroupSpec{Keys: []int{0}, KeyTypes: []*row.Type{intType}})
	for _, w := range []int64{1, -1} {
		in := new(zset.Batch)
		for i := range 200_000 {
			in.Add(row.Make(intValue(i)), w)
		}
		if err := g.Step(&Context{Context: context.Background()}, []*zset.Batch{in}, new(zset.Batch)); err != nil {
			t.Fatal(err)
		}
		if n := cap(g.buf) + cap(g.results)*groupResultBytes + cap(g.keys) + cap(g.changed)*24; n > 2*keptBytes {
			t.Errorf("weight %d: %d bytes kept for the next step", w, n)
		}
	}
}
