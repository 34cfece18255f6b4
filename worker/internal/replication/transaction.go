package replication

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"time"
)

// Event is what [Stream.Next] returns: a *Transaction, a *Message that belongs to no
// transaction, or a Keepalive.
type Event interface{ event() }

func (*Transaction) event() {}
func (*Message) event()     {}
func (Keepalive) event()    {}

// Keepalive says that the server has sent all that was committed before ServerEnd. If
// no earlier event is still to be made durable, ServerEnd may be acknowledged, and
// should be: a server that shuts down waits for it, and an idle stream that is not
// acknowledged keeps the log from being removed.
type Keepalive struct {
	ServerEnd      LSN
	ServerTime     time.Time
	ReplyRequested bool // the stream has already replied, with what was acknowledged before
}

// Transaction is one committed transaction with all its changes to published tables;
// there may be none. It holds memory, and perhaps a temporary file, until Close.
//
// It is safe for concurrent reading, until Close.
type Transaction struct {
	XID        uint32 // of the top-level transaction, without epoch
	CommitLSN  LSN    // where the commit's record begins; increases from one transaction to the next
	EndLSN     LSN    // behind the commit's record: acknowledge this
	CommitTime time.Time
	Origin     string // the replication origin it came from, if not this server

	spool     spool
	relations []*Relation
	changes   int64
	messages  int64
}

// Len is the number of changes.
func (t *Transaction) Len() int64 { return t.changes }

// Bytes is the size of the transaction as it was received, about.
func (t *Transaction) Bytes() int64 { return t.spool.size() }

// Spilled reports whether a part of the transaction is in a temporary file.
func (t *Transaction) Spilled() bool { return t.spool.file != nil }

// Relations lists the tables that changes are of, each version of one that was altered
// within, in the order of their first change. With [Config.Streaming] there may be
// some whose changes were all rolled back.
func (t *Transaction) Relations() []*Relation { return slices.Clone(t.relations) }

// Close gives memory and file back. The transaction is not read after it.
func (t *Transaction) Close() error { return t.spool.close() }

// Changes iterates over the changes in the order of the log, each time from the
// beginning. A change's cells are valid until the next step. An error ends it: of
// reading the temporary file, [ErrUnidentified], or [ErrProtocol].
func (t *Transaction) Changes() iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		var d decoder
		r := t.spool.read()
		for {
			i, data, err := r.next()
			if err == io.EOF {
				return
			}
			if err == nil && i < 0 {
				continue // a logical message
			}
			var c Change
			if err == nil {
				c, err = t.change(&d, i, data)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// change decodes one record of the spool.
func (t *Transaction) change(d *decoder, relation int, data []byte) (Change, error) {
	rel := t.relations[relation]
	if Kind(data[0]) == Truncate {
		return Change{Relation: rel, Kind: Truncate, Cascade: data[1]&truncateCascade != 0, RestartIdentity: data[1]&truncateRestart != 0}, nil
	}
	m, err := d.decode(data)
	if err != nil {
		return Change{}, err
	}
	row := m.(*rowMessage)
	return Change{Relation: rel, Kind: row.kind, OldKind: row.oldKind, Old: row.old, New: row.new}, row.complete(rel)
}

// complete checks the cells against the relation, and puts old values in the place of
// new ones that were not sent.
func (m *rowMessage) complete(rel *Relation) error {
	n := len(rel.Columns)
	if m.oldKind != 0 && len(m.old) != n || m.kind != Delete && len(m.new) != n {
		return malformed("relation %q.%q has %d columns, a row of it %d and %d cells", rel.Namespace, rel.Name, n, len(m.old), len(m.new))
	}
	for i, c := range m.old {
		if c.Kind == Unchanged {
			return malformed("relation %q.%q: old value of column %q was not sent", rel.Namespace, rel.Name, rel.Columns[i].Name)
		}
	}
	for i, c := range m.new {
		switch {
		case c.Kind != Unchanged:
		case m.kind == Insert:
			return malformed("relation %q.%q: inserted value of column %q was not sent", rel.Namespace, rel.Name, rel.Columns[i].Name)
		case m.oldKind == 'O' || m.oldKind == 'K' && rel.Columns[i].Key:
			m.new[i] = m.old[i]
		case rel.Columns[i].Key:
			return fmt.Errorf("replication: %w: relation %q.%q, column %q", ErrUnidentified, rel.Namespace, rel.Name, rel.Columns[i].Name)
		}
	}
	return nil
}

// Messages iterates over the transactional messages in the order of the log, each time
// from the beginning. A message's content is valid until the next step.
func (t *Transaction) Messages() iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		var d decoder
		r, before := t.spool.read(), int64(0)
		for left := t.messages; left > 0; {
			i, data, err := r.next()
			if err == nil && i >= 0 {
				before++
				continue
			}
			var m wireMessage
			if err == nil {
				m, err = d.decode(data)
			}
			if err != nil {
				yield(Message{}, err)
				return
			}
			left--
			out := m.(*logicalMessage).public()
			out.Before = before
			if !yield(out, nil) {
				return
			}
		}
	}
}

// public is the message without what only the protocol needs.
func (m *logicalMessage) public() Message {
	return Message{Transactional: m.flags&transactional != 0, LSN: m.lsn, Prefix: m.prefix, Content: m.content}
}
