package linreg

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/algorithms/suffstat"
)

var everyCovariance = []Covariance{Classical, HC0, HC1, HC2, HC3, Clustered}

// simulate draws n rows: features of unequal scale, one of them nearly a
// combination of others, one of zeros and ones; errors of unequal variance.
func simulate(r *rand.Rand, n int) Data {
	d := Data{X: make([][]float64, 4), Y: make([]float64, n), W: make([]float64, n)}
	for j := range d.X {
		d.X[j] = make([]float64, n)
	}
	for i := range n {
		a, b := r.NormFloat64(), r.ExpFloat64()
		d.X[0][i], d.X[1][i] = 1e3+a, 1e-3*b
		d.X[2][i] = a - b + 1e-5*r.NormFloat64()
		d.X[3][i] = float64(r.IntN(2))
		d.Y[i] = 2*a - b + d.X[3][i] + (1+b)*r.NormFloat64()
		d.W[i] = float64(r.IntN(5)) / 3 // Some are 0.
		d.Cluster = append(d.Cluster, int32(r.IntN(40)))
		d.Order = append(d.Order, i)
	}
	return d
}

// permute returns the rows of d in another order, and Order with them.
func permute(r *rand.Rand, d Data) Data {
	place := r.Perm(len(d.Y)) // new index of each row
	n := len(place)
	out := Data{Y: take(d.Y, place, n), W: take(d.W, place, n), Cluster: take(d.Cluster, place, n)}
	for _, column := range d.X {
		out.X = append(out.X, take(column, place, n))
	}
	for _, i := range d.Order {
		out.Order = append(out.Order, place[i])
	}
	return out
}

// slice returns the rows [from, to) without an order.
func (d Data) slice(from, to int) Data {
	out := Data{Y: d.Y[from:to], Cluster: d.Cluster[from:to]}
	if d.W != nil {
		out.W = d.W[from:to]
	}
	for _, column := range d.X {
		out.X = append(out.X, column[from:to])
	}
	return out
}

func mustFit(t testing.TB, r Regression, d Data) *Fit {
	t.Helper()
	f, err := r.Fit(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// bits writes every number of f so that different numbers differ, without settings.
func bits(f *Fit) string {
	c := *f
	c.settings = Regression{}
	return fmt.Sprintf("%+v", c)
}

// A fit does not depend on the order of rows or the number of workers: not in
// one bit of one number.
func TestLaws(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(21, 22))
	for _, weighted := range []bool{false, true} {
		d := simulate(r, 2*suffstat.BlockRows+300)
		if !weighted {
			d.W = nil
		}
		for _, covariance := range everyCovariance {
			settings := Regression{Intercept: true, Covariance: covariance, Workers: 1}
			want := bits(mustFit(t, settings, d))
			settings.Workers = 3
			if got := bits(mustFit(t, settings, d)); got != want {
				t.Errorf("%v, weighted %t: 3 workers\n%s, want\n%s", covariance, weighted, got, want)
			}
			if got := bits(mustFit(t, settings, permute(r, d))); got != want {
				t.Errorf("%v, weighted %t: permuted\n%s, want\n%s", covariance, weighted, got, want)
			}
		}
	}
}

// Shards merged in any order, and rows added and taken back, give the bits of one
// fit of all rows.
func TestSummaryLaws(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := rand.New(rand.NewPCG(23, 24))
	for _, settings := range []Regression{{Intercept: true}, {}, {Intercept: true, Ridge: 2}} {
		d := simulate(r, 3000)
		whole := mustFit(t, settings, d)
		whole.DurbinWatson, whole.JarqueBera, whole.JarqueBeraP = math.NaN(), math.NaN(), math.NaN()
		total := NewSummary(4)
		for _, cut := range [][2]int{{1000, 2500}, {2500, 3000}, {0, 1000}, {7, 7}} {
			part := NewSummary(4)
			if err := part.Add(ctx, d.slice(cut[0], cut[1]), 2); err != nil {
				t.Fatal(err)
			}
			total.Merge(part)
		}
		extra := simulate(r, 500)
		if err := total.Add(ctx, extra, 1); err != nil {
			t.Fatal(err)
		}
		for _, cut := range [][2]int{{200, 500}, {0, 200}} {
			if err := total.Remove(ctx, extra.slice(cut[0], cut[1]), 1); err != nil {
				t.Fatal(err)
			}
		}
		fit, err := settings.FitSummary(total)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := bits(fit), bits(whole); got != want {
			t.Errorf("%+v: merged shards\n%s, want\n%s", settings, got, want)
		}
	}
}

// Units do not matter: a column times 2^k divides its coefficient by it, y times
// 2^k multiplies all of them, weights times 4^k change no estimate; all to the
// last bit, as powers of 2 do not round.
func TestScaling(t *testing.T) {
	t.Parallel()
	const yScale = -600 // Squares are below the range of float64.
	r := rand.New(rand.NewPCG(25, 26))
	d := simulate(r, 500)
	scaled := func(x []float64, k int) []float64 {
		out := slices.Clone(x)
		for i := range out {
			out[i] = math.Ldexp(out[i], k)
		}
		return out
	}
	for _, covariance := range everyCovariance {
		settings := Regression{Intercept: true, Covariance: covariance}
		want := mustFit(t, settings, d)
		other := d
		other.X = slices.Clone(d.X)
		other.X[1] = scaled(d.X[1], 100)
		other.Y = scaled(d.Y, yScale)
		other.W = scaled(d.W, 40)
		got := mustFit(t, settings, other)
		for i, term := range got.Terms {
			k := -yScale
			if i == 2 {
				k += 100
			}
			w := want.Terms[i]
			if math.Ldexp(term.Estimate, k) != w.Estimate || math.Ldexp(term.StdErr, k) != w.StdErr ||
				term.PValue != w.PValue || i > 0 && term.VIF != w.VIF {
				t.Errorf("%v: term %d = %+v, want %+v scaled", covariance, i, term, w)
			}
		}
		if got.R2 != want.R2 || got.F != want.F || got.DurbinWatson != want.DurbinWatson || got.JarqueBera != want.JarqueBera {
			t.Errorf("%v: %+v, want %+v", covariance, got, want)
		}
		if s := math.Ldexp(got.Sigma, -yScale-20); s != want.Sigma {
			t.Errorf("%v: sigma = %g, want %g", covariance, s, want.Sigma)
		}
	}
}

// A weight of 2 counts a row twice in every estimate; a constant column and the
// intercept are the same model.
func TestEquivalentModels(t *testing.T) {
	t.Parallel()
	d := simulate(rand.New(rand.NewPCG(27, 28)), 400)
	d.W, d.Cluster, d.Order = nil, nil, nil
	twice := Data{X: make([][]float64, 4), Y: append(slices.Clone(d.Y), d.Y[:150]...)}
	weighted := d
	weighted.W = make([]float64, 400)
	for i := range weighted.W {
		weighted.W[i] = 1
		if i < 150 {
			weighted.W[i] = 2
		}
	}
	for j, column := range d.X {
		twice.X[j] = append(slices.Clone(column), column[:150]...)
	}
	a, b := mustFit(t, Regression{Intercept: true}, twice), mustFit(t, Regression{Intercept: true}, weighted)
	ones := slices.Repeat([]float64{1}, 400)
	constant := d
	constant.X = append([][]float64{ones}, d.X...)
	c, e := mustFit(t, Regression{Intercept: true}, d), mustFit(t, Regression{}, constant)
	for i := range a.Terms {
		if a.Terms[i].Estimate != b.Terms[i].Estimate {
			t.Errorf("term %d: %g from repeated rows, %g from weights", i, a.Terms[i].Estimate, b.Terms[i].Estimate)
		}
		if c.Terms[i].Estimate != e.Terms[i].Estimate || c.Terms[i].StdErr != e.Terms[i].StdErr {
			t.Errorf("term %d: %+v with the intercept, %+v with a constant column", i, c.Terms[i], e.Terms[i])
		}
	}
}
