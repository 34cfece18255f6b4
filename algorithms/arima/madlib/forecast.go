package madlib

import (
	"fmt"

	"github.com/millrace/millrace/algorithms/arima"
)

// stateVersion counts the forms of [State]; a reader refuses others.
const stateVersion = 1

// State is the end of a series as a fitted model sees it: all that a forecast
// needs. It holds finite numbers only, so that it can be stored as JSON.
type State struct {
	Version int       `json:"version"`
	Mean    float64   `json:"mean"`
	Phi     []float64 `json:"phi"`
	Theta   []float64 `json:"theta"`
	// Recent holds the last p differenced values less the mean, newest first.
	Recent []float64 `json:"recent"`
	// Residuals holds the last q residuals, newest first.
	Residuals []float64 `json:"residuals"`
	// Ends holds the last value of the series differenced 0 … d−1 times.
	Ends []float64 `json:"ends"`
}

// newState keeps the ends of the levels.
func newState(levels [][]float64, m *Model) State {
	c := m.Config
	x := levels[c.D]
	s := State{Version: stateVersion, Mean: m.Mean, Phi: m.Phi, Theta: m.Theta}
	for i := range c.P {
		s.Recent = append(s.Recent, x[len(x)-1-i]-m.Mean)
	}
	for i := range c.Q {
		last := 0.0
		if i < len(m.Residuals) {
			last = m.Residuals[len(m.Residuals)-1-i]
		}
		s.Residuals = append(s.Residuals, last)
	}
	for _, level := range levels[:c.D] {
		s.Ends = append(s.Ends, level[len(level)-1])
	}
	return s
}

// maxSteps bounds a forecast.
const maxSteps = 100000

// Forecast returns the next h values: the recursion with residuals 0, the mean
// added, the differencing undone. Cost: O(h·(p+q+d)).
//
// Errors: [arima.ErrParameter] unless 1 ≤ h ≤ 100000; [arima.ErrState] if the
// state was not made by [Fit] of this version.
func (s State) Forecast(h int) ([]float64, error) {
	if s.Version != stateVersion || len(s.Recent) != len(s.Phi) || len(s.Residuals) != len(s.Theta) {
		return nil, fmt.Errorf("madlib: %w: version %d with %d recent values and %d residuals, want version %d with %d and %d",
			arima.ErrState, s.Version, len(s.Recent), len(s.Residuals), stateVersion, len(s.Phi), len(s.Theta))
	}
	if h < 1 || h > maxSteps {
		return nil, fmt.Errorf("madlib: %w: %d steps, want 1 to %d", arima.ErrParameter, h, maxSteps)
	}
	recent := append([]float64(nil), s.Recent...)
	residuals := append([]float64(nil), s.Residuals...)
	ends := append([]float64(nil), s.Ends...)
	out := make([]float64, h)
	for t := range out {
		v := 0.0
		for i, c := range s.Phi {
			v += c * recent[i]
		}
		for i, c := range s.Theta {
			v += c * residuals[i]
		}
		push(recent, v)
		push(residuals, 0)
		v += s.Mean
		for level := len(ends) - 1; level >= 0; level-- {
			ends[level] += v
			v = ends[level]
		}
		out[t] = v
	}
	return out, nil
}

// push puts v in front and drops the last element.
func push(queue []float64, v float64) {
	if len(queue) == 0 {
		return
	}
	copy(queue[1:], queue)
	queue[0] = v
}
