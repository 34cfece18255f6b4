package linreg

import (
	"math"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

func TestTails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		// Closed forms: Cauchy, t with 2 degrees of freedom, F with 2, χ² with 2 and 4.
		{name: "T1", got: tTwoSided(30, 1), want: 2 / math.Pi * math.Atan(1.0/30)},
		{name: "T2", got: tTwoSided(-1.5, 2), want: 1 - 1.5/math.Sqrt(2+2.25)},
		{name: "T2Far", got: tTwoSided(1e12, 2), want: 1e-24},
		{name: "F2", got: fUpper(700, 2, 40), want: math.Pow(1+2*700.0/40, -20)},
		{name: "Chi2", got: chiSquaredUpper(90, 2), want: math.Exp(-45)},
		{name: "Chi4", got: chiSquaredUpper(3, 4), want: math.Exp(-1.5) * 2.5},
		// The regularised incomplete beta function in 30 digits (mpmath 1.2.1).
		{name: "T29", got: tTwoSided(8.5, 29), want: 2.2980332862819195392e-9},
		{name: "T250", got: tTwoSided(12, 250), want: 1.6735296226983412489e-26},
		{name: "TMillion", got: tTwoSided(2.5, 1e6), want: 0.012419489502163246208},
		{name: "TMillionSmall", got: tTwoSided(0.3, 1e6), want: 0.76417721797899420803},
	} {
		if d := algtest.Digits(tt.got, tt.want); d < 11.5 {
			t.Errorf("%s = %.17g, want %.17g: %.1f digits", tt.name, tt.got, tt.want, d)
		}
	}
	if got := tTwoSided(math.NaN(), 3); !math.IsNaN(got) {
		t.Errorf("tail of NaN = %g", got)
	}
	if got := tTwoSided(1, 0); !math.IsNaN(got) {
		t.Errorf("tail with 0 degrees of freedom = %g", got)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	for _, c := range []float64{1e-6, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999999} {
		want := math.Tan(math.Pi * c / 2)
		if d := algtest.Digits(tQuantile(c, 1), want); d < 9.5 { // 1−c rounds.
			t.Errorf("quantile(%g, 1) has %.1f digits", c, d)
		}
		want = c * math.Sqrt(2/((1-c)*(1+c)))
		if d := algtest.Digits(tQuantile(c, 2), want); d < 10 {
			t.Errorf("quantile(%g, 2) has %.1f digits", c, d)
		}
		for _, df := range []float64{3, 30, 1e4, 1e5, 2e5, 1e6, 1e9} {
			q := tQuantile(c, df)
			if d := algtest.Digits(tCentral(q, df), c); d < 11 {
				t.Errorf("P(|T| ≤ quantile(%g, %g)) has %.1f digits", c, df, d)
			}
		}
	}
	// The two methods meet.
	below, above := tTwoSided(3, manyDF), tTwoSided(3, manyDF*(1+1e-9))
	if d := algtest.Digits(below, above); d < 9.5 {
		t.Errorf("tails on both sides of %g agree in %.1f digits", float64(manyDF), d)
	}
}
