package tree

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// show writes an expression in short: columns as alias.number, with ^ for each query
// up, and the types of other nodes.
func show(e Expr, scopes []*Query) string {
	switch e := e.(type) {
	case nil:
		return "-"
	case *Var:
		alias := scopes[len(scopes)-1-e.Levels].RangeTable[e.Table-1].Alias
		return fmt.Sprintf("%s%s.%d", strings.Repeat("^", e.Levels), alias, e.Number)
	case *Const:
		return "const"
	case *SubLink:
		return "(select " + showQuery(e.Query, scopes) + ")"
	}
	var args []string
	e.(node).slots(func(slot *Expr) { args = append(args, show(*slot, scopes)) })
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e), "*tree.")) + "(" + strings.Join(args, " ") + ")"
}

func showQuery(q *Query, scopes []*Query) string {
	scopes = append(slices.Clone(scopes), q)
	var out []string
	for _, t := range q.Targets {
		if !t.Junk {
			out = append(out, show(t.Expr, scopes))
		}
	}
	text := strings.Join(out, ", ")
	if q.From.Where != nil {
		text += " where " + show(q.From.Where, scopes)
	}
	return text
}

// TestNormalise checks what the columns of joins and groups have become.
func TestNormalise(t *testing.T) {
	conn := database(t)
	for _, tt := range []struct{ query, want string }{
		{"SELECT a, b, x FROM t JOIN u USING (a)", "t.1, t.2, u.2"},
		{"SELECT a FROM t RIGHT JOIN u USING (a)", "u.1"},
		{"SELECT a FROM t FULL JOIN u USING (a)", "coalesce(t.1 u.1)"},
		{"SELECT a FROM t FULL JOIN u USING (a) FULL JOIN u w USING (a)", "coalesce(coalesce(t.1 u.1) w.1)"},
		{"SELECT a FROM t JOIN (SELECT a::bigint FROM u) w USING (a)", "w.1"},
		{"SELECT a FROM t LEFT JOIN (SELECT a::bigint FROM u) w USING (a)", "call(t.1)"},
		{"SELECT (SELECT x FROM u WHERE u.a = j.a) AS s FROM (t FULL JOIN u w USING (a)) j", "(select u.2 where op(u.1 coalesce(^t.1 ^w.1)))"},
		{"SELECT (SELECT (SELECT j.a + u.a FROM u LIMIT 1) FROM u LIMIT 1) AS s FROM (t FULL JOIN u w USING (a)) j", "(select (select op(coalesce(^^t.1 ^^w.1) u.1)))"},
		{"SELECT (SELECT max(u.a) FROM u WHERE j IS NOT NULL) AS m FROM (u u1 JOIN u w USING (a)) AS j(q)",
			"(select aggregate(u.1 -) where nulltest(row(^u1.1 ^u1.2 ^u1.3 ^u1.4 ^w.2 ^w.3 ^w.4)))"},
		{"SELECT a + 1 AS z, count(*) FROM t GROUP BY a + 1", "op(t.1 const), aggregate(-)"},
		{"SELECT coalesce(a, 0) AS z FROM t FULL JOIN u USING (a) GROUP BY coalesce(a, 0)", "coalesce(coalesce(t.1 u.1) const)"},
		{"SELECT (SELECT max(u.a) FROM u WHERE u.a = t.a) AS m FROM t GROUP BY (SELECT max(u.a) FROM u WHERE u.a = t.a)", "(select aggregate(u.1 -) where op(u.1 ^t.1))"},
		{"SELECT a, (SELECT x FROM u WHERE u.a = t.a) AS s FROM t GROUP BY a", "t.1, (select u.2 where op(u.1 ^t.1))"},
		{"SELECT t FROM t", "t.0"},
		{"SELECT s.q FROM (SELECT a AS q FROM t JOIN u USING (a)) s", "s.1"},
		{"SELECT tableoid FROM t", "t.-6"},
	} {
		if got := showQuery(read(t, conn, tt.query), nil); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.query, got, tt.want)
		}
	}
}

// TestRaise checks that all that refers out of a subquery goes up with it.
func TestRaise(t *testing.T) {
	inner := &Query{
		From:       &From{},
		RangeTable: []*RangeEntry{{Kind: EntryCTE, CTELevels: 1}, {Kind: EntryCTE, CTELevels: 0}},
		Targets: []*Target{{Expr: &Var{Table: 1, Levels: 0}}, {Expr: &Var{Table: 2, Levels: 1}}, {Expr: &Aggregate{Levels: 1}},
			{Expr: &Grouping{Levels: 1}}, {Expr: &Var{Table: 3, Levels: 3}}},
	}
	e, err := raise(&SubLink{Query: inner}, 2)
	if err != nil {
		t.Fatal(err)
	}
	q := e.(*SubLink).Query
	got := []int{q.Targets[0].Expr.(*Var).Levels, q.Targets[1].Expr.(*Var).Levels, q.Targets[2].Expr.(*Aggregate).Levels,
		q.Targets[3].Expr.(*Grouping).Levels, q.Targets[4].Expr.(*Var).Levels, q.RangeTable[0].CTELevels, q.RangeTable[1].CTELevels}
	if want := []int{0, 3, 3, 3, 5, 3, 0}; !slices.Equal(got, want) {
		t.Errorf("levels %v, want %v", got, want)
	}
	if inner.Targets[1].Expr.(*Var).Levels != 1 || inner.RangeTable[0].CTELevels != 1 {
		t.Error("the original has changed")
	}
}

// TestReadQuery checks the parts of a query that are not expressions.
func TestReadQuery(t *testing.T) {
	conn := database(t)
	q := read(t, conn, `WITH RECURSIVE w(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM w WHERE n < 3)
		SELECT DISTINCT ON (t.b) t.b AS ":x (y)", t.a, w.n FROM ONLY t LEFT JOIN u ON t.a = u.a, w, LATERAL (SELECT t.a) l, ROWS FROM (generate_series(1, t.a)) WITH ORDINALITY g
		ORDER BY t.b DESC, t.a OFFSET 1 FETCH FIRST 2 ROWS ONLY`)
	if len(q.CTEs) != 1 || !q.CTEs[0].Recursive || !q.HasDistinctOn || len(q.Distinct) != 1 || len(q.Sort) != 2 || q.Offset == nil || q.Limit == nil || q.WithTies {
		t.Errorf("query %+v", q)
	}
	set := q.CTEs[0].Query.SetOperation.(*SetOperation)
	if set.Kind != Union || !set.All || len(set.ColTypes) != 1 || set.ColTypes[0] != oidInt4 {
		t.Errorf("set operation %+v", set)
	}
	if tt := q.Targets; tt[0].Name != ":x (y)" || tt[0].Ref != q.Distinct[0].Ref || tt[2].Number != 3 || tt[2].Junk {
		t.Errorf("targets %+v", tt)
	}
	j := q.From.Items[0].(*Join)
	left := q.RangeTable[j.Left.(*RangeRef).Index-1]
	if j.Type != JoinLeft || left.Alias != "t" || left.Inherit || left.RelKind != 'r' || left.Relation == 0 || left.Columns[1] != "b" {
		t.Errorf("join %+v of %+v", j, left)
	}
	var kinds []EntryKind
	for _, item := range q.From.Items[1:] {
		e := q.RangeTable[item.(*RangeRef).Index-1]
		kinds = append(kinds, e.Kind)
		if e.Kind != EntryCTE && !e.Lateral || e.Kind == EntryFunction && !e.Ordinality || e.Kind == EntryCTE && e.CTE != "w" {
			t.Errorf("entry %+v", e)
		}
	}
	if !slices.Equal(kinds, []EntryKind{EntryCTE, EntrySubquery, EntryFunction}) {
		t.Errorf("kinds %v", kinds)
	}
	if q := read(t, conn, "SELECT a FROM t ORDER BY a FETCH FIRST 2 ROWS WITH TIES"); !q.WithTies {
		t.Error("WITH TIES is lost")
	}
	if q := read(t, conn, "SELECT a, b FROM t GROUP BY DISTINCT GROUPING SETS ((a, b), ROLLUP (a), ())"); !q.GroupDistinct ||
		len(q.GroupingSets) != 1 || len(q.GroupingSets[0].Sets) != 3 || len(q.GroupingSets[0].Sets[0].Refs) != 2 || q.GroupingSets[0].Sets[1].Kind != GroupingRollup {
		t.Errorf("grouping sets %+v", q.GroupingSets)
	}
}

// TestResultTypes compares the types that nodes say with the view's columns.
func TestResultTypes(t *testing.T) {
	conn := database(t)
	for _, e := range append([]string{"ARRAY(SELECT a FROM t)", "ARRAY(SELECT e FROM t)", "ARRAY(SELECT b FROM t)", "(SELECT c FROM t)", "EXISTS (SELECT FROM t)",
		"c::numeric(4,1)", "CASE WHEN k THEN c ELSE c::numeric(10,2) END", "coalesce(l, 'x')", "nullif(c, 1)", "m::char(3)", "ARRAY[c]", "greatest(c, c)", "1 = ALL (SELECT a FROM t)"}, expressions...) {
		name, action := view(t, conn, "SELECT "+e+" AS x FROM t")
		q, err := Read(action)
		if err != nil {
			t.Fatal(err)
		}
		var want TypeRef
		const sql = "SELECT atttypid, atttypmod, attcollation FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum = 1"
		if err := conn.QueryRow(t.Context(), sql, name).Scan(&want.OID, &want.Mod, &want.Collation); err != nil {
			t.Fatal(err)
		}
		if got := q.Targets[0].Expr.Result(); got != want {
			t.Errorf("%s: type %+v, want %+v", e, got, want)
		}
	}
}
