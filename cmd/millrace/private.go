package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/millrace/millrace/internal/pgserver"
	"github.com/millrace/millrace/internal/supervise"
	"github.com/millrace/millrace/worker"
)

// owner names the ordinary role of a private server, and the database it owns.
const owner = "millrace"

// Files of a private server's folder, beside the cluster. Only their owner reads them.
const (
	clusterFolder      = "postgres"
	socketFolder       = "worker" // of the worker's socket
	stateFolder        = "state"  // of the maintained views
	ownerPasswordFile  = "owner.password"
	workerPasswordFile = "worker.password"
	portFile           = "port"
	lockFile           = "lock"
)

// workerPort is part of the name of the worker's socket; no network port is used.
const workerPort = 6432

// privateConfig says what server to start.
type privateConfig struct {
	dir      string
	port     int               // 0 for the one of the last time, or a free one
	major    int               // 0 for that of the folder, or the newest
	settings map[string]string // of PostgreSQL
}

// private is a PostgreSQL server of one's own with a database that has Millrace in it.
type private struct {
	server        *pgserver.Server
	dir           string
	lock          *os.File // held as long as this process uses the folder
	ownerPassword string
	settings      settings // of the worker beside it
}

// startPrivate starts the server on a new or an existing folder and completes what is
// missing in it. Its worker is not running yet.
func startPrivate(ctx context.Context, c privateConfig) (*private, error) {
	dir, err := filepath.Abs(c.dir)
	if err != nil {
		return nil, err
	}
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	p := &private{dir: dir, lock: lock}
	if err := p.startServer(ctx, c); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := p.prepare(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// makeFolder makes the folder. A server that another user runs, because this one
// is root, has to pass through it.
func makeFolder(dir string) error {
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o755
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

func (p *private) startServer(ctx context.Context, c privateConfig) error {
	cluster := filepath.Join(p.dir, clusterFolder)
	if c.major == 0 {
		c.major = majorOf(cluster)
	}
	binaries, err := pgserver.Find(ctx, c.major)
	if err != nil {
		return err
	}
	p.server, err = p.startPatiently(ctx, pgserver.Config{Binaries: binaries, DataDir: cluster, Port: c.port, Settings: c.settings})
	if err != nil {
		return withHint(err, "%s", serverHint(err))
	}
	err = os.WriteFile(filepath.Join(p.dir, portFile), []byte(strconv.Itoa(p.server.Port())+"\n"), 0o600)
	if err != nil {
		return errors.Join(fmt.Errorf("data folder: %w", err), p.server.Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

// startPatiently waits for the end of a server whose millrace was killed just now: we
// have the lock on its folder, so nobody needs it any more.
func (p *private) startPatiently(ctx context.Context, config pgserver.Config) (*pgserver.Server, error) {
	given := config.Port
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if config.Port = given; given == 0 {
			config.Port = p.lastPort()
		}
		server, err := pgserver.Start(ctx, config)
		if !errors.Is(err, pgserver.ErrRunning) || time.Now().After(deadline) {
			return server, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

// lockFolder makes sure that only one process uses the folder.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		err = withHint(fmt.Errorf("data folder %s is in use: %w", dir, err), "another millrace up serves this folder; stop it, or name another folder with --data-dir")
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// majorOf returns the version that made a cluster, or 0 for none.
func majorOf(cluster string) int {
	text, err := os.ReadFile(filepath.Join(cluster, "PG_VERSION"))
	if err != nil {
		return 0 // a new folder, or one that pgserver will complain about
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return major
}

// lastPort returns the port of the last time if nobody else has it now, or 0.
func (p *private) lastPort() int {
	text, err := os.ReadFile(filepath.Join(p.dir, portFile))
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return 0
	}
	if err := l.Close(); err != nil {
		return 0
	}
	return port
}

// serverHint says what to do about a server that did not start.
func serverHint(err error) string {
	switch {
	case errors.Is(err, pgserver.ErrRunning):
		return "something other than millrace up has started a server on this folder; stop it, or name another folder with --data-dir"
	case errors.Is(err, pgserver.ErrUser):
		return "as root, name a folder with --data-dir that an unprivileged user can reach, for example below /var/lib"
	case errors.Is(err, pgserver.ErrMajor):
		return "leave out --pg-major, or name another folder with --data-dir"
	}
	return ""
}

// URL is the address of the database for its owner.
func (p *private) URL() string { return p.server.URL(owner, p.ownerPassword, owner) }

// superuserURL is the address of the same database for the superuser.
func (p *private) superuserURL() string {
	return p.server.URL(p.server.Superuser(), p.server.Password(), owner)
}

// run runs the worker under a supervisor until ctx ends or the server does, and then
// stops the server. It calls ready each time that the worker is.
func (p *private) run(ctx context.Context, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-p.server.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	p.settings.logLevel.Level = slog.LevelWarn
	p.settings.logLevel.use()
	c := p.settings.supervision()
	c.Ready = func(int) { ready() }
	err := supervise.Run(ctx, c)
	ended := false
	select {
	case <-p.server.Done():
		ended = true
	default:
	}
	cancel()
	<-watching
	if ended {
		err = errors.Join(err, fmt.Errorf("PostgreSQL ended; its log is %s", p.server.LogFile()))
	}
	return errors.Join(err, p.stop())
}

// stop stops the server cleanly and lets go of the folder.
func (p *private) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(p.server.Stop(ctx), p.lock.Close())
}

// listenAddress is the worker's, in a folder that the server's user, this user and
// root can enter.
func (p *private) listenAddress() (worker.Address, error) {
	a := worker.Address{Network: "unix", Host: filepath.Join(p.dir, socketFolder), Port: workerPort}
	const longest = 103 // bytes of a socket's path: the shorter of the limits of Linux and BSD
	if len(a.SocketFile()) > longest {
		return a, withHint(fmt.Errorf("the path %s has %d bytes, and a socket's may have %d", a.SocketFile(), len(a.SocketFile()), longest),
			"name a folder with a shorter path with --data-dir")
	}
	if err := os.Mkdir(a.Host, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return a, fmt.Errorf("data folder: %w", err)
	}
	if uid, gid := p.server.RunAs(); os.Geteuid() == 0 {
		if err := os.Chown(a.Host, int(uid), int(gid)); err != nil {
			return a, fmt.Errorf("data folder: %w", err)
		}
	}
	return a, os.Chmod(a.Host, 0o700)
}
