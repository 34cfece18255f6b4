// Package tree reads PostgreSQL's analysed query tree from its text form
// (pg_rewrite.ev_action) and prints its expressions as SQL.
//
// The tree that [Read] returns is normalised, so that the versions look alike:
// a Var never refers to a join (it is replaced by the join's alias expression) or
// to PostgreSQL 18's group entry (replaced by the grouped expression).
package tree

// Query is one SELECT.
type Query struct {
	Command         int // 1 is SELECT
	HasAggs         bool
	HasWindowFuncs  bool
	HasTargetSRFs   bool
	HasSubLinks     bool
	HasDistinctOn   bool
	HasRecursive    bool
	HasModifyingCTE bool
	HasForUpdate    bool
	WithTies        bool // FETCH FIRST … WITH TIES
	CTEs            []*CTE
	RangeTable      []*RangeEntry // a Var's Table counts from 1
	From            *From         // never nil; without items if there is no FROM
	Targets         []*Target
	GroupBy         []*SortGroup
	GroupDistinct   bool
	GroupingSets    []*GroupingSet
	Having          Expr
	Windows         int // number of window clauses
	Distinct        []*SortGroup
	Sort            []*SortGroup
	Offset, Limit   Expr
	SetOperation    SetItem // nil, or a *SetOperation at the top
}

// CTE is one item of WITH.
type CTE struct {
	Name      string
	Query     *Query
	Recursive bool
	Search    bool // SEARCH …
	Cycle     bool // CYCLE …
	Location  int
}

// EntryKind is the kind of a range table entry.
type EntryKind int

// Kinds of range table entries, numbered as in PostgreSQL.
const (
	EntryRelation EntryKind = iota
	EntrySubquery
	EntryJoin
	EntryFunction
	EntryTableFunc
	EntryValues
	EntryCTE
	EntryNamedTuplestore
	EntryResult
	EntryGroup
)

// RangeEntry is one entry of a query's range table.
type RangeEntry struct {
	Kind          EntryKind
	Alias         string
	Columns       []string // names, "" for dropped columns
	Relation      uint32   // EntryRelation
	RelKind       byte
	Inherit       bool // its descendants too
	Sampled       bool // TABLESAMPLE
	Subquery      *Query
	Lateral       bool
	JoinType      JoinType
	JoinVars      []Expr // EntryJoin: what each column stands for
	CTE           string
	CTELevels     int // queries up
	SelfReference bool
	Functions     []Expr // EntryFunction
	Ordinality    bool
	Values        [][]Expr
	ColTypes      []uint32 // EntryValues, EntryCTE
	ColMods       []int32
	ColCollations []uint32
	Group         []Expr // EntryGroup
}

// JoinType is numbered as in PostgreSQL.
type JoinType int

// Join types that a parsed query can have.
const (
	JoinInner JoinType = iota
	JoinLeft
	JoinFull
	JoinRight
)

// FromItem is an item of FROM: *From, *Join or *RangeRef.
type FromItem interface{ fromItem() }

// From is a list of items and the WHERE clause over their cross product.
type From struct {
	Items []FromItem
	Where Expr
}

// Join is an explicit join. Index is its own range table entry.
type Join struct {
	Type        JoinType
	Left, Right FromItem
	On          Expr
	Index       int
}

// RangeRef names a range table entry.
type RangeRef struct{ Index int }

func (*From) fromItem()     {}
func (*Join) fromItem()     {}
func (*RangeRef) fromItem() {}

// SetItem is *SetOperation or, as a leaf, *RangeRef to a subquery.
type SetItem interface{ setItem() }

// SetKind is numbered as in PostgreSQL.
type SetKind int

// Kinds of set operations.
const (
	Union SetKind = iota + 1
	Intersect
	Except
)

// SetOperation is UNION, INTERSECT or EXCEPT.
type SetOperation struct {
	Kind          SetKind
	All           bool
	Left, Right   SetItem
	ColTypes      []uint32
	ColMods       []int32
	ColCollations []uint32
	Group         []*SortGroup // equality of each column, without ALL
}

func (*SetOperation) setItem() {}
func (*RangeRef) setItem()     {}

// Target is one item of a target list.
type Target struct {
	Expr   Expr
	Number int // from 1
	Name   string
	Ref    int  // what SortGroup.Ref refers to
	Junk   bool // not in the result
}

// SortGroup is one item of GROUP BY, ORDER BY or DISTINCT.
type SortGroup struct {
	Ref        int
	Equal      uint32 // operator
	Order      uint32 // ordering operator, 0 if only hashable
	Descending bool   // from 18 on; use IsDescending, which knows it in all versions
	NullsFirst bool
	Hashable   bool
}

// GroupingKind is numbered as in PostgreSQL.
type GroupingKind int

// Kinds of grouping sets.
const (
	GroupingEmpty GroupingKind = iota
	GroupingSimple
	GroupingRollup
	GroupingCube
	GroupingSetList
)

// GroupingSet is an item of GROUPING SETS. Content holds, for GroupingSimple,
// Refs; for the others Sets.
type GroupingSet struct {
	Kind     GroupingKind
	Refs     []int
	Sets     []*GroupingSet
	Location int
}
