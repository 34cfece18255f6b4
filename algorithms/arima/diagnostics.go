package arima

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Portmanteau is a test of several autocorrelations at once.
type Portmanteau struct {
	Statistic float64
	Lag       int // largest lag tested
	DF        int // Lag less the number of ARMA coefficients
	PValue    float64
}

// ljungBox tests standardised residuals; NaN is missing. With n residuals about
// their mean,
//
//	Q = n(n+2)·Σ_{k=1}^{Lag} r[k]²/(n−k)
//
// is compared with chi squared. The largest lag is 10, or twice the period with
// seasonal orders, at most n/5 and at least three more than the coefficients.
// The statistic is NaN where the series is too short for that.
//
// Source: Ljung and Box, On a Measure of Lack of Fit in Time Series Models,
// Biometrika 65(2), 1978; the lags follow Hyndman and Athanasopoulos, section
// 5.4.
func ljungBox(e []float64, spec Spec) Portmanteau {
	sum, n := 0.0, 0
	for _, v := range e {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	k := spec.coefficients()
	lag := 10
	if spec.seasonal() {
		lag = 2 * spec.Period
	}
	lag = max(min(lag, n/5), k+3)
	out := Portmanteau{Statistic: math.NaN(), Lag: lag, DF: lag - k, PValue: math.NaN()}
	if lag >= n {
		return out
	}
	centred := make([]float64, len(e))
	total := 0.0
	for t, v := range e {
		if !math.IsNaN(v) {
			centred[t] = v - sum/float64(n)
			total += centred[t] * centred[t]
		}
	}
	out.Statistic = 0
	for j := 1; j <= lag; j++ {
		r := dot(centred[j:], centred[:len(e)-j]) / total
		out.Statistic += r * r / float64(n-j)
	}
	out.Statistic *= float64(n) * float64(n+2)
	out.PValue = chiSquaredUpper(out.Statistic, out.DF)
	return out
}

// chiSquaredUpper returns P(X > x) for chi squared X, to full relative precision.
func chiSquaredUpper(x float64, df int) float64 {
	return distuv.ChiSquared{K: float64(df)}.Survival(x)
}

// interpolate fills gaps on the straight line between their neighbours, and
// those at the ends with the nearest value.
func interpolate(y []float64) []float64 {
	out := append([]float64(nil), y...)
	before := -1
	for t, v := range y {
		if math.IsNaN(v) {
			continue
		}
		for s := before + 1; s < t; s++ {
			if before < 0 {
				out[s] = v
				continue
			}
			out[s] = y[before] + (v-y[before])*float64(s-before)/float64(t-before)
		}
		before = t
	}
	for s := before + 1; before >= 0 && s < len(y); s++ {
		out[s] = y[before]
	}
	return out
}
