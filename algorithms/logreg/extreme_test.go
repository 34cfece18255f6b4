package logreg

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// No finite rows panic, whatever their sizes, and no fit that succeeds has a
// standard error of 0 or an estimate that is not a number.
func TestExtremes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	fitted := 0
	for range 300 {
		const n = 40
		spread := []int{1, 100, 2000}[r.IntN(3)]
		column := func(middle int) []float64 {
			out := make([]float64, n)
			for i := range out {
				out[i] = math.Ldexp(r.NormFloat64(), middle+r.IntN(spread)-spread/2)
				if spread == 2000 && r.IntN(8) == 0 {
					out[i] = math.MaxFloat64
				}
			}
			return out
		}
		d := Data{X: [][]float64{column(r.IntN(900) - 450), column(0)}, Y: make([]bool, n)}
		for i := range d.Y {
			d.Y[i] = r.IntN(2) == 0
		}
		for _, c := range []Config{{Intercept: true}, {}, {Intercept: true, L2: 1}, {Intercept: true, L1: 0.1}} {
			m, err := c.Fit(context.Background(), d)
			if err != nil {
				continue
			}
			fitted++
			for _, term := range m.Terms {
				if !c.penalised() && !term.Dropped && !(term.StdError > 0 && term.PValue > 0) || math.IsInf(term.Estimate, 0) {
					t.Fatalf("%+v: term %+v", c, term)
				}
			}
		}
	}
	if fitted < 300 {
		t.Errorf("%d fits succeeded, want at least 300", fitted)
	}
}
