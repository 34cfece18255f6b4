package replication

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Defaults of [Config].
const (
	DefaultMemory         = 64 << 20
	DefaultStatusInterval = 10 * time.Second
)

// Config of a stream.
type Config struct {
	// Slot is the name of the slot to stream from. Required.
	Slot string

	// Publications name what is published. Required.
	Publications []string

	// Start is the position up to which the caller has made everything durable:
	// transactions that end at or before it do not come. Defaults to 0: what the slot
	// says, without the check for [ErrSlotAhead].
	Start LSN

	// System is the server that Start is a position of. Defaults to no check.
	System *System

	// Streaming has the server send big transactions while they are in progress,
	// which spares it writing them to its disk; they are kept here until they
	// commit. Defaults to false.
	Streaming bool

	// Memory bounds the bytes of memory of all transactions that are being received;
	// a transaction that was delivered may hold as much until it is closed. What is
	// more goes to temporary files, largest transaction first. A single message, of
	// one row, is in memory as a whole. Defaults to DefaultMemory.
	Memory int64

	// SpoolDir is the folder of the temporary files. Defaults to os.TempDir.
	SpoolDir string

	// Prefixes are those of the logical messages that are wanted; the rest is thrown
	// away at once. Defaults to nil: all.
	Prefixes []string

	// StatusInterval is the time between status updates that the stream sends by
	// itself, at most a third of the server's wal_sender_timeout. Defaults to
	// DefaultStatusInterval.
	StatusInterval time.Duration
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	if c.Memory == 0 {
		c.Memory = DefaultMemory
	}
	if c.StatusInterval == 0 {
		c.StatusInterval = DefaultStatusInterval
	}
	if c.SpoolDir == "" {
		c.SpoolDir = os.TempDir()
	}
	return c
}

// validate names the first field that cannot be.
func (c Config) validate() error {
	switch {
	case !slotName.MatchString(c.Slot):
		return fmt.Errorf("replication: config: Slot is %q, want 1 to 63 lower case letters, digits and underscores", c.Slot)
	case len(c.Publications) == 0:
		return errors.New("replication: config: Publications is empty, want at least one")
	case c.Memory < 0:
		return fmt.Errorf("replication: config: Memory is %d, want at least 1", c.Memory)
	case c.StatusInterval < 0:
		return fmt.Errorf("replication: config: StatusInterval is %s, want more than 0", c.StatusInterval)
	}
	return nil
}

// Stream receives the changes of one slot. Next is for one goroutine at a time; the
// other methods are for any, but Close only when Next does not run.
type Stream struct {
	conn     *pgconn.HijackedConn
	assembly *assembler
	failed   error // of Next, for good

	write     sync.Mutex // guards what follows and writing
	flushed   LSN        // as acknowledged
	written   LSN
	delivered LSN
	closed    bool

	serverEnd atomic.Uint64
	spilled   atomic.Int64
	stop      chan struct{}
	heart     sync.WaitGroup
}

// Start begins to stream and takes the connection over, in case of an error too.
//
// Errors: [ErrSystem], [ErrServer], [ErrSlotKind], [ErrSlotLost], [ErrSlotAhead],
// [ErrSlotBusy].
func Start(ctx context.Context, conn *pgconn.PgConn, c Config) (*Stream, error) {
	s, err := start(ctx, conn, c.withDefaults())
	if err != nil {
		_ = conn.Close(ctx) // the first error is the one to tell
		return nil, err
	}
	return s, nil
}

func start(ctx context.Context, conn *pgconn.PgConn, c Config) (*Stream, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if err := c.check(ctx, conn); err != nil {
		return nil, err
	}
	interval, err := c.interval(ctx, conn)
	if err != nil {
		return nil, err
	}
	err = pglogrepl.StartReplication(ctx, conn, c.Slot, pglogrepl.LSN(c.Start),
		pglogrepl.StartReplicationOptions{Mode: pglogrepl.LogicalReplication, PluginArgs: c.options()})
	if err != nil {
		return nil, slotError(c.Slot, err)
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return nil, fmt.Errorf("replication: stream: %w", err)
	}
	s := &Stream{conn: hijacked, assembly: newAssembler(), delivered: c.Start, stop: make(chan struct{})}
	s.assembly.dir, s.assembly.limit, s.assembly.start, s.assembly.prefixes = c.SpoolDir, c.Memory, c.Start, c.Prefixes
	s.heart.Go(func() { s.beat(interval) })
	return s, nil
}

// check compares server and slot with what the caller expects.
func (c Config) check(ctx context.Context, conn *pgconn.PgConn) error {
	if c.System != nil {
		here, err := Identify(ctx, conn)
		if err != nil {
			return err
		}
		if err := here.Check(*c.System); err != nil {
			return err
		}
	}
	slot, err := readSlot(ctx, conn, c.Slot)
	if err != nil {
		return err
	}
	if c.Start != 0 && slot.ConfirmedFlush > c.Start {
		return fmt.Errorf("replication: slot %q: %w: flushed up to %s, asked to start at %s", c.Slot, ErrSlotAhead, slot.ConfirmedFlush, c.Start)
	}
	return nil
}

// interval is the time between status updates that keeps the server content.
func (c Config) interval(ctx context.Context, conn *pgconn.PgConn) (time.Duration, error) {
	rows, err := query(ctx, conn, "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'")
	if err != nil || len(rows) != 1 {
		return 0, errors.Join(malformed("wal_sender_timeout: %d rows", len(rows)), err)
	}
	ms, err := number(rows[0][0])
	if err != nil || ms == 0 { // zero is no timeout
		return c.StatusInterval, err
	}
	return min(c.StatusInterval, time.Duration(ms)*time.Millisecond/3), nil
}

// options are those of pgoutput. Names are identifiers in a literal: quoted twice.
func (c Config) options() []string {
	var names []string
	for _, p := range c.Publications {
		names = append(names, `"`+strings.ReplaceAll(p, `"`, `""`)+`"`)
	}
	out := []string{"binary 'true'", "messages 'true'",
		"publication_names '" + strings.ReplaceAll(strings.Join(names, ","), "'", "''") + "'"}
	if c.Streaming {
		return append(out, "proto_version '2'", "streaming 'on'")
	}
	return append(out, "proto_version '1'")
}

// Next returns the next event. When the context ends it returns the context's error,
// and the stream goes on at the next call; every other error is for good. A
// transaction is the caller's to close.
//
// Errors: [ErrProtocol], [ErrPublication], [ErrUnsendable], [ErrClosed], and those of
// the connection, the server and the disk.
func (s *Stream) Next(ctx context.Context) (Event, error) {
	if s.failed != nil {
		return nil, s.failed
	}
	// Only reading gets a deadline: a write that times out would break TLS.
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = s.conn.Conn.SetReadDeadline(time.Unix(1, 0))
		close(ended)
	})
	defer func() {
		if !stop() {
			<-ended
			_ = s.conn.Conn.SetReadDeadline(time.Time{})
		}
	}()
	for {
		e, err := s.receive()
		s.spilled.Store(s.assembly.spilled)
		if err != nil && ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, ctx.Err()
		}
		if err != nil {
			s.failed = err
			return nil, err
		}
		if e != nil {
			return e, nil
		}
	}
}

// receive handles one message of the connection.
func (s *Stream) receive() (Event, error) {
	m, err := s.conn.Frontend.Receive()
	if err != nil {
		return nil, fmt.Errorf("replication: stream: %w", err)
	}
	switch m := m.(type) {
	case *pgproto3.CopyData:
		return s.data(m.Data)
	case *pgproto3.ErrorResponse:
		return nil, streamError(pgconn.ErrorResponseToPgError(m))
	case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus:
		return nil, nil
	}
	// A server that shuts down ends the copy.
	return nil, fmt.Errorf("replication: stream: ended by the server (%T): %w", m, io.ErrUnexpectedEOF)
}

// data handles one message of the replication protocol.
func (s *Stream) data(data []byte) (Event, error) {
	if len(data) == 0 {
		return nil, malformed("empty message of the stream")
	}
	switch data[0] {
	case pglogrepl.XLogDataByteID:
		x, err := pglogrepl.ParseXLogData(data[1:])
		if err != nil {
			return nil, malformed("%v", err)
		}
		e, err := s.assembly.add(x.WALData)
		switch e := e.(type) {
		case *Transaction:
			s.deliver(e.EndLSN)
		case *Message:
			s.deliver(e.LSN)
		}
		return e, err
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return nil, malformed("%v", err)
		}
		s.deliver(LSN(k.ServerWALEnd))
		if k.ReplyRequested {
			if err := s.status(); err != nil {
				return nil, err
			}
		}
		return Keepalive{ServerEnd: LSN(k.ServerWALEnd), ServerTime: k.ServerTime, ReplyRequested: k.ReplyRequested}, nil
	}
	return nil, malformed("unknown message %q of the stream", data[0])
}

// deliver notes what may be acknowledged.
func (s *Stream) deliver(end LSN) {
	s.write.Lock()
	defer s.write.Unlock()
	s.delivered = max(s.delivered, end)
	s.serverEnd.Store(uint64(s.delivered))
}

// Acknowledge tells the server that everything before flushed is durable, so that it
// never comes again, and that everything before written has arrived, which is only
// shown in pg_stat_replication. A position that is behind an earlier one changes
// nothing. Nothing else ever moves these positions.
//
// Errors: [ErrAcknowledge], [ErrClosed], and those of the connection.
func (s *Stream) Acknowledge(written, flushed LSN) error {
	s.write.Lock()
	if last := max(written, flushed); last > s.delivered {
		s.write.Unlock()
		return fmt.Errorf("replication: %w: %s, and the last is %s", ErrAcknowledge, last, s.delivered)
	}
	s.flushed = max(s.flushed, flushed)
	s.written = max(s.written, written, s.flushed)
	s.write.Unlock()
	return s.status()
}

// status sends the acknowledged positions. A flushed position of zero is none: the
// server leaves the slot as it is.
func (s *Stream) status() error {
	s.write.Lock()
	defer s.write.Unlock()
	if s.closed {
		return fmt.Errorf("replication: %w", ErrClosed)
	}
	const epoch = 946684800 // 2000-01-01 in Unix seconds
	b := binary.BigEndian.AppendUint32([]byte{'d'}, 4+34)
	b = append(b, pglogrepl.StandbyStatusUpdateByteID)
	for _, position := range []LSN{s.written, s.flushed, s.flushed} {
		b = binary.BigEndian.AppendUint64(b, uint64(position))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixMicro()-epoch*1e6))
	b = append(b, 0) // no reply is wanted
	if _, err := s.conn.Conn.Write(b); err != nil {
		return fmt.Errorf("replication: status: %w", err)
	}
	return nil
}

// beat sends a status update at each interval, also while the caller is busy.
func (s *Stream) beat(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
			if s.status() != nil {
				return // Next meets the same broken connection and says so
			}
		}
	}
}

// ServerEnd is the end of what has been delivered.
func (s *Stream) ServerEnd() LSN { return LSN(s.serverEnd.Load()) }

// Spilled is the number of bytes written to temporary files so far.
func (s *Stream) Spilled() int64 { return s.spilled.Load() }

// Close ends the connection and waits a moment for the server to give the slot up.
// What was not acknowledged comes again to the next stream. Transactions that were
// delivered stay open.
func (s *Stream) Close() error {
	s.write.Lock()
	if s.closed {
		s.write.Unlock()
		return nil
	}
	s.closed = true
	// What cannot be said in a second is not worth waiting for.
	_ = s.conn.Conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = s.conn.Conn.Write([]byte{'X', 0, 0, 0, 4})
	s.write.Unlock()
	close(s.stop)
	s.heart.Wait()
	if s.failed == nil {
		s.failed = fmt.Errorf("replication: %w", ErrClosed)
		_, _ = io.Copy(io.Discard, s.conn.Conn)
	}
	_ = s.conn.Conn.Close() // it is over, whatever this says
	return s.assembly.close()
}
