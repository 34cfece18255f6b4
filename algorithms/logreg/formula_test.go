package logreg

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// column is an expression of the reference files evaluated on a data set: text
// if it names a text column, else numbers with NaN for NULL; truth values are
// 0 and 1.
type column struct {
	text   []string
	number []float64
}

var binary = regexp.MustCompile(`^(.+) (==|!=|>|<|-|/) (.+)$`)

// evaluate reads "column", "number", `"text"`, "log(e)" and "e op e".
func evaluate(t *testing.T, d algtest.Table, expression string) column {
	t.Helper()
	if inner, ok := strings.CutPrefix(expression, "log("); ok {
		c := evaluate(t, d, strings.TrimSuffix(inner, ")"))
		for i, v := range c.number {
			c.number[i] = math.Log(v)
		}
		return c
	}
	if m := binary.FindStringSubmatch(expression); m != nil {
		return operate(t, m[2], evaluate(t, d, m[1]), evaluate(t, d, m[3]))
	}
	n := 0
	for _, c := range d {
		n = len(c)
	}
	if v, err := strconv.ParseFloat(expression, 64); err == nil {
		return column{number: slices.Repeat([]float64{v}, n)}
	}
	if strings.HasPrefix(expression, `"`) {
		return column{text: slices.Repeat([]string{strings.Trim(expression, `"`)}, n)}
	}
	return read(t, d, expression)
}

func read(t *testing.T, d algtest.Table, name string) column {
	t.Helper()
	texts, ok := d[name]
	if !ok {
		t.Fatalf("no column %q", name)
	}
	c := column{text: texts}
	for _, s := range texts {
		v, err := strconv.ParseFloat(s, 64)
		switch {
		case s == "true":
			v = 1
		case s == "false":
			v = 0
		case s == "":
			v = math.NaN()
		case err != nil:
			return column{text: texts}
		}
		c.number = append(c.number, v)
	}
	return column{number: c.number}
}

func operate(t *testing.T, op string, a, b column) column {
	t.Helper()
	truth := map[bool]float64{true: 1}
	if a.text != nil || b.text != nil {
		var out column
		for i := range a.text {
			out.number = append(out.number, truth[(a.text[i] == b.text[i]) == (op == "==")])
		}
		return out
	}
	var out column
	for i, x := range a.number {
		y := b.number[i]
		if math.IsNaN(x) || math.IsNaN(y) {
			out.number = append(out.number, math.NaN())
			continue
		}
		out.number = append(out.number, map[string]float64{
			"==": truth[x == y], "!=": truth[x != y], ">": truth[x > y], "<": truth[x < y], "-": x - y, "/": x / y,
		}[op])
	}
	return out
}

// sample is a case of the reference file as rows.
type sample struct {
	data    Data
	terms   []string // of the columns
	skipped int      // rows with NULL
	row     []int    // of the data set
}

// spec is what the cases of the reference file say about their rows.
type spec struct {
	Dataset, Filter, Target, Weights string
	Features                         []string
	GroupBy                          []string `json:"group_by"`
}

// sample evaluates the spec for one group; a nil group means all rows.
func (s spec) sample(t *testing.T, group map[string]any) sample {
	t.Helper()
	d := algtest.Dataset(t, s.Dataset)
	target := evaluate(t, d, s.Target).number
	var out sample
	var columns [][]float64
	for _, f := range s.Features {
		names, x := expand(f, evaluate(t, d, f))
		out.terms, columns = append(out.terms, names...), append(columns, x...)
	}
	weights := slices.Repeat([]float64{1}, len(target))
	if s.Weights != "" {
		weights = evaluate(t, d, s.Weights).number
	}
	out.data.X = make([][]float64, len(columns))
	for _, i := range s.rows(t, d, group, len(target)) {
		used := []float64{target[i], weights[i]}
		for _, x := range columns {
			used = append(used, x[i])
		}
		if slices.ContainsFunc(used, math.IsNaN) {
			out.skipped++
			continue
		}
		for j, x := range columns {
			out.data.X[j] = append(out.data.X[j], x[i])
		}
		out.data.Y = append(out.data.Y, target[i] == 1)
		out.data.W = append(out.data.W, weights[i])
		out.row = append(out.row, i)
	}
	if s.Weights == "" {
		out.data.W = nil
	}
	return out
}

// rows lists the rows that filter and group leave.
func (s spec) rows(t *testing.T, d algtest.Table, group map[string]any, n int) []int {
	t.Helper()
	keep := slices.Repeat([]float64{1}, n)
	if s.Filter != "" {
		keep = evaluate(t, d, s.Filter).number
	}
	for expression, value := range group {
		want, isNumber := value.(float64)
		if !isNumber {
			want = map[bool]float64{true: 1}[value.(bool)]
		}
		for i, v := range evaluate(t, d, expression).number {
			if v != want {
				keep[i] = 0
			}
		}
	}
	var out []int
	for i, v := range keep {
		if v == 1 {
			out = append(out, i)
		}
	}
	return out
}

// expand turns a text column into one column of 0 and 1 per level but the first.
func expand(feature string, c column) (names []string, x [][]float64) {
	if c.text == nil {
		return []string{feature}, [][]float64{c.number}
	}
	levels := slices.Compact(slices.Sorted(slices.Values(c.text)))
	for _, level := range levels[1:] {
		indicator := make([]float64, len(c.text))
		for i, s := range c.text {
			if s == level {
				indicator[i] = 1
			}
		}
		names, x = append(names, feature+"="+level), append(x, indicator)
	}
	return names, x
}
