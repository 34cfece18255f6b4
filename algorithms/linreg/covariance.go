package linreg

import (
	"context"
	"fmt"
	"math"
	"math/big"

	"github.com/millrace/millrace/algorithms/suffstat"
	"github.com/millrace/millrace/exact"
)

// classical sets VCov to σ²·(X'WX)⁻¹.
func (r Regression) classical(f *Fit, s *solution) {
	if r.Ridge > 0 {
		return
	}
	scale := s.num()
	if f.DFResidual > 0 {
		scale.Quo(s.rss, s.num().SetFloat64(f.DFResidual))
	}
	f.setVCov(s.inverse, scale)
}

// setVCov sets VCov to scale·m, or to NaN without residual degrees of freedom.
func (f *Fit) setVCov(m [][]*big.Float, scale *big.Float) {
	f.VCov = make([][]float64, len(m))
	f.stdErr = make([]float64, len(m))
	t := new(big.Float).SetPrec(scale.Prec())
	for a := range m {
		f.VCov[a] = make([]float64, len(m))
		for b := range m {
			f.VCov[a][b] = float(t.Mul(m[a][b], scale))
		}
		f.stdErr[a] = floatSqrt(t.Mul(m[a][a], scale))
	}
	if !(f.DFResidual > 0) {
		f.blankVCov()
	}
}

// test fills in standard errors, t tests with df degrees of freedom, and limits.
func (r Regression) test(f *Fit, df float64) {
	if r.Ridge > 0 {
		return
	}
	f.DF = df
	if !(f.DFResidual > 0) {
		return
	}
	quantile := tQuantile(r.Confidence, df)
	a := 0
	for i := range f.Terms {
		t := &f.Terms[i]
		if math.IsNaN(t.Estimate) {
			continue
		}
		t.StdErr = f.stdErr[a]
		a++
		if t.StdErr > 0 {
			t.TStatistic = t.Estimate / t.StdErr
			t.PValue = tTwoSided(t.TStatistic, df)
		}
		t.ConfLow = t.Estimate - quantile*t.StdErr
		t.ConfHigh = t.Estimate + quantile*t.StdErr
	}
}

// heteroskedastic sets VCov to HC0, HC1, HC2 or HC3.
func (r Regression) heteroskedastic(ctx context.Context, f *Fit, in diagnosis) error {
	s := in.solution
	if s.rss.Sign() == 0 || f.DFResidual == 0 {
		f.setVCov(s.inverse, s.num())
		return nil
	}
	q, exp, err := r.squaredScores(ctx, in)
	if err != nil {
		return err
	}
	if notFinite(q) >= 0 { // A row of leverage 1 has no HC2 or HC3.
		f.setVCov(s.inverse, s.num())
		f.blankVCov()
		return nil
	}
	k := len(in.rows.X)
	cross := suffstat.NewCross(k)
	if err := cross.Add(ctx, suffstat.Block{Columns: in.rows.X, Weights: q}, r.Workers); err != nil {
		return fmt.Errorf("linreg: %v: %w", r.Covariance, err)
	}
	meat := square(len(s.variable))
	for a, v := range s.variable {
		for b, w := range s.variable {
			meat[a][b] = cross.At(v, w).Big()
		}
	}
	scale := s.num().SetInt64(1)
	if r.Covariance == HC1 {
		scale.Quo(s.num().SetInt64(int64(f.N)), s.num().SetFloat64(f.DFResidual))
	}
	v, err := s.congruence(s.inverse, meat)
	if err != nil {
		return err
	}
	f.setVCov(v, scale.SetMantExp(scale, 2*exp))
	return nil
}

// blankVCov sets all of VCov to NaN.
func (f *Fit) blankVCov() {
	for _, row := range f.VCov {
		for b := range row {
			row[b] = math.NaN()
		}
	}
	for a := range f.stdErr {
		f.stdErr[a] = math.NaN()
	}
}

// squaredScores returns (w·e·2^-exp)² for each row, over 1−h for HC2 and (1−h)² for
// HC3; NaN where h is 1 to within rounding. The power of 2 keeps squares in range.
func (r Regression) squaredScores(ctx context.Context, in diagnosis) (q []float64, exp int, err error) {
	q = make([]float64, len(in.residuals))
	if r.Covariance == HC2 || r.Covariance == HC3 {
		if err := r.leverages(ctx, in, q); err != nil {
			return nil, 0, err
		}
	}
	const rounding = 1e-12
	most := 0.0
	for i, e := range in.residuals {
		if in.rows.W != nil {
			e *= in.rows.W[i]
		}
		if math.IsInf(e, 0) {
			return nil, 0, fmt.Errorf("linreg: %w: weight %g times residual %g, row %d", ErrRange, in.rows.W[i], in.residuals[i], i)
		}
		left := 1 - q[i]
		switch {
		case left < rounding:
			e = math.NaN()
		case r.Covariance == HC2:
			e /= math.Sqrt(left)
		case r.Covariance == HC3:
			e /= left
		}
		q[i] = e
		most = max(most, math.Abs(e))
	}
	_, exp = math.Frexp(most)
	for i, e := range q {
		e = math.Ldexp(e, -exp)
		q[i] = e * e
	}
	return q, exp, nil
}

// leverages fills h with w·x'·(X'WX)⁻¹·x: the squared length of D^-½·L⁻¹·x.
func (r Regression) leverages(ctx context.Context, in diagnosis, h []float64) error {
	s, columns := in.solution, in.columns()
	forms := make([]form, len(s.u))
	length := make([]float64, len(s.u))
	for a, row := range s.u {
		forms[a] = newForm(row, columns)
		length[a] = floatSqrt(s.d[a])
	}
	return suffstat.Blocks(ctx, suffstat.Split{Rows: len(h), Workers: r.Workers}, func(_, from, to int) error {
		sum, rest := make([]float64, to-from), make([]float64, to-from)
		for a, f := range forms {
			clear(sum)
			clear(rest)
			f.addTo(sum, rest, from)
			for i := range sum {
				z := (sum[i] + rest[i]) / length[a]
				if in.rows.W == nil {
					h[from+i] += z * z
				} else {
					h[from+i] += z * z * in.rows.W[from+i]
				}
			}
		}
		return nil
	})
}

// twoPart returns a sum as two float64; an infinite one has no second part.
func twoPart(s *exact.Sum) (high, low float64) {
	high = s.Float64()
	if math.IsInf(high, 0) {
		return high, 0
	}
	s.Sub(high)
	return high, s.Float64()
}
