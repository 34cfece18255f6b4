package tree

// OIDs of types that the reader gives to nodes by itself.
const (
	oidBool   = 16
	oidInt4   = 23
	oidRecord = 2249
	oidName   = 19
)

// oidCollationC is the collation of type name.
const oidCollationC = 950

// readers reads the expressions that we know, by tag. Some tags have changed in 16,
// so there are two. It is filled by init since the readers call each other.
var readers map[string]func(fields) Expr

func init() {
	readers = map[string]func(fields) Expr{
		"VAR": readVar, "CONST": readConst, "PARAM": readParam,
		"AGGREF": readAggregate, "GROUPINGFUNC": readGrouping, "WINDOWFUNC": readWindow,
		"FUNCEXPR": readCall, "OPEXPR": readOp, "DISTINCTEXPR": readOp, "NULLIFEXPR": readOp,
		"SCALARARRAYOPEXPR": readScalarArray, "BOOLEXPR": readBool, "SUBLINK": readSubLink,
		"FIELDSELECT": readField, "RELABELTYPE": readRelabel, "COERCEVIAIO": readIOCast,
		"ARRAYCOERCEEXPR": readArrayCast, "CONVERTROWTYPEEXPR": readRowCast,
		"COLLATE": readCollate, "COLLATEEXPR": readCollate, "CASE": readCase, "CASEEXPR": readCase,
		"CASETESTEXPR": readCaseTest, "ARRAY": readArray, "ARRAYEXPR": readArray, "ROW": readRow, "ROWEXPR": readRow,
		"ROWCOMPARE": readRowCompare, "ROWCOMPAREEXPR": readRowCompare,
		"COALESCE": readCoalesce, "COALESCEEXPR": readCoalesce, "MINMAX": readMinMax, "MINMAXEXPR": readMinMax,
		"SQLVALUEFUNCTION": readSQLValue, "NULLTEST": readNullTest, "BOOLEANTEST": readBooleanTest,
		"COERCETODOMAIN": readDomainCast, "SUBSCRIPTINGREF": readSubscript, "NAMEDARGEXPR": readNamed,
	}
}

// readExpr reads the expression in a field, nil if it is NULL. Some fields hold a
// list, which stands for a conjunction only in plans: it is an error here.
func readExpr(f fields, name string) Expr { return readItem(f, name, f.get(name)) }

// readItem reads one expression.
func readItem(f fields, name string, v value) Expr {
	in, ok := f.inner(name, v)
	if !ok {
		return nil
	}
	if read := readers[in.tag]; read != nil {
		return read(in)
	}
	return &Unknown{Tag: in.tag, Location: in.at()}
}

// need reads an expression that is never NULL. After an error the result is a node
// all the same, so that the rest can be read without a look at the error.
func need(f fields, name string) Expr {
	e := readExpr(f, name)
	if e == nil {
		f.bad(name, "expression")
		return &Unknown{}
	}
	return e
}

// readExprs reads a list of expressions. A NULL among them stays nil.
func readExprs(f fields, name string) []Expr { return readItems(f, name, f.list(name)) }

func readItems(f fields, name string, items []value) []Expr {
	out := make([]Expr, 0, len(items))
	for _, v := range items {
		out = append(out, readItem(f, name, v))
	}
	return out
}

// needs reads a list of count expressions or more without NULL.
func needs(f fields, name string, count int) []Expr {
	out := readExprs(f, name)
	if len(out) < count {
		f.d.fail("%s: field %s: %d expressions or more expected, not %d", f.tag, name, count, len(out))
	}
	for i, e := range out {
		if e == nil {
			f.bad(name, "list without NULL")
			out[i] = &Unknown{}
		}
	}
	return out
}

// ref reads a type reference of up to three fields; a name "" stands for none.
func ref(f fields, oid, mod, collation string) TypeRef {
	t := TypeRef{OID: f.oid(oid), Mod: -1}
	if mod != "" {
		t.Mod = int32(f.int(mod))
	}
	if collation != "" {
		t.Collation = f.oid(collation)
	}
	return t
}

func readVar(f fields) Expr {
	n := f.int("varattno")
	if n < -32768 || n > 32767 {
		f.bad("varattno", "16 bits")
	}
	return &Var{
		Table: f.int("varno"), Number: int16(n), Type: ref(f, "vartype", "vartypmod", "varcollid"),
		Levels: f.small("varlevelsup"), Location: f.at(),
	}
}

func readConst(f fields) Expr {
	c := &Const{
		Type: ref(f, "consttype", "consttypmod", "constcollid"), Null: f.bool("constisnull"),
		ByVal: f.bool("constbyval"), Len: f.int("constlen"), Location: f.at(),
	}
	v := f.get("constvalue")
	if c.Null != (v.kind == valueNull) || !c.Null && v.kind != valueDatum {
		f.bad("constvalue", "bytes, or NULL for NULL")
	}
	c.Datum = v.datum
	return c
}

func readParam(f fields) Expr {
	const sublink = 2 // PARAM_SUBLINK
	kind, id, typ := f.int("paramkind"), f.int("paramid"), ref(f, "paramtype", "paramtypmod", "paramcollid")
	if kind == sublink {
		return &SubParam{Number: id, Type: typ, Location: f.at()}
	}
	return &Param{Kind: kind, ID: id, Type: typ, Location: f.at()}
}

func readAggregate(f fields) Expr {
	return &Aggregate{
		Function: f.oid("aggfnoid"), Type: ref(f, "aggtype", "", "aggcollid"), InputCollation: f.oid("inputcollid"),
		ArgTypes: f.oids("aggargtypes"), Direct: needs(f, "aggdirectargs", 0), Args: readTargets(f, "args"),
		Order: readSortGroups(f, "aggorder"), Distinct: readSortGroups(f, "aggdistinct"), Filter: readExpr(f, "aggfilter"),
		Star: f.bool("aggstar"), Variadic: f.bool("aggvariadic"), Kind: f.char("aggkind"), Levels: f.small("agglevelsup"), Location: f.at(),
	}
}

func readGrouping(f fields) Expr {
	return &Grouping{Args: needs(f, "args", 0), Refs: f.ints("refs"), Levels: f.small("agglevelsup"), Location: f.at()}
}

func readWindow(f fields) Expr {
	return &Window{
		Function: f.oid("winfnoid"), Type: ref(f, "wintype", "", "wincollid"), Args: needs(f, "args", 0),
		Filter: readExpr(f, "aggfilter"), Location: f.at(),
	}
}

func readCall(f fields) Expr {
	c := &Call{
		Function: f.oid("funcid"), Type: ref(f, "funcresulttype", "", "funccollid"), ReturnsSet: f.bool("funcretset"),
		Variadic: f.bool("funcvariadic"), Form: CallForm(f.int("funcformat")), InputCollation: f.oid("inputcollid"),
		Args: needs(f, "args", 0), Location: f.at(),
	}
	c.Type.Mod = lengthOf(c)
	return c
}

// lengthOf is the type modifier that a cast to a length gives its result: such a
// call has the modifier as its second argument.
func lengthOf(c *Call) int32 {
	if c.Form != CastExplicit && c.Form != CastImplicit || len(c.Args) < 2 || len(c.Args) > 3 {
		return -1
	}
	mod, ok := c.Args[1].(*Const)
	if !ok || mod.Null || mod.Type.OID != oidInt4 || len(mod.Datum) < 4 {
		return -1
	}
	return int32(host.Uint32(mod.Datum))
}

func readOp(f fields) Expr {
	kind := OpPlain
	switch f.tag {
	case "DISTINCTEXPR":
		kind = OpDistinct
	case "NULLIFEXPR":
		kind = OpNullIf
	}
	o := &Op{
		Operator: f.oid("opno"), Function: f.oid("opfuncid"), Kind: kind, Type: ref(f, "opresulttype", "", "opcollid"),
		InputCollation: f.oid("inputcollid"), Args: needs(f, "args", 1), Location: f.at(),
	}
	if n := len(o.Args); n > 2 || kind != OpPlain && n != 2 {
		f.bad("args", "one or two arguments")
	}
	if kind == OpNullIf && len(o.Args) > 0 {
		o.Type.Mod = o.Args[0].Result().Mod
	}
	return o
}

func readScalarArray(f fields) Expr {
	s := &ScalarArray{
		Operator: f.oid("opno"), Function: f.oid("opfuncid"), Any: f.bool("useOr"), InputCollation: f.oid("inputcollid"),
		Args: needs(f, "args", 2), Location: f.at(),
	}
	if len(s.Args) != 2 {
		f.bad("args", "two arguments")
	}
	return s
}

func readBool(f fields) Expr {
	b := &Bool{Args: needs(f, "args", 1), Location: f.at()}
	switch op := f.text("boolop"); op {
	case "and":
		b.Op = And
	case "or":
		b.Op = Or
	case "not":
		b.Op = Not
	default:
		f.bad("boolop", "and, or, not")
	}
	return b
}

func readSubLink(f fields) Expr {
	s := &SubLink{
		Kind: SubLinkKind(f.int("subLinkType")), Test: readExpr(f, "testexpr"), Query: readSubquery(f, "subselect"),
		Operator: f.strings("operName"), Location: f.at(),
	}
	if s.Kind < SubExists || s.Kind > SubCTE {
		f.bad("subLinkType", "0 to 7")
	}
	return s
}

func readNamed(f fields) Expr {
	return &Named{Arg: need(f, "arg"), Name: f.text("name"), Number: f.int("argnumber"), Location: f.at()}
}
