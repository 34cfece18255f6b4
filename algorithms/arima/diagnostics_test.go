package arima

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLjungBox(t *testing.T) {
	t.Parallel()
	// +1, −1, …: r[k] = ±(20−k)/20, so Q = 20·22·Σ_{k≤4} (20−k)/400 = 77.
	e := make([]float64, 20)
	for t := range e {
		e[t] = 1 - 2*float64(t%2)
	}
	got := ljungBox(e, Spec{})
	if math.Abs(got.Statistic-77) > 1e-12 || got.Lag != 4 || got.DF != 4 {
		t.Errorf("ljungBox = %+v, want statistic 77 with lag and df 4", got)
	}
	// Chi squared with 4 degrees of freedom: P(X > x) = exp(−x/2)(1 + x/2).
	if want := math.Exp(-38.5) * 39.5; math.Abs(got.PValue/want-1) > 1e-9 {
		t.Errorf("p value = %g, want %g", got.PValue, want)
	}
	for _, tt := range []struct {
		name    string
		n       int
		spec    Spec
		lag, df int
	}{
		{"Long", 200, Spec{P: 2, Q: 1}, 10, 7},
		{"Seasonal", 200, Spec{Q: 1, SQ: 1, Period: 12}, 24, 22},
		{"ShortSeasonal", 60, Spec{Q: 1, SQ: 1, Period: 12}, 12, 10},
		{"ManyCoefficients", 60, Spec{P: 6, Q: 6}, 15, 3},
	} {
		got := ljungBox(make([]float64, tt.n), tt.spec)
		if got.Lag != tt.lag || got.DF != tt.df {
			t.Errorf("%s: lag, df = %d, %d, want %d, %d", tt.name, got.Lag, got.DF, tt.lag, tt.df)
		}
	}
	if got := ljungBox([]float64{1, -1, 2}, Spec{}); !math.IsNaN(got.Statistic) {
		t.Errorf("statistic of 3 residuals = %g, want NaN", got.Statistic)
	}
}

func TestInterpolate(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	got := interpolate([]float64{nan, 2, nan, nan, 8, nan})
	if want := []float64{2, 2, 4, 6, 8, 8}; !slices.Equal(got, want) {
		t.Errorf("interpolate = %v, want %v", got, want)
	}
}

func TestKPSS(t *testing.T) {
	t.Parallel()
	// Sums of deviations −1.5, −2, −1.5, 0: 8.5/(4·5), without lags.
	if got := kpss([]float64{1, 2, 3, 4}); math.Abs(got-0.425) > 1e-15 {
		t.Errorf("kpss = %g, want 0.425", got)
	}
	// 0 … 24 with one lag: Σ S² and Σ e² in closed form, Σ e[t]·e[t−1] = 1144.
	var squares, sum float64
	for t := range 25 {
		sum += float64(t) - 12
		squares += sum * sum
	}
	if got, want := kpss(trend(25, 1, 0)), squares/(25*(1300+1144)); math.Abs(got-want) > 1e-14 {
		t.Errorf("kpss = %g, want %g", got, want)
	}
	if got := kpss(constantOf(9, 2)); got != 0 {
		t.Errorf("kpss of a constant = %g, want 0", got)
	}
}

// TestDifferences integrates white noise and counts back.
func TestDifferences(t *testing.T) {
	t.Parallel()
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	y := make([]float64, 200)
	for t := range y {
		y[t] = r.NormFloat64()
	}
	for d := range 3 {
		if got := differences(y, 2); got != d {
			t.Errorf("seed %d: %d differences, want %d", seed, got, d)
		}
		for t := 1; t < len(y); t++ {
			y[t] += y[t-1]
		}
	}
	if got := differences(y, 1); got != 1 {
		t.Errorf("%d differences, want the limit 1", got)
	}
	if got := differences(nil, 2); got != 0 {
		t.Errorf("%d differences of nothing, want 0", got)
	}
}

// TestSeasonalStrength checks the ends of the scale.
func TestSeasonalStrength(t *testing.T) {
	t.Parallel()
	const seed = 2
	r := rand.New(rand.NewPCG(seed, 0))
	noise, season := make([]float64, 120), make([]float64, 120)
	for t := range noise {
		noise[t] = r.NormFloat64()
		season[t] = 0.3*float64(t) + 5*math.Sin(2*math.Pi*float64(t)/12) + 0.1*r.NormFloat64()
	}
	if got := seasonalStrength(season, 12); got < 0.99 {
		t.Errorf("seed %d: strength of a season = %g, want 0.99 or more", seed, got)
	}
	if got := seasonalStrength(noise, 12); got > 0.5 {
		t.Errorf("seed %d: strength of noise = %g, want 0.5 or less", seed, got)
	}
	if got := seasonalDifferences(season, 12, 1); got != 1 {
		t.Errorf("seed %d: %d seasonal differences, want 1", seed, got)
	}
	if got := seasonalDifferences(season[:24], 12, 1); got != 0 {
		t.Errorf("%d seasonal differences of two periods, want 0", got)
	}
}

// TestLocal checks that local regression returns what it can represent.
func TestLocal(t *testing.T) {
	t.Parallel()
	y := trend(20, 2, 5)
	for _, window := range []int{5, 11, 35} {
		for _, x := range []float64{-1, 0, 7, 19, 20} {
			if got, want := local(y, x, window, 1), 5+2*x; math.Abs(got-want) > 1e-10 {
				t.Errorf("window %d: line at %g = %g, want %g", window, x, got, want)
			}
		}
	}
	if got := local(constantOf(9, 3), 4, 5, 0); math.Abs(got-3) > 1e-14 {
		t.Errorf("constant = %g, want 3", got)
	}
	// Window 3 about 2: weight 1 in the middle, 0 at distance 1 = the reach.
	if got := local([]float64{1, 5, 2, 8, 9}, 2, 3, 0); got != 2 {
		t.Errorf("value = %g, want 2", got)
	}
}
