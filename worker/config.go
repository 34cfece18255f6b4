// Package worker is the sidecar: it answers calls of the functions in schema ml.
//
// Run assembles it: the bridge that postgres_fdw talks to, the readers that
// import the callers' snapshots, and the jobs that compute.
package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// Config of a worker. The command reads each field from a flag and from an
// environment variable MILLRACE_NAME, where NAME is the name in brackets.
type Config struct {
	// DatabaseURL [DATABASE_URL] is where the worker logs in itself: the database
	// that Millrace is installed in, as the role that install made. Required.
	DatabaseURL string

	// Listen [LISTEN] is where postgres_fdw reaches the worker: unix:/folder?port=6432
	// for a socket in a folder, or tcp://host:port. Required.
	Listen string

	// TLSCert and TLSKey [TLS_CERT, TLS_KEY] are PEM files for TCP. Default to a
	// certificate that is made at each start: it encrypts, and SCRAM with channel
	// binding proves who holds it.
	TLSCert, TLSKey string

	// InsecureTCP [INSECURE_TCP] lets clients on TCP addresses other than loopback
	// connect without TLS. Defaults to false.
	InsecureTCP bool

	// MaxConnections [MAX_CONNECTIONS] bounds the sessions of callers. Each open
	// database session that has made a call holds one. Defaults to 500.
	MaxConnections int

	// Calls [CALLS] bounds the calls that run at once; more of them queue.
	// Defaults to 4.
	Calls int

	// QueueTimeout [QUEUE_TIMEOUT] bounds the wait in that queue, then the caller
	// gets 53300. Defaults to 60 s.
	QueueTimeout time.Duration

	// Readers [READERS] bounds the reader connections of all calls together.
	// Defaults to 8.
	Readers int

	// ReadersPerCall [READERS_PER_CALL] bounds those of one call. Defaults to the
	// number of processors, at most 4.
	ReadersPerCall int

	// ReaderIdle [READER_IDLE] is how long a reader connection is kept for the
	// role's next call. Defaults to 60 s.
	ReaderIdle time.Duration

	// ReaderLockTimeout [READER_LOCK_TIMEOUT] is how long a reader waits for a
	// lock before the caller's session reads for itself. Defaults to 30 s.
	ReaderLockTimeout time.Duration

	// Workers [WORKERS] is the number of goroutines that compute for one call.
	// Defaults to 0: all processors that GOMAXPROCS allows.
	Workers int

	// MemoryPerCall [MEMORY_PER_CALL] bounds the bytes of rows that one call
	// holds. Defaults to 2 GiB; -1 for no bound.
	MemoryPerCall int64

	// MemoryTotal [MEMORY_TOTAL] bounds those of all calls. Defaults to 4 GiB; -1
	// for no bound.
	MemoryTotal int64

	// UploadPerCall [UPLOAD_PER_CALL] bounds the bytes that a session ships for one
	// call whose rows the readers cannot read. Defaults to 2 GiB; -1 for no bound.
	UploadPerCall int64

	// StateDir [STATE_DIR] is the folder for checkpoints of the maintained views: with
	// it a restart goes on where the last checkpoint was. Defaults to none: the views'
	// tables are read again at each start.
	StateDir string

	// Checkpoint [CHECKPOINT] is the time between checkpoints while rows change: the
	// server keeps the log since the last one. Defaults to 30 s.
	Checkpoint time.Duration

	// MemoryViews [MEMORY_VIEWS] bounds the bytes of state of all maintained views; one
	// that does not fit is not maintained. Defaults to 4 GiB; -1 for no bound.
	MemoryViews int64

	// ViewLockTimeout [VIEW_LOCK_TIMEOUT] is how long a maintained view's table may be
	// locked by others before the view falls behind the rest. Defaults to 1 s.
	ViewLockTimeout time.Duration

	// RetainedWAL [RETAINED_WAL] bounds the bytes of log that the server keeps for the
	// maintained views; beyond it the worker gives its place in the log up and builds
	// the views anew. Defaults to 64 GiB; -1 for no bound.
	RetainedWAL int64

	// Audit [AUDIT] is the time between two rounds of the audit, which compares all
	// maintained views with their queries, range by range. Defaults to 10 m; -1 for none.
	Audit time.Duration

	// Ready, if set, is called once when the worker accepts connections.
	Ready func()

	// Log takes what an administrator should know. Defaults to slog.Default.
	Log *slog.Logger
}

// ErrConfig is wrapped by errors on fields outside their bounds.
var ErrConfig = errors.New("bad configuration")

func (c Config) withDefaults() Config {
	setDefault(&c.MaxConnections, 500)
	setDefault(&c.Calls, 4)
	setDefault(&c.QueueTimeout, time.Minute)
	setDefault(&c.Readers, 8)
	setDefault(&c.ReadersPerCall, min(4, runtime.NumCPU()))
	setDefault(&c.ReaderIdle, time.Minute)
	setDefault(&c.ReaderLockTimeout, 30*time.Second)
	setDefault(&c.MemoryPerCall, 2<<30)
	setDefault(&c.MemoryTotal, 4<<30)
	setDefault(&c.UploadPerCall, 2<<30)
	setDefault(&c.Checkpoint, 30*time.Second)
	setDefault(&c.Audit, 10*time.Minute)
	setDefault(&c.MemoryViews, 4<<30)
	setDefault(&c.ViewLockTimeout, time.Second)
	setDefault(&c.RetainedWAL, 64<<30)
	for _, bytes := range []*int64{&c.MemoryPerCall, &c.MemoryTotal, &c.UploadPerCall, &c.MemoryViews, &c.RetainedWAL} {
		*bytes = max(0, *bytes) // 0 is no bound from here on
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) validate() error {
	bad := func(field, rule string) error { return fmt.Errorf("worker: %w: %s %s", ErrConfig, field, rule) }
	for field, value := range map[string]int{"max_connections": c.MaxConnections, "calls": c.Calls, "readers": c.Readers, "readers_per_call": c.ReadersPerCall} {
		if value < 1 {
			return bad(field, fmt.Sprintf("is %d, and must be at least 1", value))
		}
	}
	switch {
	case c.DatabaseURL == "":
		return bad("database_url", "is missing")
	case c.Workers < 0:
		return bad("workers", "must be at least 0")
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return bad("tls_cert and tls_key", "belong together")
	}
	_, err := ParseAddress(c.Listen)
	return err
}

// Address is where a worker listens.
type Address struct {
	Network string // unix or tcp
	Host    string // the folder of the socket, or the host
	Port    int
}

// ParseAddress reads unix:/folder?port=6432 and tcp://host:port.
func ParseAddress(text string) (Address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Address{}, fmt.Errorf("worker: %w: listen address %q: %w", ErrConfig, text, err)
	}
	var a Address
	port := u.Port()
	switch u.Scheme {
	case "unix":
		a = Address{Network: "unix", Host: u.Path}
		port = u.Query().Get("port")
	case "tcp":
		a = Address{Network: "tcp", Host: u.Hostname()}
	}
	a.Port, err = strconv.Atoi(port)
	if a.Host == "" || err != nil || a.Port < 0 || a.Port > 65535 {
		return a, fmt.Errorf("worker: %w: listen address %q: want unix:/folder?port=6432 or tcp://host:port", ErrConfig, text)
	}
	return a, nil
}

// SocketFile is the file of a unix address, named as libpq names it.
func (a Address) SocketFile() string {
	return filepath.Join(a.Host, fmt.Sprintf(".s.PGSQL.%d", a.Port))
}

// String writes what [ParseAddress] reads.
func (a Address) String() string {
	if a.Network == "unix" {
		return fmt.Sprintf("unix:%s?port=%d", a.Host, a.Port)
	}
	return fmt.Sprintf("tcp://%s:%d", a.Host, a.Port)
}

func removeStale(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("worker: remove stale socket: %w", err)
	}
	return nil
}
