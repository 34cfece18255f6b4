// Package milltest gives tests a database with Millrace installed, a running
// worker of this process, and enrolled roles.
package milltest

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// Env is one database with its worker.
type Env struct {
	AdminURL  string // of the superuser, who is enrolled without a reader
	Worker    *worker.Worker
	WorkerURL string // login of the worker's own role
	Config    worker.Config
	Address   worker.Address
}

// Start makes a database, installs Millrace (with schema madlib), enrolls the
// superuser and runs a worker until the end of the test. change may alter the
// worker's configuration.
func Start(t testing.TB, change func(*worker.Config)) *Env {
	t.Helper()
	e := Install(t)
	if change != nil {
		change(&e.Config)
	}
	e.Run(t)
	return e
}

// Install is [Start] without running the worker.
func Install(t testing.TB) *Env {
	t.Helper()
	ctx := t.Context()
	var login string
	t.Cleanup(func() { dropWorkerRole(t, login) }) // runs after the database is gone
	e := &Env{AdminURL: pgtest.Database(t)}
	e.Address = worker.Address{Network: "unix", Host: pgtest.SocketDir(t), Port: 6432}
	made, err := worker.Install(ctx, e.AdminURL, worker.InstallOptions{Host: e.Address.Host, Port: e.Address.Port, Madlib: true})
	if err != nil {
		t.Fatal(err)
	}
	login = made.Worker
	e.WorkerURL = WithUser(t, e.AdminURL, made.Worker, made.WorkerPassword)
	if err := worker.Enroll(ctx, e.AdminURL, "postgres", false); err != nil {
		t.Fatal(err)
	}
	level := slog.LevelWarn
	if os.Getenv("MILLRACE_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	e.Config = worker.Config{
		DatabaseURL: e.WorkerURL, Listen: e.Address.String(),
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})),
	}
	return e
}

func dropWorkerRole(t testing.TB, name string) {
	if name == "" {
		return // the installation has failed
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.AdminURL(t, "postgres"))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "DROP ROLE IF EXISTS "+pgx.Identifier{name}.Sanitize()); err != nil {
		t.Error(err)
	}
}

// Run runs the worker until the end of the test.
func (e *Env) Run(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w, err := worker.New(ctx, e.Config)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	e.Worker = w
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// Role makes an ordinary role that can log in and owns schema of its own name,
// enrolls it, and returns its name and the address to connect as it.
func (e *Env) Role(t testing.TB, prefix string) (role, url string) {
	t.Helper()
	role, password := pgtest.Role(t, prefix, "LOGIN")
	if err := worker.Enroll(t.Context(), e.AdminURL, role, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := worker.Unenroll(context.Background(), e.AdminURL, role); err != nil {
			t.Error(err)
		}
	})
	name := pgx.Identifier{role}.Sanitize()
	pgtest.Exec(t, e.AdminURL, "CREATE SCHEMA "+name+" AUTHORIZATION "+name)
	return role, WithUser(t, e.AdminURL, role, password)
}

// WithUser returns the address with another login.
func WithUser(t testing.TB, address, user, password string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}
