package worker

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/ext"
	"github.com/millrace/millrace/worker/internal/bridge"
	"github.com/millrace/millrace/worker/internal/catalog"
	"github.com/millrace/millrace/worker/internal/job"
	"github.com/millrace/millrace/worker/internal/source"
	"github.com/millrace/millrace/worker/internal/view"
)

// Run answers calls until ctx ends, then stops all of them and returns nil.
func Run(ctx context.Context, config Config) error {
	w, err := New(ctx, config)
	if err != nil {
		return err
	}
	return w.Serve(ctx)
}

// Worker is an assembled worker that listens already.
type Worker struct {
	config   Config
	pool     *pgxpool.Pool
	readers  *source.Readers
	jobs     *job.Manager
	views    *view.Engine
	server   *bridge.Server
	listener net.Listener
	address  Address
}

// New connects to the database, checks that the installed functions fit, and
// listens.
func New(ctx context.Context, config Config) (*Worker, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	w := &Worker{config: config}
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	store := catalog.NewStore(w.pool)
	w.readers = source.NewReaders(source.Config{
		Database: w.pool.Config().ConnConfig, Total: config.Readers, PerCall: config.ReadersPerCall,
		IdleTimeout: config.ReaderIdle, LockTimeout: config.ReaderLockTimeout, Watch: w.pool,
	})
	w.views = view.New(view.Config{
		Database: w.pool.Config().ConnConfig, Pool: w.pool, Owners: store, StateDir: config.StateDir, Checkpoint: config.Checkpoint,
		MemoryLimit: config.MemoryViews, LockTimeout: config.ViewLockTimeout, RetainedWAL: config.RetainedWAL, TickRows: 100_000, Audit: config.Audit, Log: config.Log,
	})
	w.jobs = job.NewManager(job.Config{
		Views: w.views, Version: ext.Version(), Roles: store, Readers: w.readers, Calls: config.Calls, QueueTimeout: config.QueueTimeout,
		Workers: config.Workers, MemoryPerCall: config.MemoryPerCall, MemoryTotal: config.MemoryTotal,
		UploadPerCall: config.UploadPerCall, Log: config.Log,
	})
	if err := w.listen(store); err != nil {
		w.pool.Close()
		return nil, err
	}
	return w, nil
}

func (w *Worker) connect(ctx context.Context) error {
	poolConfig, err := pgxpool.ParseConfig(w.config.DatabaseURL)
	if err != nil {
		return fmt.Errorf("worker: %w: database_url: %w", ErrConfig, err)
	}
	poolConfig.MaxConns = 6
	poolConfig.ConnConfig.RuntimeParams["application_name"] = "millrace worker"
	poolConfig.ConnConfig.RuntimeParams["search_path"] = catalog.SearchPath // whatever the role's own setting is
	// Of the pool alone: the connections that others make from this configuration have
	// limits of their own, and a slot is made when it can be.
	poolConfig.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		c.RuntimeParams["lock_timeout"] = "5s" // whatever a role locks, the worker goes on
		return nil
	}
	if w.pool, err = pgxpool.NewWithConfig(ctx, poolConfig); err != nil {
		return fmt.Errorf("worker: connect: %w", err)
	}
	if err := w.pool.Ping(ctx); err != nil {
		w.pool.Close()
		return fmt.Errorf("worker: the database cannot be reached: %w", err)
	}
	var version *string
	err = w.pool.QueryRow(ctx, `
		SELECT (SELECT ml_private.version() WHERE EXISTS (SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
			WHERE n.nspname = 'ml_private' AND p.proname = 'version'))`).Scan(&version)
	if err != nil {
		w.pool.Close()
		return fmt.Errorf("worker: Millrace is not installed in this database, or this role may not use it; run millrace install: %w", err)
	}
	if *version != ext.Version() {
		w.config.Log.Warn("the functions in schema ml are of another version: run millrace install", "functions", *version, "worker", ext.Version())
	}
	return nil
}

func (w *Worker) listen(store *catalog.Store) error {
	var err error
	if w.address, err = ParseAddress(w.config.Listen); err != nil {
		return err
	}
	pepper := sha256.Sum256([]byte("salts of unknown roles " + w.pool.Config().ConnConfig.Password))
	bridgeConfig := bridge.Config{
		Pepper:  pepper[:],
		Handler: w.jobs, Authenticator: store, MaxConnections: w.config.MaxConnections, Handshake: 10 * time.Second, Log: w.config.Log,
	}
	if w.address.Network == "unix" {
		w.listener, err = listenUnix(w.address)
	} else {
		if bridgeConfig.TLS, err = w.tls(); err != nil {
			return err
		}
		bridgeConfig.RequireTLS = !w.config.InsecureTCP && !isLoopback(w.address.Host)
		w.listener, err = net.Listen("tcp", net.JoinHostPort(w.address.Host, fmt.Sprint(w.address.Port)))
	}
	if err != nil {
		return fmt.Errorf("worker: listen on %s: %w", w.address, err)
	}
	if a, ok := w.listener.Addr().(*net.TCPAddr); ok {
		w.address.Port = a.Port
	}
	w.server = bridge.NewServer(bridgeConfig)
	return nil
}

// listenUnix replaces the socket of a worker that is gone; a living one keeps it.
func listenUnix(a Address) (net.Listener, error) {
	file := a.SocketFile()
	if conn, err := net.DialTimeout("unix", file, time.Second); err == nil {
		conn.Close()
		return nil, fmt.Errorf("another worker listens on %s", file)
	}
	if err := removeStale(file); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", file)
	if err != nil {
		return nil, err
	}
	// Who may open the folder may connect; SCRAM decides who may call.
	return l, os.Chmod(file, 0o777)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (w *Worker) tls() (*tls.Config, error) {
	var certificate tls.Certificate
	var err error
	if w.config.TLSCert != "" {
		certificate, err = tls.LoadX509KeyPair(w.config.TLSCert, w.config.TLSKey)
	} else {
		certificate, err = bridge.SelfSigned()
	}
	if err != nil {
		return nil, fmt.Errorf("worker: TLS: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}

// Address returns where the worker listens; a port 0 has been replaced.
func (w *Worker) Address() Address { return w.address }

// PathCounts returns how many calls have tried to read by snapshot, and how
// many by their own session.
func (w *Worker) PathCounts() (snapshot, session int64) { return w.jobs.PathCounts() }

// Serve answers calls until ctx ends, then stops all of them and returns nil.
func (w *Worker) Serve(ctx context.Context) error {
	defer w.pool.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	sweeper := make(chan struct{})
	go func() {
		defer close(sweeper)
		w.sweep(ctx)
	}()
	following := make(chan struct{})
	go func() {
		defer close(following)
		w.views.Run(ctx)
	}()
	if w.config.Ready != nil {
		w.config.Ready()
	}
	w.config.Log.Info("worker is ready", "listen", w.address.String())
	err := w.server.Serve(ctx, w.listener)
	stop()
	w.jobs.Close()
	<-sweeper
	<-following
	w.readers.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// sweep closes reader connections that nobody has used for a while.
func (w *Worker) sweep(ctx context.Context) {
	ticker := time.NewTicker(w.config.ReaderIdle / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			w.readers.Sweep(now)
		}
	}
}
