package dataflow

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// randomCircuit is a circuit of random operators, and the queries that they maintain.
type randomCircuit struct {
	rng     *rand.Rand
	circuit *Circuit
	nodes   []randomNode // as in the circuit
	joins   int
	output  NodeID
}

type randomNode struct {
	types  []*row.Type
	inputs []NodeID
	query  query // nil for an input
	rows   bag   // of a constant
}

// newRandomCircuit gives the same circuit for the same seed.
func newRandomCircuit(seed uint64, types [][]*row.Type) *randomCircuit {
	g := &randomCircuit{rng: rand.New(rand.NewPCG(seed, 3)), circuit: NewCircuit()}
	for i := range types {
		g.circuit.Input(i)
		g.nodes = append(g.nodes, randomNode{types: types[i]})
	}
	for range 3 + g.rng.IntN(8) {
		g.grow()
	}
	g.output = NodeID(len(g.nodes) - 1)
	g.circuit.SetOutput(g.output)
	return g
}

func (g *randomCircuit) add(op Operator, types []*row.Type, q query, inputs ...NodeID) NodeID {
	g.nodes = append(g.nodes, randomNode{types: types, inputs: inputs, query: q})
	return g.circuit.Add(op, inputs...)
}

// grow adds an operator on random nodes.
func (g *randomCircuit) grow() {
	a := NodeID(g.rng.IntN(len(g.nodes)))
	types := g.nodes[a].types
	b := g.like(types)
	switch g.rng.IntN(9) {
	case 0:
		g.growMap(a)
	case 1, 2:
		g.growJoin(a, NodeID(g.rng.IntN(len(g.nodes))))
	case 3:
		g.growFilter(a)
	case 4:
		weights := []int64{1, []int64{1, -1}[g.rng.IntN(2)]}
		g.add(NewUnion(weights...), types, unionQuery(weights), a, b)
	case 5:
		g.add(NewDistinct(types), types, distinctQuery(types), a)
	case 6:
		kind, all := Intersect+SetKind(g.rng.IntN(2)), g.rng.IntN(2) == 0
		g.add(NewSetOp(kind, all, types), types, setOpQuery(kind, all, types), a, b)
	case 7:
		g.growMatch(a, b)
	case 8:
		rows, plain := new(zset.Batch), bag{}
		for range g.rng.IntN(3) {
			r := randomRow(g.rng, types)
			rows.Add(r, 1)
			plain.add(r, 1)
		}
		g.circuit.Constant(rows)
		g.nodes = append(g.nodes, randomNode{types: types, rows: plain})
	}
}

// like is a random node with columns of these types.
func (g *randomCircuit) like(types []*row.Type) NodeID {
	var found []NodeID
	for id, n := range g.nodes {
		if slices.Equal(n.types, types) {
			found = append(found, NodeID(id))
		}
	}
	return found[g.rng.IntN(len(found))]
}

// column is a random column of a type, -1 if there is none.
func (g *randomCircuit) column(types []*row.Type, t *row.Type) int {
	var found []int
	for i := range types {
		if types[i] == t {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return -1
	}
	return found[g.rng.IntN(len(found))]
}

func (g *randomCircuit) growMap(a NodeID) {
	var exprs []Scalar
	var types []*row.Type
	in := g.nodes[a].types
	for range min(4, len(in)) {
		i := g.rng.IntN(len(in))
		var e Scalar = Column(i)
		if in[i] == intType && g.rng.IntN(3) == 0 {
			e = divide(i)
		}
		exprs, types = append(exprs, e), append(types, in[i])
	}
	g.add(NewMap(exprs), types, mapQuery(exprs), a)
}

func (g *randomCircuit) growFilter(a NodeID) {
	types := g.nodes[a].types
	i, j := g.column(types, intType), g.column(types, intType)
	if i >= 0 {
		g.add(NewFilter(less(i, j)), types, filterQuery(less(i, j)), a)
	}
}

// growJoin joins by one column, if there are not too many rows yet to recompute.
func (g *randomCircuit) growJoin(a, b NodeID) NodeID {
	left, right := g.nodes[a].types, g.nodes[b].types
	types := append(slices.Clone(left), right...)
	if g.joins == 2 || len(left) == 0 {
		return -1
	}
	l := g.rng.IntN(len(left))
	r := g.column(right, left[l])
	if r < 0 {
		return -1
	}
	g.joins++
	var nullSafe []bool
	if g.rng.IntN(2) == 0 {
		nullSafe = []bool{true}
	}
	var residual Scalar
	if i, j := g.column(types, intType), g.column(types, intType); i >= 0 && g.rng.IntN(2) == 0 {
		residual = less(i, j)
	}
	key := left[l : l+1]
	op := NewJoin(Side{[]Scalar{Column(l)}, key, nullSafe}, Side{[]Scalar{Column(r)}, key, nullSafe}, residual)
	return g.add(op, types, joinQuery([]int{l}, []int{r}, key, nullSafe, residual), a, b)
}

// growMatch matches a with its own pairs with b, or with any rows like it.
func (g *randomCircuit) growMatch(a, b NodeID) {
	types, matches := g.nodes[a].types, b
	if pairs := g.growJoin(a, b); pairs >= 0 {
		var exprs []Scalar
		for i := range types {
			exprs = append(exprs, Column(i))
		}
		matches = g.add(NewMap(exprs), types, mapQuery(exprs), pairs)
	}
	mode, width, inputs := MatchMode(g.rng.IntN(5)), 0, []NodeID{a, matches}
	out := slices.Clone(types)
	switch mode {
	case MatchNullExtend:
		width, out = 1, append(out, intType)
	case MatchMark3:
		inputs = append(inputs, b)
		fallthrough
	case MatchMark:
		out = append(out, boolType)
	}
	g.add(NewMatch(mode, width), out, matchQuery(mode, width), inputs...)
}

// recompute gives the output, and the row errors of all operators.
func (g *randomCircuit) recompute(in []bag) (bag, *Errors) {
	errs, results := NewErrors(), make([]bag, len(g.nodes))
	for id, n := range g.nodes {
		switch {
		case n.rows != nil:
			results[id] = n.rows
		case n.query == nil:
			results[id] = in[id]
		default:
			var of []bag
			for _, i := range n.inputs {
				of = append(of, results[i])
			}
			results[id] = n.query(of, func(r row.Row, message string, w int64) {
				errs.add(NodeID(id), message, r, w)
			})
		}
	}
	return results[g.output], errs
}

// TestLawOfCircuits checks the law for graphs of operators, in which changes meet on
// several ways, and the weights in between may be negative.
func TestLawOfCircuits(t *testing.T) {
	t.Parallel()
	types := [][]*row.Type{{intType, textType}, {intType, numType}, {intType, textType}}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 4))
		g := newRandomCircuit(seed, types)
		fresh := func() *Circuit { return newRandomCircuit(seed, types).circuit }
		r := newRun(t, seed, fresh, types)
		for range 40 {
			r.change(rng)
			r.check(g.recompute(r.in))
			if rng.IntN(10) == 0 {
				r.reload()
			}
		}
	}
}
