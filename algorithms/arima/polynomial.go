package arima

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/mat"
)

// arma is an ARMA process with multiplied-out polynomials:
//
//	w[t] = Σ phi[i]·w[t−1−i] + e[t] + Σ theta[i]·e[t−1−i]
type arma struct {
	phi   []float64 // length p + P·period
	theta []float64 // length q + Q·period
}

// dim is the dimension of the smallest state space form.
func (a arma) dim() int { return max(len(a.phi), len(a.theta)+1) }

// expand multiplies out the polynomials of the coefficients in the order ar,
// ma, sar, sma. Cost: O((p+1)(P+1) + (q+1)(Q+1)) besides the zeros.
func (s Spec) expand(coef []float64) arma {
	ar, ma, sar, sma := s.split(coef)
	return arma{
		phi:   multiply(ar, sar, s.Period, -1),
		theta: multiply(ma, sma, s.Period, +1),
	}
}

// split cuts the coefficients into ar, ma, sar and sma.
func (s Spec) split(coef []float64) (ar, ma, sar, sma []float64) {
	p, q := s.P, s.P+s.Q
	return coef[:p], coef[p:q], coef[q : q+s.SP], coef[q+s.SP : q+s.SP+s.SQ]
}

// multiply returns the coefficients of (1 + sign·Σ a[i] z^i)(1 + sign·Σ b[j]
// z^(j·period)), each times sign, without the leading one.
func multiply(a, b []float64, period int, sign float64) []float64 {
	out := make([]float64, len(a)+len(b)*period)
	copy(out, a)
	for j, bj := range b {
		lag := (j + 1) * period
		out[lag-1] += bj
		for i, ai := range a {
			out[lag+i] += sign * ai * bj
		}
	}
	return out
}

// lags returns the coefficients with which differencing recalls the past: u[t]
// = Σ lags[j]·u[t−1−j] + w[t]. Its length is d + D·period.
func (s Spec) lags() []float64 {
	poly := []float64{1}
	for range s.D {
		poly = difference(poly, 1)
	}
	for range s.SD {
		poly = difference(poly, s.Period)
	}
	out := make([]float64, len(poly)-1)
	for j := range out {
		out[j] = -poly[j+1]
	}
	return out
}

// difference multiplies a polynomial by 1 − z^lag.
func difference(poly []float64, lag int) []float64 {
	out := make([]float64, len(poly)+lag)
	copy(out, poly)
	for i, v := range poly {
		out[i+lag] -= v
	}
	return out
}

// apply differences a column: out[t] = u[t+k] − Σ lags[j]·u[t+k−1−j], with k
// the number of lags. The result is k shorter.
func apply(lags, u []float64) []float64 {
	k := len(lags)
	out := make([]float64, max(0, len(u)-k))
	for t := range out {
		v := u[t+k]
		for j, c := range lags {
			if c != 0 {
				v -= c * u[t+k-1-j]
			}
		}
		out[t] = v
	}
	return out
}

// inverseRoots returns the largest modulus of the inverse roots of 1 − Σ
// phi[i] z^(i+1): below 1, the polynomial is stationary.
func inverseRoots(phi []float64) float64 {
	k := len(phi)
	for k > 0 && math.Abs(phi[k-1]) < 1e-10 {
		k--
	}
	if k == 0 {
		return 0
	}
	companion := mat.NewDense(k, k, nil)
	for i := range k {
		companion.Set(0, i, phi[i])
		if i > 0 {
			companion.Set(i, i-1, 1)
		}
	}
	var eigen mat.Eigen
	if !eigen.Factorize(companion, mat.EigenNone) {
		return math.Inf(1)
	}
	largest := 0.0
	for _, v := range eigen.Values(nil) {
		largest = math.Max(largest, cmplx.Abs(v))
	}
	return largest
}

// smallestRoot returns the smallest modulus among the roots of the four
// polynomials, counting seasonal roots as roots in B; +Inf without any.
func (s Spec) smallestRoot(coef []float64) float64 {
	ar, ma, sar, sma := s.split(coef)
	largest := 0.0
	for _, part := range []struct {
		coef  []float64
		sign  float64
		power int
	}{{ar, 1, 1}, {ma, -1, 1}, {sar, 1, s.Period}, {sma, -1, s.Period}} {
		phi := make([]float64, len(part.coef))
		for i, v := range part.coef {
			phi[i] = part.sign * v
		}
		largest = math.Max(largest, math.Pow(inverseRoots(phi), 1/float64(part.power)))
	}
	return 1 / largest
}
