package tree

import (
	"strings"
	"testing"

	workload "github.com/millrace/millrace/internal/tpch"
)

// TestReadCorpus reads views with every kind of node: none may be unknown.
func TestReadCorpus(t *testing.T) {
	conn := database(t)
	exec(t, conn, strings.Join(workload.Tables(), ";"))
	for _, query := range append(append([]string{}, corpus...), tpch...) {
		t.Run("", func(t *testing.T) { checkQuery(t, query, read(t, conn, query)) })
	}
}

// checkQuery fails if a query has an unknown expression or a column of a join.
func checkQuery(t *testing.T, text string, q *Query) {
	t.Helper()
	var scopes []*Query
	m := &mutator{
		expr: func(e Expr, _ int) (Expr, error) {
			switch e := e.(type) {
			case *Unknown:
				t.Errorf("%s: %s is unknown", text, e.Tag)
			case *Var:
				entry := scopes[len(scopes)-1-e.Levels].RangeTable[e.Table-1]
				if entry.Kind == EntryJoin || entry.Kind == EntryGroup {
					t.Errorf("%s: column %d of a join or group", text, e.Number)
				}
			}
			if r := e.Result(); r.OID == 0 {
				t.Errorf("%s: %T has no type", text, e)
			}
			return e, nil
		},
		enter: func(q *Query) error { scopes = append(scopes, q); return nil },
		leave: func() { scopes = scopes[:len(scopes)-1] },
	}
	if _, err := m.query(q, 0); err != nil {
		t.Error(err)
	}
}
