package knn

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// oneQuery returns the neighbours of one query: rows 0, 1, … at the distances.
func oneQuery(distances ...float64) Neighbors {
	n := Neighbors{Offset: []int{0, len(distances)}, Distance: distances}
	for i := range distances {
		n.Row = append(n.Row, int32(i))
	}
	return n
}

// voteCases have three classes; neighbour i is of class of[i].
var voteCases = []struct {
	name      string
	distances []float64
	of        []int32
	weighting Weighting
	class     int32
	share     []float64
	wantErr   error
}{
	{name: "Majority", distances: []float64{1, 2, 3}, of: []int32{1, 2, 2}, class: 2, share: []float64{0, 1. / 3, 2. / 3}},
	{name: "TieToSmallest", distances: []float64{1, 2, 3, 4}, of: []int32{2, 1, 1, 2}, class: 1, share: []float64{0, 0.5, 0.5}},
	{name: "Inverse", distances: []float64{1, 4, 4}, of: []int32{2, 1, 1}, weighting: InverseDistance,
		class: 2, share: []float64{0, 1. / 3, 2. / 3}}, // 1 against ¼ + ¼.
	{name: "InverseTie", distances: []float64{2, 4, 4}, of: []int32{2, 1, 1}, weighting: InverseDistance,
		class: 1, share: []float64{0, 0.5, 0.5}},
	// 1/10 thrice against three times the same in another order of classes.
	{name: "InverseTieOfDecimals", distances: []float64{0.1, 0.1, 0.3, 0.3, 0.7, 0.7}, of: []int32{2, 1, 1, 2, 2, 1},
		weighting: InverseDistance, class: 1, share: []float64{0, 0.5, 0.5}},
	{name: "ZeroTakesAll", distances: []float64{0, 0, 1e-300, 1}, of: []int32{2, 0, 1, 1}, weighting: InverseDistance,
		class: 0, share: []float64{0.5, 0, 0.5}},
	{name: "NoOverflow", distances: []float64{0x1p-1074, 0x1p-1073}, of: []int32{1, 0}, weighting: InverseDistance,
		class: 1, share: []float64{1. / 3, 2. / 3, 0}},
	{name: "InfinityHasNoWeight", distances: []float64{1, math.Inf(1), math.Inf(1)}, of: []int32{2, 0, 0}, weighting: InverseDistance,
		class: 2, share: []float64{0, 0, 1}},
	{name: "AllInfinite", distances: []float64{math.Inf(1), math.Inf(1), math.Inf(1)}, of: []int32{2, 0, 0}, weighting: InverseDistance,
		class: 0, share: []float64{2. / 3, 0, 1. / 3}},
	{name: "None", class: -1, share: []float64{math.NaN(), math.NaN(), math.NaN()}},
	{name: "Negative", distances: []float64{-1}, of: []int32{0}, weighting: InverseDistance, wantErr: ErrParameter},
	{name: "NaN", distances: []float64{math.NaN()}, of: []int32{0}, weighting: InverseDistance, wantErr: ErrParameter},
	{name: "Weighting", distances: []float64{1}, of: []int32{0}, weighting: 7, wantErr: ErrParameter},
	{name: "ClassTooLarge", distances: []float64{1}, of: []int32{3}, wantErr: ErrParameter},
	{name: "ClassNegative", distances: []float64{1}, of: []int32{-1}, wantErr: ErrParameter},
	{name: "TooFewClasses", distances: []float64{1, 2}, of: []int32{0}, wantErr: ErrDimension},
}

func TestVote(t *testing.T) {
	t.Parallel()
	for _, tt := range voteCases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Vote(oneQuery(tt.distances...), Classes{tt.of, 3}, tt.weighting)
			if !errors.Is(err, tt.wantErr) {
				t.Fatalf("Vote error = %v, want %v", err, tt.wantErr)
			}
			if err != nil {
				return
			}
			if got.Class[0] != tt.class || !slices.EqualFunc(got.Probability, tt.share, func(a, b float64) bool {
				return math.Abs(a-b) <= 1e-15 || math.IsNaN(a) && math.IsNaN(b)
			}) {
				t.Errorf("Vote = %d %v, want %d %v", got.Class[0], got.Probability, tt.class, tt.share)
			}
		})
	}
	if _, err := Vote(oneQuery(1), Classes{Of: []int32{0}}, Uniform); !errors.Is(err, ErrParameter) {
		t.Errorf("no classes: error = %v, want %v", err, ErrParameter)
	}
}

// TestVoteSeveralQueries checks that nothing of one query reaches the next.
func TestVoteSeveralQueries(t *testing.T) {
	t.Parallel()
	n := Neighbors{Offset: []int{0, 2, 2, 3}, Row: []int32{0, 1, 2}, Distance: []float64{1, 1, 1}}
	got, err := Vote(n, Classes{[]int32{0, 0, 1}, 2}, Uniform)
	if err != nil || !slices.Equal(got.Class, []int32{0, -1, 1}) || got.Probability[4] != 0 || got.Probability[5] != 1 {
		t.Errorf("Vote = %v, %v", got, err)
	}
	means, err := Mean(n, []float64{1, 3, 8}, Uniform)
	if err != nil || means[0] != 2 || !math.IsNaN(means[1]) || means[2] != 8 {
		t.Errorf("Mean = %v, %v, want 2, NaN, 8", means, err)
	}
}

func TestMean(t *testing.T) {
	t.Parallel()
	twoThirds := 2.0 / 3 // Thrice that, exactly, is 2 − 2^-53.
	for _, tt := range []struct {
		name      string
		distances []float64
		y         []float64
		weighting Weighting
		want      float64
		wantErr   error
	}{
		{name: "Uniform", distances: []float64{1, 5}, y: []float64{2, 8}, want: 5},
		{name: "Inverse", distances: []float64{1, 2}, y: []float64{2, 8}, weighting: InverseDistance, want: 4}, // (2 + 4)/1.5.
		{name: "ZeroTakesAll", distances: []float64{0, 0, 1}, y: []float64{2, 8, 100}, weighting: InverseDistance, want: 5},
		{name: "ExactSum", distances: []float64{1, 1, 1}, y: []float64{1e300, 1, -1e300}, want: 1. / 3},
		{name: "ExactProducts", distances: []float64{1, 3}, y: []float64{-1, 3}, weighting: InverseDistance,
			want: -0x1p-53 / (2 + twoThirds)},
		{name: "SumOverflows", distances: []float64{1, 1, 1}, y: []float64{1.5e308, math.MaxFloat64, 1.5e308}, want: 1.5992310449541052e308},
		{name: "Largest", distances: []float64{0.3, 0.7}, y: []float64{-math.MaxFloat64, -math.MaxFloat64}, weighting: InverseDistance, want: -math.MaxFloat64},
		{name: "NaN", distances: []float64{1}, y: []float64{math.NaN()}, wantErr: ErrNotFinite},
		{name: "TooFew", distances: []float64{1, 1}, y: []float64{1}, wantErr: ErrDimension},
		{name: "Negative", distances: []float64{-1}, y: []float64{1}, weighting: InverseDistance, wantErr: ErrParameter},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Mean(oneQuery(tt.distances...), tt.y, tt.weighting)
			if !errors.Is(err, tt.wantErr) {
				t.Fatalf("Mean error = %v, want %v", err, tt.wantErr)
			}
			if err == nil && got[0] != tt.want {
				t.Errorf("Mean = %.17g, want %.17g", got[0], tt.want)
			}
		})
	}
}
