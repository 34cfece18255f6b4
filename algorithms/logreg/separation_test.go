package logreg

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// checkDirection verifies by plain arithmetic what the error claims of its rows.
func checkDirection(t *testing.T, d Data, e *SeparationError) {
	t.Helper()
	o := len(e.Direction) - len(d.X)
	predicted := 0
	for i, y := range d.Y {
		score, size := 0.0, 1e-300
		for j, b := range e.Direction {
			v := b
			if j >= o {
				v *= d.X[j-o][i]
			}
			score += v
			size += math.Abs(v)
		}
		if !y {
			score = -score
		}
		if score < -1e-13*size {
			t.Errorf("row %d has score %g on the wrong side", i, score)
		}
		if score > 1e-13*size {
			predicted++
		}
	}
	if predicted != e.Rows || e.N != len(d.Y) {
		t.Errorf("direction predicts %d of %d rows, error says %d of %d", predicted, len(d.Y), e.Rows, e.N)
	}
	if e.Complete != (e.Rows == e.N) {
		t.Errorf("complete = %t with %d of %d rows", e.Complete, e.Rows, e.N)
	}
}

// up returns the targets x > bound of x = 1 … n.
func up(n, bound int) (x []float64, y []bool) {
	for i := 1; i <= n; i++ {
		x, y = append(x, float64(i)), append(y, i > bound)
	}
	return x, y
}

// namedSeparation is a separable set and what must be said of it.
type namedSeparation struct {
	name      string
	config    Config
	x         [][]float64
	y         []bool
	complete  bool
	intercept bool
	columns   []int
	rows      int
	single    []SingleColumn
}

func namedSeparations() []namedSeparation {
	x, y := up(6, 3)
	truth := []bool{false, true, false, true, false, true}
	return []namedSeparation{
		{name: "Complete", config: Config{Intercept: true}, x: [][]float64{x}, y: y, complete: true, intercept: true,
			columns: []int{0}, rows: 6, single: []SingleColumn{{Column: 0, Low: 3, High: 4, TrueAbove: true}}},
		{name: "Downwards", config: Config{Intercept: true}, x: [][]float64{{6, 5, 4, 3, 2, 1}}, y: y, complete: true, intercept: true,
			columns: []int{0}, rows: 6, single: []SingleColumn{{Column: 0, Low: 3, High: 4}}},
		{name: "Touching", config: Config{Intercept: true}, x: [][]float64{{1, 2, 3, 3, 4, 5}}, y: y, intercept: true, // x = 3 is both.
			columns: []int{0}, rows: 4, single: []SingleColumn{{Column: 0, Low: 3, High: 3, TrueAbove: true}}},
		{name: "SecondOfTwo", config: Config{Intercept: true}, x: [][]float64{{1, 5, 2, 2, 4, 1}, {0, 0, 0, 0, 0, 1}}, y: truth,
			columns: []int{1}, rows: 1, single: []SingleColumn{{Column: 1, Low: 0, High: 0, TrueAbove: true}}},
		{name: "Origin", x: [][]float64{{-1, 2, -3, 4, -5, 6}}, y: truth, complete: true,
			columns: []int{0}, rows: 6, single: []SingleColumn{{Column: 0, Low: -1, High: 2, TrueAbove: true}}},
		{name: "OneClassNoIntercept", x: [][]float64{{1, 2}}, y: []bool{true, true}, complete: true,
			columns: []int{0}, rows: 2, single: []SingleColumn{{Column: 0, Low: 0, High: 1, TrueAbove: true}}},
		{name: "SumOfTwo", config: Config{Intercept: true}, // x0 + x1 = ±0.1, in decimals that are not exact.
			x: [][]float64{{0.1, 0.2, 0.7, -0.4, -0.3, 0.6}, {0, -0.3, -0.6, 0.3, 0.4, -0.7}}, y: []bool{true, false, true, false, true, false},
			complete: true, intercept: true, columns: []int{0, 1}, rows: 6},
		{name: "StopsEarly", config: Config{Intercept: true, MaxIterations: 1}, x: [][]float64{x}, y: y, complete: true, intercept: true,
			columns: []int{0}, rows: 6, single: []SingleColumn{{Column: 0, Low: 3, High: 4, TrueAbove: true}}},
	}
}

func TestSeparationNamed(t *testing.T) {
	for _, tt := range namedSeparations() {
		t.Run(tt.name, func(t *testing.T) {
			d := Data{X: tt.x, Y: tt.y}
			_, err := tt.config.Fit(context.Background(), d)
			e := wantSeparation(t, err)
			checkDirection(t, d, e)
			if e.Complete != tt.complete || e.Intercept != tt.intercept || e.Rows != tt.rows ||
				!slices.Equal(e.Columns, tt.columns) || !slices.Equal(e.Single, tt.single) {
				t.Errorf("got %+v", *e)
			}
			for _, c := range []Config{{Intercept: tt.config.Intercept, L2: 0.1}, {Intercept: tt.config.Intercept, L1: 0.1}} {
				if !c.Intercept || !slices.Equal(tt.y, []bool{true, true}) {
					m, err := c.Fit(context.Background(), d)
					if err != nil || !m.Converged {
						t.Errorf("with a penalty %+v: %v, %v", c, m, err)
					}
				}
			}
		})
	}
}

// TestNearlySeparable: one pair of rows overlaps by very little, so that the
// estimate is huge but finite, and it is returned.
func TestNearlySeparable(t *testing.T) {
	for _, overlap := range []float64{1, 1e-3, 1e-6, 1e-9, 1e-12} {
		t.Run(fmt.Sprint(overlap), func(t *testing.T) {
			x, y := up(40, 20)
			x[19], x[20] = 20.5+overlap/2, 20.5-overlap/2 // False above true.
			m, err := Config{Intercept: true}.Fit(context.Background(), Data{X: [][]float64{x}, Y: y})
			if err != nil {
				t.Fatal(err)
			}
			if !m.Converged || !(m.Terms[1].StdError < math.Inf(1)) || m.Terms[1].Estimate <= 0 {
				t.Errorf("%+v", *m)
			}
			x[19], x[20] = x[20], x[19]
			_, err = Config{Intercept: true}.Fit(context.Background(), Data{X: [][]float64{x}, Y: y})
			if e := wantSeparation(t, err); !e.Complete {
				t.Errorf("the same rows without overlap: %v", err)
			}
		})
	}
}

// separable decides by enumeration in integers whether some direction separates
// the rows s·(1, x, y), which span the space: then the directions with v·b ≥ 0
// form a pointed cone, whose edges are among the cross products of two rows.
func separable(rows [][3]int) (separated, fullRank bool) {
	for i, u := range rows {
		for _, v := range rows[:i] {
			b := [3]int{u[1]*v[2] - u[2]*v[1], u[2]*v[0] - u[0]*v[2], u[0]*v[1] - u[1]*v[0]}
			low, high := 0, 0
			for _, r := range rows {
				s := r[0]*b[0] + r[1]*b[1] + r[2]*b[2]
				low, high = min(low, s), max(high, s)
			}
			fullRank = fullRank || low != high
			separated = separated || (low == 0) != (high == 0)
		}
	}
	return separated, fullRank
}

// TestSeparationAgainstEnumeration: the fit says separation exactly where an
// independent enumeration finds it, on small sets full of ties.
func TestSeparationAgainstEnumeration(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 3))
	count := map[bool]int{}
	for count[false]+count[true] < 3000 {
		n := 5 + r.IntN(12)
		d := Data{X: make([][]float64, 2)}
		var rows [][3]int
		yes := 0
		for range n {
			a, b, s := r.IntN(5)-2, r.IntN(5)-2, 2*r.IntN(2)-1
			yes += (s + 1) / 2
			d.X[0], d.X[1] = append(d.X[0], float64(a)/10), append(d.X[1], float64(b)*3)
			d.Y = append(d.Y, s > 0)
			rows = append(rows, [3]int{s, s * a, s * b})
		}
		want, fullRank := separable(rows)
		if !fullRank || yes == 0 || yes == n {
			continue
		}
		count[want]++
		m, err := Config{Intercept: true}.Fit(context.Background(), d)
		if errors.Is(err, ErrSeparation) != want || !want && err != nil {
			t.Fatalf("seed %d: %v: separation %t, want error %v", seed, rows, want, err)
		}
		if want {
			checkDirection(t, d, wantSeparation(t, err))
			continue
		}
		if !m.Converged {
			t.Errorf("seed %d: %v: not converged", seed, rows)
		}
	}
	if count[true] < 500 || count[false] < 500 {
		t.Errorf("%d separable and %d other sets: too few of one kind", count[true], count[false])
	}
}

// TestSearchAgreesWithCertificate: the exact search, run on its own, agrees with
// the fit, which mostly needs only the certificate: on random sets, and on all
// sets of the reference file that have an estimate.
func TestSearchAgreesWithCertificate(t *testing.T) {
	check := func(name string, c Config, d Data) {
		c = c.withDefaults()
		m := newDesign(d, c)
		yes, no := m.classes()
		if _, err := m.prepare(context.Background(), c, m.start(yes, no)); err != nil { // Drops columns.
			t.Fatal(err)
		}
		found, err := newCone(m).separate(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Fit(context.Background(), d); (err == nil) != (found == nil) {
			t.Errorf("%s: fit says %v, search %v", name, err, found)
		}
	}
	for seed := range uint64(20) {
		check(fmt.Sprint("seed ", seed), Config{Intercept: true}, simulate(seed, 60, 3))
	}
	for _, c := range loadReference(t).Cases {
		if c.config().penalised() {
			continue
		}
		for _, g := range c.Groups {
			check(c.Name, c.config(), c.sample(t, g.Group).data)
		}
	}
}

// TestGearNamed: of 15 cars with three gears none has am = 1, of 5 with five all,
// of 12 with four 8 (the facts of the reference file). Four gears are estimated
// against three, so no term has an estimate.
func TestGearNamed(t *testing.T) {
	for _, c := range loadReference(t).Separable {
		if c.Name != "mtcars_gear_quasi" {
			continue
		}
		_, err := Config{Intercept: true}.Fit(context.Background(), c.sample(t, nil).data)
		e := wantSeparation(t, err)
		if e.Rows != 20 || e.N != 32 || !e.Intercept || !slices.Equal(e.Columns, []int{0, 1}) ||
			!slices.Equal(e.Single, []SingleColumn{{Column: 1, TrueAbove: true}}) {
			t.Errorf("%+v", *e)
		}
		return
	}
	t.Fatal("no case mtcars_gear_quasi")
}
