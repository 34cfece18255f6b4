package arima

// conditional writes the residuals of the columns, each a differenced series of
// length n, to out: n − len(phi) of them, the earlier ones taken as 0.
//
//	e[t] = w[t] − Σ phi[i]·w[t−1−i] − Σ theta[i]·e[t−1−i],   t ≥ len(phi)
//
// Cost: O(n) per non-zero coefficient and column.
//
// Source: Box, Jenkins, Reinsel and Ljung, section 7.1.2.
func (a arma) conditional(columns, out [][]float64) [][]float64 {
	p := len(a.phi)
	res := make([][]float64, len(columns))
	for c, w := range columns {
		e := out[c][:len(w)]
		copy(e, w)
		for i, v := range a.phi {
			if v == 0 {
				continue
			}
			for t := p; t < len(w); t++ {
				e[t] -= v * w[t-1-i]
			}
		}
		e = e[p:]
		moving := nonZero(a.theta)
		for t := range e {
			v := e[t]
			for _, m := range moving {
				if m.lag > t {
					break
				}
				v -= m.weight * e[t-m.lag]
			}
			e[t] = v
		}
		res[c] = e
	}
	return res
}

// lagWeight is one coefficient of a sparse polynomial.
type lagWeight struct {
	lag    int
	weight float64
}

// nonZero lists the terms of a polynomial by lag.
func nonZero(poly []float64) []lagWeight {
	var out []lagWeight
	for i, v := range poly {
		if v != 0 {
			out = append(out, lagWeight{lag: i + 1, weight: v})
		}
	}
	return out
}
