package dataflow

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// purchases is SELECT item, array_agg(id) FROM people JOIN orders ON id = person WHERE
// id % 2 = 0 GROUP BY item, with the nodes of people, the filter, the join and the group.
func purchases() (c *Circuit, nodes [4]NodeID) {
	c = NewCircuit()
	even := scalarFunc(func(values []row.Value) (row.Value, error) { return row.Value{byte(1 - intOf(values[0])%2)}, nil })
	side := Side{Key: []Scalar{Column(0)}, Types: []*row.Type{intType}}
	nodes[0] = c.Input("people")
	nodes[1] = c.Add(NewFilter(even), nodes[0])
	nodes[2] = c.Add(NewJoin(side, side, nil), nodes[1], c.Input("orders"))
	all := groupCall{name: "ids", start: newCollector, columns: []int{0}, types: []*row.Type{intType}, filter: -1} // shows every change
	nodes[3] = c.Add(newGroup(GroupSpec{Keys: []int{2}, KeyTypes: []*row.Type{intType}}, []groupCall{all}), nodes[2])
	c.SetOutput(nodes[3])
	return c, nodes
}

// purchased are 8 people with an order of each of 3 items.
func purchased() map[any]*zset.Batch {
	people, orders := new(zset.Batch), new(zset.Batch)
	for id := range 8 {
		people.Add(ints(id), 1)
		for item := range 3 {
			orders.Add(ints(id, item), 1)
		}
	}
	return map[any]*zset.Batch{"people": people, "orders": orders}
}

func gone(rows ...row.Row) *zset.Batch {
	b := new(zset.Batch)
	b.AddAll(batch(rows...), -1)
	return b
}

// TestCost counts by hand what each operator is given and gives, apart for the filling
// and for what comes after it.
func TestCost(t *testing.T) {
	t.Parallel()
	c, nodes := purchases()
	step(t, c, purchased())
	step(t, c, nil)
	step(t, c, map[any]*zset.Batch{"orders": batch(ints(0, 0))})
	step(t, c, map[any]*zset.Batch{"people": gone(ints(2), ints(3))})
	for name, tt := range map[string]struct {
		id          NodeID
		fill, since int64
	}{
		"people": {nodes[0], 8, 2},
		"filter": {nodes[1], 4, 1},
		"join":   {nodes[2], 12, 1 + 3},
		"group":  {nodes[3], 3, 2 * (1 + 3)}, // the old and the new row of each item
	} {
		if n := c.nodes[tt.id]; n.fill.rows != tt.fill || n.since.rows != tt.since {
			t.Errorf("%s gave %d rows when filled and %d since, want %d and %d", name, n.fill.rows, n.since.rows, tt.fill, tt.since)
		}
	}
	f, s := c.Filling(), c.Cost()
	if f.Changes != 8+24 || f.Steps != 1 || f.Results != 3 {
		t.Errorf("filling: %+v, want 32 changes in a step and 3 results", f)
	}
	if s.Changes != 3 || s.Steps != 2 || s.Results != 8 {
		t.Errorf("since: %+v, want 3 changes in 2 steps and 8 results", s)
	}
	operators := time.Duration(0)
	for _, n := range c.nodes {
		operators += n.since.time
	}
	if operators <= 0 || s.Time < operators || f.Time <= 0 {
		t.Errorf("operators took %s, all %s, the filling %s: want more than nothing, and no less than the operators", operators, s.Time, f.Time)
	}
}

// TestCostOfEqualRows counts all changes of a table, but gives operators those that
// are left when equal rows have been brought together.
func TestCostOfEqualRows(t *testing.T) {
	t.Parallel()
	c := NewCircuit()
	c.SetOutput(c.Add(NewDistinct([]*row.Type{intType}), c.Input(1)))
	step(t, c, nil)
	delta := batch(ints(1), ints(1), ints(2))
	delta.AddAll(batch(ints(1), ints(2)), -1)
	step(t, c, map[any]*zset.Batch{1: delta})
	if s, n := c.Cost(), c.nodes[0].since; s.Changes != 5 || s.Results != 1 || s.Steps != 1 || n.rows != 1 {
		t.Errorf("%+v, %d rows of the table, want 5 changes, 1 result and 1 row", s, n.rows)
	}
}

// TestCostOfRemote counts what PostgreSQL is asked: each distinct argument once, and all
// rows of a group of which one changes.
func TestCostOfRemote(t *testing.T) {
	t.Parallel()
	c := NewCircuit()
	call := c.Add(NewCall(&ScalarCall{Expressions: []string{"f(c0)"}}, []int{1}), c.Input(1))
	group := c.Add(NewGroup(GroupSpec{Keys: []int{0}, KeyTypes: []*row.Type{intType}, Remote: &AggregateCall{Expressions: []string{"g(c0)"}}, RemoteColumns: []int{2}}), call)
	c.SetOutput(group)
	ctx := &Context{Context: t.Context(), Remote: &collecting{}}
	for _, delta := range []*zset.Batch{batch(ints(1, 4), ints(1, 5), ints(1, 6), ints(2, 6)), batch(ints(1, 7)), gone(ints(1, 4))} {
		if err := c.Step(ctx, map[any]*zset.Batch{1: delta}, new(zset.Batch)); err != nil {
			t.Fatal(err)
		}
	}
	if f := c.Filling(); f.Requests != 2 || f.Sent != 3+4 {
		t.Errorf("filling: %d requests with %d rows, want 2 with 7", f.Requests, f.Sent)
	}
	if s := c.Cost(); s.Requests != 4 || s.Sent != 2+4+3 {
		t.Errorf("since: %d requests with %d rows, want 4 with 9", s.Requests, s.Sent)
	}
	if n := c.nodes[group].since; n.requests != 2 || n.sent != 7 {
		t.Errorf("the group: %d requests with %d rows, want 2 with 7", n.requests, n.sent)
	}
	if text := c.Explain(); !strings.Contains(text, "3.5 sent to PostgreSQL") {
		t.Errorf("Explain = \n%s\nwant 3.5 rows sent to PostgreSQL per change", text)
	}
	if text := c.ExplainCost(nil); !strings.Contains(text, "asked of PostgreSQL: 4 requests with 9 rows, 4.5 per change") {
		t.Errorf("ExplainCost = \n%s\nwant 4 requests with 9 rows", text)
	}
}

// timeless replaces the times and sizes of a text, which differ from run to run.
func timeless(text string) string {
	text = regexp.MustCompile(`[0-9.]+ (ns|µs|ms|s)\b`).ReplaceAllString(text, "T")
	return regexp.MustCompile(`\d+ bytes`).ReplaceAllString(text, "B")
}

// TestExplainCost shows the expectation after the filling, and what was counted as soon
// as there is something.
func TestExplainCost(t *testing.T) {
	t.Parallel()
	c, _ := purchases()
	if got := timeless(c.Explain() + c.ExplainCost(nil)); strings.Contains(got, "expected") || strings.Contains(got, "filled") {
		t.Errorf("before the first step:\n%s\nwant no costs", got)
	}
	step(t, c, purchased())
	names := map[any]string{"people": "public.people", "orders": "public.orders"}
	check := func(want string) {
		t.Helper()
		if got := timeless(c.Explain() + c.ExplainCost(names)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	check(`group by columns [2]: ids of columns [0] (3 rows, B; expected per row in: 2.0 out, T)
  join: (c0) = (c0) (28 rows, B; expected per row in: 3.0 | 0.5 out, T)
    filter (expected per row in: 0.5 out, T)
      table: people
    table: orders
filled: 3 result rows from 32 rows in T
expected per change of public.people: 3.0 result rows, T
expected per change of public.orders: 1.0 result rows, T
`)
	step(t, c, map[any]*zset.Batch{"orders": batch(ints(0, 7), ints(1, 7), ints(2, 8))})
	check(`group by columns [2]: ids of columns [0] (5 rows, B; per change: 0.7 rows in, 0.7 out, T)
  join: (c0) = (c0) (31 rows, B; per change: 1.0 rows in, 0.7 out, T)
    filter (expected per row in: 0.5 out, T)
      table: people
    table: orders
filled: 3 result rows from 32 rows in T
since: 3 changes in 1 tick, T and 0.7 result rows per change
expected per change of public.people: 3.0 result rows, T
`)
	loaded, _ := purchases()
	if err := loaded.Load(zset.NewReader(bytes.NewReader(save(t, c)))); err != nil {
		t.Fatal(err)
	}
	c = loaded
	check(`group by columns [2]: ids of columns [0] (5 rows, B; expected per row in: at most 2.0 out)
  join: (c0) = (c0) (31 rows, B; expected per row in: at most 3.4 | 1.0 out)
    filter
      table: people
    table: orders
expected per change of public.people: at most 6.8 result rows
expected per change of public.orders: at most 2.0 result rows
`)
	if err := c.Load(zset.NewReader(bytes.NewReader(save(t, c)))); err != nil || c.Cost() != (Cost{}) {
		t.Errorf("after Load: %+v, %v, want no costs", c.Cost(), err)
	}
}
