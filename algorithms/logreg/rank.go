package logreg

import (
	"context"
	"math/big"

	"github.com/millrace/millrace/exact"
)

const (
	// clearRank is the share of a column's square, as centred, that must be left
	// after the earlier columns for float64 to use the columns as they are: a
	// Hessian loses about as many digits when it is inverted.
	clearRank = 1e-4

	// clearLength is the same share of a column's square before it was centred:
	// far above rankTolerance², so that rounding plays no part.
	clearLength = 1e-16

	// rankTolerance is the share of a column's length below which what is left of
	// it counts as nothing: that of R's glm.
	rankTolerance = 1e-11

	// rankPrecision in bits holds pivots down to rankTolerance² and far below.
	rankPrecision = 320
)

// dependent tells which columns of z are linear combinations of the earlier ones
// and the intercept: there the later column loses. hessian is that of start, a
// multiple of the weighted cross product.
//
// A plain Cholesky decides the clear cases. The others are decided on the exact
// cross product in long floating point: its square roots are lengths, so that
// the tolerance is that of a QR decomposition. Then unit lists, for each term
// (the intercept included), its coefficients on the terms before it, each taken
// free of those before itself; otherwise it is nil.
func (m *design) dependent(ctx context.Context, hessian []float64) (dropped []bool, unit [][]float64, err error) {
	if m.clearlyIndependent(hessian) {
		return make([]bool, len(m.z)), nil, nil
	}
	gram, err := m.gram(ctx)
	if err != nil {
		return nil, nil, err
	}
	dropped, unit = m.eliminate(gram)
	return dropped, unit, nil
}

// clearlyIndependent factors without pivoting and looks at the pivots.
func (m *design) clearlyIndependent(hessian []float64) bool {
	q, o := m.terms(), m.offset()
	a := append([]float64(nil), hessian...)
	for j := range q {
		diagonal, length := hessian[j*q+j], 1.0
		if j >= o {
			length = m.scale[j-o].rms / m.scale[j-o].spread
		}
		pivot := a[j*q+j]
		if !(pivot > max(clearRank, clearLength*length*length)*diagonal) {
			return false
		}
		for i := j + 1; i < q; i++ {
			f := a[i*q+j] / pivot
			for k := j + 1; k <= i; k++ {
				a[i*q+k] -= f * a[k*q+j]
			}
		}
	}
	return true
}

// gram returns the exact cross product of the terms, lower triangle, packed.
func (m *design) gram(ctx context.Context) ([]*big.Float, error) {
	q, o := m.terms(), m.offset()
	parts := make([][]exact.Sum, m.workers)
	for w := range parts {
		parts[w] = make([]exact.Sum, q*(q+1)/2)
	}
	err := overBlocks(ctx, m.n, m.workers, func(worker, lo, hi int) {
		sum := parts[worker]
		if m.intercept {
			sum[0].Add(float64(hi - lo))
		}
		for k, z := range m.z {
			row := sum[(k+o)*(k+o+1)/2:]
			if m.intercept {
				row[0].AddAll(z[lo:hi])
			}
			for l := range k + 1 {
				row[l+o].AddDot(z[lo:hi], m.z[l][lo:hi])
			}
		}
	})
	if err != nil {
		return nil, err
	}
	out := make([]*big.Float, q*(q+1)/2)
	for e := range out {
		for _, p := range parts[1:] {
			parts[0][e].AddSum(&p[e])
		}
		out[e] = new(big.Float).SetPrec(rankPrecision).Set(parts[0][e].Big())
	}
	return out, nil
}

// eliminate makes the pivots of gram, in place, and drops the small ones. unit is
// as in dependent, with zeros for dropped terms.
func (m *design) eliminate(gram []*big.Float) (dropped []bool, unit [][]float64) {
	q, o := m.terms(), m.offset()
	at := func(i, j int) *big.Float { return gram[i*(i+1)/2+j] }
	dropped, unit = make([]bool, len(m.z)), square(q)
	for j := range q {
		pivot := at(j, j)
		if j >= o {
			s := m.scale[j-o]
			length := s.rms / s.spread
			least := big.NewFloat(rankTolerance * rankTolerance * float64(m.n) * length * length)
			if pivot.Sign() <= 0 || pivot.Cmp(least) < 0 {
				dropped[j-o] = true
				continue
			}
		}
		for i := j + 1; i < q; i++ {
			f := new(big.Float).SetPrec(rankPrecision).Quo(at(i, j), pivot)
			unit[i][j], _ = f.Float64()
			for k := j + 1; k <= i; k++ {
				t := new(big.Float).SetPrec(rankPrecision).Mul(f, at(k, j))
				at(i, k).Sub(at(i, k), t)
			}
		}
	}
	return dropped, unit
}
