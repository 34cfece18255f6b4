package dataflow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// bag is a multiset of rows as plain as can be, for recomputing what operators maintain.
type bag map[string]int64

func (b bag) add(r row.Row, w int64) {
	if b[string(r)] += w; b[string(r)] == 0 {
		delete(b, string(r))
	}
}

// integrate adds a change to b.
func (b bag) integrate(delta *zset.Batch) {
	for r, w := range delta.All() {
		b.add(r, w)
	}
}

// text is b with decoded rows, in order, for messages.
func (b bag) text() string {
	var s string
	for _, r := range slices.Sorted(maps.Keys(b)) {
		s += fmt.Sprintf("%+d %q\n", b[r], row.Row(r).Split(nil))
	}
	return s
}

var (
	intType  = &row.Type{OID: 23, Mod: -1, Name: "integer", Kind: row.Int4}
	textType = &row.Type{OID: 25, Mod: -1, Name: "text", Kind: row.Text, Collation: 100}
	numType  = &row.Type{OID: 1700, Mod: -1, Name: "numeric", Kind: row.Numeric}
	boolType = &row.Type{OID: 16, Mod: -1, Name: "boolean", Kind: row.Bool}
)

func intValue(n int) row.Value { return binary.BigEndian.AppendUint32(nil, uint32(int32(n))) }

func intOf(v row.Value) int { return int(int32(binary.BigEndian.Uint32(v))) }

// numValue is digit (0 to 9, or -1 for NaN) as numeric with a display scale: equal
// digits of different scales are equal values of different bytes.
func numValue(digit, scale int) row.Value {
	switch digit {
	case -1:
		return row.Value{0, 0, 0, 0, 0xC0, 0, 0, 0}
	case 0:
		return row.Value{0, 0, 0, 0, 0, 0, 0, byte(scale)}
	}
	return row.Value{0, 1, 0, 0, 0, 0, 0, byte(scale), 0, byte(digit)}
}

// randomValue is from few values, so that rows meet.
func randomValue(rng *rand.Rand, t *row.Type) row.Value {
	if rng.IntN(6) == 0 {
		return nil
	}
	switch t {
	case intType:
		return intValue(rng.IntN(4))
	case textType:
		return row.Value([]string{"", "a", "b"}[rng.IntN(3)])
	case numType:
		return numValue(rng.IntN(4)-1, rng.IntN(3))
	}
	return row.Value{byte(rng.IntN(2))}
}

func randomRow(rng *rand.Rand, types []*row.Type) row.Row {
	r := row.Row{}
	for _, t := range types {
		r = row.Append(r, randomValue(rng, t))
	}
	return r
}

// randomDelta is a change that leaves all weights of b positive, as entries in any
// order, some of which cancel out. It adds the change to b.
func randomDelta(rng *rand.Rand, types []*row.Type, b bag) *zset.Batch {
	type change struct {
		r row.Row
		w int64
	}
	var changes []change
	for range rng.IntN(6) {
		switch present := slices.Sorted(maps.Keys(b)); {
		case rng.IntN(4) == 0: // comes and goes within the step
			r, w := randomRow(rng, types), int64(1+rng.IntN(2))
			changes = append(changes, change{r, w}, change{r, -w})
		case len(present) > 0 && rng.IntN(2) == 0:
			r := present[rng.IntN(len(present))]
			w := 1 + rng.Int64N(b[r])
			changes = append(changes, change{row.Row(r), -w})
			b.add(row.Row(r), -w)
		default:
			r, w := randomRow(rng, types), int64(1+rng.IntN(2))
			changes = append(changes, change{r, w})
			b.add(r, w)
		}
	}
	rng.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
	delta := new(zset.Batch)
	for _, c := range changes {
		delta.Add(c.r, c.w)
	}
	return delta
}

// wildDelta is a change that may leave weights negative, as below a difference.
func wildDelta(rng *rand.Rand, types []*row.Type, b bag) *zset.Batch {
	delta := new(zset.Batch)
	for range rng.IntN(6) {
		delta.Add(randomRow(rng, types), int64(rng.IntN(5)-2))
	}
	b.integrate(delta)
	return delta
}

// plainKey is the key of values by PostgreSQL's equality, made in another way than
// row.AppendKeys does: numerics without their display scale.
func plainKey(types []*row.Type, values []row.Value) string {
	r := row.Row{}
	for i, v := range values {
		if types[i] == numType && v != nil {
			v = slices.Clone(v)
			v[6], v[7] = 0, 0
		}
		r = row.Append(r, v)
	}
	return string(r)
}

// scalarFunc makes a function a Scalar.
type scalarFunc func(values []row.Value) (row.Value, error)

func (f scalarFunc) Eval(values []row.Value) (row.Value, error) { return f(values) }

// divide is 6 / an int column. As a compiled expression may, it reuses its result.
func divide(column int) Scalar {
	result := intValue(0)
	return scalarFunc(func(values []row.Value) (row.Value, error) {
		v := values[column]
		switch {
		case v == nil:
			return nil, nil
		case intOf(v) == 0:
			return nil, errors.New("division by zero")
		}
		binary.BigEndian.PutUint32(result, uint32(6/intOf(v)))
		return result, nil
	})
}

// less is a < b for two int columns; an error where both are 3.
func less(a, b int) Scalar {
	return scalarFunc(func(values []row.Value) (row.Value, error) {
		x, y := values[a], values[b]
		switch {
		case x == nil || y == nil:
			return nil, nil
		case intOf(x) == 3 && intOf(y) == 3:
			return nil, errors.New("integer out of range")
		case intOf(x) < intOf(y):
			return row.Value{1}, nil
		}
		return row.Value{0}, nil
	})
}

// doubling is a Remote that doubles an int, and fails for 3.
type doubling struct{ calls, rows int }

func (d *doubling) Scalars(_ context.Context, _ *ScalarCall, rows *zset.Batch) (results []row.Row, failed []string, err error) {
	d.calls++
	for r := range rows.All() {
		d.rows++
		v, message := r.Split(nil)[0], ""
		switch {
		case v == nil:
		case intOf(v) == 3:
			message = "cannot double 3"
		default:
			v = intValue(2 * intOf(v))
		}
		results, failed = append(results, row.Make(v)), append(failed, message)
	}
	return results, failed, nil
}

func (d *doubling) Aggregates(context.Context, *AggregateCall, []*zset.Batch) ([]row.Row, []string, error) {
	return nil, nil, errors.New("doubling has no aggregates")
}
