package aggregate

import (
	"math"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// nan is the NaN that PostgreSQL makes; Go's has other bits.
var nan = math.Float64frombits(0x7ff8 << 48)

// specials counts the values of a float argument that have no place in a sum.
type specials struct{ nans, plus, minus int64 }

// count counts x if it is not finite.
func (s *specials) count(x float64, w int64) bool {
	switch {
	case math.IsNaN(x):
		s.nans += w
	case math.IsInf(x, 1):
		s.plus += w
	case math.IsInf(x, -1):
		s.minus += w
	default:
		return false
	}
	return true
}

// any reports whether there is such a value.
func (s *specials) any() bool { return s.nans != 0 || s.plus != 0 || s.minus != 0 }

// sum returns what the sum is if there is such a value.
func (s *specials) sum() float64 {
	switch {
	case s.nans > 0 || s.plus > 0 && s.minus > 0:
		return nan
	case s.plus > 0:
		return math.Inf(1)
	}
	return math.Inf(-1)
}

func (s *specials) save(w *zset.Writer) {
	w.Varint(s.nans)
	w.Varint(s.plus)
	w.Varint(s.minus)
}

func (s *specials) load(r *zset.Reader) {
	s.nans, s.plus, s.minus = r.Varint(), r.Varint(), r.Varint()
}

// Readers of the two float types.
func readFloat4(v row.Value) float64 { return float64(v.Float4()) }
func readFloat8(v row.Value) float64 { return v.Float8() }

// floatKind says what is read and what the result is.
type floatKind struct {
	read    func(row.Value) float64
	average bool
	narrow  bool // the result is float4
}

// floats is sum and avg over floats: the true value, rounded once.
type floats struct {
	kind     *floatKind
	sum      short
	n        int64
	negative int64 // values that are -0: a sum of nothing else is -0
	special  specials
}

func (a *floats) Add(args []row.Value, w int64) {
	if hasNull(args) {
		return
	}
	a.n += w
	x := a.kind.read(args[0])
	switch {
	case a.special.count(x, w):
	case x == 0 && math.Signbit(x):
		a.negative += w
	default:
		a.sum.add(x, w)
	}
}

func (a *floats) Result() (row.Value, error) {
	if a.n == 0 {
		return nil, nil
	}
	x, err := a.value()
	if err != nil {
		return nil, err
	}
	if a.kind.narrow {
		return row.Float4Value(float32(x)), nil
	}
	return row.Float8Value(x), nil
}

func (a *floats) value() (float64, error) {
	if a.special.any() {
		return a.special.sum(), nil
	}
	if len(a.sum) == 0 {
		if a.negative == a.n && !a.kind.average {
			return math.Copysign(0, -1), nil
		}
		return 0, nil
	}
	sum := a.sum.value()
	total, err := finite(float(sum.n, sum.exp, 1), a.kind.narrow)
	if err != nil || !a.kind.average {
		return total, err
	}
	return finite(sum.over(one.times(a.n)), false)
}

func (a *floats) Save(w *zset.Writer) {
	w.Varint(a.n)
	w.Varint(a.negative)
	a.special.save(w)
	w.Bytes(a.sum)
}

func (a *floats) Load(r *zset.Reader) error {
	a.n, a.negative = r.Varint(), r.Varint()
	a.special.load(r)
	return a.sum.load(r)
}

func (a *floats) Bytes() int64 { return 72 + int64(cap(a.sum)) }
