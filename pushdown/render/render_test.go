package render

import (
	"testing"

	"github.com/millrace/millrace/pushdown"
)

func TestCopy(t *testing.T) {
	columns := []Column{{Expression: "x", Cast: pushdown.Float}, {Expression: "ARRAY[a, b]", Cast: pushdown.Floats}, {Expression: "v", Cast: pushdown.Vector}}
	const list = "COPY (SELECT (x)::pg_catalog.float8 AS c1, (ARRAY[a, b])::pg_catalog.float8[] AS c2, (v)::pg_catalog.float4[]::pg_catalog.float8[] AS c3 FROM s.t"
	for _, tt := range []struct {
		pages *Pages
		want  string
	}{
		{nil, list + ") TO STDOUT (FORMAT binary)"},
		{&Pages{Begin: 5, End: 9}, list + " WHERE ctid OPERATOR(pg_catalog.>=) '(5,0)'::pg_catalog.tid AND ctid OPERATOR(pg_catalog.<) '(9,0)'::pg_catalog.tid) TO STDOUT (FORMAT binary)"},
		{&Pages{Begin: 9}, list + " WHERE ctid OPERATOR(pg_catalog.>=) '(9,0)'::pg_catalog.tid) TO STDOUT (FORMAT binary)"},
	} {
		if got := Copy("s.t", columns, tt.pages); got != tt.want {
			t.Errorf("Copy = %s\nwant   %s", got, tt.want)
		}
	}
}

func TestBegin(t *testing.T) {
	got := Begin("00'x", `a"b`, map[string]string{"TimeZone": `it's\`, "search_path": "a"}, 300)
	const want = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '00''x'; SET LOCAL ROLE "a""b"; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 300; ` +
		`SELECT 1, pg_catalog.set_config('TimeZone', E'it''s\\', true), pg_catalog.set_config('search_path', 'a', true)`
	if got != want {
		t.Errorf("Begin = %s\nwant    %s", got, want)
	}
}
