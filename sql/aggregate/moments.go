package aggregate

import (
	"math/big"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// one is the number 1, not to be written to.
var one = dyadic{n: big.NewInt(1)}

// need is a set of sums.
type need uint8

const (
	needX need = 1 << iota
	needXX
	needY
	needYY
	needXY
)

// momentKind says which sums an aggregate over floats is made of, and how. Of two
// arguments y is the first.
type momentKind struct {
	need   need
	least  int64 // NULL for fewer rows
	read   func(row.Value) float64
	pair   bool
	result func(m *moments) (x float64, null bool, err error)
}

// addFloats adds the aggregates over floats, except min and max.
func addFloats(m map[uint32]func(Spec) (Factory, error)) {
	for oid, kind := range map[uint32]*floatKind{
		2110: {read: readFloat4, narrow: true}, 2111: {read: readFloat8},
		2104: {read: readFloat4, average: true}, 2105: {read: readFloat8, average: true},
	} {
		m[oid] = always(func() Accumulator { return &floats{kind: kind} })
	}
	add := func(oid uint32, kind momentKind) {
		m[oid] = always(func() Accumulator { return &moments{kind: &kind} })
	}
	for _, f := range []struct {
		float4, float8 uint32
		kind           momentKind
	}{
		{2151, 2152, momentKind{least: 2, result: spreadOf(1, false)}}, {2644, 2645, momentKind{least: 2, result: spreadOf(1, false)}},
		{2721, 2722, momentKind{least: 1, result: spreadOf(0, false)}}, {2157, 2158, momentKind{least: 2, result: spreadOf(1, true)}},
		{2715, 2716, momentKind{least: 2, result: spreadOf(1, true)}}, {2727, 2728, momentKind{least: 1, result: spreadOf(0, true)}},
	} {
		f.kind.need = needX | needXX
		f.kind.read = readFloat4
		add(f.float4, f.kind)
		f.kind.read = readFloat8
		add(f.float8, f.kind)
	}
	m[2818] = always(newCount)
	all := needX | needXX | needY | needYY | needXY
	for oid, kind := range map[uint32]momentKind{
		2819: {need: needX | needXX, least: 1, result: sumOfSquaresX},
		2820: {need: needY | needYY, least: 1, result: sumOfSquaresY},
		2821: {need: needX | needY | needXY, least: 1, result: sumOfProducts},
		2822: {need: needX, least: 1, result: averageX},
		2823: {need: needY, least: 1, result: averageY},
		2824: {need: all, least: 1, result: determination},
		2825: {need: needX | needXX | needY | needXY, least: 1, result: slope},
		2826: {need: needX | needXX | needY | needXY, least: 1, result: intercept},
		2827: {need: needX | needY | needXY, least: 1, result: covariance(0)},
		2828: {need: needX | needY | needXY, least: 2, result: covariance(1)},
		2829: {need: all, least: 1, result: correlation},
	} {
		kind.read, kind.pair = readFloat8, true
		add(oid, kind)
	}
}

// moments keeps exact sums of x and y, their squares and their product. Values that
// are not finite are counted, and take no part in the sums that they would spoil.
type moments struct {
	kind   *momentKind
	n      int64
	sx, sy specials
	x, y   short
	xx, yy short
	xy     short
}

func (m *moments) Add(args []row.Value, w int64) {
	if hasNull(args) {
		return
	}
	m.n += w
	x := m.kind.read(args[len(args)-1])
	okX := !m.sx.count(x, w)
	if okX {
		m.addOne(needX, x, w)
	}
	if !m.kind.pair {
		return
	}
	y := m.kind.read(args[0])
	okY := !m.sy.count(y, w)
	if okY {
		m.addOne(needY, y, w)
	}
	if okX && okY && m.kind.need&needXY != 0 {
		m.xy.addProduct(x, y, w)
	}
}

// addOne adds a value of x, or of y, to the sums of it that are needed.
func (m *moments) addOne(which need, v float64, w int64) {
	sum, squares := &m.x, &m.xx
	if which == needY {
		sum, squares = &m.y, &m.yy
	}
	if m.kind.need&which != 0 {
		sum.add(v, w)
	}
	if m.kind.need&(which<<1) != 0 {
		squares.addProduct(v, v, w)
	}
}

func (m *moments) Result() (row.Value, error) {
	if m.n < m.kind.least {
		return nil, nil
	}
	x, null, err := m.kind.result(m)
	if err != nil || null {
		return nil, err
	}
	return row.Float8Value(x), nil
}

// centred returns n·Σab − Σa·Σb, n times the sum of products of the distances from
// the means, and with an error if that sum or one of the two is out of range.
func (m *moments) centred(ab, a, b short) (dyadic, error) {
	sumA, sumB := a.value(), b.value()
	c := ab.value().times(m.n).sub(sumA.mul(sumB))
	for _, f := range []*big.Float{float(sumA.n, sumA.exp, 1), float(sumB.n, sumB.exp, 1), c.over(m.count())} {
		if _, err := finite(f, false); err != nil {
			return dyadic{}, err
		}
	}
	return c, nil
}

// count returns n as a number.
func (m *moments) count() dyadic { return one.times(m.n) }

// spreadOf returns the variance, divided by n less some, or its root.
func spreadOf(less int64, root bool) func(m *moments) (float64, bool, error) {
	return func(m *moments) (float64, bool, error) {
		if m.sx.any() {
			return nan, false, nil
		}
		c, err := m.centred(m.xx, m.x, m.x)
		if err != nil {
			return 0, false, err
		}
		divisor := m.count().times(m.n - less)
		f := new(big.Float)
		if root {
			f = rootOver(c, divisor, 1)
		} else {
			f = c.over(divisor)
		}
		x, err := finite(f, false)
		return x, false, err
	}
}

func (m *moments) Save(w *zset.Writer) {
	w.Varint(m.n)
	m.sx.save(w)
	m.sy.save(w)
	for _, s := range m.sums() {
		w.Bytes(*s)
	}
}

func (m *moments) Load(r *zset.Reader) error {
	m.n = r.Varint()
	m.sx.load(r)
	m.sy.load(r)
	for _, s := range m.sums() {
		if err := s.load(r); err != nil {
			return err
		}
	}
	return r.Err()
}

func (m *moments) sums() []*short { return []*short{&m.x, &m.xx, &m.y, &m.yy, &m.xy} }

func (m *moments) Bytes() int64 {
	n := int64(184)
	for _, s := range m.sums() {
		n += int64(cap(*s))
	}
	return n
}
