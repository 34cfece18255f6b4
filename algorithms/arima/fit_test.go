package arima

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/millrace/millrace/algorithms/algtest"
)

// sawtooth returns a short series with some variation.
func sawtooth(n int) []float64 {
	out := make([]float64, n)
	for t := range out {
		out[t] = float64((7*t)%11) + 0.1*float64(t)
	}
	return out
}

// errorCase is a fit that fails.
type errorCase struct {
	name string
	data Data
	spec Spec
	want error
}

func TestFitErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range append(dataErrors(), specErrors()...) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Fit(t.Context(), tt.data, tt.spec, Options{}); !errors.Is(err, tt.want) {
				t.Errorf("Fit error = %v, want %v", err, tt.want)
			}
		})
	}
}

// everyFourthMissing returns a series in which one season was never observed.
func everyFourthMissing() []float64 {
	y := sawtooth(40)
	for t := 2; t < len(y); t += 4 {
		y[t] = math.NaN()
	}
	return y
}

// dataErrors are faults of the series and of regressors.
func dataErrors() []errorCase {
	y, nan, inf := sawtooth(40), math.NaN(), math.Inf(1)
	allMissing := constantOf(40, nan)
	with := func(at int, v float64) []float64 {
		out := append([]float64(nil), y...)
		out[at] = v
		return out
	}
	return []errorCase{
		{"Empty", Data{}, Spec{P: 1}, ErrTooShort},
		{"AllMissing", Data{Y: allMissing}, Spec{P: 1}, ErrTooShort},
		{"TooShort", Data{Y: y[:5]}, Spec{P: 2, Q: 2}, ErrTooShort},
		{"TooShortForSeason", Data{Y: y[:14]}, Spec{SD: 1, SQ: 1, Period: 12}, ErrTooShort},
		{"LostToDifferences", Data{Y: y[:20]}, Spec{SD: 2, SQ: 1, Period: 12}, ErrTooShort},
		{"Constant", Data{Y: constantOf(40, 3)}, Spec{P: 1, Mean: true}, ErrConstant},
		{"ConstantZero", Data{Y: constantOf(40, 0)}, Spec{P: 1}, ErrConstant},
		{"ConstantSlope", Data{Y: trend(40, 2, 5)}, Spec{D: 1, Q: 1, Drift: true}, ErrConstant},
		{"ConstantAfterTwoDifferences", Data{Y: trend(40, 0.1, 5)}, Spec{D: 2, Q: 1}, ErrConstant},
		{"Huge", Data{Y: with(3, -1e200)}, Spec{P: 1}, ErrValue},
		{"EmptySeason", Data{Y: everyFourthMissing()}, Spec{SD: 1, Q: 1, Period: 4}, ErrTooShort},
		{"Infinite", Data{Y: with(3, inf)}, Spec{P: 1}, ErrValue},
		{"InfiniteRegressor", Data{Y: y, X: [][]float64{with(3, -inf)}}, Spec{P: 1}, ErrValue},
		{"MissingRegressor", Data{Y: y, X: [][]float64{with(3, nan)}}, Spec{P: 1}, ErrValue},
		{"ShortRegressor", Data{Y: y, X: [][]float64{y[:39]}}, Spec{P: 1}, ErrShape},
		{"Names", Data{Y: y, X: [][]float64{y}, Names: []string{"a", "b"}}, Spec{P: 1}, ErrShape},
		{"Twice", Data{Y: y, X: [][]float64{trend(40, 1, 0), trend(40, 2, 0)}}, Spec{P: 1}, ErrCollinear},
		{"ConstantAndMean", Data{Y: y, X: [][]float64{constantOf(40, 2)}}, Spec{P: 1, Mean: true}, ErrCollinear},
		{"ConstantAndDifference", Data{Y: y, X: [][]float64{constantOf(40, 2)}}, Spec{D: 1}, ErrCollinear},
		{"SlopeAndDrift", Data{Y: y, X: [][]float64{trend(40, 2, 3)}}, Spec{D: 1, Drift: true}, ErrCollinear},
		{"MissingWithCSS", Data{Y: with(3, nan)}, Spec{P: 1, Method: CSS}, ErrMissing},
	}
}

// specErrors are faults of the specification.
func specErrors() []errorCase {
	y := sawtooth(40)
	return []errorCase{
		{"NegativeP", Data{Y: y}, Spec{P: -1}, ErrOrder},
		{"NegativeSQ", Data{Y: y}, Spec{SQ: -1, Period: 4}, ErrOrder},
		{"LargeQ", Data{Y: y}, Spec{Q: 51}, ErrOrder},
		{"LargeD", Data{Y: y}, Spec{D: 4}, ErrOrder},
		{"LargeLag", Data{Y: y}, Spec{SP: 5, Period: 500}, ErrOrder},
		{"MeanWithDifference", Data{Y: y}, Spec{D: 1, Mean: true}, ErrOrder},
		{"DriftWithTwoDifferences", Data{Y: y}, Spec{D: 1, SD: 1, Period: 4, Drift: true}, ErrOrder},
		{"NoPeriod", Data{Y: y}, Spec{SP: 1}, ErrPeriod},
		{"PeriodOne", Data{Y: y}, Spec{SD: 1, Period: 1}, ErrPeriod},
		{"NegativePeriod", Data{Y: y}, Spec{P: 1, Period: -3, SQ: 1}, ErrPeriod},
		{"LargePeriod", Data{Y: y}, Spec{P: 1, Period: 3000}, ErrPeriod},
		{"Method", Data{Y: y}, Spec{P: 1, Method: "mle"}, ErrParameter},
	}
}

func TestOptionErrors(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{Starts: -1}, {Starts: 20000}, {MaxIterations: -1}, {Tolerance: -1}, {Tolerance: math.NaN()}} {
		if _, err := Fit(t.Context(), Data{Y: sawtooth(40)}, Spec{P: 1}, o); !errors.Is(err, ErrParameter) {
			t.Errorf("Fit with %+v: error = %v, want %v", o, err, ErrParameter)
		}
	}
}

// TestMethodsAgree checks that CSSML from one start reaches the estimate of ML
// on a model with one maximum, and that CSS is near.
func TestMethodsAgree(t *testing.T) {
	t.Parallel()
	y := algtest.Dataset(t, "air_passengers").Floats(t, "value")
	for i, v := range y {
		y[i] = math.Log(v)
	}
	s := Spec{D: 1, Q: 1, SD: 1, SQ: 1, Period: 12}
	var got []*Model
	for _, method := range []Method{ML, CSSML, CSS} {
		s.Method = method
		m, err := Fit(t.Context(), Data{Y: y}, s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	for i, term := range got[0].Terms {
		if other := got[1].Terms[i].Estimate; math.Abs(other-term.Estimate) > 1e-5 {
			t.Errorf("%s = %.9g by css-ml, %.9g by ml", term.Name, other, term.Estimate)
		}
		if other := got[2].Terms[i].Estimate; math.Abs(other-term.Estimate) > 0.5*term.StdErr {
			t.Errorf("%s = %.9g by css, %.9g by ml", term.Name, other, term.Estimate)
		}
	}
	if !math.IsNaN(got[2].AIC) {
		t.Errorf("AIC = %g by css, want NaN", got[2].AIC)
	}
}

// TestMethodsWithGaps checks that CSSML starts without CSS where values are
// missing, and reaches ML by both ways to treat them.
func TestMethodsWithGaps(t *testing.T) {
	t.Parallel()
	for _, every := range []int{4, 40} {
		y := algtest.Dataset(t, "air_passengers").Floats(t, "value")
		for t := range y {
			y[t] = math.Log(y[t])
			if t%every == 3 {
				y[t] = math.NaN()
			}
		}
		s := Spec{D: 1, Q: 1, P: 1, Period: 12}
		one := fitted(t, Data{Y: y}, s)
		s.Method = CSSML
		two := fitted(t, Data{Y: y}, s)
		if math.Abs(one.LogLik-two.LogLik) > 1e-6 {
			t.Errorf("1 of %d missing: log likelihood = %.8f by ml, %.8f by css-ml", every, one.LogLik, two.LogLik)
		}
	}
}

// TestScale checks that units of y and of a regressor, and the level under a
// mean, change nothing but units.
func TestScale(t *testing.T) {
	t.Parallel()
	y := algtest.Dataset(t, "lake_huron").Floats(t, "value")
	base, err := Fit(t.Context(), Data{Y: y}, Spec{P: 1, Q: 1, Mean: true}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ factor, level float64 }{{1e-9, 0}, {1e9, 0}, {-1, 0}, {1, 1e6}} {
		z := make([]float64, len(y))
		for i, v := range y {
			z[i] = tt.factor*v + tt.level
		}
		m, err := Fit(t.Context(), Data{Y: z}, Spec{P: 1, Q: 1, Mean: true}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if d := m.Terms[i].Estimate - base.Terms[i].Estimate; math.Abs(d) > 1e-5 {
				t.Errorf("factor %g, level %g: %s is off by %g", tt.factor, tt.level, m.Terms[i].Name, d)
			}
		}
		want := tt.factor*base.Terms[2].Estimate + tt.level
		if math.Abs(m.Terms[2].Estimate/want-1) > 1e-6 {
			t.Errorf("factor %g, level %g: mean = %g, want %g", tt.factor, tt.level, m.Terms[2].Estimate, want)
		}
	}
}

// TestResiduals checks y = fitted + residual, where each is missing, and the
// fitted value of a gap.
func TestResiduals(t *testing.T) {
	t.Parallel()
	y := sawtooth(40)
	y[10] = math.NaN()
	m, err := Fit(t.Context(), Data{Y: y}, Spec{P: 1, D: 1}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range y {
		switch {
		case i == 0:
			if !math.IsNaN(m.Fitted[i]) || !math.IsNaN(m.Residuals[i]) {
				t.Errorf("fitted[0], residual[0] = %g, %g, want NaN", m.Fitted[i], m.Residuals[i])
			}
		case math.IsNaN(v):
			want := y[i-1] + m.Terms[0].Estimate*(y[i-1]-y[i-2])
			if math.Abs(m.Fitted[i]-want) > 1e-9 || !math.IsNaN(m.Residuals[i]) {
				t.Errorf("fitted[%d], residual[%d] = %g, %g, want %g, NaN", i, i, m.Fitted[i], m.Residuals[i], want)
			}
		case math.Abs(m.Fitted[i]+m.Residuals[i]-v) > 1e-9:
			t.Errorf("fitted[%d] + residual[%d] = %g, want %g", i, i, m.Fitted[i]+m.Residuals[i], v)
		}
	}
}

// TestProcessors checks that the number of processors does not change a bit.
// It is not parallel: the number belongs to the whole process.
func TestProcessors(t *testing.T) {
	y := algtest.Dataset(t, "www_usage").Floats(t, "value")
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	var texts []string
	for _, n := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(n)
		m, err := Fit(t.Context(), Data{Y: y}, Spec{P: 2, D: 1, Q: 2}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := Select(t.Context(), Data{Y: y}, Search{})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal([]any{m.State, m.Terms, s.Model.State, s.Tried[0]})
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text)+fmt.Sprint(m.LogLik, len(s.Tried)))
	}
	if texts[0] != texts[1] || texts[0] != texts[2] {
		t.Errorf("results differ between 1, 2 and 5 processors:\n%s\n%s\n%s", texts[0], texts[1], texts[2])
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	y := algtest.Dataset(t, "co2").Floats(t, "value")
	for t := 20; t < len(y); t += 3 {
		y[t] = math.NaN()
	}
	s := Spec{P: 2, D: 1, Q: 2, SP: 2, SD: 1, SQ: 2, Period: 12}
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := Fit(ctx, Data{Y: y}, s, Options{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Fit after %v: error = %v, want %v", after, err, context.DeadlineExceeded)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Select(ctx, Data{Y: y}, Search{Period: 12}); !errors.Is(err, context.Canceled) {
		t.Errorf("Select: error = %v, want %v", err, context.Canceled)
	}
}

// typed lists every sentinel of the package.
var typed = []error{
	ErrTooShort, ErrConstant, ErrOrder, ErrPeriod, ErrValue, ErrMissing, ErrShape, ErrCollinear, ErrParameter, ErrState,
}

// TestAnySeries fits random models to short, flat, spiked and broken series:
// each ends in a typed error or in a model whose forecast is finite.
func TestAnySeries(t *testing.T) {
	t.Parallel()
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 0))
	fitted := 0
	for i := range 300 {
		s := randomSpec(r)
		s.Method = []Method{ML, CSS, CSSML}[r.IntN(3)]
		y := anySeries(r, i%5)
		m, err := Fit(t.Context(), Data{Y: y}, s, Options{Starts: 3, MaxIterations: 50})
		if err != nil {
			if !isTyped(err) {
				t.Errorf("seed %d, case %d, %s: untyped error %v", seed, i, s, err)
			}
			continue
		}
		fitted++
		f, err := m.Forecast(t.Context(), 20, nil)
		if err != nil {
			t.Fatal(err)
		}
		for h := range f.Mean {
			if bad(f.Mean[h]) || bad(f.StdErr[h]) {
				t.Errorf("seed %d, case %d, %s, n = %d: step %d = %g ± %g", seed, i, s, len(y), h+1, f.Mean[h], f.StdErr[h])
				break
			}
		}
	}
	if fitted < 100 {
		t.Errorf("%d of 300 series fitted, want 100 or more", fitted)
	}
}

// anySeries draws a series of one of five kinds.
func anySeries(r *rand.Rand, kind int) []float64 {
	y := make([]float64, 3+r.IntN(40))
	for t := range y {
		switch kind {
		case 0:
			y[t] = r.NormFloat64()
		case 1:
			y[t] = float64(r.IntN(2)) // many equal values
		case 2:
			y[t] = float64(t*t) + r.NormFloat64()
		case 3:
			y[t] = 1e12 * float64(t%3)
		case 4:
			y[t] = r.ExpFloat64()
			if r.IntN(4) == 0 {
				y[t] = math.NaN()
			}
		}
	}
	return y
}

func bad(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// isTyped says whether an error wraps a sentinel of the package.
func isTyped(err error) bool {
	for _, want := range typed {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// TestTime holds the airline model to the time that a caller waits for it: 0.3
// s on one processor, a tenth of that usually.
func TestTime(t *testing.T) {
	y := algtest.Dataset(t, "air_passengers").Floats(t, "value")
	best := time.Hour
	for range 3 {
		start := time.Now()
		if _, err := Fit(t.Context(), Data{Y: y}, Spec{D: 1, Q: 1, SD: 1, SQ: 1, Period: 12}, Options{}); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	if best > 5*time.Second {
		t.Errorf("airline model in %v, want 300ms or less", best)
	}
}
