package arima

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"
)

// fitted fits a model that the test needs.
func fitted(t *testing.T, data Data, s Spec) *Model {
	t.Helper()
	m, err := Fit(t.Context(), data, s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestForecastByHand checks models whose forecasts have a closed form.
func TestForecastByHand(t *testing.T) {
	t.Parallel()
	y := sawtooth(30)
	last := y[len(y)-1]
	walk := fitted(t, Data{Y: y}, Spec{D: 1})
	drift := fitted(t, Data{Y: y}, Spec{D: 1, Drift: true})
	naive := fitted(t, Data{Y: y}, Spec{SD: 1, Period: 7})
	auto := fitted(t, Data{Y: y}, Spec{P: 1})
	for _, tt := range []struct {
		name         string
		m            *Model
		mean, stdErr func(h int) float64 // stdErr in units of the root of Sigma2
	}{
		{"RandomWalk", walk, func(int) float64 { return last },
			func(h int) float64 { return math.Sqrt(float64(h)) }},
		{"Drift", drift, func(h int) float64 { return last + float64(h)*(last-y[0])/29 },
			func(h int) float64 { return math.Sqrt(float64(h)) }},
		{"SeasonalNaive", naive, func(h int) float64 { return y[len(y)-7+(h-1)%7] },
			func(h int) float64 { return math.Sqrt(float64(1 + (h-1)/7)) }},
		{"AR1", auto, func(h int) float64 { return last * math.Pow(auto.Terms[0].Estimate, float64(h)) },
			func(h int) float64 {
				a2 := auto.Terms[0].Estimate * auto.Terms[0].Estimate
				return math.Sqrt((1 - math.Pow(a2, float64(h))) / (1 - a2))
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := tt.m.Forecast(t.Context(), 20, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range f.Mean {
				h := i + 1
				if want := tt.mean(h); math.Abs(f.Mean[i]-want) > 1e-9*(1+math.Abs(want)) {
					t.Errorf("step %d: mean = %.12g, want %.12g", h, f.Mean[i], want)
				}
				if want := tt.stdErr(h) * math.Sqrt(tt.m.Sigma2); math.Abs(f.StdErr[i]/want-1) > 1e-9 {
					t.Errorf("step %d: standard error = %.12g, want %.12g", h, f.StdErr[i], want)
				}
			}
		})
	}
}

// TestStateRoundTrip stores states as JSON and forecasts from them alone.
func TestStateRoundTrip(t *testing.T) {
	t.Parallel()
	y := sawtooth(60)
	gaps := append([]float64(nil), y...)
	for _, at := range []int{0, 5, 33, 58, 59} {
		gaps[at] = math.NaN()
	}
	x := append(append([]float64(nil), y[30:]...), y[:30]...)
	for _, tt := range []struct {
		name   string
		data   Data
		spec   Spec
		future [][]float64
	}{
		{"White", Data{Y: y}, Spec{}, nil},
		{"Mean", Data{Y: y}, Spec{P: 2, Q: 1, Mean: true}, nil},
		{"Seasonal", Data{Y: y}, Spec{P: 1, D: 1, SD: 1, SQ: 1, Period: 4}, nil},
		{"CSS", Data{Y: y}, Spec{P: 1, D: 1, Drift: true, Method: CSS}, nil},
		{"Regressor", Data{Y: y, X: [][]float64{x}}, Spec{P: 1, Q: 1, D: 1}, [][]float64{y[:10]}},
		{"Gaps", Data{Y: gaps}, Spec{Q: 1, D: 1, SD: 1, Period: 4}, nil},
		{"OldGaps", Data{Y: gaps[:55]}, Spec{Q: 1, D: 1, SD: 1, Period: 4}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := fitted(t, tt.data, tt.spec)
			want, err := m.Forecast(t.Context(), 10, tt.future)
			if err != nil {
				t.Fatal(err)
			}
			got, err := throughJSON(t, m.State).Forecast(t.Context(), 10, tt.future)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("forecast after JSON = %v, want %v", got, want)
			}
		})
	}
}

// throughJSON stores a state and reads it back.
func throughJSON(t *testing.T, s State) State {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back State
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func TestForecastErrors(t *testing.T) {
	t.Parallel()
	y := sawtooth(40)
	x := append(append([]float64(nil), y[20:]...), y[:20]...)
	m := fitted(t, Data{Y: y, X: [][]float64{x}, Names: []string{"rain"}}, Spec{P: 1, Mean: true})
	future := [][]float64{{1, 2, 3}}
	change := func(f func(*State)) State {
		s := m.State
		f(&s)
		return s
	}
	for _, tt := range []struct {
		name   string
		state  State
		h      int
		future [][]float64
		want   error
	}{
		{"Good", m.State, 3, future, nil},
		{"NoSteps", m.State, 0, future, ErrParameter},
		{"TooManySteps", m.State, maxForecast + 1, future, ErrParameter},
		{"NoRegressors", m.State, 3, nil, ErrShape},
		{"ShortRegressors", m.State, 4, future, ErrShape},
		{"TwoRegressors", m.State, 3, append(future, future[0]), ErrShape},
		{"MissingRegressor", m.State, 3, [][]float64{{1, math.NaN(), 3}}, ErrValue},
		{"Empty", State{}, 3, future, ErrState},
		{"OtherVersion", change(func(s *State) { s.Version = 2 }), 3, future, ErrState},
		{"BadOrder", change(func(s *State) { s.Spec.P = -1 }), 3, future, ErrState},
		{"OtherOrder", change(func(s *State) { s.Spec.P = 2 }), 3, future, ErrState},
		{"NoBeta", change(func(s *State) { s.Beta, s.Names = nil, s.Names[:1] }), 3, future, ErrState},
		{"ShortMean", change(func(s *State) { s.Mean = nil }), 3, future, ErrState},
		{"LongCov", change(func(s *State) { s.Cov = make([]float64, 2) }), 3, future, ErrState},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := tt.state.Forecast(t.Context(), tt.h, tt.future); !errors.Is(err, tt.want) {
				t.Errorf("Forecast error = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestLimitErrors(t *testing.T) {
	t.Parallel()
	f := Forecast{Mean: []float64{1}, StdErr: []float64{2}}
	for _, level := range []float64{0, 1, -0.5, math.NaN()} {
		if _, _, err := f.Limits(level); !errors.Is(err, ErrParameter) {
			t.Errorf("Limits(%g) error = %v, want %v", level, err, ErrParameter)
		}
	}
}

// FuzzState reads states from JSON as a table of models holds them: a forecast
// from any of them returns, and does not allocate what the state does not back.
func FuzzState(f *testing.F) {
	for _, s := range []Spec{{P: 1, Mean: true}, {D: 1, Q: 1, SD: 1, Period: 4}} {
		m, err := Fit(f.Context(), Data{Y: sawtooth(30)}, s, Options{Starts: 1})
		if err != nil {
			f.Fatal(err)
		}
		text, err := json.Marshal(m.State)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"version":1,"spec":{"sp":2,"sd":1,"period":900},"coef":[0,0]}`))
	f.Add([]byte(`{"version":1,"spec":{"mean":true},"names":["mean"],"beta":[1],"mean":[1e300],"cov":[-1]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s State
		if json.Unmarshal(text, &s) != nil {
			return
		}
		got, err := s.Forecast(t.Context(), 3, nil)
		if err != nil && !isTyped(err) {
			t.Errorf("untyped error %v", err)
		}
		if err == nil && len(got.Mean) != 3 {
			t.Errorf("%d steps, want 3", len(got.Mean))
		}
	})
}
