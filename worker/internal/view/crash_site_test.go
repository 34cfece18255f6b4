package view_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgserver"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// roundsVariable names the environment variable with the number of crashes that each
// crash test makes.
const roundsVariable = "MILLRACE_CRASH_ROUNDS"

// rounds is that number, or what is quick enough to be run each time.
func rounds(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv(roundsVariable)
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", roundsVariable, err)
	}
	return n
}

// site is a database with Millrace and one enrolled owner, and what a worker needs.
type site struct {
	t      *testing.T
	admin  string // address of the superuser
	owner  string // address of the owner
	config worker.Config
	log    *journal

	server       *pgserver.Server // if it is this test's alone
	serverConfig pgserver.Config
}

// newSite makes a site on the server that all tests share.
func newSite(t *testing.T) *site {
	t.Helper()
	e := milltest.Install(t)
	_, url := e.Role(t, "owner")
	s := &site{t: t, admin: e.AdminURL, owner: url, config: e.Config, log: newJournal(t)}
	s.config.Log = slog.New(s.log)
	return s
}

// newPrivateSite makes a site on a server of its own, which may be crashed.
func newPrivateSite(t *testing.T, settings map[string]string) *site {
	t.Helper()
	settings["max_connections"], settings["shared_buffers"] = "60", "32MB"
	config := pgserver.Config{Binaries: pgtest.Server(t).Binaries(), DataDir: pgtest.Folder(t) + "/data", Settings: settings}
	server, err := pgserver.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, server: server, serverConfig: config, log: newJournal(t)}
	t.Cleanup(func() {
		if err := s.server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	name, role := "bank_"+strings.ToLower(rand.Text()[:8]), "owner_"+strings.ToLower(rand.Text()[:8])
	postgres := server.URL(server.Superuser(), server.Password(), "postgres")
	pgtest.Exec(t, postgres, "CREATE DATABASE "+name)
	pgtest.Exec(t, postgres, "CREATE ROLE "+role+" LOGIN PASSWORD 'of the owner'")
	s.admin = server.URL(server.Superuser(), server.Password(), name)
	s.owner = server.URL(role, "of the owner", name)
	address := worker.Address{Network: "unix", Host: pgtest.SocketDir(t), Port: 6432}
	made, err := worker.Install(t.Context(), s.admin, worker.InstallOptions{Host: address.Host, Port: address.Port})
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Enroll(t.Context(), s.admin, role, false); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, s.admin, "CREATE SCHEMA "+role+" AUTHORIZATION "+role)
	s.config = worker.Config{DatabaseURL: server.URL(made.Worker, made.WorkerPassword, name), Listen: address.String(), Log: slog.New(s.log)}
	return s
}

// run runs a worker in this process until stop is called or the test ends.
func (s *site) run() (stop func()) {
	s.t.Helper()
	return s.runWith(s.config)
}

func (s *site) runWith(config worker.Config) (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w, err := worker.New(ctx, config)
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				s.t.Error(err)
			}
		case <-time.After(time.Minute):
			s.t.Error("the worker does not stop within a minute")
		}
	})
	s.t.Cleanup(stop)
	return stop
}

// open connects as the owner.
func (s *site) open() *milltest.Client {
	s.t.Helper()
	return milltest.Open(s.t, s.owner)
}

// openAdmin connects as the superuser.
func (s *site) openAdmin() *milltest.Client {
	s.t.Helper()
	return milltest.Open(s.t, s.admin)
}

// settle waits until the views show everything that was committed before. What a crash
// does to a waiting call is no error here.
func (s *site) settle() {
	s.t.Helper()
	var last error
	milltest.Until(s.t, "the views show what was committed", func() bool {
		ctx, cancel := context.WithTimeout(s.t.Context(), 40*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, s.owner)
		if err == nil {
			_, err = conn.Exec(ctx, "SELECT ml.wait()")
			closeSoon(conn)
		}
		if err != nil && (last == nil || err.Error() != last.Error()) {
			s.t.Log("ml.wait: ", err)
		}
		last = err
		return err == nil
	})
}

func closeSoon(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the session may have been ended
}

// journal collects the worker's log.
type journal struct {
	t     testing.TB
	mutex sync.Mutex
	lines []string
	over  bool
}

func newJournal(t testing.TB) *journal {
	j := &journal{t: t}
	t.Cleanup(func() {
		j.mutex.Lock()
		defer j.mutex.Unlock()
		j.over = true
	})
	return j
}

func (j *journal) Enabled(context.Context, slog.Level) bool { return true }
func (j *journal) WithAttrs([]slog.Attr) slog.Handler       { return j }
func (j *journal) WithGroup(string) slog.Handler            { return j }

// Handle implements slog.Handler.
func (j *journal) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.lines = append(j.lines, line)
	if !j.over && r.Level >= slog.LevelWarn {
		j.t.Log(time.Now().Format("05.000 "), line)
	}
	return nil
}

// count returns how many lines contain a text.
func (j *journal) count(text string) int {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	n := 0
	for _, line := range j.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}
