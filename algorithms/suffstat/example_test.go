package suffstat_test

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/algorithms/suffstat"
)

// Two shards are summarised apart and merged; then a row is taken back.
func Example() {
	ctx := context.Background()
	total := suffstat.NewCross(2)
	for _, shard := range [][][]float64{
		{{1, 2}, {2.1, 3.9}},
		{{3, 4, 99}, {6.2, 7.8, -1}},
	} {
		part := suffstat.NewCross(2)
		if err := part.Add(ctx, suffstat.Block{Columns: shard}, 0); err != nil {
			fmt.Println(err)
			return
		}
		total.Merge(part)
	}
	if err := total.RemoveRow([]float64{99, -1}, 1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(total.Rows(), total.Mean(1), total.Mean(2), total.Centered(1, 2)/total.Centered(1, 1))
	// Output: 4 2.5 5 1.94
}
