package logreg

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// simulate draws n rows of p features from a known model, p ≥ 1. The features
// differ in unit and share a factor.
func simulate(seed uint64, n, p int) Data {
	r := rand.New(rand.NewPCG(seed, 1))
	d := Data{X: make([][]float64, p), Y: make([]bool, n), W: make([]float64, n)}
	for i := range n {
		shared, eta := r.NormFloat64(), 0.3
		for j := range p {
			x := shared + r.NormFloat64()
			eta += x / float64(p)
			d.X[j] = append(d.X[j], 50+x*math.Pow(10, float64(j%5-2)))
		}
		d.Y[i] = r.Float64() < Logistic(eta)
		d.W[i] = float64(r.IntN(4))
	}
	return d
}

func permute(seed uint64, d Data) Data {
	order := rand.New(rand.NewPCG(seed, 2)).Perm(len(d.Y))
	out := Data{X: make([][]float64, len(d.X))}
	for _, i := range order {
		for j := range d.X {
			out.X[j] = append(out.X[j], d.X[j][i])
		}
		out.Y, out.W = append(out.Y, d.Y[i]), append(out.W, d.W[i])
	}
	return out
}

// replicate returns d with each row as often as its weight says.
func replicate(d Data) Data {
	out := Data{X: make([][]float64, len(d.X))}
	for i, w := range d.W {
		for range int(w) {
			for j := range d.X {
				out.X[j] = append(out.X[j], d.X[j][i])
			}
			out.Y = append(out.Y, d.Y[i])
		}
	}
	return out
}

var penalties = []Config{{Intercept: true}, {}, {Intercept: true, L2: 3}, {Intercept: true, L1: 8}, {Intercept: true, L1: 4, L2: 2}}

// TestSameBits: any order of the rows and any number of workers give the same
// bits in every field.
func TestSameBits(t *testing.T) {
	for _, c := range penalties {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			t.Parallel()
			d := simulate(7, 5*blockRows+13, 4)
			d.X = append(d.X, d.X[1]) // Dropped without penalty.
			var want string
			for workers := range 5 {
				c.Workers = workers
				for seed := range uint64(3) {
					m, err := c.Fit(context.Background(), permute(seed, d))
					if err != nil {
						t.Fatal(err)
					}
					got := fmt.Sprintf("%+v", *m) // %v prints each float64 uniquely.
					if want == "" {
						want = got
					}
					if got != want {
						t.Fatalf("%d workers, seed %d:\n%s\nwant\n%s", workers, seed, got, want)
					}
				}
			}
		})
	}
}

// TestWeightsReplicate: a weight of k is the row k times, except for N.
func TestWeightsReplicate(t *testing.T) {
	for _, c := range penalties {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			t.Parallel()
			d := simulate(11, 900, 3)
			a, err := c.Fit(context.Background(), d)
			if err != nil {
				t.Fatal(err)
			}
			b, err := c.Fit(context.Background(), replicate(d))
			if err != nil {
				t.Fatal(err)
			}
			if a.N+a.NZeroWeight != len(d.Y) || a.NZeroWeight == 0 || float64(b.N) != a.SumWeights {
				t.Errorf("n %d, zero %d, sum %g; replicated %d", a.N, a.NZeroWeight, a.SumWeights, b.N)
			}
			for i := range a.Terms {
				for _, pair := range [][2]float64{
					{a.Terms[i].Estimate, b.Terms[i].Estimate}, {a.Deviance, b.Deviance}, {a.NullDeviance, b.NullDeviance},
				} {
					if digits := algtest.Digits(pair[0], pair[1]); digits < 11 {
						t.Errorf("term %d: %.17g, replicated %.17g", i, pair[0], pair[1])
					}
				}
				// Without intercept the features are nearly collinear (condition 1e8),
				// and inverting the Hessian costs digits.
				if digits := algtest.Digits(a.Terms[i].StdError, b.Terms[i].StdError); digits < 9 {
					t.Errorf("term %d: std error %.17g, replicated %.17g", i, a.Terms[i].StdError, b.Terms[i].StdError)
				}
			}
		})
	}
}

// TestUnits: a feature in other units, around another origin, has the estimate in
// these units, and the fit is the same.
func TestUnits(t *testing.T) {
	d := simulate(3, 400, 2)
	c := Config{Intercept: true}
	want, err := c.Fit(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name          string
		factor, shift float64
		digits        float64
	}{
		{name: "Tiny", factor: 1e-120, digits: 12},
		{name: "Huge", factor: 1e140, digits: 12},
		{name: "Seconds", factor: 1, shift: 1.7e9, digits: 6}, // x itself keeps 7 digits: 2^-22 of a spread of 0.01.
	} {
		t.Run(tt.name, func(t *testing.T) {
			moved := d
			moved.X = [][]float64{make([]float64, len(d.Y)), d.X[1]}
			for i, x := range d.X[0] {
				moved.X[0][i] = x*100*tt.factor + tt.shift
			}
			m, err := c.Fit(context.Background(), moved)
			if err != nil {
				t.Fatal(err)
			}
			for _, pair := range [][2]float64{
				{m.Terms[1].Estimate * 100 * tt.factor, want.Terms[1].Estimate},
				{m.Terms[1].StdError * 100 * tt.factor, want.Terms[1].StdError},
				{m.Terms[2].Estimate, want.Terms[2].Estimate}, {m.Deviance, want.Deviance},
			} {
				if digits := algtest.Digits(pair[0], pair[1]); digits < tt.digits {
					t.Errorf("%.17g, want %.17g: %.1f digits", pair[0], pair[1], digits)
				}
			}
		})
	}
}
