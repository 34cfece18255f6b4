package source

import (
	"github.com/apache/arrow/go/v17/arrow"

	"github.com/millrace/millrace/pushdown"
)

// join makes one record of the parts of each input. It takes over the results,
// and on an error releases all that it holds.
func (q Read) join(tasks []task, results []arrow.Record) ([]arrow.Record, error) {
	parts := make([][]arrow.Record, len(q.Inputs))
	for i, t := range tasks {
		parts[t.input] = append(parts[t.input], results[i])
		results[i] = nil
	}
	joined := make([]arrow.Record, 0, len(q.Inputs))
	for i, in := range q.Inputs {
		record, err := q.concat(parts[i], in.casts())
		if err != nil {
			for _, rest := range append(parts[i+1:], joined) {
				for _, record := range rest {
					record.Release()
				}
			}
			return nil, err
		}
		joined = append(joined, record)
	}
	return joined, nil
}

// concat is [Concat] within the budget: the parts and the whole exist at once.
// It releases the parts.
func (q Read) concat(parts []arrow.Record, casts []pushdown.Cast) (arrow.Record, error) {
	if len(parts) > 1 {
		var size int64
		for _, part := range parts {
			for _, column := range part.Columns() {
				size += int64(column.Data().SizeInBytes())
			}
		}
		if over := q.Budget.WouldExceed(size); over != nil {
			for _, part := range parts {
				part.Release()
			}
			return nil, &MemoryError{over}
		}
	}
	return Concat(parts, casts, q.Budget)
}
