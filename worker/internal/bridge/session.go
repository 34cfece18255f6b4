package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/millrace/millrace/worker/internal/fault"
)

// Session is one authenticated connection: one database session of one role.
type Session struct {
	Role string // the caller's effective role

	server  *Server
	conn    net.Conn
	backend *pgproto3.Backend
	id      uint32
	secret  uint32
	out     []byte // messages not yet written

	statements map[string]statement
	portals    map[string]portal
	cursors    map[string]*cursor
	savepoints int  // depth of the caller's subtransactions
	inBlock    bool // between START TRANSACTION and its end
	failed     bool // the block has seen an error

	mu      sync.Mutex
	current context.CancelFunc // stops the statement that runs now
}

type portal struct {
	statement statement
	params    []string
}

// cursor is a declared scan; its rows are opened by the first FETCH.
type cursor struct {
	query Query
	rows  Rows
	done  bool
}

// Subtransaction reports whether the caller is inside a subtransaction. That is
// known for certain: postgres_fdw opens one savepoint here for each level of
// the caller's, before its first statement on that level.
func (s *Session) Subtransaction() bool { return s.savepoints > 0 }

// Depth returns the number of subtransactions that the caller is inside of.
func (s *Session) Depth() int { return s.savepoints }

// interrupt stops the running statement, if any.
func (s *Session) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current()
	}
}

// run reads and answers messages until the client leaves. Reading goes on while
// a statement runs, so that a lost client ends ctx by way of vanish.
func (s *Session) run(ctx context.Context, vanish context.CancelFunc) {
	s.statements, s.portals, s.cursors = map[string]statement{}, map[string]portal{}, map[string]*cursor{}
	messages := make(chan pgproto3.FrontendMessage)
	taken := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		defer vanish()
		for {
			m, err := s.backend.Receive()
			if err != nil {
				return
			}
			select {
			case messages <- m:
			case <-ctx.Done():
				return
			}
			select {
			case <-taken: // m is valid only until the next Receive
			case <-ctx.Done():
				return
			}
		}
	})
	s.serve(ctx, messages, taken)
	vanish()
	s.conn.Close()
	s.closeCursors()
	reader.Wait()
}

func (s *Session) serve(ctx context.Context, messages <-chan pgproto3.FrontendMessage, taken chan<- struct{}) {
	skipping := false // after an error in the extended protocol, until Sync
	for {
		var work func() error
		select {
		case <-ctx.Done():
			return
		case m := <-messages:
			if _, leave := m.(*pgproto3.Terminate); leave {
				return
			}
			work = s.prepare(ctx, m, &skipping)
		}
		select {
		case taken <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if work == nil {
			continue
		}
		if err := s.guard(work); err != nil {
			if ctx.Err() != nil {
				return
			}
			s.failed = s.inBlock
			s.send(errorResponse(asFault(err), "ERROR"))
		}
		if s.flush() != nil {
			return
		}
	}
}

// guard turns a panic into an error: a bug that one caller has met must not end
// the worker of all.
func (s *Session) guard(work func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.server.config.Log.Error("request panicked", "role", s.Role, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("bridge: %v", r)
		}
	}()
	return work()
}

// prepare copies what it needs of m and returns the work to do.
func (s *Session) prepare(ctx context.Context, m pgproto3.FrontendMessage, skipping *bool) func() error {
	extended := func(step func() error) func() error {
		if *skipping {
			return nil
		}
		return func() error {
			err := step()
			*skipping = err != nil
			return err
		}
	}
	switch m := m.(type) {
	case *pgproto3.Query:
		text := m.String
		return func() error {
			defer s.ready()
			err := s.guard(func() error { return s.simple(ctx, text) })
			if err != nil && ctx.Err() == nil {
				s.failed = s.inBlock
				s.send(errorResponse(asFault(err), "ERROR"))
			}
			return nil
		}
	case *pgproto3.Sync:
		*skipping = false
		return func() error { s.ready(); return nil }
	case *pgproto3.Flush:
		return func() error { return nil }
	case *pgproto3.Parse:
		name, text := m.Name, m.Query
		return extended(func() error { return s.parse(name, text) })
	case *pgproto3.Bind:
		p, target, err := s.bind(m)
		return extended(func() error { return s.bound(target, p, err) })
	case *pgproto3.Describe:
		kind := m.ObjectType
		return extended(func() error { return s.describe(kind) })
	case *pgproto3.Execute:
		name := m.Portal
		return extended(func() error { return s.execute(ctx, name) })
	case *pgproto3.Close:
		kind, name := m.ObjectType, m.Name
		return extended(func() error { return s.close(kind, name) })
	}
	return extended(func() error { return unsupported("a protocol message that postgres_fdw does not send") })
}

func (s *Session) simple(ctx context.Context, text string) error {
	statements, err := parseStatements(text)
	if err != nil {
		return err
	}
	if len(statements) == 0 {
		s.send(&pgproto3.EmptyQueryResponse{})
	}
	for _, statement := range statements {
		if err := s.perform(ctx, statement, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) parse(name, text string) error {
	statements, err := parseStatements(text)
	if err != nil {
		return err
	}
	if len(statements) != 1 {
		return unsupported("a prepared text with several statements")
	}
	s.statements[name] = statements[0]
	s.send(&pgproto3.ParseComplete{})
	return nil
}

// bind copies the parameters out of the message.
func (s *Session) bind(m *pgproto3.Bind) (portal, string, error) {
	statement, ok := s.statements[m.PreparedStatement]
	if !ok {
		return portal{}, "", fault.New(fault.Unsupported, "prepared statement %q does not exist", m.PreparedStatement)
	}
	p := portal{statement: statement}
	for i, value := range m.Parameters {
		binary := len(m.ParameterFormatCodes) == 1 && m.ParameterFormatCodes[0] == 1 ||
			i < len(m.ParameterFormatCodes) && m.ParameterFormatCodes[i] == 1
		if binary || value == nil {
			return portal{}, "", unsupported("a parameter that is binary or NULL")
		}
		p.params = append(p.params, string(value))
	}
	return p, m.DestinationPortal, nil
}

func (s *Session) bound(name string, p portal, err error) error {
	if err != nil {
		return err
	}
	s.portals[name] = p
	s.send(&pgproto3.BindComplete{})
	return nil
}

// describe answers for the only prepared statements there are: DECLARE, which
// returns no rows.
func (s *Session) describe(kind byte) error {
	if kind == 'S' {
		s.send(&pgproto3.ParameterDescription{})
	}
	s.send(&pgproto3.NoData{})
	return nil
}

func (s *Session) execute(ctx context.Context, name string) error {
	p, ok := s.portals[name]
	if !ok {
		return fault.New(fault.Unsupported, "portal %q does not exist", name)
	}
	return s.perform(ctx, p.statement, p.params)
}

func (s *Session) close(kind byte, name string) error {
	if kind == 'S' {
		delete(s.statements, name)
	} else {
		delete(s.portals, name)
	}
	s.send(&pgproto3.CloseComplete{})
	return nil
}

func (s *Session) send(m pgproto3.BackendMessage) {
	out, err := m.Encode(s.out)
	if err != nil {
		panic(err) // our own messages always encode
	}
	s.out = out
}

func (s *Session) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	_, err := s.conn.Write(s.out)
	s.out = s.out[:0]
	if cap(s.out) > 1<<20 {
		s.out = nil
	}
	return err
}

func (s *Session) ready() {
	status := byte('I')
	switch {
	case s.failed:
		status = 'E'
	case s.inBlock:
		status = 'T'
	}
	s.send(&pgproto3.ReadyForQuery{TxStatus: status})
}

func asFault(err error) *fault.Error {
	if errors.Is(err, errUnsupported) {
		return fault.New(fault.Unsupported, "%v", err).
			WithHint("Only the functions in schema ml read the worker's foreign tables.")
	}
	if errors.Is(err, context.Canceled) {
		return fault.New(fault.Cancelled, "canceling statement due to user request")
	}
	return fault.As(err)
}
