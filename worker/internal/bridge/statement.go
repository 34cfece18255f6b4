package bridge

import (
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/sql/token"
)

// verb names the statements that postgres_fdw sends.
type verb uint8

const (
	verbSet verb = iota + 1
	verbBegin
	verbCommit
	verbAbort
	verbSavepoint
	verbRelease
	verbRollbackTo
	verbDeclare
	verbFetch
	verbRewind
	verbClose
	verbDeallocate
)

// statement is one parsed statement.
type statement struct {
	verb   verb
	tag    string // command tag to answer with
	cursor string // DECLARE, FETCH, CLOSE, MOVE
	count  int    // FETCH
	query  query  // DECLARE
}

// query is what a foreign scan asks for: the rows of one table that belong to
// one request.
type query struct {
	table   string   // name in schema ml of the worker
	columns []string // in the order asked for; "" for SELECT NULL
	request string   // literal request, if not a parameter
	isParam bool     // the request is $1
}

// errUnsupported is wrapped by errors on statements that postgres_fdw does not
// send for the foreign tables that we install.
var errUnsupported = errors.New("statement not supported")

func unsupported(what string) error {
	return fmt.Errorf("bridge: %w: %s", errUnsupported, what)
}

// parseStatements reads a query string, which may hold several statements.
func parseStatements(text string) ([]statement, error) {
	tokens, err := token.Scan(text)
	if err != nil {
		return nil, fmt.Errorf("bridge: %w: %w", errUnsupported, err)
	}
	var out []statement
	for len(tokens) > 0 {
		end := 0
		for end < len(tokens) && !tokens[end].Is(";") {
			end++
		}
		if end > 0 {
			p := parser{tokens: tokens[:end]}
			s, err := p.statement()
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
		tokens = tokens[min(end+1, len(tokens)):]
	}
	return out, nil
}

type parser struct {
	tokens []token.Token
	pos    int
}

func (p *parser) accept(words ...string) bool {
	if p.pos+len(words) > len(p.tokens) {
		return false
	}
	for i, w := range words {
		if !p.tokens[p.pos+i].Is(w) {
			return false
		}
	}
	p.pos += len(words)
	return true
}

func (p *parser) name() (string, bool) {
	if p.pos < len(p.tokens) && p.tokens[p.pos].Name() {
		p.pos++
		return p.tokens[p.pos-1].Value, true
	}
	return "", false
}

func (p *parser) done() bool { return p.pos == len(p.tokens) }

// fixed holds the statements that are told by their first words alone.
var fixed = []struct {
	words []string
	out   statement
}{
	{[]string{"set"}, statement{verb: verbSet, tag: "SET"}},
	{[]string{"start", "transaction"}, statement{verb: verbBegin, tag: "START TRANSACTION"}},
	{[]string{"commit", "transaction"}, statement{verb: verbCommit, tag: "COMMIT"}},
	{[]string{"abort", "transaction"}, statement{verb: verbAbort, tag: "ROLLBACK"}},
	{[]string{"savepoint"}, statement{verb: verbSavepoint, tag: "SAVEPOINT"}},
	{[]string{"release", "savepoint"}, statement{verb: verbRelease, tag: "RELEASE"}},
	{[]string{"rollback", "to", "savepoint"}, statement{verb: verbRollbackTo, tag: "ROLLBACK"}},
	{[]string{"deallocate"}, statement{verb: verbDeallocate, tag: "DEALLOCATE"}},
}

func (p *parser) statement() (statement, error) {
	for _, f := range fixed {
		if p.accept(f.words...) {
			return f.out, nil
		}
	}
	switch {
	case p.accept("declare"):
		return p.declare()
	case p.accept("fetch"):
		return p.fetch()
	case p.accept("close"):
		if cursor, ok := p.name(); ok && p.done() {
			return statement{verb: verbClose, tag: "CLOSE CURSOR", cursor: cursor}, nil
		}
	case p.accept("move", "backward", "all", "in"):
		if cursor, ok := p.name(); ok && p.done() {
			return statement{verb: verbRewind, tag: "MOVE 0", cursor: cursor}, nil
		}
	}
	return statement{}, unsupported("the statement begins with " + p.first())
}

func (p *parser) first() string {
	if len(p.tokens) == 0 {
		return "nothing"
	}
	return strings.ToUpper(p.tokens[0].Value)
}

func (p *parser) fetch() (statement, error) {
	s := statement{verb: verbFetch}
	if p.pos >= len(p.tokens) || p.tokens[p.pos].Kind != token.Number {
		return s, unsupported("FETCH without a row count")
	}
	if _, err := fmt.Sscanf(p.tokens[p.pos].Value, "%d", &s.count); err != nil || s.count <= 0 {
		return s, unsupported("FETCH of " + p.tokens[p.pos].Value)
	}
	p.pos++
	if !p.accept("from") {
		return s, unsupported("FETCH without FROM")
	}
	var ok bool
	if s.cursor, ok = p.name(); !ok || !p.done() {
		return s, unsupported("FETCH from something else than a cursor")
	}
	return s, nil
}

func (p *parser) declare() (statement, error) {
	s := statement{verb: verbDeclare, tag: "DECLARE CURSOR"}
	var ok bool
	if s.cursor, ok = p.name(); !ok || !p.accept("cursor", "for", "select") {
		return s, unsupported("DECLARE without CURSOR FOR SELECT")
	}
	var err error
	s.query, err = p.query()
	return s, err
}

// query reads: columns FROM schema.table WHERE ((request = value)).
func (p *parser) query() (query, error) {
	var q query
	for {
		if p.accept("null") {
			q.columns = append(q.columns, "")
		} else if column, ok := p.name(); ok {
			q.columns = append(q.columns, column)
		} else {
			return q, unsupported("a select list with more than columns")
		}
		if !p.accept(",") {
			break
		}
	}
	if !p.accept("from", "ml", ".") {
		return q, unsupported("a FROM clause with more than one table of the worker")
	}
	var ok bool
	if q.table, ok = p.name(); !ok || !p.accept("where", "(", "(", "request", "=") {
		return q, unsupported("a scan without the one condition request = value")
	}
	if err := p.value(&q); err != nil {
		return q, err
	}
	if !p.accept(")", ")") || !p.done() {
		return q, unsupported("a condition beside request = value")
	}
	return q, nil
}

func (p *parser) value(q *query) error {
	if p.pos >= len(p.tokens) {
		return unsupported("a condition without a value")
	}
	switch t := p.tokens[p.pos]; t.Kind {
	case token.String:
		q.request = t.Value
	case token.Param:
		if t.Value != "1" {
			return unsupported("parameter $" + t.Value)
		}
		q.isParam = true
	default:
		return unsupported("a value that is neither a literal nor a parameter")
	}
	p.pos++
	p.accept("::", "text")
	return nil
}
