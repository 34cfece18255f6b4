package token

import (
	"errors"
	"strings"
	"testing"
)

func TestScan(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string // values joined by a space; "" with wantErr
		err  bool
	}{
		{text: `a + B1`, want: "a + b1"},
		{text: `"A b"."c""d"`, want: `A b . c"d`},
		{text: `'it''s'`, want: "it's"},
		{text: `E'a\'b\\'`, want: `a'b\`},
		{text: `$$x'y$$`, want: "x'y"},
		{text: `$q$a$$b$q$`, want: "a$$b"},
		{text: `$1::text`, want: "1 :: text"},
		{text: `1.5e-3*.5`, want: "1.5e-3 * .5"},
		{text: `a->>'b'`, want: "a ->> b"},
		{text: `x[1:2]`, want: "x [ 1 : 2 ]"},
		{text: `É_x$1`, want: "É_x$1"},
		{text: `f(a => 1)`, want: "f ( a => 1 )"},
		{text: `a--b`, err: true},
		{text: `a +-- b`, err: true},
		{text: `a /* b */`, err: true},
		{text: `a */* b */`, err: true},
		{text: `'a\'`, err: true},
		{text: "E'a'\n'b\\'", err: true},
		{text: "'a' 'b'", err: true},
		{text: `U&'a'`, err: true},
		{text: `u&"a"`, err: true},
		{text: `B'01'`, err: true},
		{text: `'open`, err: true},
		{text: `"open`, err: true},
		{text: `""`, err: true},
		{text: `$q$open`, err: true},
		{text: `a\b`, err: true},
		{text: "a\vb", err: true},
		{text: "a\xff", err: true},
		{text: `1$$x`, err: true},
		{text: `{`, err: true},
	} {
		tokens, err := Scan(tt.text)
		if tt.err != (err != nil) || err != nil && !errors.Is(err, ErrSyntax) {
			t.Errorf("Scan(%q) error = %v, want error %v", tt.text, err, tt.err)
			continue
		}
		var values []string
		for _, token := range tokens {
			values = append(values, token.Value)
		}
		if got := strings.Join(values, " "); got != tt.want {
			t.Errorf("Scan(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// FuzzScan checks that tokens lie in order within the text and that a quoted
// value reads back as itself.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{`a + "b" 'c' $1 $$d$$ E'\n' 1e5`, `'`, `"`, `$`, `a--`, "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := Scan(text)
		if err != nil {
			return
		}
		end := 0
		for _, token := range tokens {
			if token.Pos < end || token.End <= token.Pos || token.End > len(text) {
				t.Fatalf("token %+v behind %d in %q", token, end, text)
			}
			end = token.End
		}
		if strings.ContainsAny(text, "\b\f\n\r\t") {
			return
		}
		again, err := Scan(QuoteLiteral(text))
		if err != nil || len(again) != 1 || again[0].Value != text {
			t.Fatalf("QuoteLiteral(%q) reads as %+v, %v", text, again, err)
		}
	})
}
