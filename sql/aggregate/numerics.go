package aggregate

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/sql/numeric"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// errState says that a saved state is not one.
var errState = errors.New("aggregate: not the state of an accumulator")

// addNumerics adds the aggregates whose states are sums of numerics: those over
// numeric, and variance and standard deviation over integers.
func addNumerics(m map[uint32]func(Spec) (Factory, error)) {
	m[2114] = always(func() Accumulator { return &numerics{} })
	m[2103] = always(func() Accumulator { return &numerics{average: true} })
	// OIDs are in the order int8, int4, int2, float4, float8, numeric.
	for _, f := range []struct {
		first  uint32
		result func(*numeric.Moments, bool) (numeric.Decimal, error)
		sample bool
	}{
		{2148, (*numeric.Moments).Variance, true}, {2641, (*numeric.Moments).Variance, true}, {2718, (*numeric.Moments).Variance, false},
		{2154, (*numeric.Moments).StdDev, true}, {2712, (*numeric.Moments).StdDev, true}, {2724, (*numeric.Moments).StdDev, false},
	} {
		for offset, read := range map[uint32]func(row.Value) numeric.Decimal{
			0: func(v row.Value) numeric.Decimal { return numeric.FromInt64(v.Int8()) },
			1: func(v row.Value) numeric.Decimal { return numeric.FromInt64(int64(v.Int4())) },
			2: func(v row.Value) numeric.Decimal { return numeric.FromInt64(int64(v.Int2())) },
			5: parse,
		} {
			kind := &spreadKind{read: read, result: f.result, sample: f.sample}
			m[f.first+offset] = always(func() Accumulator { return &spread{kind: kind} })
		}
	}
}

// parse reads a numeric. PostgreSQL sends no other bytes.
func parse(v row.Value) numeric.Decimal {
	d, err := numeric.Parse(v)
	if err != nil {
		panic(fmt.Sprintf("aggregate: %v", err))
	}
	return d
}

// numerics is sum and avg over numeric.
type numerics struct {
	sum     numeric.Sum
	average bool
}

func (a *numerics) Add(args []row.Value, w int64) {
	if !hasNull(args) {
		a.sum.Add(parse(args[0]), w)
	}
}

func (a *numerics) Result() (row.Value, error) {
	if a.sum.Count() == 0 {
		return nil, nil
	}
	if a.average {
		return binary(a.sum.Avg())
	}
	return binary(a.sum.Total())
}

func (a *numerics) Save(w *zset.Writer)       { w.Bytes(a.sum.Append(nil)) }
func (a *numerics) Load(r *zset.Reader) error { return load(r, a.sum.Consume) }
func (a *numerics) Bytes() int64              { return 56 + a.sum.Bytes() }

func binary(d numeric.Decimal, err error) (row.Value, error) {
	if err != nil {
		return nil, err
	}
	return d.Binary(), nil
}

type spreadKind struct {
	read   func(row.Value) numeric.Decimal
	result func(m *numeric.Moments, sample bool) (numeric.Decimal, error)
	sample bool
}

// spread is variance and standard deviation over numeric and integers.
type spread struct {
	kind    *spreadKind
	moments numeric.Moments
}

func (a *spread) Add(args []row.Value, w int64) {
	if !hasNull(args) {
		a.moments.Add(a.kind.read(args[0]), w)
	}
}

func (a *spread) Result() (row.Value, error) {
	if n := a.moments.Count(); n == 0 || n == 1 && a.kind.sample {
		return nil, nil
	}
	return binary(a.kind.result(&a.moments, a.kind.sample))
}

func (a *spread) Save(w *zset.Writer)       { w.Bytes(a.moments.Append(nil)) }
func (a *spread) Load(r *zset.Reader) error { return load(r, a.moments.Consume) }
func (a *spread) Bytes() int64              { return 104 + a.moments.Bytes() }
