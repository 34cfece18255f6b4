package view_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgserver"
	"github.com/millrace/millrace/internal/pgtest"
)

// durableSQL makes tables and views of each kind that has something to lose: groups,
// duplicates, a view on a view, an index and a grant of the owner's, and a changelog.
const durableSQL = `
	CREATE TABLE sale (id int PRIMARY KEY, city text, amount int);
	CREATE TABLE "Odd name" (id int PRIMARY KEY, city text);
	INSERT INTO sale SELECT i, 'c' || i % 7, i FROM generate_series(1, 500) AS i;
	INSERT INTO "Odd name" SELECT i, 'c' || i FROM generate_series(1, 5) AS i;
	SELECT ml.track('sale'); SELECT ml.track('"Odd name"');
	SELECT ml.create_view('by_city', 'SELECT city, count(*) AS n, sum(amount) AS amount FROM sale GROUP BY city');
	SELECT ml.create_view('cities', 'SELECT s.city FROM sale AS s JOIN "Odd name" AS o USING (city)');
	SELECT ml.create_view('large', 'SELECT city, n FROM by_city WHERE n > 70', key => '{city}');
	CREATE INDEX by_city_amount ON by_city (amount);
	GRANT SELECT ON by_city TO PUBLIC;
	SELECT ml.log_view('by_city', 'by_city_log')`

var durableViews = []string{"by_city", "cities", "large"}

// change writes rows that all views of durableSQL show.
func (s *site) change(id int) {
	s.t.Helper()
	s.open().Run(fmt.Sprintf(`INSERT INTO sale SELECT %d * 1000 + i, 'c' || i %% 3, i FROM generate_series(1, 30) AS i;
		UPDATE sale SET city = 'c9' WHERE id = %[1]d; DELETE FROM sale WHERE id = %[1]d + 20`, id))
}

// cluster starts a server on a copy of the data folder of the site's server. Port 0 is
// a free one.
func (s *site) cluster(dir string, port int, settings map[string]string) *pgserver.Server {
	s.t.Helper()
	config := s.serverConfig
	config.DataDir, config.Port = dir, port
	config.Settings = map[string]string{}
	for _, from := range []map[string]string{s.serverConfig.Settings, settings} {
		for name, value := range from {
			config.Settings[name] = value
		}
	}
	server, err := pgserver.Start(s.t.Context(), config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			s.t.Error(err)
		}
	})
	return server
}

// backup copies the data folder of the running server, as a base backup does.
func (s *site) backup() (dir string) {
	s.t.Helper()
	dir = filepath.Join(pgtest.Folder(s.t), "data")
	admin := s.openAdmin()
	begin, end := "SELECT pg_backup_start('test', true)", "SELECT labelfile FROM pg_backup_stop(false)"
	if s.server.Major() < 15 {
		begin, end = "SELECT pg_start_backup('test', true, false)", "SELECT labelfile FROM pg_stop_backup(false, false)"
	}
	admin.Run(begin)
	s.copyFolder(s.server.DataDir(), dir, func(path string) bool { // a base backup has no slots
		return ofCluster(path) && !strings.HasPrefix(path, "pg_replslot/")
	})
	label := admin.Text(end)
	s.copyFolder(filepath.Join(s.server.DataDir(), "pg_wal"), filepath.Join(dir, "pg_wal"), func(string) bool { return true })
	s.put(filepath.Join(dir, "backup_label"), label)
	return dir
}

// ofCluster reports whether a file or folder belongs to the data, and not to the
// process that serves them.
func ofCluster(path string) bool {
	return path != "socket" && path != "postmaster.pid" && path != "server.log"
}

// put writes a file that belongs to the server's user.
func (s *site) put(path, text string) {
	s.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.give(path)
}

// give makes the server's user the owner of a file.
func (s *site) give(path string) {
	s.t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	uid, gid := s.server.RunAs()
	if err := os.Lchown(path, int(uid), int(gid)); err != nil {
		s.t.Fatal(err)
	}
}

// copyFolder copies what is wanted, by its path in the folder. A file that goes
// meanwhile is not needed: the log has what it held.
func (s *site) copyFolder(from, to string, wanted func(path string) bool) {
	s.t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case !wanted(name) && d.IsDir():
			return fs.SkipDir
		case d.IsDir():
			if err := os.MkdirAll(target, 0o700); err != nil {
				return err
			}
		case !d.Type().IsRegular() || !wanted(name):
			return nil
		default:
			text, err := os.ReadFile(path)
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := os.WriteFile(target, text, 0o600); err != nil {
				return err
			}
		}
		s.give(target)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// clientMajor is the version of the client programs that Debian 12 has. They know
// servers of this version and before; the other versions that tests run with come
// without client programs.
const clientMajor = 15

// program returns the path of a client program for the site's server, or "" if the
// server is of a version whose programs are not there.
func (s *site) program(name string) string {
	s.t.Helper()
	own := filepath.Join(s.server.Binaries().Dir, name)
	if _, err := os.Stat(own); err == nil {
		return own
	}
	if s.server.Major() > clientMajor {
		s.t.Logf("nothing to test: the binaries of PostgreSQL %d in %s have no %s, and that of version %d refuses this server",
			s.server.Major(), s.server.Binaries().Dir, name, clientMajor)
		return ""
	}
	path := fmt.Sprintf("/usr/lib/postgresql/%d/bin/%s", clientMajor, name)
	if _, err := os.Stat(path); err != nil {
		s.t.Fatalf("%s is missing (on Debian: apt-get install postgresql): %v", name, err)
	}
	return path
}

// execute runs a program of PostgreSQL's as the server's user, in its folder, and
// returns what it printed.
func (s *site) execute(dir, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "PGPASSWORD=" + s.server.Password()}
	if os.Geteuid() == 0 {
		uid, gid := s.server.RunAs()
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// scratch makes a folder that the server's user may write to.
func (s *site) scratch() string {
	s.t.Helper()
	dir := pgtest.Folder(s.t)
	s.give(dir)
	return dir
}

// goesOn changes rows and compares all views of durableSQL.
func (s *site) goesOn(id int) {
	s.t.Helper()
	s.settle()
	s.compare(durableViews...)
	s.change(id)
	s.settle()
	s.compare(durableViews...)
	c := s.open()
	milltest.Until(s.t, "all views are live", func() bool {
		return c.Text("SELECT count(*) FROM ml.views WHERE state = 'live'") == fmt.Sprint(len(durableViews))
	})
}

// said waits until the worker's log has a text.
func (s *site) said(text string) {
	s.t.Helper()
	milltest.Until(s.t, "the log says: "+text, func() bool { return s.log.count(text) > 0 })
}

// otherCluster starts a server of its own with nothing in it.
func (s *site) otherCluster() *pgserver.Server {
	s.t.Helper()
	return s.cluster(filepath.Join(pgtest.Folder(s.t), "data"), 0, nil)
}

// roleOf is the role in an address.
func roleOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.User.Username()
}

// giveBack makes the role the owner of its schema again and of what is in it.
func (s *site) giveBack(admin, role string) {
	s.t.Helper()
	c := milltest.Open(s.t, admin)
	c.Run("ALTER SCHEMA " + role + " OWNER TO " + role)
	c.Run(c.Text("SELECT string_agg(format('ALTER TABLE %s OWNER TO " + role + "', c.oid::regclass), '; ') FROM pg_class AS c WHERE c.relnamespace = '" + role + "'::regnamespace AND c.relkind IN ('r', 'v')"))
}
