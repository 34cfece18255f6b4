// Package dataflow keeps SQL views up to date.
//
// A view is a circuit of operators. An operator takes the changes of its inputs,
// batches of rows with signed weights, and returns the change of its output. Each
// obeys one law, which TestLaw checks for all of them:
//
//	integrate(op(changes)) == query(integrate(changes))
//
// So what an operator has emitted so far depends only on the sum of what it has been
// given, not on how that was cut into steps, nor on the order within a step. Most
// operators get this from a telescoping sum: for each change they emit what the
// output is after it less what it was before, both read from their state alone.
//
// Operators and circuits are not safe for concurrent use.
//
// Source: Budiu et al., DBSP: Automatic Incremental View Maintenance for Rich
// Query Languages, PVLDB 16(7), 2023.
package dataflow

import (
	"context"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// Operator is one node of a circuit.
type Operator interface {
	// Step takes the change of each input and appends the change of the output to
	// out. Batches of in may be empty and may be the same batch; they are not to be
	// modified, nor kept. An error is not the data's (see [Context.Fail]) and leaves
	// the operator unusable.
	Step(c *Context, in []*zset.Batch, out *zset.Batch) error
	// Save writes the state, Load replaces the state by one that Save wrote.
	Save(w *zset.Writer)
	Load(r *zset.Reader) error
	// Size is the state's number of rows and memory.
	Size() (rows, bytes int64)
	// Describe is one line for explain: "join: 1 key column". Together with the
	// graph it also tells whether a saved state fits.
	Describe() string
}

// Context is what a step needs besides its input.
type Context struct {
	context.Context
	// Remote evaluates what is left to PostgreSQL. It may be nil for a circuit
	// without such expressions.
	Remote Remote
	// Errors is where Fail counts. A circuit puts its own here for each step; nil
	// is made on the first Fail.
	Errors *Errors

	node           NodeID // the operator that steps
	requests, sent int64  // of it: see [Context.asks]
}

// Fail counts a row error: weight of r is +n as it appears, -n as it goes, so that
// the errors of an operator follow from its integrated input, as its output does.
// The row emits nothing else.
func (c *Context) Fail(r row.Row, message string, weight int64) {
	if c.Errors == nil {
		c.Errors = NewErrors()
	}
	c.Errors.add(c.node, message, r, weight)
}

// Scalar is an expression over a row's values, such as a program of package expr. The
// result may alias the values, or memory that is valid until the same Scalar's next
// Eval. An error is the row's, such as a division by zero, and its text the message.
type Scalar interface {
	Eval(values []row.Value) (row.Value, error)
}

// Column is the Scalar that gives one column of the row, counted from 0.
type Column int

// Eval implements [Scalar].
func (c Column) Eval(values []row.Value) (row.Value, error) { return values[c], nil }

// Remote evaluates expressions in PostgreSQL. An error of it is not a row's: it is
// that of the connection, or of the caller's context.
type Remote interface {
	// Scalars gives one result row, of all expressions, per entry of rows. Where
	// failed[i] is not empty, it is the message of that entry's error; failed may be
	// nil if there is none.
	Scalars(ctx context.Context, call *ScalarCall, rows *zset.Batch) (results []row.Row, failed []string, err error)
	// Aggregates gives one result row, of all aggregates, per group. An entry of
	// weight n stands for n rows.
	Aggregates(ctx context.Context, call *AggregateCall, groups []*zset.Batch) (results []row.Row, failed []string, err error)
}

// ScalarCall is a list of expressions for PostgreSQL.
type ScalarCall struct {
	Columns     []*row.Type // of the argument rows
	Expressions []string    // SQL over c0, c1, …
	Results     []*row.Type
}

// AggregateCall is a list of aggregates for PostgreSQL.
type AggregateCall struct {
	Columns     []*row.Type // of the groups' rows
	Expressions []string    // SQL aggregates over c0, c1, …; n is the row's position
	Results     []*row.Type
}
