package view_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/pgserver"
)

// crash ends the server as a crash does, and starts it again on the same folder.
func (s *site) crash(sig syscall.Signal) {
	s.t.Helper()
	if err := s.server.Kill(sig); err != nil {
		s.t.Fatal(err)
	}
	s.restart()
}

func (s *site) restart() {
	s.t.Helper()
	config := s.serverConfig
	config.Port = s.server.Port()
	server, err := pgserver.Start(s.t.Context(), config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server = server
}

// TestCrashServer crashes PostgreSQL at random moments while money moves: during the
// first copy, during checkpoints, and with commits that were not flushed.
func TestCrashServer(t *testing.T) {
	for _, name := range []string{"Memory", "StateDir"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPrivateSite(t, map[string]string{"fsync": "on"})
			s.config.Checkpoint = 30 * time.Millisecond
			if name == "StateDir" {
				s.config.StateDir = t.TempDir()
			}
			s.run()
			c := s.open()
			c.Run("CREATE TABLE bulk (id int PRIMARY KEY, kind int, note text); SELECT ml.track('bulk')")
			c.Run("INSERT INTO bulk SELECT i, i % 10, repeat('x', 100) FROM generate_series(1, 40000) AS i")
			b := newBank(s)
			c.Run("SELECT ml.create_view('bulks', 'SELECT kind, count(*), max(note) FROM bulk GROUP BY kind')")
			b.begin(3, 2)
			for i := range rounds(t, 4) {
				commit := []string{"on", "off", "local"}[b.random.IntN(3)]
				admin := s.openAdmin()
				admin.Run("ALTER ROLE CURRENT_USER SET synchronous_commit = " + commit)
				admin.Run("ALTER DATABASE " + admin.Text("SELECT current_database()") + " SET synchronous_commit = " + commit)
				if i > 0 {
					b.pause(700 * time.Millisecond)
				}
				s.crash([]syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL}[b.random.IntN(2)])
				s.open().Run("UPDATE bulk SET kind = kind + 1 WHERE id % 1000 = 7")
			}
			b.pause(300 * time.Millisecond)
			b.verify()
			s.compare("bulks")
		})
	}
}
