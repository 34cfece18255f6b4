package view

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/token"
)

// written is the text of a query as its maker wrote it.
type written struct {
	text   string // in parentheses; "" if it is not known
	before int    // bytes of the statement in front of it
	nested bool   // it reads plain views, whose locations are of their own texts
}

// place tells where in the query a construct is, or returns "". PostgreSQL from 17 on
// keeps no locations in stored queries; then a construct is looked for by its words,
// and found if they are there once.
func (w written) place(r *plan.Refused) string {
	at := w.search(r.Construct)
	if at < 0 && r.Location >= 0 && !w.nested {
		at = r.Location - w.before
	}
	if at < 1 || at >= len(w.text) || !utf8.RuneStart(w.text[at]) {
		return ""
	}
	begin := 1 // behind the parenthesis
	if i := strings.LastIndexByte(w.text[:at], '\n'); i > 0 {
		begin = i + 1
	}
	rest, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(w.text[at:], ")"), "\n"), "\n")
	if runes := []rune(rest); len(runes) > 40 {
		rest = string(runes[:40]) + "…"
	}
	line := strings.Count(w.text[:at], "\n") + 1
	return fmt.Sprintf("Line %d, character %d of the query: %s", line, utf8.RuneCountInString(w.text[begin:at])+1, strings.TrimSpace(rest))
}

// search returns the byte at which the only words begin that can be the construct, or -1.
func (w written) search(construct string) int {
	is := matcher(construct)
	text, ok := blankComments(w.text)
	if is == nil || !ok {
		return -1
	}
	tokens, err := token.Scan(text)
	if err != nil {
		return -1
	}
	tokens = append(tokens, token.Token{}, token.Token{}) // so that each has two behind it
	found := -1
	for i := range len(tokens) - 2 {
		if !is(tokens[i], tokens[i+1], i > 0 && tokens[i-1].Is(")")) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = tokens[i].Pos
	}
	return found
}

// isWord tells whether a token, with the next one and whether the one before closes a
// parenthesis, can begin a construct.
type isWord func(t, next token.Token, closed bool) bool

// keywords are the words of constructs that have words of their own.
var keywords = map[string][]string{
	"LIMIT": {"limit", "fetch"}, "OFFSET": {"offset"}, "TABLESAMPLE": {"tablesample"}, "WITH RECURSIVE": {"recursive"},
	"XMLTABLE or JSON_TABLE": {"xmltable", "json_table"}, "INSERT, UPDATE or DELETE in WITH": {"insert", "update", "delete", "merge"},
	"a system column": {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}, "FULL JOIN that refers to an outer query": {"full"},
}

// matcher returns how the words of a construct are known, or nil.
func matcher(construct string) isWord {
	if words := keywords[construct]; words != nil {
		return func(t, _ token.Token, _ bool) bool { return t.Kind == token.Word && slices.Contains(words, t.Value) }
	}
	if construct == "FOR UPDATE" {
		return func(t, next token.Token, _ bool) bool {
			return t.Is("for") && slices.ContainsFunc([]string{"update", "share", "no", "key"}, next.Is)
		}
	}
	if construct == "a window function" {
		return func(t, next token.Token, closed bool) bool {
			return closed && t.Is("over") && (next.Is("(") || next.Name())
		}
	}
	for _, kind := range []string{"volatile function ", "stable function ", "set-returning function "} {
		if name, ok := strings.CutPrefix(construct, kind); ok {
			return calls(name)
		}
	}
	if name, ok := strings.CutSuffix(construct, "()"); ok {
		return calls(name)
	}
	for _, kind := range []string{"foreign table ", "materialized view ", "system catalog ", "row-level security of table ", "temporary or unlogged table "} {
		if name, ok := strings.CutPrefix(construct, kind); ok {
			last := lastName(name)
			return func(t, _ token.Token, _ bool) bool { return last != "" && t.Name() && t.Value == last }
		}
	}
	if strings.HasPrefix(construct, "CURRENT_") || strings.HasPrefix(construct, "LOCAL") {
		word := strings.ToLower(construct)
		return func(t, _ token.Token, _ bool) bool { return t.Kind == token.Word && t.Value == word }
	}
	return nil
}

// calls knows a call of a function.
func calls(name string) isWord {
	last := lastName(name)
	return func(t, next token.Token, _ bool) bool {
		return last != "" && t.Name() && t.Value == last && next.Is("(")
	}
}

// lastName is the last part of a qualified name, without quotes; "" if there is none.
func lastName(name string) string {
	tokens, err := token.Scan(name)
	if err != nil || len(tokens) == 0 || !tokens[len(tokens)-1].Name() {
		return ""
	}
	return tokens[len(tokens)-1].Value
}

// blankComments puts blanks in the place of comments; all else stays where it is. A
// text with a dollar quote is left alone, and not ok: a comment could be a part of it.
func blankComments(text string) (blanked string, ok bool) {
	out := []byte(text)
	for i := 0; i < len(text); {
		rest := text[i:]
		n := 1
		switch {
		case rest[0] == '\'' || rest[0] == '"':
			n = strings.IndexByte(rest[1:], rest[0]) + 2
			if n < 2 {
				return "", false
			}
		case rest[0] == '$':
			return "", false
		case strings.HasPrefix(rest, "--"):
			if n = strings.IndexByte(rest, '\n'); n < 0 {
				n = len(rest)
			}
			blank(out[i : i+n])
		case strings.HasPrefix(rest, "/*"):
			if n = commentEnd(rest); n < 0 {
				return "", false
			}
			blank(out[i : i+n])
		}
		i += n
	}
	return string(out), true
}

func blank(b []byte) {
	for i := range b {
		b[i] = ' '
	}
}

// commentEnd is the length of the comment that a text begins with; they nest.
func commentEnd(text string) int {
	depth := 0
	for i := 0; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return -1
}
