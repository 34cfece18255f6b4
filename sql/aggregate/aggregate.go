// Package aggregate keeps the state of SQL aggregates: rows come and go, and the
// result is always that of the rows that are there.
//
// Each accumulator obeys one law, for every order of changes:
//
//	state after changes == state of a fresh accumulator over the rows that remain
//
// bit for bit, since sums are exact: integers of any size, numerics with their
// display scales counted, floats through package exact. So a value as large as 1e300
// or NaN comes and goes and leaves nothing behind.
//
// Results are PostgreSQL's, with its types, display scales and errors, and differ in
// these points only, where PostgreSQL's depend on the order of the rows:
//   - Over floats the true value is rounded once. PostgreSQL rounds at every step, and
//     for averages, variances and regressions reports an overflow of a square that it
//     comes across where we report one of a sum that the result is made of.
//   - Integer, money and interval sums that are out of range are errors although
//     PostgreSQL, for some of them and in some versions, wraps around.
//   - Of values that are equal and not the same, as 1.0 and 1.00, min and max return
//     the one with the smallest bytes.
package aggregate

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// ErrNotNative is wrapped for aggregates that this package does not keep: PostgreSQL
// computes them over the rows of each changed group.
var ErrNotNative = errors.New("not a native aggregate")

// Errors of results. Each reads as PostgreSQL's message.
var (
	ErrBigintRange   = errors.New("bigint out of range")
	ErrMoneyRange    = errors.New("money out of range")
	ErrIntervalRange = errors.New("interval out of range")
	ErrOverflow      = errors.New("value out of range: overflow")
)

// Arg is an argument of an aggregate.
type Arg struct {
	Column int // of the input row
	Type   *row.Type
}

// Spec names one aggregate call over columns of the input row.
type Spec struct {
	Function uint32 // OID of the aggregate
	Args     []Arg
	Star     bool // count(*)
	Distinct bool // the caller adds each distinct argument once
	Filter   int  // column holding a bool that must be true, -1 for none; the caller looks at it
	Result   *row.Type
}

// Accumulator is the state of one aggregate over one group. It is not safe for
// concurrent use.
type Accumulator interface {
	// Add adds a row with these arguments, w times; a negative w takes it out. Where
	// an argument is NULL there is nothing to add, except to count(*). Weights may be
	// negative in between, but not when Result is called. The arguments are not kept.
	Add(args []row.Value, w int64)
	// Result returns the aggregate of the rows, nil for NULL. Its error is for the
	// user to see, as PostgreSQL's is, and goes when the rows do.
	Result() (row.Value, error)
	// Save writes the state: the same bytes for the same rows.
	Save(w *zset.Writer)
	// Load makes a new accumulator what Save wrote.
	Load(r *zset.Reader) error
	// Bytes is the memory that the accumulator holds.
	Bytes() int64
}

// Factory makes an accumulator without rows.
type Factory func() Accumulator

// New returns what makes accumulators for the call.
//
// Errors: [ErrNotNative].
func New(s Spec) (Factory, error) {
	build, ok := builtin[s.Function]
	if !ok {
		return nil, fmt.Errorf("aggregate: %w: function %d", ErrNotNative, s.Function)
	}
	return build(s)
}

// always is the constructor of aggregates that need nothing but their function.
func always(f Factory) func(Spec) (Factory, error) {
	return func(Spec) (Factory, error) { return f, nil }
}

// builtin has the native aggregates by their OID, which PostgreSQL fixed when it was
// built: it is the same in all versions that have the function.
var builtin = func() map[uint32]func(Spec) (Factory, error) {
	m := map[uint32]func(Spec) (Factory, error){
		2803: always(newCount), 2147: always(newCount),
		2517: always(func() Accumulator { return &truth{all: true} }),
		2519: always(func() Accumulator { return &truth{all: true} }),
		2518: always(func() Accumulator { return &truth{} }),
		2106: always(func() Accumulator { return &intervals{average: true} }),
		2113: always(func() Accumulator { return &intervals{} }),
	}
	addIntegers(m)
	addNumerics(m)
	addFloats(m)
	addExtremes(m)
	return m
}()

// hasNull reports whether a strict aggregate skips the row.
func hasNull(args []row.Value) bool {
	for _, a := range args {
		if a == nil {
			return true
		}
	}
	return false
}
