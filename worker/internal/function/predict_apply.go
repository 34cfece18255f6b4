package function

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/millrace/millrace/algorithms/linreg"
	"github.com/millrace/millrace/algorithms/logreg"
	"github.com/millrace/millrace/algorithms/parallel"
)

// predictions holds one prediction per row of the source; NaN is NULL.
type predictions struct{ value, stdErr, low, high Floats }

func newPredictions(rows int) predictions {
	nulls := func() Floats { return slices.Repeat(Floats{math.NaN()}, rows) }
	return predictions{value: nulls(), stdErr: nulls(), low: nulls(), high: nulls()}
}

// application is what is to be predicted: rows of the data, by model.
type application struct {
	data   Data
	models []model
	rows   [][]int // of each model
}

// applicable sorts the rows by the model of their group, and counts those that
// have no prediction by the reason.
func (d Data) applicable(models []model) (rows [][]int, counts map[string]int) {
	index := map[string]int{}
	levels := make([][]map[string]bool, len(models))
	for i, m := range models {
		index[groupLabel(m.Group)] = i
		levels[i] = levelSets(m.Encodings)
	}
	rows, counts = make([][]int, len(models)), map[string]int{}
	features, by := d.find("feature"), d.find("group")
	var label strings.Builder
	for row := range d.rows() {
		if slices.ContainsFunc(by, func(c int) bool { return d.Record.Column(c).IsNull(row) }) {
			counts["null_group"]++
			continue
		}
		label.Reset()
		for _, g := range by {
			label.WriteString(d.key(g, row).String())
			label.WriteByte(0)
		}
		at, known := index[label.String()]
		if !known {
			counts["unknown_group"]++
		} else if why := d.gap(row, features, levels[at]); why != "" {
			counts[why]++
		} else {
			rows[at] = append(rows[at], row)
		}
	}
	return rows, counts
}

// levelSets holds the levels of each factor, nil for a number.
func levelSets(encodings []encoding) []map[string]bool {
	sets := make([]map[string]bool, len(encodings))
	for i, e := range encodings {
		if e.Levels == nil {
			continue
		}
		sets[i] = map[string]bool{}
		for _, level := range e.Levels {
			sets[i][level] = true
		}
	}
	return sets
}

// gap says why a row's features cannot be encoded, or nothing.
func (d Data) gap(row int, features []int, levels []map[string]bool) string {
	for i, c := range features {
		switch {
		case d.Record.Column(c).IsNull(row):
			return "null_feature"
		case levels[i] != nil && !levels[i][d.text(c, row)]:
			return "unseen_level"
		}
	}
	return ""
}

// block is how many rows of one model are predicted at once.
const block = 4096

// apply fills in the predictions, data-parallel over blocks of rows.
func (c *predict) apply(ctx context.Context, a application, out predictions, env Env) error {
	type task struct {
		model int
		rows  []int
	}
	var tasks []task
	for i, rows := range a.rows {
		for part := range slices.Chunk(rows, block) {
			tasks = append(tasks, task{i, part})
		}
	}
	var next, done atomic.Int64
	failures := make([]error, len(tasks))
	var group parallel.Group
	for range min(env.cores(), len(tasks)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(tasks) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				t := tasks[i]
				failures[i] = c.predictor(a.models[t.model])(a.data, t.rows, out)
				env.Progress("predicting", done.Add(int64(len(t.rows))), int64(a.data.rows()))
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return algorithmError(ctx.Err())
	}
	for _, err := range failures {
		if err != nil {
			return modelFault(err)
		}
	}
	return nil
}

// predictor predicts the given rows by one model.
type predictor func(d Data, rows []int, out predictions) error

func (c *predict) predictor(m model) predictor {
	if m.Kind == "logistic_regression" {
		return c.logistic(m)
	}
	l := linreg.Model{Coefficients: floats(m.Estimates), Intercept: m.Intercept, VCov: floatMatrix(m.Covariance),
		Sigma: float64(m.Sigma), DF: float64(m.DF), Confidence: c.confidence}
	return func(d Data, rows []int, out predictions) error {
		x := d.design(d.find("feature"), rows, m.Encodings)
		if len(x) == 0 {
			return c.constant(l, rows, out)
		}
		list, err := l.Predict(x)
		if err != nil {
			return err
		}
		for i, row := range rows {
			c.store(list[i], row, out)
		}
		return nil
	}
}

// constant is a model without features: one prediction for all rows.
func (c *predict) constant(l linreg.Model, rows []int, out predictions) error {
	one := linreg.Model{Coefficients: append(slices.Clone(l.Coefficients), math.NaN()), Intercept: l.Intercept, VCov: l.VCov,
		Sigma: l.Sigma, DF: l.DF, Confidence: l.Confidence}
	list, err := one.Predict([][]float64{{0}}) // a dropped term carries the row
	if err != nil {
		return err
	}
	for _, row := range rows {
		c.store(list[0], row, out)
	}
	return nil
}

func (c *predict) store(p linreg.Prediction, row int, out predictions) {
	out.value[row], out.stdErr[row], out.low[row], out.high[row] = p.Value, p.StdErr, p.ConfLow, p.ConfHigh
	if c.intervals == "prediction" {
		out.low[row], out.high[row] = p.PredLow, p.PredHigh
	}
}

func (c *predict) logistic(m model) predictor {
	l := logreg.Predictor{Intercept: m.Intercept, Coef: floats(m.Estimates), Vcov: floatMatrix(m.Covariance), Confidence: c.confidence}
	return func(d Data, rows []int, out predictions) error {
		columns := d.design(d.find("feature"), rows, m.Encodings)
		x := make([]float64, len(columns))
		for i, row := range rows {
			for j := range columns {
				x[j] = columns[j][i]
			}
			p, err := l.Predict(x)
			if err != nil {
				return err
			}
			if c.kind == "link" {
				out.value[row], out.stdErr[row], out.low[row], out.high[row] = p.LogOdds, p.StdError, p.LogOddsLow, p.LogOddsHigh
				continue
			}
			out.value[row], out.stdErr[row] = p.Probability, p.StdError*p.Probability*(1-p.Probability)
			out.low[row], out.high[row] = p.ConfLow, p.ConfHigh
		}
		return nil
	}
}
