package tree

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
)

// none is a catalog that knows no object.
type none struct{}

func (none) Relation(uint32) (*schema.Relation, error)     { return nil, schema.ErrNotFound }
func (none) Function(uint32) (*schema.Function, error)     { return nil, schema.ErrNotFound }
func (none) Operator(uint32) (*schema.Operator, error)     { return nil, schema.ErrNotFound }
func (none) Type(uint32, int32, uint32) (*row.Type, error) { return nil, schema.ErrNotFound }
func (none) Collation(uint32) (string, error)              { return "", schema.ErrNotFound }

// seeds are rules of real views, of the oldest and the newest version.
func seeds(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/rules-*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	var out []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Split(strings.TrimSpace(string(text)), "\n")...)
	}
	return out
}

// FuzzRead reads damaged rules: there may be an error, but no panic, in reading and in
// what is done with a tree that was read.
func FuzzRead(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { readAny(text) })
}

func readAny(text string) {
	q, err := Read(text)
	if err != nil {
		return
	}
	_ = DecodeConstants(q, none{})
	WalkQuery(q, func(e Expr, _ int) {
		_, _ = e.Result(), e.At()
		_, _ = SQL(e, none{}, func(int) string { return "c" })
		if a, ok := e.(*Aggregate); ok {
			_, _ = AggregateSQL(a, none{}, func(int) string { return "c" }, "n")
		}
	})
}

// TestReadDamaged takes each word of real rules away, and puts others in its place.
func TestReadDamaged(t *testing.T) {
	for _, s := range seeds(t) {
		words := strings.Fields(s)
		for i := 0; i < len(words); i += 17 {
			for _, other := range []string{"", "<>", "99", "{", "}", "(", "-1", "{CONST}"} {
				readAny(strings.Join(words[:i], " ") + " " + other + " " + strings.Join(words[i+1:], " "))
			}
		}
	}
}

// TestReadErrors has texts that are no rule.
func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"": "unexpected end", "<>": "a list with one query expected", "({QUERY})": "no field", "({VAR :varno 1})": "a list with one query expected",
		"({QUERY :commandType 1": "field name expected", "(" + strings.Repeat("(", 20000): "nested too deeply", "({QUERY :x 3 [ 1 2 ]})": "shorter than its length",
		"()x": "text after the end",
	} {
		if _, err := Read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: error %v, want %q", text, err, want)
		}
	}
}

// TestReadCircular: a join's columns that refer to each other are an error.
func TestReadCircular(t *testing.T) {
	seed := seeds(t)[0]
	const alias = ":joinaliasvars ("
	if !strings.Contains(seed, alias) {
		t.Fatal("the first seed has no join")
	}
	for table := range 9 {
		old := strings.Index(seed, alias) + len(alias)
		at := old + strings.Index(seed[old:], ":varno ") + len(":varno ")
		damaged := seed[:at] + string(rune('0'+table)) + seed[at+1:]
		damaged = strings.ReplaceAll(damaged, "{RANGETBLREF :rtindex 3}", "{RANGETBLREF :rtindex 4}")
		readAny(damaged)
	}
	q := &Query{From: &From{}, RangeTable: []*RangeEntry{{Kind: EntryJoin, JoinVars: []Expr{&Var{Table: 1, Number: 1}}}}, Targets: []*Target{{Expr: &Var{Table: 1, Number: 1}}}}
	if _, err := normalise(q); err == nil {
		t.Error("no error")
	}
}

// TestSQLRefused names what is not printed.
func TestSQLRefused(t *testing.T) {
	for _, tt := range []struct {
		e    Expr
		want string
	}{
		{&Unknown{Tag: "XMLEXPR"}, "XMLEXPR"}, {&Var{}, "Var"}, {&Aggregate{}, "Aggregate"}, {&SubLink{}, "SubLink"}, {&Window{}, "Window"}, {&Param{}, "Param"},
		{&Grouping{}, "Grouping"}, {&CaseTest{}, "subject of no CASE"}, {&Call{ReturnsSet: true}, "returns a set"}, {nil, "nothing"},
	} {
		_, err := SQL(tt.e, none{}, nil)
		if !errors.Is(err, ErrExpression) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%T: error %v, want %q", tt.e, err, tt.want)
		}
	}
}
