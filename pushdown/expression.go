// Package pushdown decides what of a call runs in PostgreSQL and what in the
// worker: whether a text that a user passed is an expression that PostgreSQL may
// evaluate, in which binary form its values travel, and by which path rows are read.
//
// It knows SQL and, by name, what algorithms need; it holds no connection.
package pushdown

import (
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/sql/token"
)

// ErrExpression is wrapped by errors on texts that are not one expression over
// the columns of one relation.
var ErrExpression = errors.New("not an expression")

// ErrForeign is wrapped by errors on expressions that somebody else wrote and
// that use more than columns and functions of pg_catalog.
var ErrForeign = errors.New("expression not allowed in another role's model")

// Expression is a text that stays one expression wherever it is put between
// parentheses.
type Expression struct {
	Text   string
	tokens []token.Token
}

// ParseExpression accepts text if, between parentheses, it can be nothing but
// one scalar expression without a subquery: balanced, no semicolon, no comment,
// no comma outside brackets, no parameter, and no query behind an opening
// parenthesis. Aggregates, window functions and set-returning functions look
// like functions; PostgreSQL refuses them, because the caller's session parses
// the expression in a WHERE clause first.
func ParseExpression(text string) (Expression, error) {
	tokens, err := token.Scan(text)
	if err != nil {
		return Expression{}, fmt.Errorf("pushdown: %w: %w", ErrExpression, err)
	}
	if len(tokens) == 0 {
		return Expression{}, fmt.Errorf("pushdown: %w: the text is empty", ErrExpression)
	}
	var open []string
	for i, t := range tokens {
		if err := checkToken(tokens, i, len(open) == 0); err != nil {
			return Expression{}, err
		}
		switch {
		case t.Is("("), t.Is("["):
			open = append(open, t.Value)
		case t.Is(")"), t.Is("]"):
			if len(open) == 0 || open[len(open)-1] != map[string]string{")": "(", "]": "["}[t.Value] {
				return Expression{}, fmt.Errorf("pushdown: %w: unbalanced %q at byte %d", ErrExpression, t.Value, t.Pos)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return Expression{}, fmt.Errorf("pushdown: %w: unbalanced %q", ErrExpression, open[len(open)-1])
	}
	return Expression{Text: text, tokens: tokens}, nil
}

func checkToken(tokens []token.Token, i int, top bool) error {
	t := tokens[i]
	refuse := func(what string) error {
		return fmt.Errorf("pushdown: %w: %s at byte %d", ErrExpression, what, t.Pos)
	}
	switch {
	case t.Kind == token.Param:
		return refuse("a parameter")
	case t.Is(";"):
		return refuse("a semicolon")
	case top && t.Is("as"):
		return refuse("AS: an expression has no alias here")
	case t.Is("*") && (i == 0 || tokens[i-1].Is(".") || tokens[i-1].Is("[") || tokens[i-1].Is(",")):
		return refuse("a star: name the columns")
	case top && t.Is(","):
		return refuse("a comma outside brackets")
	case t.Kind == token.Word && strings.Contains(" select values with table ", " "+t.Value+" ") && (i == 0 || tokens[i-1].Is("(")):
		return refuse("a subquery")
	case t.Is("select"), t.Is("into"), t.Is("union"), t.Is("intersect"), t.Is("except"), t.Is("returning"):
		return refuse("the keyword " + strings.ToUpper(t.Value))
	}
	return nil
}

// Column returns the column's name if the expression is nothing but a column.
func (e Expression) Column() (string, bool) {
	if len(e.tokens) == 1 && e.tokens[0].Name() && !reserved[e.tokens[0].Value] {
		return e.tokens[0].Value, true
	}
	return "", false
}

// reserved holds keywords that are values by themselves and depend on the session.
var reserved = map[string]bool{
	"current_date": true, "current_time": true, "current_timestamp": true, "localtime": true, "localtimestamp": true,
	"current_user": true, "session_user": true, "user": true, "current_role": true, "current_catalog": true,
	"current_schema": true, "system_user": true, "null": true, "true": true, "false": true, "default": true,
}

// Plain reports whether the expression is a column or an ARRAY of columns, so
// that no function and no operator is involved beyond the casts between
// built-in types.
func (e Expression) Plain() bool {
	if _, ok := e.Column(); ok {
		return true
	}
	n := len(e.tokens)
	if n < 4 || !e.tokens[0].Is("array") || !e.tokens[1].Is("[") || !e.tokens[n-1].Is("]") {
		return false
	}
	for i, t := range e.tokens[2 : n-1] {
		if i%2 == 1 && !t.Is(",") || i%2 == 0 && (!t.Name() || reserved[t.Value]) {
			return false
		}
	}
	return n%2 == 0
}

// NamesClock reports whether a literal in the expression may be one of the words,
// such as 'now', that PostgreSQL's date types replace by the time of the
// transaction when the text is parsed: the analysed tree shows a constant then.
// Other literals that hold such a word count too; they only cost speed.
func (e Expression) NamesClock() bool {
	for _, t := range e.tokens {
		for _, word := range []string{"now", "today", "tomorrow", "yesterday"} {
			if t.Kind == token.String && strings.Contains(strings.ToLower(t.Value), word) {
				return true
			}
		}
	}
	return false
}

// Functions returns the unqualified names that stand before an opening
// parenthesis: functions, or keywords that only look like one.
func (e Expression) Functions() []string {
	var names []string
	for i, t := range e.tokens[:max(0, len(e.tokens)-1)] {
		if t.Name() && e.tokens[i+1].Is("(") && !callLike[t.Value] {
			names = append(names, t.Value)
		}
	}
	return names
}

// callLike holds keywords that an opening parenthesis may follow.
var callLike = map[string]bool{
	"and": true, "or": true, "not": true, "in": true, "any": true, "all": true, "some": true, "array": true, "row": true,
	"case": true, "when": true, "then": true, "else": true, "between": true, "like": true, "ilike": true, "is": true,
	"cast": true, "coalesce": true, "nullif": true, "greatest": true, "least": true, "extract": true, "over": true,
	"numeric": true, "decimal": true, "varchar": true, "char": true, "character": true, "varying": true, "bit": true,
	"timestamp": true, "time": true, "interval": true, "float": true, "distinct": true, "from": true,
}

// CheckForeign returns an error wrapping [ErrForeign] unless the expression,
// resolved with search_path = pg_catalog, can use only columns, operators and
// functions of pg_catalog. Qualified names are refused except column
// references; which functions are immutable the caller checks by name.
func (e Expression) CheckForeign() error {
	refuse := func(what string, pos int) error {
		return fmt.Errorf("pushdown: %w: %s at byte %d", ErrForeign, what, pos)
	}
	for i, t := range e.tokens {
		next := func(n int) token.Token {
			if i+n < len(e.tokens) {
				return e.tokens[i+n]
			}
			return token.Token{}
		}
		switch {
		case t.Is("."):
			// A dot may end in a function (schema.f(x), or x.f for f(x)), a type
			// or an operator of any schema.
			return refuse("a qualified name", t.Pos)
		case t.Is("operator") && next(1).Is("("):
			return refuse("a qualified operator", t.Pos)
		case t.Is("::") && next(1).Kind == token.QuotedWord, t.Is("as") && next(1).Kind == token.QuotedWord:
			return refuse("a cast to a quoted type", t.Pos)
		case (t.Is("::") || t.Is("as")) && !castTypes[next(1).Value]:
			return refuse("a cast to type "+next(1).Value, t.Pos)
		case t.Is("collate"):
			return refuse("a collation", t.Pos)
		case t.Name() && next(1).Kind == token.String && !(t.Kind == token.Word && literalTypes[t.Value]):
			return refuse("a literal of type "+t.Value, t.Pos)
		}
	}
	return nil
}

// castTypes are the first words of types that another role's expression may
// cast to: their input functions read nothing but the text.
var castTypes = map[string]bool{
	"int": true, "integer": true, "int2": true, "int4": true, "int8": true, "smallint": true, "bigint": true,
	"float4": true, "float8": true, "real": true, "double": true, "numeric": true, "decimal": true, "float": true,
	"text": true, "varchar": true, "character": true, "char": true, "bool": true, "boolean": true,
	"date": true, "timestamp": true, "timestamptz": true, "time": true, "interval": true,
}

var literalTypes = map[string]bool{"date": true, "timestamp": true, "interval": true, "time": true, "and": true, "or": true,
	"not": true, "in": true, "like": true, "ilike": true, "then": true, "else": true, "when": true, "between": true, "from": true, "zone": true}
