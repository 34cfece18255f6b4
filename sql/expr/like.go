package expr

import (
	"bytes"
	"unicode/utf8"

	"github.com/millrace/millrace/sql/row"
)

// pattern is a compiled LIKE pattern: pieces with any text between them.
type pattern struct {
	pieces [][]element
	// open tells whether the pattern begins, and ends, with %.
	openStart, openEnd bool
}

// element is a run of literal bytes, or one character of any kind.
type element struct{ literal []byte } // nil: any character

// likePattern builds LIKE and NOT LIKE of a constant pattern. A pattern that ends
// with its escape character fails for some values only; PostgreSQL knows which.
func likePattern(negated bool) builder {
	return func(s *site) (run, error) {
		if _, err := textFamily.equality(s); err != nil {
			return nil, err
		}
		v, ok := s.constant(1)
		if !ok {
			return nil, notNative("LIKE with a pattern that is not constant")
		}
		p, ok := newPattern(v)
		if !ok {
			return nil, notNative("LIKE pattern that ends with its escape character")
		}
		return func(_ *buffer, args []row.Value) (row.Value, error) {
			return boolValue(p.match(args[0]) != negated), nil
		}, nil
	}
}

// newPattern reads a pattern: % is any text, _ any character, and \ takes the
// special meaning from the character behind it.
func newPattern(text []byte) (*pattern, bool) {
	p := &pattern{}
	var piece []element
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch c {
		case '%':
			p.openStart = p.openStart || len(p.pieces) == 0 && len(piece) == 0
			p.openEnd = true
			p.pieces, piece = appendPiece(p.pieces, piece), nil
			continue
		case '_':
			piece = append(piece, element{})
		case '\\':
			if i++; i == len(text) {
				return nil, false
			}
			piece = appendLiteral(piece, text[i])
		default:
			piece = appendLiteral(piece, c)
		}
		p.openEnd = false
	}
	p.pieces = appendPiece(p.pieces, piece)
	return p, true
}

func appendPiece(pieces [][]element, piece []element) [][]element {
	if len(piece) == 0 {
		return pieces
	}
	return append(pieces, piece)
}

func appendLiteral(piece []element, c byte) []element {
	if n := len(piece); n > 0 && piece[n-1].literal != nil {
		piece[n-1].literal = append(piece[n-1].literal, c)
		return piece
	}
	return append(piece, element{[]byte{c}})
}

// match tells whether the whole text matches. Between two % the first place that
// fits is as good as any; what follows the last must fit the end.
func (p *pattern) match(v []byte) bool {
	pieces := p.pieces
	if len(pieces) == 0 {
		return p.openStart || len(v) == 0
	}
	if !p.openStart {
		n, ok := matchPiece(pieces[0], v)
		if !ok {
			return false
		}
		if v, pieces = v[n:], pieces[1:]; len(pieces) == 0 {
			return p.openEnd || len(v) == 0
		}
	}
	for i, piece := range pieces {
		if i == len(pieces)-1 && !p.openEnd {
			return endsWith(piece, v)
		}
		n, ok := find(piece, v)
		if !ok {
			return false
		}
		v = v[n:]
	}
	return true
}

// matchPiece matches a piece at the start, and returns the bytes it takes.
func matchPiece(piece []element, v []byte) (int, bool) {
	at := 0
	for _, e := range piece {
		if e.literal != nil {
			if !bytes.HasPrefix(v[at:], e.literal) {
				return 0, false
			}
			at += len(e.literal)
			continue
		}
		if at == len(v) {
			return 0, false
		}
		_, size := utf8.DecodeRune(v[at:])
		at += size
	}
	return at, true
}

// find returns the end of the first place where a piece matches.
func find(piece []element, v []byte) (int, bool) {
	for at := 0; at <= len(v); {
		if first := piece[0].literal; first != nil {
			i := bytes.Index(v[at:], first)
			if i < 0 {
				return 0, false
			}
			at += i
		}
		if n, ok := matchPiece(piece, v[at:]); ok {
			return at + n, true
		}
		if at == len(v) {
			return 0, false
		}
		_, size := utf8.DecodeRune(v[at:])
		at += size
	}
	return 0, false
}

// endsWith matches a piece at the end. A piece has a fixed number of characters, so
// there is one place where it can be.
func endsWith(piece []element, v []byte) bool {
	at := len(v)
	for i := len(piece) - 1; i >= 0; i-- {
		if literal := piece[i].literal; literal != nil {
			if !bytes.HasSuffix(v[:at], literal) {
				return false
			}
			at -= len(literal)
			continue
		}
		if at == 0 {
			return false
		}
		_, size := utf8.DecodeLastRune(v[:at])
		at -= size
	}
	return true
}
