package logreg

import (
	"context"
	"math"
	"math/big"
	"slices"
)

// cone answers whether the rows are separated, by a proof either way.
//
// Let v = s·(1, z) be a row with the sign of its target, z as scaled (never as
// made orthogonal). A direction b separates
// if v·b ≥ 0 for all rows and > 0 for one. By Stiemke's theorem there is none
// exactly if some combination of all v with positive weights is 0, that is, if
// −S, S the sum of the v, lies in the cone that they span. Non-negative least
// squares decides: let λ ≥ 0 minimise |q|² for q = S + Σ λ·v. If q = 0, λ proves
// that the rows overlap. If not, optimality says v·q ≥ 0 for all v, and
// S·q = |q|² > 0, so that q itself separates.
//
// The search runs in float64 first, then from its result in integers, without
// rounding: its answer is a theorem on the numbers given, not a matter of
// tolerances.
//
// Source: Lawson and Hanson, Solving Least Squares Problems, chapter 23.
type cone struct {
	*design
	point []point
	bits  int // every coordinate times 2^bits is an integer
}

// point is one distinct row.
type point struct {
	v     []float64 // s·(1, z), each within two roundings of the exact value
	row   int       // of the design
	count int       // equal rows
}

// separation is a direction, as integers, that separates all points but those on
// its boundary, where no direction separates any more.
type separation struct {
	direction []*big.Int
	boundary  []int
}

// newCone lists the distinct rows in an order that does not depend on theirs, in
// O(n·log n·p).
func newCone(m *design) *cone {
	c := &cone{design: m}
	order := make([]int, m.n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, m.compare)
	for i, r := range order {
		if i > 0 && m.compare(order[i-1], r) == 0 {
			c.point[len(c.point)-1].count++
			continue
		}
		v := make([]float64, 0, m.terms())
		if m.intercept {
			v = append(v, m.sign[r])
		}
		for k, s := range m.scale {
			v = append(v, m.sign[r]*s.apply(m.data.X[m.column[k]][m.row[r]]))
		}
		c.point = append(c.point, point{v: v, row: r, count: 1})
	}
	c.bits = c.fraction()
	return c
}

// compare orders rows by target, then by the kept columns as given.
func (m *design) compare(a, b int) int {
	if m.sign[a] != m.sign[b] {
		return int(m.sign[a] - m.sign[b])
	}
	for _, j := range m.column {
		x := m.data.X[j]
		if u, v := x[m.row[a]], x[m.row[b]]; u != v {
			if u < v {
				return -1
			}
			return 1
		}
	}
	return 0
}

// separate returns nil if the rows overlap. A direction found leaves the rows on
// its boundary undecided, so these are searched again until they overlap or none
// is left; the directions add up, each outweighed by the one before it.
func (c *cone) separate(ctx context.Context) (*separation, error) {
	active := make([]int, len(c.point))
	for i := range active {
		active[i] = i
	}
	var found *separation
	for len(active) > 0 {
		q, err := c.direction(ctx, active)
		if err != nil {
			return nil, err
		}
		if q == nil {
			break
		}
		boundary := c.boundary(q, active)
		if found == nil {
			found = &separation{direction: q}
		} else {
			found.direction = c.combine(found.direction, q, active)
		}
		found.boundary, active = boundary, boundary
	}
	return found, nil
}

// boundary returns the active points with v·q = 0.
func (c *cone) boundary(q []*big.Int, active []int) []int {
	f := floats(q)
	var out []int
	for _, i := range active {
		if c.side(i, q, f) == 0 {
			out = append(out, i)
		}
	}
	return out
}

// combine returns first + second, brought to about one size and first then times
// 2^k for the least k that keeps v·first > 0 positive. active are the points with
// v·first = 0.
func (c *cone) combine(first, second []*big.Int, active []int) []*big.Int {
	settled := make([]bool, len(c.point))
	for _, i := range active {
		settled[i] = true
	}
	a, b := longest(first), longest(second)
	for k := uint(0); ; k++ {
		sum := make([]*big.Int, len(first))
		for j := range sum {
			sum[j] = new(big.Int).Lsh(first[j], k+uint(max(0, b-a)))
			sum[j].Add(sum[j], new(big.Int).Lsh(second[j], uint(max(0, a-b))))
		}
		if c.positive(sum, settled) {
			return sum
		}
	}
}

// positive reports whether v·q > 0 for all points but the settled ones.
func (c *cone) positive(q []*big.Int, settled []bool) bool {
	f := floats(q)
	for i := range c.point {
		if !settled[i] && c.side(i, q, f) <= 0 {
			return false
		}
	}
	return true
}

// side returns the sign of v·q, exactly; f are the floats of q. Where rounding
// cannot change the sign, float64 decides.
func (c *cone) side(i int, q []*big.Int, f []float64) int {
	sum, size := 0.0, 0.0
	for j, v := range c.point[i].v {
		t := v * f[j]
		sum += t
		size += math.Abs(t)
	}
	const unit = 1.0 / (1 << 52)
	bound := float64(len(f)+4)*unit*size + 1e-290
	switch {
	case sum > bound:
		return 1
	case sum < -bound:
		return -1
	}
	return inner(c.exactPoint(i), q).Sign()
}

// undetermined tells which terms, of x, differ along some direction that leaves
// the boundary points where they are: those have no finite estimate.
func (c *cone) undetermined(boundary []int) []bool {
	q := c.terms()
	null := identity(q)
	for _, i := range boundary {
		null = orthogonal(null, c.exactPoint(i))
	}
	free := make([]bool, q)
	for _, b := range null {
		for j, v := range b {
			free[j] = free[j] || v.Sign() != 0
		}
	}
	if !c.intercept {
		return free
	}
	free[0] = false
	for _, b := range null {
		free[0] = free[0] || c.exactIntercept(b).Sign() != 0
	}
	return free
}

// exactIntercept returns the intercept, for x, of a direction for z.
func (c *cone) exactIntercept(b []*big.Int) *big.Rat {
	sum := new(big.Rat).SetInt(b[0])
	for k, s := range c.scale {
		t := new(big.Rat).SetFloat64(s.centre / s.spread)
		sum.Sub(sum, t.Mul(t, new(big.Rat).SetInt(b[k+1])))
	}
	return sum
}
