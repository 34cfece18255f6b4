package worker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

var installOptions = worker.InstallOptions{Host: "/nowhere", Port: 6432, Madlib: true}

// TestOtherVersion has functions and worker of different versions meet: the call
// says what to do, before any work.
func TestOtherVersion(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	boss, c := admin(t, e), open(t, url)
	c.run(dataSQL("t", 50))
	boss.run("CREATE OR REPLACE FUNCTION ml_private.version() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$SELECT 'older'::pg_catalog.text$$")
	snapshot, session := paths(e, func() {
		f := c.refused("55000", "SELECT ml.linear_regression('t', 'y', '{x}', 'm')")
		if !strings.Contains(f.Hint, "millrace install") || !strings.Contains(f.Message, "older") {
			t.Errorf("message %q, hint %q: want both versions and the command", f.Message, f.Hint)
		}
	})
	if snapshot+session != 0 {
		t.Error("rows were read")
	}
}

// TestInstallTwice installs over an installation: what users were given stays.
func TestInstallTwice(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	boss, c := admin(t, e), open(t, url)
	c.run(dataSQL("t", 50))
	before := c.fit("t", "y", "x")
	boss.run("DROP FUNCTION ml.help; CREATE OR REPLACE FUNCTION ml_private.version() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$SELECT 'older'::pg_catalog.text$$")
	options := worker.InstallOptions{Host: e.Address.Host, Port: e.Address.Port, Madlib: true}
	for range 2 {
		made, err := worker.Install(t.Context(), e.AdminURL, options)
		if err != nil {
			t.Fatal(err)
		}
		if made.WorkerPassword != "" {
			t.Error("the worker's login got a new password, and the running worker does not know it")
		}
	}
	again := open(t, url)
	if after := again.fit("t", "y", "x"); after.coefficients != before.coefficients || after.read != "snapshot" {
		t.Errorf("after the second installation: %+v, want %+v", after, before)
	}
	again.run("SELECT ml.help('knn')")
	if m := c.fit("t", "y", "x"); m.coefficients != before.coefficients {
		t.Error("the session that was open meanwhile computes something else")
	}
}

// TestInstallBlocked refuses to replace functions that users have built on, as a
// whole, and says what they have built.
func TestInstallBlocked(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(dataSQL("t", 50) + "CREATE VIEW mine AS SELECT * FROM ml.jobs")
	options := worker.InstallOptions{Host: e.Address.Host, Port: e.Address.Port}
	if _, err := worker.Install(t.Context(), e.AdminURL, options); err != nil {
		t.Fatalf("installation of the same version: %v, want nothing to do", err)
	}
	version := c.text("SELECT ml_private.version()")
	setVersion := func(v string) {
		admin(t, e).run("CREATE OR REPLACE FUNCTION ml_private.version() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT '" + v + "'::text$$")
	}
	setVersion("older")
	if _, err := worker.Install(t.Context(), e.AdminURL, options); err == nil || !strings.Contains(err.Error(), "depend") {
		t.Fatalf("installation over a user's view: %v, want the dependency", err)
	}
	setVersion(version)
	m := c.fit("t", "y", "x")
	c.checkSlope(m, "t", "y", "x")
	c.run("TABLE mine")
}

// TestForeignSchemas keeps away from schemas of the same names that somebody
// else has made.
func TestForeignSchemas(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{"ml", "ml_private"} {
		address := pgtest.Database(t)
		pgtest.Exec(t, address, "CREATE SCHEMA "+schema+"; CREATE TABLE "+schema+".precious (n int)")
		if _, err := worker.Install(t.Context(), address, installOptions); err == nil || !strings.Contains(err.Error(), "schema "+schema+" exists") {
			t.Errorf("installation over a foreign schema %s: %v, want a refusal", schema, err)
		}
		c := open(t, address)
		c.run("TABLE " + schema + ".precious")
		if got := c.text("SELECT count(*)::text FROM pg_namespace WHERE nspname IN ('ml', 'ml_private')"); got != "1" {
			t.Errorf("%s schemas after the refusal, want the foreign one alone", got)
		}
	}
	address := pgtest.Database(t)
	pgtest.Exec(t, address, "CREATE SCHEMA madlib; CREATE FUNCTION madlib.version() RETURNS text LANGUAGE sql AS 'SELECT ''true MADlib'''")
	made, err := worker.Install(t.Context(), address, installOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pgtest.Exec(t, pgtest.AdminURL(t, "postgres"), "DROP ROLE IF EXISTS "+made.Worker) })
	if !made.MadlibSkipped {
		t.Error("the installation does not say that it left schema madlib alone")
	}
	c := open(t, address)
	if got := c.text("SELECT madlib.version() || count(*) FROM pg_proc WHERE pronamespace = 'madlib'::regnamespace"); got != "true MADlib1" {
		t.Errorf("schema madlib: %s, want as it was", got)
	}
	if err := worker.Uninstall(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	c.text("SELECT madlib.version()")
}

// TestUninstall removes what was made and nothing else.
func TestUninstall(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := pgtest.Database(t)
	alice, password := pgtest.Role(t, "alice", "LOGIN")
	auditor, _ := pgtest.Role(t, "auditor", "NOLOGIN")
	made, err := worker.Install(ctx, address, installOptions)
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Enroll(ctx, address, alice, false); err != nil {
		t.Fatal(err)
	}
	boss := open(t, address)
	boss.run("GRANT SELECT ON ml_private.role TO " + auditor + "; CREATE SCHEMA " + alice + " AUTHORIZATION " + alice)
	c := open(t, milltest.WithUser(t, address, alice, password))
	c.run("CREATE TABLE model AS SELECT '{}'::jsonb AS model")
	logins := boss.text("SELECT count(*)::text FROM pg_roles WHERE rolname = $1 OR rolname LIKE 'ml\\_r\\_' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '%'", made.Worker)
	if logins != "2" {
		t.Fatalf("%s logins were made, want the worker's and one reader", logins)
	}
	if err := worker.Uninstall(ctx, address); err != nil {
		t.Fatal(err)
	}
	c.run("TABLE model")
	for sql, want := range map[string]string{
		"SELECT count(*)::text FROM pg_namespace WHERE nspname IN ('ml', 'ml_private', 'madlib')": "0",
		"SELECT count(*)::text FROM pg_foreign_server":                                            "0",
		"SELECT count(*)::text FROM pg_user_mappings":                                             "0",
		"SELECT count(*)::text FROM pg_roles WHERE rolname = '" + made.Worker + "' OR rolname LIKE 'ml\\_r\\_' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '%'": "0",
		"SELECT count(*)::text FROM pg_roles WHERE rolname IN ('" + alice + "', '" + auditor + "')":                                                                                        "2",
	} {
		if got := boss.text(sql); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	if err := worker.Uninstall(ctx, address); err == nil {
		t.Error("a second uninstallation succeeds")
	}
	if _, err := worker.Install(ctx, address, installOptions); err != nil {
		t.Errorf("installation after uninstallation: %v", err)
	}
	if err := worker.Uninstall(ctx, address); err != nil {
		t.Error(err)
	}
}

// TestOrdinaryAdministrator installs as a role without superuser. It needs, from
// a superuser, once:
//
//	CREATE ROLE installer LOGIN CREATEROLE PASSWORD '…';
//	\c the database
//	CREATE EXTENSION postgres_fdw;
//	GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO installer;
//	GRANT CREATE ON DATABASE the_database TO installer WITH GRANT OPTION;
//
// and, for each role to enroll that the installer has not itself made:
//
//	GRANT a_role TO installer WITH ADMIN OPTION;
//
// Before PostgreSQL 16 CREATEROLE may grant every role but superusers, and the
// last is not needed.
func TestOrdinaryAdministrator(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := pgtest.Database(t)
	installer, password := pgtest.Role(t, "installer", "LOGIN CREATEROLE")
	alice, alicePassword := pgtest.Role(t, "alice", "LOGIN")
	boss := open(t, address)
	boss.run("CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO " + installer +
		"; CREATE SCHEMA " + alice + " AUTHORIZATION " + alice)
	boss.run("DO $$BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO " + installer + " WITH GRANT OPTION', current_database()); END$$")
	if pgtest.Server(t).Major() >= 16 {
		boss.run("GRANT " + alice + " TO " + installer + " WITH ADMIN OPTION")
	}
	e := &milltest.Env{AdminURL: milltest.WithUser(t, address, installer, password)}
	e.Address = worker.Address{Network: "unix", Host: pgtest.SocketDir(t), Port: 6432}
	options := worker.InstallOptions{Host: e.Address.Host, Port: e.Address.Port, Madlib: true}
	made, err := worker.Install(ctx, e.AdminURL, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dropLeftLogins(t, made.Worker) })
	for range 2 {
		if err := worker.Enroll(ctx, e.AdminURL, alice, false); err != nil {
			t.Fatal(err)
		}
	}
	e.Config = worker.Config{DatabaseURL: milltest.WithUser(t, address, made.Worker, made.WorkerPassword), Listen: e.Address.String()}
	stop := e.Run(t)
	c := open(t, milltest.WithUser(t, address, alice, alicePassword))
	c.run(dataSQL("t", 50))
	m := c.fit("t", "y", "x")
	c.checkSlope(m, "t", "y", "x")
	if m.read != "snapshot" {
		t.Errorf("read by %s (%s), want snapshot", m.read, m.reason)
	}
	if _, err := worker.Install(ctx, e.AdminURL, options); err != nil {
		t.Fatalf("again: %v", err)
	}
	stop()
	if err := worker.Unenroll(ctx, e.AdminURL, alice); err != nil {
		t.Fatal(err)
	}
	if err := worker.Uninstall(ctx, e.AdminURL); err != nil {
		t.Fatal(err)
	}
	if got := boss.text("SELECT count(*)::text FROM pg_roles WHERE rolname = $1", made.Worker); got != "0" {
		t.Error("the worker's login is left")
	}
}

// dropLeftLogins cleans up behind a test that has failed half way.
func dropLeftLogins(t *testing.T, login string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.AdminURL(t, "postgres"))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(ctx)
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", login).Scan(&exists); err != nil {
		t.Error(err)
	}
	if exists {
		_, _ = conn.Exec(ctx, fmt.Sprintf("DROP ROLE %s", pgx.Identifier{login}.Sanitize())) // the database may still know it
	}
}
