package dataflow

import (
	"math"
	"testing"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// TestExpect checks what each operator is expected to give for a change of its first
// and of its second table. Both hold each number of 0 to 5 with a second column; the
// first one each, the second three of each from 0 to 3 (of which two are the same row)
// and none of 4 and 5.
func TestExpect(t *testing.T) {
	t.Parallel()
	first, second := new(zset.Batch), new(zset.Batch)
	for k := range 6 {
		first.Add(ints(k, k), 1)
		for i := range 3 {
			if k < 4 {
				second.Add(ints(k, min(i, 1)), 1)
			}
		}
	}
	two, one := []*row.Type{intType, intType}, []*row.Type{intType}
	key := Side{Key: []Scalar{Column(0)}, Types: one}
	cross := Side{}
	head := []Scalar{Column(0)}
	for name, tt := range map[string]struct {
		build func(c *Circuit, a, b NodeID) NodeID
		want  [2]float64
	}{
		// 6 rows of the first meet 8 different ones of the second.
		"Join":  {func(c *Circuit, a, b NodeID) NodeID { return c.Add(NewJoin(key, key, nil), a, b) }, [2]float64{8. / 6, 1}},
		"Cross": {func(c *Circuit, a, b NodeID) NodeID { return c.Add(NewJoin(cross, cross, nil), a, b) }, [2]float64{8, 6}},
		"Union": {func(c *Circuit, a, b NodeID) NodeID { return c.Add(NewUnion(1, 1), a, b) }, [2]float64{1, 1}},
		// 12 rows of the second are 4 different numbers.
		"Distinct": {func(c *Circuit, a, b NodeID) NodeID {
			return c.Add(NewDistinct(one), c.Add(NewMap(head), b))
		}, [2]float64{0, 4. / 12}},
		// 4 of 6 have a match, and a match is one of 12 for 4 rows.
		"Semi": {func(c *Circuit, a, b NodeID) NodeID {
			return c.Add(NewMatch(MatchSemi, 0), c.Add(NewMap(head), a), c.Add(NewMap(head), b))
		}, [2]float64{4. / 6, 4. / 12}},
		"Mark": {func(c *Circuit, a, b NodeID) NodeID {
			return c.Add(NewMatch(MatchMark, 0), c.Add(NewMap(head), a), c.Add(NewMap(head), b))
		}, [2]float64{1, 2 * 4. / 12}},
		"NullExtend": {func(c *Circuit, a, b NodeID) NodeID {
			return c.Add(NewMatch(MatchNullExtend, 1), c.Add(NewMap(head), a), c.Add(NewMap(head), b))
		}, [2]float64{2. / 6, 4. / 12}},
		// 2 of 6 rows are left, which 12 rows have decided.
		"Except": {func(c *Circuit, a, b NodeID) NodeID {
			return c.Add(NewSetOp(Except, false, one), c.Add(NewMap(head), a), c.Add(NewMap(head), b))
		}, [2]float64{2. / 6, 2. / 12}},
		"Group": {func(c *Circuit, a, b NodeID) NodeID {
			return c.Add(NewUnion(1, 1), c.Add(NewGroup(GroupSpec{Keys: []int{0}, KeyTypes: one}), a), c.Add(NewGroup(GroupSpec{Keys: []int{0}, KeyTypes: one}), b))
		}, [2]float64{1, 2}}, // one row of each group, and three
		"First": {func(c *Circuit, a, b NodeID) NodeID {
			order := []Order{{Column: 1, Type: intType}}
			return c.Add(NewUnion(1, 1), c.Add(NewFirst([]int{0}, one, order), a), c.Add(NewFirst([]int{0}, one, order), b))
		}, [2]float64{1, 2. / 3}},
		"Single": {func(c *Circuit, a, b NodeID) NodeID { return c.Add(NewSingle(one, 1), a, c.Add(NewMap(head), b)) }, [2]float64{1.5, 1}},
		"Chain": {func(c *Circuit, a, b NodeID) NodeID {
			return c.Add(NewDistinct(two), c.Add(NewMap([]Scalar{Column(0), Column(3)}), c.Add(NewJoin(key, key, nil), a, b)))
		}, [2]float64{8. / 6, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewCircuit()
			c.SetOutput(tt.build(c, c.Input(1), c.Input(2)))
			if e := c.Expect(); e != nil {
				t.Errorf("before the first step: %v, want nothing", e)
			}
			step(t, c, map[any]*zset.Batch{1: first, 2: second})
			for i, e := range c.Expect() {
				if e.Table != i+1 || math.Abs(e.Rows-tt.want[i]) > 1e-9 || e.AtMost || e.Asks || e.Rows > 0 && e.Nanoseconds <= 0 {
					t.Errorf("table %d: %+v, want %g rows", i+1, e, tt.want[i])
				}
			}
		})
	}
}

// TestExpectOfEmptyTables expects nothing where there is nothing to go by, and what the
// other table tells where that is filled.
func TestExpectOfEmptyTables(t *testing.T) {
	t.Parallel()
	c, _ := purchases()
	step(t, c, nil)
	if e := c.Expect(); e != nil {
		t.Errorf("from empty tables: %+v, want nothing", e)
	}
	c, _ = purchases()
	step(t, c, map[any]*zset.Batch{"orders": purchased()["orders"]})
	e := c.Expect()
	if len(e) != 2 || e[0].Rows != 3*2 || !e[0].AtMost || e[1].Rows != 0 || !e[1].AtMost {
		t.Errorf("without people: %+v, want at most 6 rows of a person, for each of whom there are 3 orders, and none of an order", e)
	}
}

// TestExpectOfRemote expects the rows of a whole group to be sent for one of them.
func TestExpectOfRemote(t *testing.T) {
	t.Parallel()
	c := NewCircuit()
	call := c.Add(NewCall(&ScalarCall{Expressions: []string{"f(c0)"}}, []int{1}), c.Input(1))
	c.SetOutput(c.Add(NewGroup(GroupSpec{Keys: []int{0}, KeyTypes: []*row.Type{intType}, Remote: &AggregateCall{Expressions: []string{"g(c0)"}}, RemoteColumns: []int{1}}), call))
	ctx := &Context{Context: t.Context(), Remote: &collecting{}}
	if err := c.Step(ctx, map[any]*zset.Batch{1: batch(ints(1, 4), ints(1, 5), ints(1, 6), ints(2, 6))}, new(zset.Batch)); err != nil {
		t.Fatal(err)
	}
	if e := c.Expect(); len(e) != 1 || !e[0].Asks || e[0].Sent != 1+4./2 || e[0].Nanoseconds != 0 {
		t.Errorf("%+v, want 3 rows sent: an argument, and the 2 rows of a group", e)
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		x            float64
		amount, span string
	}{
		{0, "0", "0 ns"}, {0.0041, "0.004", "0 ns"}, {1.26, "1.3", "1 ns"}, {99.96, "100", "100 ns"}, {1234567.2, "1,234,567", "1.2 ms"},
		{999.9, "1,000", "1.0 µs"}, {2.5e9, "2,500,000,000", "2.5 s"},
	} {
		if amount(tt.x) != tt.amount || span(tt.x) != tt.span {
			t.Errorf("%g is %s, %s, want %s, %s", tt.x, amount(tt.x), span(tt.x), tt.amount, tt.span)
		}
	}
}
