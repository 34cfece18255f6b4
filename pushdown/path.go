package pushdown

// Path is how a call's rows reach the worker.
type Path string

// The paths. They give the same answer; Snapshot is faster.
const (
	Snapshot Path = "snapshot" // the worker's readers import the caller's snapshot
	Session  Path = "session"  // the caller's own backend ships the rows
)

// Facts is what the caller's session says of itself and of the relations that a
// call reads, to any depth of views and partitions.
type Facts struct {
	Relations        []Relation        `json:"relations"` // one per input
	Types            map[string]Type   `json:"types"`     // by OID
	Temporary        bool              `json:"temporary"`
	RowSecurity      bool              `json:"row_security"`
	Views            bool              `json:"views"`
	Foreign          bool              `json:"foreign"`           // a foreign table is read
	SessionFunctions bool              `json:"session_functions"` // a view uses a function that is not IMMUTABLE
	Wrote            bool              `json:"wrote"`             // the transaction has an XID
	OwnTypes         bool              `json:"own_types"`         // the session has a schema for temporary types
	OwnLocks         bool              `json:"own_locks"`         // it holds more than read locks on a relation
	Isolation        string            `json:"isolation"`
	Superuser        bool              `json:"superuser"`
	Backend          uint32            `json:"backend"` // process ID
	Session          map[string]string `json:"session"` // settings that expressions may depend on
}

// Relation is one input as the caller's catalog has it.
type Relation struct {
	Name       string  `json:"name"` // quoted, with schema
	Kind       string  `json:"kind"` // relkind
	Rows       float64 `json:"rows"` // estimate; 0 if never analysed
	Bytes      int64   `json:"bytes"`
	Splittable bool    `json:"splittable"` // pages can be read apart
}

// Call is what the worker knows of the call besides the facts.
type Call struct {
	Subtransaction bool // the caller is inside a subtransaction
	Reader         bool // the role has a reader login
	Exported       bool // a snapshot was exported
	PlainOnly      bool // every expression is a column or an array of columns of built-in types
	Catalog        bool // a system catalog is read
	ReadsCatalog   bool // a value's text is looked up in the catalog, as of regclass
	Enums          bool // a value is of an enum type
}

// Choose returns the path and why. Snapshot is chosen only when the answer
// cannot depend on the caller's session: the readers see the committed state of
// one snapshot, under the caller's rights, and nothing of the session.
func Choose(f Facts, c Call) (Path, string) {
	for _, rule := range []struct {
		applies bool
		reason  string
	}{
		{c.Subtransaction, "the call is inside a subtransaction"},
		{f.Isolation == "serializable", "the transaction is SERIALIZABLE"},
		{f.Temporary, "a temporary table is read"},
		{f.Foreign, "a foreign table is read, whose rows belong to this session's remote transaction"},
		{f.RowSecurity, "a table with row security is read"},
		{f.OwnLocks, "the transaction has written or locked a table that is read"},
		{f.SessionFunctions, "a view uses a function that is not immutable"},
		{f.Wrote && f.Views, "the transaction has written, and a view is read"},
		{f.Wrote && !c.PlainOnly, "the transaction has written, and an expression is evaluated"},
		{f.Wrote && c.Catalog, "the transaction has written, and a system catalog is read"},
		{f.Wrote && c.Enums, "the transaction has written, and may have renamed values of an enum"},
		{f.OwnTypes && !c.PlainOnly, "the session has temporary types, and an expression is evaluated"},
		{c.ReadsCatalog, "a value such as a regclass is shown as the session sees it"},
		{f.Superuser && !c.Reader, "the role is a superuser"},
		{!c.Reader, "the role has no reader login"},
		{!c.Exported, "no snapshot was exported"},
	} {
		if rule.applies {
			return Session, rule.reason
		}
	}
	return Snapshot, ""
}
