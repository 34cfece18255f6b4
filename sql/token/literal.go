package token

import (
	"strings"
)

// quoted scans a string literal whose opening quote is at open.
func (s *scanner) quoted(open int, escapes bool) error {
	if n := len(s.tokens); n > 0 && s.tokens[n-1].Kind == String {
		return fail(s.pos, "a continued string literal")
	}
	var value strings.Builder
	for i := open + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '\'' && i+1 < len(s.text) && s.text[i+1] == '\'':
			value.WriteByte('\'')
			i++
		case c == '\'':
			s.emit(String, value.String(), i+1)
			return nil
		case c == '\\' && !escapes:
			return fail(i, "a backslash in a plain string literal")
		case c == '\\':
			i++
			if i >= len(s.text) {
				return fail(open, "an unterminated string literal")
			}
			b, err := unescape(s.text[i], i)
			if err != nil {
				return err
			}
			value.WriteByte(b)
		default:
			value.WriteByte(c)
		}
	}
	return fail(open, "an unterminated string literal")
}

// unescape returns what the byte behind a backslash stands for. Numeric escapes
// are refused: nobody who writes an expression over columns needs them, and
// postgres_fdw writes none.
func unescape(c byte, pos int) (byte, error) {
	switch c {
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case '\\', '\'', '"':
		return c, nil
	}
	return 0, fail(pos, "the escape \\%c", c)
}

func (s *scanner) quotedWord() error {
	var value strings.Builder
	for i := s.pos + 1; i < len(s.text); i++ {
		if s.text[i] != '"' {
			value.WriteByte(s.text[i])
			continue
		}
		if i+1 < len(s.text) && s.text[i+1] == '"' {
			value.WriteByte('"')
			i++
			continue
		}
		if value.Len() == 0 {
			return fail(s.pos, "an empty quoted identifier")
		}
		s.emit(QuotedWord, value.String(), i+1)
		return nil
	}
	return fail(s.pos, "an unterminated quoted identifier")
}

// dollar scans $1 or $tag$…$tag$.
func (s *scanner) dollar() error {
	end := s.pos + 1
	for end < len(s.text) && isDigit(s.text[end]) {
		end++
	}
	if end > s.pos+1 {
		s.emit(Param, s.text[s.pos+1:end], end)
		return nil
	}
	for end < len(s.text) && (isWordStart(s.text[end]) || isDigit(s.text[end])) {
		end++
	}
	if end >= len(s.text) || s.text[end] != '$' {
		return fail(s.pos, "a dollar sign")
	}
	if n := len(s.tokens); n > 0 && s.tokens[n-1].End == s.pos && s.tokens[n-1].Kind == Number {
		return fail(s.pos, "a dollar sign")
	}
	tag := s.text[s.pos : end+1]
	length := strings.Index(s.text[end+1:], tag)
	if length < 0 {
		return fail(s.pos, "an unterminated string literal")
	}
	s.emit(String, s.text[end+1:end+1+length], end+1+length+len(tag))
	return nil
}

// QuoteLiteral returns text as a string literal that means the same under
// either setting of standard_conforming_strings.
func QuoteLiteral(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// QuoteName returns name as a quoted identifier.
func QuoteName(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
