package function

import (
	"math"
	"slices"
	"strings"

	"github.com/millrace/millrace/algorithms/linreg"
	"github.com/millrace/millrace/exact"
	"github.com/millrace/millrace/worker/internal/fault"
)

// What the functions of the compatibility schema madlib have in common. Their
// names, columns and error texts are those of MADlib 2.1; what they compute is
// computed by the same algorithms as schema ml uses.

// lists is a column of float8[] that travels as text, because a table of MADlib
// has more of them than a row has slots for. nil is NULL; NaN stays NaN.
type lists [][]float64

// Slot implements [Values].
func (lists) Slot() string { return "t" }

// Write implements [Values].
func (v lists) Write(w Writer, row int) {
	if v[row] == nil {
		w.Null()
		return
	}
	w.Text(listText(v[row]))
}

// squares is a column of float8[][] in the same form.
type squares [][][]float64

// Slot implements [Values].
func (squares) Slot() string { return "t" }

// Write implements [Values].
func (v squares) Write(w Writer, row int) {
	if v[row] == nil {
		w.Null()
		return
	}
	parts := make([]string, len(v[row]))
	for i, line := range v[row] {
		parts[i] = listText(line)
	}
	w.Text("{" + strings.Join(parts, ",") + "}")
}

func listText(list []float64) string {
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = appendNumber(x)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// madlibGroups splits rows by the group columns as GROUP BY does: NULL is a
// group of its own. Rows with NULL in another used column are counted.
func (d Data) madlibGroups(by, used []int) []group {
	index := map[string]int{}
	var list []group
	for row := range d.rows() {
		keys := d.keys(by, row)
		var name strings.Builder
		for _, k := range keys {
			if !k.isNull() {
				name.WriteByte(1)
				name.WriteString(k.String())
			}
			name.WriteByte(0)
		}
		at, ok := index[name.String()]
		if !ok {
			at = len(list)
			index[name.String()] = at
			list = append(list, group{keys: keys})
		}
		if slices.ContainsFunc(used, func(c int) bool { return d.Record.Column(c).IsNull(row) }) {
			list[at].skipped++
			continue
		}
		list[at].rows = append(list[at].rows, row)
	}
	slices.SortFunc(list, func(a, b group) int { return slices.CompareFunc(a.keys, b.keys, compareKeys) })
	return list
}

// matrixOf gathers the independent variables of some rows by column.
func (d Data) matrixOf(column int, rows []int, env Env) (x [][]float64, release func(), err error) {
	if len(rows) == 0 {
		return nil, func() {}, nil
	}
	width := len(d.point(column, rows[0]))
	if release, err = env.Reserve(8 * int64(width) * int64(len(rows))); err != nil {
		return nil, nil, err
	}
	x = make([][]float64, width)
	for j := range x {
		x[j] = make([]float64, len(rows))
	}
	for i, row := range rows {
		p := d.point(column, row)
		if len(p) != width {
			release()
			return nil, nil, fault.New(fault.Data, "Inconsistent numbers of independent variables.").
				WithDetail("Both %d and %d occur; the latter in the row with %s.", width, len(p), d.describeRow(row))
		}
		for j, v := range p {
			x[j][i] = v
		}
	}
	return x, release, nil
}

// requireFiniteDesign refuses NaN and infinities in MADlib's words.
func (d Data) requireFiniteDesign(target, point int, rows []int) error {
	for column, text := range map[int]string{target: "Dependent variables are not finite.", point: "Design matrix is not finite."} {
		if column < 0 {
			continue
		}
		if f, ok := d.requireFinite([]int{column}, rows).(*fault.Error); ok {
			found := f.Message
			f = fault.New(fault.Data, "%s", text)
			return f.WithDetail("%s.", found)
		}
	}
	return nil
}

// spread turns estimates for linearly independent columns into the ones that a
// pseudo-inverse gives for all columns: of all coefficients with the same
// predictions, those of least length.
//
// With X = X₁·T, X₁ the kept columns and T their combinations, these are
// P·β₁ with P = T'(TT')⁻¹, and their covariance is P·V·P'.
type spread [][]float64 // P, k×r

// newSpread finds the combinations by regressing each dropped column on the kept
// ones.
func newSpread(fit func(x [][]float64, y []float64) (*linreg.Fit, error), x [][]float64, dropped []int) (spread, error) {
	var kept []int
	for j := range x {
		if !slices.Contains(dropped, j) {
			kept = append(kept, j)
		}
	}
	p := make(spread, len(x)) // T' at first
	basis := make([][]float64, len(kept))
	for j := range p {
		p[j] = make([]float64, len(kept))
	}
	for a, j := range kept {
		basis[a] = x[j]
		p[j][a] = 1
	}
	if len(kept) == 0 {
		return p, nil
	}
	for _, j := range dropped {
		f, err := fit(basis, x[j])
		if err != nil {
			return nil, err
		}
		for a, term := range f.Terms {
			if !math.IsNaN(term.Estimate) {
				p[j][a] = term.Estimate
			}
		}
	}
	p.normalise(len(kept))
	return p, nil
}

// normalise makes T'(TT')⁻¹ of T' by Cholesky's factors LL' of TT', which is the
// identity plus a positive semidefinite matrix: line by line, Lz = t, L'p = z.
func (s spread) normalise(r int) {
	l := make([][]float64, r)
	for i := range l {
		l[i] = make([]float64, i+1)
		for j := range l[i] {
			var sum exact.Sum
			for _, t := range s {
				sum.AddProduct(t[i], t[j])
			}
			for a := range j {
				sum.AddProduct(-l[i][a], l[j][a])
			}
			if l[i][j] = sum.Float64() / l[j][j]; i == j {
				l[i][j] = math.Sqrt(sum.Float64())
			}
		}
	}
	for _, t := range s {
		for i := range r {
			for a := range i {
				t[i] -= l[i][a] * t[a]
			}
			t[i] /= l[i][i]
		}
		for i := r - 1; i >= 0; i-- {
			for a := i + 1; a < r; a++ {
				t[i] -= l[a][i] * t[a]
			}
			t[i] /= l[i][i]
		}
	}
}

// coefficients maps r estimates to k; without any kept column they are 0.
func (s spread) coefficients(kept []float64) []float64 {
	out := make([]float64, len(s))
	for i, line := range s {
		out[i] = exact.Dot(line, kept)
	}
	return out
}

// covariance maps an r×r covariance to k×k.
func (s spread) covariance(kept [][]float64) [][]float64 {
	out := make([][]float64, len(s))
	for i := range s {
		out[i] = make([]float64, len(s))
		for j := range s {
			for a, line := range kept {
				for b, v := range line {
					out[i][j] += s[i][a] * v * s[j][b]
				}
			}
		}
	}
	return out
}

// pair is one key = value of a parameter text.
type pair struct{ key, value string }

// pairs reads "key = value, …"; an empty text has none. ok is false for another
// form.
func pairs(text string) (list []pair, ok bool) {
	if strings.TrimSpace(text) == "" {
		return nil, true
	}
	for _, part := range strings.Split(text, ",") {
		key, value, found := strings.Cut(part, "=")
		key, value = strings.ToLower(strings.Trim(key, " \t\n\"")), strings.ToLower(strings.Trim(value, " \t\n\""))
		if !found || key == "" || value == "" || strings.Contains(value, "=") {
			return nil, false
		}
		list = append(list, pair{key, value})
	}
	return list, true
}
