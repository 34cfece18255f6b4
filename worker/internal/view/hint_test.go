package view_test

import (
	"context"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker/internal/view"
)

// withoutHints drops the event triggers, as where no superuser has installed.
func withoutHints(t *testing.T, e *milltest.Env) {
	t.Helper()
	pgtest.Exec(t, e.AdminURL, "DROP EVENT TRIGGER millrace_hint; DROP EVENT TRIGGER millrace_hint_drop")
}

// TestHint changes what only a comparison finds, while comparisons are an hour apart
// unless there is a hint.
func TestHint(t *testing.T) {
	t.Cleanup(view.WatchEvery(time.Hour)) // behind those of the worker
	e := milltest.Start(t, nil)
	d, other := openDesk(t, e), openDesk(t, e)
	other.each("CREATE TABLE s (id int PRIMARY KEY, a int, b int); INSERT INTO s VALUES (1, 1, 1); SELECT ml.track('s'); GRANT USAGE ON SCHEMA " + other.role + " TO public; GRANT SELECT (id, a) ON s TO " + d.role)
	d.step("v", "SELECT ml.create_view('v', 'SELECT a, count(*) FROM "+other.role+".s GROUP BY a')")
	other.Run("REVOKE SELECT (a) ON s FROM " + d.role)
	d.until("v", "errored", "may not read column a")
	other.Run("GRANT SELECT ON s TO " + d.role)
	milltest.Until(t, "the view is back", func() bool { return d.state("v") == "live" })
	d.step("v", "SELECT 1")
	other.Run("ALTER TABLE s ENABLE ROW LEVEL SECURITY")
	d.until("v", "errored", "row")
	other.Run("ALTER TABLE s DISABLE ROW LEVEL SECURITY")
	milltest.Until(t, "the view is back", func() bool { return d.state("v") == "live" })

	// What a function of the view's gives is known by its hint alone.
	d.each("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2); SELECT ml.track('t')")
	d.Run("CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 2 * n; END'")
	d.step("w", "SELECT ml.create_view('w', 'SELECT id, twice(id) FROM t')")
	d.Run("CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 20 * n; END'")
	milltest.Until(t, "the view has the function's new values", func() bool { return d.Text("SELECT sum(twice) FROM w") == "60" })
	d.step("w", "INSERT INTO t VALUES (3)")
}

// TestHintInTick takes a privilege away and adds a row in one transaction: the tick
// that takes it does not write the row. Where the hint was not due, or the transaction
// not visible yet, another attempt has to show it.
func TestHintInTick(t *testing.T) {
	t.Cleanup(view.WatchEvery(time.Hour))
	e := milltest.Start(t, nil)
	d, other := openDesk(t, e), openDesk(t, e)
	other.each("CREATE TABLE s (id int PRIMARY KEY, a int); SELECT ml.track('s'); GRANT USAGE ON SCHEMA " + other.role + " TO public; GRANT SELECT ON s TO " + d.role)
	d.step("v", "SELECT ml.create_view('v', 'SELECT id, a FROM "+other.role+".s')")
	for i := range 20 {
		time.Sleep(300 * time.Millisecond) // the last comparison is long over
		other.Run("BEGIN; REVOKE SELECT ON s FROM " + d.role + "; INSERT INTO s VALUES (" + strconv.Itoa(i) + ", 1); COMMIT")
		d.until("v", "errored", "may not read")
		shown := d.Text("SELECT count(*) FROM v WHERE id = " + strconv.Itoa(i))
		other.Run("GRANT SELECT ON s TO " + d.role)
		milltest.Until(t, "the view is back", func() bool { return d.state("v") == "live" })
		if shown == "0" {
			return
		}
	}
	t.Error("in none of 20 attempts the privilege was seen to be gone in the tick of its transaction")
}

// TestWithoutHints finds everything by comparison.
func TestWithoutHints(t *testing.T) {
	t.Parallel()
	e := milltest.Install(t)
	withoutHints(t, e)
	_ = e.Run(t)
	for name, test := range map[string]func(*testing.T, desk){
		"partitions": partitionsDDL, "inheritance": inheritanceDDL, "orphan": orphanDDL, "publication": publicationDDL,
		"plain view": plainViewDDL, "result": resultDDL, "enum": enumDDL, "identity": changedIdentity,
		"privileges": func(t *testing.T, d desk) { privilegeSurface(t, e, d) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, openDesk(t, e))
		})
	}
}

// TestForgedHints has a role without any rights write hints as fast as it can, beside
// views that have to go on, and one that is told apart only by comparison.
func TestForgedHints(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	d := openDesk(t, e)
	d.step("v", tableT)
	role, password := pgtest.Role(t, "forger", "LOGIN")
	pgtest.Exec(t, e.AdminURL, "REVOKE ALL ON SCHEMA public FROM "+role)
	forger := milltest.WithUser(t, e.AdminURL, role, password)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	defer func() { cancel(); wait.Wait() }()
	for range 2 {
		c := milltest.Open(t, forger)
		wait.Go(func() {
			for ctx.Err() == nil {
				_, _ = c.Exec(ctx, "SELECT pg_logical_emit_message(true, 'millrace', repeat('x', 100)), pg_logical_emit_message(false, 'millrace', '')")
			}
		})
	}
	for range 10 {
		d.step("v", "UPDATE t SET a = a + 1 WHERE id = 1")
	}
	d.step("v", "ALTER TABLE t RENAME COLUMN a TO aa; UPDATE t SET aa = aa + 1 WHERE id = 2")
	d.until("v", "live")
}

// TestHintOfStalledCommit has a privilege taken away by a transaction that waits for a
// standby: nothing waits for it, and its hint is kept until the catalog shows it.
func TestHintOfStalledCommit(t *testing.T) {
	t.Cleanup(view.WatchEvery(time.Hour))
	s := newPrivateSite(t, map[string]string{"fsync": "off"})
	admin, c, stalled := s.openAdmin(), s.open(), s.openAdmin()
	role := roleOf(t, s.owner)
	admin.Run("CREATE TABLE public.item (id int PRIMARY KEY); ALTER PUBLICATION millrace ADD TABLE public.item; GRANT SELECT ON public.item TO " + role)
	c.Run("CREATE TABLE other (id int PRIMARY KEY); SELECT ml.track('other'); SELECT ml.create_view('others', 'SELECT count(*) FROM other'); SELECT ml.create_view('v', 'SELECT id FROM public.item')")
	s.run()
	s.settle()
	admin.Run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	admin.Run("SELECT pg_reload_conf()")
	for _, local := range []*milltest.Client{c, admin} {
		local.Run("SET synchronous_commit = local")
	}
	milltest.Until(t, "commits wait for a standby", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		probe := s.openAdmin()
		_, err := probe.Exec(ctx, "SELECT pg_logical_emit_message(true, 'probe', '')")
		return err != nil
	})
	done := make(chan error, 1)
	go func() { done <- stalled.Try("REVOKE SELECT ON public.item FROM " + role) }()
	milltest.Until(t, "the commit waits", func() bool {
		return admin.Text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE 'REVOKE%'") == "1"
	})
	for range 5 {
		c.Run("INSERT INTO other SELECT count(*) FROM other")
		c.Run("SELECT ml.wait('others'); SELECT ml.wait('v')")
	}
	if got := c.Text("SELECT state FROM ml.views WHERE name = 'v'"); got != "live" {
		t.Errorf("the view is %s before the privilege is gone", got)
	}
	admin.Run("ALTER SYSTEM RESET synchronous_standby_names")
	admin.Run("SELECT pg_reload_conf()")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	milltest.Until(t, "the privilege is seen to be gone", func() bool { return c.Text("SELECT state FROM ml.views WHERE name = 'v'") == "errored" })
}

// TestHintsOnStandby has the event triggers on a standby, where PostgreSQL refuses
// commands by itself, and on what it becomes.
func TestHintsOnStandby(t *testing.T) {
	t.Parallel()
	s := newDurable(t)
	standby := s.standby()
	s.moveTo(standby)
	s.open().Refused("25006", "CREATE TABLE t (id int PRIMARY KEY)")
	promote(t, standby)
	milltest.Until(t, "the standby is a primary", func() bool { return s.openAdmin().Text("SELECT pg_is_in_recovery()") == "f" })
	s.open().Run("CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t ADD a int; DROP TABLE t")
}

// TestHintsInDump restores a dump as a role that may not make event triggers: with
// complaints, or without them when their lines are left out of the list, as README
// tells. The function then belongs to that role until a superuser installs.
func TestHintsInDump(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t, map[string]string{"fsync": "off"})
	program := s.program("pg_dump")
	if program == "" {
		return
	}
	path, role, postgres := filepath.Join(s.scratch(), "dump"), roleOf(t, s.owner), s.openAdmin()
	if out, err := s.execute("/", program, "-Fc", "-f", path, s.admin); err != nil {
		t.Fatalf("pg_dump: %v: %s", err, out)
	}
	list, err := s.execute("/", s.program("pg_restore"), "-l", path)
	if err != nil || strings.Count(list, " EVENT TRIGGER ") < 2 {
		t.Fatalf("pg_restore -l: %v: %s", err, list)
	}
	list = regexp.MustCompile(`(?m)^.* EVENT TRIGGER .*\n`).ReplaceAllString(list, "")
	s.put(path+".list", list)
	for name, options := range map[string][]string{"whole": {"--no-owner"}, "filtered": {"--no-owner", "-L", path + ".list"}} {
		postgres.Run("CREATE DATABASE " + name + " TEMPLATE template0 OWNER " + role)
		complaints := s.restore(path, s.server.URL(role, "of the owner", name), options...)
		if told := strings.Contains(complaints, "event trigger"); told != (name == "whole") {
			t.Errorf("%s: pg_restore: %s", name, complaints)
		}
		admin := milltest.Open(t, s.server.URL(s.server.Superuser(), s.server.Password(), name))
		const owner = "SELECT proowner::regrole FROM pg_proc WHERE proname = 'hint'"
		if got := admin.Text(owner); got != role {
			t.Errorf("%s: the restored function belongs to %s, want %s", name, got, role)
		}
	}
}
