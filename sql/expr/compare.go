package expr

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

// comparator orders two values that are not NULL: negative, zero or positive.
type comparator func(a, b row.Value) int

// family is a set of types that are compared with each other, as PostgreSQL's
// operator families are.
type family struct {
	compare comparator
	// canonical appends bytes that are the same if and only if values are equal.
	canonical func(dst []byte, v row.Value) []byte
	// collated: the values are text, whose order depends on the collation.
	collated bool
	// build replaces compare if the order depends on the type.
	build func(s *site) (comparator, error)
}

// The families.
var (
	integerFamily       = &family{compare: compareInteger, canonical: canonicalInteger}
	floatFamily         = &family{compare: compareFloat, canonical: canonicalFloat}
	numericFamily       = &family{compare: compareNumeric, canonical: canonicalNumeric}
	byteFamily          = &family{compare: compareBytes, canonical: canonicalBytes}
	textFamily          = &family{compare: compareBytes, canonical: canonicalBytes, collated: true}
	bpcharFamily        = &family{compare: compareBpchar, canonical: canonicalBpchar, collated: true}
	enumFamily          = &family{compare: compareBytes, canonical: canonicalBytes, build: enumOrder}
	timetzFamily        = &family{compare: compareTimetz, canonical: canonicalBytes}
	intervalFamily      = &family{compare: compareInterval, canonical: canonicalInterval}
	dateTimestampFamily = &family{compare: compareDateTimestamp}
)

// familyOf is the family that orders the values of a kind among themselves.
var familyOf = map[row.Kind]*family{
	row.Bool: byteFamily, row.Int2: integerFamily, row.Int4: integerFamily, row.Int8: integerFamily,
	row.OID: byteFamily, row.Float4: floatFamily, row.Float8: floatFamily, row.Numeric: numericFamily,
	row.Money: integerFamily, row.Text: textFamily, row.Bpchar: bpcharFamily, row.Name: textFamily,
	row.Char: byteFamily, row.Bytea: byteFamily, row.Date: integerFamily, row.Time: integerFamily,
	row.Timetz: timetzFamily, row.Timestamp: integerFamily, row.Timestamptz: integerFamily,
	row.Interval: intervalFamily, row.UUID: byteFamily, row.Enum: enumFamily,
}

// equality returns a comparator that tells equal values from others.
func (f *family) equality(s *site) (comparator, error) {
	if !f.collated {
		return f.compare, nil
	}
	t, err := s.text()
	if err != nil {
		return nil, err
	}
	if t.Nondeterministic {
		return nil, notNative("equality in nondeterministic collation %d", s.collation)
	}
	return f.compare, nil
}

// order returns the comparator of the family's order.
func (f *family) order(s *site) (comparator, error) {
	if f.build != nil {
		return f.build(s)
	}
	if !f.collated {
		return f.compare, nil
	}
	t, err := s.text()
	if err != nil {
		return nil, err
	}
	if !t.ByteOrder || t.Nondeterministic {
		return nil, notNative("order in collation %d", s.collation)
	}
	return f.compare, nil
}

// text describes text in the collation of a call.
func (s *site) text() (*row.Type, error) {
	if s.collation == 0 {
		return nil, notNative("text without a collation")
	}
	t, err := s.catalog.Type(textOID, -1, s.collation)
	if err != nil {
		return nil, fmt.Errorf("expr: compile: %w", err)
	}
	return t, nil
}

// test is what a comparison operator asks of its operands.
type test uint8

// The six comparisons.
const (
	equal test = iota
	unequal
	less
	lessEqual
	greater
	greaterEqual
)

// holds tells what the test says of a comparator's answer.
func (t test) holds(r int) bool {
	switch t {
	case equal:
		return r == 0
	case unequal:
		return r != 0
	case less:
		return r < 0
	case lessEqual:
		return r <= 0
	case greater:
		return r > 0
	default:
		return r >= 0
	}
}

// comparison is the function of a comparison operator.
type comparison struct {
	family *family
	test   test
}

// comparator returns what compares the operands of one call.
func (c *comparison) comparator(s *site) (comparator, error) {
	if c.test <= unequal {
		return c.family.equality(s)
	}
	return c.family.order(s)
}

// run returns the computation of one call.
func (c *comparison) run(s *site) (run, error) {
	compare, err := c.comparator(s)
	if err != nil {
		return nil, err
	}
	t := c.test
	return func(_ *buffer, a []row.Value) (row.Value, error) {
		return boolValue(t.holds(compare(a[0], a[1]))), nil
	}, nil
}

func compareInteger(a, b row.Value) int { return cmp.Compare(integer(a), integer(b)) }

func canonicalInteger(dst []byte, v row.Value) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(integer(v)))
}

// compareFloat orders NaN after all others and equal to itself, and -0 as 0.
func compareFloat(a, b row.Value) int {
	x, y := float(a), float(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	case x != x && y != y:
		return 0
	case x != x:
		return 1
	default:
		return -1
	}
}

func canonicalFloat(dst []byte, v row.Value) []byte {
	x := float(v)
	switch {
	case x == 0:
		x = 0 // not -0
	case x != x:
		x = math.NaN()
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(x))
}

func compareBytes(a, b row.Value) int { return bytes.Compare(a, b) }

func canonicalBytes(dst []byte, v row.Value) []byte { return append(dst, v...) }

// compareBpchar ignores trailing blanks.
func compareBpchar(a, b row.Value) int { return bytes.Compare(trimBlanks(a), trimBlanks(b)) }

func canonicalBpchar(dst []byte, v row.Value) []byte { return append(dst, trimBlanks(v)...) }

func trimBlanks(v row.Value) row.Value {
	n := len(v)
	for n > 0 && v[n-1] == ' ' {
		n--
	}
	return v[:n]
}

// enumOrder orders labels as the type declares them.
func enumOrder(s *site) (comparator, error) {
	ref := s.args[0].Result()
	t, err := s.catalog.Type(ref.OID, ref.Mod, ref.Collation)
	if err != nil {
		return nil, fmt.Errorf("expr: compile: %w", err)
	}
	if t.Kind != row.Enum {
		return nil, notNative("order of enum type %d", ref.OID)
	}
	position := make(map[string]int, len(t.Labels))
	for i, label := range t.Labels {
		position[label] = i + 1
	}
	return func(a, b row.Value) int { return cmp.Compare(position[string(a)], position[string(b)]) }, nil
}

// rowCompare compiles (a, b) < (c, d) and the like. PostgreSQL writes = and <> of
// rows as AND and OR, so the comparison is always one of order.
func (c *compiler) rowCompare(e *tree.RowCompare) (node, error) {
	tests := map[int]test{1: less, 2: lessEqual, 4: greaterEqual, 5: greater}
	t, ok := tests[e.Compare]
	if !ok {
		return nil, notNative("comparison %d of rows", e.Compare)
	}
	n := &rowCompare{test: t}
	for i, oid := range e.Operators {
		operator, err := c.catalog.Operator(oid)
		if err != nil {
			return nil, fmt.Errorf("expr: compile: %w", err)
		}
		f := functions[operator.Function]
		if f == nil || f.compare == nil {
			return nil, notNative("comparison of rows with operator %d", oid)
		}
		args := []tree.Expr{e.Left[i], e.Right[i]}
		compare, err := f.compare.family.order(&site{catalog: c.catalog, args: args, collation: e.Collations[i]})
		if err != nil {
			return nil, err
		}
		nodes, err := c.list(args)
		if err != nil {
			return nil, err
		}
		n.left, n.right = append(n.left, nodes[0]), append(n.right, nodes[1])
		n.compare = append(n.compare, compare)
	}
	return fold(n, append(append([]node{}, n.left...), n.right...)...), nil
}

// rowCompare compares column by column until two differ, or one is NULL.
type rowCompare struct {
	left, right []node
	compare     []comparator
	test        test
}

func (n *rowCompare) eval(in []row.Value) (row.Value, error) {
	for i, compare := range n.compare {
		a, err := n.left[i].eval(in)
		if err != nil {
			return nil, err
		}
		b, err := n.right[i].eval(in)
		if err != nil || a == nil || b == nil {
			return nil, err
		}
		if r := compare(a, b); r != 0 {
			return boolValue(n.test.holds(r)), nil
		}
	}
	return boolValue(n.test.holds(0)), nil
}
