package tree

import "fmt"

// Read reads the text of a view's rule, which is a list with one query, and
// normalises the query. PostgreSQL 14 to 18 are understood.
//
// An expression that is not known becomes [Unknown]; all else that is not as
// PostgreSQL prints it is an error.
func Read(evAction string) (*Query, error) {
	s := &scanner{text: evAction}
	v, err := s.value()
	if err != nil {
		return nil, err
	}
	if s.next() != "" {
		return nil, s.fail("text after the end")
	}
	d := &decoder{}
	if v.kind != valueList || len(v.list) != 1 || v.list[0].kind != valueNode || v.list[0].node.tag != "QUERY" {
		d.fail("a list with one query expected")
		return nil, d.err
	}
	q := readQuery(fields{v.list[0].node, d})
	if d.err != nil {
		return nil, d.err
	}
	return normalise(q)
}

// ReadExpr reads the text of one expression without subqueries, as the catalog keeps
// that of a generated column (pg_attrdef.adbin). Its columns are those of range table
// entry 1, and its nodes have no locations.
func ReadExpr(text string) (Expr, error) {
	s := &scanner{text: text}
	v, err := s.value()
	if err != nil {
		return nil, err
	}
	if s.next() != "" {
		return nil, s.fail("text after the end")
	}
	d := &decoder{alone: true}
	if v.kind != valueNode {
		d.fail("an expression expected")
		return nil, d.err
	}
	e := readItem(fields{v.node, d}, "expression", v)
	if d.err != nil {
		return nil, d.err
	}
	return checkedExpr(e)
}

// checkedExpr checks that an expression stands alone: it has no subquery, and its
// columns are of entry 1.
func checkedExpr(e Expr) (Expr, error) {
	var err error
	Walk(e, func(e Expr) bool {
		switch e := e.(type) {
		case *SubLink:
			err = fmt.Errorf("tree: a subquery in an expression that stands alone")
		case *Var:
			if e.Table != 1 || e.Levels != 0 {
				err = fmt.Errorf("tree: column of range table entry %d, %d queries up, in an expression that stands alone", e.Table, e.Levels)
			}
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// readQuery reads a QUERY node.
func readQuery(f fields) *Query {
	if f.tag != "QUERY" {
		f.d.fail("QUERY expected, not %s", f.tag)
		return &Query{From: &From{}}
	}
	q := &Query{
		Command: f.int("commandType"), HasAggs: f.bool("hasAggs"), HasWindowFuncs: f.bool("hasWindowFuncs"),
		HasTargetSRFs: f.bool("hasTargetSRFs"), HasSubLinks: f.bool("hasSubLinks"), HasDistinctOn: f.bool("hasDistinctOn"),
		HasRecursive: f.bool("hasRecursive"), HasModifyingCTE: f.bool("hasModifyingCTE"), HasForUpdate: f.bool("hasForUpdate"),
		GroupDistinct: f.bool("groupDistinct"),
		Windows:       len(f.list("windowClause")), WithTies: f.int("limitOption") == 1,
		Targets: readTargets(f, "targetList"), Having: readExpr(f, "havingQual"),
		Offset: readExpr(f, "limitOffset"), Limit: readExpr(f, "limitCount"),
		GroupBy: readSortGroups(f, "groupClause"), Distinct: readSortGroups(f, "distinctClause"), Sort: readSortGroups(f, "sortClause"),
		From: &From{},
	}
	for _, c := range f.children("cteList", "COMMONTABLEEXPR") {
		q.CTEs = append(q.CTEs, readCTE(c))
	}
	for _, v := range f.list("rtable") {
		if in, ok := f.inner("rtable", v); ok {
			q.RangeTable = append(q.RangeTable, readEntry(in))
		} else {
			f.bad("rtable", "list of nodes")
		}
	}
	if in, ok := f.child("jointree"); ok {
		if from, ok := readFrom(in).(*From); ok {
			q.From = from
		}
	}
	for _, g := range f.children("groupingSets", "GROUPINGSET") {
		q.GroupingSets = append(q.GroupingSets, readGroupingSet(g))
	}
	if in, ok := f.child("setOperations"); ok {
		q.SetOperation = readSetItem(in)
	}
	return q
}

// readSubquery reads a field with a query that must be there.
func readSubquery(f fields, name string) *Query {
	in, ok := f.child(name)
	if !ok {
		f.bad(name, "query")
		return &Query{From: &From{}}
	}
	return readQuery(in)
}

func readCTE(f fields) *CTE {
	_, search := f.child("search_clause")
	_, cycle := f.child("cycle_clause")
	return &CTE{
		Name: f.text("ctename"), Query: readSubquery(f, "ctequery"), Recursive: f.bool("cterecursive"),
		Search: search, Cycle: cycle, Location: f.at(),
	}
}

// readEntry reads a range table entry: RTE until 15, RANGETBLENTRY from 16 on.
func readEntry(f fields) *RangeEntry {
	if f.tag != "RTE" && f.tag != "RANGETBLENTRY" {
		f.d.fail("RANGETBLENTRY expected, not %s", f.tag)
		return nil
	}
	e := &RangeEntry{Kind: EntryKind(f.int("rtekind")), Lateral: f.bool("lateral")}
	if eref, ok := f.child("eref"); ok {
		e.Alias, e.Columns = eref.text("aliasname"), eref.strings("colnames")
	}
	switch e.Kind {
	case EntryRelation:
		e.Relation, e.RelKind, e.Inherit = f.oid("relid"), f.char("relkind"), f.bool("inh")
		_, e.Sampled = f.child("tablesample")
	case EntrySubquery:
		e.Subquery = readSubquery(f, "subquery")
	case EntryJoin:
		e.JoinType, e.JoinVars = JoinType(f.int("jointype")), readExprs(f, "joinaliasvars")
	case EntryFunction:
		e.Ordinality = f.bool("funcordinality")
		for _, in := range f.children("functions", "RANGETBLFUNCTION") {
			e.Functions = append(e.Functions, readExpr(in, "funcexpr"))
		}
	case EntryValues:
		for _, v := range f.list("values_lists") {
			e.Values = append(e.Values, readItems(f, "values_lists", v.list))
		}
		e.readColumns(f)
	case EntryCTE:
		e.CTE, e.CTELevels, e.SelfReference = f.text("ctename"), f.small("ctelevelsup"), f.bool("self_reference")
		e.readColumns(f)
	case EntryGroup:
		e.Group = readExprs(f, "groupexprs")
	case EntryTableFunc, EntryNamedTuplestore, EntryResult: // no view has the last two, and the first is refused by its kind
	default:
		f.d.fail("%s: kind %d is not known", f.tag, e.Kind)
	}
	return e
}

func (e *RangeEntry) readColumns(f fields) {
	e.ColTypes, e.ColMods, e.ColCollations = f.oids("coltypes"), f.mods("coltypmods"), f.oids("colcollations")
}

// readFrom reads an item of FROM.
func readFrom(f fields) FromItem {
	switch f.tag {
	case "FROMEXPR":
		from := &From{Where: readExpr(f, "quals")}
		for _, v := range f.list("fromlist") {
			if in, ok := f.inner("fromlist", v); ok {
				from.Items = append(from.Items, readFrom(in))
			} else {
				f.bad("fromlist", "list of nodes")
			}
		}
		return from
	case "JOINEXPR":
		j := &Join{Type: JoinType(f.int("jointype")), On: readExpr(f, "quals"), Index: f.small("rtindex")}
		left, okLeft := f.child("larg")
		right, okRight := f.child("rarg")
		if !okLeft || !okRight || j.Type < JoinInner || j.Type > JoinRight {
			f.d.fail("JOINEXPR: two sides and a type from 0 to 3 expected")
			return j
		}
		j.Left, j.Right = readFrom(left), readFrom(right)
		return j
	case "RANGETBLREF":
		return &RangeRef{Index: f.small("rtindex")}
	}
	f.d.fail("item of FROM expected, not %s", f.tag)
	return nil
}

// readSetItem reads a set operation or a leaf of one.
func readSetItem(f fields) SetItem {
	if f.tag == "RANGETBLREF" {
		return &RangeRef{Index: f.small("rtindex")}
	}
	if f.tag != "SETOPERATIONSTMT" {
		f.d.fail("SETOPERATIONSTMT expected, not %s", f.tag)
		return nil
	}
	s := &SetOperation{
		Kind: SetKind(f.int("op")), All: f.bool("all"), ColTypes: f.oids("colTypes"), ColMods: f.mods("colTypmods"),
		ColCollations: f.oids("colCollations"), Group: readSortGroups(f, "groupClauses"),
	}
	left, okLeft := f.child("larg")
	right, okRight := f.child("rarg")
	if !okLeft || !okRight || s.Kind < Union || s.Kind > Except {
		f.d.fail("SETOPERATIONSTMT: two sides and an operation from 1 to 3 expected")
		return s
	}
	s.Left, s.Right = readSetItem(left), readSetItem(right)
	return s
}

func readTargets(f fields, name string) []*Target {
	var out []*Target
	for _, in := range f.children(name, "TARGETENTRY") {
		t := &Target{
			Expr: need(in, "expr"), Number: in.small("resno"), Name: in.text("resname"),
			Ref: in.small("ressortgroupref"), Junk: in.bool("resjunk"),
		}
		out = append(out, t)
	}
	return out
}

func readSortGroups(f fields, name string) []*SortGroup {
	var out []*SortGroup
	for _, in := range f.children(name, "SORTGROUPCLAUSE") {
		g := &SortGroup{
			Ref: in.small("tleSortGroupRef"), Equal: in.oid("eqop"), Order: in.oid("sortop"),
			NullsFirst: in.bool("nulls_first"), Hashable: in.bool("hashable"),
		}
		if _, ok := in.fields["reverse_sort"]; ok { // from 18 on
			g.Descending = in.bool("reverse_sort")
		}
		out = append(out, g)
	}
	return out
}

func readGroupingSet(f fields) *GroupingSet {
	g := &GroupingSet{Kind: GroupingKind(f.int("kind")), Location: f.at()}
	switch g.Kind {
	case GroupingEmpty:
	case GroupingSimple:
		g.Refs = f.ints("content")
	case GroupingRollup, GroupingCube, GroupingSetList:
		for _, in := range f.children("content", "GROUPINGSET") {
			g.Sets = append(g.Sets, readGroupingSet(in))
		}
	default:
		f.d.fail("GROUPINGSET: kind %d is not known", g.Kind)
	}
	return g
}
