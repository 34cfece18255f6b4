package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// TestHardenedDatabase installs where an administrator has taken from PUBLIC what
// PostgreSQL gives it: CONNECT, TEMPORARY, the schema public, and the right to
// execute new functions and to use new types.
func TestHardenedDatabase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := pgtest.Database(t)
	alice, password := pgtest.Role(t, "alice", "LOGIN")
	boss := open(t, address)
	database := boss.text("SELECT quote_ident(current_database())")
	boss.run(fmt.Sprintf(`REVOKE ALL ON DATABASE %s FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT CONNECT ON DATABASE %[1]s TO %[2]s;
		ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;
		CREATE SCHEMA %[2]s AUTHORIZATION %[2]s`, database, alice))
	e := &milltest.Env{AdminURL: address, Address: worker.Address{Network: "unix", Host: pgtest.SocketDir(t), Port: 6432}}
	made, err := worker.Install(ctx, address, worker.InstallOptions{Host: e.Address.Host, Port: e.Address.Port, Madlib: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dropLeftLogins(t, made.Worker) })
	if err := worker.Enroll(ctx, address, alice, false); err != nil {
		t.Fatal(err)
	}
	e.Config = worker.Config{DatabaseURL: milltest.WithUser(t, address, made.Worker, made.WorkerPassword), Listen: e.Address.String()}
	stop := e.Run(t)
	c := open(t, milltest.WithUser(t, address, alice, password))
	c.run(dataSQL("t", 50))
	for _, want := range []string{"snapshot", "session"} {
		if want == "session" {
			c.run("BEGIN; SAVEPOINT s")
		}
		m := c.fit("t", "y", "x")
		c.checkSlope(m, "t", "y", "x")
		if m.read != want {
			t.Errorf("read by %s (%s), want %s", m.read, m.reason, want)
		}
	}
	c.run("COMMIT; SELECT * FROM ml.jobs; SELECT ml.help('knn')")
	m := c.fit("t", "y", "sqrt(x)") // Without TEMPORARY the expression cannot be analysed outside.
	c.checkSlope(m, "t", "y", "sqrt(x)")
	stop()
	if err := worker.Uninstall(ctx, address); err != nil {
		t.Fatal(err)
	}
}

// TestHostileRoleNames enrolls roles with names that need every quote there is,
// in a database with such a name.
func TestHostileRoleNames(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	for _, prefix := range []string{`o'neil`, `"quoted"`, `back\slash`, `semi; DROP SCHEMA ml --`, `ünï cödé`, `$1 %s %I`, strings.Repeat("x", 46)} {
		t.Run(prefix, func(t *testing.T) {
			role, url := e.Role(t, prefix)
			if len(prefix) == 46 && len(role) != 63 {
				t.Fatalf("the name has %d bytes, want 63", len(role))
			}
			c := open(t, url)
			c.run(dataSQL("t", 50))
			m := c.fit("t", "y", "x")
			c.checkSlope(m, "t", "y", "x")
			if m.read != "snapshot" {
				t.Errorf("read by %s (%s), want snapshot", m.read, m.reason)
			}
			c.run("BEGIN; INSERT INTO t VALUES (0, 500, -1000)")
			c.checkSlope(c.fit("t", "y", "x"), "t", "y", "x")
			c.run("COMMIT; SELECT * FROM ml.jobs; SELECT ml.cancel('x')")
			c.run("SELECT ml.linear_regression('t', 'y', '{x}', 'm'); GRANT SELECT ON m TO " + pgx.Identifier{role}.Sanitize() + "; SELECT ml.linear_regression('t', 'y', '{x}', 'm', replace => true)")
		})
	}
}
