package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Start starts a server and returns when it accepts connections. An empty data
// folder is initialised first (encoding UTF8, locale C.UTF-8 or C, SCRAM for every
// connection), which takes one to three seconds; an existing one is recovered if
// its last server crashed. ctx and Config.StartTimeout bound the start, not the
// server's life. If Start fails, no process is left.
//
// Errors: [ErrConfig], [ErrUser], [ErrDataDir], [ErrMajor], [ErrRunning],
// [ErrPassword], [ErrStart] with the end of the log.
func Start(ctx context.Context, config Config) (*Server, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, config.StartTimeout)
	defer cancel()
	s := &Server{config: config}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.removeFolders())
	}
	return s, nil
}

// start prepares the folders and starts the process.
func (s *Server) start(ctx context.Context) (err error) {
	if s.config.DataDir == "" {
		if err := s.makeTemporary(); err != nil {
			return err
		}
	}
	if s.cluster, s.password, err = openCluster(ctx, s.config); err != nil {
		return err
	}
	if err := s.cluster.configure(s.config.Settings); err != nil {
		return err
	}
	if err := s.makeSocketFolder(); err != nil {
		return err
	}
	log, err := s.openLog()
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own descriptor
	for {
		again, err := s.attempt(ctx, log)
		if !again || ctx.Err() != nil {
			return err
		}
	}
}

// openLog opens the log for the server to append to, and for this package to quote.
func (s *Server) openLog() (*os.File, error) {
	s.logPath = s.config.LogFile
	if s.logPath == "" {
		s.logPath = filepath.Join(s.cluster.dir, logFile)
	}
	log, err := os.OpenFile(s.logPath, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("pgserver: %w: log: %w", ErrConfig, err)
	}
	if err := s.cluster.who.own(s.logPath); err != nil {
		log.Close()
		return nil, err
	}
	return log, nil
}

// attempt starts the process once and waits until it is ready. Again says that the
// cause of a failure passes: somebody took the port that was free, or processes
// of a killed predecessor have not noticed yet that they are orphans.
func (s *Server) attempt(ctx context.Context, log *os.File) (again bool, err error) {
	if s.port = s.config.Port; s.port == 0 {
		if s.port, err = freePort(); err != nil {
			return false, err
		}
	}
	before, err := log.Stat()
	if err != nil {
		return false, fmt.Errorf("pgserver: %w: log: %w", ErrStart, err)
	}
	// On the command line, and so above ALTER SYSTEM: otherwise nobody would find it.
	cmd := exec.Command(s.config.Binaries.program("postgres"), "-D", s.cluster.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(s.port),
		"-c", "unix_socket_directories="+quoteDirectory(s.socketDir), "-c", "logging_collector=off")
	if s.child, err = startChild(s.cluster, log, cmd); err != nil {
		return false, err
	}
	err = s.awaitReady(ctx)
	if err == nil {
		return false, nil
	}
	again = s.child.ended() && (s.config.Port == 0 && portTaken(s.port) || strings.Contains(logTail(log, before.Size()), "pre-existing shared memory block"))
	if err := s.end(); err != nil {
		return false, err
	}
	if tail := logTail(log, before.Size()); tail != "" {
		err = fmt.Errorf("%w; the log %s ends with:\n%s", err, s.logPath, tail)
	}
	return again, err
}

// quoteDirectory writes a folder for a setting that is a list of folders.
func quoteDirectory(dir string) string { return `"` + strings.ReplaceAll(dir, `"`, `""`) + `"` }

// portTaken reports whether somebody listens on a port of 127.0.0.1.
func portTaken(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return true
	}
	l.Close()
	return false
}

// awaitReady returns when the superuser can connect. It uses the socket, since
// its folder can only be this server's.
func (s *Server) awaitReady(ctx context.Context) error {
	url := s.SocketURL(s.config.Superuser, s.password, "postgres")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		var refused *pgconn.PgError
		if errors.As(err, &refused) && strings.HasPrefix(refused.Code, "28") {
			return fmt.Errorf("pgserver: %w: user %s of %s: %w", ErrPassword, s.config.Superuser, s.cluster.dir, err)
		}
		select {
		case <-s.child.done:
			return fmt.Errorf("pgserver: %w: %s: %v", ErrStart, s.config.Binaries.program("postgres"), s.child.err)
		case <-ctx.Done():
			return fmt.Errorf("pgserver: %w within %v: %w: %w", ErrStart, s.config.StartTimeout, ctx.Err(), err)
		case <-tick.C:
		}
	}
}
