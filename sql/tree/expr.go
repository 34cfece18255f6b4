package tree

// Expr is a scalar expression. Every node can be walked with [Walk] and rewritten
// with [Rewrite].
type Expr interface {
	// Result is the type of the expression's value.
	Result() TypeRef
	// At is the byte position in the query's text, or -1.
	At() int
}

// TypeRef is a type as an expression names it.
type TypeRef struct {
	OID       uint32
	Mod       int32 // -1 if none
	Collation uint32
}

// Var is a column of a range table entry. Number 0 is the whole row, negative ones
// are system columns.
type Var struct {
	Table    int // from 1, in the range table of the query Levels up
	Number   int16
	Type     TypeRef
	Levels   int
	Location int
}

// Column is a column of the row that an expression is evaluated over. Read never
// makes one: the compiler puts it in the place of a Var, an aggregate or a subquery.
type Column struct {
	Index int // from 0
	Type  TypeRef
}

// Const is a constant. Value is in binary format (as row.Value), nil for NULL.
// Datum holds the raw bytes that were read; Value is filled from them by
// [DecodeConstants], which needs to know the type.
type Const struct {
	Type     TypeRef
	Null     bool
	ByVal    bool
	Len      int // typlen: -1 varlena, -2 cstring
	Datum    []byte
	Value    []byte
	Location int
}

// Param is an external parameter or one of a subquery; a view has none.
type Param struct {
	Kind, ID int
	Type     TypeRef
	Location int
}

// Aggregate is an aggregate call.
type Aggregate struct {
	Function       uint32
	Type           TypeRef
	InputCollation uint32
	ArgTypes       []uint32
	Direct         []Expr    // of an ordered-set aggregate
	Args           []*Target // Junk ones are only for Order
	Order          []*SortGroup
	Distinct       []*SortGroup
	Filter         Expr
	Star           bool
	Variadic       bool
	Kind           byte // n normal, o ordered-set, h hypothetical-set
	Levels         int
	Location       int
}

// Grouping is GROUPING(…): Refs are SortGroup references of the arguments.
type Grouping struct {
	Args     []Expr
	Refs     []int
	Levels   int
	Location int
}

// Window is a window function call.
type Window struct {
	Function uint32
	Type     TypeRef
	Args     []Expr
	Filter   Expr
	Location int
}

// Call is a function call; Form says how it was written.
type Call struct {
	Function       uint32
	Type           TypeRef
	ReturnsSet     bool
	Variadic       bool // VARIADIC array was written
	Form           CallForm
	InputCollation uint32
	Args           []Expr
	Location       int
}

// CallForm is numbered as in PostgreSQL.
type CallForm int

// Forms of calls.
const (
	CallExplicit CallForm = iota
	CastExplicit
	CastImplicit
	CallSyntax // SQL syntax such as EXTRACT
)

// Op is an operator call; Distinct is IS DISTINCT FROM, NullIf is NULLIF.
type Op struct {
	Operator       uint32
	Function       uint32
	Kind           OpKind
	Type           TypeRef
	InputCollation uint32
	Args           []Expr
	Location       int
}

// OpKind tells three nodes of the same shape apart.
type OpKind int

// Kinds of operator calls.
const (
	OpPlain OpKind = iota
	OpDistinct
	OpNullIf
)

// ScalarArray is scalar op ANY (array), or ALL.
type ScalarArray struct {
	Operator, Function uint32
	Any                bool
	InputCollation     uint32
	Args               []Expr // scalar, array
	Location           int
}

// BoolOp is numbered as in PostgreSQL.
type BoolOp int

// Boolean connectives.
const (
	And BoolOp = iota
	Or
	Not
)

// Bool is AND, OR or NOT.
type Bool struct {
	Op       BoolOp
	Args     []Expr
	Location int
}

// SubLinkKind is numbered as in PostgreSQL.
type SubLinkKind int

// Kinds of subqueries in expressions.
const (
	SubExists SubLinkKind = iota
	SubAll
	SubAny
	SubRowCompare
	SubScalar
	SubMulti
	SubArray
	SubCTE
)

// SubLink is a subquery in an expression. Test compares, for ANY and ALL, with
// SubParam nodes standing for the subquery's columns.
type SubLink struct {
	Kind     SubLinkKind
	Test     Expr
	Query    *Query
	Operator []string // written name, for messages
	Location int
}

// SubParam is a column of the subquery within SubLink.Test (PARAM_SUBLINK), from 1.
type SubParam struct {
	Number   int
	Type     TypeRef
	Location int
}

// Field is (row).field.
type Field struct {
	Arg    Expr
	Number int16
	Type   TypeRef
}

// Relabel is a cast that changes no bits.
type Relabel struct {
	Arg      Expr
	Type     TypeRef
	Form     CallForm
	Location int
}

// IOCast is a cast through text.
type IOCast struct {
	Arg      Expr
	Type     TypeRef
	Form     CallForm
	Location int
}

// ArrayCast casts each element; Elem works on a [CaseTest].
type ArrayCast struct {
	Arg, Elem Expr
	Type      TypeRef
	Form      CallForm
	Location  int
}

// RowCast converts one composite type to another.
type RowCast struct {
	Arg      Expr
	Type     TypeRef
	Location int
}

// Collate is expr COLLATE "x".
type Collate struct {
	Arg       Expr
	Collation uint32
	Location  int
}

// Case is CASE. Subject is nil for CASE WHEN; else the conditions hold a CaseTest.
type Case struct {
	Type     TypeRef
	Subject  Expr
	Whens    []When
	Else     Expr // nil means NULL; PostgreSQL puts a NULL constant for a missing ELSE
	Location int
}

// When is one arm of CASE.
type When struct{ Cond, Then Expr }

// CaseTest is the placeholder for a CASE's subject, or an ArrayCast's element.
type CaseTest struct{ Type TypeRef }

// Array is ARRAY[…]. Multi: its elements are arrays.
type Array struct {
	Type     TypeRef
	Elem     uint32
	Elements []Expr
	Multi    bool
	Location int
}

// Row is ROW(…).
type Row struct {
	Type     TypeRef
	Args     []Expr
	Names    []string
	Location int
}

// RowCompare is (a, b) < (c, d).
type RowCompare struct {
	Compare     int // 1 <, 2 <=, 3 =, 4 >=, 5 >, 6 <>
	Operators   []uint32
	Collations  []uint32
	Left, Right []Expr
}

// Coalesce is COALESCE.
type Coalesce struct {
	Type     TypeRef
	Args     []Expr
	Location int
}

// MinMax is GREATEST or LEAST.
type MinMax struct {
	Type           TypeRef
	InputCollation uint32
	Least          bool
	Args           []Expr
	Location       int
}

// SQLValue is CURRENT_DATE, CURRENT_USER and the like.
type SQLValue struct {
	Op       int
	Type     TypeRef
	Location int
}

// NullTest is IS NULL, or IS NOT NULL. OfRow: on a composite, field by field.
type NullTest struct {
	Arg      Expr
	Not      bool
	OfRow    bool
	Location int
}

// BooleanTest is IS TRUE (0), IS NOT TRUE, IS FALSE, IS NOT FALSE, IS UNKNOWN, IS
// NOT UNKNOWN, numbered as in PostgreSQL.
type BooleanTest struct {
	Arg      Expr
	Kind     int
	Location int
}

// DomainCast is a cast to a domain, whose constraints are checked.
type DomainCast struct {
	Arg      Expr
	Type     TypeRef
	Form     CallForm
	Location int
}

// Subscript is array[index] or array[lower:upper]; jsonb too, from 14 on.
type Subscript struct {
	Container TypeRef
	Type      TypeRef
	Arg       Expr
	Upper     []Expr // nil elements stand for omitted bounds
	Lower     []Expr // empty if it is not a slice
}

// Named is an argument written as name => value: only in [Call], [Window] and
// [Aggregate] arguments. Number is its place among the declared arguments, from 0.
type Named struct {
	Arg      Expr
	Name     string
	Number   int
	Location int
}

// Unknown is a node that we do not know, to be refused by its name.
type Unknown struct {
	Tag      string // as PostgreSQL prints it, for example XMLEXPR
	Location int
}
