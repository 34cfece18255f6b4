package expr

import (
	"encoding/binary"
	"math"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

// hashAbove is the number of elements of a constant list beyond which a set finds
// them.
const hashAbove = 8

// array compiles ARRAY[…] of scalars.
func (c *compiler) array(e *tree.Array) (node, error) {
	if e.Multi {
		return nil, notNative("array of arrays")
	}
	elements, err := c.list(e.Elements)
	if err != nil {
		return nil, err
	}
	return fold(&array{e.Elem, elements, make([]row.Value, len(elements))}, elements...), nil
}

// array is ARRAY[…].
type array struct {
	elem     uint32
	elements []node
	values   []row.Value
}

func (n *array) eval(in []row.Value) (row.Value, error) {
	for i, e := range n.elements {
		var err error
		if n.values[i], err = e.eval(in); err != nil {
			return nil, err
		}
	}
	return row.MakeArray(n.elem, n.values...), nil
}

// arrayCast compiles a cast of each element, as of a list of varchar to text.
func (c *compiler) arrayCast(e *tree.ArrayCast) (node, error) {
	arg, err := c.compile(e.Arg)
	if err != nil {
		return nil, err
	}
	n := &arrayCast{arg: arg, subject: &slot{}, oid: e.Elem.Result().OID}
	inner := *c
	inner.subject = n.subject
	if n.elem, err = inner.compile(e.Elem); err != nil {
		return nil, err
	}
	return fold(n, arg), nil
}

// arrayCast casts the elements of an array; its dimensions stay.
type arrayCast struct {
	arg, elem node
	subject   *slot
	oid       uint32
	buffer    buffer
}

func (n *arrayCast) eval(in []row.Value) (row.Value, error) {
	list, err := n.arg.eval(in)
	if err != nil || list == nil {
		return nil, err
	}
	a := list.Array()
	dst := append(n.buffer.start(), list[:12+8*len(a.Dimensions)]...)
	binary.BigEndian.PutUint32(dst[8:], n.oid)
	hasNull := uint32(0)
	for n.subject.value = range a.All() {
		v, err := n.elem.eval(nil)
		switch {
		case err != nil:
			return nil, err
		case v == nil:
			hasNull = 1
			dst = binary.BigEndian.AppendUint32(dst, math.MaxUint32)
			continue
		}
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(v))), v...)
	}
	binary.BigEndian.PutUint32(dst[4:], hasNull)
	return n.buffer.keep(dst), nil
}

// scalarArray compiles scalar op ANY (array) and scalar op ALL (array), which IN and
// NOT IN are too.
func (c *compiler) scalarArray(e *tree.ScalarArray) (node, error) {
	function, err := c.functionOf(e.Operator, e.Function)
	if err != nil {
		return nil, err
	}
	f := functions[function]
	if f == nil || f.swap {
		return nil, notNative("function %d", function)
	}
	args, err := c.list(e.Args)
	if err != nil {
		return nil, err
	}
	list, ok := args[1].(*constant)
	if !ok {
		compute, _, err := c.native(function, e.Args, args, e.InputCollation)
		if err != nil {
			return nil, err
		}
		return &anyArray{quantifier: newQuantifier(e.Any), scalar: args[0], array: args[1], compute: compute}, nil
	}
	if list.value == nil {
		return list, nil
	}
	n := &anyConstant{quantifier: newQuantifier(e.Any), scalar: args[0]}
	for v := range list.value.Array().All() {
		if v == nil {
			n.null = true
			continue
		}
		element := &constant{v}
		compute, _, err := c.native(function, e.Args, []node{args[0], element}, e.InputCollation)
		if err != nil {
			return nil, err
		}
		n.elements, n.computes = append(n.elements, v), append(n.computes, compute)
	}
	n.hash(f.compare)
	return fold(n, args[0]), nil
}

// quantifier combines the answers for the elements.
type quantifier struct {
	any    bool
	values [2]row.Value
	buffer buffer
}

func newQuantifier(isAny bool) quantifier { return quantifier{any: isAny} }

// decides asks one element, and reports whether its answer is that of the whole.
// unknown is set if the answer is NULL.
func (q *quantifier) decides(compute run, scalar, element row.Value, unknown *bool) (bool, error) {
	if scalar == nil || element == nil {
		*unknown = true
		return false, nil
	}
	q.values = [2]row.Value{scalar, element}
	v, err := compute(&q.buffer, q.values[:])
	if err != nil {
		return false, err
	}
	if v == nil {
		*unknown = true
		return false, nil
	}
	return isTrue(v) == q.any, nil
}

// undecided is the answer if no element decides.
func (q *quantifier) undecided(unknown bool) row.Value {
	if unknown {
		return nil
	}
	return boolValue(!q.any)
}

// anyArray is a quantified comparison with an array that may change.
type anyArray struct {
	quantifier
	scalar, array node
	compute       run
}

func (n *anyArray) eval(in []row.Value) (row.Value, error) {
	scalar, err := n.scalar.eval(in)
	if err != nil {
		return nil, err
	}
	list, err := n.array.eval(in)
	if err != nil || list == nil {
		return nil, err
	}
	unknown := false
	for element := range list.Array().All() {
		decided, err := n.decides(n.compute, scalar, element, &unknown)
		if err != nil {
			return nil, err
		}
		if decided {
			return boolValue(n.any), nil
		}
	}
	return n.undecided(unknown), nil
}

// anyConstant is a quantified comparison with a constant array.
type anyConstant struct {
	quantifier
	scalar   node
	elements []row.Value // those that are not NULL
	computes []run       // of each
	null     bool        // an element is NULL
	set      map[string]struct{}
	family   *family
	key      []byte
}

// hash makes a set of a long list if the comparison is = ANY or <> ALL.
func (n *anyConstant) hash(c *comparison) {
	if c == nil || c.family.canonical == nil || len(n.elements) <= hashAbove {
		return
	}
	if n.any && c.test != equal || !n.any && c.test != unequal {
		return
	}
	n.family, n.set = c.family, make(map[string]struct{}, len(n.elements))
	for _, v := range n.elements {
		n.set[string(c.family.canonical(nil, v))] = struct{}{}
	}
}

func (n *anyConstant) eval(in []row.Value) (row.Value, error) {
	scalar, err := n.scalar.eval(in)
	if err != nil {
		return nil, err
	}
	unknown := n.null
	if n.set != nil && scalar != nil {
		n.key = n.family.canonical(n.key[:0], scalar)
		if _, found := n.set[string(n.key)]; found {
			return boolValue(n.any), nil
		}
		return n.undecided(unknown), nil
	}
	for i, element := range n.elements {
		decided, err := n.decides(n.computes[i], scalar, element, &unknown)
		if err != nil {
			return nil, err
		}
		if decided {
			return boolValue(n.any), nil
		}
	}
	return n.undecided(unknown), nil
}
