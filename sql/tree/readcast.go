package tree

func readField(f fields) Expr {
	n := f.int("fieldnum")
	if n < 1 || n > 32767 {
		f.bad("fieldnum", "1 to 32767")
	}
	return &Field{Arg: need(f, "arg"), Number: int16(n), Type: ref(f, "resulttype", "resulttypmod", "resultcollid")}
}

func readRelabel(f fields) Expr {
	return &Relabel{
		Arg: need(f, "arg"), Type: ref(f, "resulttype", "resulttypmod", "resultcollid"),
		Form: CallForm(f.int("relabelformat")), Location: f.at(),
	}
}

func readIOCast(f fields) Expr {
	return &IOCast{
		Arg: need(f, "arg"), Type: ref(f, "resulttype", "", "resultcollid"), Form: CallForm(f.int("coerceformat")), Location: f.at(),
	}
}

func readArrayCast(f fields) Expr {
	return &ArrayCast{
		Arg: need(f, "arg"), Elem: need(f, "elemexpr"), Type: ref(f, "resulttype", "resulttypmod", "resultcollid"),
		Form: CallForm(f.int("coerceformat")), Location: f.at(),
	}
}

func readRowCast(f fields) Expr {
	return &RowCast{Arg: need(f, "arg"), Type: ref(f, "resulttype", "", ""), Location: f.at()}
}

func readCollate(f fields) Expr {
	return &Collate{Arg: need(f, "arg"), Collation: f.oid("collOid"), Location: f.at()}
}

func readDomainCast(f fields) Expr {
	return &DomainCast{
		Arg: need(f, "arg"), Type: ref(f, "resulttype", "resulttypmod", "resultcollid"),
		Form: CallForm(f.int("coercionformat")), Location: f.at(),
	}
}

func readCase(f fields) Expr {
	c := &Case{Type: ref(f, "casetype", "", "casecollid"), Subject: readExpr(f, "arg"), Else: readExpr(f, "defresult"), Location: f.at()}
	for _, v := range f.list("args") {
		in, ok := f.inner("args", v)
		if !ok || in.tag != "WHEN" && in.tag != "CASEWHEN" {
			f.bad("args", "list of CASEWHEN")
			return c
		}
		c.Whens = append(c.Whens, When{Cond: need(in, "expr"), Then: need(in, "result")})
	}
	arms := make([]Expr, 0, len(c.Whens)+1)
	for _, w := range c.Whens {
		arms = append(arms, w.Then)
	}
	if c.Else != nil {
		arms = append(arms, c.Else)
	}
	c.Type.Mod = commonMod(c.Type.OID, arms)
	return c
}

// commonMod is the type modifier of an expression that gives the value of one of its
// arms: theirs, if they all have the type and the same modifier.
func commonMod(oid uint32, arms []Expr) int32 {
	mod := int32(-1)
	for i, e := range arms {
		t := e.Result()
		if i == 0 {
			mod = t.Mod
		}
		if t.OID != oid || t.Mod != mod {
			return -1
		}
	}
	return mod
}

func readCaseTest(f fields) Expr {
	return &CaseTest{Type: ref(f, "typeId", "typeMod", "collation")}
}

func readArray(f fields) Expr {
	a := &Array{
		Type: ref(f, "array_typeid", "", "array_collid"), Elem: f.oid("element_typeid"), Elements: needs(f, "elements", 0),
		Multi: f.bool("multidims"), Location: f.at(),
	}
	of := a.Elem
	if a.Multi {
		of = a.Type.OID
	}
	a.Type.Mod = commonMod(of, a.Elements)
	return a
}

func readRow(f fields) Expr {
	return &Row{Type: ref(f, "row_typeid", "", ""), Args: needs(f, "args", 0), Names: f.strings("colnames"), Location: f.at()}
}

func readRowCompare(f fields) Expr {
	compare := "rctype"
	if _, ok := f.fields["cmptype"]; ok { // from 18 on
		compare = "cmptype"
	}
	r := &RowCompare{
		Compare: f.int(compare), Operators: f.oids("opnos"), Collations: f.oids("inputcollids"),
		Left: needs(f, "largs", 1), Right: needs(f, "rargs", 1),
	}
	n := len(r.Operators)
	if len(r.Collations) != n || len(r.Left) != n || len(r.Right) != n {
		f.bad("largs", "as many items as in opnos, inputcollids and rargs")
	}
	return r
}

func readCoalesce(f fields) Expr {
	c := &Coalesce{Type: ref(f, "coalescetype", "", "coalescecollid"), Args: needs(f, "args", 1), Location: f.at()}
	c.Type.Mod = commonMod(c.Type.OID, c.Args)
	return c
}

func readMinMax(f fields) Expr {
	m := &MinMax{
		Type: ref(f, "minmaxtype", "", "minmaxcollid"), InputCollation: f.oid("inputcollid"), Least: f.int("op") == 1,
		Args: needs(f, "args", 1), Location: f.at(),
	}
	m.Type.Mod = commonMod(m.Type.OID, m.Args)
	return m
}

func readSQLValue(f fields) Expr {
	s := &SQLValue{Op: f.int("op"), Type: ref(f, "type", "typmod", ""), Location: f.at()}
	if s.Type.OID == oidName {
		s.Type.Collation = oidCollationC
	}
	return s
}

func readNullTest(f fields) Expr {
	return &NullTest{Arg: need(f, "arg"), Not: f.int("nulltesttype") == 1, OfRow: f.bool("argisrow"), Location: f.at()}
}

func readBooleanTest(f fields) Expr {
	b := &BooleanTest{Arg: need(f, "arg"), Kind: f.int("booltesttype"), Location: f.at()}
	if b.Kind < 0 || b.Kind > 5 {
		f.bad("booltesttype", "0 to 5")
	}
	return b
}

func readSubscript(f fields) Expr {
	if assign, ok := f.child("refassgnexpr"); ok {
		f.d.fail("SUBSCRIPTINGREF: an assignment of %s in a query", assign.tag)
	}
	return &Subscript{
		Container: TypeRef{OID: f.oid("refcontainertype"), Mod: -1, Collation: f.oid("refcollid")},
		Type:      ref(f, "refrestype", "reftypmod", "refcollid"), Arg: need(f, "refexpr"),
		Upper: readExprs(f, "refupperindexpr"), Lower: readExprs(f, "reflowerindexpr"),
	}
}
