package arima

import (
	"math"
	"testing"
)

// Two-sided normal tails: 2·pnorm(−z) to 17 digits, from the continued fraction of
// Mills' ratio and, up to z = 3, the series of the error function, in 60 digits.
func TestTwoSided(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ z, want float64 }{
		{0.5, 6.1707507745197376e-01},
		{1.96, 4.9995790296440870e-02},
		{3, 2.6997960632601892e-03},
		{5, 5.7330314375838782e-07},
		{8.25, 1.5839452629284954e-16},
		{12.0625, 1.6664635099105509e-33},
		{20, 5.5072482372124675e-89},
		{30, 9.8134278542963744e-198},
		{37, 1.1451142445049154e-299},
	} {
		for _, z := range []float64{tt.z, -tt.z} {
			if got := twoSided(z); !(math.Abs(got/tt.want-1) < 1e-12) {
				t.Errorf("twoSided(%g) = %.17g, want %.17g", z, got, tt.want)
			}
		}
	}
	if got := twoSided(math.NaN()); !math.IsNaN(got) {
		t.Errorf("twoSided(NaN) = %g, want NaN", got)
	}
}

// The upper tail of chi squared is exp(−x/2)·Σ (x/2)^k/k! over k < df/2 for even df.
func TestChiSquaredTail(t *testing.T) {
	t.Parallel()
	for _, df := range []int{2, 4, 6, 10, 24} {
		for _, x := range []float64{0.1, 1, 5, 20, 80, 300, 1200} {
			sum, term := 0.0, 1.0
			for k := range df / 2 {
				sum += term
				term *= x / 2 / float64(k+1)
			}
			want := math.Exp(-x/2) * sum
			if got := chiSquaredUpper(x, df); !(math.Abs(got/want-1) < 1e-12) {
				t.Errorf("chiSquaredUpper(%g, %d) = %.17g, want %.17g", x, df, got, want)
			}
		}
	}
}
