package view_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgserver"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// upgrade stops the site's server and moves its cluster to a new one with pg_upgrade, of
// the same version: what it keeps, and what it does not, is the same.
func (s *site) upgrade(program string) *pgserver.Server {
	s.t.Helper()
	config := s.serverConfig
	config.DataDir, config.Password = filepath.Join(pgtest.Folder(s.t), "data"), s.server.Password()
	empty, err := pgserver.Start(s.t.Context(), config)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, server := range []*pgserver.Server{empty, s.server} {
		if err := server.Stop(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
	binaries, dir := filepath.Dir(program), s.scratch()
	out, err := s.execute(dir, program, "-b", binaries, "-B", binaries, "-d", s.server.DataDir(), "-D", config.DataDir,
		"-U", s.server.Superuser(), "-s", dir, "--no-sync")
	if err != nil {
		s.t.Fatalf("pg_upgrade: %v: %s", err, out)
	}
	return s.cluster(config.DataDir, 0, nil)
}

// TestUpgrade moves a cluster with pg_upgrade. From PostgreSQL 15 on a database keeps its
// number; from version 14 it gets another one, as a copy of it does, which may be one
// that roles were named after. The slot is not moved. After install and enroll the views
// come back.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := newDurable(t)
	program := s.program("pg_upgrade")
	if program == "" {
		return
	}
	if s.server.Major() != clientMajor {
		t.Logf("nothing to test: pg_upgrade of PostgreSQL %d moves clusters to that version, from one whose programs are all there", clientMajor)
		return
	}
	stop := s.run()
	c := s.open()
	c.Run(durableSQL)
	c.Run(`ALTER VIEW by_city_definition RENAME TO "By city"; ALTER TABLE by_city_log RENAME TO changes`)
	s.settle()
	stop()
	database := c.Text("SELECT current_database()")
	server := s.upgrade(program)
	postgres := milltest.Open(t, server.URL(server.Superuser(), server.Password(), "postgres"))
	// All numbers but the database's are in a copy as they were.
	postgres.Run("CREATE DATABASE renumbered TEMPLATE " + database)
	for _, name := range []string{database, "renumbered"} {
		part := "SameNumber"
		if name != database {
			part = "OtherNumber"
		}
		t.Run(part, func(t *testing.T) {
			on := s.on(t)
			admin := server.URL(server.Superuser(), server.Password(), name)
			on.config.StateDir = s.config.StateDir // of before
			on.refusesCopy(admin)
			if name == database {
				on.moveTo(server) // the login is as it was
			}
			if name != database {
				on.refusesRoles(admin)
			}
			on.installAnew(server, admin, name)
			on.run()
			on.returns()
		})
	}
}

// refusesRoles installs where roles of another database's have the names of ours: it
// must not share them.
func (s *site) refusesRoles(admin string) {
	s.t.Helper()
	c := milltest.Open(s.t, admin)
	number := c.Text("SELECT oid FROM pg_database WHERE datname = current_database()")
	for _, name := range []string{"ml_worker_" + number, "ml_publisher_" + number} {
		c.Run("CREATE ROLE " + name + "; COMMENT ON ROLE " + name + " IS 'Millrace: made for somebody, of database " + number + " of system 1'")
		_, err := worker.Install(s.t.Context(), admin, worker.InstallOptions{Host: "/nowhere", Port: 6432})
		if err == nil || !strings.Contains(err.Error(), "ALTER ROLE "+name+" RENAME") {
			s.t.Errorf("install beside role %s: %v, want how to rename it", name, err)
		}
		c.Run("ALTER ROLE " + name + " RENAME TO " + name + "_former")
	}
}
