package dataflow_test

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/expr"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ dataflow.Scalar = (*expr.Program)(nil)

// The view is SELECT DISTINCT c.name FROM orders o JOIN customers c ON c.id = o.customer.
func ExampleCircuit() {
	text := &row.Type{Kind: row.Text}
	key := dataflow.Side{Key: []dataflow.Scalar{dataflow.Column(0)}, Types: []*row.Type{text}}

	c := dataflow.NewCircuit()
	pairs := c.Add(dataflow.NewJoin(key, key, nil), c.Input("orders"), c.Input("customers"))
	names := c.Add(dataflow.NewMap([]dataflow.Scalar{dataflow.Column(2)}), pairs)
	c.SetOutput(c.Add(dataflow.NewDistinct([]*row.Type{text}), names))

	change := func(table string, w int64, values ...string) {
		r := row.Row{}
		for _, v := range values {
			r = row.Append(r, row.Value(v))
		}
		var delta, out zset.Batch
		delta.Add(r, w)
		ctx := &dataflow.Context{Context: context.Background()}
		if err := c.Step(ctx, map[any]*zset.Batch{table: &delta}, &out); err != nil {
			fmt.Println(err)
		}
		for r, w := range out.All() {
			fmt.Printf("%+d %s\n", w, r.Split(nil)[0])
		}
	}
	change("customers", +1, "c1", "Ann")
	change("orders", +1, "c1")
	change("orders", +1, "c1") // the same row again: Ann is there
	change("orders", -1, "c1")
	change("orders", -1, "c1")
	// Output:
	// +1 Ann
	// -1 Ann
}
