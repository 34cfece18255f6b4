// Package bridge answers postgres_fdw as if the worker were a PostgreSQL server.
//
// The functions in schema ml reach the worker through foreign tables. Their
// scans arrive here as a handful of statement shapes over PostgreSQL's wire
// protocol (version 3, pgproto3), authenticated by SCRAM-SHA-256 with one
// secret per role: the user of a connection is the effective role of the
// caller, because PostgreSQL picks the user mapping by it. Everything that
// postgres_fdw does not send for our foreign tables is refused.
//
// Reading and computing are apart: a goroutine per connection always reads, so
// a vanished caller or a CancelRequest stops the work at once.
//
// Source: PostgreSQL documentation, chapter 55 (Frontend/Backend Protocol).
package bridge

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// Query is one scan of a foreign table.
type Query struct {
	Table   string   // the table's name on the worker's side
	Columns []string // wanted columns in this order; "" asks for a NULL
	Request string   // value of the condition request = …
}

// Rows yields the rows of one scan. It is used by one goroutine.
type Rows interface {
	// Next writes one row, or returns false behind the last.
	Next(w *RowWriter) (bool, error)
	// Close releases the rows; it may be called early.
	Close()
}

// Handler answers scans. It is called by many sessions at once.
type Handler interface {
	// Open starts a scan. ctx ends when the caller cancels or vanishes; Open
	// must then return soon. An answer to a waiting caller must come within 1 s.
	Open(ctx context.Context, s *Session, q Query) (Rows, error)
	// EndTransaction is told when the caller's transaction, or the connection,
	// has ended: whatever the session started must stop.
	EndTransaction(s *Session)
	// EndSubtransaction is told when the caller has rolled back its innermost
	// subtransaction: what the session started at this depth must stop.
	EndSubtransaction(s *Session, depth int)
}

// Authenticator finds the verifier of a role's secret.
type Authenticator interface {
	// Verifier returns false for a role that is not enrolled.
	Verifier(ctx context.Context, role string) (Verifier, bool, error)
}

// Config of a [Server].
type Config struct {
	Handler        Handler
	Authenticator  Authenticator
	TLS            *tls.Config   // nil: connections are not encrypted
	RequireTLS     bool          // refuse TCP clients that do not encrypt
	MaxConnections int           // connections at once; further ones get 53300
	Handshake      time.Duration // bound on start-up and authentication
	// Pepper derives the salts that roles which are not enrolled are shown. It is
	// secret and stays the same over restarts, or else they could be told apart.
	Pepper []byte
	Log    *slog.Logger
}

// Server accepts connections. Its methods are safe for concurrent use.
type Server struct {
	config   Config
	mu       sync.Mutex
	sessions map[uint32]*Session
	open     int // connections, silent ones and cancel requests among them
	seated   int // of these, those that have asked for a session
	lastID   uint32
	wait     sync.WaitGroup
}

// NewServer returns a server that is not serving yet.
func NewServer(config Config) *Server {
	return &Server{config: config, sessions: map[uint32]*Session{}}
}

// Serve accepts connections on l until ctx ends, then closes them and waits. It
// goes on after an error that may pass, such as too many open files, with a
// pause; one that cannot pass ends all sessions and is returned.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer s.wait.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	pause := minPause
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = minPause
			s.wait.Go(func() { s.handle(ctx, conn) })
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		if isFinal(err) {
			return fmt.Errorf("bridge: accept: %w", err)
		}
		s.config.Log.Warn("cannot accept a connection", "err", err, "pause", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// The pause after an error of accept doubles with each further one.
const (
	minPause = 10 * time.Millisecond
	maxPause = time.Second
)

// isFinal reports whether the listener itself is unusable. All other errors are
// those of one connection, or of resources that somebody may give back.
func isFinal(err error) bool {
	for _, final := range []error{net.ErrClosed, syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK, syscall.EOPNOTSUPP} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// handle runs one connection from start-up to end.
func (s *Server) handle(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	if !s.enter(&s.open, s.config.MaxConnections+cancelAllowance) {
		s.turnAway(conn)
		return
	}
	defer s.leave(&s.open)
	session, err := s.start(ctx, conn)
	if err != nil {
		s.config.Log.Debug("connection refused", "err", err)
	}
	if session == nil {
		return // refused, or a cancel request
	}
	defer s.leave(&s.seated)
	defer s.remove(session)
	session.backend.SetMaxBodyLen(maxMessage)
	session.run(ctx, cancel)
}

// cancelAllowance is how many connections more than MaxConnections may be open:
// a connection says only after it was accepted that it brings a cancel request,
// and that must get through when all places are taken.
const cancelAllowance = 16

// enter counts one more connection, or one more that wants a session, unless
// there are as many as the limit.
func (s *Server) enter(count *int, limit int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *count >= limit {
		return false
	}
	*count++
	return true
}

func (s *Server) leave(count *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*count--
}

// register gives the session its cancel key.
func (s *Server) register(session *Session) error {
	var secret [4]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return fmt.Errorf("bridge: random cancel key: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.lastID++; s.sessions[s.lastID] != nil || s.lastID == 0; s.lastID++ {
	}
	session.id, session.secret = s.lastID, binary.BigEndian.Uint32(secret[:])
	s.sessions[session.id] = session
	return nil
}

func (s *Server) remove(session *Session) {
	s.mu.Lock()
	delete(s.sessions, session.id)
	s.mu.Unlock()
	s.config.Handler.EndTransaction(session)
}

// cancel stops what the session with this key runs; an unknown key is ignored,
// as PostgreSQL does.
func (s *Server) cancel(id, secret uint32) {
	s.mu.Lock()
	session := s.sessions[id]
	s.mu.Unlock()
	if session != nil && session.secret == secret {
		session.interrupt()
	}
}
