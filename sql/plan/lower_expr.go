package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/expr"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

// positioned is an expression over the positions of a row.
func (in lowered) positioned(e tree.Expr) (tree.Expr, error) {
	return tree.Rewrite(e, func(e tree.Expr) (tree.Expr, error) {
		if id, ok := columnOf(e); ok {
			return &tree.Column{Index: in.position(id), Type: e.Result()}, nil
		}
		return e, nil
	})
}

// native compiles an expression over a row; the result is nil if PostgreSQL has to
// evaluate it.
func (l *lowerer) native(in lowered, e tree.Expr) (dataflow.Scalar, error) {
	at, err := in.positioned(e)
	if err != nil {
		return nil, err
	}
	if c, ok := at.(*tree.Column); ok {
		return dataflow.Column(c.Index), nil
	}
	program, err := expr.Compile(at, l.p.catalog)
	if errors.Is(err, expr.ErrNotNative) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	return program, nil
}

// call adds the values of expressions that PostgreSQL evaluates, as columns ids.
func (l *lowerer) call(in lowered, exprs []tree.Expr, ids []col) (lowered, error) {
	if len(exprs) == 0 {
		return in, nil
	}
	call := &dataflow.ScalarCall{}
	var columns []int
	for _, e := range exprs {
		columns = append(columns, in.positions(columnsOf(nil, e))...)
	}
	slices.Sort(columns)
	columns = slices.Compact(columns)
	for _, e := range exprs {
		text, err := l.text(in, e, columns)
		if err != nil {
			return lowered{}, err
		}
		result, err := l.p.rowType(e.Result())
		if err != nil {
			return lowered{}, err
		}
		call.Expressions, call.Results = append(call.Expressions, text), append(call.Results, result)
	}
	for _, c := range columns {
		typ, err := l.typeOf(in.layout[c], false)
		if err != nil {
			return lowered{}, err
		}
		call.Columns = append(call.Columns, typ)
	}
	l.remote = append(l.remote, call.Expressions...)
	id := l.circuit.Add(dataflow.NewCall(call, columns), in.id)
	l.rows(id, in)
	return lowered{id, slices.Concat(in.layout, ids)}, nil
}

// text is an expression as SQL; column columns[i] of the row is ci.
func (l *lowerer) text(in lowered, e tree.Expr, columns []int) (string, error) {
	at, err := in.positioned(e)
	if err != nil {
		return "", err
	}
	text, err := tree.SQL(at, l.p.catalog, func(i int) string {
		return fmt.Sprintf("c%d", slices.Index(columns, i))
	})
	if err != nil {
		return "", refuse(e.At(), "", "an expression that cannot be given to PostgreSQL: %v", err)
	}
	return text, nil
}

// label names an operator by the SQL of its expressions, over the positions of its
// input row.
func (l *lowerer) label(id dataflow.NodeID, in lowered, exprs ...tree.Expr) {
	var texts []string
	for _, e := range exprs {
		text, err := l.text(in, e, positions(len(in.layout)))
		if err != nil {
			text = printed(e, nil)
		}
		texts = append(texts, text)
	}
	if len(texts) > 0 {
		l.circuit.Label(id, strings.Join(texts, ", "))
	}
}

// project makes a projection: those expressions that PostgreSQL evaluates are all in
// one call before it.
func (l *lowerer) project(n *project, in lowered) (lowered, error) {
	var ids, from []col
	var exprs []tree.Expr
	onlyColumns := true
	for _, it := range n.items {
		if !l.demand.need[n][it.id] || slices.Contains(ids, it.id) {
			continue
		}
		ids, exprs = append(ids, it.id), append(exprs, it.expr)
		id, ok := columnOf(it.expr)
		from, onlyColumns = append(from, id), onlyColumns && ok
	}
	if onlyColumns {
		return lowered{l.restrict(in, from).id, ids}, nil
	}
	scalars := make([]dataflow.Scalar, len(exprs))
	var remote, native []tree.Expr
	for i, e := range exprs {
		var err error
		if scalars[i], err = l.native(in, e); err != nil {
			return lowered{}, err
		}
		if scalars[i] == nil {
			scalars[i] = dataflow.Column(len(in.layout) + len(remote))
			remote = append(remote, e)
		} else if _, ok := columnOf(e); !ok {
			native = append(native, e)
		}
	}
	out, err := l.call(in, remote, unnamed(len(remote)))
	if err != nil {
		return lowered{}, err
	}
	id := l.circuit.Add(dataflow.NewMap(scalars), out.id)
	l.label(id, in, native...)
	l.rows(id, in)
	return lowered{id, ids}, nil
}

// rows tells a node the types of the rows that it may fail on, for messages.
func (l *lowerer) rows(id dataflow.NodeID, in lowered) {
	types := make([]*row.Type, len(in.layout))
	for i, c := range in.layout {
		if c != noCol {
			types[i], _ = l.typeOf(c, false) // what has no type is not shown
		}
	}
	l.circuit.SetRow(id, types)
}

// unnamed is columns that are none of the plan's.
func unnamed(n int) []col {
	ids := make([]col, n)
	for i := range ids {
		ids[i] = noCol
	}
	return ids
}

// filter makes a filter: by all native conditions at once, so that one which is false
// wins over an error of another, and then by those that PostgreSQL evaluates.
func (l *lowerer) filter(conds []tree.Expr, in lowered) (lowered, error) {
	native, remote, err := l.split(in, conds)
	if err != nil {
		return lowered{}, err
	}
	if len(native) > 0 {
		all := conjunction(native)
		cond, err := l.native(in, all)
		if err != nil {
			return lowered{}, err
		}
		id := l.circuit.Add(dataflow.NewFilter(cond), in.id)
		l.label(id, in, all)
		l.rows(id, in)
		in = lowered{id, in.layout}
	}
	if len(remote) == 0 {
		return in, nil
	}
	out, err := l.call(in, []tree.Expr{conjunction(remote)}, unnamed(1))
	if err != nil {
		return lowered{}, err
	}
	id := l.circuit.Add(dataflow.NewFilter(dataflow.Column(len(in.layout))), out.id)
	return l.restrict(lowered{id, out.layout}, in.layout), nil
}

// split divides conditions into native ones and those for PostgreSQL.
func (l *lowerer) split(in lowered, conds []tree.Expr) (native, remote []tree.Expr, err error) {
	for _, e := range conds {
		program, err := l.native(in, e)
		switch {
		case err != nil:
			return nil, nil, err
		case program == nil:
			remote = append(remote, e)
		default:
			native = append(native, e)
		}
	}
	return native, remote, nil
}

// join makes a join. Its inputs are cut to what it needs, since it keeps them.
func (l *lowerer) join(n *join, left, right lowered) (lowered, error) {
	uses := n.uses(l.demand.of(n))
	var a, b dataflow.Side
	left, right = l.restrict(left, intersect(left.layout, uses)), l.restrict(right, intersect(right.layout, uses))
	for _, k := range n.keys {
		for _, side := range []struct {
			*dataflow.Side
			in lowered
			id col
		}{{&a, left, k.left}, {&b, right, k.right}} {
			typ, err := l.typeOf(side.id, k.identity)
			if err != nil {
				return lowered{}, err
			}
			side.Key = append(side.Key, dataflow.Column(side.in.position(side.id)))
			side.Types = append(side.Types, typ)
			side.NullSafe = append(side.NullSafe, k.nullSafe)
		}
	}
	out := lowered{layout: slices.Concat(left.layout, right.layout)}
	native, remote, err := l.split(out, n.conds)
	if err != nil {
		return lowered{}, err
	}
	var residual dataflow.Scalar
	if len(native) > 0 {
		if residual, err = l.native(out, conjunction(native)); err != nil {
			return lowered{}, err
		}
	}
	out.id = l.circuit.Add(dataflow.NewJoin(a, b, residual), left.id, right.id)
	l.label(out.id, out, native...)
	return l.filter(remote, out)
}

// intersect is those of ids that are among others.
func intersect(ids, others []col) []col {
	var out []col
	for _, id := range ids {
		if slices.Contains(others, id) {
			out = append(out, id)
		}
	}
	return out
}
