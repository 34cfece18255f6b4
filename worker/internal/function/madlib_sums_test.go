package function

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/millrace/millrace/algorithms/algtest"
)

// sample draws n rows of k columns and a response. If collinear, the last column
// is a combination of the first two.
func sample(r *rand.Rand, n, k int, collinear bool) (x [][]float64, y []float64) {
	x = make([][]float64, k)
	for j := range x {
		x[j] = make([]float64, n)
	}
	y = make([]float64, n)
	for i := range n {
		x[0][i] = 1
		for j := 1; j < k; j++ {
			x[j][i] = math.Round(1000*r.NormFloat64()) * math.Pow(10, float64(j%3-1))
		}
		if collinear {
			x[k-1][i] = 2*x[0][i] - 4*x[1][i]
		}
		y[i] = 3 - x[1][i] + 10*r.NormFloat64()
	}
	return x, y
}

// flat puts rows in the order y, x1, x2, ….
func flat(x [][]float64, y []float64, order []int) []float64 {
	var out []float64
	for _, i := range order {
		out = append(out, y[i])
		for j := range x {
			out = append(out, x[j][i])
		}
	}
	return out
}

func newSums(t *testing.T, width int, text *string) *madlibSums {
	t.Helper()
	call, err := newMadlibSums(mustJSON(t, map[string]any{"width": width, "sums": text, "finish": false}), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := call.(*madlibSums)
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSumsMemory: a call that is only prepared holds next to nothing, and a
// running one asks for the memory of its sums before it takes it.
func TestSumsMemory(t *testing.T) {
	args := mustJSON(t, map[string]any{"width": maxWidth, "sums": nil, "finish": false})
	call, err := newMadlibSums(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	if call.(*madlibSums).sums != nil {
		t.Error("a call that is only prepared holds its sums")
	}
	data, refused := sumsInput(t, make([]float64, maxWidth+1)), errors.New("refused")
	var asked int64
	_, err = call.Run(t.Context(), data, Env{Workers: 1, Reserve: func(bytes int64) (func(), error) {
		asked = bytes
		return nil, refused
	}})
	const least = 2 * 1080 * 514 * 515 / 2 // two triangles of sums of 1080 bytes
	if !errors.Is(err, refused) || asked < least {
		t.Errorf("Run asks for %d bytes, error %v; want at least %d and the refusal", asked, err, least)
	}
	if call.(*madlibSums).sums != nil {
		t.Error("the sums are there, and their memory was refused")
	}
}

// sumsInput is what Run gets: one array.
func sumsInput(t *testing.T, values []float64) []Data {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "c1", Type: arrow.LargeListOf(arrow.PrimitiveTypes.Float64)}}, nil))
	defer b.Release()
	list := b.Field(0).(*array.LargeListBuilder)
	list.Append(true)
	list.ValueBuilder().(*array.Float64Builder).AppendValues(values, nil)
	record := b.NewRecord()
	t.Cleanup(record.Release)
	return []Data{{Record: record}}
}

// TestSums: the aggregate's state does not depend on the order of rows nor on
// where they were cut, and a fit from it is the fit of the rows.
func TestSums(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		n, k      int
		collinear bool
	}{{"Wide", 200, 5, false}, {"Collinear", 200, 5, true}, {"OneColumn", 30, 1, false}, {"Few", 7, 5, false}, {"NoFreedom", 5, 5, false}, {"TooFew", 3, 5, false}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, uint64(tt.n*tt.k)))
			k := tt.k
			x, y := sample(r, tt.n, max(k, 2), tt.collinear)
			x = x[:k]
			whole := newSums(t, k, nil)
			if err := whole.add(t.Context(), flat(x, y, r.Perm(tt.n)), 1); err != nil {
				t.Fatal(err)
			}
			parts := newSums(t, k, nil)
			order := r.Perm(tt.n)
			for _, part := range [][]int{order[:tt.n/3], order[tt.n/3 : tt.n/2], order[tt.n/2:]} {
				if err := parts.add(t.Context(), flat(x, y, part), 2); err != nil {
					t.Fatal(err)
				}
				text, err := parts.marshal()
				if err != nil {
					t.Fatal(err)
				}
				parts = newSums(t, k, &text)
			}
			a, _ := whole.marshal()
			if b, _ := parts.marshal(); a != b {
				t.Fatal("the sums depend on the order of rows, or on where they are cut")
			}
			got, err := parts.fit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want, err := madlibFit{ctx: t.Context(), workers: 1, x: x, y: y, rows: tt.n, total: math.NaN()}.result()
			if err != nil {
				t.Fatal(err)
			}
			sameResult(t, got, want)
		})
	}
}

func sameResult(t *testing.T, got, want linearResult) {
	t.Helper()
	compare := func(what string, got, want []float64) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s = %v, want %v", what, got, want)
		}
		for i := range want {
			bothNaN := math.IsNaN(got[i]) && math.IsNaN(want[i])
			if !bothNaN && got[i] != want[i] && algtest.Digits(got[i], want[i]) < 9 && math.Abs(got[i]-want[i]) > 1e-9 {
				t.Errorf("%s[%d] = %.17g, want %.17g", what, i, got[i], want[i])
			}
		}
	}
	compare("coef", got.coef, want.coef)
	compare("std_err", got.stdErr, want.stdErr)
	compare("p_values", got.p, want.p)
	compare("r2, n", []float64{got.r2, float64(got.n)}, []float64{want.r2, float64(want.n)})
	if math.IsInf(got.condition, 1) != math.IsInf(want.condition, 1) {
		t.Errorf("condition_no = %g, want %g", got.condition, want.condition)
	}
}

// TestSumsRefused: a state is text that a caller can make up.
func TestSumsRefused(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		`{"width":0,"sums":null,"finish":true}`, `{"width":513,"sums":null,"finish":true}`, `{"width":1,"sums":"","finish":true}`, `{"width":1,"sums":"[]","finish":true}`,
		`{"width":1,"sums":"[[\"AA==\",\"\",\"\"],[\"\",\"\"],[\"\"]]","finish":true}`, `{"width":1,"sums":"[[\"\",\"\"],[\"\",\"\"],[\"\"]]","finish":true}`,
	} {
		call, err := newMadlibSums([]byte(args), nil)
		if err == nil {
			err = call.(*madlibSums).load()
		}
		if err == nil {
			t.Errorf("%s is accepted", args)
		}
	}
	c := newSums(t, 1, nil)
	for _, rows := range [][]float64{{math.NaN(), 1}, {1, math.Inf(1)}} {
		if err := c.add(t.Context(), rows, 1); err == nil {
			t.Errorf("%v is summed", rows)
		}
	}
	if _, err := c.fit(t.Context()); err == nil {
		t.Error("no rows are fitted")
	}
}
