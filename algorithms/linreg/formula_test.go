package linreg

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// frame evaluates the expressions of the reference cases over a data set: names,
// numbers, text, + - * /, == and log.
type frame struct {
	t     testing.TB
	table algtest.Table
	n     int
}

// vector is a column: numbers, texts or truth values; a NaN or "" is NULL.
type vector struct {
	numbers []float64
	texts   []string
	truth   bool // numbers are truth values
}

func newFrame(t testing.TB, dataset string) frame {
	table := algtest.Dataset(t, dataset)
	return frame{t: t, table: table, n: len(table["id"])}
}

func (f frame) eval(text string) vector {
	expr, err := parser.ParseExpr(text)
	if err != nil {
		f.t.Fatalf("%s: %v", text, err)
	}
	return f.node(expr)
}

func (f frame) node(expr ast.Expr) vector {
	switch e := expr.(type) {
	case *ast.Ident:
		return f.column(e.Name)
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, _ := strconv.Unquote(e.Value)
			return vector{texts: slices.Repeat([]string{s}, f.n)}
		}
		v, err := strconv.ParseFloat(e.Value, 64)
		if err != nil {
			f.t.Fatal(err)
		}
		return vector{numbers: slices.Repeat([]float64{v}, f.n)}
	case *ast.CallExpr:
		if name, ok := e.Fun.(*ast.Ident); !ok || name.Name != "log" {
			f.t.Fatalf("unknown function in %v", e)
		}
		v := f.node(e.Args[0])
		for i, x := range v.numbers {
			v.numbers[i] = math.Log(x)
		}
		return v
	case *ast.BinaryExpr:
		return f.binary(e)
	}
	f.t.Fatalf("unknown expression %T", expr)
	return vector{}
}

func (f frame) binary(e *ast.BinaryExpr) vector {
	a, b := f.node(e.X), f.node(e.Y)
	out := vector{numbers: make([]float64, f.n), truth: e.Op == token.EQL}
	for i := range out.numbers {
		if a.texts != nil {
			if a.texts[i] == b.texts[i] {
				out.numbers[i] = 1
			}
			continue
		}
		x, y := a.numbers[i], b.numbers[i]
		switch e.Op {
		case token.ADD:
			out.numbers[i] = x + y
		case token.SUB:
			out.numbers[i] = x - y
		case token.MUL:
			out.numbers[i] = x * y
		case token.QUO:
			out.numbers[i] = x / y
		case token.EQL:
			if x == y {
				out.numbers[i] = 1
			}
		default:
			f.t.Fatalf("unknown operator %v", e.Op)
		}
	}
	return out
}

// column returns a column as numbers if all its values are.
func (f frame) column(name string) vector {
	texts, ok := f.table[name]
	if !ok {
		f.t.Fatalf("no column %q", name)
	}
	for _, s := range texts {
		if _, err := strconv.ParseFloat(s, 64); s != "" && err != nil {
			return vector{texts: texts}
		}
	}
	return vector{numbers: f.table.Floats(f.t, name)}
}

// encoded is a feature as columns of the design, named as terms are.
type encoded struct {
	names   []string
	columns [][]float64
}

// encode turns a feature into columns: a text into one per level but the first,
// in C order unless levels are given; NULL stays NaN.
func (f frame) encode(feature string, levels []string) encoded {
	v := f.eval(feature)
	if v.texts == nil {
		name := feature
		if v.truth {
			name += "=true"
		}
		return encoded{names: []string{name}, columns: [][]float64{v.numbers}}
	}
	if levels == nil {
		levels = slices.Clone(v.texts)
		slices.Sort(levels)
		levels = slices.Compact(levels)
	}
	var out encoded
	for _, level := range levels[1:] {
		column := make([]float64, f.n)
		for i, s := range v.texts {
			if s == level {
				column[i] = 1
			}
		}
		out.names = append(out.names, feature+"="+level)
		out.columns = append(out.columns, column)
	}
	return out
}
