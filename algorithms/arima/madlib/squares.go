package madlib

import "math"

// squares is the sum of squares to minimise over the parameters (mean), phi,
// theta in this order.
type squares struct {
	p, q int
	mean bool
	x    []float64 // differenced series
}

// parameters is their number.
func (s *squares) parameters() int {
	k := s.p + s.q
	if s.mean {
		k++
	}
	return k
}

// split cuts the parameters.
func (s *squares) split(params []float64) (mean float64, phi, theta []float64) {
	if s.mean {
		mean, params = params[0], params[1:]
	}
	return mean, params[:s.p], params[s.p:]
}

// start returns zero coefficients and the average of the series.
func (s *squares) start() []float64 {
	params := make([]float64, s.parameters())
	if s.mean {
		for _, v := range s.x {
			params[0] += v / float64(len(s.x))
		}
	}
	return params
}

// residuals returns z, one element per element of x.
func (s *squares) residuals(params []float64) []float64 {
	mean, phi, theta := s.split(params)
	z := make([]float64, len(s.x))
	for t := s.p; t < len(z); t++ {
		v := s.x[t] - mean
		for i, c := range phi {
			v -= c * (s.x[t-1-i] - mean)
		}
		for i, c := range theta[:min(s.q, t)] {
			v -= c * z[t-1-i]
		}
		z[t] = v
	}
	return z
}

// at returns Z².
func (s *squares) at(params []float64) float64 {
	sum := 0.0
	for _, v := range s.residuals(params) {
		sum += v * v
	}
	return sum
}

// normal returns JᵀJ and Jᵀz with J = −dz/dparams. The derivatives follow the
// same recursion as the residuals.
func (s *squares) normal(params []float64) (jj [][]float64, jz []float64) {
	k := s.parameters()
	mean, phi, theta := s.split(params)
	z := s.residuals(params)
	slope := make([][]float64, len(z)) // −dz[t]/dparams
	jj, jz = make([][]float64, k), make([]float64, k)
	for i := range jj {
		jj[i] = make([]float64, k)
	}
	level := 1.0
	for _, c := range phi {
		level -= c
	}
	for t := range z {
		slope[t] = make([]float64, k)
		if t < s.p {
			continue
		}
		direct := slope[t]
		if s.mean {
			direct[0] = level
			direct = direct[1:]
		}
		for i := range phi {
			direct[i] = s.x[t-1-i] - mean
		}
		for i := range theta[:min(s.q, t)] {
			direct[s.p+i] = z[t-1-i]
		}
		for i, c := range theta[:min(s.q, t)] {
			for j, v := range slope[t-1-i] {
				slope[t][j] -= c * v
			}
		}
		accumulate(jj, jz, slope[t], z[t])
	}
	return jj, jz
}

// accumulate adds one residual to the normal equations.
func accumulate(jj [][]float64, jz, slope []float64, z float64) {
	for i, a := range slope {
		jz[i] += a * z
		for j, b := range slope {
			jj[i][j] += a * b
		}
	}
}

// norm returns the Euclidean length.
func norm(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}

// largest returns the largest absolute value.
func largest(v []float64) float64 {
	out := 0.0
	for _, x := range v {
		out = math.Max(out, math.Abs(x))
	}
	return out
}
