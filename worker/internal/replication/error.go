package replication

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrProtocol is a message that is not what the protocol says. Nothing was lost:
	// start again at the last acknowledged position; if it comes back, it is a bug
	// here or in the server.
	ErrProtocol = errors.New("malformed message")

	// ErrSlotBusy is a slot that another connection streams from, perhaps an old one
	// of ours that the server has not yet given up: try again.
	ErrSlotBusy = errors.New("slot is in use")

	// ErrSlotLost is a slot that is gone or that can no longer be read, because the
	// server removed the log that it needs (max_slot_wal_keep_size,
	// idle_replication_slot_timeout) or somebody dropped it: drop it, make a new one
	// and copy the tables again.
	ErrSlotLost = errors.New("slot is lost")

	// ErrSlotKind is a slot of this name that was made for something else: physical,
	// temporary, of another plugin or database, or with prepared transactions. Use
	// another name, or drop it.
	ErrSlotKind = errors.New("slot is of another kind")

	// ErrSlotAhead is a slot whose flushed position is beyond where the caller wants
	// to start: the changes between were acknowledged by somebody and will not come
	// again. Copy the tables again.
	ErrSlotAhead = errors.New("slot is ahead")

	// ErrSystem is another server than the expected one: another system identifier,
	// or a timeline that a promotion or a recovery began. Positions of the two do not
	// compare.
	ErrSystem = errors.New("another system")

	// ErrServer is a server that cannot decode its log as needed: wal_level is not
	// logical, no slot is left (max_replication_slots), or no sender
	// (max_wal_senders). The server's administrator can change that.
	ErrServer = errors.New("server does not allow logical replication")

	// ErrPublication is a publication that did not exist where the stream is: it has
	// to be made before the slot.
	ErrPublication = errors.New("publication does not exist")

	// ErrUnsendable is a published column that holds values of a type without a send
	// function inside an array or a composite. The table has to leave the
	// publication, or the column the table.
	ErrUnsendable = errors.New("type has no binary form")

	// ErrUnidentified is an update without the means to tell which row it changed:
	// an identity column was not sent. Set the table's replica identity to FULL.
	ErrUnidentified = errors.New("row is not identified")

	// ErrAcknowledge is an acknowledged position that the stream has not delivered:
	// an error in the caller, refused because the server would drop what lies before.
	ErrAcknowledge = errors.New("position was not delivered")

	// ErrClosed is a stream after Close.
	ErrClosed = errors.New("stream is closed")
)

// code returns the SQLSTATE of an error from the server, or nothing.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// slotError says what a server's error means for a command on a slot.
func slotError(slot string, err error) error {
	kind := error(nil)
	switch code(err) {
	case "":
	case "55006":
		kind = ErrSlotBusy
	case "55000", "42704", "58P01": // invalidated, dropped, a segment of the log removed
		kind = ErrSlotLost
	case "53400", "53300": // all slots, all senders are taken
		kind = ErrServer
	}
	if kind == nil {
		return fmt.Errorf("replication: slot %q: %w", slot, err)
	}
	return fmt.Errorf("replication: slot %q: %w: %w", slot, kind, err)
}

// streamError says what a server's error in the middle of the stream means.
func streamError(err error) error {
	kind := error(nil)
	switch code(err) {
	case "42704":
		kind = ErrPublication
	case "42883":
		kind = ErrUnsendable
	case "58P01":
		kind = ErrSlotLost
	}
	if kind == nil {
		return fmt.Errorf("replication: stream: %w", err)
	}
	return fmt.Errorf("replication: stream: %w: %w", kind, err)
}

// malformed makes an ErrProtocol.
func malformed(format string, args ...any) error {
	return fmt.Errorf("replication: %w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}
