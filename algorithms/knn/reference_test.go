package knn

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// A referenceCase is one of the 43 of knn.json.
type referenceCase struct {
	Name, Dataset, Metric, Weights, Label, Task, Point string
	Features                                           []string
	P                                                  float64
	K                                                  int
	ExcludeSelf                                        bool `json:"exclude_self"`
	Queries                                            []referenceQuery
}

type referenceQuery struct {
	ID          int32 `json:"query_id"`
	Point       []float64
	IDs         []int32 `json:"neighbor_ids"`
	Distances   []float64
	Prediction  any
	Probability map[string]float64
	VoteTie     []string `json:"vote_tie"` // The first of them wins.
}

func TestReference(t *testing.T) {
	var file struct{ Cases []referenceCase }
	algtest.Load(t, "knn.json", &file)
	if len(file.Cases) != 43 {
		t.Fatalf("%d cases, want 43", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			table := algtest.Dataset(t, c.Dataset)
			train := referencePoints(t, c, table)
			query := Points{Dim: train.Dim}
			search := Search{Metric: mustMetric(t, c.Metric, c.P), K: c.K, Workers: 2}
			if c.ExcludeSelf {
				search.TrainKey = make([]int32, train.Len())
				for i := range search.TrainKey {
					search.TrainKey[i] = int32(i) + 1
				}
			}
			for _, q := range c.Queries {
				if c.ExcludeSelf {
					q.Point = train.Row(int(q.ID) - 1)
					search.QueryKey = append(search.QueryKey, q.ID)
				}
				query.Values = append(query.Values, q.Point...)
			}
			got, err := search.Run(context.Background(), train, query)
			if err != nil {
				t.Fatal(err)
			}
			for i, q := range c.Queries {
				checkNeighbours(t, c, q, got, i)
			}
			checkPrediction(t, c, table, got)
		})
	}
}

func referencePoints(t *testing.T, c referenceCase, table algtest.Table) Points {
	t.Helper()
	p := Points{Dim: len(c.Features)}
	columns := make([][]float64, p.Dim)
	for j, f := range c.Features {
		columns[j] = table.Floats(t, f)
	}
	for i := range columns[0] {
		for _, column := range columns {
			v := column[i]
			if c.Point == "each pixel > 7" {
				v = b2f(v > 7)
			}
			p.Values = append(p.Values, v)
		}
	}
	return p
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// near is the tolerance of the values: 1e-12, absolute for what is found by
// subtracting from 1, and none where the terms of the reference's exact sums are
// not rounded either.
func near(metric string, got, want float64) bool {
	switch metric {
	case "cosine", "angular", "tanimoto":
		return math.Abs(got-want) <= 1e-12
	case "manhattan", "chebyshev", "hamming", "jaccard":
		return got == want
	}
	return math.Abs(got-want) <= 1e-12*math.Abs(want)
}

// checkNeighbours wants the ids in order. The reference flags ties that another
// rounding might order otherwise; exact sums agree with it on all of them.
func checkNeighbours(t *testing.T, c referenceCase, q referenceQuery, got Neighbors, i int) {
	t.Helper()
	rows, distances := got.At(i)
	ids := make([]int32, len(rows))
	for j, row := range rows {
		ids[j] = row + 1
		if !near(c.Metric, distances[j], q.Distances[j]) {
			t.Errorf("query %d: distance %d = %.17g, want %.17g", q.ID, j, distances[j], q.Distances[j])
		}
	}
	if !slices.Equal(ids, q.IDs) {
		t.Errorf("query %d: neighbours %v, want %v", q.ID, ids, q.IDs)
	}
}

func checkPrediction(t *testing.T, c referenceCase, table algtest.Table, got Neighbors) {
	t.Helper()
	weighting := Uniform
	if c.Weights == "distance" {
		weighting = InverseDistance
	}
	switch c.Task {
	case "regression":
		means, err := Mean(got, table.Floats(t, c.Label), weighting)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range c.Queries {
			if want := q.Prediction.(float64); algtest.Digits(means[i], want) < 12 {
				t.Errorf("query %d: mean %.17g, want %.17g", q.ID, means[i], want)
			}
		}
	case "classification":
		names := slices.Compact(slices.Sorted(slices.Values(table[c.Label])))
		classes := Classes{Count: len(names)}
		for _, label := range table[c.Label] {
			at, _ := slices.BinarySearch(names, label)
			classes.Of = append(classes.Of, int32(at))
		}
		votes, err := Vote(got, classes, weighting)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range c.Queries {
			class := names[votes.Class[i]]
			if class != q.Prediction.(string) {
				t.Errorf("query %d: class %s, want %s (vote tie %v)", q.ID, class, q.Prediction, q.VoteTie)
			}
			for j, name := range names {
				p := votes.Probability[i*len(names)+j]
				if math.Abs(p-q.Probability[name]) > 1e-12 {
					t.Errorf("query %d: probability of %s %.17g, want %.17g", q.ID, name, p, q.Probability[name])
				}
			}
		}
	}
}

func mustMetric(t testing.TB, name string, p float64) Metric {
	t.Helper()
	m, err := ParseMetric(name, p)
	if err != nil {
		m, err = ParseMADlibMetric(name, p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}
