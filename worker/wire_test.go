package worker_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/worker"
)

// startTCP runs a worker on a TCP port and points the database to it.
func startTCP(t *testing.T, listen, sslmode string) *milltest.Env {
	t.Helper()
	e := milltest.Install(t)
	e.Config.Listen = listen
	e.Run(t)
	options := worker.InstallOptions{Host: "127.0.0.1", Port: e.Worker.Address().Port, SSLMode: sslmode, Madlib: true}
	if _, err := worker.Install(t.Context(), e.AdminURL, options); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestTCP calls over TCP: encrypted with channel binding, and, on loopback, plain.
func TestTCP(t *testing.T) {
	t.Parallel()
	for _, sslmode := range []string{"require", "disable"} {
		t.Run(sslmode, func(t *testing.T) {
			t.Parallel()
			e := startTCP(t, "tcp://127.0.0.1:0", sslmode)
			_, url := e.Role(t, "caller")
			c := open(t, url)
			c.run(dataSQL("t", 100))
			m := c.fit("t", "y", "x")
			c.checkSlope(m, "t", "y", "x")
			c.run("BEGIN; INSERT INTO t VALUES (0, 500, -1000)")
			m = c.fit("t", "y", "x")
			c.checkSlope(m, "t", "y", "x")
			c.run("COMMIT")
		})
	}
}

// TestPlainRefused refuses clients that do not encrypt where others could listen.
func TestPlainRefused(t *testing.T) {
	t.Parallel()
	e := startTCP(t, "tcp://0.0.0.0:0", "disable")
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(dataSQL("t", 50))
	c.refused("08001", "SELECT ml.linear_regression('t', 'y', '{x}', 'm')")
}

// TestDirect talks to the worker's socket without the database in between: only
// the role's secret opens it, and behind it only what postgres_fdw sends.
func TestDirect(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	alice, url := e.Role(t, "alice")
	bob, _ := e.Role(t, "bob")
	boss, c := admin(t, e), open(t, url)
	secret := func(role string) string {
		return boss.text("SELECT o.option_value FROM pg_user_mappings AS m, pg_options_to_table(m.umoptions) AS o WHERE m.usename = $1 AND m.srvname = 'millrace' AND o.option_name = 'password'", role)
	}
	for _, tt := range []struct{ name, user, password string }{
		{"NoPassword", alice, ""}, {"DatabasePassword", alice, c.Config().Password}, {"OthersSecret", bob, secret(alice)}, {"Superuser", "postgres", secret(alice)},
		{"ReaderPassword", alice, boss.text("SELECT reader_password FROM ml_private.role WHERE name = $1", alice)},
		{"Verifier", alice, boss.text("SELECT verifier FROM ml_private.role WHERE name = $1", alice)}, {"Unknown", "nobody", secret(alice)},
	} {
		_, err := pgx.Connect(t.Context(), directURL(e, tt.user, tt.password))
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "28P01" {
			t.Errorf("%s: %v, want 28P01", tt.name, err)
		}
	}
	conn, err := pgconn.Connect(t.Context(), directURL(e, alice, secret(alice)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range []string{
		"SELECT 1", "SET ROLE " + bob + "; SELECT 1", "SELECT * FROM ml_private.role", "COPY (SELECT 1) TO PROGRAM 'id'", "CREATE TABLE t (n int)",
		"START TRANSACTION; DECLARE c CURSOR FOR SELECT t1 FROM ml.role WHERE ((request = 'x')); FETCH 1 FROM c",
	} {
		_, err := conn.Exec(t.Context(), sql).ReadAll()
		wantCode(t, "0A000", sql, err)
		_, _ = conn.Exec(t.Context(), "ABORT TRANSACTION").ReadAll()
	}
	// Whatever SET says, the session is alice's.
	results, err := conn.Exec(t.Context(), fmt.Sprintf("SET role = '%s'; SET session_authorization = '%[1]s'; START TRANSACTION; DECLARE c CURSOR FOR SELECT t1 FROM ml.rows WHERE ((request = 'jobs')); FETCH 10 FROM c; COMMIT TRANSACTION", bob)).ReadAll()
	if err != nil || len(results) == 0 {
		t.Fatal(explain(err))
	}
}
