package logreg

import (
	"context"
	"math/big"
	"slices"
)

// exactSearch is Lawson and Hanson's method over the rationals. The objective
// falls with every entering point, so that no set of points comes twice and the
// search ends.
type exactSearch struct {
	*cone
	sum     []*big.Int   // S·2^bits
	passive []int        // points with λ > 0, linearly independent
	v       [][]*big.Int // their coordinates
	lambda  []*big.Rat
}

// direction returns q = S + Σ λ·v at the optimum, times a positive integer, or
// nil if it is 0. v·q ≥ 0 was verified for every active point.
func (c *cone) direction(ctx context.Context, active []int) ([]*big.Int, error) {
	sum, err := c.exactSum(ctx, active)
	if err != nil {
		return nil, err
	}
	s := &exactSearch{cone: c, sum: sum}
	s.begin(c.support(active))
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		q := s.rest()
		if q == nil {
			return nil, nil
		}
		i := s.worst(q, active)
		if i < 0 {
			return q, nil
		}
		s.enter(i)
	}
}

// exactSum returns S·2^bits.
func (c *cone) exactSum(ctx context.Context, active []int) ([]*big.Int, error) {
	sum := make([]*big.Int, c.terms())
	for j := range sum {
		sum[j] = new(big.Int)
	}
	for k, i := range active {
		if k%blockRows == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		for j, v := range c.exactPoint(i) {
			sum[j].Add(sum[j], v)
		}
	}
	return sum, nil
}

// begin takes over passive points from float64: those that are independent and
// whose exact λ is positive.
func (s *exactSearch) begin(passive []int) {
	for _, i := range passive {
		s.passive, s.v = append(s.passive, i), append(s.v, s.exactPoint(i))
	}
	for len(s.passive) > 0 {
		lambda, at := s.solve()
		if lambda == nil {
			s.remove(at)
			continue
		}
		s.lambda = lambda
		before := len(s.passive)
		for k := before - 1; k >= 0; k-- {
			if lambda[k].Sign() <= 0 {
				s.remove(k)
			}
		}
		if len(s.passive) == before {
			return
		}
	}
	s.lambda = nil
}

func (s *exactSearch) remove(k int) {
	s.passive = slices.Delete(s.passive, k, k+1)
	s.v = slices.Delete(s.v, k, k+1)
	if k < len(s.lambda) {
		s.lambda = slices.Delete(s.lambda, k, k+1)
	}
}

// rest returns S + Σ λ·v as integers without common factor, nil if it is 0.
func (s *exactSearch) rest() []*big.Int {
	common := big.NewInt(1)
	for _, l := range s.lambda {
		g := new(big.Int).GCD(nil, nil, common, l.Denom())
		common.Mul(common, g.Quo(l.Denom(), g))
	}
	q := make([]*big.Int, len(s.sum))
	for j := range q {
		q[j] = new(big.Int).Mul(common, s.sum[j])
	}
	for k, l := range s.lambda {
		times := new(big.Int).Quo(common, l.Denom())
		times.Mul(times, l.Num())
		for j, v := range s.v[k] {
			q[j].Add(q[j], new(big.Int).Mul(times, v))
		}
	}
	for _, v := range q {
		if v.Sign() != 0 {
			return reduce(q)
		}
	}
	return nil
}

// worst returns an active point with v·q < 0, the most negative one as far as
// float64 can tell, or −1.
func (s *exactSearch) worst(q []*big.Int, active []int) int {
	f := floats(q)
	best, at := 0.0, -1
	for _, i := range active {
		if d := dot(s.point[i].v, f); (at < 0 || d < best) && s.side(i, q, f) < 0 {
			best, at = d, i
		}
	}
	return at
}

// enter makes point i passive and restores optimality over the passive points.
// v·q < 0 and q orthogonal to the passive points make i independent of them.
func (s *exactSearch) enter(i int) {
	s.passive, s.v = append(s.passive, i), append(s.v, s.exactPoint(i))
	s.lambda = append(s.lambda, new(big.Rat))
	for {
		free, _ := s.solve()
		share := big.NewRat(1, 1)
		for k, v := range free {
			if v.Sign() <= 0 {
				t := new(big.Rat).Sub(s.lambda[k], v)
				if t.Quo(s.lambda[k], t); t.Cmp(share) < 0 {
					share = t
				}
			}
		}
		whole := share.Cmp(big.NewRat(1, 1)) == 0
		for k := len(free) - 1; k >= 0; k-- {
			t := new(big.Rat).Sub(free[k], s.lambda[k])
			s.lambda[k].Add(s.lambda[k], t.Mul(t, share))
			if s.lambda[k].Sign() <= 0 {
				s.remove(k)
			}
		}
		if whole {
			return
		}
	}
}

// solve minimises |S + Σ λ·v| over the passive points without bounds, by
// fraction-free elimination (Bareiss) of the normal equations. If a point
// depends on the ones before it, it returns nil and that point's place.
func (s *exactSearch) solve() (lambda []*big.Rat, dependent int) {
	n := len(s.v)
	a := make([][]*big.Int, n)
	for i := range a {
		a[i] = make([]*big.Int, n+1)
		for j := range n {
			a[i][j] = inner(s.v[i], s.v[j])
		}
		a[i][n] = inner(s.v[i], s.sum)
		a[i][n].Neg(a[i][n])
	}
	previous := big.NewInt(1)
	t := new(big.Int)
	for k := range n {
		if a[k][k].Sign() == 0 {
			return nil, k
		}
		for i := k + 1; i < n; i++ {
			for j := k + 1; j <= n; j++ {
				a[i][j].Mul(a[i][j], a[k][k])
				a[i][j].Sub(a[i][j], t.Mul(a[i][k], a[k][j]))
				a[i][j].Quo(a[i][j], previous)
			}
		}
		previous = a[k][k]
	}
	return backSubstitute(a), 0
}

// backSubstitute solves the triangular system a, its last column the right side.
func backSubstitute(a [][]*big.Int) []*big.Rat {
	n := len(a)
	out := make([]*big.Rat, n)
	for i := n - 1; i >= 0; i-- {
		sum := new(big.Rat).SetInt(a[i][n])
		for j := i + 1; j < n; j++ {
			t := new(big.Rat).SetInt(a[i][j])
			sum.Sub(sum, t.Mul(t, out[j]))
		}
		out[i] = sum.Quo(sum, new(big.Rat).SetInt(a[i][i]))
	}
	return out
}
