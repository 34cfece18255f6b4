package arima

import "math"

// seasonalWindow is the number of seasons over which a seasonal effect is
// smoothed.
const seasonalWindow = 11

// decompose splits a series without gaps into seasonal, trend and remainder by
// locally weighted regression: two passes of the inner loop, no robustness
// weights. The length of y exceeds two periods.
//
// Cost: O(n·period) with windows proportional to the period.
//
// Source: Cleveland, Cleveland, McRae and Terpenning, STL: A Seasonal-Trend
// Decomposition Procedure Based on Loess, J. Official Statistics 6(1), 1990.
func decompose(y []float64, period int) (seasonal, trend []float64) {
	n := len(y)
	trendWindow := odd(1.5 * float64(period) / (1 - 1.5/seasonalWindow))
	lowWindow := odd(float64(period))
	trend = make([]float64, n)
	for range 2 {
		cycle := cycles(minus(y, trend), period)
		low := movingMean(movingMean(movingMean(cycle, period), period), 3)
		low = smooth(low, lowWindow, 1)
		seasonal = minus(cycle[period:period+n], low)
		trend = smooth(minus(y, seasonal), trendWindow, 1)
	}
	return seasonal, trend
}

// odd returns the smallest odd integer that is not below v.
func odd(v float64) int {
	k := int(math.Ceil(v))
	return k + 1 - k%2
}

// cycles smooths each season's values over the years, extended by one period at
// both ends: the result has length n + 2·period.
func cycles(y []float64, period int) []float64 {
	out := make([]float64, len(y)+2*period)
	for season := range period {
		var values []float64
		for t := season; t < len(y); t += period {
			values = append(values, y[t])
		}
		for k := -1; k <= len(values); k++ {
			out[season+(k+1)*period] = local(values, float64(k), seasonalWindow, 0)
		}
	}
	return out
}

// movingMean returns the means of width neighbours; it is width−1 shorter.
func movingMean(y []float64, width int) []float64 {
	out := make([]float64, len(y)-width+1)
	sum := 0.0
	for t, v := range y {
		sum += v
		if t >= width {
			sum -= y[t-width]
		}
		if t >= width-1 {
			out[t-width+1] = sum / float64(width)
		}
	}
	return out
}

// smooth returns the local regression at every position.
func smooth(y []float64, window, degree int) []float64 {
	out := make([]float64, len(y))
	for t := range out {
		out[t] = local(y, float64(t), window, degree)
	}
	return out
}

// local fits a constant or a line to the window values nearest to position x,
// with tricube weights, and returns its value at x.
func local(y []float64, x float64, window, degree int) float64 {
	n := len(y)
	left, right := 0, n-1
	if window < n {
		left = int(math.Max(0, math.Min(float64(n-window), math.Ceil(x)-float64(window/2))))
		right = left + window - 1
	}
	reach := math.Max(x-float64(left), float64(right)-x)
	if window > n {
		reach += float64(window-n) / 2
	}
	var w, wx, wy, wxx, wxy float64
	for t := left; t <= right; t++ {
		d := float64(t) - x
		r := math.Abs(d) / reach
		if r > 0.999 {
			continue
		}
		k := 1 - r*r*r
		k = k * k * k
		w += k
		wx += k * d
		wy += k * y[t]
		wxx += k * d * d
		wxy += k * d * y[t]
	}
	mean := wy / w
	spread := wxx - wx*wx/w
	if degree == 0 || math.Sqrt(math.Max(0, spread/w)) <= 0.001*float64(n-1) {
		return mean
	}
	slope := (wxy - wx*wy/w) / spread
	return mean - slope*wx/w
}
