package ext

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/millrace/millrace/sql/token"
)

// What the functions may use without a schema: keywords that the grammar
// resolves itself, in pg_catalog or without any name.
var (
	callKeywords = words(`and or not in any all some array row case when then else coalesce extract exists values from select where on using
		null perform return if elsif while limit offset as over filter cast returns table loop greatest least`)
	pathKeywords = words(`like ilike similar between nullif overlaps natural collation`) // hide an operator
	schemas      = words(`pg_catalog ml ml_private ml_view madlib`)
	optionWords  = words(`message hint detail errcode`)
	mayCatch     = words(`ask_if_up define put_key fill restore`)
)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// body is one PL/pgSQL function, without comments.
type body struct{ file, name, text string }

var (
	literals    = regexp.MustCompile(`[eE]?'(?:[^']|'')*'`)
	continued   = regexp.MustCompile(`'s'(?:\s+'s')+`)
	lineComment = regexp.MustCompile(`--[^\n]*`)
)

// plpgsqlBodies returns all bodies of PL/pgSQL functions. It counts them against
// the number of LANGUAGE plpgsql in the files, so that none is overlooked.
func plpgsqlBodies(t *testing.T, files []File) (list []body) {
	t.Helper()
	for _, f := range files {
		text := lineComment.ReplaceAllString(f.SQL, "")
		parts := strings.Split(text, "CREATE FUNCTION ")
		for _, part := range parts[1:] {
			name, rest, _ := strings.Cut(part, "(")
			at := strings.Index(rest, "LANGUAGE plpgsql")
			if at < 0 {
				continue
			}
			_, rest, ok := strings.Cut(rest[at:], "AS $$")
			inner, _, ok2 := strings.Cut(rest, "\n$$;")
			if !ok || !ok2 {
				t.Errorf("%s: the body of %s is not written AS $$ … $$", f.Name, name)
				continue
			}
			list = append(list, body{f.Name, name, inner})
		}
		if want, got := strings.Count(text, "LANGUAGE plpgsql"), count(list, f.Name); got != want {
			t.Errorf("%s: %d bodies found, and LANGUAGE plpgsql stands there %d times", f.Name, got, want)
		}
	}
	return list
}

func count(list []body, file string) (n int) {
	for _, b := range list {
		if b.file == file {
			n++
		}
	}
	return n
}

// TestQualified holds every PL/pgSQL body to qualified names: a function, type
// or operator that is found by search_path can be the caller's, or worse,
// somebody else's.
func TestQualified(t *testing.T) {
	bodies := plpgsqlBodies(t, append(Core(), Madlib()...))
	if len(bodies) < 8 {
		t.Fatalf("%d bodies found, want at least 8", len(bodies))
	}
	for _, b := range bodies {
		for _, complaint := range lint(b.text) {
			if mayCatch[strings.TrimPrefix(b.name, "ml_private.")] && strings.HasPrefix(complaint, "an EXCEPTION block") {
				continue // nothing is read by snapshot behind them
			}
			t.Errorf("%s: %s: %s", b.file, b.name, complaint)
		}
	}
}

// TestLintFinds checks that the lint finds what it is for.
func TestLintFinds(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       int
	}{
		{"Clean", "DECLARE n pg_catalog.int4 := 0; m ml.result; BEGIN n := n OPERATOR(pg_catalog.+) 1; PERFORM pg_catalog.now(); RAISE x USING MESSAGE = 'a'; RETURN n::pg_catalog.text; END", 0},
		{"Operator", "BEGIN RETURN a = b; END", 1},
		{"Concatenation", "BEGIN RETURN a || b; END", 1},
		{"Function", "BEGIN RETURN format('x'); END", 1},
		{"OtherSchema", "BEGIN RETURN public.format('x'); END", 1},
		{"Cast", "BEGIN RETURN a::text; END", 1},
		{"CastFunction", "BEGIN RETURN CAST(a AS text); END", 1},
		{"Declared", "DECLARE x text; BEGIN END", 1},
		{"DeclaredConstant", "DECLARE\n    x int := 3;\nBEGIN END", 1},
		{"Like", "BEGIN RETURN a LIKE 'x'; END", 1},
		{"In", "BEGIN RETURN a IN (1, 2); END", 1},
		{"IsDistinct", "BEGIN RETURN a IS DISTINCT FROM b; END", 1},
		{"SimpleCase", "BEGIN RETURN CASE a WHEN 1 THEN 2 END; END", 1},
		{"JoinUsing", "BEGIN PERFORM FROM pg_catalog.pg_class AS a JOIN pg_catalog.pg_class AS b USING (oid); END", 1},
		{"Table", "BEGIN PERFORM FROM pg_class AS c; END", 1},
		{"Exception", "BEGIN NULL; EXCEPTION WHEN OTHERS THEN NULL; END", 1},
	} {
		if got := lint(tt.body); len(got) != tt.want {
			t.Errorf("%s: complaints %q, want %d", tt.name, got, tt.want)
		}
	}
}

// lint returns what in a body resolves by search_path, and EXCEPTION blocks.
func lint(text string) (complaints []string) {
	text = continued.ReplaceAllString(literals.ReplaceAllString(text, "'s'"), "'s'") // What they say is data.
	tokens, err := token.Scan(text)
	if err != nil {
		return []string{err.Error()}
	}
	l := linter{tokens: tokens}
	l.declarations()
	for i := range tokens {
		if what := l.complaint(i); what != "" {
			complaints = append(complaints, fmt.Sprintf("%s in …%s…", what, text[max(0, tokens[i].Pos-20):min(len(text), tokens[i].End+20)]))
		}
	}
	return complaints
}

type linter struct {
	tokens   []token.Token
	declared map[int]bool // positions of the types in DECLARE
}

func (l linter) at(i int) token.Token {
	if i < 0 || i >= len(l.tokens) {
		return token.Token{}
	}
	return l.tokens[i]
}

// declarations notes where the types of variables begin.
func (l *linter) declarations() {
	l.declared = map[int]bool{}
	inside := false
	for i, t := range l.tokens {
		switch {
		case t.Is("declare"):
			inside = true
			l.declared[i+2] = true
		case t.Is("begin"):
			inside = false
		case t.Is(";") && inside && !l.at(i+1).Is("begin"):
			l.declared[i+2] = true
		}
	}
}

// qualifiedBehind reports whether the name at i has one of our schemas.
func (l linter) qualifiedBehind(i int) bool {
	return l.at(i-1).Is(".") && schemas[l.at(i-2).Value]
}

// qualifiedAhead reports whether a name with one of our schemas begins at i.
func (l linter) qualifiedAhead(i int) bool {
	return schemas[l.at(i).Value] && l.at(i+1).Is(".")
}

func (l linter) complaint(i int) string {
	t := l.at(i)
	switch {
	case l.declared[i] && !l.qualifiedAhead(i):
		return "unqualified type " + t.Value
	case t.Kind == token.Operator:
		return l.operator(i)
	case t.Kind != token.Word:
		return ""
	case t.Is("exception") && !l.at(i-1).Is("raise"):
		return "an EXCEPTION block"
	case pathKeywords[t.Value]:
		return "keyword " + t.Value
	case t.Is("distinct") && l.at(i+1).Is("from"):
		return "IS DISTINCT FROM"
	case t.Is("in") && l.at(i+1).Is("(") || t.Is("using") && l.at(i+1).Is("("):
		return "keyword " + t.Value
	case t.Is("case") && !l.at(i+1).Is("when") && !l.at(i-1).Is("end"):
		return "CASE with a value"
	case (t.Is("from") && !l.at(i-1).Is("distinct") || t.Is("join")) && l.at(i+1).Kind == token.Word && !l.relation(i+1):
		return "unqualified relation " + l.at(i+1).Value
	case t.Is("as") && l.at(i-1).Kind != token.Operator && l.inCast(i) && !l.qualifiedAhead(i+1):
		return "CAST to an unqualified type"
	case l.at(i+1).Is("(") && !callKeywords[t.Value] && !t.Is("operator") && !l.at(i-1).Is("as") && !l.qualifiedBehind(i):
		return "unqualified function " + t.Value
	}
	return ""
}

// relation reports whether what begins at i is a qualified relation or function,
// a sub-select, or the FROM of EXTRACT.
func (l linter) relation(i int) bool {
	return l.qualifiedAhead(i) || l.at(i-3).Is("extract") || l.at(i).Is("lateral") || l.at(i).Is("only") || l.at(i).Is("rows") && l.at(i+1).Is("from")
}

// inCast reports whether the AS at i stands in CAST( … AS … ).
func (l linter) inCast(i int) bool {
	depth := 0
	for j := i - 1; j >= 0; j-- {
		switch {
		case l.at(j).Is(")"):
			depth++
		case l.at(j).Is("("):
			if depth == 0 {
				return l.at(j - 1).Is("cast")
			}
			depth--
		}
	}
	return false
}

func (l linter) operator(i int) string {
	t := l.at(i)
	switch {
	case t.Is(":="), t.Is("=>"), t.Is("*") && (l.at(i-1).Is("select") || l.at(i-1).Is(".")):
		return ""
	case t.Is("::"):
		if l.qualifiedAhead(i + 1) {
			return ""
		}
		return "cast to an unqualified type"
	case t.Is("-") && l.at(i+1).Kind == token.Number && (callKeywords[l.at(i-1).Value] || l.at(i-1).Is("(") || l.at(i-1).Is(",") || l.at(i-1).Kind == token.Operator):
		return "" // the sign of a constant
	case t.Is("=") && optionWords[l.at(i-1).Value]:
		return ""
	case l.at(i-1).Is(".") && l.at(i-2).Is("pg_catalog") && l.at(i-3).Is("(") && l.at(i-4).Is("operator"):
		return ""
	}
	return "unqualified operator " + t.Value
}

// TestBound requires of every SQL function a standard body, which is bound when
// it is installed: a string body would be resolved under the caller's path.
func TestBound(t *testing.T) {
	for _, f := range append(Core(), Madlib()...) {
		for _, part := range strings.Split(lineComment.ReplaceAllString(f.SQL, ""), "CREATE FUNCTION ")[1:] {
			name, _, _ := strings.Cut(part, "(")
			_, rest, ok := strings.Cut(part, "LANGUAGE sql")
			if !ok {
				continue
			}
			head, _, _ := strings.Cut(rest, "\n\n")
			if strings.Contains(strings.SplitN(head, ";", 2)[0], "AS $") || strings.Contains(strings.SplitN(head, ";", 2)[0], "AS '") {
				t.Errorf("%s: %s has a string body", f.Name, name)
			}
		}
	}
}

// TestDeclared requires of every function that it states volatility and parallel
// safety, has no SET clause and is not SECURITY DEFINER; of those in schema ml
// also a comment.
func TestDeclared(t *testing.T) {
	for _, f := range append(Core(), Madlib()...) {
		text := lineComment.ReplaceAllString(f.SQL, "")
		for _, part := range strings.Split(text, "CREATE FUNCTION ")[1:] {
			name, _, _ := strings.Cut(part, "(")
			_, attributes, ok := strings.Cut(part, "LANGUAGE ")
			attributes, _, _ = strings.Cut(attributes, "\n")
			if !ok || !regexp.MustCompile(`\b(IMMUTABLE|STABLE|VOLATILE)\b`).MatchString(attributes) || !strings.Contains(attributes, "PARALLEL ") {
				t.Errorf("%s: %s does not state volatility and parallel safety: %q", f.Name, name, attributes)
			}
			if regexp.MustCompile(`\bSET\b|SECURITY DEFINER`).MatchString(attributes) {
				t.Errorf("%s: %s hides the caller's path or role: %q", f.Name, name, attributes)
			}
			if strings.HasPrefix(name, "ml.") && !strings.Contains(text, "COMMENT ON FUNCTION "+name) {
				t.Errorf("%s: %s has no comment", f.Name, name)
			}
		}
	}
}
