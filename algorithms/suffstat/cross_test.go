package suffstat

import (
	"context"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// draw returns n rows of k columns, some with many zeros, and weights.
func draw(r *rand.Rand, n, k int) Block {
	b := Block{Columns: make([][]float64, k), Weights: make([]float64, n)}
	for j := range b.Columns {
		b.Columns[j] = make([]float64, n)
		for i := range n {
			b.Columns[j][i] = math.Ldexp(r.NormFloat64()+3, r.IntN(1+20*j))
			if j%3 == 2 {
				b.Columns[j][i] = float64(r.IntN(2))
			}
		}
	}
	for i := range n {
		b.Weights[i] = r.ExpFloat64()
	}
	return b
}

func permuted(r *rand.Rand, b Block) Block {
	n := b.rows()
	p := Block{Columns: make([][]float64, len(b.Columns))}
	perm := r.Perm(n)
	take := func(c []float64) []float64 {
		out := make([]float64, n)
		for i, from := range perm {
			out[i] = c[from]
		}
		return out
	}
	for j, c := range b.Columns {
		p.Columns[j] = take(c)
	}
	if b.Weights != nil {
		p.Weights = take(b.Weights)
	}
	return p
}

func mustAdd(t testing.TB, c *Cross, b Block, workers int) {
	t.Helper()
	if err := c.Add(context.Background(), b, workers); err != nil {
		t.Fatal(err)
	}
}

func TestByHand(t *testing.T) {
	t.Parallel()
	c := NewCross(2)
	mustAdd(t, c, Block{Columns: [][]float64{{1, 2, 4}, {3, 0, -1}}, Weights: []float64{2, 1, 0.5}}, 1)
	want := [3][3]float64{{3.5, 6, 5.5}, {6, 14, 4}, {5.5, 4, 18.5}} // Σw, Σwx, Σwxx by hand.
	for i := range 3 {
		for j := range 3 {
			if got := c.At(i, j).Float64(); got != want[i][j] {
				t.Errorf("S[%d][%d] = %g, want %g", i, j, got, want[i][j])
			}
		}
	}
	if got, want := c.Mean(1), 6/3.5; got != want {
		t.Errorf("Mean = %g, want %g", got, want)
	}
	if got, want := c.Centered(1, 2), 4-6*5.5/3.5; math.Abs(got-want) > 1e-14 {
		t.Errorf("Centered = %g, want %g", got, want)
	}
	if empty := NewCross(1); !math.IsNaN(empty.Mean(1)) || !math.IsNaN(empty.Centered(1, 1)) {
		t.Error("the mean of no rows is a number")
	}
}

// Weighted sums are the real ones: three factors, no rounding.
func TestTripleProductsAreExact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	b := draw(r, 700, 3)
	c := NewCross(3)
	mustAdd(t, c, b, 2)
	one := make([]float64, 700)
	for i := range one {
		one[i] = 1
	}
	columns := append([][]float64{one}, b.Columns...)
	for i := range columns {
		for j := range columns {
			want := new(big.Float).SetPrec(1000)
			for row := range one {
				p := new(big.Float).SetPrec(1000).SetFloat64(b.Weights[row])
				p.Mul(p, big.NewFloat(columns[i][row]))
				want.Add(want, p.Mul(p, big.NewFloat(columns[j][row])))
			}
			if got := c.At(i, j).Big(); got.Cmp(want) != 0 {
				t.Errorf("S[%d][%d] = %g, want %g", i, j, got, want)
			}
		}
	}
}

// Shards merged in any order, permuted rows, any number of workers: always the
// same state.
func TestLaws(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, weighted := range []bool{false, true} {
		b := draw(r, 3*BlockRows+17, 4)
		if !weighted {
			b.Weights = nil
		}
		want := NewCross(4)
		mustAdd(t, want, b, 1)

		three := NewCross(4)
		mustAdd(t, three, permuted(r, b), 3)
		if !three.Equal(want) {
			t.Errorf("weighted %t: permuted rows and 3 workers differ", weighted)
		}

		merged := NewCross(4)
		for _, cut := range [][2]int{{9000, b.rows()}, {0, 5}, {5, 9000}} {
			part := NewCross(4)
			mustAdd(t, part, b.slice(cut[0], cut[1]), 0)
			merged.Merge(part)
		}
		if !merged.Equal(want) {
			t.Errorf("weighted %t: merged shards differ", weighted)
		}

	}
}

// What is added and removed again, in blocks or row by row, leaves no trace.
func TestRemoval(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := rand.New(rand.NewPCG(5, 6))
	for _, weighted := range []bool{false, true} {
		b := draw(r, BlockRows+17, 4)
		if !weighted {
			b.Weights = nil
		}
		want, merged := NewCross(4), NewCross(4)
		mustAdd(t, want, b, 1)
		mustAdd(t, merged, b, 2)
		extra := draw(r, 6000, 4)
		if !weighted {
			extra.Weights = nil
		}
		mustAdd(t, merged, extra, 2)
		if merged.Equal(want) {
			t.Errorf("weighted %t: more rows changed nothing", weighted)
		}
		if err := merged.Remove(ctx, extra, 1); err != nil || !merged.Equal(want) {
			t.Errorf("weighted %t: removed rows left a trace (%v)", weighted, err)
		}
		part := NewCross(4)
		mustAdd(t, part, b.slice(0, 100), 1)
		merged.Unmerge(part)
		single(t, merged, b.slice(0, 100), (*Cross).AddRow)
		if !merged.Equal(want) {
			t.Errorf("weighted %t: rows added singly differ", weighted)
		}
		single(t, merged, permuted(r, b), (*Cross).RemoveRow)
		if !merged.Equal(NewCross(4)) {
			t.Errorf("weighted %t: not empty after every row was removed", weighted)
		}
	}
}

func single(t *testing.T, c *Cross, b Block, f func(*Cross, []float64, float64) error) {
	t.Helper()
	for i := range b.rows() {
		z, w := make([]float64, len(b.Columns)), 1.0
		for j := range z {
			z[j] = b.Columns[j][i]
		}
		if b.Weights != nil {
			w = b.Weights[i]
		}
		if err := f(c, z, w); err != nil {
			t.Fatal(err)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c, before := NewCross(1), NewCross(1)
	good := Block{Columns: [][]float64{{1, 2}}, Weights: []float64{1, 1}}
	mustAdd(t, c, good, 1)
	mustAdd(t, before, good, 1)
	bad := Block{Columns: [][]float64{{1, 1e300}}, Weights: []float64{1, 1e300}}
	if err := c.Add(context.Background(), bad, 1); !errors.Is(err, ErrRange) || !c.Equal(before) {
		t.Errorf("Add = %v, want ErrRange and no change", err)
	}
	if err := c.AddRow([]float64{1e300}, 1e300); !errors.Is(err, ErrRange) || !c.Equal(before) {
		t.Errorf("AddRow = %v, want ErrRange and no change", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Add(ctx, good, 1); !errors.Is(err, context.Canceled) || !c.Equal(before) {
		t.Errorf("Add = %v, want context.Canceled and no change", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a row of two values did not panic")
		}
	}()
	_ = c.AddRow([]float64{1, 2}, 1)
}

// Blocks covers each row once, and stops at an error.
func TestBlocks(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, BlockRows, 5*BlockRows + 1} {
		seen := make([]int, n)
		err := Blocks(context.Background(), Split{Rows: n, Workers: 3}, func(_, from, to int) error {
			for i := from; i < to; i++ {
				seen[i]++
			}
			return nil
		})
		for i, k := range seen {
			if k != 1 || err != nil {
				t.Fatalf("%d rows: row %d seen %d times (%v)", n, i, k, err)
			}
		}
	}
	stop := errors.New("stop")
	err := Blocks(context.Background(), Split{Rows: 50 * BlockRows, Workers: 4}, func(_, from, _ int) error {
		if from == 7*BlockRows {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("Blocks = %v, want %v", err, stop)
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, bb := range []struct {
		name     string
		weighted bool
	}{{name: "Plain"}, {name: "Weighted", weighted: true}} {
		r := rand.New(rand.NewPCG(1, 1))
		block := draw(r, 100_000, 11)
		for _, column := range block.Columns {
			for i := range column {
				column[i] = r.NormFloat64()
			}
		}
		if !bb.weighted {
			block.Weights = nil
		}
		b.Run(bb.name, func(b *testing.B) {
			c := NewCross(11)
			for b.Loop() {
				mustAdd(b, c, block, 0)
			}
			b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
