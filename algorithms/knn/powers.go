package knn

import "math"

var (
	_ space = productSpace{}
	_ space = powerSpace{}
)

// largeProduct is the largest exponent for which multiplying is faster than
// exponentials.
const largeProduct = 16

// powerDistance returns the distance of minkowski: the definition with a faster
// sum.
func (r rows) powerDistance(q *query, row int) float64 {
	y := r.Row(row)
	m := largest(q.x, y)
	if m == 0 || math.IsInf(m, 1) {
		return m
	}
	var c compensated
	for i, v := range q.x {
		c.add(powerTerm(math.Abs(v-y[i]), m, r.metric.p))
	}
	sum, ok := c.rounded(r.Dim)
	if !ok {
		return Distance(r.metric, q.x, y)
	}
	return powerRoot(sum, m, r.metric.p)
}

// productSpace serves minkowski with a small integer p.
type productSpace struct {
	rows
	p int
}

// scores implements space: the sum of powers, each by p−1 multiplications.
func (s productSpace) scores(out []float64, q *query, at cut) {
	for i := range out {
		out[i] = productsUpTo(q.x, s.Row(at.lo+i), power{s.p, at.limit})
	}
}

// power is an integer exponent and the sum of powers above which rows are out.
type power struct {
	p     int
	limit float64
}

// of returns dᵖ for d ≥ 0.
func (p power) of(d float64) float64 {
	t := d
	if p.p == 3 { // The usual one, without a loop.
		return t * t * t
	}
	for range p.p - 1 {
		t *= d
	}
	return t
}

// productsUpTo returns Σ|x−y|ᵖ in float64, or a part of it that exceeds the limit.
func productsUpTo(x, y []float64, p power) float64 {
	var sum float64
	y = y[:len(x)]
	for i, v := range x {
		sum += p.of(math.Abs(v - y[i]))
		if i%16 == 15 && sum > p.limit {
			return sum
		}
	}
	return sum
}

// limit implements space. A distance is within 8 roundings of its exact value:
// the powers p each, of which the root leaves one, and the root itself; the p-th
// power multiplies them by p.
func (s productSpace) limit(_ *query, d float64) float64 {
	return s.above(power{p: s.p}.of(d), 32*s.p)
}

// distance implements space.
func (s productSpace) distance(q *query, row int) float64 { return s.powerDistance(q, row) }

// powerSpace serves minkowski with any p.
type powerSpace struct{ rows }

// scores implements space: the distance by exponentials and logarithms. Most rows
// are out before by the norm of the next integer, which is smaller and faster.
func (s powerSpace) scores(out []float64, q *query, at cut) {
	next := power{limit: math.Inf(1)}
	if s.metric.p <= largeProduct {
		next.p = int(math.Ceil(s.metric.p))
		next.limit = s.above(next.of(at.limit), 32*next.p)
	}
	for i := range out {
		if !math.IsInf(next.limit, 1) && productsUpTo(q.x, s.Row(at.lo+i), next) > next.limit {
			out[i] = math.Inf(1)
			continue
		}
		out[i] = s.powersUpTo(q.x, s.Row(at.lo+i), at.limit)
	}
}

// powersUpTo returns (Σ|x−y|ᵖ)^(1/p) in float64, or a number above limit if that
// exceeds it. Terms below 2^-57 of the largest are left out, which only lowers it.
func (s powerSpace) powersUpTo(x, y []float64, limit float64) float64 {
	m := largestUpTo(x, y, limit)
	p := s.metric.p
	if m > limit || m == 0 {
		return m
	}
	enough := math.Exp(p * math.Log(limit/m))
	sum := 0.0
	y = y[:len(x)]
	for i, v := range x {
		if t := p * math.Log(math.Abs(v-y[i])/m); t > -40 {
			sum += math.Exp(t)
		}
		if sum > enough*1.0001 {
			return math.Inf(1)
		}
	}
	return m * math.Exp(math.Log(sum)/p)
}

// limit implements space. An exponential of an argument in (-40, 0] is within 64
// roundings, a quotient taken to the power p within p, and so is the definition's
// power. The root divides both by p, and the shortcut in powersUpTo compares powers
// of a limit that is off by 4096 roundings, so by 4096·p.
func (s powerSpace) limit(_ *query, d float64) float64 { return s.above(d, 4096) }

// distance implements space.
func (s powerSpace) distance(q *query, row int) float64 { return s.powerDistance(q, row) }
