package arima

import "math"

// kpssCritical is the 5 % critical value of the test for level stationarity.
//
// Source: Kwiatkowski et al., table 1.
const kpssCritical = 0.463

// kpss returns the statistic of the test that a series is stationary about a
// level, with the residual variance at low frequency from Bartlett weights over
// trunc(3√n/13) lags:
//
//	Σ S[t]² / (n²·variance),   S[t] = Σ_{i≤t} (y[i] − mean)
//
// It is 0 for a constant series. Cost: O(n·lags).
//
// Source: Kwiatkowski, Phillips, Schmidt and Shin, Testing the Null Hypothesis
// of Stationarity against the Alternative of a Unit Root, J. Econometrics 54,
// 1992.
func kpss(y []float64) float64 {
	n := float64(len(y))
	e := centre(y)
	sum, squares := 0.0, 0.0
	for _, v := range e {
		sum += v
		squares += sum * sum
	}
	lags := int(3 * math.Sqrt(n) / 13)
	variance := dot(e, e)
	for k := 1; k <= min(lags, len(e)-1); k++ {
		variance += 2 * (1 - float64(k)/float64(lags+1)) * dot(e[k:], e[:len(e)-k])
	}
	if variance == 0 {
		return 0
	}
	return squares / (n * variance)
}

// centre returns y less its mean.
func centre(y []float64) []float64 {
	sum := 0.0
	for _, v := range y {
		sum += v
	}
	mean := sum / float64(len(y))
	out := make([]float64, len(y))
	for t, v := range y {
		out[t] = v - mean
	}
	return out
}

// constant says whether all observed values are equal, up to rounding.
func constant(y []float64) bool {
	return spread(y) <= 1e-12*largest(observedOnly(y))
}

// spread returns the range of the observed values, 0 without any.
func spread(y []float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range y {
		if !math.IsNaN(v) {
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	return math.Max(0, high-low)
}

// observedOnly returns the values that are not missing.
func observedOnly(y []float64) []float64 {
	out := make([]float64, 0, len(y))
	for _, v := range y {
		if !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	return out
}

// differences returns the number of differences, at most limit, after which
// the KPSS test no longer rejects stationarity at 5 %. Missing values are
// closed up.
func differences(y []float64, limit int) int {
	y = observedOnly(y)
	d := 0
	for d < limit && len(y) > 2 && !constant(y) && kpss(y) > kpssCritical {
		y = apply([]float64{1}, y)
		d++
	}
	return d
}

// strengthCritical is the seasonal strength from which on a seasonal
// difference is taken.
//
// Source: Wang, Smith and Hyndman, Characteristic-Based Clustering for Time
// Series Data, Data Min. Knowl. Discov. 13, 2006; the threshold is that of the
// forecast package, which has the smallest scaled errors on the M3 and M4
// competitions.
const strengthCritical = 0.64

// seasonalStrength returns 1 − Var(remainder)/Var(seasonal + remainder) of the
// decomposition by loess, at least 0.
func seasonalStrength(y []float64, period int) float64 {
	seasonal, trend := decompose(y, period)
	remainder := minus(minus(y, seasonal), trend)
	both := centre(minus(y, trend))
	centred := centre(remainder)
	total := dot(both, both)
	if total == 0 {
		return 0
	}
	return math.Max(0, 1-dot(centred, centred)/total)
}

// seasonalDifferences returns the number of seasonal differences, at most
// limit, that seasonal strength asks for; 0 with two periods or less. Gaps are
// interpolated.
func seasonalDifferences(y []float64, period, limit int) int {
	y = interpolate(y)
	lag := make([]float64, period)
	lag[period-1] = 1
	d := 0
	for d < limit && len(y) > 2*period && !constant(y) && seasonalStrength(y, period) > strengthCritical {
		y = apply(lag, y)
		d++
	}
	return d
}
