package function

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/algorithms/arima"
)

// detailedModels bounds the models that details lists; the summary has all.
const detailedModels = 100

func (c *arimaCall) result(d Data, groups []group, fits []fittedSeries, ungrouped int64, env Env) *Result {
	r := &Result{RowsSkipped: ungrouped, Details: map[string]any{}}
	var failed, unsettled []string
	models, tried := map[string]string{}, 0
	for i, f := range fits {
		r.RowsUsed += int64(len(groups[i].rows))
		name := label(groups[i])
		if f.reason != nil {
			failed = append(failed, name)
			r.RowsUsed -= int64(len(groups[i].rows))
			continue
		}
		tried += f.tried
		if len(models) < detailedModels {
			models[name] = f.model.Spec.String()
		}
		if !f.model.Converged {
			unsettled = append(unsettled, name)
		}
	}
	reportGroups(r, env, len(groups), failed, nil)
	if len(unsettled) > 0 {
		env.Notice("the search for the estimate did not converge in %d of %d groups: see column converged of the summary", len(unsettled), len(groups))
	}
	if c.auto {
		r.Details["models_tried"] = tried
		r.Details["selected"] = any(models)
		if len(d.find("group")) == 0 {
			r.Details["selected"] = models[""]
		}
	}
	r.Tables = []Table{termTable(d, groups, fits), c.summaryTable(d, groups, fits), residualTable(d, groups, fits)}
	return r
}

func termTable(d Data, groups []group, fits []fittedSeries) Table {
	table := newTermRows(arimaNames[1:5])
	for i, f := range fits {
		if f.reason != nil {
			continue
		}
		for _, t := range f.model.Terms {
			table.add(i, t.Name, t.Estimate, t.StdErr, t.Z, t.PValue)
		}
	}
	return table.table(d, groups)
}

func (c *arimaCall) summaryTable(d Data, groups []group, fits []fittedSeries) Table {
	n := len(groups)
	of := make([]int, n)
	observed, periods, iterations := make(Texts, n), make(Texts, n), make(Texts, n)
	orders, seasonal := make(intLists, n), make(intLists, n)
	values := make([]Floats, 7)
	for j := range values {
		values[j] = slices.Repeat(Floats{math.NaN()}, n)
	}
	converged, reasons, models := make(Texts, n), make(Texts, n), make(Texts, n)
	for i, f := range fits {
		of[i] = i
		if f.reason != nil {
			reasons[i] = ptr(f.reason.Message)
			continue
		}
		m := f.model
		observed[i], iterations[i] = ptr(strconv.Itoa(countObserved(f.sequence.data.Y))), ptr(strconv.Itoa(m.Iterations))
		orders[i], seasonal[i] = []int{m.Spec.P, m.Spec.D, m.Spec.Q}, []int{m.Spec.SP, m.Spec.SD, m.Spec.SQ}
		periods[i], converged[i] = ptr(strconv.Itoa(c.periodOf(f.sequence))), ptr(strconv.FormatBool(m.Converged))
		for j, v := range []float64{m.Sigma2, m.LogLik, m.AIC, m.AICc, m.BIC, m.LjungBox.Statistic, m.LjungBox.PValue} {
			values[j][i] = v
		}
		models[i] = seriesModel(d, groups[i], f).text()
	}
	table := Table{Rows: n, Columns: d.groupColumns(0, d.find("group"), groups, of)}
	add := func(name, typ string, v Values) {
		table.Columns = append(table.Columns, ResultColumn{Name: name, Type: typ, Values: v})
	}
	add("n", "int8", observed)
	add("orders", "int4[]", orders)
	add("seasonal_orders", "int4[]", seasonal)
	add("period", "int4", periods)
	for j, name := range []string{"sigma2", "log_likelihood", "aic", "aicc", "bic"} {
		add(name, "float8", values[j])
	}
	add("converged", "bool", converged)
	add("iterations", "int4", iterations)
	add("ljung_box", "float8", values[5])
	add("ljung_box_p", "float8", values[6])
	add("reason", "text", reasons)
	add("model", "jsonb", models)
	return table
}

func countObserved(y []float64) int {
	n := 0
	for _, v := range y {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}

func residualTable(d Data, groups []group, fits []fittedSeries) Table {
	column := d.one("time")
	var of []int
	var times Texts
	var fitted, residuals Floats
	for i, f := range fits {
		if f.reason != nil {
			continue
		}
		for t, m := range f.sequence.times {
			of = append(of, i)
			times = append(times, ptr(d.formatTime(column, m)))
			fitted, residuals = append(fitted, f.model.Fitted[t]), append(residuals, f.model.Residuals[t])
		}
	}
	table := Table{Rows: len(of), Columns: d.groupColumns(0, d.find("group"), groups, of)}
	table.Columns = append(table.Columns,
		ResultColumn{Name: "time", Of: &TypeOf{Input: 0, Column: column}, Values: times},
		ResultColumn{Name: "fitted", Type: "float8", Values: fitted},
		ResultColumn{Name: "residual", Type: "float8", Values: residuals})
	return table
}

// seriesModel is the document of one group's model. Its columns are the group
// columns of the summary table itself, from which a forecast takes their types.
func seriesModel(d Data, g group, f fittedSeries) model {
	state, err := json.Marshal(f.model.State)
	if err != nil {
		panic(fmt.Sprintf("function: encode state: %v", err)) // it holds finite numbers only
	}
	m := model{
		Kind: "arima", Inputs: predictionInputs(d.Columns, "group", "time", "regressor"), Group: pointers(g.keys),
		Series: &series{State: state, Clock: f.sequence.clock},
	}
	for _, c := range d.find("group") {
		name := strings.ReplaceAll(columnName(d.Columns[c].Expression), `"`, `""`)
		m.Columns = append(m.Columns, Column{Role: "group", Expression: `"` + name + `"`})
	}
	return m
}

// state decodes what a forecast starts from.
func (s series) state() (arima.State, error) {
	var state arima.State
	err := json.Unmarshal(s.State, &state)
	return state, err
}

// intLists is a column of int4[]; nil is NULL.
type intLists [][]int

// Slot implements [Values].
func (intLists) Slot() string { return "ia" }

// Write implements [Values].
func (v intLists) Write(w Writer, row int) {
	if v[row] == nil {
		w.Null()
		return
	}
	w.Append(func(b []byte) []byte {
		for i, x := range v[row] {
			b = strconv.AppendInt(append(b, "{,"[min(i, 1)]), int64(x), 10)
		}
		return append(b, '}')
	})
}
