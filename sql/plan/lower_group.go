package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/sql/aggregate"
	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/tree"
)

// group makes a grouping operator: native aggregates and those that PostgreSQL
// computes in one.
func (l *lowerer) group(n *group, ins []lowered) (lowered, error) {
	in := ins[0]
	spec := dataflow.GroupSpec{Domain: n.domain != nil}
	out := lowered{}
	var err error
	for _, k := range n.keys {
		spec.Keys = append(spec.Keys, in.position(k.id))
		out.layout = append(out.layout, k.id)
	}
	if spec.KeyTypes, err = l.types(n.keys); err != nil {
		return lowered{}, err
	}
	var remote []*call
	for _, c := range n.calls {
		switch {
		case !l.demand.need[n][c.id]:
		case c.native:
			s, err := l.spec(c, in)
			if err != nil {
				return lowered{}, err
			}
			spec.Aggregates = append(spec.Aggregates, s)
			out.layout = append(out.layout, c.id)
		default:
			remote = append(remote, c)
		}
	}
	if err := l.remoteCalls(remote, in, &spec); err != nil {
		return lowered{}, err
	}
	for _, c := range remote {
		out.layout = append(out.layout, c.id)
	}
	op := dataflow.NewGroup(spec)
	ids := []dataflow.NodeID{in.id}
	if n.domain != nil {
		ids = append(ids, l.restrict(ins[1], n.domain.cols()).id)
	}
	out.id = l.circuit.Add(op, ids...)
	return out, nil
}

// spec is a native aggregate over the row's columns.
func (l *lowerer) spec(c *call, in lowered) (aggregate.Spec, error) {
	s, err := l.p.spec(c.agg)
	if err != nil {
		return s, err
	}
	for i, id := range c.args {
		s.Args[i].Column = in.position(id)
	}
	if c.filter != noCol {
		s.Filter = in.position(c.filter)
	}
	return s, nil
}

// remoteCalls gives PostgreSQL the aggregates that are not native, over the columns
// that they need. Rows are numbered by n, which settles the order of an aggregate
// that has none of its own.
func (l *lowerer) remoteCalls(calls []*call, in lowered, spec *dataflow.GroupSpec) error {
	if len(calls) == 0 {
		return nil
	}
	for _, c := range calls {
		spec.RemoteColumns = append(spec.RemoteColumns, in.positions(columnsOf(nil, c.agg))...)
	}
	slices.Sort(spec.RemoteColumns)
	spec.RemoteColumns = slices.Compact(spec.RemoteColumns)
	spec.Remote = &dataflow.AggregateCall{}
	for _, i := range spec.RemoteColumns {
		typ, err := l.typeOf(in.layout[i], false)
		if err != nil {
			return err
		}
		spec.Remote.Columns = append(spec.Remote.Columns, typ)
	}
	for _, c := range calls {
		at, err := in.positioned(c.agg)
		if err != nil {
			return err
		}
		text, err := tree.AggregateSQL(at.(*tree.Aggregate), l.p.catalog, func(i int) string {
			return fmt.Sprintf("c%d", slices.Index(spec.RemoteColumns, i))
		}, "n")
		if err != nil {
			return refuse(c.agg.Location, "", "an aggregate that cannot be given to PostgreSQL: %v", err)
		}
		result, err := l.p.rowType(c.agg.Type)
		if err != nil {
			return err
		}
		spec.Remote.Expressions = append(spec.Remote.Expressions, text)
		spec.Remote.Results = append(spec.Remote.Results, result)
	}
	l.remote = append(l.remote, spec.Remote.Expressions...)
	l.freeOrder = true // ties of an ORDER BY are free too
	return nil
}

// first makes DISTINCT ON.
func (l *lowerer) first(n *first, in lowered) (lowered, error) {
	in = l.restrict(in, intersect(in.layout, n.uses(l.demand.of(n))))
	types, err := l.types(n.keys)
	if err != nil {
		return lowered{}, err
	}
	var columns []int
	for _, k := range n.keys {
		columns = append(columns, in.position(k.id))
	}
	var order []dataflow.Order
	for _, o := range n.order {
		typ, err := l.typeOf(o.id, false)
		if err != nil {
			return lowered{}, err
		}
		order = append(order, dataflow.Order{Column: in.position(o.id), Type: typ, Desc: o.desc, NullsFirst: o.nullsFirst})
	}
	return lowered{l.circuit.Add(dataflow.NewFirst(columns, types, order), in.id), in.layout}, nil
}

// setop makes INTERSECT or EXCEPT.
func (l *lowerer) setop(n *setop, ins []lowered) (lowered, error) {
	keys := make([]groupKey, len(n.columns))
	for i, id := range n.columns {
		keys[i] = groupKey{id: id, bytes: i < n.domain}
	}
	types, err := l.types(keys)
	if err != nil {
		return lowered{}, err
	}
	left, right := l.restrict(ins[0], n.left.cols()), l.restrict(ins[1], n.right.cols())
	op := dataflow.NewSetOp(dataflow.SetKind(n.kind), n.all, types)
	return lowered{l.circuit.Add(op, left.id, right.id), n.columns}, nil
}

// single makes the at most one row of a scalar subquery.
func (l *lowerer) single(n *single, ins []lowered) lowered {
	values := l.demand.among(n, n.values)
	layout := slices.Concat(n.keys, values)
	in, domain := l.restrict(ins[0], layout), l.restrict(ins[1], n.of)
	types, _ := l.types(l.p.byBytes(n.keys)) // by bytes none can fail
	return lowered{l.circuit.Add(dataflow.NewSingle(types, len(values)), in.id, domain.id), layout}
}
