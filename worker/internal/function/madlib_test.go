package function

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/millrace/millrace/algorithms/knn"
	"github.com/millrace/millrace/algorithms/linreg"
)

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSpread: the coefficients of a pseudo-inverse are the shortest ones with the
// same predictions. By hand: x, x, x share a slope equally; of x and 2x the
// shares are 1/5 and 2/5; a column of zeros gets 0.
func TestSpread(t *testing.T) {
	t.Parallel()
	fit := func(x [][]float64, y []float64) (*linreg.Fit, error) {
		return linreg.Regression{}.Fit(t.Context(), linreg.Data{X: x, Y: y})
	}
	x, double, zero := []float64{1, 2, 4}, []float64{2, 4, 8}, []float64{0, 0, 0}
	for _, tt := range []struct {
		name     string
		x        [][]float64
		dropped  []int
		kept     []float64
		want     []float64
		variance [][]float64
		wantVar  []float64 // its diagonal
	}{
		{"Thrice", [][]float64{x, x, x}, []int{1, 2}, []float64{6}, []float64{2, 2, 2}, [][]float64{{9}}, []float64{1, 1, 1}},
		{"Double", [][]float64{x, double}, []int{1}, []float64{5}, []float64{1, 2}, [][]float64{{25}}, []float64{1, 4}},
		{"Zero", [][]float64{zero, x}, []int{0}, []float64{5}, []float64{0, 5}, [][]float64{{4}}, []float64{0, 4}},
		{"Nothing", [][]float64{zero}, []int{0}, nil, []float64{0}, nil, []float64{0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := newSpread(fit, tt.x, tt.dropped)
			if err != nil {
				t.Fatal(err)
			}
			got, v := s.coefficients(tt.kept), s.covariance(tt.variance)
			for i, want := range tt.want {
				if math.Abs(got[i]-want) > 1e-14 || math.Abs(v[i][i]-tt.wantVar[i]) > 1e-13 {
					t.Errorf("coefficient %d: %g with variance %g, want %g and %g", i, got[i], v[i][i], want, tt.wantVar[i])
				}
			}
		})
	}
}

func TestPairs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want []pair
		ok   bool
	}{
		{"", nil, true}, {" ", nil, true},
		{"depth=3, leaf_nodes = 2", []pair{{"depth", "3"}, {"leaf_nodes", "2"}}, true},
		{`"Tau" = 1E-3`, []pair{{"tau", "1e-3"}}, true},
		{"depth", nil, false}, {"depth=", nil, false}, {"=3", nil, false}, {"a=1,,b=2", nil, false}, {"a=b=c", nil, false},
	} {
		if got, ok := pairs(tt.text); ok != tt.ok || !slices.Equal(got, tt.want) {
			t.Errorf("pairs(%q) = %v, %t, want %v, %t", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}

// TestInverseOrder: neighbours come by falling 1/distance, NaN last; distance 0
// weighs 1e107. Only negative distances make that another order than by distance.
func TestInverseOrder(t *testing.T) {
	t.Parallel()
	n := knn.Neighbors{Offset: []int{0, 3, 6}, Row: []int32{5, 6, 7, 8, 9, 4}, Distance: []float64{0, 0.5, 2, -1, 0.5, math.NaN()}}
	got := inverseOrder(n)
	if want := []int32{5, 6, 7, 9, 8, 4}; !slices.Equal(got.Row, want) {
		t.Errorf("rows %v, want %v", got.Row, want)
	}
	if want := []float64{1e107, 2, 0.5, 2, -1}; !slices.Equal(got.weight[:5], want) {
		t.Errorf("weights %v, want %v", got.weight, want)
	}
}

func TestListText(t *testing.T) {
	t.Parallel()
	if got, want := listText([]float64{1, math.NaN(), math.Inf(-1), 0.1}), "{1,NaN,-Infinity,0.1}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
