package function

import (
	"math"
	"testing"
)

// TestTails compares the tails with their closed forms: Student's t with 1 and 2
// degrees of freedom, χ² with 1, 2 and 4.
func TestTails(t *testing.T) {
	t.Parallel()
	for _, x := range []float64{1e-8, 0.01, 0.3, 1, 2.5, 7, 40, 1e3, 1e8} {
		for _, tt := range []struct {
			name      string
			got, want float64
		}{
			{"t1", tTwoSided(x, 1), 2 / math.Pi * math.Atan(1/x)},
			{"t1 negative", tTwoSided(-x, 1), 2 / math.Pi * math.Atan(1/x)},
			{"t2", tTwoSided(x, 2), 2 / (math.Sqrt(2+x*x) * (math.Sqrt(2+x*x) + x))},
			{"chi1", chiSquaredUpper(x, 1), math.Erfc(math.Sqrt(x / 2))},
			{"chi2", chiSquaredUpper(x, 2), math.Exp(-x / 2)},
			{"chi4", chiSquaredUpper(x, 4), math.Exp(-x/2) * (1 + x/2)},
		} {
			if math.Abs(tt.got-tt.want) > 1e-12*tt.want {
				t.Errorf("%s at %g: %.17g, want %.17g", tt.name, x, tt.got, tt.want)
			}
		}
		// The expansion takes over at 10⁴ degrees of freedom.
		below, above := tTwoSided(x, 1e4), tTwoSided(x, 1e4*(1+1e-15))
		if math.Abs(below-above) > 1e-9*above {
			t.Errorf("t with 10⁴ degrees of freedom at %g: %.17g and %.17g", x, below, above)
		}
	}
	for _, tt := range []struct{ got, want float64 }{
		{tTwoSided(0, 5), 1}, {tTwoSided(math.Inf(-1), 5), 0}, {tTwoSided(math.Inf(1), 1e6), 0}, {chiSquaredUpper(0, 3), 1}, {chiSquaredUpper(-1, 3), 1},
	} {
		if tt.got != tt.want {
			t.Errorf("%g, want %g", tt.got, tt.want)
		}
	}
	for _, got := range []float64{tTwoSided(1, 0), tTwoSided(math.NaN(), 3), chiSquaredUpper(1, 0), chiSquaredUpper(math.NaN(), 1)} {
		if !math.IsNaN(got) {
			t.Errorf("%g, want NaN", got)
		}
	}
}
