package view

import (
	"math"
	"slices"
	"strings"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// tolerance bounds the relative difference of two floating values that count as one.
// Ours are exact sums rounded once; PostgreSQL's depend on the order of the rows.
const tolerance = 1e-9

// differ compares two bags of rows. What is left of both when equal bytes are taken
// away is matched by the equality of the types, since PostgreSQL is free to show 1.0
// or 1.00 for a group, and floating values within the tolerance.
func (c *compared) differ(want, have *zset.Set, p pinnedView) {
	var missing, extra zset.Batch
	for r, n := range want.All() {
		c.Compared += n
		if more := n - have.Weight(r); more > 0 {
			missing.Add(r, more)
		}
	}
	for r, n := range have.All() {
		if more := n - want.Weight(r); more > 0 {
			extra.Add(r, more)
		}
	}
	index := zset.NewIndex()
	for r, n := range extra.All() {
		index.Add(p.looseKey(r), r, n)
	}
	for r, n := range missing.All() {
		key := p.looseKey(r)
		for ; n > 0; n-- {
			match, ok := p.match(index, key, r)
			if !ok {
				break
			}
			index.Add(key, match, -1)
			c.Tolerated++
		}
		if n > 0 {
			c.Differing += n
			if c.Example == "" {
				c.Example = "missing: " + p.text(r)
			}
		}
	}
	for r, n := range index.All() {
		c.Differing += n
		if c.Example == "" {
			c.Example = "not in the query's result: " + p.text(r)
		}
	}
}

// looseKey is the same for rows that may count as one: all but floating values, by
// their type's equality where that is known.
func (p pinnedView) looseKey(r row.Row) []byte {
	key := []byte{}
	for i, v := range r.Split(nil) {
		switch {
		case p.floats[i]:
			key = row.Append(key, row.Value{boolByte(v == nil)})
		case p.free && ordered(p.types[i]):
			sorted := slices.Clone(v) // the same elements in another order are the same bytes
			slices.Sort(sorted)
			key = row.Append(key, sorted)
		case p.types[i].Equatable():
			key = p.types[i].AppendKey(key, v)
		default:
			key = row.Append(key, v)
		}
	}
	return key
}

// ordered reports whether values of the type may hold what an aggregate has put into
// some order.
func ordered(t *row.Type) bool {
	return t.Kind == row.Array || t.Kind == row.Text || t.Kind == row.Bytea || t.Kind == row.JSONB || t.Kind == row.Opaque
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// match finds a row under key whose floating values are near those of r.
func (p pinnedView) match(index *zset.Index, key []byte, r row.Row) (row.Row, bool) {
	want := r.Split(nil)
	for candidate := range index.Rows(key) {
		near := true
		for i, v := range candidate.Split(nil) {
			if p.floats[i] && v != nil && !nearly(float(p.types[i], v), float(p.types[i], want[i])) {
				near = false
				break
			}
		}
		if near {
			return candidate, true
		}
	}
	return nil, false
}

func float(t *row.Type, v row.Value) float64 {
	if t.Kind == row.Float4 {
		return float64(v.Float4())
	}
	return v.Float8()
}

func nearly(a, b float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b))
}

// text shows a row to a person.
func (p pinnedView) text(r row.Row) string {
	var shown []string
	for i, v := range r.Split(nil) {
		shown = append(shown, p.types[i].Show(v))
	}
	return "(" + strings.Join(shown, ", ") + ")"
}
