package linreg

import "math/big"

// factor is the decomposition L·D·L' of the columns kept from a symmetric
// positive semidefinite matrix, in prec bits, carried on to one more variable,
// the target, which is never dropped.
type factor struct {
	crew crew
	prec uint
	kept []int          // columns of the matrix that were kept, ascending
	l    [][]*big.Float // unit lower triangle without its diagonal, by row
	d    []*big.Float   // pivots: squared length of a column after projection
	z    []*big.Float   // the row of L of the target
	rest *big.Float     // its pivot: the residual sum of squares

	u [][]*big.Float // inverse of L with its diagonal, by row
}

// num returns a zero of the precision of f.
func (f *factor) num() *big.Float { return new(big.Float).SetPrec(f.prec) }

// newFactor decomposes the lower triangle g, whose last row is the target's.
// A column whose pivot is at most drop times its diagonal element is dropped. It
// takes O(p³) steps, and returns the error of the crew's context if that ends.
//
// An element of L loses its products in the order of the columns, whatever row is
// updated first: the bits do not depend on the crew.
func newFactor(c crew, g [][]*big.Float, prec uint, drop float64) (*factor, error) {
	f := &factor{prec: prec, crew: c}
	rest := f.copied(g)
	limit := f.num()
	last := len(g) - 1
	for j := range last {
		pivot := rest[j][j]
		limit.Mul(limit.SetFloat64(drop), g[j][j])
		if pivot.Sign() <= 0 || pivot.Cmp(limit) <= 0 {
			continue
		}
		f.kept = append(f.kept, j)
		f.d = append(f.d, pivot)
		if err := f.eliminate(rest, j); err != nil {
			return nil, err
		}
	}
	for a, j := range f.kept {
		f.l = append(f.l, pick(rest[j], f.kept[:a]))
	}
	f.z, f.rest = pick(rest[last], f.kept), rest[last][last]
	return f, f.invert()
}

// copied returns g in prec bits.
func (f *factor) copied(g [][]*big.Float) [][]*big.Float {
	out := make([][]*big.Float, len(g))
	for i, row := range g {
		out[i] = make([]*big.Float, i+1)
		for j, v := range row {
			out[i][j] = f.num().Set(v)
		}
	}
	return out
}

func pick(row []*big.Float, columns []int) []*big.Float {
	out := make([]*big.Float, len(columns))
	for a, j := range columns {
		out[a] = row[j]
	}
	return out
}

// eliminate takes column j, the last one kept, out of the rows after it, and
// puts their elements of L in its place.
func (f *factor) eliminate(rest [][]*big.Float, j int) error {
	n := len(rest) - 1 - j
	scaled := make([]*big.Float, n) // the column of L·D
	for i := range n {
		row := rest[j+1+i]
		scaled[i] = row[j]
		row[j] = f.num().Quo(row[j], rest[j][j])
	}
	return f.crew.each(n, f.prec, func(i int, m *multiplier) {
		i = n - 1 - i // The long rows first.
		row := rest[j+1+i]
		for k := j + 1; k < len(row); k++ {
			row[k] = m.minus(row[k], scaled[i], rest[k][j])
		}
	})
}

// invert finds u.
func (f *factor) invert() error {
	f.u = make([][]*big.Float, len(f.kept))
	for a := range f.kept {
		f.u[a] = make([]*big.Float, a+1)
	}
	return f.crew.each(len(f.kept), f.prec, func(b int, m *multiplier) {
		f.u[b][b] = f.num().SetInt64(1)
		for a := b + 1; a < len(f.kept) && f.crew.ctx.Err() == nil; a++ {
			v := f.num()
			for c := b; c < a; c++ {
				v = m.minus(v, f.l[a][c], f.u[c][b])
			}
			f.u[a][b] = v
		}
	})
}

// inverse returns the inverse of the kept matrix, U'·D⁻¹·U, in full.
func (f *factor) inverse() ([][]*big.Float, error) {
	n := len(f.kept)
	inv := square(n)
	scaled := make([][]*big.Float, n) // D⁻¹·U
	err := f.crew.each(n, f.prec, func(c int, _ *multiplier) {
		scaled[c] = make([]*big.Float, c+1)
		for b := range c + 1 {
			scaled[c][b] = f.num().Quo(f.u[c][b], f.d[c])
		}
	})
	if err != nil {
		return nil, err
	}
	err = f.crew.each(n, f.prec, func(a int, m *multiplier) {
		for b := 0; b <= a && f.crew.ctx.Err() == nil; b++ {
			v := f.num()
			for c := a; c < n; c++ {
				v = m.plus(v, f.u[c][a], scaled[c][b])
			}
			inv[a][b], inv[b][a] = v, v
		}
	})
	return inv, err
}

// coefficients solves L'·β = z: the regression of the target on what was kept.
func (f *factor) coefficients() []*big.Float {
	beta := make([]*big.Float, len(f.kept))
	t := f.num()
	for a := len(beta) - 1; a >= 0; a-- {
		beta[a] = f.num().Set(f.z[a])
		for c := a + 1; c < len(beta); c++ {
			beta[a].Sub(beta[a], t.Mul(f.l[c][a], beta[c]))
		}
	}
	return beta
}

// explained returns v'·G⁻¹·v for the kept matrix G.
func (f *factor) explained(v []*big.Float) *big.Float {
	sum, t := f.num(), f.num()
	for a, row := range f.u {
		w := f.num()
		for b, u := range row {
			w.Add(w, t.Mul(u, v[b]))
		}
		sum.Add(sum, t.Quo(t.Mul(w, w), f.d[a]))
	}
	return sum
}

// congruence returns a'·m·a.
func (f *factor) congruence(a, m [][]*big.Float) ([][]*big.Float, error) {
	n := len(m)
	half, out := square(n), square(n) // half = m·a
	err := f.crew.each(n, f.prec, func(i int, by *multiplier) {
		for j := 0; j < n && f.crew.ctx.Err() == nil; j++ {
			half[i][j] = f.num()
			for c := range n {
				if a[c][j] != nil {
					half[i][j] = by.plus(half[i][j], m[i][c], a[c][j])
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	err = f.crew.each(n, f.prec, func(i int, by *multiplier) {
		for j := 0; j <= i && f.crew.ctx.Err() == nil; j++ {
			v := f.num()
			for c := range n {
				if a[c][i] != nil {
					v = by.plus(v, a[c][i], half[c][j])
				}
			}
			out[i][j], out[j][i] = v, v
		}
	})
	return out, err
}

// square returns an m×m matrix of nils; nil elements stand for zeros.
func square(m int) [][]*big.Float {
	out := make([][]*big.Float, m)
	for i := range out {
		out[i] = make([]*big.Float, m)
	}
	return out
}
