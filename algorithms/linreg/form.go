package linreg

import (
	"math/big"

	"github.com/millrace/millrace/exact"
)

// form is a linear form Σ c[a]·x[a] in the kept terms of a row, with its
// coefficients in twice the working precision. Values are good to 2^-53 of
// themselves plus about 2^-100 of their largest term: cancellation, as in
// polynomials of high degree, costs nothing.
//
// Source: Ogita, Rump and Oishi, Accurate Sum and Dot Product, SIAM Journal on
// Scientific Computing 26(6), 2005.
type form struct {
	high, low []float64
	columns   [][]float64 // of the kept terms; nil stands for the constant 1
}

// newForm rounds coefficients to two float64 each.
func newForm(c []*big.Float, columns [][]float64) form {
	f := form{high: make([]float64, len(c)), low: make([]float64, len(c)), columns: columns[:len(c)]}
	for a, v := range c {
		f.high[a] = float(v)
		rest := new(big.Float).SetPrec(v.Prec()).SetFloat64(f.high[a])
		f.low[a] = float(rest.Sub(v, rest))
	}
	return f
}

// negated returns −f.
func (f form) negated() form {
	g := form{columns: f.columns}
	for a := range f.high {
		g.high = append(g.high, -f.high[a])
		g.low = append(g.low, -f.low[a])
	}
	return g
}

// addTo adds the values of f for the rows from, from+1, … to sum + rest.
func (f form) addTo(sum, rest []float64, from int) {
	for a, column := range f.columns {
		h, l := f.high[a], f.low[a]
		if column == nil {
			for i, s := range sum {
				t, e := exact.TwoSum(s, h)
				sum[i] = t
				rest[i] += e + l
			}
			continue
		}
		x := column[from : from+len(sum)]
		for i, s := range sum {
			p, e := exact.TwoProd(x[i], h)
			t, d := exact.TwoSum(s, p)
			sum[i] = t
			rest[i] += d + (e + x[i]*l)
		}
	}
}
