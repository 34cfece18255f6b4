// Package token splits SQL text into PostgreSQL's lexical tokens.
//
// It serves two readers: the bridge, which reads the few statements that
// postgres_fdw sends, and pushdown, which decides whether a text that a user
// passed is one expression and nothing more. For the second the scanner errs on
// the strict side: whatever PostgreSQL might read differently in another
// version or under another setting is refused.
//
// Source: PostgreSQL documentation, section 4.1 (Lexical Structure).
package token

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind is the lexical class of a token.
type Kind uint8

// The kinds of tokens.
const (
	Word        Kind = iota + 1 // an unquoted identifier or keyword; Value is folded to lower case
	QuotedWord                  // "…"; Value is without quotes
	String                      // '…', E'…' or $tag$…$tag$; Value is the text meant
	Number                      // 12, 1.5, 1e-3, 0x1f
	Param                       // $1; Value is "1"
	Operator                    // a run of operator characters, or :: or := or =>
	Punctuation                 // one of ( ) [ ] , ; . :
)

// Token is one lexical token.
type Token struct {
	Kind  Kind
	Value string // normalised by kind
	Pos   int    // byte offset in the text
	End   int    // byte offset just behind
}

// Is reports whether t is the keyword, operator or punctuation s (lower case).
func (t Token) Is(s string) bool {
	return t.Kind != QuotedWord && t.Kind != String && t.Value == s
}

// Name reports whether t can be an identifier, quoted or not.
func (t Token) Name() bool { return t.Kind == Word || t.Kind == QuotedWord }

// ErrSyntax is wrapped by all errors of [Scan]: the text is not lexically sound,
// or PostgreSQL could read it in more than one way. The text must be changed.
var ErrSyntax = errors.New("syntax")

func fail(pos int, format string, args ...any) error {
	return fmt.Errorf("token: %w: %s at byte %d", ErrSyntax, fmt.Sprintf(format, args...), pos)
}

// Scan returns the tokens of text. Comments, string literals that depend on
// standard_conforming_strings (a backslash in '…'), continued literals and
// literals with Unicode escapes are errors. Scan takes O(len(text)).
func Scan(text string) ([]Token, error) {
	if !utf8.ValidString(text) {
		return nil, fail(0, "not valid UTF-8")
	}
	s := scanner{text: text}
	for {
		s.skipSpace()
		if s.pos >= len(text) {
			return s.tokens, nil
		}
		if err := s.next(); err != nil {
			return nil, err
		}
	}
}

type scanner struct {
	text   string
	pos    int
	tokens []Token
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.text) && strings.IndexByte(" \t\n\r\f", s.text[s.pos]) >= 0 {
		s.pos++
	}
}

func (s *scanner) peek(offset int) byte {
	if s.pos+offset < len(s.text) {
		return s.text[s.pos+offset]
	}
	return 0
}

func (s *scanner) emit(kind Kind, value string, end int) {
	s.tokens = append(s.tokens, Token{Kind: kind, Value: value, Pos: s.pos, End: end})
	s.pos = end
}

const operatorBytes = "+-*/<>=~!@#%^&|`?"

func (s *scanner) next() error {
	c := s.text[s.pos]
	switch {
	case c == '\'':
		return s.quoted(s.pos, false)
	case (c == 'e' || c == 'E') && s.peek(1) == '\'':
		return s.quoted(s.pos+1, true)
	case strings.IndexByte("bBxXnNuU", c) >= 0 && s.prefixedLiteral():
		return fail(s.pos, "a literal of the form %c'…' or U&", c)
	case c == '"':
		return s.quotedWord()
	case isWordStart(c):
		return s.word()
	case isDigit(c) || c == '.' && isDigit(s.peek(1)):
		return s.number()
	case c == '$':
		return s.dollar()
	case c == ':' && (s.peek(1) == ':' || s.peek(1) == '='):
		s.emit(Operator, s.text[s.pos:s.pos+2], s.pos+2)
	case strings.IndexByte("()[],;.:", c) >= 0:
		s.emit(Punctuation, string(c), s.pos+1)
	case strings.IndexByte(operatorBytes, c) >= 0:
		return s.operator()
	default:
		return fail(s.pos, "the character %q", c)
	}
	return nil
}

// prefixedLiteral reports a bit string, national string or Unicode literal.
func (s *scanner) prefixedLiteral() bool {
	if c := s.text[s.pos]; c == 'u' || c == 'U' {
		return s.peek(1) == '&' && (s.peek(2) == '\'' || s.peek(2) == '"')
	}
	return s.peek(1) == '\''
}

func (s *scanner) word() error {
	end := s.pos
	for end < len(s.text) && (isWordStart(s.text[end]) || isDigit(s.text[end]) || s.text[end] == '$') {
		end++
	}
	s.emit(Word, foldASCII(s.text[s.pos:end]), end)
	return nil
}

func (s *scanner) number() error {
	end := s.pos
	for end < len(s.text) {
		c := s.text[end]
		sign := (c == '+' || c == '-') && (s.text[end-1]|0x20) == 'e' && !strings.HasPrefix(s.text[s.pos:], "0x")
		if !isDigit(c) && c != '.' && !isWordStart(c) && !sign {
			break
		}
		end++
	}
	text := strings.ToLower(s.text[s.pos:end])
	if strings.Contains(text, "..") || strings.Trim(text, "0123456789.e+-") != "" && !strings.HasPrefix(text, "0x") {
		return fail(s.pos, "the number %q", text)
	}
	s.emit(Number, text, end)
	return nil
}

func (s *scanner) operator() error {
	end := s.pos
	for end < len(s.text) && strings.IndexByte(operatorBytes, s.text[end]) >= 0 {
		if rest := s.text[end:]; strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*") {
			return fail(end, "a comment")
		}
		end++
	}
	s.emit(Operator, s.text[s.pos:end], end)
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// foldASCII lowers ASCII letters only, as PostgreSQL does in a UTF-8 database.
func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}
