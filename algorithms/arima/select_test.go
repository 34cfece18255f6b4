package arima

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// autoCase is a selection of arima_auto.json.
type autoCase struct {
	Series   string  `json:"series"`
	Period   int     `json:"period"`
	Search   string  `json:"search"`
	Order    [3]int  `json:"order"`
	Seasonal [3]int  `json:"seasonal"`
	AICc     float64 `json:"aicc"`
	Chosen   string  `json:"chosen"`
}

// load returns the series of a case; its name may start with a transformation.
func (c autoCase) load(t testing.TB) []float64 {
	t.Helper()
	name, f := c.Series, func(v float64) float64 { return v }
	for prefix, transform := range map[string]func(float64) float64{
		"log_": math.Log, "log10_": math.Log10, "sqrt_": math.Sqrt,
	} {
		if rest, ok := strings.CutPrefix(c.Series, prefix); ok {
			name, f = rest, transform
		}
	}
	y := algtest.Dataset(t, name).Floats(t, "value")
	for i, v := range y {
		y[i] = f(v)
	}
	return y
}

// TestSelect compares with the stepwise searches of arima_auto.json: the same
// differences and an AICc at most 0.05 higher.
func TestSelect(t *testing.T) {
	t.Parallel()
	var file struct {
		Selections []autoCase `json:"selections"`
	}
	algtest.Load(t, "arima_auto.json", &file)
	compared := 0
	for _, c := range file.Selections {
		if c.Search != "stepwise" {
			continue
		}
		compared++
		t.Run(c.Series, func(t *testing.T) {
			t.Parallel()
			got, err := Select(t.Context(), Data{Y: c.load(t)}, Search{Period: c.Period})
			if err != nil {
				t.Fatal(err)
			}
			s := got.Model.Spec
			if s.D != c.Order[1] || s.SD != c.Seasonal[1] {
				t.Errorf("d = %d, D = %d, want %d, %d", s.D, s.SD, c.Order[1], c.Seasonal[1])
			}
			if got.Model.AICc > c.AICc+0.05 {
				t.Errorf("AICc of %s = %.3f, want at most %.3f, that of %s", s, got.Model.AICc, c.AICc+0.05, c.Chosen)
			}
			if root := s.smallestRoot(got.Model.State.Coef); root < rootLimit {
				t.Errorf("smallest root of %s = %g, want at least %g", s, root, rootLimit)
			}
		})
	}
	if compared != 10 {
		t.Errorf("%d series compared, want 10", compared)
	}
}

func TestSelectErrors(t *testing.T) {
	t.Parallel()
	y := sawtooth(40)
	one, many := 1, 4
	for _, tt := range []struct {
		name   string
		data   Data
		search Search
		want   error
	}{
		{"Empty", Data{}, Search{}, ErrTooShort},
		{"OneValue", Data{Y: []float64{3}}, Search{}, ErrConstant},
		{"Constant", Data{Y: constantOf(40, 3)}, Search{}, ErrConstant},
		{"Slope", Data{Y: trend(40, 2, 1)}, Search{}, ErrConstant},
		{"FixedSlope", Data{Y: trend(40, 0.1, 1)}, Search{D: &one}, ErrConstant},
		{"Criterion", Data{Y: y}, Search{Criterion: "hqic"}, ErrParameter},
		{"NegativeLimit", Data{Y: y}, Search{Limits: &Limits{P: -1}}, ErrOrder},
		{"NegativeSum", Data{Y: y}, Search{Limits: &Limits{Sum: -1}}, ErrOrder},
		{"LargeD", Data{Y: y}, Search{D: &many}, ErrOrder},
		{"SeasonWithoutPeriod", Data{Y: y}, Search{SD: &one}, ErrPeriod},
		{"LargePeriod", Data{Y: y}, Search{Period: 5000}, ErrPeriod},
		{"Infinite", Data{Y: []float64{1, math.Inf(1), 2, 3}}, Search{}, ErrValue},
		{"Collinear", Data{Y: y, X: [][]float64{trend(40, 1, 0), trend(40, 3, 0)}}, Search{}, ErrCollinear},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Select(t.Context(), tt.data, tt.search)
			if !errors.Is(err, tt.want) {
				t.Errorf("Select error = %v, want %v", err, tt.want)
			}
		})
	}
}

// TestSelectOptions checks fixed differences, limits, criteria, the exhaustive
// search, regressors and gaps.
func TestSelectOptions(t *testing.T) {
	t.Parallel()
	y := algtest.Dataset(t, "us_acc_deaths").Floats(t, "value")
	gaps := append([]float64(nil), y...)
	gaps[20], gaps[40] = math.NaN(), math.NaN()
	zero, one := 0, 1
	values := map[string]float64{}
	for _, tt := range []struct {
		name   string
		data   Data
		search Search
		check  func(Spec) bool
	}{
		{"NoSeason", Data{Y: y}, Search{}, func(s Spec) bool { return !s.seasonal() }},
		{"Fixed", Data{Y: y}, Search{Period: 12, D: &zero, SD: &one}, func(s Spec) bool { return s.D == 0 && s.SD == 1 }},
		{"NoConstant", Data{Y: y}, Search{Period: 12, D: &zero, SD: &one, NoConstant: true},
			func(s Spec) bool { return !s.Mean && !s.Drift }},
		{"Limits", Data{Y: y}, Search{Period: 12, Limits: &Limits{P: 0, D: 1, Q: 1, SD: 1, Sum: 5}},
			func(s Spec) bool { return s.P == 0 && s.Q <= 1 && s.SP == 0 && s.SQ == 0 }},
		{"Step", Data{Y: y}, Search{Period: 12, Limits: &Limits{P: 2, D: 1, Q: 2, SP: 1, SD: 1, SQ: 1, Sum: 3}},
			func(s Spec) bool { return s.D == 1 && s.SD == 1 }},
		{"Exhaustive", Data{Y: y}, Search{Period: 12, Exhaustive: true, Limits: &Limits{P: 2, D: 1, Q: 2, SP: 1, SD: 1, SQ: 1, Sum: 6}},
			func(s Spec) bool { return s.D == 1 && s.SD == 1 }},
		{"BIC", Data{Y: y}, Search{Period: 12, Criterion: BIC}, func(s Spec) bool { return s.coefficients() <= 2 }},
		{"AIC", Data{Y: y}, Search{Period: 12, Criterion: AIC}, func(s Spec) bool { return s.D == 1 && s.SD == 1 }},
		{"Gaps", Data{Y: gaps}, Search{Period: 12}, func(s Spec) bool { return s.D == 1 && s.SD == 1 }},
		{"Regressor", Data{Y: y, X: [][]float64{sawtooth(len(y))}}, Search{Period: 12}, func(s Spec) bool { return s.SD == 1 }},
		{"Slope", Data{Y: y, X: [][]float64{trend(len(y), 1, 0)}}, Search{Period: 12},
			func(s Spec) bool { return s.D+s.SD == 0 }}, // differencing would make the regressor a constant
		{"Short", Data{Y: y[:8]}, Search{Period: 12}, func(s Spec) bool { return !s.seasonal() && s.P <= 2 }},
	} {
		got, err := Select(t.Context(), tt.data, tt.search)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		values[tt.name] = got.Model.AICc
		if !tt.check(got.Model.Spec) {
			t.Errorf("%s: chose %s", tt.name, got.Model.Spec)
		}
	}
	if values["Exhaustive"] > values["Step"]+1e-6 {
		t.Errorf("AICc = %g of all models, %g by steps", values["Exhaustive"], values["Step"])
	}
}

// TestFinish checks that a candidate whose full fit has a unit root gives way
// to the next best: the optimum of ARIMA(2,1,2) on the Nile lies at the
// boundary.
func TestFinish(t *testing.T) {
	t.Parallel()
	y := algtest.Dataset(t, "nile").Floats(t, "value")
	s := &selector{
		data: Data{Y: y}, search: Search{}.withDefaults(),
		tried: []Candidate{{Spec{P: 2, D: 1, Q: 2}, 1}, {Spec{P: 1, D: 1, Q: 1}, 2}},
	}
	got, err := s.finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Model.Spec.P != 1 || !math.IsInf(got.Tried[0].Value, 1) {
		t.Errorf("chose %s, value of the first %g, want ARIMA(1,1,1), +Inf", got.Model.Spec, got.Tried[0].Value)
	}
	s.tried = s.tried[:1]
	s.rank()
	if _, err := s.finish(t.Context()); !errors.Is(err, ErrTooShort) {
		t.Errorf("error without a candidate = %v, want %v", err, ErrTooShort)
	}
}
