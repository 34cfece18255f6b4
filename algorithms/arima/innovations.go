package arima

import "math"

// whiten replaces the columns, each a stretch of length n of the same ARMA
// process without gaps, by their one-step prediction errors in units of their
// standard deviations, in place. It returns Σ log of the error variances, in
// units of sigma2, and reports false if the process is not stationary or its
// variances are lost to rounding.
//
// The variances follow the recursion of Chandrasekhar: the state covariance
// grows by a matrix of rank one per step, so that a step costs O(r) instead of
// O(r²) of a Kalman filter. Cost: O(n·r·(columns + 2)) with r the dimension.
//
// Source: Pearlman, An Algorithm for the Exact Likelihood of a High-Order
// Autoregressive-Moving Average Process, Biometrika 67(1), 1980.
func (a arma) whiten(columns [][]float64) (logVariance float64, ok bool) {
	r := a.dim()
	start, ok := a.startColumn()
	if !ok {
		return 0, false
	}
	c := chandrasekhar{phi: make([]float64, r), gain: make([]float64, r), rise: make([]float64, r+1)}
	copy(c.phi, a.phi)
	c.start(start)
	states := make([][]float64, len(columns))
	for j := range states {
		states[j] = make([]float64, r+1)
	}
	var variance, logOne, scale float64 // the last two belong to variance
	for t := range columns[0] {
		if c.variance != variance {
			variance = c.variance
			if !(variance > 0) || math.IsInf(variance, 0) {
				return 0, false
			}
			logOne, scale = math.Log(variance), 1/math.Sqrt(variance)
		}
		logVariance += logOne
		for j, column := range columns {
			e := column[t] - states[j][0]
			c.advance(states[j], e/variance)
			column[t] = e * scale
		}
		c.step(t)
	}
	return logVariance, !math.IsNaN(logVariance)
}

// chandrasekhar carries the variance of the prediction error, the gain, and
// the increment of the state covariance, weight·rise·riseᵀ.
type chandrasekhar struct {
	phi      []float64 // length r, padded with zeros
	variance float64
	gain     []float64 // covariance of the next state with the error, length r
	rise     []float64 // length r+1, the last element 0
	weight   float64
	steady   bool // the increment has vanished
}

// start sets the values at the first step from the covariance of the state
// with its first element.
func (c *chandrasekhar) start(column []float64) {
	c.variance = column[0]
	for i := range c.gain {
		c.gain[i] = c.phi[i] * column[0]
		if i+1 < len(column) {
			c.gain[i] += column[i+1]
		}
	}
	copy(c.rise, c.gain)
	c.weight = -1 / c.variance
}

// advance moves a state, of length r+1 with a last zero, to the next step; e
// is the prediction error over its variance.
func (c *chandrasekhar) advance(state []float64, e float64) {
	first := state[0]
	next := state[1:]
	phi := c.phi[:len(next)]
	gain := c.gain[:len(next)]
	for i, v := range next {
		state[i] = phi[i]*first + v + gain[i]*e
	}
}

// step moves the variance and the gain from step t to t+1. Once in r steps it
// looks whether the increment still matters.
func (c *chandrasekhar) step(t int) {
	if c.steady {
		return
	}
	first := c.rise[0]
	if first == 0 {
		copy(c.rise, c.rise[1:])
	} else {
		before := c.variance
		c.variance += first * first * c.weight
		push := c.weight * first
		c.weight += push * push / before
		pull := first / c.variance
		next := c.rise[1:]
		for i, v := range next {
			moved := c.phi[i]*first + v
			c.gain[i] += moved * push
			c.rise[i] = moved - c.gain[i]*pull
		}
	}
	if t%len(c.gain) == 0 {
		c.steady = c.negligible()
	}
}

// negligible says whether the increment changes no variance by rounding.
func (c *chandrasekhar) negligible() bool {
	largest := 0.0
	for _, v := range c.rise {
		largest = math.Max(largest, math.Abs(v))
	}
	return largest*largest*math.Abs(c.weight) < 1e-17*c.variance
}
