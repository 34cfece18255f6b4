package worker_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// secretTable makes a table that only the superuser may read.
func secretTable(c *client) {
	c.run("CREATE TABLE public.secret AS SELECT i::float8 AS x, 3 * i + cos(i) AS y FROM generate_series(1, 40) AS i")
}

// TestDefinerChain calls through SECURITY DEFINER functions in both directions:
// each call has the rights of its effective role, no more.
func TestDefinerChain(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	alice, aliceURL := e.Role(t, "alice")
	bob, bobURL := e.Role(t, "bob")
	a, b := open(t, aliceURL), open(t, bobURL)
	a.run(dataSQL("t", 50))
	b.run(dataSQL("own", 60))
	for _, x := range []struct {
		c    *client
		role string
	}{{a, alice}, {b, bob}} {
		x.c.run(fmt.Sprintf(`GRANT USAGE ON SCHEMA %s TO PUBLIC;
			CREATE FUNCTION %[1]s.definer(source text, output text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
				$$BEGIN RETURN (ml.linear_regression(source::regclass, 'y', '{x}', output)).rows_used; END$$;
			CREATE FUNCTION %[1]s.invoker(source text, output text) RETURNS bigint LANGUAGE plpgsql AS
				$$BEGIN RETURN (ml.linear_regression(source::regclass, 'y', '{x}', output)).rows_used; END$$`, x.role))
	}
	b.run(fmt.Sprintf(`CREATE FUNCTION %s.chain(source text, output text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
		$$BEGIN RETURN %s.invoker(source, output); END$$`, bob, alice))
	if got := a.text(fmt.Sprintf("SELECT %s.definer('%[1]s.own', '%[1]s.m1')::text", bob)); got != "60" {
		t.Errorf("bob's definer function read %s rows of his table, want 60", got)
	}
	a.refused("42501", fmt.Sprintf("SELECT %s.definer('%s.t', '%[1]s.m2')", bob, alice))
	a.refused("42501", fmt.Sprintf("SELECT %s.invoker('%[1]s.own', 'm3')", bob))
	if got := a.text(fmt.Sprintf("SELECT %s.chain('%[1]s.own', '%[1]s.m4')::text", bob)); got != "60" {
		t.Errorf("the chain read %s rows as bob, want 60", got)
	}
	a.refused("42501", fmt.Sprintf("SELECT %s.chain('%s.t', '%[1]s.m5')", bob, alice))
	if n := a.jobs(); n != "0" {
		t.Errorf("alice sees %s jobs", n)
	}
}

// TestAnalyzeAttack puts a call into an index expression and has the superuser
// run ANALYZE: session_user is the superuser then, and the acting role is not.
func TestAnalyzeAttack(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	alice, url := e.Role(t, "alice")
	boss, c := admin(t, e), open(t, url)
	secretTable(boss)
	c.run(fmt.Sprintf(`CREATE TABLE trace (who text, message text); CREATE TABLE bait (n int); INSERT INTO bait VALUES (1), (2);
		CREATE FUNCTION attempt() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
		DECLARE r ml.result;
		BEGIN
			BEGIN
				r := ml.linear_regression('public.secret', 'y', '{x}', '%[1]s.stolen', replace => true);
				INSERT INTO %[1]s.trace VALUES (current_user, 'stolen');
			EXCEPTION WHEN OTHERS THEN INSERT INTO %[1]s.trace VALUES (current_user, SQLSTATE || ' ' || SQLERRM);
			END;
		END$$;
		CREATE FUNCTION steal(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN
			IF current_user <> session_user THEN PERFORM %[1]s.attempt(); END IF;
			RETURN n;
		END$$;
		CREATE INDEX bait_steal ON bait (steal(n))`, alice))
	boss.run("ANALYZE " + alice + ".bait")
	if got := boss.text("SELECT string_agg(DISTINCT who || ': ' || left(message, 5), '; ') FROM " + alice + ".trace"); got != alice+": 42501" {
		t.Errorf("the index expression did %q, want 42501 as %s", got, alice)
	}
	if got := boss.text("SELECT to_regclass('" + alice + ".stolen')::text"); got != "NULL" {
		t.Error("the superuser's table was read")
	}
}

// TestReaderIsNobodyElse has functions of a user try to become somebody else in
// the reader's session. They leave what they have become in the rows they return.
func TestReaderIsNobodyElse(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	alice, url := e.Role(t, "alice")
	bob, _ := e.Role(t, "bob")
	boss, c := admin(t, e), open(t, url)
	secretTable(boss)
	boss.run("CREATE TABLE bobs AS SELECT * FROM secret; GRANT SELECT ON bobs TO " + bob)
	for _, tt := range []struct{ name, become string }{
		{"SetConfigNone", "PERFORM set_config('role', 'none', true)"},
		{"SetRoleNone", "SET LOCAL ROLE NONE"},
		{"ResetRole", "EXECUTE 'RESET ROLE'"},
		{"SetBob", "SET LOCAL ROLE " + bob},
		{"SetSuperuser", "SET LOCAL ROLE postgres"},
		{"SessionAuthorization", "SET LOCAL SESSION AUTHORIZATION postgres"},
		{"ResetSessionAuthorization", "RESET SESSION AUTHORIZATION"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			c.run(`DROP VIEW IF EXISTS v; DROP FUNCTION IF EXISTS attack(float8); DROP TABLE IF EXISTS t;` + dataSQL("t", 30))
			// Labelled immutable, so that a reader runs it; it yields 1 in the caller's
			// own session, and elsewhere 1 only if the attack has failed.
			c.run(fmt.Sprintf(`CREATE FUNCTION attack(y float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
				BEGIN
					IF session_user = '%s' THEN RETURN y; END IF;
					BEGIN %s; EXCEPTION WHEN OTHERS THEN RETURN y; END;
					BEGIN PERFORM 1 FROM public.secret; RETURN 100 * y; EXCEPTION WHEN insufficient_privilege THEN NULL; END;
					BEGIN PERFORM 1 FROM public.bobs; RETURN 200 * y; EXCEPTION WHEN insufficient_privilege THEN NULL; END;
					BEGIN PERFORM 1 FROM ml_private.role; RETURN 300 * y; EXCEPTION WHEN insufficient_privilege THEN NULL; END;
					RETURN y;
				END$$; CREATE VIEW v AS SELECT x, attack(y) AS y FROM t`, alice, tt.become))
			var m model
			snapshot, _ := paths(e, func() { m = c.fit("v", "y", "x") })
			if snapshot != 1 {
				t.Fatal("no reader was tried, so nothing was tested")
			}
			c.checkSlope(m, "v", "y", "x")
		})
	}
	c.t = t
	for _, tt := range []struct{ sql, want string }{
		{"SELECT count(*)::text FROM pg_roles WHERE rolname LIKE 'ml\\_r\\_%' AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR rolinherit)", "0"},
		{"SELECT coalesce(max(n), 1)::text FROM (SELECT count(*) AS n FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.member WHERE r.rolname LIKE 'ml\\_r\\_%' GROUP BY m.member) AS s", "1"},
		{"SELECT (NOT rolsuper AND NOT rolcreaterole AND NOT rolbypassrls AND NOT rolinherit)::text FROM pg_roles WHERE rolname = (SELECT 'ml_worker_' || oid FROM pg_database WHERE datname = current_database())", "true"},
	} {
		if got := boss.text(tt.sql); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.sql, got, tt.want)
		}
	}
}

// TestOthersJobs has bob, and alice in another session, reach for a job of
// alice by its ID, through every request there is.
func TestOthersJobs(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, aliceURL := e.Role(t, "alice")
	_, bobURL := e.Role(t, "bob")
	boss, caller := admin(t, e), open(t, aliceURL)
	caller.run(dataSQL("t", 100))
	end := block(t, boss, caller, "t")
	done := make(chan error, 1)
	go func() { done <- caller.try("SELECT ml.linear_regression('t', 'y', '{x}', 'm')") }()
	again, bob := open(t, aliceURL), open(t, bobURL)
	until(t, "the job is listed", func() bool { return again.jobs() == "1" })
	job := again.text("SELECT job FROM ml.jobs")
	if n := bob.jobs(); n != "0" {
		t.Errorf("bob sees %s jobs of alice", n)
	}
	if n := boss.jobs(); n != "0" {
		t.Errorf("the superuser, as a role of its own, sees %s jobs of alice", n)
	}
	for _, c := range []*client{bob, again} {
		for _, request := range []string{
			`SELECT ml_private.ask('{"op": "wait", "job": "JOB"}')`,
			`SELECT ml_private.ask('{"op": "start", "job": "JOB"}')`,
			`SELECT ml_private.ask('{"op": "shipped", "job": "JOB"}')`,
			`SELECT ml_private.send_chunk('ship JOB 0 ', ARRAY['\x00'::bytea])`,
			`SELECT answer FROM ml_private.worker WHERE request = 'ship JOB 0 00'`,
			`SELECT answer FROM ml_private.worker WHERE request = '{"op": "wait", "job": "JOB"}'`,
			`SELECT t1, f1 FROM ml_private.rows WHERE request = 'fetch JOB 0'`,
			`SELECT fa1 FROM ml_private.wide_rows WHERE request = 'fetch JOB 0'`,
		} {
			c.refused("42704", strings.ReplaceAll(request, "JOB", job))
		}
	}
	if got := bob.text("SELECT ml.cancel($1)::text", job); got != "false" {
		t.Errorf("bob's cancel of alice's job: %s, want false", got)
	}
	if got := bob.text("SELECT ml.cancel('no such job')::text"); got != "false" {
		t.Errorf("cancel of no job: %s, want false", got)
	}
	if again.jobs() != "1" {
		t.Error("the job is gone")
	}
	end()
	if err := <-done; err != nil {
		t.Error(explain(err))
	}
}

// block makes the readers of the caller wait for a lock: the table becomes a view
// with a function, labelled immutable, that looks at a table which the boss has
// locked. The boss's transaction ends with end.
func block(t *testing.T, boss, caller *client, table string) (end func()) {
	t.Helper()
	schema := caller.text("SELECT current_user")
	caller.run(fmt.Sprintf(`ALTER TABLE %[1]s RENAME TO base_%[1]s; CREATE TABLE IF NOT EXISTS gate (n int);
		CREATE OR REPLACE FUNCTION through(v float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$BEGIN PERFORM FROM %[2]s.gate; RETURN v; END$$;
		CREATE VIEW %[1]s AS SELECT id, x, %[2]s.through(y) AS y FROM base_%[1]s`, table, schema))
	boss.run("BEGIN; LOCK TABLE " + schema + ".gate IN ACCESS EXCLUSIVE MODE")
	return func() { boss.run("COMMIT") }
}

// untilReading waits until a reader waits for the boss's lock.
func untilReading(t *testing.T, c *client) {
	t.Helper()
	until(t, "a reader waits for the lock", func() bool {
		return c.text(`SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database()
			AND application_name = 'millrace reader' AND wait_event_type = 'Lock'`) != "0"
	})
}

// TestEnrollment follows a role through its life.
func TestEnrollment(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	ctx := t.Context()
	boss := admin(t, e)
	stranger, password := pgtest.Role(t, "stranger", "LOGIN")
	boss.run("CREATE SCHEMA " + stranger + " AUTHORIZATION " + stranger)
	c := open(t, milltest.WithUser(t, e.AdminURL, stranger, password))
	c.run(dataSQL("t", 50))
	const call = "SELECT ml.linear_regression('t', 'y', '{x}', 'm', replace => true)"
	refused := func(sql string) {
		t.Helper()
		f := c.refused("42501", sql)
		if !strings.Contains(f.Hint, "millrace enroll "+stranger) || !strings.Contains(f.Message, stranger) {
			t.Errorf("message %q, hint %q: want the role and the command", f.Message, f.Hint)
		}
	}
	refused(call)
	refused("SELECT * FROM ml.jobs")
	refused("SELECT ml.cancel('x')")
	for range 2 { // Enrolling twice replaces the secrets and works.
		if err := worker.Enroll(ctx, e.AdminURL, stranger, false); err != nil {
			t.Fatal(err)
		}
		c.run(call)
		m := c.fit("t", "y", "x")
		if m.read != "snapshot" {
			t.Errorf("read by %s (%s), want snapshot", m.read, m.reason)
		}
	}
	if err := worker.Unenroll(ctx, e.AdminURL, stranger); err != nil {
		t.Fatal(err)
	}
	refused(call)
	wantCode(t, "42704", "direct scan without a mapping", c.try("SELECT answer FROM ml_private.worker WHERE request = '{}'"))
	if got := boss.text("SELECT count(*)::text FROM pg_roles AS r JOIN pg_database AS d ON d.datname = current_database() WHERE rolname LIKE 'ml\\_r\\_' || d.oid || '\\_%' AND rolname NOT IN (SELECT reader FROM ml_private.role WHERE reader IS NOT NULL)"); got != "0" {
		t.Errorf("%s reader logins are left", got)
	}
	if err := worker.Enroll(ctx, e.AdminURL, "no such role", false); err == nil {
		t.Error("a role that does not exist was enrolled")
	}
}

// TestFormerRoles renames and drops enrolled roles: who bears the name
// afterwards gets nothing of the former bearer.
func TestFormerRoles(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	ctx := t.Context()
	boss := admin(t, e)
	role, _ := pgtest.Role(t, "former", "LOGIN")
	name := role + "_x" // dropped by this test itself
	make := func(password string) *client {
		boss.run("CREATE ROLE " + name + " LOGIN PASSWORD '" + password + "'; CREATE SCHEMA " + name + " AUTHORIZATION " + name)
		return open(t, milltest.WithUser(t, e.AdminURL, name, password))
	}
	const call = "SELECT ml.linear_regression('t', 'y', '{x}', 'm', replace => true)"
	c := make("one")
	c.run(dataSQL("t", 50))
	if err := worker.Enroll(ctx, e.AdminURL, name, false); err != nil {
		t.Fatal(err)
	}
	c.run(call)

	// Renamed: neither name is enrolled until that is said again.
	boss.run("ALTER ROLE " + name + " RENAME TO " + name + "2; ALTER ROLE " + name + "2 PASSWORD 'two'; ALTER SCHEMA " + name + " RENAME TO " + name + "2")
	renamed := open(t, milltest.WithUser(t, e.AdminURL, name+"2", "two"))
	renamed.refused("08001", call)
	fresh := make("three") // bears the name now
	fresh.run(dataSQL("t", 50))
	fresh.refused("42501", call)
	if err := worker.Enroll(ctx, e.AdminURL, name, false); err != nil {
		t.Fatalf("the new bearer of the name cannot be enrolled: %v", err)
	}
	fresh.run(call)
	renamed.refused("08001", call)
	if err := worker.Enroll(ctx, e.AdminURL, name+"2", false); err != nil {
		t.Fatal(err)
	}
	renamed.run(call)

	// Dropped with all it owned, and made again.
	_ = fresh.Close(ctx)
	boss.run("DROP OWNED BY " + name + " CASCADE; DROP ROLE " + name)
	fresh = make("four")
	fresh.run(dataSQL("t", 50))
	fresh.refused("42501", call)
	if err := worker.Enroll(ctx, e.AdminURL, name, false); err != nil {
		t.Fatalf("a role of a former role's name cannot be enrolled: %v", err)
	}
	fresh.run(call)
	_, _ = fresh.Close(ctx), renamed.Close(ctx)
	for _, n := range []string{name, name + "2"} {
		if err := worker.Unenroll(ctx, e.AdminURL, n); err != nil {
			t.Fatal(err)
		}
		boss.run("DROP OWNED BY " + n + " CASCADE; DROP ROLE " + n)
	}
}

// TestSecrets looks for passwords and requests wherever a role, or a reader of
// logs, could find them.
func TestSecrets(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	alice, url := e.Role(t, "alice")
	boss, c := admin(t, e), open(t, url)
	c.run(dataSQL("t", 50))
	secret := boss.text("SELECT o.option_value FROM pg_user_mappings AS m, pg_options_to_table(m.umoptions) AS o WHERE m.usename = $1 AND m.srvname = 'millrace' AND o.option_name = 'password'", alice)
	reader := boss.text("SELECT reader_password FROM ml_private.role WHERE role = (SELECT oid FROM pg_roles WHERE rolname = $1)", alice)
	if len(secret) < 40 || len(reader) < 40 || secret == reader {
		t.Fatalf("secrets of %d and %d letters", len(secret), len(reader))
	}
	if got := c.text("SELECT coalesce(string_agg(m.umoptions::text, ' '), '') FROM pg_user_mappings AS m"); got != "" {
		t.Errorf("alice sees options of mappings: %q", got)
	}
	for _, sql := range []string{
		"SELECT * FROM ml_private.role", "SELECT * FROM ml_private.migration", "ALTER SERVER millrace OPTIONS (SET host 'evil')",
		"ALTER USER MAPPING FOR CURRENT_USER SERVER millrace OPTIONS (SET user 'postgres')", "CREATE USER MAPPING FOR PUBLIC SERVER millrace",
		"CREATE FOREIGN TABLE spy (request text) SERVER millrace", "CREATE TABLE ml.x (n int)", "CREATE TABLE ml_private.x (n int)",
		"CREATE FUNCTION ml.knn() RETURNS int LANGUAGE sql AS 'SELECT 1'", "SELECT * FROM pg_user_mapping",
	} {
		c.refused("42501", sql)
	}
	c.run("BEGIN")
	f := c.refused("22012", "SELECT ml.linear_regression('t', 'y / (x - x)', '{x}', 'm')")
	c.run("ROLLBACK")
	g := c.refused("22023", "SELECT ml_private.ask(('{\"op\": \"prepare\", \"version\": \"' || ml_private.version() || '\", \"function\": \"linear_regression\", \"inputs\": [{\"relation\": 1, \"columns\": [{\"role\": \"target\", \"expression\": \"\"}]}]}')::jsonb)")
	for _, w := range []string{f.Where, g.Where} {
		if strings.Contains(w, `"op"`) || strings.Contains(w, "prepare") || strings.Contains(w, secret) {
			t.Errorf("the context shows the request: %q", w)
		}
	}
	c.run("BEGIN; SELECT ml.linear_regression('t', 'y', '{x}', 'm')")
	if got := boss.text("SELECT coalesce(string_agg(query, '; '), '') FROM pg_stat_activity WHERE strpos(query, $1) > 0 OR strpos(query, $2) > 0", secret, reader); got != "" {
		t.Errorf("a secret is shown in pg_stat_activity: %q", got)
	}
	c.run("COMMIT")
	text, err := os.ReadFile(pgtest.Server(t).LogFile())
	if err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string]string{"mapping": secret, "reader": reader} {
		if regexp.MustCompile(regexp.QuoteMeta(s)).Match(text) {
			t.Errorf("the server's log shows the password of the %s", what)
		}
	}
}
