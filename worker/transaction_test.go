package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/milltest"
)

// TestRollback checks that nothing of a call outlives its transaction.
func TestRollback(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(dataSQL("t", 100))
	for _, tt := range []struct{ name, before, after string }{
		{"Rollback", "BEGIN", "ROLLBACK"},
		{"RollbackAfterError", "BEGIN", "ROLLBACK"},
		{"RollbackToSavepoint", "BEGIN; SAVEPOINT s", "ROLLBACK TO s; COMMIT"},
		{"RollbackOwnWrites", "BEGIN; INSERT INTO t VALUES (0, 500, 1)", "ROLLBACK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.run(tt.before)
			c.run("SELECT ml.linear_regression('t', 'y', '{x}', 'm')")
			if got := c.text("SELECT count(*)::text FROM m"); got != "2" {
				t.Errorf("%s rows in the output before the end, want 2", got)
			}
			if tt.name == "RollbackAfterError" {
				c.refused("22012", "SELECT 1 / 0")
			}
			c.run(tt.after)
			if got := c.text("SELECT concat_ws(' ', to_regclass('m'), to_regclass('m_summary'))"); got != "" {
				t.Errorf("tables %q after the end, want none", got)
			}
			if n := c.jobs(); n != "0" {
				t.Errorf("%s jobs after the end, want 0", n)
			}
			idle(t, e)
		})
	}
}

// TestFailedCallsInSavepoints has more calls fail in one transaction, each in a
// subtransaction that is rolled back, than the worker has places: each failed
// call must give its place back.
func TestFailedCallsInSavepoints(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(dataSQL("t", 100))
	c.run(`SET statement_timeout = '20s'; BEGIN;
		DO $$BEGIN FOR i IN 1..10 LOOP
			BEGIN PERFORM ml.linear_regression('t', 'y / (x - x)', '{x}', 'm'); RAISE 'the call succeeded';
			EXCEPTION WHEN division_by_zero THEN NULL; END;
		END LOOP; END$$`)
	if n := c.jobs(); n != "0" {
		t.Errorf("%s jobs after their subtransactions, want 0", n)
	}
	for range 6 {
		c.run("SAVEPOINT s")
		c.refused("22012", "SELECT ml.linear_regression('t', 'y / (x - x)', '{x}', 'm')")
		c.run("ROLLBACK TO s")
	}
	m := c.fit("t", "y", "x")
	c.checkSlope(m, "t", "y", "x")
	c.run("COMMIT")
}

// TestOutputNames makes outputs in every kind of place and under hostile names.
func TestOutputNames(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	role, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(dataSQL("t", 50) + `CREATE TABLE bystander (n int)`)
	long := strings.Repeat("n", 55)
	for _, tt := range []struct{ name, output, table, code string }{
		{name: "Plain", output: "m1", table: "m1"},
		{name: "Folded", output: "M2", table: "m2"},
		{name: "Quoted", output: `"M 3"`, table: `"M 3"`},
		{name: "Schema", output: role + ".m4", table: role + ".m4"},
		{name: "Temporary", output: "pg_temp.m5", table: "pg_temp.m5"},
		{name: "Injection", output: `"a""b; DROP TABLE bystander; --"`, table: `"a""b; DROP TABLE bystander; --"`},
		{name: "Dollar", output: `"$$;$q$"`, table: `"$$;$q$"`},
		{name: "Percent", output: `"%s%I%%"`, table: `"%s%I%%"`},
		{name: "Unicode", output: `"données 表"`, table: `"données 表"`},
		{name: "Backslash", output: `"a\b'c"`, table: `"a\b'c"`},
		{name: "Longest", output: long, table: long},
		{name: "TooLong", output: long + "n", code: "42622"},
		{name: "TooLongInBytes", output: strings.Repeat("é", 28), code: "42622"},
		{name: "Exists", output: "bystander", code: "42P07"},
		{name: "SummaryExists", output: "taken", code: "42P07"},
		{name: "NoSchema", output: "nowhere.m", code: "3F000"},
		{name: "ForeignSchema", output: "ml.m", code: "42501"},
		{name: "Empty", output: "", code: "22023"},
		{name: "Blank", output: "  ", code: "22023"},
		{name: "ThreeParts", output: "a.b.c", code: "22023"},
		{name: "Garbage", output: "a; DROP TABLE bystander", code: "22023"},
		{name: "Comment", output: "a -- b", code: "22023"},
		{name: "OpenQuote", output: `"a`, code: "22023"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			c.run("DROP TABLE IF EXISTS taken_summary; CREATE TABLE taken_summary (n int)")
			var err error
			snapshot, session := paths(e, func() {
				_, err = c.Exec(t.Context(), "SELECT ml.linear_regression('t', 'y', '{x}', $1)", tt.output)
			})
			if tt.code != "" {
				wantCode(t, tt.code, tt.output, err)
				if snapshot+session > 0 && tt.code != "42501" && tt.code != "3F000" {
					t.Error("rows were read before the output was refused")
				}
				return
			}
			if err != nil {
				t.Fatal(explain(err))
			}
			if got := c.text(fmt.Sprintf("SELECT count(*)::text FROM %s", tt.table)); got != "2" {
				t.Errorf("%s rows, want 2", got)
			}
			if owner := c.text("SELECT relowner::regrole::text FROM pg_class WHERE oid = $1::regclass", tt.table); owner != role {
				t.Errorf("owner %s, want %s", owner, role)
			}
		})
	}
	c.t = t
	c.text("SELECT count(*)::text FROM bystander")
}

// TestReplace keeps the grants of the older table, on the table and on columns.
func TestReplace(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	bob, _ := e.Role(t, "bob")
	carol, _ := e.Role(t, `car"ol`)
	c := open(t, url)
	quoted := pgx.Identifier{carol}.Sanitize()
	c.run(dataSQL("t", 50) + `SELECT ml.linear_regression('t', 'y', '{x}', 'm');
		GRANT SELECT, INSERT ON m TO ` + bob + `; GRANT SELECT ON m TO ` + quoted + ` WITH GRANT OPTION;
		GRANT UPDATE (estimate) ON m TO ` + quoted + ` WITH GRANT OPTION; GRANT SELECT (n) ON m_summary TO PUBLIC`)
	const grants = `SELECT coalesce(string_agg(g, '; ' ORDER BY g), '') FROM (
		SELECT concat_ws(' ', c.relname, a.grantee::regrole, a.privilege_type, a.is_grantable) FROM pg_class AS c, aclexplode(c.relacl) AS a
			WHERE c.oid IN ('m'::regclass, 'm_summary'::regclass)
		UNION ALL
		SELECT concat_ws(' ', c.relname, t.attname, a.grantee::regrole, a.privilege_type, a.is_grantable)
			FROM pg_class AS c JOIN pg_attribute AS t ON t.attrelid = c.oid, aclexplode(t.attacl) AS a WHERE c.oid IN ('m'::regclass, 'm_summary'::regclass)) AS s(g)`
	before, old := c.text(grants), c.text("SELECT 'm'::regclass::oid::text")
	c.run("INSERT INTO t VALUES (0, 500, 3); SELECT ml.linear_regression('t', 'y', '{x}', 'm', replace => true)")
	if after := c.text(grants); after != before {
		t.Errorf("grants after replace:\n%s\nwant\n%s", after, before)
	}
	if c.text("SELECT 'm'::regclass::oid::text") == old {
		t.Error("the table is still the older one")
	}
	c.run("CREATE VIEW on_m AS SELECT term FROM m")
	want := c.text("SELECT string_agg(m::text, ' ') FROM m")
	if f := c.refused("2BP01", "SELECT ml.linear_regression('t', 'x', '{y}', 'm', replace => true)"); !strings.Contains(f.Detail, "on_m") {
		t.Errorf("detail %q, want the view named", f.Detail)
	}
	if got := c.text("SELECT string_agg(m::text, ' ') FROM m"); got != want {
		t.Errorf("the output has changed: %s, want %s", got, want)
	}
	c.run("CREATE VIEW v AS SELECT 1 AS n; CREATE SEQUENCE q")
	c.refused("42809", "SELECT ml.linear_regression('t', 'y', '{x}', 'v', replace => true)")
	c.refused("42809", "SELECT ml.linear_regression('t', 'y', '{x}', 'q', replace => true)")
}

// TestReplaceOfOthers refuses to replace a table of somebody else.
func TestReplaceOfOthers(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, aliceURL := e.Role(t, "alice")
	bob, bobURL := e.Role(t, "bob")
	alice, owner := open(t, aliceURL), open(t, bobURL)
	owner.run("CREATE TABLE m (secret text); COMMENT ON TABLE m IS 'Made by Millrace'; GRANT ALL ON m TO PUBLIC; GRANT ALL ON SCHEMA " + bob + " TO PUBLIC")
	alice.run(dataSQL("t", 50))
	alice.refused("42501", "SELECT ml.linear_regression('t', 'y', '{x}', '"+bob+".m', replace => true)")
	if got := owner.text("SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 'm'::regclass AND attnum > 0"); got != "secret" {
		t.Errorf("columns %s, want the owner's", got)
	}
}

// TestOwner makes outputs as the effective role: SET ROLE and SECURITY DEFINER count.
func TestOwner(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	alice, aliceURL := e.Role(t, "alice")
	bob, bobURL := e.Role(t, "bob")
	admin(t, e).run("GRANT " + bob + " TO " + alice)
	c, b := open(t, aliceURL), open(t, bobURL)
	b.run(dataSQL("t", 50) + `CREATE FUNCTION definer(output text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
		$$BEGIN RETURN (ml.linear_regression('` + bob + `.t', 'y', '{x}', output)).details ->> 'read'; END$$; GRANT USAGE ON SCHEMA ` + bob + ` TO PUBLIC`)
	const owner = "SELECT relowner::regrole::text FROM pg_class WHERE oid = $1::regclass"
	c.run("SET ROLE " + bob)
	c.run("SELECT ml.linear_regression('" + bob + ".t', 'y', '{x}', '" + bob + ".by_set')")
	if got := c.text(owner, bob+".by_set"); got != bob {
		t.Errorf("after SET ROLE the owner is %s, want %s", got, bob)
	}
	c.run("RESET ROLE")
	if got := c.text("SELECT " + bob + ".definer('" + bob + ".by_definer')"); got != "snapshot" {
		t.Errorf("read by %s, want snapshot", got)
	}
	if got := c.text(owner, bob+".by_definer"); got != bob {
		t.Errorf("of a definer function the owner is %s, want %s", got, bob)
	}
	c.run("SELECT ml.linear_regression('" + bob + ".t', 'y', '{x}', 'by_alice')")
	if got := c.text(owner, "by_alice"); got != alice {
		t.Errorf("the owner is %s, want %s", got, alice)
	}
}
