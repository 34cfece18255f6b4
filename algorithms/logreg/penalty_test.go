package logreg

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// TestLargeL1: above the largest gradient at 0 every estimate is exactly 0, and
// the intercept is the log odds.
func TestLargeL1(t *testing.T) {
	d := simulate(9, 500, 3)
	var yes, no float64
	for i, y := range d.Y {
		if y {
			yes += d.W[i]
		} else {
			no += d.W[i]
		}
	}
	m, err := Config{Intercept: true, L1: 1e6}.Fit(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	for _, term := range m.Terms[1:] {
		if term.Estimate != 0 || !math.IsNaN(term.StdError) {
			t.Errorf("%+v, want estimate 0 and no error", term)
		}
	}
	if algtest.Digits(m.Terms[0].Estimate, math.Log(yes/no)) < 14 || !m.Converged || m.Vcov != nil || !math.IsNaN(m.AIC) {
		t.Errorf("%+v, want intercept %g", *m, math.Log(yes/no))
	}
}

// TestL1Collinear: copies of columns and a constant, which take nothing away
// from a penalised model and are not dropped, leave the objective as it is.
func TestL1Collinear(t *testing.T) {
	for _, c := range []Config{{Intercept: true, L1: 5}, {L1: 5}, {Intercept: true, L1: 1e-6}, {Intercept: true, L1: 5, L2: 1e-9}} {
		d := simulate(9, 500, 3)
		want, err := c.Fit(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		d.X = append(d.X, d.X[0], d.X[1], make([]float64, len(d.Y)))
		got, err := c.Fit(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		if digits := algtest.Digits(got.Objective, want.Objective); digits < 11 || !got.Converged || got.Terms[len(got.Terms)-1].Estimate != 0 {
			t.Errorf("%+v: objective %.17g, want %.17g; %+v", c, got.Objective, want.Objective, got.Terms)
		}
	}
}

// TestSmallPenaltyOnSeparableRows: however small the penalty, the estimate is
// finite, converges, and satisfies gradient = penalty's slope. At x = 1 … 40 with
// the step at 20.5 the intercept is −20.5 times the slope, by symmetry.
func TestSmallPenaltyOnSeparableRows(t *testing.T) {
	x, y := up(40, 20)
	for _, penalty := range []float64{1, 1e-3, 1e-6, 1e-9, 1e-12} {
		for _, c := range []Config{{Intercept: true, L2: penalty}, {Intercept: true, L1: penalty}} {
			m, err := c.Fit(context.Background(), Data{X: [][]float64{x}, Y: y})
			if err != nil {
				t.Fatal(err)
			}
			b0, b := m.Terms[0].Estimate, m.Terms[1].Estimate
			slope := 0.0
			for i, v := range x {
				s := -1.0
				if y[i] {
					s = 1
				}
				slope += s * (v - 20.5) * Logistic(-s*(b0+b*v))
			}
			if want := c.L1 + c.L2*b; algtest.Digits(slope, want) < 8 || algtest.Digits(b0, -20.5*b) < 10 || !m.Converged {
				t.Errorf("%+v: intercept %g, slope %g, gradient %g, want %g", c, b0, b, slope, want)
			}
		}
	}
}

// TestNearlyCollinear: a third column is a sum of two others plus ε times noise.
// Its estimate times ε and its error times ε do not depend on ε in the limit; the
// digits left are those that the data themselves have (ε against 76·2^-53).
func TestNearlyCollinear(t *testing.T) {
	fit := func(epsilon float64) *Model {
		d := simulate(9, 500, 2)
		r := rand.New(rand.NewPCG(1, 1))
		near := make([]float64, len(d.Y))
		for i := range near {
			near[i] = d.X[0][i]/3 - 2*d.X[1][i] + 7 + epsilon*r.NormFloat64()
		}
		d.X = append(d.X, near)
		m, err := Config{Intercept: true}.Fit(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	want := fit(1e-4).Terms[3]
	for _, tt := range []struct{ epsilon, digits float64 }{{1e-5, 7}, {1e-6, 7}, {1e-7, 6}, {1e-8, 5.5}, {1e-9, 4.5}} {
		m := fit(tt.epsilon)
		got := m.Terms[3]
		for _, pair := range [][2]float64{{got.Estimate * tt.epsilon, want.Estimate * 1e-4}, {got.StdError * tt.epsilon, want.StdError * 1e-4}} {
			if digits := algtest.Digits(pair[0], pair[1]); digits < tt.digits || !m.Converged {
				t.Errorf("ε = %g: %.12g, want %.12g: %.1f digits", tt.epsilon, pair[0], pair[1], digits)
			}
		}
	}
	if got := fit(1e-11).Dropped(); len(got) != 1 || got[0] != 2 {
		t.Errorf("ε = 1e-11: dropped %v, want [2]", got)
	}
}

// TestL1Optimal: the conditions of Karush, Kuhn and Tucker hold, by a gradient
// computed plainly, where half of the features nearly repeat the other half.
func TestL1Optimal(t *testing.T) {
	for seed := range uint64(10) {
		for _, l1 := range []float64{1e-4, 0.1, 5, 60} {
			d := simulate(seed, 250, 4)
			r := rand.New(rand.NewPCG(seed, 9))
			for j := range 4 {
				near := make([]float64, len(d.Y))
				for i, v := range d.X[j] {
					near[i] = v * (1 + 1e-4*r.NormFloat64())
				}
				d.X = append(d.X, near)
			}
			m, err := Config{Intercept: true, L1: l1}.Fit(context.Background(), d)
			if err != nil {
				t.Fatal(err)
			}
			gradient, size := plainGradient(d, m)
			for j, term := range m.Terms {
				low, high := -l1, l1
				switch {
				case j == 0:
					low, high = 0, 0
				case term.Estimate > 0:
					low = l1
				case term.Estimate < 0:
					high = -l1
				}
				if slack := 1e-9*l1*(1+math.Abs(term.Estimate)) + 1e-12*size[j]; gradient[j] < low-slack || gradient[j] > high+slack {
					t.Errorf("seed %d, L1 %g, term %d: estimate %g, gradient %g", seed, l1, j, term.Estimate, gradient[j])
				}
			}
			if !m.Converged {
				t.Errorf("seed %d, L1 %g: not converged after %d iterations", seed, l1, m.Iterations)
			}
		}
	}
}

// plainGradient returns Σ w·(y−p)·x for each term of a model with intercept, and
// the sum of the absolute terms, by plain sums over the rows.
func plainGradient(d Data, m *Model) (gradient, size []float64) {
	gradient, size = make([]float64, len(m.Terms)), make([]float64, len(m.Terms))
	for i, y := range d.Y {
		row := append([]float64{1}, rowOf(d, i)...)
		r := -Logistic(dot(m.Coef(), row))
		if y {
			r++
		}
		if d.W != nil {
			r *= d.W[i]
		}
		for j, v := range row {
			gradient[j] += r * v
			size[j] += math.Abs(r * v)
		}
	}
	return gradient, size
}
