package linreg

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// linearCase is a case of linear.json; its README defines the fields.
type linearCase struct {
	Name       string
	Dataset    string
	Target     string
	Features   []string
	Weights    string
	Intercept  *bool
	Covariance string
	Cluster    string
	Levels     map[string][]string
	Confidence float64
	Ridge      float64
	Groups     []linearGroup
}

// linearGroup holds what is expected; pointers are nil where null.
type linearGroup struct {
	Group       map[string]any
	N           int
	NSkipped    int `json:"n_skipped"`
	NZeroWeight int `json:"n_zero_weight"`
	Terms       []map[string]any
	Dropped     []string
	VCov        [][]float64 `json:"vcov"`
	Predictions []map[string]float64
	Clusters    int
	Numbers     map[string]*float64 `json:"-"`
}

// UnmarshalJSON keeps all plain numbers by name too.
func (g *linearGroup) UnmarshalJSON(b []byte) error {
	type plain linearGroup
	if err := json.Unmarshal(b, (*plain)(g)); err != nil {
		return err
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	g.Numbers = map[string]*float64{}
	for name, v := range all {
		switch v := v.(type) {
		case float64:
			g.Numbers[name] = &v
		case nil:
			g.Numbers[name] = nil
		}
	}
	return nil
}

// design is the data of one group, and the row in the data set of each row.
type design struct {
	data  Data
	names []string
	ids   []int // row numbers in the data set
}

func (c linearCase) regression() Regression {
	r := Regression{Intercept: c.Intercept == nil || *c.Intercept, Confidence: c.Confidence, Ridge: c.Ridge}
	for k := Classical; k <= Clustered; k++ {
		if k.String() == c.Covariance {
			r.Covariance = k
		}
	}
	return r
}

// design evaluates the case for a group, leaving out rows with NULL.
func (c linearCase) design(t *testing.T, g linearGroup) design {
	f := newFrame(t, c.Dataset)
	all := Data{Y: f.eval(c.Target).numbers}
	var d design
	for _, feature := range c.Features {
		e := f.encode(feature, c.Levels[feature])
		d.names = append(d.names, e.names...)
		all.X = append(all.X, e.columns...)
	}
	if c.Weights != "" {
		all.W = f.eval(c.Weights).numbers
	}
	var clusters []string
	if c.Cluster != "" {
		clusters = f.table[c.Cluster]
	}
	d.data.X = make([][]float64, len(all.X))
	codes := map[string]int32{}
	for i := range f.n {
		if !inGroup(f, g.Group, i) || hasNull(all, i) {
			continue
		}
		d.ids = append(d.ids, i)
		d.data.Order = append(d.data.Order, len(d.data.Order))
		d.data.Y = append(d.data.Y, all.Y[i])
		for j, column := range all.X {
			d.data.X[j] = append(d.data.X[j], column[i])
		}
		if all.W != nil {
			d.data.W = append(d.data.W, all.W[i])
		}
		if clusters != nil {
			if _, ok := codes[clusters[i]]; !ok {
				codes[clusters[i]] = int32(len(codes)*7 - 3)
			}
			d.data.Cluster = append(d.data.Cluster, codes[clusters[i]])
		}
	}
	return d
}

func inGroup(f frame, group map[string]any, i int) bool {
	for column, want := range group {
		if f.table[column][i] != fmt.Sprint(want) {
			return false
		}
	}
	return true
}

func hasNull(d Data, i int) bool {
	for _, column := range append(slices.Clone(d.X), d.Y) {
		if math.IsNaN(column[i]) {
			return true
		}
	}
	return d.W != nil && math.IsNaN(d.W[i])
}

// digits checks one number; nil stands for not defined.
func digits(t *testing.T, name string, got float64, want *float64) {
	t.Helper()
	need := 8.0
	switch {
	case name == "condition_number":
		need = 4
	case len(name) > 2 && (name[len(name)-2:] == "_p" || len(name) >= 7 && name[len(name)-7:] == "p_value"):
		need = 6
	}
	switch {
	case want == nil:
		if !math.IsNaN(got) {
			t.Errorf("%s = %g, want NaN", name, got)
		}
	case !(algtest.Digits(got, *want) >= need):
		t.Errorf("%s = %.17g, want %.17g: %.1f digits, %g needed", name, got, *want, algtest.Digits(got, *want), need)
	default:
		recordDigits(name, algtest.Digits(got, *want))
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	var file struct{ Cases, Ridge []linearCase }
	algtest.Load(t, "linear.json", &file)
	if len(file.Cases) != 50 || len(file.Ridge) != 9 {
		t.Fatalf("%d cases and %d ridge cases, want 50 and 9", len(file.Cases), len(file.Ridge))
	}
	for _, c := range append(file.Cases, file.Ridge...) {
		for k, g := range c.Groups {
			t.Run(c.Name+"/"+strconv.Itoa(k), func(t *testing.T) {
				d := c.design(t, g)
				fit, err := c.regression().Fit(context.Background(), d.data)
				if err != nil {
					t.Fatal(err)
				}
				checkTerms(t, fit, d, g)
				if c.Ridge > 0 {
					digits(t, "rss", fit.RSS, g.Numbers["rss"])
					digits(t, "effective_df", fit.EffectiveDF, g.Numbers["effective_df"])
					return
				}
				checkFit(t, fit, g)
				checkPredictions(t, fit, d, g)
			})
		}
	}
	reportDigits(t)
}

func checkTerms(t *testing.T, fit *Fit, d design, g linearGroup) {
	t.Helper()
	if len(fit.Terms) != len(g.Terms) {
		t.Fatalf("%d terms, want %d", len(fit.Terms), len(g.Terms))
	}
	var dropped []string
	for _, j := range fit.Dropped {
		dropped = append(dropped, d.names[j])
	}
	if !slices.Equal(dropped, g.Dropped) {
		t.Errorf("dropped %q, want %q", dropped, g.Dropped)
	}
	for i, term := range fit.Terms {
		name := "(intercept)"
		if term.Column >= 0 {
			name = d.names[term.Column]
		}
		if want := g.Terms[i]["term"]; name != want {
			t.Errorf("term %d is %s, want %s", i, name, want)
		}
		for field, got := range map[string]float64{
			"estimate": term.Estimate, "std_error": term.StdErr, "t_statistic": term.TStatistic,
			"p_value": term.PValue, "conf_low": term.ConfLow, "conf_high": term.ConfHigh, "vif": term.VIF,
		} {
			v, ok := g.Terms[i][field]
			if want, number := v.(float64); number {
				digits(t, field, got, &want)
			} else if ok {
				digits(t, field, got, nil)
			}
		}
	}
}

func checkFit(t *testing.T, fit *Fit, g linearGroup) {
	t.Helper()
	if fit.N != g.N || fit.ZeroWeight != g.NZeroWeight || fit.Clusters != g.Clusters {
		t.Errorf("n = %d, %d of weight 0, %d clusters, want %d, %d, %d",
			fit.N, fit.ZeroWeight, fit.Clusters, g.N, g.NZeroWeight, g.Clusters)
	}
	for name, got := range map[string]float64{
		"df_residual": fit.DFResidual, "r_squared": fit.R2, "adj_r_squared": fit.AdjR2, "sigma": fit.Sigma,
		"rss": fit.RSS, "f_statistic": fit.F, "f_p_value": fit.FPValue, "log_likelihood": fit.LogLik,
		"aic": fit.AIC, "bic": fit.BIC, "condition_number": fit.ConditionNumber,
		"durbin_watson": fit.DurbinWatson, "breusch_pagan": fit.BreuschPagan, "breusch_pagan_p": fit.BreuschPaganP,
		"jarque_bera": fit.JarqueBera, "jarque_bera_p": fit.JarqueBeraP,
	} {
		want, ok := g.Numbers[name]
		if !ok {
			t.Fatalf("no reference value of %s", name)
		}
		digits(t, name, got, want)
	}
	if len(fit.VCov) != len(g.VCov) {
		t.Fatalf("covariance of %d terms, want %d", len(fit.VCov), len(g.VCov))
	}
	for a, row := range g.VCov {
		for b, want := range row {
			digits(t, "vcov", fit.VCov[a][b], &want)
		}
	}
}

func checkPredictions(t *testing.T, fit *Fit, d design, g linearGroup) {
	t.Helper()
	if len(g.Predictions) == 0 {
		return
	}
	all, err := fit.Model().Predict(d.data.X)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range g.Predictions {
		i := slices.Index(d.ids, int(want["id"])-1)
		if i < 0 {
			t.Fatalf("no row with id %g", want["id"])
		}
		got := all[i]
		for name, v := range map[string]float64{
			"fit": got.Value, "se_fit": got.StdErr, "conf_low": got.ConfLow, "conf_high": got.ConfHigh,
			"pred_low": got.PredLow, "pred_high": got.PredHigh,
		} {
			w := want[name]
			digits(t, name, v, &w)
		}
	}
}
