package plan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// lowerer makes operators of the plan's nodes.
type lowerer struct {
	p         *compiler
	circuit   *dataflow.Circuit
	demand    *demand
	tables    map[any]*tableInput
	done      map[node]lowered
	remote    []string
	freeOrder bool // see [View]
}

// lowered is a node of the circuit and where the plan's columns are in its rows. A
// column that is not one of the plan's is noCol.
type lowered struct {
	id     dataflow.NodeID
	layout []col
}

// tableInput is a table and its input node.
type tableInput struct {
	Table
	id dataflow.NodeID
}

func compareTables(a, b *tableInput) int {
	if a.OID != b.OID {
		return cmp.Compare(a.OID, b.OID)
	}
	return cmp.Compare(fmt.Sprint(a.Inherit), fmt.Sprint(b.Inherit))
}

// bytesType compares values of any type by their bytes.
var bytesType = &row.Type{Kind: row.Bytea, Name: "pg_catalog.bytea", BaseName: "pg_catalog.bytea", Mod: -1}

var errColumn = errors.New("plan: an expression reads a column that is not there")

// lower makes the circuit whose output is some columns of the root.
func (p *compiler) lower(root node, ids []col) (*lowerer, error) {
	l := &lowerer{
		p:       p,
		circuit: dataflow.NewCircuit(),
		demand:  newDemand(root, ids),
		tables:  map[any]*tableInput{},
		done:    map[node]lowered{},
	}
	if l.demand.missing {
		return nil, errColumn
	}
	if err := l.inputs(); err != nil {
		return nil, err
	}
	out, err := l.node(root)
	if err != nil {
		return nil, err
	}
	l.circuit.SetOutput(l.restrict(out, ids).id)
	return l, nil
}

// inputs makes an input for each table, with the columns that any scan needs.
func (l *lowerer) inputs() error {
	for _, n := range l.demand.order {
		s, ok := n.(*scan)
		if !ok {
			continue
		}
		t := Table{OID: s.table, Name: s.name, Inherit: s.inherit}
		in := l.tables[t.Input()]
		if in == nil {
			in = &tableInput{Table: t, id: l.circuit.Input(t.Input())}
			l.tables[t.Input()] = in
		}
		for i, id := range s.columns {
			if !l.demand.need[s][id] {
				continue
			}
			in.Columns = append(in.Columns, s.numbers[i])
		}
		slices.Sort(in.Columns)
		in.Columns = slices.Compact(in.Columns)
	}
	return nil
}

// node makes the operators of a node, once.
func (l *lowerer) node(n node) (lowered, error) {
	if out, ok := l.done[n]; ok {
		return out, nil
	}
	var ins []lowered
	for _, in := range n.inputs() {
		i, err := l.node(in)
		if err != nil {
			return lowered{}, err
		}
		ins = append(ins, i)
	}
	out, err := l.operators(n, ins)
	if err == nil {
		l.done[n] = out
	}
	return out, err
}

func (l *lowerer) operators(n node, ins []lowered) (lowered, error) {
	switch n := n.(type) {
	case *scan:
		return l.scan(n), nil
	case *unit:
		rows := &zset.Batch{}
		rows.Add(row.Row{}, 1)
		return lowered{id: l.circuit.Constant(rows)}, nil
	case *project:
		return l.project(n, ins[0])
	case *filter:
		return l.filter(n.conds, ins[0])
	case *join:
		return l.join(n, ins[0], ins[1])
	case *match:
		return l.match(n, ins), nil
	case *group:
		return l.group(n, ins)
	case *distinct:
		in := l.restrict(ins[0], n.cols())
		types, err := l.types(n.keys)
		return lowered{l.circuit.Add(dataflow.NewDistinct(types), in.id), in.layout}, err
	case *first:
		return l.first(n, ins[0])
	case *union:
		return l.union(n, ins), nil
	case *setop:
		return l.setop(n, ins)
	case *single:
		return l.single(n, ins), nil
	}
	return lowered{}, fmt.Errorf("plan: node %T", n)
}

// restrict projects to columns, in their order; one may occur twice.
func (l *lowerer) restrict(in lowered, ids []col) lowered {
	if slices.Equal(in.layout, ids) {
		return in
	}
	exprs := make([]dataflow.Scalar, len(ids))
	for i, id := range ids {
		exprs[i] = dataflow.Column(in.position(id))
	}
	return lowered{l.circuit.Add(dataflow.NewMap(exprs), in.id), ids}
}

// position is where a column is.
func (in lowered) position(id col) int {
	i := slices.Index(in.layout, id)
	if i < 0 {
		panic(fmt.Sprintf("plan: column %d is not among %v", id, in.layout))
	}
	return i
}

// positions is where columns are.
func (in lowered) positions(ids []col) []int {
	out := make([]int, len(ids))
	for i, id := range ids {
		out[i] = in.position(id)
	}
	return out
}

func (l *lowerer) scan(n *scan) lowered {
	t := l.tables[Table{OID: n.table, Inherit: n.inherit}.Input()]
	in := lowered{id: t.id}
	for _, number := range t.Columns {
		in.layout = append(in.layout, n.columns[slices.Index(n.numbers, number)])
	}
	return l.restrict(in, l.demand.of(n))
}

// types is the types that keys are compared by.
func (l *lowerer) types(keys []groupKey) ([]*row.Type, error) {
	types := make([]*row.Type, len(keys))
	for i, k := range keys {
		var err error
		if types[i], err = l.typeOf(k.id, k.bytes); err != nil {
			return nil, err
		}
	}
	return types, nil
}

func (l *lowerer) typeOf(id col, bytes bool) (*row.Type, error) {
	if bytes {
		return bytesType, nil
	}
	return l.p.rowType(l.p.columns[id])
}

func (l *lowerer) match(n *match, ins []lowered) lowered {
	left := l.demand.of(n.left)
	added := l.demand.among(n, n.added)
	width := 0
	if n.kind == extend {
		width = len(added)
	} else {
		added = n.added
	}
	ids := make([]dataflow.NodeID, len(ins))
	for i, in := range ins {
		ids[i] = l.restrict(in, left).id
	}
	modes := [...]dataflow.MatchMode{
		semi: dataflow.MatchSemi, anti: dataflow.MatchAnti, mark: dataflow.MatchMark,
		mark3: dataflow.MatchMark3, extend: dataflow.MatchNullExtend,
	}
	return lowered{l.circuit.Add(dataflow.NewMatch(modes[n.kind], width), ids...), slices.Concat(left, added)}
}

func (l *lowerer) union(n *union, ins []lowered) lowered {
	need := l.demand.of(n)
	ids, weights := make([]dataflow.NodeID, len(ins)), make([]int64, len(ins))
	for k, in := range ins {
		from := make([]col, len(need))
		for i, id := range need {
			from[i] = n.from[k][slices.Index(n.columns, id)]
		}
		ids[k], weights[k] = l.restrict(in, from).id, 1
	}
	if len(ids) == 1 {
		return lowered{ids[0], need}
	}
	return lowered{l.circuit.Add(dataflow.NewUnion(weights...), ids...), need}
}
