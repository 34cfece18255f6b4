package linreg

import (
	"context"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/millrace/millrace/algorithms/algtest"
)

// hilbert returns the lower triangle of the Hilbert matrix of order m, in many
// bits, with a target whose coefficients are all 1.
func hilbert(m int) [][]*big.Float {
	entry := func(i, j int) *big.Float {
		one := new(big.Float).SetPrec(2000).SetInt64(1)
		return one.Quo(one, big.NewFloat(float64(i+j+1)))
	}
	g := make([][]*big.Float, m+1)
	for i := range m {
		for j := range i + 1 {
			g[i] = append(g[i], entry(i, j))
		}
	}
	total := new(big.Float).SetPrec(2000)
	for i := range m {
		sum := new(big.Float).SetPrec(2000)
		for j := range m {
			sum.Add(sum, entry(i, j))
		}
		g[m] = append(g[m], sum)
		total.Add(total, sum)
	}
	g[m] = append(g[m], total)
	return g
}

func mustDecompose(t *testing.T, g [][]*big.Float) *solution {
	t.Helper()
	r := Regression{Tolerance: 1e-100}
	s, err := r.decompose(r.crew(t.Context()), g)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The condition of a Hilbert matrix of order 60 is about 1e90, beyond firstPrec: the
// precision must rise until the solution is good to the last bit of a float64.
func TestPrecisionFollowsCondition(t *testing.T) {
	t.Parallel()
	for _, m := range []int{3, 12, 60} {
		g := hilbert(m)
		s := mustDecompose(t, g)
		if len(s.kept) != m {
			t.Fatalf("order %d: %d columns kept", m, len(s.kept))
		}
		for a, b := range s.coefficients() {
			if got := float(b); got != 1 {
				t.Errorf("order %d: coefficient %d = %.17g, want 1", m, a, got)
			}
		}
		if got := float(s.inverse[0][0]); got != float64(m*m) { // Known: the first element is m².
			t.Errorf("order %d: inverse[0][0] = %.17g, want %d", m, got, m*m)
		}
		if s.rest.Sign() != 0 {
			t.Errorf("order %d: rest = %g, want 0", m, s.rest)
		}
	}
	if low, high := mustDecompose(t, hilbert(3)).prec, mustDecompose(t, hilbert(60)).prec; high <= firstPrec || low > mostPrec {
		t.Errorf("precision %d for order 3, %d for order 60", low, high)
	}
}

// Tolerance decides what is dropped: at 1e-7, R's, the last power of Filip goes.
func TestTolerance(t *testing.T) {
	t.Parallel()
	var file struct{ Sets []strdSet }
	algtest.Load(t, "strd.json", &file)
	s := file.Sets[slices.IndexFunc(file.Sets, func(s strdSet) bool { return s.Name == "filip" })]
	d := Data{X: s.columns(t), Y: s.Y}
	if f := mustFit(t, Regression{Intercept: true, Tolerance: 1e-7}, d); !slices.Equal(f.Dropped, []int{9}) {
		t.Errorf("dropped %v, want x^10", f.Dropped)
	}
	if f := mustFit(t, Regression{Intercept: true}, d); len(f.Dropped) != 0 {
		t.Errorf("dropped %v, want none", f.Dropped)
	}
}

// An independent fit, Householder QR of gonum, agrees.
func TestAgainstQR(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(31, 32))
	const n, p = 300, 6
	x, y := mat.NewDense(n, p, nil), mat.NewVecDense(n, nil)
	d := Data{X: make([][]float64, p), Y: make([]float64, n)}
	for i := range n {
		for j := range p {
			v := r.NormFloat64() + float64(j)
			x.Set(i, j, v)
			d.X[j] = append(d.X[j], v)
			d.Y[i] += v
		}
		d.Y[i] += r.NormFloat64()
		y.SetVec(i, d.Y[i])
	}
	var want mat.VecDense
	if err := want.SolveVec(x, y); err != nil {
		t.Fatal(err)
	}
	for j, term := range mustFit(t, Regression{}, d).Terms {
		if got := algtest.Digits(term.Estimate, want.AtVec(j)); got < 12 {
			t.Errorf("term %d = %g, want %g: %.1f digits", j, term.Estimate, want.AtVec(j), got)
		}
	}
	if got := algtest.Digits(mustFit(t, Regression{}, d).ConditionNumber, mat.Cond(x, 2)); got < 12 {
		t.Errorf("condition number: %.1f digits", got)
	}
}

// A form survives cancellation of 25 digits.
func TestForm(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(33, 34))
	for range 200 {
		a, b := r.NormFloat64(), 1e12*r.NormFloat64()
		third := new(big.Float).SetPrec(300).Quo(big.NewFloat(b), big.NewFloat(3))
		c := []*big.Float{third, new(big.Float).SetPrec(300).Neg(third), new(big.Float).SetPrec(300).SetFloat64(a)}
		x := [][]float64{{1e13}, {1e13 * (1 + 0x1p-52)}, nil}
		want := new(big.Float).SetPrec(400).SetFloat64(a)
		for j := range 2 {
			want.Add(want, new(big.Float).SetPrec(400).Mul(c[j], big.NewFloat(x[j][0])))
		}
		sum, rest := make([]float64, 1), make([]float64, 1)
		newForm(c, x).addTo(sum, rest, 0)
		w, _ := want.Float64()
		if got := sum[0] + rest[0]; math.Abs(got-w) > 1e-15*math.Abs(w) {
			t.Errorf("form = %.17g, want %.17g", got, w)
		}
	}
}

func TestSummaryOfNothing(t *testing.T) {
	t.Parallel()
	s := NewSummary(2)
	if err := s.Add(context.Background(), Data{X: make([][]float64, 2)}, 1); err != nil || s.N() != 0 {
		t.Errorf("Add of no rows = %v, N = %d", err, s.N())
	}
	defer func() {
		if recover() == nil {
			t.Error("a block of one column did not panic")
		}
	}()
	_ = s.Add(context.Background(), Data{X: make([][]float64, 1)}, 1)
}
