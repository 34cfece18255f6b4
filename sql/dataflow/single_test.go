package dataflow

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
)

// singleQuery recomputes a Single.
func singleQuery(keyTypes []*row.Type, width int) query {
	return func(in []bag, fail func(row.Row, string, int64)) bag {
		out := bag{}
		for key, shown := range sets(keyTypes, in[1]) {
			var n int64
			r := row.Row(shown)
			for candidate, w := range in[0] {
				values := row.Row(candidate).Split(nil)
				if plainKey(keyTypes, values[:len(keyTypes)]) != key {
					continue
				}
				if n += w; n == 1 {
					r = append(row.Row(shown), row.Make(values[len(keyTypes):]...)...)
				}
			}
			switch {
			case n > 1:
				fail(row.Row(shown), severalRows, 1)
				continue
			case n == 0:
				for range width {
					r = row.Append(r, nil)
				}
			}
			out.add(r, 1)
		}
		return out
	}
}

func singleCases() []lawCase {
	var cases []lawCase
	for _, keyTypes := range [][]*row.Type{nil, {intType}, {numType}, {textType, numType}} {
		types := append(append([]*row.Type{}, keyTypes...), intType, numType)
		cases = append(cases, lawCase{fmt.Sprintf("Single%d", len(keyTypes)),
			func() Operator { return NewSingle(keyTypes, 2) }, [][]*row.Type{types, keyTypes}, singleQuery(keyTypes, 2)})
	}
	return append(cases, lawCase{"SingleNothing", func() Operator { return NewSingle(nil, 0) }, [][]*row.Type{nil, nil}, singleQuery(nil, 0)})
}
