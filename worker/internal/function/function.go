// Package function holds the SQL functions that the worker answers: it checks
// their arguments, says in which form their inputs travel, turns rows into the
// matrices that algorithms take, and results into the columns of tables.
//
// A function knows nothing of sessions, snapshots and paths; package job brings
// its rows and takes its tables.
package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

// Column is one expression of an input and what it means to the call.
type Column struct {
	Role       string `json:"role"`
	Expression string `json:"expression"`
}

// Spec is one input as the caller named it.
type Spec struct {
	Relation int64    `json:"relation"` // OID
	Columns  []Column `json:"columns"`
}

// Data is one input with its rows.
type Data struct {
	Spec
	Types  []pushdown.Type // static types of the expressions
	Casts  []pushdown.Cast
	Record arrow.Record // one column per expression
}

// Env is what a running call may use.
type Env struct {
	Workers  int                                         // goroutines that compute; 0 for all cores
	Progress func(phase string, done, total int64)       // cheap; may be called by many goroutines
	Notice   func(format string, args ...any)            // a line for the caller
	Reserve  func(bytes int64) (release func(), _ error) // counts memory before it is allocated
}

// cores is the number of goroutines that compute.
func (e Env) cores() int {
	if e.Workers > 0 {
		return e.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// Call is one call whose arguments are valid.
type Call interface {
	// Cast returns the form in which an expression of type t travels. Its error
	// is a fault.
	Cast(input, column int, t pushdown.Type) (pushdown.Cast, error)
	// Run computes. It returns soon after ctx has ended.
	Run(ctx context.Context, in []Data, env Env) (*Result, error)
}

// Function is one function that the worker answers.
type Function struct {
	Name     string
	Inputs   int      // relations that it reads at least; New and Run may rely on it
	Suffixes []string // of the tables that it makes; the first is ""
	New      func(args json.RawMessage, inputs []Spec) (Call, error)
}

var registry = map[string]Function{}

func register(f Function) { registry[f.Name] = f }

// Lookup returns the function called name.
func Lookup(name string) (Function, bool) {
	f, ok := registry[name]
	return f, ok
}

// decode reads arguments strictly: a missing member and an unknown one mean that
// stub and worker are not of one version.
func decode(args json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(args))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fault.New(fault.Parameter, "argument %s has an unusable value", typed.Field)
		}
		return fault.New(fault.State, "the functions in schema ml do not fit the worker: %v", err).
			WithHint("Run: millrace install")
	}
	return nil
}

// argument returns the value that p points to; NULL is an error that names it.
func argument[T any](name string, p *T) (T, error) {
	if p == nil {
		var zero T
		return zero, fault.New(fault.Parameter, "argument %s is NULL", name).WithHint("Leave %s out to use its default.", name)
	}
	return *p, nil
}

// oneOf checks a word against those allowed and suggests the nearest.
func oneOf(name, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	f := fault.New(fault.Parameter, "%s %q is unknown", name, value)
	if near := nearest(value, allowed); near != "" {
		return f.WithHint("Did you mean %q? Allowed are: %s.", near, strings.Join(allowed, ", "))
	}
	return f.WithHint("Allowed are: %s.", strings.Join(allowed, ", "))
}

// nearest returns the word within the smallest edit distance, if that is small.
func nearest(word string, words []string) string {
	best, bestDistance := "", len(word)/2+2
	for _, w := range words {
		if d := editDistance(strings.ToLower(word), strings.ToLower(w)); d < bestDistance {
			best, bestDistance = w, d
		}
	}
	return best
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// find returns the positions of the columns with a role.
func (s Spec) find(role string) []int {
	var at []int
	for i, c := range s.Columns {
		if c.Role == role {
			at = append(at, i)
		}
	}
	return at
}

// one returns the position of the only column with a role, or -1.
func (s Spec) one(role string) int {
	if at := s.find(role); len(at) > 0 {
		return at[0]
	}
	return -1
}

// castAs chooses the cast of a role; a type that does not fit is a fault that
// names the expression.
func castAs(role pushdown.Role, c Column, t pushdown.Type) (pushdown.Cast, error) {
	cast, err := pushdown.CastFor(role, t)
	if err != nil {
		return "", fault.New(fault.Type, "%s %s cannot be used: %s", c.Role, c.Expression, reason(err)).
			WithHint("Cast it in the expression, for example (%s)::float8, or choose another column.", c.Expression)
	}
	return cast, nil
}

// reason strips the package and the sentinel from an error's text.
func reason(err error) string {
	text := err.Error()
	for _, prefix := range []string{"pushdown: ", "linreg: ", "logreg: ", "knn: ", "arima: ", "source: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// fixedRoles maps roles of columns that mean the same in every function.
var fixedRoles = map[string]pushdown.Role{
	"point": pushdown.Point, "id": pushdown.Key, "feature": pushdown.Feature, "group": pushdown.Key,
	"weight": pushdown.Number, "cluster": pushdown.Key, "regressor": pushdown.Number, "time": pushdown.Time,
	"value": pushdown.Number, "model": pushdown.JSON, "keep": pushdown.Carried, "filter": pushdown.Truth,
}

func castFixed(c Column, t pushdown.Type) (pushdown.Cast, error) {
	role, ok := fixedRoles[c.Role]
	if !ok {
		return "", fmt.Errorf("function: role %q has no cast", c.Role)
	}
	return castAs(role, c, t)
}
