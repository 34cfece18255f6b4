package knn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestRunErrors(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	good := Points{[]float64{1, 2, 3, 4}, 2}
	euclid, cos := mustMetric(t, "euclidean", 0), mustMetric(t, "cosine", 0)
	for _, tt := range []struct {
		name         string
		search       Search
		train, query Points
		want         error
		text         string
	}{
		{"NoMetric", Search{K: 1}, good, good, ErrParameter, "knn: bad parameter: no metric is set"},
		{"KZero", Search{Metric: euclid}, good, good, ErrParameter, "knn: bad parameter: k 0, want k ≥ 1"},
		{"Empty", Search{Metric: euclid, K: 1}, Points{Dim: 2}, good, ErrEmpty, "knn: no rows to search: 0 train rows, 1 needed"},
		{"Dimension", Search{Metric: euclid, K: 1}, good, Points{good.Values, 4}, ErrDimension,
			"knn: dimensions do not match: train rows have 2 coordinates, query rows 4"},
		{"DimensionZero", Search{Metric: euclid, K: 1}, Points{}, Points{}, ErrDimension, ""},
		{"Ragged", Search{Metric: euclid, K: 1}, Points{[]float64{1, 2, 3}, 2}, good, ErrDimension, ""},
		{"Ranks", Search{Metric: euclid, K: 1, Rank: []int32{1}}, good, good, ErrDimension, ""},
		{"OneKey", Search{Metric: euclid, K: 1, TrainKey: []int32{1, 2}}, good, good, ErrDimension, ""},
		{"Keys", Search{Metric: euclid, K: 1, TrainKey: []int32{1, 2}, QueryKey: []int32{1}}, good, good, ErrDimension, ""},
		{"TrainNaN", Search{Metric: euclid, K: 1}, Points{[]float64{1, 2, 3, nan}, 2}, Points{[]float64{inf, 1}, 2}, ErrNotFinite,
			"knn: value is not finite: train row 1, coordinate 1 is NaN"},
		{"QueryInfinite", Search{Metric: euclid, K: 1}, good, Points{[]float64{1, 2, -inf, 4}, 2}, ErrNotFinite,
			"knn: value is not finite: query row 1, coordinate 0 is -Inf"},
		{"TrainZero", Search{Metric: cos, K: 1}, Points{[]float64{1, 2, 0, 0, 0, 0}, 2}, good, ErrZeroVector,
			"knn: zero vector has no direction: train row 1"},
		{"QueryZero", Search{Metric: mustMetric(t, "angular", 0), K: 1}, good, Points{[]float64{1, 2, 0, 0}, 2}, ErrZeroVector,
			"knn: zero vector has no direction: query row 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := tt.search.Run(context.Background(), tt.train, tt.query)
			if !errors.Is(err, tt.want) || tt.text != "" && err.Error() != tt.text {
				t.Errorf("Run error = %v, want %v (%s)", err, tt.want, tt.text)
			}
		})
	}
}

// TestValueError checks that the lowest of several bad rows is named, whichever
// worker finds its own first.
func TestValueError(t *testing.T) {
	t.Parallel()
	train := Points{make([]float64, 4*blockValues), 2}
	for _, row := range []int{blockValues/2 + 7, 2*blockValues - 1, 100} {
		train.Values[2*row+1] = math.Inf(-1)
	}
	_, err := Search{Metric: mustMetric(t, "euclidean", 0), K: 1, Workers: 4}.Run(context.Background(), train, train)
	var value *ValueError
	if !errors.As(err, &value) {
		t.Fatalf("Run error = %v, want a *ValueError", err)
	}
	want := ValueError{"train", 100, 1, math.Inf(-1), ErrNotFinite}
	if *value != want {
		t.Errorf("Run error = %+v, want %+v", *value, want)
	}
}

func TestRunByHand(t *testing.T) {
	t.Parallel()
	line := Points{[]float64{0, 2, 4, 6, 2}, 1} // Rows 1 and 4 are the same point.
	for _, tt := range []struct {
		name      string
		search    Search
		query     []float64
		offset    []int
		rows      []int32
		distances []float64
	}{
		{"Nearest", Search{K: 1}, []float64{3.5}, []int{0, 1}, []int32{2}, []float64{0.5}},
		{"TiesByIndex", Search{K: 2}, []float64{3}, []int{0, 2}, []int32{1, 2}, []float64{1, 1}},
		{"TiesByRank", Search{K: 2, Rank: []int32{0, 3, 2, 0, 1}}, []float64{3}, []int{0, 2}, []int32{4, 2}, []float64{1, 1}},
		{"EqualRanksByIndex", Search{K: 2, Rank: []int32{9, 1, 1, 9, 1}}, []float64{3}, []int{0, 2}, []int32{1, 2}, []float64{1, 1}},
		{"All", Search{K: 5}, []float64{0}, []int{0, 5}, []int32{0, 1, 4, 2, 3}, []float64{0, 2, 2, 4, 6}},
		{"MoreThanAll", Search{K: math.MaxInt}, []float64{0}, []int{0, 5}, []int32{0, 1, 4, 2, 3}, []float64{0, 2, 2, 4, 6}},
		{"NoQueries", Search{K: 1}, nil, []int{0}, nil, nil},
		{"ExcludeSelf", Search{K: 1, TrainKey: []int32{10, 11, 12, 13, 14}, QueryKey: []int32{11}}, []float64{2},
			[]int{0, 1}, []int32{4}, []float64{0}},
		{"ExcludeLeavesFewer", Search{K: 4, TrainKey: []int32{1, 1, 1, 2, 1}, QueryKey: []int32{1, 2, 3}}, []float64{2, 0, 6},
			[]int{0, 1, 5, 9}, []int32{3, 0, 1, 4, 2, 3, 2, 1, 4}, []float64{4, 0, 2, 2, 4, 0, 2, 4, 4}},
		{"ExcludeAll", Search{K: 4, TrainKey: make([]int32, 5), QueryKey: []int32{0}}, []float64{2}, []int{0, 0}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.search.Metric = mustMetric(t, "euclidean", 0)
			got, err := tt.search.Run(context.Background(), line, Points{tt.query, 1})
			if err != nil {
				t.Fatal(err)
			}
			if !sameBits(got, Neighbors{tt.offset, tt.rows, tt.distances}) || got.Len() != len(tt.query) {
				t.Errorf("Run = %v, want %v %v %v", got, tt.offset, tt.rows, tt.distances)
			}
		})
	}
}

// TestWorkers wants the same answer from any grid of tasks: few queries split the
// rows, many do not. Ties cross every border.
func TestWorkers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 0))
	train := Points{make([]float64, 3*5*shardRows), 3}
	for i := range train.Values {
		train.Values[i] = float64(r.IntN(30))
	}
	rank := make([]int32, train.Len())
	for i, j := range r.Perm(len(rank)) {
		rank[i] = int32(j)
	}
	for _, tt := range []struct{ queries, k int }{{1, 1}, {1, 30}, {3, 7}, {150, 3}, {1, train.Len()}} {
		query := Points{train.Values[:3*tt.queries], 3}
		s := Search{Metric: mustMetric(t, "euclidean", 0), K: tt.k, Rank: rank}
		want := Neighbors{}
		if tt.queries <= 3 {
			want = plain(s, train, query)
		}
		for _, workers := range []int{1, 2, 7} {
			s.Workers = workers
			var done []int
			s.Progress = func(n int) { done = append(done, n) }
			got, err := s.Run(context.Background(), train, query)
			if err != nil {
				t.Fatal(err)
			}
			if want.Offset == nil {
				want = got
			}
			if !sameBits(got, want) {
				t.Errorf("%d queries, k %d: %d workers give another answer", tt.queries, tt.k, workers)
			}
			if !slices.IsSorted(done) || len(slices.Compact(slices.Clone(done))) != len(done) || done[len(done)-1] != tt.queries {
				t.Errorf("%d queries, %d workers: progress %v", tt.queries, workers, done)
			}
		}
	}
}

// TestPlan wants one query over many rows to give every worker something to do.
func TestPlan(t *testing.T) {
	t.Parallel()
	train := Points{make([]float64, 1_000_000), 1}
	for _, tt := range []struct{ queries, k, workers, minTasks, maxShards int }{
		{1, 5, 8, 8, 100},
		{3, 5, 8, 8, 100},
		{1000, 5, 8, 8, 1},
		{1000, 1_000_000, 2, 1000, 1}, // A batch of one: its lists are long.
	} {
		r := run{Search: Search{K: tt.k, Workers: tt.workers}, train: train, query: Points{make([]float64, tt.queries), 1}}
		if tt.k > 1000 {
			r.train.Values = r.train.Values[:tt.k]
			r.query.Values = r.query.Values[:20]
			tt.minTasks = 20
		}
		r.plan()
		if len(r.lists) < tt.minTasks || r.shards > tt.maxShards {
			t.Errorf("%+v: %d tasks, %d shards", tt, len(r.lists), r.shards)
		}
	}
}

// countdown is a context that is cancelled at its n-th look.
type countdown struct {
	context.Context
	left atomic.Int64
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancel cancels after every number of looks at the context, so in every
// phase, and wants few looks after.
func TestCancel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 0))
	train := normalPoints(r, 3*shardRows, 8)
	for _, k := range []int{1, train.Len()} {
		s := Search{Metric: mustMetric(t, "cosine", 0), K: k, Workers: 3}
		for looks := int64(0); ; looks++ {
			ctx := &countdown{Context: context.Background()}
			ctx.left.Store(looks)
			_, err := s.Run(ctx, train, Points{train.Values[:16], 8})
			if err == nil {
				if looks < 10 {
					t.Errorf("k %d: done after %d looks at the context", k, looks)
				}
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("k %d: error after %d looks: %v", k, looks, err)
			}
			if after := -ctx.left.Load(); after > 10 {
				t.Errorf("k %d: %d looks at the context after its end", k, after)
			}
		}
	}
}

// TestCancelTime stops a search of several seconds; the bound is ten times what
// is promised, for busy machines.
func TestCancelTime(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 0))
	train := normalPoints(r, 20_000, 64)
	ctx, cancel := context.WithCancel(context.Background())
	var at time.Time
	s := Search{Metric: mustMetric(t, "minkowski", 20.5), K: 100, Progress: func(int) {
		if at.IsZero() {
			at = time.Now()
			cancel()
		}
	}}
	_, err := s.Run(ctx, train, Points{train.Values[:64*2000], 64})
	if took := time.Since(at); !errors.Is(err, context.Canceled) || at.IsZero() || took > 10*time.Second {
		t.Errorf("Run returned %v, %v after the cancel", err, took)
	}
}

// TestOrder checks the total order on distance, rank and row.
func TestOrder(t *testing.T) {
	t.Parallel()
	sorted := []neighbour{
		{math.Inf(-1), 5, 5}, {-1, 5, 5}, {0, 0, 1}, {math.Copysign(0, -1), 0, 2}, {0, 1, 0}, {1, -1, 0},
		{math.Inf(1), 0, 0}, {math.NaN(), -3, 4}, {math.NaN(), 0, 1}, {math.NaN(), 0, 2},
	}
	for i, a := range sorted {
		for j, b := range sorted {
			if a.before(b) != (i < j) {
				t.Errorf("%v before %v = %t", a, b, a.before(b))
			}
		}
	}
}

func ExampleSearch_Run() {
	metric, _ := ParseMetric("euclidean", 0)
	train := Points{Values: []float64{0, 0, 3, 4, 6, 8, -3, -4}, Dim: 2}
	query := Points{Values: []float64{0, 0, 6, 7}, Dim: 2}
	near, err := Search{Metric: metric, K: 3}.Run(context.Background(), train, query)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range near.Len() {
		fmt.Println(near.At(i))
	}
	votes, _ := Vote(near, Classes{Of: []int32{0, 1, 1, 0}, Count: 2}, InverseDistance)
	fmt.Println(votes.Class, votes.Probability[0:2])
	means, _ := Mean(near, []float64{10, 20, 30, 40}, Uniform)
	fmt.Println(means[0])
	// Output:
	// [0 1 3] [0 5 5]
	// [2 1 0] [1 4.242640687119285 9.219544457292887]
	// [0 1] [1 0]
	// 23.333333333333332
}
