package linreg

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/algorithms/suffstat"
)

// secondInput is what a second pass over the rows starts from.
type secondInput struct {
	rows     rows
	solution *solution
}

// columns returns the columns of the kept terms; nil is the constant.
func (in secondInput) columns() [][]float64 {
	out := make([][]float64, len(in.solution.variable))
	for a, v := range in.solution.variable {
		if v > 0 {
			out[a] = in.rows.X[v-1]
		}
	}
	return out
}

// secondPass fills in what needs residuals: the covariance of the estimates, the
// tests built on it, and the diagnostics.
func (r Regression) secondPass(ctx context.Context, f *Fit, in secondInput) error {
	residuals, err := r.residuals(ctx, in)
	if err != nil {
		return err
	}
	if in.solution.rss.Sign() > 0 {
		if err := r.diagnose(ctx, f, diagnosis{secondInput: in, residuals: residuals}); err != nil {
			return err
		}
	}
	switch r.Covariance {
	case Classical:
		r.classical(f, in.solution)
		r.test(f, f.DFResidual)
	case Clustered:
		if err := r.clustered(ctx, f, diagnosis{secondInput: in, residuals: residuals}); err != nil {
			return err
		}
		r.test(f, float64(f.Clusters-1))
	default:
		if err := r.heteroskedastic(ctx, f, diagnosis{secondInput: in, residuals: residuals}); err != nil {
			return err
		}
		r.test(f, f.DFResidual)
	}
	return nil
}

// residuals returns y − Xβ, each rounded once. Terms of a row may pass the range of
// float64 although its residual would not: [ErrRange] too, as nothing is left of
// it then.
func (r Regression) residuals(ctx context.Context, in secondInput) ([]float64, error) {
	fitted := newForm(in.solution.beta, in.columns()).negated()
	out := make([]float64, in.rows.n())
	copy(out, in.rows.Y)
	err := suffstat.Blocks(ctx, suffstat.Split{Rows: len(out), Workers: r.Workers}, func(_, from, to int) error {
		rest := make([]float64, to-from)
		e := out[from:to]
		fitted.addTo(e, rest, from)
		for i, v := range rest {
			e[i] += v
		}
		return nil
	})
	if i := notFinite(out); err == nil && i >= 0 {
		err = fmt.Errorf("linreg: %w: fitted value of row %d", ErrRange, i)
	}
	return out, err
}
