package replication

import "time"

// wireMessage is one message of pgoutput, a pointer to one of the types below. Each has
// the protocol's fields; xid is the (sub)transaction's, zero outside a stream block.
type wireMessage interface{ tag() byte }

type (
	// beginMessage opens a transaction that has committed.
	beginMessage struct {
		commit LSN
		time   time.Time
		xid    uint32
	}
	// commitMessage closes it, or commits a streamed transaction, then with xid.
	commitMessage struct {
		streamed    bool
		xid         uint32
		flags       byte
		commit, end LSN
		time        time.Time
	}
	// originMessage names the replication origin of the transaction.
	originMessage struct {
		commit LSN // at the origin
		name   string
	}
	// relationMessage describes a table before its first change.
	relationMessage struct {
		xid      uint32
		relation *Relation
	}
	// typeMessage names a type that is not built in.
	typeMessage struct {
		xid, oid        uint32
		namespace, name string
	}
	// rowMessage is an insert, update or delete. Its cells alias the message's bytes
	// and are valid until the next decode.
	rowMessage struct {
		kind          Kind
		xid, relation uint32
		oldKind       byte
		old, new      []Cell
	}
	// truncateMessage lists the tables of one TRUNCATE.
	truncateMessage struct {
		xid       uint32
		options   byte
		relations []uint32
	}
	// logicalMessage is one of pg_logical_emit_message.
	logicalMessage struct {
		xid     uint32
		flags   byte
		lsn     LSN
		prefix  string
		content []byte // aliases the message's bytes
	}
	// streamStart opens a block of changes of a transaction in progress.
	streamStart struct {
		xid   uint32
		first bool
	}
	// streamStop closes the block.
	streamStop struct{}
	// streamAbort undoes a streamed subtransaction, or all if xid is subxid.
	streamAbort struct {
		xid, subxid uint32
		parallel    bool // the rest is there: protocol 4 with streaming parallel
		lsn         LSN
		time        time.Time
	}
	// preparedMessage is one of the five messages of two-phase commit: 'b' begin
	// prepare, 'P' prepare, 'K' commit prepared, 'r' rollback prepared, 'p' stream
	// prepare.
	preparedMessage struct {
		kind         byte
		flags        byte
		lsn, end     LSN
		time, second time.Time // second: a rollback's own time, after that of the prepare
		xid          uint32
		gid          string
	}
)

func (*beginMessage) tag() byte { return 'B' }
func (m *commitMessage) tag() byte {
	if m.streamed {
		return 'c'
	}
	return 'C'
}
func (*originMessage) tag() byte     { return 'O' }
func (*relationMessage) tag() byte   { return 'R' }
func (*typeMessage) tag() byte       { return 'Y' }
func (m *rowMessage) tag() byte      { return byte(m.kind) }
func (*truncateMessage) tag() byte   { return 'T' }
func (*logicalMessage) tag() byte    { return 'M' }
func (*streamStart) tag() byte       { return 'S' }
func (*streamStop) tag() byte        { return 'E' }
func (*streamAbort) tag() byte       { return 'A' }
func (m *preparedMessage) tag() byte { return m.kind }
