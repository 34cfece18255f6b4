// Package readme holds no code: its tests run the statements of README.md on a real
// server, in order and as an ordinary enrolled role, and compare what README shows.
package readme

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// callers are the roles that README's statements run as.
var callers = []string{analyst, "reporting"}

const password = "readme"

// TestStatements runs all blocks but those for a provider's administrator.
func TestStatements(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() { pgtest.Exec(t, pgtest.AdminURL(t, "postgres"), "DROP ROLE "+strings.Join(callers, ", ")) })
	e := milltest.Start(t, nil)
	sessions := map[string]*pgx.Conn{}
	for _, role := range callers {
		pgtest.Exec(t, e.AdminURL, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'; GRANT CREATE ON SCHEMA public TO %[1]s", role, password))
		if err := worker.Enroll(t.Context(), e.AdminURL, role, false); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := worker.Unenroll(context.Background(), e.AdminURL, role); err != nil {
				t.Error(err)
			}
		})
		sessions[role] = pgtest.Connect(t, milltest.WithUser(t, e.AdminURL, role, password))
	}
	ran := 0
	for _, b := range blocks(t) {
		if b.role == provider {
			continue
		}
		session, known := sessions[b.role]
		if !known {
			t.Fatalf("README.md:%d: no role %q here; known are %v", b.line, b.role, callers)
		}
		ran += len(b.statements)
		if err := b.run(t.Context(), session.PgConn()); err != nil {
			t.Fatalf("README.md:%d: %v", b.line, err)
		}
	}
	if ran < 40 {
		t.Errorf("%d statements ran; README has more, so the test does not find them", ran)
	}
}

// run runs a block's statements and compares the last result that has columns with the
// one shown.
func (b block) run(ctx context.Context, conn *pgconn.PgConn) error {
	var shown string
	var err error
	for i, statement := range b.statements {
		var result string
		if result, err = execute(ctx, conn, statement); result != "" {
			shown = result
		}
		if err != nil && (i < len(b.statements)-1 || b.fails == "") {
			return fmt.Errorf("%s\n%w", statement, err)
		}
	}
	if b.fails != "" {
		e, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || e.Code != b.fails {
			return fmt.Errorf("error = %v, and README says SQLSTATE %s", err, b.fails)
		}
		shown = fmt.Sprintf("ERROR: %s\nHINT: %s", e.Message, e.Hint)
	}
	if want := table(b.shows); b.shows != "" && table(shown) != want {
		return fmt.Errorf("%s\nshows\n%s\nand README has\n%s", strings.Join(b.statements, "\n"), table(shown), want)
	}
	return nil
}

// execute runs one statement and returns its result, a line for each row; "" if it has
// no columns.
func execute(ctx context.Context, conn *pgconn.PgConn, statement string) (string, error) {
	results, err := conn.Exec(ctx, statement).ReadAll()
	if err != nil || len(results) == 0 {
		return "", err
	}
	last := results[len(results)-1]
	if len(last.FieldDescriptions) == 0 {
		return "", nil
	}
	names := make([]string, len(last.FieldDescriptions))
	for i, f := range last.FieldDescriptions {
		names[i] = f.Name
	}
	lines := []string{strings.Join(names, "|")}
	for _, row := range last.Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = string(c)
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return strings.Join(lines, "\n"), nil
}

// table takes the layout out of a result: spaces around cells, and the rule below
// the header.
func table(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Trim(line, "-+ \n") == "" {
			continue
		}
		cells := strings.Split(line, "|")
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		lines = append(lines, strings.Join(cells, " | "))
	}
	return strings.Join(lines, "\n")
}

// TestManagedRecipe runs the statements for managed PostgreSQL, under the very names
// that README uses, as an administrator who is not a superuser, and then installs,
// enrolls and calls.
func TestManagedRecipe(t *testing.T) {
	t.Parallel()
	app := providedDatabase(t)
	administrator := pgtest.Connect(t, milltest.WithUser(t, app, provider, password))
	if _, err := execute(t.Context(), administrator.PgConn(), "CREATE ROLE app_user LOGIN PASSWORD '"+password+"'"); err != nil {
		t.Fatal(err)
	}
	found := slices.DeleteFunc(blocks(t), func(b block) bool { return b.role != provider })
	if len(found) != 1 {
		t.Fatalf("README has %d blocks for a provider's administrator, want 1", len(found))
	}
	if err := found[0].run(t.Context(), administrator.PgConn()); err != nil {
		t.Fatalf("README.md:%d: %v", found[0].line, err)
	}
	installAs(t, app, milltest.WithUser(t, app, "millrace_install", "change me"))
	caller := pgtest.Connect(t, milltest.WithUser(t, app, "app_user", password))
	var rows int
	err := caller.QueryRow(t.Context(), "SELECT (ml.load_dataset('iris', 'pg_temp.iris')).rows_out").Scan(&rows)
	if err != nil || rows != 150 {
		t.Errorf("the first call returned %d rows and error %v, want 150", rows, err)
	}
}

// providedDatabase makes database app as a provider hands it out: its owner is no
// superuser, and may let others use postgres_fdw.
func providedDatabase(t *testing.T) string {
	t.Helper()
	super := pgtest.AdminURL(t, "postgres")
	t.Cleanup(func() {
		pgtest.Exec(t, super, "DROP DATABASE app WITH (FORCE)")
		pgtest.Exec(t, super, "DROP ROLE millrace_install, app_user, "+provider)
	})
	pgtest.Exec(t, super, "CREATE ROLE "+provider+" LOGIN CREATEROLE PASSWORD '"+password+"'")
	pgtest.Exec(t, super, "CREATE DATABASE app OWNER "+provider+" TEMPLATE template0 ENCODING 'UTF8'")
	app := withDatabase(t, super, "app")
	pgtest.Exec(t, app, "CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO "+provider+" WITH GRANT OPTION")
	return app
}

// installAs installs and enrolls app_user as the installer, and runs a worker.
func installAs(t *testing.T, app, installer string) {
	t.Helper()
	address := worker.Address{Network: "unix", Host: pgtest.SocketDir(t), Port: 6432}
	made, err := worker.Install(t.Context(), installer, worker.InstallOptions{Host: address.Host, Port: address.Port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pgtest.Exec(t, app, "DROP OWNED BY "+made.Worker+"; DROP ROLE "+made.Worker) })
	if err := worker.Enroll(t.Context(), installer, "app_user", false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := worker.Unenroll(context.Background(), installer, "app_user"); err != nil {
			t.Error(err)
		}
	})
	e := &milltest.Env{Config: worker.Config{DatabaseURL: milltest.WithUser(t, app, made.Worker, made.WorkerPassword), Listen: address.String()}}
	e.Run(t)
}

// withDatabase returns the address of another database on the same server.
func withDatabase(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}
