package replication

import (
	"bytes"
	"errors"
	"slices"
)

// assembler makes transactions of messages. It knows no connection: what it needs of
// the stream is the bytes of each message.
type assembler struct {
	dir      string
	limit    int64 // bytes of memory of all that is open
	start    LSN   // transactions that end at or before it are dropped
	prefixes []string

	dec       decoder
	relations map[uint32]described // as of the last committed transaction
	order     uint64               // of relation messages
	open      *assembly            // between begin and commit
	streamed  map[uint32]*assembly // in progress, by top-level transaction
	current   *assembly            // of the stream block that we are in
	used      int64                // bytes of memory of all that is open
	spilled   int64                // bytes written to files so far
}

// assembly is a transaction that is being received.
type assembly struct {
	tx    *Transaction
	index map[*Relation]int // in tx.relations
	last  *Relation         // of the last change, and its index
	at    int

	// Only if streamed:
	relations map[uint32]described // sent within, valid for others after its commit
	marks     []mark               // where each (sub)transaction began, in this order
	marked    map[uint32]int       // index in marks
}

// described is a relation and when the server sent it.
type described struct {
	*Relation
	order uint64
}

// mark is the state of an assembly before the first change of a (sub)transaction.
type mark struct {
	xid               uint32
	size              int64
	changes, messages int64
}

func newAssembler() *assembler {
	return &assembler{relations: map[uint32]described{}, streamed: map[uint32]*assembly{}}
}

func (a *assembler) newAssembly(xid uint32) *assembly {
	return &assembly{tx: &Transaction{XID: xid, spool: spool{dir: a.dir}}, index: map[*Relation]int{}}
}

// add takes the next message and returns the event that it completes, or nil.
func (a *assembler) add(data []byte) (Event, error) {
	m, err := a.dec.decode(data)
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *beginMessage:
		return nil, a.begin(m)
	case *commitMessage:
		return a.commit(m)
	case *streamStart, *streamStop, *streamAbort:
		return nil, a.block(m)
	case *relationMessage:
		return nil, a.relation(m)
	case *rowMessage:
		return nil, a.row(m, data)
	case *truncateMessage:
		return nil, a.truncate(m)
	case *logicalMessage:
		return a.message(m, data)
	case *originMessage:
		if t := a.receiving(); t != nil {
			t.tx.Origin = m.name
		}
		return nil, nil
	case *typeMessage:
		return nil, nil // columns name their types by OID
	}
	return nil, malformed("message %q: prepared transactions are not asked for", m.tag())
}

// receiving is the transaction that changes belong to now, or nil.
func (a *assembler) receiving() *assembly {
	if a.current != nil {
		return a.current
	}
	return a.open
}

func (a *assembler) begin(m *beginMessage) error {
	if a.open != nil || a.current != nil {
		return malformed("begin of transaction %d within another", m.xid)
	}
	a.open = a.newAssembly(m.xid)
	a.open.tx.CommitLSN = m.commit
	return nil
}

// commit completes the open transaction or a streamed one.
func (a *assembler) commit(m *commitMessage) (Event, error) {
	t := a.open
	if m.streamed {
		t = a.streamed[m.xid]
	}
	if t == nil || a.current != nil || !m.streamed && t.tx.CommitLSN != m.commit || m.streamed && a.open != nil {
		return nil, malformed("commit at %s of a transaction that is not open", m.commit)
	}
	if m.streamed {
		delete(a.streamed, m.xid)
		a.publish(t)
	} else {
		a.open = nil
	}
	a.used -= t.tx.spool.memory()
	if m.end <= a.start {
		return nil, t.tx.Close()
	}
	t.tx.CommitLSN, t.tx.EndLSN, t.tx.CommitTime = m.commit, m.end, m.time
	return t.tx, nil
}

// publish makes the relations of a committed streamed transaction those of all, unless
// the server has sent a newer one meanwhile.
func (a *assembler) publish(t *assembly) {
	for oid, rel := range t.relations {
		if a.relations[oid].order < rel.order {
			a.relations[oid] = rel
		}
	}
}

// block handles what is around the blocks of streamed transactions.
func (a *assembler) block(m wireMessage) error {
	switch m := m.(type) {
	case *streamStart:
		t := a.streamed[m.xid]
		if a.open != nil || a.current != nil || (t == nil) != m.first {
			return malformed("unexpected stream block of transaction %d", m.xid)
		}
		if t == nil {
			t = a.newAssembly(m.xid)
			t.relations, t.marked = map[uint32]described{}, map[uint32]int{}
			a.streamed[m.xid] = t
		}
		a.current = t
	case *streamStop:
		if a.current == nil {
			return malformed("end of a stream block that is not open")
		}
		a.current = nil
	case *streamAbort:
		if a.current != nil {
			return malformed("abort of transaction %d within a stream block", m.xid)
		}
		return a.abort(m)
	}
	return nil
}

// abort undoes a streamed transaction or a part of it. Of one that is not known there
// is nothing to undo.
func (a *assembler) abort(m *streamAbort) error {
	t := a.streamed[m.xid]
	if t == nil {
		return nil
	}
	if m.subxid != m.xid {
		t.rollback(m.subxid)
		return nil
	}
	delete(a.streamed, m.xid)
	a.used -= t.tx.spool.memory()
	return t.tx.Close()
}

// rollback forgets a subtransaction. What came after its first change is its own or
// of subtransactions within it, because they nest. After an abort the server sends
// each relation again before its next change.
func (t *assembly) rollback(subxid uint32) {
	clear(t.relations)
	i, ok := t.marked[subxid]
	if !ok {
		return
	}
	m := t.marks[i]
	for _, later := range t.marks[i:] {
		delete(t.marked, later.xid)
	}
	t.marks = t.marks[:i]
	t.tx.spool.truncate(m.size)
	t.tx.changes, t.tx.messages = m.changes, m.messages
}

// mark remembers where a streamed (sub)transaction began.
func (t *assembly) mark(xid uint32) {
	if t.marked == nil {
		return
	}
	if _, known := t.marked[xid]; known {
		return
	}
	t.marked[xid] = len(t.marks)
	t.marks = append(t.marks, mark{xid: xid, size: t.tx.spool.size(), changes: t.tx.changes, messages: t.tx.messages})
}

// relation remembers a relation. The server repeats itself after anything that could
// have changed it; what is the same stays the same value.
func (a *assembler) relation(m *relationMessage) error {
	rel := m.relation
	a.order++
	to := a.relations
	if a.current != nil {
		to = a.current.relations
	}
	to[rel.OID] = described{rel, a.order}
	return nil
}

// find returns the number of a relation within the transaction.
func (a *assembler) find(t *assembly, oid uint32) (int, error) {
	from := a.relations
	if t.relations != nil {
		from = t.relations
	}
	rel := from[oid].Relation
	if rel == nil {
		return 0, malformed("change of relation %d, which was not described", oid)
	}
	if rel != t.last {
		i, known := t.index[rel]
		if !known {
			i = len(t.tx.relations)
			t.index[rel] = i
			t.tx.relations = append(t.tx.relations, rel)
		}
		t.last, t.at = rel, i
	}
	return t.at, nil
}

// body is a message without its tag and the number of the stream block.
func (t *assembly) body(data []byte) []byte {
	if t.relations != nil {
		return data[5:]
	}
	return data[1:]
}

func (a *assembler) row(m *rowMessage, data []byte) error {
	t := a.receiving()
	if t == nil {
		return malformed("change outside a transaction")
	}
	i, err := a.find(t, m.relation)
	if err != nil {
		return err
	}
	if err := m.complete(t.last); err != nil && !errors.Is(err, ErrUnidentified) {
		return err
	}
	return a.put(t, m.xid, record{relation: i, tag: data[0], body: t.body(data)})
}

func (a *assembler) truncate(m *truncateMessage) error {
	t := a.receiving()
	if t == nil {
		return malformed("truncate outside a transaction")
	}
	for _, oid := range m.relations {
		i, err := a.find(t, oid)
		if err != nil {
			return err
		}
		if err := a.put(t, m.xid, record{relation: i, tag: byte(Truncate), body: []byte{m.options}}); err != nil {
			return err
		}
	}
	return nil
}

// message keeps a transactional message, and returns any other as an event.
func (a *assembler) message(m *logicalMessage, data []byte) (Event, error) {
	t := a.receiving()
	wanted := a.prefixes == nil || slices.Contains(a.prefixes, m.prefix)
	if m.flags&transactional == 0 {
		if !wanted || m.lsn < a.start {
			return nil, nil
		}
		out := m.public()
		out.Content = bytes.Clone(out.Content)
		return &out, nil
	}
	if t == nil {
		return nil, malformed("transactional message outside a transaction")
	}
	if !wanted {
		return nil, nil
	}
	return nil, a.put(t, m.xid, record{relation: -1, tag: 'M', body: t.body(data)})
}

// record is what goes into a spool.
type record struct {
	relation int // -1 for a message
	tag      byte
	body     []byte
}

// put adds a record to a transaction, and keeps the memory of all within the limit.
func (a *assembler) put(t *assembly, xid uint32, r record) error {
	t.mark(xid)
	s := &t.tx.spool
	memory, stored := s.memory(), s.stored
	err := s.add(r.relation, r.tag, r.body)
	a.account(s, memory, stored)
	if err != nil {
		return err
	}
	if r.relation < 0 {
		t.tx.messages++
	} else {
		t.tx.changes++
	}
	for a.used > a.limit {
		s := a.largest()
		memory, stored := s.memory(), s.stored
		err := s.spill()
		a.account(s, memory, stored)
		if err != nil {
			return err
		}
	}
	return nil
}

// account notes what has become of the memory and the file that a spool had.
func (a *assembler) account(s *spool, memory, stored int64) {
	a.used += s.memory() - memory
	a.spilled += s.stored - stored
}

// largest is the spool with the most memory.
func (a *assembler) largest() *spool {
	var out *spool
	if a.open != nil {
		out = &a.open.tx.spool
	}
	for _, t := range a.streamed {
		if out == nil || t.tx.spool.memory() > out.memory() {
			out = &t.tx.spool
		}
	}
	return out
}

// close gives back what is open.
func (a *assembler) close() error {
	var all []error
	if a.open != nil {
		all = append(all, a.open.tx.Close())
	}
	for _, t := range a.streamed {
		all = append(all, t.tx.Close())
	}
	a.open, a.current, a.streamed = nil, nil, map[uint32]*assembly{}
	return errors.Join(all...)
}
