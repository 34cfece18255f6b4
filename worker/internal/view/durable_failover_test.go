package view_test

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgserver"
	"github.com/millrace/millrace/internal/pgtest"
)

// newDurable makes a site on a server of its own, whose views have a state on disk.
func newDurable(t *testing.T) *site {
	t.Helper()
	s := newPrivateSite(t, map[string]string{"fsync": "off", "max_wal_size": "1GB", "wal_keep_size": "512MB"})
	s.config.StateDir, s.config.Checkpoint = t.TempDir(), 50*time.Millisecond
	return s
}

// standby starts a standby of the site's server on a base backup of it.
func (s *site) standby() *pgserver.Server {
	s.t.Helper()
	dir := s.backup()
	s.put(filepath.Join(dir, "standby.signal"), "")
	return s.cluster(dir, 0, map[string]string{"primary_conninfo": fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s",
		s.server.Port(), s.server.Superuser(), s.server.Password())})
}

// moveTo has the site's clients, and the worker that is run next, use another server.
func (s *site) moveTo(server *pgserver.Server) {
	s.t.Helper()
	for _, address := range []*string{&s.admin, &s.owner, &s.config.DatabaseURL} {
		*address = withPorts(s.t, *address, server.Port())
	}
}

// withPorts returns an address of the server at several ports.
func withPorts(t *testing.T, address string, ports ...int) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for _, port := range ports {
		hosts = append(hosts, "127.0.0.1:"+strconv.Itoa(port))
	}
	u.Host = strings.Join(hosts, ",")
	return u.String()
}

// promote makes a standby a primary.
func promote(t *testing.T, server *pgserver.Server) {
	t.Helper()
	admin := milltest.Open(t, server.URL(server.Superuser(), server.Password(), "postgres"))
	if got := admin.Text("SELECT pg_promote()"); got != "t" {
		t.Fatalf("pg_promote: %s", got)
	}
}

// cutOff has the standby receive nothing any more, and the primary go far ahead.
func (s *site) cutOff(standby *pgserver.Server) {
	s.t.Helper()
	there := milltest.Open(s.t, standby.URL(standby.Superuser(), standby.Password(), "postgres"))
	there.Run("ALTER SYSTEM SET primary_conninfo = ''")
	there.Run("SELECT pg_reload_conf()")
	admin := s.openAdmin()
	milltest.Until(s.t, "the standby receives nothing", func() bool {
		return admin.Text("SELECT count(*) FROM pg_stat_replication WHERE application_name LIKE 'walreceiver%'") == "0"
	})
	admin.Run("SELECT pg_logical_emit_message(false, '', repeat('x', 4000000))")
}

// pauses waits until a worker without a server has paused for long between its attempts:
// for a while it does not notice that there is a server again.
func (s *site) pauses() {
	s.t.Helper()
	milltest.Until(s.t, "the worker has tried", func() bool { return s.log.count("starting again") >= 6 })
}

// replayed waits until the standby has all that the site's server has written.
func (s *site) replayed(standby *pgserver.Server) {
	s.t.Helper()
	end := s.openAdmin().Text("SELECT pg_current_wal_flush_lsn()")
	there := milltest.Open(s.t, standby.URL(standby.Superuser(), standby.Password(), "postgres"))
	milltest.Until(s.t, "the standby has replayed the log", func() bool {
		return there.Text("SELECT pg_last_wal_replay_lsn() >= '"+end+"'") == "t"
	})
}

// TestFailover kills the primary and promotes its standby, which has all transactions,
// or not the last ones: the views that the worker had written are ahead of it then. The
// worker is started again with the new address, or finds it by itself.
func TestFailover(t *testing.T) {
	for _, tt := range []struct {
		name string
		lose bool // the last transactions
		find bool // one address names both servers
	}{{"Complete", false, false}, {"Behind", true, false}, {"Found", true, true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newDurable(t)
			standby := s.standby()
			if tt.find {
				s.config.DatabaseURL = withPorts(t, s.config.DatabaseURL, s.server.Port(), standby.Port()) + "&target_session_attrs=read-write"
			}
			stop := s.run()
			s.open().Run(durableSQL)
			s.settle()
			s.replayed(standby)
			if tt.lose {
				s.cutOff(standby)
			}
			s.change(3)
			s.settle()
			if !tt.lose {
				s.replayed(standby)
			}
			built := s.log.count("built anew")
			if !tt.find {
				stop()
			}
			if err := s.server.Kill(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if tt.find {
				s.pauses()
			}
			promote(t, standby)
			found := s.config.DatabaseURL
			s.moveTo(standby)
			if tt.find {
				s.config.DatabaseURL = found
			} else {
				s.run()
			}
			s.change(4) // at a position that the worker has passed on the former primary
			s.goesOn(5)
			if s.log.count("built anew") == built {
				t.Error("the log does not say that views were built anew")
			}
			if lost := s.open().Text("SELECT count(*) = 0 FROM sale WHERE id > 3000 AND id < 4000"); lost != strconv.FormatBool(tt.lose)[:1] {
				t.Errorf("the last transaction is lost: %s, want %v: the test is wrong", lost, tt.lose)
			}
		})
	}
}

// TestStandby points a worker to a standby: it says so, once, and begins when the
// standby is promoted.
func TestStandby(t *testing.T) {
	t.Parallel()
	s := newDurable(t)
	stop := s.run()
	s.open().Run(durableSQL)
	s.settle()
	stop()
	standby := s.standby()
	s.change(3)
	s.replayed(standby)
	if err := s.server.Kill(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.moveTo(standby)
	s.run()
	s.said("the server is a standby")
	c := s.open()
	milltest.Until(t, "ml.views tells", func() bool {
		return c.Text("SELECT count(*) FROM ml.views WHERE reason LIKE 'the server is a standby: %'") == "3"
	})
	if got := c.Text("SELECT count(*) FROM by_city"); got == "0" {
		t.Error("a view cannot be read on a standby")
	}
	if f := c.Refused("55000", "SELECT ml.wait()"); !strings.Contains(f.Message, "standby") || f.Hint == "" {
		t.Errorf("ml.wait: %s, hint %q", f.Message, f.Hint)
	}
	c.Refused("25006", "SELECT ml.linear_regression('sale', 'amount', '{id}', 'model')")
	c.Refused("25006", "SELECT ml.create_view('another', 'SELECT count(*) FROM sale')")
	c.Refused("25006", "SELECT ml.rebuild_view('by_city')")
	time.Sleep(3 * time.Second) // so that saying it again and again would show
	if n := s.log.count("standby"); n != 1 {
		t.Errorf("the log speaks %d times of the standby, want once", n)
	}
	if n := s.log.count("starting again"); n != 0 {
		t.Errorf("the worker has started again %d times, want 0", n)
	}
	promote(t, standby)
	s.goesOn(5)
}

// TestRecoveredBackup puts a copy of the data folder of before in the place of the
// server, while the worker runs or is down: its state is ahead of the tables then.
func TestRecoveredBackup(t *testing.T) {
	for _, tt := range []struct {
		name     string
		cold     bool // the folder of a server that was stopped, slots and all
		recover  bool // to a point in time, which begins a timeline
		running  bool // the worker
		timeline string
	}{{"Backup", false, false, false, "1"}, {"Snapshot", true, false, false, "1"}, {"Beside", true, false, true, "1"}, {"Recovered", false, true, false, "2"}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newDurable(t)
			stop := s.run()
			s.open().Run(durableSQL)
			s.settle()
			var dir string
			if tt.cold {
				stop()
				dir = s.snapshot()
				stop = s.run()
			} else {
				dir = s.backup()
			}
			s.openAdmin().Run("SELECT pg_logical_emit_message(false, '', repeat('x', 4000000))") // so that what follows is far ahead
			s.change(3)
			s.settle()
			if !tt.running {
				stop()
			}
			if err := s.server.Kill(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			settings := map[string]string{}
			if tt.recover {
				s.put(filepath.Join(dir, "recovery.signal"), "")
				settings["restore_command"] = "false"
			}
			built := s.log.count("built anew")
			if tt.running {
				s.pauses()
			}
			s.cluster(dir, s.server.Port(), settings)
			admin := s.openAdmin()
			milltest.Until(t, "recovery has ended", func() bool { return admin.Text("SELECT pg_is_in_recovery()::text") == "false" })
			if !tt.running {
				s.run()
			}
			s.change(4) // at a position that the worker has passed before
			s.goesOn(5)
			if s.log.count("built anew") == built {
				t.Error("the log does not say that views were built anew")
			}
			if got := s.openAdmin().Text("SELECT timeline_id FROM pg_control_checkpoint()"); got != tt.timeline {
				t.Errorf("timeline %s, want %s: the test is wrong", got, tt.timeline)
			}
			if got := s.open().Text("SELECT count(*) FROM sale WHERE id > 3000 AND id < 4000"); got != "0" {
				t.Errorf("%s rows of after the backup are there: the test is wrong", got)
			}
		})
	}
}

// snapshot copies the data folder of the server while it is stopped.
func (s *site) snapshot() (dir string) {
	s.t.Helper()
	dir = filepath.Join(pgtest.Folder(s.t), "data")
	if err := s.server.Stop(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.copyFolder(s.server.DataDir(), dir, ofCluster)
	s.restart()
	return dir
}
