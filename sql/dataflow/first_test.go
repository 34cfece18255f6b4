package dataflow

import (
	"cmp"
	"context"
	"strings"
	"testing"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// firstQuery recomputes a First whose order is by ints.
func firstQuery(columns []int, keyTypes []*row.Type, order []Order) query {
	place := func(v row.Value, o Order) int {
		n := 0
		switch {
		case v == nil && o.NullsFirst:
			return -1000
		case v == nil:
			return 1000
		default:
			n = intOf(v)
		}
		if o.Desc {
			n = -n
		}
		return n
	}
	before := func(a, b string) bool {
		x, y := row.Row(a).Split(nil), row.Row(b).Split(nil)
		for _, o := range order {
			if n := cmp.Compare(place(x[o.Column], o), place(y[o.Column], o)); n != 0 {
				return n < 0
			}
		}
		return a < b
	}
	return func(in []bag, _ func(row.Row, string, int64)) bag {
		best := map[string]string{}
		for r := range in[0] {
			var values []row.Value
			for _, c := range columns {
				values = append(values, row.Row(r).Split(nil)[c])
			}
			key := plainKey(keyTypes, values)
			if have, ok := best[key]; !ok || before(r, have) {
				best[key] = r
			}
		}
		out := bag{}
		for _, r := range best {
			out.add(row.Row(r), 1)
		}
		return out
	}
}

func firstCases() []lawCase {
	types := []*row.Type{numType, intType, textType, intType}
	var cases []lawCase
	for name, c := range map[string]struct {
		columns []int
		order   []Order
	}{
		"Ascending":  {[]int{0}, []Order{{Column: 1, Type: intType}}},
		"Descending": {[]int{2}, []Order{{Column: 3, Type: intType, Desc: true, NullsFirst: true}, {Column: 1, Type: intType, NullsFirst: true}}},
		"NullsLast":  {[]int{2, 0}, []Order{{Column: 1, Type: intType, Desc: true}}},
		"NoOrder":    {[]int{2}, nil},
		"OneRow":     {nil, []Order{{Column: 3, Type: intType}}},
	} {
		var keyTypes []*row.Type
		for _, k := range c.columns {
			keyTypes = append(keyTypes, types[k])
		}
		cases = append(cases, lawCase{"First" + name, func() Operator { return NewFirst(c.columns, keyTypes, c.order) },
			[][]*row.Type{types}, firstQuery(c.columns, keyTypes, c.order)})
	}
	return cases
}

// TestFirstUnknownLabel checks that a label without a place in the order stops the
// circuit rather than giving a row that may not be the first.
func TestFirstUnknownLabel(t *testing.T) {
	t.Parallel()
	mood := &row.Type{Kind: row.Enum, Name: "mood", Labels: []string{"sad", "ok"}}
	f := NewFirst(nil, nil, []Order{{Column: 0, Type: mood}})
	step := func(label string) (*zset.Batch, error) {
		in, out := new(zset.Batch), new(zset.Batch)
		in.Add(row.Make(row.Value(label)), 1)
		return out, f.Step(&Context{Context: context.Background()}, []*zset.Batch{in}, out)
	}
	if out, err := step("ok"); err != nil || out.Len() != 1 {
		t.Fatalf("ok: %d rows, %v", out.Len(), err)
	}
	if _, err := step("happy"); err == nil || !strings.Contains(err.Error(), `mood has a label that it did not have before: "happy"`) {
		t.Errorf("happy: %v", err)
	}
}
