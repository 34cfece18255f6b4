package logreg

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// nnlsSlack is the cosine below which a float64 search counts a point as on the
// boundary. It only decides where the exact search begins.
const nnlsSlack = 1e-11

// support minimises |S + Σ λ·v| over λ ≥ 0 in float64, S the sum of the active
// points, and returns the points with λ > 0: a start for the exact search. Each
// of its O(q) steps takes O(n·q) time. It gives up after a bounded number.
func (c *cone) support(active []int) []int {
	q := c.terms()
	sum := make([]float64, q)
	for _, i := range active {
		for j, v := range c.point[i].v {
			sum[j] += v
		}
	}
	n := nonNegative{cone: c, sum: sum, rest: append([]float64(nil), sum...)}
	for range 10*q + 50 {
		i := n.worst(active)
		if i < 0 || !n.enter(i) {
			break
		}
	}
	return n.passive
}

// nonNegative is the state of Lawson and Hanson's method.
type nonNegative struct {
	*cone
	sum, rest []float64 // S and S + Σ λ·v
	passive   []int
	lambda    []float64
}

// worst returns the active point with the most negative cosine to the rest, or
// −1.
func (n *nonNegative) worst(active []int) int {
	best, at := -nnlsSlack*math.Sqrt(dot(n.rest, n.rest)), -1
	if !(best < -1e-14*nnlsSlack*math.Sqrt(dot(n.sum, n.sum))) {
		return -1
	}
	for _, i := range active {
		v := n.point[i].v
		length := math.Sqrt(dot(v, v))
		if length == 0 {
			continue
		}
		if s := dot(v, n.rest) / length; s < best {
			best, at = s, i
		}
	}
	return at
}

// enter makes point i passive and restores optimality over the passive points;
// it reports false if rounding prevents that.
func (n *nonNegative) enter(i int) bool {
	for _, p := range n.passive {
		if p == i {
			return false
		}
	}
	n.passive, n.lambda = append(n.passive, i), append(n.lambda, 0)
	for len(n.passive) > 0 {
		free, ok := n.leastSquares()
		if !ok {
			n.passive = n.passive[:len(n.passive)-1]
			return false
		}
		share := 1.0
		for k, v := range free {
			if v <= 0 {
				share = min(share, n.lambda[k]/(n.lambda[k]-v))
			}
		}
		if share == 1 {
			n.lambda = free
			break
		}
		n.shrink(free, share)
	}
	copy(n.rest, n.sum)
	for k, p := range n.passive {
		for j, v := range n.point[p].v {
			n.rest[j] += n.lambda[k] * v
		}
	}
	return true
}

// shrink moves λ by share of the way to free and drops what reached 0.
func (n *nonNegative) shrink(free []float64, share float64) {
	kept := 0
	for k, v := range free {
		l := n.lambda[k] + share*(v-n.lambda[k])
		if v <= 0 && !(l > 1e-14*n.lambda[k]) {
			continue
		}
		n.passive[kept], n.lambda[kept] = n.passive[k], max(l, 0)
		kept++
	}
	n.passive, n.lambda = n.passive[:kept], n.lambda[:kept]
}

// leastSquares minimises |S + Σ λ·v| over the passive points without bounds.
func (n *nonNegative) leastSquares() ([]float64, bool) {
	q, a := n.terms(), len(n.passive)
	if a > q {
		return nil, false
	}
	columns := mat.NewDense(q, a, nil)
	for k, p := range n.passive {
		columns.SetCol(k, n.point[p].v)
	}
	var qr mat.QR
	qr.Factorize(columns)
	right := mat.NewVecDense(q, nil)
	right.ScaleVec(-1, mat.NewVecDense(q, n.sum))
	var out mat.VecDense
	if err := qr.SolveVecTo(&out, false, right); err != nil {
		return nil, false
	}
	return out.RawVector().Data, true
}
