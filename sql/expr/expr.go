// Package expr evaluates scalar expressions exactly as PostgreSQL does.
//
// An expression of an analysed query names functions, operators and types by OID.
// Those of the functions that we know bit by bit are computed here, over values in
// PostgreSQL's binary format; an expression with any other is not native, and
// PostgreSQL is asked to evaluate it. So an answer of this package is PostgreSQL's
// own, with the same bytes, or the same error message.
//
// The order of evaluation is PostgreSQL's where it shows: CASE and COALESCE stop
// at the first arm that applies, and the arguments of a function are all evaluated
// before a NULL among them makes the result NULL. AND and OR, whose order
// PostgreSQL leaves open, prefer a decided answer to an error.
package expr

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// ErrNotNative is wrapped when an expression has a part that only PostgreSQL can
// evaluate. The text after it names the part.
var ErrNotNative = errors.New("expr: not native")

// RowError is an error that evaluation raises for one row, as division by zero.
type RowError struct {
	Message string // PostgreSQL's own primary message
}

// Error implements error.
func (e *RowError) Error() string { return e.Message }

// Versioned is what a [schema.Catalog] implements to tell the server's major
// version. A few functions differ between versions; with a catalog that does not
// tell, they are not native.
type Versioned interface {
	Version() int // for example 17
}

// Program is a compiled expression. It is not safe for concurrent use: its nodes
// have buffers for their results.
type Program struct {
	root   node
	result tree.TypeRef
}

// node is one compiled operation. The result may alias the input row's values, a
// constant, or the node's own buffer until the next call of eval.
type node interface {
	eval(in []row.Value) (row.Value, error)
}

// Compile makes a program of an expression whose leaves are Columns and decoded
// Constants. The error wraps [ErrNotNative] if PostgreSQL has to evaluate it.
func Compile(e tree.Expr, c schema.Catalog) (*Program, error) {
	if e == nil {
		return nil, errors.New("expr: compile: no expression")
	}
	n, err := (&compiler{catalog: c}).compile(e)
	if err != nil {
		return nil, err
	}
	return &Program{root: n, result: e.Result()}, nil
}

// Eval computes the expression over one row's values. An error is a [*RowError], or
// says that a value is not in its type's format, which no server sends.
// The result may alias values and memory that the next Eval overwrites.
func (p *Program) Eval(values []row.Value) (row.Value, error) { return p.root.eval(values) }

// Type returns the type of the result.
func (p *Program) Type() tree.TypeRef { return p.result }

// Constant returns the value of a program that depends on no column, and whether
// it is one. A program that always fails is not constant.
func (p *Program) Constant() (row.Value, bool) {
	c, ok := p.root.(*constant)
	if !ok {
		return nil, false
	}
	return c.value, true
}

// notNative says what PostgreSQL has to evaluate.
func notNative(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotNative, fmt.Sprintf(format, args...))
}

// column reads one value of the input row.
type column struct{ index int }

func (n *column) eval(in []row.Value) (row.Value, error) { return in[n.index], nil }

// constant is a value known when compiling.
type constant struct{ value row.Value }

func (n *constant) eval([]row.Value) (row.Value, error) { return n.value, nil }
