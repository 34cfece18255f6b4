package arima

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTransformRoundTrip checks that every free vector gives a stationary and
// invertible model and comes back from it.
func TestTransformRoundTrip(t *testing.T) {
	t.Parallel()
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 500 {
		s := Spec{P: r.IntN(6), Q: r.IntN(6), SP: r.IntN(3), SQ: r.IntN(3), Period: 4}
		free := make([]float64, s.coefficients())
		for j := range free {
			free[j] = r.NormFloat64()
		}
		coef := s.coefficientsFrom(free)
		if root := s.smallestRoot(coef); !(root > 1) {
			t.Fatalf("seed %d, case %d: smallest root = %g, want more than 1", seed, i, root)
		}
		back := s.coefficientsFrom(s.freeFrom(coef))
		if d := largest(minus(back, coef)); d > 1e-6 && s.smallestRoot(coef) > 1.01 {
			t.Errorf("seed %d, case %d: %v came back as %v", seed, i, coef, back)
		}
	}
}

func TestTransform(t *testing.T) {
	t.Parallel()
	s := Spec{P: 2, Q: 1}
	free := []float64{math.Atanh(0.5), math.Atanh(-0.4), math.Atanh(0.3)}
	// Partial autocorrelations 0.5, −0.4: ar1 = 0.5·(1+0.4), ar2 = −0.4.
	want := []float64{0.7, -0.4, -0.3}
	if got := s.coefficientsFrom(free); largest(minus(got, want)) > 1e-15 {
		t.Errorf("coefficients = %v, want %v", got, want)
	}
	// An explosive start is drawn inside.
	outside := []float64{2.5, -1, 3}
	if root := s.smallestRoot(s.coefficientsFrom(s.freeFrom(outside))); !(root > 1) {
		t.Errorf("smallest root = %g, want more than 1", root)
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	s := Spec{P: 1, Q: 1, SP: 1, SQ: 1, Period: 3}
	a := s.expand([]float64{0.5, 0.2, 0.4, 0.3}) // ar, ma, sar, sma
	if want := []float64{0.5, 0, 0.4, -0.2}; largest(minus(a.phi, want)) > 1e-15 {
		t.Errorf("phi = %v, want %v", a.phi, want)
	}
	if want := []float64{0.2, 0, 0.3, 0.06}; largest(minus(a.theta, want)) > 1e-15 {
		t.Errorf("theta = %v, want %v", a.theta, want)
	}
}

func TestLags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		spec Spec
		want []float64
	}{
		{Spec{}, []float64{}},
		{Spec{D: 1}, []float64{1}},
		{Spec{D: 2}, []float64{2, -1}},
		{Spec{D: 1, SD: 1, Period: 3}, []float64{1, 0, 1, -1}}, // (1−B)(1−B³)
	} {
		got := tt.spec.lags()
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: lags = %v, want %v", tt.spec, got, tt.want)
		}
	}
	if got, want := apply([]float64{1, 0, 1, -1}, []float64{1, 2, 4, 8, 16, 32}), []float64{7, 14}; !slices.Equal(got, want) {
		t.Errorf("differenced = %v, want %v", got, want)
	}
	if got := apply([]float64{1, 1}, []float64{3}); len(got) != 0 {
		t.Errorf("differenced = %v, want nothing", got)
	}
}

func TestSmallestRoot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		spec Spec
		coef []float64
		want float64
	}{
		{"None", Spec{}, nil, math.Inf(1)},
		{"AR1", Spec{P: 1}, []float64{0.5}, 2},
		{"MA1", Spec{Q: 1}, []float64{-0.8}, 1.25},
		{"Pair", Spec{P: 2}, []float64{0, -0.25}, 2}, // 1 + z²/4 = 0 at ±2i
		{"ZeroLast", Spec{P: 2}, []float64{0.5, 0}, 2},
		{"Seasonal", Spec{SP: 1, Period: 4}, []float64{0.0625}, 2},
		{"SmallestOfAll", Spec{P: 1, Q: 1}, []float64{0.5, 0.9}, 1 / 0.9},
	} {
		if got := tt.spec.smallestRoot(tt.coef); math.Abs(got-tt.want) > 1e-9 && got != tt.want {
			t.Errorf("%s: smallest root = %g, want %g", tt.name, got, tt.want)
		}
	}
}

func TestAutocovariances(t *testing.T) {
	t.Parallel()
	// ARMA(1,1) with ar = 0.5, ma = 0.4: Box et al., equation 3.4.7.
	got, ok := arma{phi: []float64{0.5}, theta: []float64{0.4}}.autocovariances(3)
	want := []float64{(1 + 2*0.5*0.4 + 0.16) / 0.75, (1 + 0.2) * 0.9 / 0.75}
	want = append(want, 0.5*want[1], 0.25*want[1])
	if !ok || largest(minus(got, want)) > 1e-14 {
		t.Errorf("autocovariances = %v, want %v", got, want)
	}
	for _, phi := range [][]float64{{1}, {-1.1}, {0.5, 0.5}, {2, -1.1}} {
		if _, ok := (arma{phi: phi}).autocovariances(2); ok {
			t.Errorf("autoregression %v passed as stationary", phi)
		}
	}
}

// TestProject compares with normal equations solved by hand.
func TestProject(t *testing.T) {
	t.Parallel()
	// y = 1 + 2x with errors +1, −1, −1, +1, which are orthogonal to both.
	fit := project([][]float64{{1, 1, 1, 1}, {0, 1, 2, 3}, {2, 2, 4, 8}}, 1)
	if largest(minus(fit.coef, []float64{1, 2})) > 1e-14 || math.Abs(fit.rss-4) > 1e-13 {
		t.Errorf("project = %v, RSS %g, want [1 2], 4", fit.coef, fit.rss)
	}
	if math.Abs(fit.logStart-math.Log(4)) > 1e-14 {
		t.Errorf("log det = %g, want %g", fit.logStart, math.Log(4))
	}
	// Inverse of [[4, 6], [6, 14]].
	want := [][]float64{{0.7, -0.3}, {-0.3, 0.2}}
	for i, row := range fit.inverse(2) {
		if largest(minus(row, want[i])) > 1e-14 {
			t.Errorf("inverse row %d = %v, want %v", i, row, want[i])
		}
	}
}

// TestMinimise descends the valley of Rosenbrock's function and stops at the
// edge of where a function is defined.
func TestMinimise(t *testing.T) {
	t.Parallel()
	rosenbrock := func(x []float64) float64 {
		a, b := 1-x[0], x[1]-x[0]*x[0]
		return a*a + 100*b*b
	}
	s := search{maxIterations: 200, tolerance: 1e-6}
	m, err := s.minimise(t.Context(), rosenbrock, []float64{-1.2, 1})
	if err != nil || !m.converged || largest(minus(m.x, []float64{1, 1})) > 1e-5 {
		t.Errorf("minimum = %+v, %v, want [1 1]", m, err)
	}
	m, err = search{maxIterations: 3, tolerance: 1e-6}.minimise(t.Context(), rosenbrock, []float64{-1.2, 1})
	if err != nil || m.converged || m.iterations != 3 {
		t.Errorf("minimum = %+v, %v, want 3 iterations without convergence", m, err)
	}
	edge := func(x []float64) float64 {
		if x[0] > 1 {
			return math.Inf(1)
		}
		return -x[0]
	}
	m, err = s.minimise(t.Context(), edge, []float64{0})
	if err != nil || m.x[0] < 0.99 || m.x[0] > 1 {
		t.Errorf("minimum = %+v, %v, want 1", m, err)
	}
	nowhere := func([]float64) float64 { return math.Inf(1) }
	if m, err = s.minimise(t.Context(), nowhere, []float64{0}); err != nil || m.converged {
		t.Errorf("minimum = %+v, %v, want no convergence", m, err)
	}
}
