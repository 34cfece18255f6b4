package logreg

import (
	"math"

	"github.com/millrace/millrace/exact"
)

// design holds the rows of positive weight with conditioned columns
//
//	z[j] = (x[j]·2^shift − centre) / spread,   spread a power of 2
//
// so that z has mean about 0 and standard deviation about 1, whatever the units.
// The map is linear and known, so penalties and results are those of x.
// Without intercept nothing is centred. It takes 8·n·(p+3) bytes.
type design struct {
	intercept bool
	z         [][]float64 // kept columns
	basis     *basis      // not nil if z was made orthogonal
	column    []int       // index in Data.X of each column of z
	scale     []scale     // per column of z
	sign      []float64   // +1 where the target is true, −1 where false
	weight    []float64   // nil if all are 1
	n         int
	workers   int
	data      Data  // as given
	row       []int // row of data of each row of z
}

// scale is the map of one column: z = (x·2^shift − centre)/spread.
type scale struct {
	shift          int
	centre, spread float64
	rms            float64 // root mean square of x·2^shift, for the test of rank
}

// factor returns k of b = k·β, where b belongs to x and β to z.
func (s scale) factor() float64 { return math.Ldexp(1/s.spread, s.shift) }

// apply maps one value.
func (s scale) apply(x float64) float64 { return (math.Ldexp(x, s.shift) - s.centre) / s.spread }

// newDesign conditions the columns of d, which has been validated.
func newDesign(d Data, c Config) *design {
	keep := used(d)
	m := &design{intercept: c.Intercept, n: len(keep), data: d, row: keep}
	m.workers = workersFor(m.n, c.Workers)
	m.sign = make([]float64, m.n)
	for i, r := range keep {
		m.sign[i] = -1
		if d.Y[r] {
			m.sign[i] = 1
		}
	}
	if d.W != nil {
		m.weight = pick(d.W, keep)
	}
	for j, x := range d.X {
		z := pick(x, keep)
		m.scale = append(m.scale, condition(z, c.Intercept))
		m.z = append(m.z, z)
		m.column = append(m.column, j)
	}
	return m
}

// used lists the rows of positive weight.
func used(d Data) []int {
	keep := make([]int, 0, len(d.Y))
	for i := range d.Y {
		if d.W == nil || d.W[i] > 0 {
			keep = append(keep, i)
		}
	}
	return keep
}

func pick(x []float64, rows []int) []float64 {
	out := make([]float64, len(rows))
	for i, r := range rows {
		out[i] = x[r]
	}
	return out
}

// condition replaces x by z in place and returns the map. A constant column
// becomes 0 if centred. Each z is within two roundings of its exact value.
func condition(x []float64, centred bool) scale {
	s := scale{spread: 1}
	largest, constant := 0.0, true
	for _, v := range x {
		largest = max(largest, math.Abs(v))
		constant = constant && v == x[0]
	}
	if largest == 0 {
		return s
	}
	_, exponent := math.Frexp(largest)
	s.shift = -exponent
	for i, v := range x {
		x[i] = math.Ldexp(v, s.shift)
	}
	s.rms = rms(x)
	if centred {
		s.centre = exact.Of(x) / float64(len(x))
		if constant {
			s.centre = x[0]
		}
		for i := range x {
			x[i] -= s.centre
		}
	}
	s.spread = powerOfTwo(rms(x))
	for i := range x {
		x[i] /= s.spread
	}
	return s
}

// rms returns the root mean square of x.
func rms(x []float64) float64 { return math.Sqrt(exact.Dot(x, x) / float64(len(x))) }

// powerOfTwo returns the power of 2 just above x, and 1 for 0.
func powerOfTwo(x float64) float64 {
	if x == 0 {
		return 1
	}
	_, e := math.Frexp(x)
	return math.Ldexp(1, e)
}

// terms returns the number of coefficients, the intercept included.
func (m *design) terms() int { return len(m.z) + m.offset() }

// offset is the index of the first column's term.
func (m *design) offset() int {
	if m.intercept {
		return 1
	}
	return 0
}

// drop leaves out the columns of z for which dropped is true.
func (m *design) drop(dropped []bool) {
	kept := 0
	for k := range m.z {
		if !dropped[k] {
			m.z[kept], m.column[kept], m.scale[kept] = m.z[k], m.column[k], m.scale[k]
			kept++
		}
	}
	m.z, m.column, m.scale = m.z[:kept], m.column[:kept], m.scale[:kept]
}

// classes returns the sums of the weights of true and of false rows.
func (m *design) classes() (yes, no float64) {
	var sum [2]exact.Sum
	for i, s := range m.sign {
		w := 1.0
		if m.weight != nil {
			w = m.weight[i]
		}
		if s > 0 {
			sum[0].Add(w)
		} else {
			sum[1].Add(w)
		}
	}
	return sum[0].Float64(), sum[1].Float64()
}
