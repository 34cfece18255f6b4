package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestForeignModel predicts with models whose expressions somebody else has put
// there. Owned by the caller they would be the caller's own words; in a table
// that another role can write they are not.
func TestForeignModel(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	alice, aliceURL := e.Role(t, "alice")
	mallory, malloryURL := e.Role(t, "mallory")
	a, m := open(t, aliceURL), open(t, malloryURL)
	a.run(dataSQL("t", 40) + "CREATE TABLE trace (who text); GRANT USAGE ON SCHEMA " + alice + " TO PUBLIC")
	m.run(dataSQL("t", 40) + fmt.Sprintf(`GRANT USAGE ON SCHEMA %[1]s TO PUBLIC;
		CREATE FUNCTION %[1]s.evil(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE 'evil ran as %%', current_user; END$$;
		CREATE FUNCTION %[1]s.evil_op(float8, float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE 'evil ran as %%', current_user; END$$;
		CREATE OPERATOR %[1]s.+ (LEFTARG = float8, RIGHTARG = float8, FUNCTION = %[1]s.evil_op);
		CREATE DOMAIN %[1]s.evil_type AS float8 CHECK (%[1]s.evil(VALUE) > 0);
		SELECT ml.linear_regression('t', 'y', '{x}', 'm'); GRANT SELECT ON m, m_summary TO PUBLIC; CREATE TABLE good AS TABLE m_summary`, mallory))
	a.run("SELECT ml.predict('" + mallory + ".m', 't', 'honest')")
	if got := a.text("SELECT count(*)::text FROM honest WHERE prediction IS NOT NULL"); got != "40" {
		t.Errorf("%s predictions of an honest model of another role, want 40", got)
	}
	for _, expression := range []string{
		"evil(x)", mallory + ".evil(x)", "x OPERATOR(" + mallory + ".+) x", "(x + x)::" + mallory + ".evil_type", "x::evil_type", "CAST(x AS evil_type)", "(x).evil", "t.evil", "evil_type 'x'",
		"random() * x", "pg_sleep(0)::text::float8", "set_config('role', 'none', false)::float8", "current_setting('is_superuser')::text::float8", "(SELECT x)", "x + (SELECT 1)", "lo_import('/etc/passwd')::float8",
		"query_to_xml('SELECT 1', true, true, '')::text::float8", "pg_read_file('/etc/passwd')::float8", "nextval('s')::float8", "txid_current()::text::float8", "dblink('x', 'y')", `"evil"(x)`, `x::"evil_type"`, "x COLLATE \"C\"", "'t'::regclass::oid::float8",
		"now()::text::float8", "clock_timestamp()::text::float8", "to_char(x, '9')::float8", "x) FROM trace --", "x; DROP TABLE t",
	} {
		m.run(fmt.Sprintf(`DROP TABLE m_summary; CREATE TABLE m_summary AS TABLE good; UPDATE m_summary SET model = jsonb_set(model, '{inputs,0,expression}', to_jsonb(%s::text)); GRANT SELECT ON m_summary TO PUBLIC`, literal(expression)))
		err := a.try("SELECT ml.predict('" + mallory + ".m', 't', 'p', replace => true)")
		if err == nil {
			t.Errorf("%q in another role's model was evaluated", expression)
			continue
		}
		if text := explain(err); strings.Contains(text, "evil ran") || !strings.HasPrefix(text, "42501") && !strings.HasPrefix(text, "42601") && !strings.HasPrefix(text, "55000") {
			t.Errorf("%q: %s", expression, text)
		}
	}

	// The caller's own table, which mallory may write, is not the caller's words.
	for _, grant := range []string{"UPDATE ON mine_summary", "INSERT ON mine_summary", "UPDATE (model) ON mine_summary", "TRIGGER ON mine_summary", "ALL ON mine_summary"} {
		a.run(`DROP TABLE IF EXISTS mine, mine_summary; SELECT ml.linear_regression('t', 'y', '{x}', 'mine');
			UPDATE mine_summary SET model = jsonb_set(model, '{inputs,0,expression}', to_jsonb('` + mallory + `.evil(x)'::text))`)
		f := a.refused("P0001", "SELECT ml.predict('mine', 't', 'p', replace => true)")
		if !strings.Contains(f.Message, "evil ran as "+alice) {
			t.Errorf("alice's own words: %s", f.Message)
		}
		a.run("GRANT " + grant + " TO " + mallory)
		a.refused("42501", "SELECT ml.predict('mine', 't', 'p', replace => true)")
		a.run("REVOKE ALL ON mine_summary FROM " + mallory)
	}
	// So is a view of another role's model.
	a.run("DROP TABLE mine, mine_summary; CREATE VIEW mine AS SELECT model FROM " + mallory + ".m_summary")
	m.run(fmt.Sprintf(`UPDATE m_summary SET model = (SELECT jsonb_set(model, '{inputs,0,expression}', to_jsonb('%s.evil(x)'::text)) FROM good)`, mallory))
	a.refused("42501", "SELECT ml.predict('mine', 't', 'p', replace => true)")
	if got := a.text("SHOW search_path"); got != `"$user", public` {
		t.Errorf("search_path after the calls: %s", got)
	}
}

// TestForeignView refuses a model that is a view of another role: its functions
// would run as the caller. A materialized view holds rows, and is a model.
func TestForeignView(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	mallory, malloryURL := e.Role(t, "mallory")
	_, aliceURL := e.Role(t, "alice")
	a, m := open(t, aliceURL), open(t, malloryURL)
	a.run(dataSQL("t", 40))
	m.run(dataSQL("t", 40) + fmt.Sprintf(`GRANT USAGE ON SCHEMA %[1]s TO PUBLIC; SELECT ml.linear_regression('t', 'y', '{x}', 'm');
		ALTER TABLE m_summary RENAME TO good; GRANT SELECT ON m, good TO PUBLIC; CREATE TABLE trace (who text); GRANT INSERT ON trace TO PUBLIC;
		CREATE FUNCTION trap() RETURNS bool LANGUAGE plpgsql VOLATILE AS $$BEGIN INSERT INTO %[1]s.trace VALUES (current_user); RETURN true; END$$`, mallory))
	for _, tt := range []struct{ make, drop, code string }{
		{"CREATE VIEW m_summary AS SELECT * FROM good WHERE trap()", "DROP VIEW m_summary", "42501"},
		{"CREATE MATERIALIZED VIEW m_summary AS SELECT * FROM good", "DROP MATERIALIZED VIEW m_summary", ""},
		{"CREATE TABLE m_summary AS SELECT * FROM good", "", ""},
	} {
		m.run(tt.make + "; GRANT SELECT ON m_summary TO PUBLIC; DELETE FROM trace")
		for _, model := range []string{"m", "m_summary"} {
			sql := "SELECT ml.predict('" + mallory + "." + model + "', 't', 'p', replace => true)"
			if tt.code == "" {
				a.run(sql)
			} else if f := a.refused(tt.code, sql); !strings.Contains(f.Message, "m_summary") || f.Hint == "" {
				t.Errorf("%s: message %q, hint %q", tt.make, f.Message, f.Hint)
			}
		}
		if got := m.text("SELECT string_agg(who, ', ') FROM trace"); got != "NULL" {
			t.Errorf("%s: %s ran mallory's function", tt.make, got)
		}
		if tt.drop != "" {
			m.run(tt.drop)
		}
	}
	a.run("CREATE VIEW mine AS SELECT model FROM " + mallory + ".m_summary; SELECT ml.predict('mine', 't', 'p', replace => true)")
}
