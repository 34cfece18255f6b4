package tree

import (
	"fmt"
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of lists and nodes. PostgreSQL's own parser gives up
// far below (max_stack_depth), so only a damaged text is deeper.
const maxDepth = 10000

// valueKind tells apart what can stand after a field's name.
type valueKind uint8

const (
	valueNull  valueKind = iota // <>
	valueToken                  // a word, still with its backslashes
	valueList
	valueNode
	valueDatum // the bytes in 4 [ 1 0 0 0 … ]
)

// value is an item of the text form before its meaning is known.
type value struct {
	kind  valueKind
	token string
	list  []value
	set   byte // of a list: 'i' integers, 'o' OIDs, 'x' transactions, 'b' a bitmap, else 0
	node  *rawNode
	datum []byte
}

// rawNode is {TAG :field value …}. Fields are found by name, since their order and
// number differ between versions.
type rawNode struct {
	tag    string
	fields map[string]value
}

// scanner splits the text form into values. Its words end at white space and at
// ( ) { }, unless there is a backslash before.
type scanner struct {
	text  string
	pos   int
	depth int
}

func (s *scanner) fail(what string) error {
	return fmt.Errorf("tree: byte %d: %s", s.pos, what)
}

// next returns the next word, "" at the end.
func (s *scanner) next() string {
	for s.pos < len(s.text) && isSpace(s.text[s.pos]) {
		s.pos++
	}
	start := s.pos
	if start == len(s.text) {
		return ""
	}
	if strings.IndexByte("(){}", s.text[start]) >= 0 {
		s.pos++
		return s.text[start:s.pos]
	}
	for s.pos < len(s.text) && !isSpace(s.text[s.pos]) && strings.IndexByte("(){}", s.text[s.pos]) < 0 {
		if s.text[s.pos] == '\\' && s.pos+1 < len(s.text) {
			s.pos++
		}
		s.pos++
	}
	return s.text[start:s.pos]
}

// peek returns the next word without taking it.
func (s *scanner) peek() string {
	pos := s.pos
	word := s.next()
	s.pos = pos
	return word
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' }

// value reads one value.
func (s *scanner) value() (value, error) {
	if s.depth++; s.depth > maxDepth {
		return value{}, s.fail("nested too deeply")
	}
	defer func() { s.depth-- }()
	switch word := s.next(); word {
	case "":
		return value{}, s.fail("unexpected end")
	case "<>":
		return value{}, nil
	case "(":
		return s.list()
	case "{":
		return s.node()
	case ")", "}":
		return value{}, s.fail("unexpected " + word)
	default:
		if s.peek() == "[" {
			return s.datum(word)
		}
		return value{kind: valueToken, token: word}, nil
	}
}

// list reads the items of a list up to its end.
func (s *scanner) list() (value, error) {
	v := value{kind: valueList}
	switch word := s.peek(); word {
	case "i", "o", "x", "b":
		s.next()
		v.set = word[0]
	}
	for {
		if s.peek() == ")" {
			s.next()
			return v, nil
		}
		item, err := s.value()
		if err != nil {
			return value{}, err
		}
		v.list = append(v.list, item)
	}
}

// node reads a node's tag and fields. A value may begin with a colon too, so each
// field has exactly one.
func (s *scanner) node() (value, error) {
	tag := s.next()
	if tag == "" || strings.IndexByte("(){}:", tag[0]) >= 0 {
		return value{}, s.fail("node without a tag")
	}
	n := &rawNode{tag: tag, fields: map[string]value{}}
	for {
		word := s.next()
		if word == "}" {
			return value{kind: valueNode, node: n}, nil
		}
		if len(word) < 2 || word[0] != ':' {
			return value{}, s.fail(fmt.Sprintf("%s: field name expected, not %.20q", tag, word))
		}
		v, err := s.value()
		if err != nil {
			return value{}, err
		}
		n.fields[word[1:]] = v
	}
}

// datum reads [ b b b … ], bytes printed as signed or unsigned numbers. The word
// before is the length; a value passed in a machine word is printed with all bytes
// of the word.
func (s *scanner) datum(length string) (value, error) {
	n, err := strconv.ParseUint(length, 10, 31)
	if err != nil {
		return value{}, s.fail("bad length of a constant")
	}
	s.next()
	v := value{kind: valueDatum, datum: []byte{}}
	for {
		word := s.next()
		if word == "]" {
			break
		}
		b, err := strconv.ParseInt(word, 10, 16)
		if err != nil || b < -128 || b > 255 {
			return value{}, s.fail(fmt.Sprintf("byte of a constant expected, not %.20q", word))
		}
		v.datum = append(v.datum, byte(b))
	}
	if uint64(len(v.datum)) < n {
		return value{}, s.fail("constant shorter than its length")
	}
	return v, nil
}

// unescape takes the backslashes out of a word.
func unescape(word string) string {
	if strings.IndexByte(word, '\\') < 0 {
		return word
	}
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] == '\\' && i+1 < len(word) {
			i++
		}
		b.WriteByte(word[i])
	}
	return b.String()
}
