package arima

import "math"

// autocovariances returns the autocovariances of the process, in units of
// sigma2, at lags 0 … lags. It reports false if the process is not stationary.
//
// The autoregression alone comes from its partial autocorrelations; the moving
// average then mixes neighbouring lags. Cost: O(p² + q·(q + lags)).
func (a arma) autocovariances(lags int) ([]float64, bool) {
	q := len(a.theta)
	pure, ok := autoregression(a.phi, lags+q)
	if !ok || q == 0 {
		return pure, ok
	}
	mix := make([]float64, q+1) // Σ theta[i]·theta[i+k], with theta[−1] = 1
	for k := range mix {
		for i := -1; i+k < q; i++ {
			mix[k] += a.weight(i) * a.weight(i+k)
		}
	}
	out := make([]float64, lags+1)
	for h := range out {
		sum := mix[0] * pure[h]
		for k := 1; k <= q; k++ {
			if mix[k] != 0 {
				sum += mix[k] * (pure[h+k] + pure[abs(h-k)])
			}
		}
		out[h] = sum
	}
	return out, true
}

// weight is theta[i], or 1 for i = −1.
func (a arma) weight(i int) float64 {
	if i < 0 {
		return 1
	}
	return a.theta[i]
}

// autoregression returns the autocovariances of an autoregression with unit
// innovations at lags 0 … lags; it reports false if it is not stationary.
func autoregression(phi []float64, lags int) ([]float64, bool) {
	p := len(phi)
	rows := make([][]float64, p+1) // rows[k] are the coefficients of order k
	rows[p] = phi
	variance := 1.0
	for k := p; k > 0; k-- {
		r := rows[k][k-1]
		if !(math.Abs(r) < 1) {
			return nil, false
		}
		variance /= 1 - r*r
		lower := append([]float64(nil), rows[k][:k-1]...)
		lowerOrder(lower, r)
		rows[k-1] = lower
	}
	out := make([]float64, lags+1)
	out[0] = variance
	for h := 1; h <= lags; h++ {
		var sum float64
		if h > p {
			sum = recall(phi, out[:h])
		} else {
			r := rows[h][h-1]
			sum = recall(rows[h-1], out[:h]) + r*variance
			variance *= 1 - r*r
		}
		out[h] = sum
	}
	return out, !math.IsNaN(out[0]) && !math.IsInf(out[0], 0)
}

// recall returns Σ phi[j]·past[len−1−j].
func recall(phi, past []float64) float64 {
	sum := 0.0
	last := len(past) - 1
	for j, c := range phi {
		if c != 0 {
			sum += c * past[last-j]
		}
	}
	return sum
}

// impulse returns the first n weights of the moving average form, psi[0] = 1.
func (a arma) impulse(n int) []float64 {
	psi := make([]float64, n)
	for j := range psi {
		switch {
		case j == 0:
			psi[j] = 1
		default:
			if j <= len(a.theta) {
				psi[j] = a.theta[j-1]
			}
			psi[j] += recall(a.phi[:min(j, len(a.phi))], psi[:j])
		}
	}
	return psi
}

// startColumn returns the covariance of the stationary state with its first
// element, the process itself. The state of dimension r has the elements
//
//	s[i] = Σ_{k>i} phi_k·w[t+i−k] + Σ_{k≥i} theta_k·e[t+i−k],  i = 0 … r−1
func (a arma) startColumn() ([]float64, bool) {
	r := a.dim()
	gamma, ok := a.autocovariances(r)
	if !ok {
		return nil, false
	}
	psi := a.impulse(r)
	column := make([]float64, r)
	column[0] = gamma[0]
	for i := 1; i < r; i++ {
		sum := 0.0
		for k := i; k < len(a.phi); k++ {
			sum += a.phi[k] * gamma[k+1-i]
		}
		for k := i; k <= len(a.theta); k++ {
			sum += a.theta[k-1] * psi[k-i]
		}
		column[i] = sum
	}
	return column, true
}

func abs(i int) int {
	if i < 0 {
		return -i
	}
	return i
}
