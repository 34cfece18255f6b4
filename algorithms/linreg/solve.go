package linreg

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"
)

const (
	// firstPrec solves systems of condition up to 1e40 with digits to spare.
	firstPrec = 256

	// mostPrec bounds the search for a nonzero residual sum of squares: below
	// 2^-700 of the target's it is taken to be zero.
	mostPrec = 1024

	// lastPrec holds every digit of any system: more cannot help.
	lastPrec = 1 << 14

	// goodBits is the accuracy asked of the solution before it is rounded: 53 for
	// a float64, the rest so that small coefficients among large are good too.
	goodBits = 100
)

// solution is a solved system, in many bits.
type solution struct {
	*factor
	gram    [][]*big.Float // of the kept terms, in full, without the ridge
	inverse [][]*big.Float // of gram plus ridge
	beta    []*big.Float
	rss     *big.Float
	tss     *big.Float // about the mean with an intercept, else about 0

	// variable lists for the kept terms the variable of the cross-products: 0 is
	// the constant, 1 … p are the columns.
	variable []int
}

// extract is what a solution needs of a summary, which takes far more memory.
type extract struct {
	n, zeroWeight int64
	columns       int     // of X
	logWeights    float64 // Σ log w
	variables     []int   // the terms
	g             [][]*big.Float
}

// extract reads a summary: the normal equations of r, lower triangle, with the
// target's row last.
func (r Regression) extract(summary *Summary) (extract, error) {
	e := extract{
		n: summary.N(), zeroWeight: summary.zeroWeight,
		columns: summary.cross.Variables() - 1, logWeights: summary.logWeights.Float64(),
	}
	if e.n <= 0 {
		return e, fmt.Errorf("linreg: %w: %d of weight 0", ErrNoRows, e.zeroWeight)
	}
	e.variables = r.variables(e.columns)
	if len(e.variables) == 0 {
		return e, fmt.Errorf("linreg: %w: no column and no intercept", ErrNoTerms)
	}
	all := append(slices.Clone(e.variables), summary.cross.Variables())
	e.g = make([][]*big.Float, len(all))
	for i, v := range all {
		e.g[i] = make([]*big.Float, i+1)
		for j, w := range all[:i+1] {
			e.g[i][j] = summary.cross.At(v, w).Big()
		}
	}
	return e, nil
}

// solve finds the least squares solution. Its error is the context's.
func (r Regression) solve(ctx context.Context, e extract) (*solution, error) {
	g := e.g
	s, err := r.decompose(r.crew(ctx), g)
	if err != nil {
		return nil, err
	}
	for _, j := range s.kept {
		s.variable = append(s.variable, e.variables[j])
	}
	s.gram = square(len(s.kept))
	for a, i := range s.kept {
		for b, j := range s.kept[:a+1] {
			s.gram[a][b], s.gram[b][a] = g[i][j], g[i][j]
		}
	}
	r.sumsOfSquares(s, g)
	return s, nil
}

// variables lists the terms: the constant, if there is one, and p columns.
func (r Regression) variables(p int) []int {
	var v []int
	if r.Intercept {
		v = append(v, 0)
	}
	for j := range p {
		v = append(v, j+1)
	}
	return v
}

// decompose factors g, plus the ridge, in as many bits as its condition needs.
//
// A Cholesky factor in b bits solves a system that differs from the given one by
// about m·2^-b relative to the lengths of columns, so the solution is good to
// b − log2(m·κ) bits, κ the condition of the matrix with columns of unit length;
// κ ≤ Σ G[j][j]·G⁻¹[j][j], which is found on the way.
func (r Regression) decompose(c crew, g [][]*big.Float) (*solution, error) {
	drop := r.Tolerance * r.Tolerance
	penalised := g
	if r.Ridge > 0 {
		drop = 0
		penalised = r.penalise(g)
	}
	for prec := uint(firstPrec); ; prec *= 2 {
		f, err := newFactor(c, penalised, prec, drop)
		if err != nil {
			return nil, err
		}
		s := &solution{factor: f}
		if s.inverse, err = f.inverse(); err != nil {
			return nil, err
		}
		lost := s.lostBits(penalised)
		restBits := int(prec) - lost - cancelled(g[len(g)-1][len(g)-1], f.rest)
		good := int(prec)-lost >= goodBits && (r.Ridge == 0 || len(f.kept) == len(g)-1) || prec >= lastPrec
		if good && f.rest.Sign() >= 0 && restBits >= goodBits {
			return s, nil
		}
		if good && prec >= mostPrec {
			f.rest.SetInt64(0) // It cannot be told from zero.
			return s, nil
		}
	}
}

// cancelled returns the bits lost when all but rest was taken from total: all of
// them if nothing was left.
func cancelled(total, rest *big.Float) int {
	switch {
	case total.Sign() == 0:
		return 0
	case rest.Sign() == 0:
		return math.MaxInt32
	}
	return max(0, total.MantExp(nil)-rest.MantExp(nil))
}

// penalise returns g with the ridge on the diagonal of the features.
func (r Regression) penalise(g [][]*big.Float) [][]*big.Float {
	out := make([][]*big.Float, len(g))
	for i, row := range g {
		out[i] = append([]*big.Float(nil), row...)
		if i < len(g)-1 && (i > 0 || !r.Intercept) {
			wide := new(big.Float).SetPrec(exactPrec)
			out[i][i] = wide.Add(row[i], big.NewFloat(r.Ridge))
		}
	}
	return out
}

// exactPrec holds the sum of any two exact sums.
const exactPrec = 4400

// lostBits returns log2 of m·κ, rounded up generously.
func (s *solution) lostBits(g [][]*big.Float) int {
	sum, t := s.num(), s.num()
	for a, j := range s.kept {
		sum.Add(sum, t.Mul(g[j][j], s.inverse[a][a]))
	}
	return max(0, sum.MantExp(nil)) + int(math.Ceil(math.Log2(float64(len(g)+1)))) + 4
}

// sumsOfSquares finds beta, rss and tss.
func (r Regression) sumsOfSquares(s *solution, g [][]*big.Float) {
	s.beta = s.coefficients()
	s.rss = s.rest
	t := s.num()
	if r.Ridge > 0 { // |y − Xβ|² = y'y − β'X'y − λ|β|².
		lambda := s.num().SetFloat64(r.Ridge)
		s.rss = s.num().Set(s.rest)
		for a, v := range s.variable {
			if v > 0 {
				s.rss.Sub(s.rss, t.Mul(lambda, t.Mul(s.beta[a], s.beta[a])))
			}
		}
	}
	target := g[len(g)-1]
	s.tss = s.num().Set(target[len(target)-1])
	if r.Intercept {
		square := t.Mul(target[0], target[0])
		s.tss = s.cancel(target[len(target)-1], square.Quo(square, g[0][0]))
	}
}

// cancel returns a − b, or zero if they agree in all bits that b has.
func (s *solution) cancel(a, b *big.Float) *big.Float {
	d := s.num().Sub(a, b)
	if cancelled(a, d) > int(s.prec)-goodBits {
		return d.SetInt64(0)
	}
	return d
}
