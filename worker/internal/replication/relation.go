package replication

// Relation is a table as it was at one position of the log. A table that is altered
// appears as another Relation from there on, and so does one that the server describes
// again for any other reason: a column may have been replaced by one that looks alike.
// A Relation itself never changes.
type Relation struct {
	OID             uint32
	Namespace, Name string
	ReplicaIdentity byte // as in pg_class.relreplident: d default, n nothing, f full, i index
	Columns         []Column
}

// Column is a published column of a relation, in the order of its table. Dropped
// columns, and generated ones before PostgreSQL 18, are not there.
type Column struct {
	Name    string
	TypeOID uint32
	Mod     int32 // the type's modifier, as pg_attribute.atttypmod
	Key     bool  // belongs to the replica identity; under FULL every column does
}

// CellKind says what a cell holds. The values are the protocol's.
type CellKind byte

// The kinds of cells.
const (
	Null      CellKind = 'n'
	Unchanged CellKind = 'u' // a large value stored out of line that an update did not touch, and that was not sent
	Text      CellKind = 't' // as the type's output function gives, for types without a send function
	Binary    CellKind = 'b' // as the type's send function gives
)

// Cell is one value of a row. Data is nil for Null and Unchanged.
type Cell struct {
	Kind CellKind
	Data []byte
}

// Kind is what happened to a row. The values are the protocol's.
type Kind byte

// The kinds of changes.
const (
	Insert   Kind = 'I'
	Update   Kind = 'U'
	Delete   Kind = 'D'
	Truncate Kind = 'T' // of one whole table; the statement's other tables follow as changes of their own
)

// Change is one change of a transaction. Old and New have one cell for each column of
// the relation, or none at all.
type Change struct {
	Relation *Relation
	Kind     Kind

	// OldKind says what Old is: 'K' the old values of the identity columns, the
	// others being Null; 'O' the whole old row; 0 none. A Delete has 'K' or 'O'. An
	// Update has 'O' if the identity is FULL, and else 'K' only if the identity's
	// values changed or are stored out of line; without Old, those in New are it.
	OldKind byte
	Old     []Cell

	// New is the row after an Insert or Update. An update's cell may be Unchanged
	// unless OldKind is 'O', where the old value has been put in its place.
	New []Cell

	// Cascade and RestartIdentity are a Truncate's options.
	Cascade, RestartIdentity bool
}

// Message is what a session wrote to the log by pg_logical_emit_message. Any role
// can do that, under any prefix.
type Message struct {
	Transactional bool
	LSN           LSN // of the message's record
	Prefix        string
	Content       []byte

	// Before is the number of changes of its transaction that came before it.
	Before int64
}
