package linreg

import (
	"fmt"
	"math"
	"math/big"

	"gonum.org/v1/gonum/mat"
)

// Fit is a fitted model. A number that is not defined is NaN; the field says
// when. A perfect fit (RSS 0) has standard errors 0, and no tests.
type Fit struct {
	Terms   []Term // the intercept, if there is one, then the columns in order
	Dropped []int  // columns dropped as collinear with those before them

	N          int // rows of positive weight
	ZeroWeight int // rows left out because their weight is 0
	Clusters   int // with Clustered, else 0

	// DFResidual is N less the number of terms kept; NaN with ridge.
	DFResidual float64
	// DF is the degrees of freedom of t tests and limits: DFResidual, or
	// Clusters−1; NaN with ridge.
	DF float64
	// EffectiveDF is the trace of the matrix that maps y to its fitted values:
	// the number of terms kept, less with ridge.
	EffectiveDF float64

	// R2 is 1 − RSS/TSS, TSS about the weighted mean with an intercept, else about
	// 0; NaN if TSS is 0. AdjR2 is NaN without residual degrees of freedom.
	R2, AdjR2 float64
	RSS       float64 // Σ w·e², in units of y²
	Sigma     float64 // √(RSS/DFResidual), NaN if that is 0, in units of y

	// F tests all terms but the intercept, under the classical covariance. NaN
	// without such terms, without residual degrees of freedom, and if RSS is 0.
	F, FPValue float64

	// LogLik is the Gaussian log likelihood at its maximum; AIC and BIC count
	// sigma as a parameter. NaN if RSS is 0.
	LogLik, AIC, BIC float64

	// ConditionNumber is the ratio of the largest to the smallest singular value
	// of √W·X, its columns as they are, with the intercept.
	ConditionNumber float64

	// DurbinWatson is Σ(e[t]−e[t−1])²/Σe² in the order of [Data.Order]; NaN
	// without an order.
	DurbinWatson float64
	// BreuschPagan is Koenker's n·R² of e² on the features. NaN with weights,
	// with fewer than two terms, if a column was dropped, and with ridge.
	BreuschPagan, BreuschPaganP float64
	// JarqueBera tests raw residuals for normal skewness and kurtosis.
	JarqueBera, JarqueBeraP float64

	// VCov is the covariance matrix of the kept terms, in their order. Its
	// elements are NaN without residual degrees of freedom; nil with ridge. An
	// element too small for float64, as with a feature of 1e200, is 0: the StdErr
	// of a term is right even then, that of a prediction is not.
	VCov [][]float64

	stdErr   []float64 // of the kept terms: also where VCov is out of range
	settings Regression
}

// Term is one coefficient.
type Term struct {
	Column   int     // index into X, or InterceptColumn
	Estimate float64 // NaN if the column was dropped; then so is all else

	StdErr, TStatistic, PValue float64 // the test of β = 0; NaN with ridge
	ConfLow, ConfHigh          float64

	// VIF is the variance inflation factor, 1/(1−R²) on all other columns; NaN
	// for the intercept, without one, and with ridge.
	VIF float64
}

// InterceptColumn is the Column of the intercept.
const InterceptColumn = -1

// describe returns what is known before the covariance of the estimates is.
func (r Regression) describe(e extract, s *solution) *Fit {
	nan := math.NaN()
	f := &Fit{
		N: int(e.n), ZeroWeight: int(e.zeroWeight), settings: r,
		DFResidual: nan, DF: nan, AdjR2: nan, Sigma: nan, F: nan, FPValue: nan,
		LogLik: nan, AIC: nan, BIC: nan, ConditionNumber: nan,
		DurbinWatson: nan, BreuschPagan: nan, BreuschPaganP: nan, JarqueBera: nan, JarqueBeraP: nan,
		RSS: float(s.rss), R2: s.explainedShare(), EffectiveDF: float64(len(s.kept)),
	}
	r.terms(f, e, s)
	if r.Ridge > 0 {
		f.EffectiveDF = r.effectiveDF(s)
		return f
	}
	f.DFResidual = float64(f.N - len(s.kept))
	f.ConditionNumber = s.conditionNumber()
	r.fitStatistics(f, s)
	f.likelihood(e, s)
	return f
}

// checkRange reports ErrRange if an estimate, RSS or a variance is beyond float64.
func (f *Fit) checkRange() error {
	if math.IsInf(f.RSS, 0) {
		return fmt.Errorf("linreg: %w: residual sum of squares", ErrRange)
	}
	for _, t := range f.Terms {
		if math.IsInf(t.Estimate, 0) || math.IsInf(t.StdErr, 0) {
			return fmt.Errorf("linreg: %w: estimate %g, standard error %g of column %d", ErrRange, t.Estimate, t.StdErr, t.Column)
		}
	}
	for a, row := range f.VCov {
		for b, v := range row {
			if math.IsInf(v, 0) {
				return fmt.Errorf("linreg: %w: covariance of kept terms %d and %d", ErrRange, a, b)
			}
		}
	}
	return nil
}

// terms lists the terms, with estimates and variance inflation factors.
func (r Regression) terms(f *Fit, e extract, s *solution) {
	nan := math.NaN()
	a := 0
	for _, v := range e.variables {
		t := Term{Column: v - 1, Estimate: nan, StdErr: nan, TStatistic: nan, PValue: nan, ConfLow: nan, ConfHigh: nan, VIF: nan}
		if a < len(s.variable) && s.variable[a] == v {
			t.Estimate = float(s.beta[a])
			if v > 0 && r.Intercept && r.Ridge == 0 {
				t.VIF = s.inflation(a)
			}
			a++
		} else {
			f.Dropped = append(f.Dropped, v-1)
		}
		f.Terms = append(f.Terms, t)
	}
}

// fitStatistics fills in Sigma, AdjR2 and F.
func (r Regression) fitStatistics(f *Fit, s *solution) {
	if f.DFResidual == 0 {
		return
	}
	mean := s.num().Quo(s.rss, s.num().SetFloat64(f.DFResidual))
	f.Sigma = floatSqrt(mean)
	free := 0.0 // terms that F does not test
	if r.Intercept {
		free = 1
	}
	f.AdjR2 = 1 - (1-f.R2)*(float64(f.N)-free)/f.DFResidual
	tested := float64(len(s.kept)) - free
	if tested == 0 || s.rss.Sign() == 0 || s.tss.Sign() == 0 {
		return
	}
	between := s.num().Sub(s.tss, s.rss)
	f.F = float(between.Quo(between, mean)) / tested
	f.FPValue = fUpper(f.F, tested, f.DFResidual)
}

// likelihood fills in LogLik, AIC and BIC.
func (f *Fit) likelihood(e extract, s *solution) {
	if s.rss.Sign() == 0 {
		return
	}
	logRSS := math.Log(f.RSS)
	if math.IsInf(logRSS, 0) { // RSS is outside the range of float64.
		mantissa := new(big.Float)
		exp := s.rss.MantExp(mantissa)
		logRSS = math.Log(float(mantissa)) + float64(exp)*math.Ln2
	}
	n := float64(f.N)
	f.LogLik = 0.5 * (e.logWeights - n*(math.Log(2*math.Pi)+1-math.Log(n)+logRSS))
	k := n - f.DFResidual + 1
	f.AIC = -2*f.LogLik + 2*k
	f.BIC = -2*f.LogLik + math.Log(n)*k
}

// effectiveDF returns tr(G·A⁻¹) = m − λ·tr(A⁻¹) over the features.
func (r Regression) effectiveDF(s *solution) float64 {
	sum := s.num()
	for a, v := range s.variable {
		if v > 0 {
			sum.Add(sum, s.inverse[a][a])
		}
	}
	sum.Mul(sum, s.num().SetFloat64(r.Ridge))
	return float(sum.Sub(s.num().SetInt64(int64(len(s.kept))), sum))
}

// explainedShare returns 1 − RSS/TSS.
func (s *solution) explainedShare() float64 {
	if s.tss.Sign() == 0 {
		return math.NaN()
	}
	q := s.num().Quo(s.rss, s.tss)
	return float(q.Sub(s.num().SetInt64(1), q))
}

// inflation returns the variance inflation factor of kept term a: its centred
// sum of squares times its element of the inverse.
func (s *solution) inflation(a int) float64 {
	t := s.num().Mul(s.gram[0][a], s.gram[0][a])
	t.Quo(t, s.gram[0][0])
	t.Sub(s.gram[a][a], t)
	return float(t.Mul(t, s.inverse[a][a]))
}

// conditionNumber returns the square root of the condition of the Gram matrix.
// Its largest eigenvalue, and that of its inverse, are both found to full
// accuracy in float64.
func (s *solution) conditionNumber() float64 {
	of, ofExp := largestEigenvalue(s.gram)
	inverse, inverseExp := largestEigenvalue(s.inverse)
	exp := ofExp + inverseExp
	return math.Ldexp(math.Sqrt(of)*math.Sqrt(inverse)*math.Exp2(0.5*float64(exp&1)), exp>>1)
}

// largestEigenvalue returns the largest eigenvalue of a positive definite matrix,
// as v·2^exp, as it may be beyond float64. It is that of m + I, once m is brought
// to about 1, less 1: two bits are lost, and no block of the matrix is so small
// that the solver must rescale it, which gonum's cannot.
func largestEigenvalue(m [][]*big.Float) (v float64, exp int) {
	k := len(m)
	if k == 0 {
		return math.NaN(), 0
	}
	exp = m[0][0].MantExp(nil)
	for a := range m {
		exp = max(exp, m[a][a].MantExp(nil))
	}
	dense := mat.NewSymDense(k, nil)
	for a := range m {
		for b := range a + 1 {
			v := new(big.Float).SetMantExp(m[a][b], -exp)
			dense.SetSym(a, b, float(v))
		}
		dense.SetSym(a, a, dense.At(a, a)+1)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(dense, false) {
		return math.NaN(), 0
	}
	return eigen.Values(nil)[k-1] - 1, exp
}

// float returns x rounded to float64.
func float(x *big.Float) float64 {
	v, _ := x.Float64()
	return v
}

// floatSqrt returns √x, and 0 for an x that rounding left below 0; x may be outside
// the range of float64.
func floatSqrt(x *big.Float) float64 {
	if x.Sign() <= 0 {
		return 0
	}
	half := x.MantExp(nil) >> 1
	return math.Ldexp(math.Sqrt(float(new(big.Float).SetMantExp(x, -2*half))), half)
}
