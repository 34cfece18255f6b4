package bridge

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/millrace/millrace/worker/internal/fault"
)

// errPassword is logged when the proof does not fit, or the role is not enrolled.
var errPassword = errors.New("bridge: wrong secret, or role not enrolled")

var errRefused = errors.New("bridge: refused")

// Bounds on one message, so that nobody makes the worker reserve memory for what
// never comes: before authentication, and after it. The largest true message
// carries a chunk of shipped rows, at most one row more than a quarter of a
// megabyte, in hex; a session with a larger row than half of this loses its
// connection.
const (
	maxHandshakeMessage = 16 << 10
	maxMessage          = 256 << 20
)

func newBackend(conn net.Conn) *pgproto3.Backend {
	b := pgproto3.NewBackend(conn, conn)
	b.SetMaxBodyLen(maxHandshakeMessage)
	return b
}

// start performs encryption, cancel requests and authentication. It returns a
// session, which holds a seat, or an error; neither when the connection was a
// cancel request.
func (s *Server) start(ctx context.Context, conn net.Conn) (*Session, error) {
	if err := conn.SetDeadline(time.Now().Add(s.config.Handshake)); err != nil {
		return nil, err
	}
	session := &Session{server: s, conn: conn, backend: newBackend(conn)}
	startup, err := s.negotiate(session)
	if err != nil || startup == nil {
		return nil, err
	}
	if !s.enter(&s.seated, s.config.MaxConnections) {
		return nil, session.refuse(s.full())
	}
	if err := s.login(ctx, session, startup); err != nil {
		s.leave(&s.seated)
		return nil, err
	}
	return session, nil
}

// login makes a registered session of a connection whose start-up message is read.
func (s *Server) login(ctx context.Context, session *Session, startup *pgproto3.StartupMessage) error {
	session.Role = startup.Parameters["user"]
	if f := s.checkStartup(session, startup); f != nil {
		return session.refuse(f)
	}
	if err := s.authenticate(ctx, session); err != nil {
		return err
	}
	if err := s.register(session); err != nil {
		return err
	}
	session.greet()
	err := session.flush()
	if err == nil {
		err = session.conn.SetDeadline(time.Time{})
	}
	if err != nil {
		s.remove(session)
	}
	return err
}

func (s *Server) full() *fault.Error {
	return fault.New(fault.Busy, "the worker has all of its %d connections in use", s.config.MaxConnections).
		WithHint("Raise max_connections of the worker, or close idle database sessions.")
}

// turnAway refuses a connection without reading what it wants. libpq takes this
// answer to its request for encryption too.
func (s *Server) turnAway(conn net.Conn) {
	session := &Session{server: s, conn: conn, backend: newBackend(conn)}
	err := conn.SetDeadline(time.Now().Add(s.config.Handshake))
	if err == nil {
		err = session.refuse(s.full())
	}
	s.config.Log.Debug("connection refused", "err", err)
}

func (s *Server) checkStartup(session *Session, startup *pgproto3.StartupMessage) *fault.Error {
	encoding := strings.ToUpper(strings.ReplaceAll(startup.Parameters["client_encoding"], "-", ""))
	if encoding != "" && encoding != "UTF8" {
		return fault.New(fault.Parameter, "the database's encoding is %s, and Millrace needs UTF8", startup.Parameters["client_encoding"]).
			WithHint("Use a database made WITH ENCODING 'UTF8'.")
	}
	_, encrypted := session.conn.(*tls.Conn)
	if _, local := session.conn.(*net.UnixConn); s.config.RequireTLS && !encrypted && !local {
		return fault.New(fault.Authentication, "the worker accepts only encrypted connections").
			WithHint("Run millrace install again with --worker-sslmode require.")
	}
	return nil
}

// negotiate answers requests for encryption and reads the start-up message.
func (s *Server) negotiate(session *Session) (*pgproto3.StartupMessage, error) {
	for range 3 {
		message, err := session.backend.ReceiveStartupMessage()
		if err != nil {
			return nil, fmt.Errorf("bridge: start-up: %w", err)
		}
		switch m := message.(type) {
		case *pgproto3.SSLRequest:
			if err := s.encrypt(session); err != nil {
				return nil, err
			}
		case *pgproto3.GSSEncRequest:
			if _, err := session.conn.Write([]byte{'N'}); err != nil {
				return nil, err
			}
		case *pgproto3.CancelRequest:
			if len(m.SecretKey) == 4 {
				s.cancel(m.ProcessID, binary.BigEndian.Uint32(m.SecretKey))
			}
			return nil, nil
		case *pgproto3.StartupMessage:
			return m, nil
		}
	}
	return nil, fmt.Errorf("%w: too many start-up requests", errRefused)
}

func (s *Server) encrypt(session *Session) error {
	if s.config.TLS == nil {
		_, err := session.conn.Write([]byte{'N'})
		return err
	}
	if _, err := session.conn.Write([]byte{'S'}); err != nil {
		return err
	}
	encrypted := tls.Server(session.conn, s.config.TLS)
	if err := encrypted.Handshake(); err != nil {
		return fmt.Errorf("bridge: TLS: %w", err)
	}
	session.conn = encrypted
	session.backend = newBackend(encrypted)
	return nil
}

// bindingData is RFC 5929's tls-server-end-point: the certificate's hash. Our
// own certificates are signed with SHA-256; for others the rule's hash is
// SHA-256 too unless they are signed with SHA-384 or SHA-512.
func (s *Server) bindingData(session *Session) []byte {
	if _, encrypted := session.conn.(*tls.Conn); !encrypted || len(s.config.TLS.Certificates) == 0 {
		return nil
	}
	return endPointHash(s.config.TLS.Certificates[0])
}

// authenticate runs SCRAM. A role that is not enrolled goes through the same
// exchange with a made-up salt, so that nobody can list roles by asking.
func (s *Server) authenticate(ctx context.Context, session *Session) error {
	verifier, known, err := s.config.Authenticator.Verifier(ctx, session.Role)
	if err != nil {
		s.config.Log.Error("cannot read the enrolled roles", "err", err)
		return session.refuse(fault.New(fault.State, "the worker cannot read the enrolled roles: %v", err).
			WithHint("See the worker's log; run millrace doctor."))
	}
	if !known {
		salt := sha256.Sum256(append([]byte(session.Role+"\x00"), s.config.Pepper...))
		verifier = Verifier{Iterations: secretIterations, Salt: salt[:16], StoredKey: make([]byte, 32), ServerKey: make([]byte, 32)}
	}
	x := scram{verifier: verifier, binding: s.bindingData(session)}
	ok, err := session.exchange(&x)
	if err != nil || !ok || !known {
		if err == nil {
			err = errPassword
		}
		s.config.Log.Warn("authentication failed", "role", session.Role, "err", err)
		return session.refuse(fault.New(fault.Authentication, "authentication of role %q at the worker failed", session.Role).
			WithHint("Ask the administrator to run: millrace enroll %s", session.Role))
	}
	return nil
}

// exchange runs the SASL messages and reports whether the password fits.
func (session *Session) exchange(x *scram) (bool, error) {
	mechanisms := []string{"SCRAM-SHA-256"}
	if x.binding != nil {
		mechanisms = []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}
	}
	session.send(&pgproto3.AuthenticationSASL{AuthMechanisms: mechanisms})
	if err := session.backend.SetAuthType(pgproto3.AuthTypeSASL); err != nil {
		return false, err
	}
	message, err := session.roundTrip()
	if err != nil {
		return false, err
	}
	initial, isInitial := message.(*pgproto3.SASLInitialResponse)
	if !isInitial {
		return false, errScram
	}
	x.plus = initial.AuthMechanism == "SCRAM-SHA-256-PLUS"
	if initial.AuthMechanism != "SCRAM-SHA-256" && (!x.plus || x.binding == nil) {
		return false, errScram
	}
	first, err := x.first(string(initial.Data))
	if err != nil {
		return false, err
	}
	session.send(&pgproto3.AuthenticationSASLContinue{Data: []byte(first)})
	if err := session.backend.SetAuthType(pgproto3.AuthTypeSASLContinue); err != nil {
		return false, err
	}
	if message, err = session.roundTrip(); err != nil {
		return false, err
	}
	response, isResponse := message.(*pgproto3.SASLResponse)
	if !isResponse {
		return false, errScram
	}
	answer, ok, err := x.final(string(response.Data))
	if err != nil || !ok {
		return false, err
	}
	session.send(&pgproto3.AuthenticationSASLFinal{Data: []byte(answer)})
	session.send(&pgproto3.AuthenticationOk{})
	return true, nil
}

func (session *Session) roundTrip() (pgproto3.FrontendMessage, error) {
	if err := session.flush(); err != nil {
		return nil, err
	}
	return session.backend.Receive()
}

// greet tells the client what libpq wants to know of a server.
func (session *Session) greet() {
	for _, p := range [][2]string{
		{"server_version", "14.0"}, {"server_encoding", "UTF8"}, {"client_encoding", "UTF8"},
		{"DateStyle", "ISO, MDY"}, {"integer_datetimes", "on"}, {"standard_conforming_strings", "on"},
	} {
		session.send(&pgproto3.ParameterStatus{Name: p[0], Value: p[1]})
	}
	key := make([]byte, 4)
	binary.BigEndian.PutUint32(key, session.secret)
	session.send(&pgproto3.BackendKeyData{ProcessID: session.id, SecretKey: key})
	session.ready()
}

// refuse sends a fatal error and returns it.
func (session *Session) refuse(f *fault.Error) error {
	session.send(errorResponse(f, "FATAL"))
	if err := session.flush(); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", errRefused, f)
}
