package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/pgserver"
	"github.com/millrace/millrace/internal/pgtest"
)

// run runs statements in one session, which must succeed.
func run(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestHintsEverywhere runs commands where the event triggers could be in their way.
func TestHintsEverywhere(t *testing.T) {
	t.Parallel()
	conn := installed(t)
	l, c := listen(t, conn), stranger(t, conn)
	run(t, c, "CREATE TABLE t (id int PRIMARY KEY)", "BEGIN; CREATE TABLE early (id int); SET TRANSACTION READ ONLY; COMMIT")
	_, err := c.Exec(t.Context(), "BEGIN READ ONLY; CREATE TEMP TABLE tt (id int)")
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "25006" {
		t.Errorf("in a READ ONLY transaction: %v, want PostgreSQL's own refusal", err)
	}
	run(t, c, "ROLLBACK", "BEGIN READ ONLY; REINDEX TABLE t; COMMIT",
		"BEGIN ISOLATION LEVEL SERIALIZABLE; CREATE TABLE serial (id int); COMMIT",
		"DO $$ BEGIN EXECUTE 'CREATE TABLE inner_one (id int)'; PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN EXECUTE 'CREATE TABLE inner_two (id int)'; END $$",
		"SET statement_timeout = '1min'; SET lock_timeout = '1ms'; CREATE TABLE timed (id int); RESET ALL",
		"SET search_path = ''; SET row_security = off; SET check_function_bodies = off; SET default_transaction_read_only = off; CREATE TABLE "+c.Config().User+".restored (id int); RESET ALL",
	)
	parallel := "force_parallel_mode"
	if pgtest.Server(t).Major() >= 16 {
		parallel = "debug_parallel_query"
	}
	run(t, c, "SET "+parallel+" = on; SET parallel_setup_cost = 0; SET jit_above_cost = 0", "CREATE TABLE parallel (id int)", "DROP TABLE parallel", "RESET ALL")
	// Somebody who may lock the table of the views, and one who takes rights away.
	locker := administrator(t, conn.Config().ConnString())
	run(t, locker, "BEGIN", "LOCK TABLE ml_private.view, ml_private.identity IN ACCESS EXCLUSIVE MODE", "REVOKE ALL ON ml_private.view FROM PUBLIC")
	run(t, c, "SET lock_timeout = '10s'", "CREATE TABLE beside (id int)", "DROP TABLE beside", "RESET ALL")
	run(t, locker, "ROLLBACK")
	run(t, locker, "REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text"+map[bool]string{true: ", boolean"}[pgtest.Server(t).Major() >= 17]+
		") FROM PUBLIC; REVOKE SELECT ON pg_replication_slots FROM PUBLIC; REVOKE EXECUTE ON FUNCTION pg_get_replication_slots FROM PUBLIC")
	l.heard()
	run(t, c, "CREATE TABLE unprivileged (id int)")
	if n := l.heard(); n == 0 {
		t.Error("no hint of a role that may not write messages itself")
	}
	// The extension and all that depends on it, the whole installation among it.
	run(t, locker, "BEGIN", "DROP EXTENSION postgres_fdw CASCADE", "CREATE EXTENSION postgres_fdw", "DROP SCHEMA ml, ml_private, ml_view, ml_apply CASCADE", "CREATE TABLE public.without (id int)", "ROLLBACK")
	// What a dump holds, restored by somebody who is no superuser.
	_, err = c.Exec(t.Context(), "CREATE EVENT TRIGGER again ON sql_drop EXECUTE FUNCTION ml_view.hint()")
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "42501" {
		t.Errorf("an event trigger of an ordinary role: %v", err)
	}
	if _, err := locker.Exec(t.Context(), "SELECT ml_view.hint()"); err == nil {
		t.Error("the function of the event triggers can be called")
	}
}

// TestHintsBesideInstall creates and drops tables while Millrace is installed and
// uninstalled: none of it may fail.
func TestHintsBesideInstall(t *testing.T) {
	t.Parallel()
	conn := installed(t)
	l := listen(t, conn)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 2)
	for i := range 2 {
		c := administrator(t, conn.Config().ConnString())
		go func() {
			for ctx.Err() == nil {
				if _, err := c.Exec(t.Context(), fmt.Sprintf("CREATE TABLE public.t%d (id int PRIMARY KEY); ALTER TABLE public.t%[1]d ADD a int; DROP TABLE public.t%[1]d", i)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := Uninstall(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := Install(t.Context(), conn, InstallOptions{Host: "/nowhere", Port: 6432}); err != nil {
				t.Fatal(err)
			}
		}
		l.exec("SELECT pg_create_logical_replication_slot('" + l.slot + "', 'pgoutput')")
	}
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Errorf("a command beside it: %v", err)
		}
	}
}

// TestHintsInApply has a subscription's trigger change the catalog.
func TestHintsInApply(t *testing.T) {
	t.Parallel()
	origin := administrator(t, pgtest.Database(t))
	run(t, origin, "CREATE TABLE public.t (id int PRIMARY KEY)", "CREATE PUBLICATION ours FOR TABLE public.t")
	conn := installed(t)
	l := listen(t, conn)
	slot := "sub_" + l.slot
	run(t, origin, "SELECT pg_create_logical_replication_slot('"+slot+"', 'pgoutput')")
	u, err := url.Parse(origin.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	run(t, conn, "CREATE TABLE public.t (id int PRIMARY KEY)",
		"CREATE FUNCTION public.grow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('CREATE TABLE public.of_%s (id int)', NEW.id); RETURN NULL; END $$",
		"CREATE TRIGGER grow AFTER INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.grow()", "ALTER TABLE public.t ENABLE REPLICA TRIGGER grow",
		"CREATE SUBSCRIPTION "+slot+" CONNECTION '"+u.String()+"' PUBLICATION ours WITH (create_slot = false, copy_data = false)")
	t.Cleanup(func() { pgtest.Exec(t, conn.Config().ConnString(), "DROP SUBSCRIPTION "+slot) })
	l.heard()
	run(t, origin, "INSERT INTO public.t VALUES (7)")
	for deadline := time.Now().Add(time.Minute); l.heard() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no hint of what a subscription's trigger made")
		}
	}
	run(t, conn, "TABLE public.of_7")
}

// TestHintsOfLevels has commands in prepared transactions, in recovery after a crash,
// and at the levels of the log at which nobody can follow it.
func TestHintsOfLevels(t *testing.T) {
	t.Parallel()
	config := pgserver.Config{Binaries: pgtest.Server(t).Binaries(), DataDir: pgtest.Folder(t) + "/data", Settings: map[string]string{"max_prepared_transactions": "2", "shared_buffers": "16MB"}}
	for i, level := range []string{"logical", "replica", "minimal"} {
		config.Settings["wal_level"], config.Settings["max_wal_senders"] = level, map[bool]string{true: "0", false: "4"}[level == "minimal"]
		server, err := pgserver.Start(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		conn := administrator(t, server.URL(server.Superuser(), server.Password(), "postgres"))
		l := &listener{Conn: conn, t: t}
		if i == 0 {
			if _, err := Install(t.Context(), conn, InstallOptions{Host: "/nowhere", Port: 6432}); err != nil {
				t.Fatal(err)
			}
			l.follow()
		}
		run(t, conn, fmt.Sprintf("CREATE TABLE public.t%d (id int PRIMARY KEY)", i), "SELECT pg_logical_emit_message(true, 'millrace', '')",
			fmt.Sprintf("BEGIN; ALTER TABLE public.t%d ADD a int; PREPARE TRANSACTION 'one'", i), "COMMIT PREPARED 'one'", fmt.Sprintf("SELECT a FROM public.t%d", i))
		if level == "logical" {
			if n := l.heard(); n != 3 {
				t.Errorf("%d hints of a new table, a message and a prepared transaction, want 3", n)
			}
			l.exec("SELECT pg_drop_replication_slot('" + l.slot + "')")
		}
		_ = conn.Close(t.Context())
		if err := server.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
