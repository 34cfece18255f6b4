package pgserver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
)

// Server is a running private server. It is safe for concurrent use.
type Server struct {
	config    Config // with defaults
	cluster   cluster
	password  string
	port      int
	socketDir string
	logPath   string
	private   string // folder of the socket to remove when the server has ended, or empty
	temporary string // folder that Stop removes, or empty
	child     *child
}

// URL returns an address over TCP on 127.0.0.1. Without a password it relies on
// the client to have one.
func (s *Server) URL(user, password, database string) string {
	u := url.URL{Scheme: "postgres", User: userInfo(user, password), Path: "/" + database,
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), RawQuery: "sslmode=disable"}
	return u.String()
}

// SocketURL returns an address over the Unix socket. The socket's folder can be
// entered by the server's user (see [Server.RunAs]) and by root only.
func (s *Server) SocketURL(user, password, database string) string {
	q := url.Values{"host": {s.socketDir}, "port": {strconv.Itoa(s.port)}}
	u := url.URL{Scheme: "postgres", User: userInfo(user, password), Path: "/" + database, RawQuery: q.Encode()}
	return u.String()
}

func userInfo(user, password string) *url.Userinfo {
	if password == "" {
		return url.User(user)
	}
	return url.UserPassword(user, password)
}

// Port returns the TCP port, which is also part of the socket's name.
func (s *Server) Port() int { return s.port }

// SocketDir returns the folder of the Unix socket.
func (s *Server) SocketDir() string { return s.socketDir }

// Superuser returns the name of the role that initdb made.
func (s *Server) Superuser() string { return s.config.Superuser }

// Password returns the superuser's password.
func (s *Server) Password() string { return s.password }

// Major returns the major version, for example 17.
func (s *Server) Major() int { return s.config.Binaries.Major }

// Binaries returns the programs that the server runs.
func (s *Server) Binaries() Binaries { return s.config.Binaries }

// PID returns the number of the postmaster process.
func (s *Server) PID() int { return s.child.cmd.Process.Pid }

// DataDir returns the folder of the database cluster.
func (s *Server) DataDir() string { return s.cluster.dir }

// LogFile returns the file that the server logs to.
func (s *Server) LogFile() string { return s.logPath }

// RunAs returns the system user and group of the server's processes. A socket that
// the server is to connect to must be in a folder that this user may enter.
func (s *Server) RunAs() (uid, gid uint32) { return s.cluster.who.uid, s.cluster.who.gid }

// Done returns a channel that is closed when the server has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.child.done }

// makeSocketFolder sets the socket's folder and notes it for removal.
func (s *Server) makeSocketFolder() error {
	dir, private, err := s.cluster.socketDir(s.config.SocketDir)
	if private {
		s.private = dir
	}
	s.socketDir = dir
	return err
}

// removeFolders removes the folders that are this server's alone.
func (s *Server) removeFolders() error {
	var errs []error
	for _, dir := range []string{s.private, s.temporary} {
		if dir != "" {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// makeTemporary makes a folder in which the data folder will be, short because it
// will hold the socket.
func (s *Server) makeTemporary() error {
	dir, err := os.MkdirTemp("/tmp", "millrace-pg-")
	if err != nil {
		return fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	s.temporary, s.config.DataDir = dir, filepath.Join(dir, "data")
	if err := os.Chmod(dir, 0o755); err != nil { // the data folder in it is private
		return fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	return nil
}
