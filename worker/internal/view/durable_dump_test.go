package view_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgserver"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// newDumped makes a site with the views of durableSQL and a dump of its database, of
// before the last change. path is "" if there are no programs for this server.
func newDumped(t *testing.T) (s *site, path string) {
	t.Helper()
	s = newDurable(t)
	program := s.program("pg_dump")
	if program == "" {
		return s, ""
	}
	stop := s.run()
	c := s.open()
	c.Run(durableSQL)
	// What was made under another name is restored under the present one.
	c.Run(`ALTER VIEW by_city_definition RENAME TO "By city"; ALTER TABLE by_city_log RENAME TO changes`)
	s.settle()
	stop()
	path = filepath.Join(s.scratch(), "dump")
	if out, err := s.execute("/", program, "-Fc", "-f", path, s.admin); err != nil {
		t.Fatalf("pg_dump: %v: %s", err, out)
	}
	return s, path
}

// restore runs pg_restore and returns what it complained about.
func (s *site) restore(path, into string, options ...string) string {
	s.t.Helper()
	out, err := s.execute("/", s.program("pg_restore"), append(options, "-d", into, path)...)
	if err != nil && !strings.Contains(out, "errors ignored on restore") {
		s.t.Fatalf("pg_restore: %v: %s", err, out)
	}
	return out
}

// on is the site in a part of a test, with a log and a state of its own.
func (s *site) on(t *testing.T) *site {
	on := *s
	on.t, on.log = t, newJournal(t)
	on.config.Log, on.config.StateDir = slog.New(on.log), t.TempDir()
	return &on
}

// installOver installs in the database of the site again.
func (s *site) installOver() {
	s.t.Helper()
	address, err := worker.ParseAddress(s.config.Listen)
	if err == nil {
		_, err = worker.Install(s.t.Context(), s.admin, worker.InstallOptions{Host: address.Host, Port: address.Port})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// installAnew installs and enrolls in a copy, as the hint says, and has the site use it.
func (s *site) installAnew(server *pgserver.Server, admin, database string) *worker.Installation {
	s.t.Helper()
	role := roleOf(s.t, s.owner)
	s.admin, s.owner = admin, server.URL(role, "of the owner", database)
	address := worker.Address{Network: "unix", Host: pgtest.SocketDir(s.t), Port: 6432}
	made, err := worker.Install(s.t.Context(), admin, worker.InstallOptions{Host: address.Host, Port: address.Port})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := worker.Enroll(s.t.Context(), admin, role, false); err != nil {
		s.t.Fatal(err)
	}
	if made.WorkerPassword != "" { // the first time
		s.config.DatabaseURL = server.URL(made.Worker, made.WorkerPassword, database)
	}
	s.config.Listen = address.String()
	return made
}

// TestDump restores a dump into other databases, of the same cluster and of another one,
// with the roles there or not. Nothing is followed until Millrace is installed anew;
// then the views come back, as they were.
func TestDump(t *testing.T) {
	t.Parallel()
	s, path := newDumped(t)
	if path == "" {
		return
	}
	other := s.otherCluster()
	for _, tt := range []struct {
		name    string
		server  *pgserver.Server
		roles   bool     // the owner is there
		options []string // of pg_restore
	}{
		{"SameCluster", s.server, true, nil},
		{"NoRoles", other, false, nil},
		{"OtherCluster", other, true, nil},
		{"NoOwner", other, true, []string{"--no-owner", "--no-privileges"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			on := s.on(t)
			role, database := roleOf(t, s.owner), strings.ToLower(tt.name)
			postgres := milltest.Open(t, tt.server.URL(tt.server.Superuser(), tt.server.Password(), "postgres"))
			postgres.Run("CREATE DATABASE " + database + " TEMPLATE template0")
			admin := tt.server.URL(tt.server.Superuser(), tt.server.Password(), database)
			complaints := on.restore(path, admin, tt.options...)
			if complaints != "" && tt.server == s.server {
				t.Errorf("pg_restore: %s", complaints)
			}
			on.refusesCopy(admin)
			if !tt.roles {
				postgres.Run("CREATE ROLE " + role + " LOGIN PASSWORD 'of the owner'")
			}
			made := on.installAnew(tt.server, admin, database)
			if belongs := !tt.roles || tt.options != nil; belongs != (len(made.Unwritten) == 3) {
				t.Errorf("install names %q as views of superusers", made.Unwritten)
			}
			if len(made.Unwritten) > 0 {
				on.giveBack(admin, role)
				on.installAnew(tt.server, admin, database)
			}
			on.run()
			on.returns()
		})
	}
}

// TestDumpInPlace restores a dump over the database that it is of, while the worker runs
// or is down: all tables are others, and the database is the same.
func TestDumpInPlace(t *testing.T) {
	t.Parallel()
	s, path := newDumped(t)
	if path == "" {
		return
	}
	for _, name := range []string{"Down", "Running"} {
		t.Run(name, func(t *testing.T) {
			on := s.on(t)
			if name == "Running" {
				on.open().Run(`ALTER VIEW by_city_definition RENAME TO "By city"`) // as it is in the dump
				on.run()
			}
			if complaints := on.restore(path, s.admin, "--clean", "--if-exists"); complaints != "" {
				t.Errorf("pg_restore: %s", complaints)
			}
			if name == "Down" {
				on.run()
				on.said("this database was restored from a dump")
			}
			c := on.open()
			if n := c.Text("SELECT count(*) FROM ml.views WHERE state = 'errored' AND reason LIKE '%restored from a dump%millrace install'"); n != "3" {
				t.Errorf("ml.views tells of %s restored views, want 3", n)
			}
			on.installOver()
			on.returns()
		})
	}
}

// refusesCopy runs a worker on a copy that Millrace has not been installed in anew, with
// the rights of a superuser: it says so and changes nothing.
func (s *site) refusesCopy(admin string) {
	s.t.Helper()
	c := milltest.Open(s.t, admin)
	const contents = "SELECT md5(string_agg(to_jsonb(v)::text, ' ' ORDER BY view)) FROM ml_private.view AS v"
	before := c.Text(contents)
	config := s.config
	config.DatabaseURL, config.StateDir = admin, s.t.TempDir()
	config.Listen = worker.Address{Network: "unix", Host: pgtest.SocketDir(s.t), Port: 6432}.String()
	stop := s.runWith(config)
	s.said("this database is a copy of the one that Millrace was installed in")
	stop()
	if after := c.Text(contents); after != before {
		s.t.Error("the worker has changed the catalog of a copy")
	}
	if n := c.Text("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"); n != "0" {
		s.t.Errorf("the worker has made %s slots in a copy", n)
	}
}

// returns checks that all that the owner had is there again and works.
func (s *site) returns() {
	s.t.Helper()
	s.open().Run("UPDATE sale SET city = 'moved' WHERE id % 9 = 0")
	s.settle()
	c := s.open()
	c.Run(`ALTER VIEW "By city" RENAME TO by_city_definition`)
	s.goesOn(5)
	for what, query := range map[string]string{
		"the index of the owner":      "SELECT to_regclass('by_city_amount') IS NOT NULL",
		"the key":                     "SELECT count(*) = 1 FROM pg_index WHERE indrelid = 'large'::regclass AND indisunique",
		"rows that a column repeats":  "SELECT count(*) > count(DISTINCT city) FROM cities",
		"the changelog":               "SELECT count(*) FILTER (WHERE city = 'moved' AND log_change = '+') = 1 FROM changes",
		"who may alter the view":      "SELECT (ml.alter_view('cities', 'SELECT city FROM sale WHERE id < 9')).state = 'catching up'",
		"the order of views on views": "SELECT count(*) = 2 FROM ml_private.view WHERE definition <> 0 AND made AND generation > 1 AND view <> 'cities'::regclass",
		"what the original was given": "SELECT count(*) = 1 FROM pg_policy WHERE polrelid = 'ml_private.view'::regclass AND polname = 'worker'",
		"the guard":                   "SELECT count(*) = 3 FROM pg_trigger WHERE tgname = 'millrace_guard'",
	} {
		if got := c.Text(query); got != "t" {
			s.t.Errorf("%s: %s gives %s", what, query, got)
		}
	}
	c.Refused("55000", "INSERT INTO by_city VALUES ('x', 1, 1)")
	s.settle()
	s.compare("cities")
}
