package arima

import "math"

// The optimiser works on free numbers: each polynomial is described by its
// partial autocorrelations, which lie in (−1, 1) exactly when its roots lie
// outside the unit circle, and each of those by its inverse hyperbolic
// tangent.
//
// Sources: Monahan, A Note on Enforcing Stationarity in Autoregressive-Moving
// Average Models, Biometrika 71(2), 1984; Jones, Maximum Likelihood Fitting of
// ARMA Models to Time Series with Missing Observations, Technometrics 22(3),
// 1980.

// maxFree bounds a free number: tanh(16) differs from 1 by 2.5e-14.
const maxFree = 16

// coefficientsFrom maps free numbers to coefficients in the order ar, ma, sar,
// sma. Both have length p+q+P+Q.
func (s Spec) coefficientsFrom(free []float64) []float64 {
	coef := make([]float64, len(free))
	for i, v := range free {
		coef[i] = math.Tanh(math.Max(-maxFree, math.Min(maxFree, v)))
	}
	ar, ma, sar, sma := s.split(coef)
	for _, part := range [][]float64{ar, ma, sar, sma} {
		stepUp(part)
	}
	negate(ma)
	negate(sma)
	return coef
}

// freeFrom is the inverse of coefficientsFrom. Polynomials outside the region
// are first drawn into it: the starts that need this are rough anyway.
func (s Spec) freeFrom(coef []float64) []float64 {
	free := append([]float64(nil), coef...)
	ar, ma, sar, sma := s.split(free)
	negate(ma)
	negate(sma)
	for _, part := range [][]float64{ar, ma, sar, sma} {
		if m := inverseRoots(part); m > 0.999 {
			shrink(part, 0.95/m)
		}
		stepDown(part)
	}
	for i, v := range free {
		free[i] = math.Atanh(math.Max(-1+1e-12, math.Min(1-1e-12, v)))
	}
	return free
}

// negate changes signs in place.
func negate(v []float64) {
	for i := range v {
		v[i] = -v[i]
	}
}

// shrink multiplies the inverse roots of 1 − Σ phi z^i by factor.
func shrink(phi []float64, factor float64) {
	scale := 1.0
	for i := range phi {
		scale *= factor
		phi[i] *= scale
	}
}

// stepUp turns partial autocorrelations into coefficients, in place, by the
// recursion of Durbin and Levinson. Cost: O(k²).
func stepUp(phi []float64) {
	for k := 1; k < len(phi); k++ {
		raiseOrder(phi[:k], phi[k])
	}
}

// stepDown turns the coefficients of a stationary polynomial into partial
// autocorrelations, in place. Cost: O(k²).
func stepDown(phi []float64) {
	for k := len(phi) - 1; k > 0; k-- {
		lowerOrder(phi[:k], phi[k])
	}
}

// raiseOrder replaces phi[i] by phi[i] − r·phi[k−1−i].
func raiseOrder(phi []float64, r float64) {
	for i, j := 0, len(phi)-1; i <= j; i, j = i+1, j-1 {
		a, b := phi[i], phi[j]
		phi[i], phi[j] = a-r*b, b-r*a
	}
}

// lowerOrder undoes raiseOrder.
func lowerOrder(phi []float64, r float64) {
	scale := 1 / (1 - r*r)
	for i, j := 0, len(phi)-1; i <= j; i, j = i+1, j-1 {
		a, b := phi[i], phi[j]
		phi[i], phi[j] = (a+r*b)*scale, (b+r*a)*scale
	}
}
