package replication

// Options of a TRUNCATE.
const (
	truncateCascade = 1 << iota
	truncateRestart
)

// transactional is the flag of a logical message that belongs to its transaction.
const transactional = 1

// maxColumns is PostgreSQL's limit of columns of a table.
const maxColumns = 1600

// decoder takes pgoutput messages apart, of protocol versions 1 to 4. It knows where
// stream blocks begin and end, because messages have another form inside.
//
// Rows are decoded without allocation and alias the message: they are valid until the
// next call, and as long as its bytes.
type decoder struct {
	inStream bool
	row      rowMessage
}

// decode decodes one message.
//
// Errors: [ErrProtocol], also for bytes that are left over. The decoder is then still
// usable.
func (d *decoder) decode(data []byte) (wireMessage, error) {
	if len(data) == 0 {
		return nil, malformed("empty message")
	}
	r := &reader{rest: data[1:]}
	m := d.body(data[0], r)
	if m == nil {
		return nil, malformed("unknown message %q", data[0])
	}
	if err := r.end(data[0]); err != nil {
		return nil, err
	}
	switch m.(type) {
	case *streamStart:
		d.inStream = true
	case *streamStop:
		d.inStream = false
	}
	return m, nil
}

// body decodes what follows the tag. It returns nil for an unknown one.
func (d *decoder) body(tag byte, r *reader) wireMessage {
	switch tag {
	case 'I', 'U', 'D':
		return d.rowBody(Kind(tag), r)
	case 'B':
		return &beginMessage{commit: r.lsn("begin"), time: r.time("begin"), xid: r.uint32("begin")}
	case 'C':
		return commitBody(r, &commitMessage{})
	case 'c':
		return commitBody(r, &commitMessage{streamed: true, xid: r.uint32("stream commit")})
	case 'O':
		return &originMessage{commit: r.lsn("origin"), name: r.text("origin")}
	case 'R':
		return relationBody(r, d.xid(r))
	case 'Y':
		return &typeMessage{xid: d.xid(r), oid: r.uint32("type"), namespace: r.text("type"), name: r.text("type")}
	case 'T':
		return truncateBody(r, d.xid(r))
	case 'M':
		m := &logicalMessage{xid: d.xid(r), flags: r.uint8("logical message"), lsn: r.lsn("logical message"), prefix: r.text("logical message")}
		m.content = r.take(r.length("logical message"), "logical message")
		return m
	case 'S':
		return &streamStart{xid: r.uint32("stream start"), first: r.uint8("stream start") == 1}
	case 'E':
		return &streamStop{}
	case 'A':
		return abortBody(r)
	case 'b', 'P', 'K', 'r', 'p':
		return preparedBody(r, tag)
	}
	return nil
}

// xid reads the transaction's number that messages of a stream block begin with.
func (d *decoder) xid(r *reader) uint32 {
	if !d.inStream {
		return 0
	}
	return r.uint32("stream block")
}

func commitBody(r *reader, m *commitMessage) *commitMessage {
	m.flags, m.commit, m.end, m.time = r.uint8("commit"), r.lsn("commit"), r.lsn("commit"), r.time("commit")
	return m
}

func relationBody(r *reader, xid uint32) *relationMessage {
	rel := &Relation{OID: r.uint32("relation"), Namespace: r.text("relation"), Name: r.text("relation"), ReplicaIdentity: r.uint8("relation")}
	if rel.Namespace == "" {
		rel.Namespace = "pg_catalog" // the protocol's abbreviation
	}
	n := int(r.uint16("relation"))
	if n > maxColumns && r.err == nil {
		r.err = malformed("relation %q: %d columns, at most %d", rel.Name, n, maxColumns)
	}
	for range n {
		if r.err != nil {
			break
		}
		flags := r.uint8("column")
		rel.Columns = append(rel.Columns, Column{
			Key: flags&1 != 0, Name: r.text("column"), TypeOID: r.uint32("column"), Mod: int32(r.uint32("column")),
		})
	}
	return &relationMessage{xid: xid, relation: rel}
}

// rowBody decodes an insert, update or delete into the decoder's own message.
func (d *decoder) rowBody(kind Kind, r *reader) *rowMessage {
	m := &d.row
	m.kind, m.xid, m.relation = kind, d.xid(r), r.uint32("row")
	m.oldKind, m.old, m.new = 0, m.old[:0], m.new[:0]
	tag := r.uint8("row")
	if kind != Insert && (tag == 'K' || tag == 'O') {
		m.oldKind = tag
		m.old = tuple(r, m.old)
		if kind == Delete {
			return m
		}
		tag = r.uint8("row")
	}
	if (kind == Delete || tag != 'N') && r.err == nil {
		r.err = malformed("message %q: unexpected tuple %q", byte(kind), tag)
	}
	m.new = tuple(r, m.new)
	return m
}

// tuple appends the cells of a row. They alias the message.
func tuple(r *reader, cells []Cell) []Cell {
	n := int(r.uint16("tuple"))
	for range n {
		if r.err != nil {
			return cells
		}
		c := Cell{Kind: CellKind(r.uint8("cell"))}
		switch c.Kind {
		case Null, Unchanged:
		case Text, Binary:
			c.Data = r.take(r.length("cell"), "cell")
		default:
			if r.err == nil {
				r.err = malformed("cell of unknown kind %q", byte(c.Kind))
			}
		}
		cells = append(cells, c)
	}
	return cells
}

func truncateBody(r *reader, xid uint32) *truncateMessage {
	n := r.length("truncate")
	m := &truncateMessage{xid: xid, options: r.uint8("truncate")}
	if r.err == nil && n != len(r.rest)/4 {
		r.err = malformed("truncate: %d relations announced, %d bytes left", n, len(r.rest))
	}
	for range n {
		if r.err != nil {
			break
		}
		m.relations = append(m.relations, r.uint32("truncate"))
	}
	return m
}

// abortBody decodes a stream abort. That of streaming parallel is longer.
func abortBody(r *reader) *streamAbort {
	m := &streamAbort{xid: r.uint32("stream abort"), subxid: r.uint32("stream abort")}
	if len(r.rest) > 0 {
		m.parallel, m.lsn, m.time = true, r.lsn("stream abort"), r.time("stream abort")
	}
	return m
}

func preparedBody(r *reader, kind byte) *preparedMessage {
	m := &preparedMessage{kind: kind}
	if kind != 'b' {
		m.flags = r.uint8("prepared")
	}
	m.lsn, m.end, m.time = r.lsn("prepared"), r.lsn("prepared"), r.time("prepared")
	if kind == 'r' {
		m.second = r.time("prepared")
	}
	m.xid, m.gid = r.uint32("prepared"), r.text("prepared")
	return m
}
