package dataflow

import (
	"github.com/millrace/millrace/sql/row"
)

// A query recomputes the output of an operator from its whole inputs; fail takes its
// row errors. These say in the plainest way what the operators mean.
type query func(in []bag, fail func(r row.Row, message string, w int64)) bag

func mapQuery(exprs []Scalar) query {
	return func(in []bag, fail func(row.Row, string, int64)) bag {
		out := bag{}
	rows:
		for r, w := range in[0] {
			o := row.Row{}
			for _, e := range exprs {
				v, err := e.Eval(row.Row(r).Split(nil))
				if err != nil {
					fail(row.Row(r), err.Error(), w)
					continue rows
				}
				o = row.Append(o, v)
			}
			out.add(o, w)
		}
		return out
	}
}

func filterQuery(cond Scalar) query {
	return func(in []bag, fail func(row.Row, string, int64)) bag {
		out := bag{}
		for r, w := range in[0] {
			v, err := cond.Eval(row.Row(r).Split(nil))
			if err != nil {
				fail(row.Row(r), err.Error(), w)
			} else if len(v) == 1 && v[0] == 1 {
				out.add(row.Row(r), w)
			}
		}
		return out
	}
}

// doublingQuery is what doubling makes of a column.
func doublingQuery(column int) query {
	return func(in []bag, fail func(row.Row, string, int64)) bag {
		out := bag{}
		for r, w := range in[0] {
			v := row.Row(r).Split(nil)[column]
			if v != nil && intOf(v) == 3 {
				fail(row.Row(r), "cannot double 3", w)
				continue
			}
			if v != nil {
				v = intValue(2 * intOf(v))
			}
			out.add(row.Append(row.Row(r), v), w)
		}
		return out
	}
}

func unionQuery(weights []int64) query {
	return func(in []bag, _ func(row.Row, string, int64)) bag {
		out := bag{}
		for i, b := range in {
			for r, w := range b {
				out.add(row.Row(r), w*weights[i])
			}
		}
		return out
	}
}

// joinQuery compares column left[i] with right[i] of type types[i].
func joinQuery(left, right []int, types []*row.Type, nullSafe []bool, residual Scalar) query {
	matches := func(l, r []row.Value) bool {
		for i, t := range types {
			a, b := l[left[i]], r[right[i]]
			if (a == nil || b == nil) && nullSafe == nil || (a == nil) != (b == nil) {
				return false
			}
			if a == nil && !nullSafe[i] {
				return false
			}
			if plainKey([]*row.Type{t}, []row.Value{a}) != plainKey([]*row.Type{t}, []row.Value{b}) {
				return false
			}
		}
		return true
	}
	return func(in []bag, fail func(row.Row, string, int64)) bag {
		pairs := bag{}
		for l, n := range in[0] {
			for r, m := range in[1] {
				if matches(row.Row(l).Split(nil), row.Row(r).Split(nil)) {
					pairs.add(row.Row(l+r), n*m)
				}
			}
		}
		if residual == nil {
			return pairs
		}
		return filterQuery(residual)([]bag{pairs}, fail)
	}
}

func matchQuery(mode MatchMode, width int) query {
	return func(in []bag, _ func(row.Row, string, int64)) bag {
		out := bag{}
		for l, w := range in[0] {
			r, has := row.Row(l), in[1][l] > 0
			switch mode {
			case MatchSemi, MatchAnti:
				if has == (mode == MatchSemi) {
					out.add(r, w)
				}
			case MatchNullExtend:
				for i := 0; i < width; i++ {
					r = row.Append(r, nil)
				}
				if !has {
					out.add(r, w)
				}
			default:
				mark := row.Value{0}
				if has {
					mark = row.Value{1}
				} else if mode == MatchMark3 && in[2][l] > 0 {
					mark = nil
				}
				out.add(row.Append(r, mark), w)
			}
		}
		return out
	}
}

// sets divides the rows of positive weight into sets of equal rows: the least row, by
// key.
func sets(types []*row.Type, b bag) map[string]string {
	least := map[string]string{}
	for r, w := range b {
		key := plainKey(types, row.Row(r).Split(nil))
		if have, ok := least[key]; w > 0 && (!ok || r < have) {
			least[key] = r
		}
	}
	return least
}

func distinctQuery(types []*row.Type) query {
	return func(in []bag, _ func(row.Row, string, int64)) bag {
		out := bag{}
		for _, r := range sets(types, in[0]) {
			out.add(row.Row(r), 1)
		}
		return out
	}
}

func setOpQuery(kind SetKind, all bool, types []*row.Type) query {
	count := func(b bag) map[string]int64 {
		n := map[string]int64{}
		for r, w := range b {
			n[plainKey(types, row.Row(r).Split(nil))] += w
		}
		return n
	}
	return func(in []bag, _ func(row.Row, string, int64)) bag {
		out, left, right := bag{}, count(in[0]), count(in[1])
		for key, r := range sets(types, in[0]) {
			l, m := max(0, left[key]), max(0, right[key])
			var n int64
			switch {
			case kind == Intersect && all:
				n = min(l, m)
			case kind == Intersect:
				n = min(l, m, 1)
			case all:
				n = max(0, l-m)
			case m == 0:
				n = min(l, 1)
			}
			out.add(row.Row(r), n)
		}
		return out
	}
}
