package function

import (
	"strings"

	"github.com/millrace/millrace/algorithms/linreg"
)

func (c *linear) result(d Data, groups []group, fits []fittedGroup, encodings []encoding, ungrouped int64, env Env) *Result {
	r := &Result{RowsSkipped: ungrouped, Details: map[string]any{}}
	names := termNames(encodings)
	var failed, dropped []string
	for i, f := range fits {
		r.RowsSkipped += groups[i].skipped
		if f.reason != nil {
			failed = append(failed, label(groups[i]))
			continue
		}
		r.RowsUsed += int64(f.fit.N)
		for _, column := range f.fit.Dropped {
			dropped = append(dropped, strings.TrimPrefix(label(groups[i])+": "+names[column], ": "))
		}
	}
	reportGroups(r, env, len(groups), failed, dropped)
	if c.fit.Ridge > 0 {
		r.Details["std_error"] = "NULL: a ridge estimate is biased by intent and has no one standard error"
	}
	r.Tables = []Table{c.termTable(d, groups, fits, names), c.summaryTable(d, groups, fits, encodings)}
	return r
}

func (c *linear) termTable(d Data, groups []group, fits []fittedGroup, names []string) Table {
	table := newTermRows(linearTermColumns)
	for i, f := range fits {
		if f.fit == nil {
			continue
		}
		for _, t := range f.fit.Terms {
			table.add(i, termName(t.Column, names), t.Estimate, t.StdErr, t.TStatistic, t.PValue, t.ConfLow, t.ConfHigh, t.VIF)
		}
	}
	return table.table(d, groups)
}

func (c *linear) summaryTable(d Data, groups []group, fits []fittedGroup, encodings []encoding) Table {
	table := newSummaryRows(len(groups), linearSummaryColumns)
	vcov := make(Matrices, len(groups))
	for i, f := range fits {
		if f.reason != nil {
			table.fail(i, f.reason)
			continue
		}
		t := f.fit
		vcov[i] = t.VCov
		table.fit(i, t.N, c.model(d, groups[i], t, encodings), t.DFResidual, t.R2, t.AdjR2, t.Sigma, t.F, t.FPValue, t.LogLik, t.AIC, t.BIC,
			t.ConditionNumber, t.DurbinWatson, t.BreuschPagan, t.BreuschPaganP, t.JarqueBera, t.JarqueBeraP)
	}
	return table.table(d, groups, ResultColumn{Name: "vcov", Type: "float8[][]", Values: vcov})
}

func (c *linear) model(d Data, g group, fit *linreg.Fit, encodings []encoding) model {
	m := fit.Model()
	return model{
		Kind: "linear_regression", Inputs: predictionInputs(d.Columns, "feature", "group"), Group: pointers(g.keys),
		Encodings: encodings, Intercept: m.Intercept, Estimates: numbers(m.Coefficients),
		Covariance: matrix(m.VCov), Sigma: number(m.Sigma), DF: number(m.DF),
	}
}
