package linreg

import (
	"context"
	"math"
	"math/big"

	"github.com/millrace/millrace/exact"
)

// diagnosis is what statistics of residuals start from.
type diagnosis struct {
	secondInput
	residuals []float64
}

// diagnose fills in Durbin–Watson, Jarque–Bera and Breusch–Pagan. They do not
// depend on the unit of y, so residuals are brought to about 1 first, by a power
// of 2: no square overflows.
func (r Regression) diagnose(ctx context.Context, f *Fit, in diagnosis) error {
	most := 0.0
	for _, e := range in.residuals {
		most = max(most, math.Abs(e))
	}
	if most == 0 {
		return nil
	}
	_, exp := math.Frexp(most)
	e := make([]float64, len(in.residuals))
	for i, v := range in.residuals {
		e[i] = math.Ldexp(v, -exp)
	}
	if in.rows.Order != nil {
		f.DurbinWatson = durbinWatson(e, in.rows.Order)
	}
	f.JarqueBera = jarqueBera(e)
	f.JarqueBeraP = chiSquaredUpper(f.JarqueBera, 2)
	if err := ctx.Err(); err != nil {
		return err
	}
	terms := len(in.solution.kept)
	if r.Ridge == 0 && in.rows.W == nil && terms > 1 && len(f.Dropped) == 0 {
		in.residuals = e
		f.BreuschPagan = in.breuschPagan()
		f.BreuschPaganP = chiSquaredUpper(f.BreuschPagan, float64(terms-1))
	}
	return nil
}

// durbinWatson returns Σ(e[t]−e[t−1])²/Σe² in the given order.
func durbinWatson(e []float64, order []int) float64 {
	steps := make([]float64, 0, len(e))
	for t := 1; t < len(order); t++ {
		steps = append(steps, e[order[t]]-e[order[t-1]])
	}
	return exact.Dot(steps, steps) / exact.Dot(e, e)
}

// jarqueBera returns n/6·(S² + (K−3)²/4) with S and K from moments about the
// mean that are divided by n; NaN if the residuals are all equal.
func jarqueBera(e []float64) float64 {
	n := float64(len(e))
	mean := exact.Of(e) / n
	centred, squared := make([]float64, len(e)), make([]float64, len(e))
	for i, v := range e {
		centred[i] = v - mean
		squared[i] = centred[i] * centred[i]
	}
	m2, m3, m4 := exact.Of(squared)/n, exact.Dot(squared, centred)/n, exact.Dot(squared, squared)/n
	if m2 == 0 {
		return math.NaN()
	}
	skewness, kurtosis := m3/math.Pow(m2, 1.5), m4/(m2*m2)
	return n / 6 * (skewness*skewness + (kurtosis-3)*(kurtosis-3)/4)
}

// breuschPagan returns n times the share of the variation of e² about its mean
// that the terms explain.
func (in diagnosis) breuschPagan() float64 {
	s := in.solution
	n := float64(len(in.residuals))
	mean := exact.Dot(in.residuals, in.residuals) / n
	u := make([]float64, len(in.residuals))
	for i, e := range in.residuals {
		u[i] = e*e - mean
	}
	total := exact.Dot(u, u)
	if total == 0 {
		return math.NaN()
	}
	v := make([]*big.Float, len(s.variable))
	for a, column := range in.columns() {
		var sum exact.Sum
		if column == nil {
			sum.AddAll(u)
		} else {
			sum.AddDot(u, column)
		}
		v[a] = sum.Big()
	}
	return n * float(s.explained(v)) / total
}
