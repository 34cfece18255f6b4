package dataflow

import (
	"fmt"

	"github.com/millrace/millrace/sql/aggregate"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// GroupSpec says what a [Group] does. Columns are those of the input row.
type GroupSpec struct {
	Keys          []int
	KeyTypes      []*row.Type
	Aggregates    []aggregate.Spec
	Remote        *AggregateCall // aggregates for PostgreSQL, may be nil
	RemoteColumns []int          // c0, c1, … of Remote
	Domain        bool           // there is a second input, of the keys for which there are groups
}

// groupCall is one aggregate call of a group.
type groupCall struct {
	start    aggregate.Factory
	columns  []int // its arguments
	types    []*row.Type
	distinct bool
	filter   int // column that must be true, -1 for none
	name     string
}

// NewGroup returns the operator. It panics if an aggregate is not native: that is what
// the caller has [aggregate.New] tell, and Remote for.
func NewGroup(spec GroupSpec) *Group {
	var calls []groupCall
	for _, a := range spec.Aggregates {
		factory, err := aggregate.New(a)
		if err != nil {
			panic(fmt.Sprintf("dataflow: group: %v", err))
		}
		call := groupCall{start: factory, distinct: a.Distinct, filter: a.Filter, name: fmt.Sprintf("aggregate %d", a.Function)}
		for _, arg := range a.Args {
			call.columns, call.types = append(call.columns, arg.Column), append(call.types, arg.Type)
		}
		calls = append(calls, call)
	}
	return newGroup(spec, calls)
}

func newGroup(spec GroupSpec, calls []groupCall) *Group {
	g := &Group{groups: newGroups(spec.KeyTypes), spec: spec, calls: calls, distinct: newDistinctArguments()}
	if spec.Remote != nil {
		g.rows = zset.NewIndex()
	}
	return g
}
