package worker_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// managed is a database as a provider hands it out: nobody who can be logged in as
// is a superuser.
type managed struct {
	ownerURL  string // of the provider's administrator, who owns the database
	owner     string
	installer string // the role that installs Millrace
	adminURL  string // of the installer
	app       string // the role of an application
	appURL    string
	database  string
}

// newManaged makes the roles. The extension is there, as where a provider lets its
// administrator create it.
func newManaged(t *testing.T) *managed {
	t.Helper()
	m := &managed{}
	superURL := pgtest.Database(t)
	config, err := pgx.ParseConfig(superURL)
	if err != nil {
		t.Fatal(err)
	}
	m.database = pgx.Identifier{config.Database}.Sanitize()
	var ownerPassword string
	m.owner, ownerPassword = pgtest.Role(t, "owner", "LOGIN CREATEROLE NOSUPERUSER")
	m.ownerURL = milltest.WithUser(t, superURL, m.owner, ownerPassword)
	pgtest.Exec(t, superURL, fmt.Sprintf(`
		ALTER DATABASE %s OWNER TO %s;
		CREATE EXTENSION postgres_fdw;
		GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO %[2]s WITH GRANT OPTION`, m.database, m.owner))
	m.installer, m.app = m.owner+"_install", m.owner+"_app"
	m.adminURL = milltest.WithUser(t, superURL, m.installer, "installing")
	m.appURL = milltest.WithUser(t, superURL, m.app, "calling")
	t.Cleanup(func() {
		pgtest.Exec(t, superURL, fmt.Sprintf(`REVOKE USAGE ON FOREIGN DATA WRAPPER postgres_fdw FROM %s CASCADE;
			DROP OWNED BY %s, %s; DROP ROLE %[2]s, %[3]s`, m.owner, m.app, m.installer))
	})
	return m
}

// recipe is what README tells the administrator to run, with the names of the test.
func (m *managed) recipe() []string {
	return []string{
		"CREATE ROLE " + m.app + " LOGIN PASSWORD 'calling'",
		"GRANT CREATE ON SCHEMA public TO " + m.app,
		// From here on it is README's.
		"CREATE EXTENSION IF NOT EXISTS postgres_fdw",
		"CREATE ROLE " + m.installer + " LOGIN CREATEROLE PASSWORD 'installing'",
		"GRANT CREATE ON DATABASE " + m.database + " TO " + m.installer + " WITH GRANT OPTION",
		"GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO " + m.installer,
		"GRANT " + m.app + " TO " + m.installer + " WITH ADMIN OPTION",
	}
}

// TestManagedInstall installs, enrolls, calls and uninstalls with no superuser
// anywhere, from the statements that README gives.
func TestManagedInstall(t *testing.T) {
	t.Parallel()
	m := newManaged(t)
	ctx := t.Context()
	owner := open(t, m.ownerURL)
	for _, statement := range m.recipe() {
		owner.run(statement)
	}

	address := worker.Address{Network: "unix", Host: pgtest.SocketDir(t), Port: 6432}
	options := worker.InstallOptions{Host: address.Host, Port: address.Port, Madlib: true}
	made, err := worker.Install(ctx, m.adminURL, options)
	if err != nil {
		t.Fatalf("install: %v", explain(err))
	}
	if err := worker.Enroll(ctx, m.adminURL, m.app, false); err != nil {
		t.Fatalf("enroll: %v", explain(err))
	}
	m.checkOwnership(t, made.Worker)

	e := &milltest.Env{Config: worker.Config{DatabaseURL: milltest.WithUser(t, m.adminURL, made.Worker, made.WorkerPassword), Listen: address.String()}}
	stop := e.Run(t)
	app := open(t, m.appURL)
	app.run(dataSQL("app_data", 500))
	fitted := app.fit("app_data", "y", "x")
	if fitted.read != "snapshot" {
		t.Errorf("read by %s (%s), want snapshot: the reader login does not work", fitted.read, fitted.reason)
	}
	app.checkSlope(fitted, "app_data", "y", "x")

	stop()
	if err := worker.Uninstall(context.WithoutCancel(ctx), m.adminURL); err != nil {
		t.Fatalf("uninstall: %v", explain(err))
	}
	if left := app.text("SELECT count(*)::text FROM pg_namespace WHERE nspname IN ('ml', 'ml_private', 'madlib')"); left != "0" {
		t.Errorf("%s schemas are left", left)
	}
	if rows := app.text("SELECT count(*)::text FROM app_data"); rows != "500" {
		t.Errorf("the application's table has %s rows after uninstall, want 500", rows)
	}
}

// checkOwnership checks who owns what and that no login is more than it needs to be.
func (m *managed) checkOwnership(t *testing.T, login string) {
	t.Helper()
	c := open(t, m.ownerURL)
	for _, what := range []struct{ name, sql string }{
		{"schemas", "SELECT string_agg(DISTINCT nspowner::regrole::text, ',') FROM pg_namespace WHERE nspname IN ('ml', 'ml_private', 'madlib')"},
		{"functions", "SELECT string_agg(DISTINCT proowner::regrole::text, ',') FROM pg_proc WHERE pronamespace IN ('ml'::regnamespace, 'ml_private'::regnamespace)"},
		{"foreign server", "SELECT srvowner::regrole::text FROM pg_foreign_server WHERE srvname = 'millrace'"},
	} {
		if got := c.text(what.sql); got != m.installer {
			t.Errorf("owner of %s = %s, want %s", what.name, got, m.installer)
		}
	}
	const attributes = `SELECT count(*)::text FROM pg_roles WHERE (rolname = $1 OR rolname ~ '^ml_r_') AND
		(rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR rolinherit)`
	if n := c.text(attributes, login); n != "0" {
		t.Errorf("%s logins have an attribute besides LOGIN", n)
	}
	const member = "SELECT string_agg(g.rolname, ',') FROM pg_auth_members AS m JOIN pg_roles AS g ON g.oid = m.roleid JOIN pg_roles AS r ON r.oid = m.member, pg_database AS d WHERE d.datname = current_database() AND r.rolname ~ ('^ml_r_' || d.oid || '_')"
	if got := c.text(member); got != m.app {
		t.Errorf("the reader login is a member of %s, want %s", got, m.app)
	}
}

// TestManagedLacking takes away one grant of the recipe at a time: PostgreSQL
// refuses, so the recipe has nothing that is not needed.
func TestManagedLacking(t *testing.T) {
	t.Parallel()
	for i, name := range map[int]string{4: "NoCreateOnDatabase", 5: "NoUsageOnWrapper", 6: "NoAdminOption"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManaged(t)
			owner := open(t, m.ownerURL)
			for j, statement := range m.recipe() {
				if j != i {
					owner.run(statement)
				}
			}
			_, err := worker.Install(t.Context(), m.adminURL, worker.InstallOptions{Host: "/nowhere", Port: 6432})
			if i == 6 && err == nil {
				t.Cleanup(func() {
					if err := worker.Uninstall(context.Background(), m.adminURL); err != nil {
						t.Error(err)
					}
				})
				err = worker.Enroll(t.Context(), m.adminURL, m.app, false)
				if before16(t, owner) {
					if err != nil {
						t.Fatalf("before PostgreSQL 16 CREATEROLE alone enrolls: %v", explain(err))
					}
					return
				}
			}
			wantCode(t, "42501", name, err)
		})
	}
}

func before16(t *testing.T, c *client) bool {
	t.Helper()
	return c.text("SELECT (current_setting('server_version_num')::int < 160000)::text") == "true"
}
