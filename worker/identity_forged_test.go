package worker_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestForgedFacts starts calls by hand, with facts that no honest session would
// send: names that are SQL, settings that change the role, snapshots of others.
// The reader is the wall: it can become alice and nobody else.
func TestForgedFacts(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	alice, url := e.Role(t, "alice")
	bob, _ := e.Role(t, "bob")
	boss, c := admin(t, e), open(t, url)
	secretTable(boss)
	boss.run("CREATE TABLE bobs AS TABLE secret; GRANT SELECT ON bobs TO " + bob + "; CREATE TABLE public.open AS TABLE secret; GRANT SELECT ON public.open TO " + alice)
	for _, tt := range []struct{ name, relation, oidOf, settings string }{
		{"Honest", "public.open", "public.open", `{}`},
		{"Secret", "public.secret", "public.secret", `{}`},
		{"OtherName", "public.secret", "public.open", `{}`},
		{"ResetRole", "public.open) TO STDOUT; RESET ROLE; COPY (SELECT x, y FROM public.secret", "public.open", `{}`},
		{"BecomeBob", "public.open) TO STDOUT; SET LOCAL ROLE " + bob + "; COPY (SELECT x, y FROM public.bobs", "public.open", `{}`},
		{"NewTransaction", "public.open) TO STDOUT; COMMIT; SET SESSION AUTHORIZATION " + bob + "; COPY (SELECT x, y FROM public.bobs", "public.open", `{}`},
		{"Program", "public.open) TO PROGRAM 'id'; COPY (SELECT 1", "public.open", `{}`},
		{"Catalog", "ml_private.role", "ml_private.role", `{}`},
		{"RoleSetting", "public.secret", "public.secret", `{"role": "none"}`},
		{"BobSetting", "public.bobs", "public.bobs", `{"role": "` + bob + `"}`},
		{"SessionSetting", "public.secret", "public.secret", `{"session_authorization": "postgres"}`},
		{"UnknownSetting", "public.open", "public.open", `{"no_such_setting": "x"}`},
	} {
		c.run("BEGIN")
		answer := forge(t, c, tt.relation, c.text("SELECT $1::regclass::oid::text", tt.oidOf), tt.settings)
		c.run("ROLLBACK")
		read := strings.Contains(answer, `"read": "snapshot"`)
		if want := tt.name == "Honest"; read != want {
			t.Errorf("%s: the reader has read: %v, want %v: %s", tt.name, read, want, abridge(answer))
		}
	}
	c.run(dataSQL("t", 50))
	m := c.fit("t", "y", "x") // Whatever the readers were left in, alice's next call is right.
	c.checkSlope(m, "t", "y", "x")
}

// forge prepares and starts a linear regression and returns the last answer, or
// the error.
func forge(t *testing.T, c *client, relation, oid, settings string) string {
	t.Helper()
	prepared := c.text(`SELECT ml_private.ask(jsonb_build_object('op', 'prepare', 'version', ml_private.version(), 'function', 'linear_regression',
		'args', '{"intercept": true, "covariance": "classical", "ridge": 0, "confidence": 0.95}'::jsonb, 'restricted', false,
		'inputs', jsonb_build_array(ml_private.input($1::text::oid::regclass, ml_private.required('target', 'y') || ml_private.columns('feature', 'x'::text)))))::text`, oid)
	var job struct{ Job string }
	if err := json.Unmarshal([]byte(prepared), &job); err != nil {
		t.Fatal(err)
	}
	snapshot := c.text("SELECT pg_export_snapshot()")
	name, err := json.Marshal(relation)
	if err != nil {
		t.Fatal(err)
	}
	start := fmt.Sprintf(`{"op": "start", "job": "%s", "snapshot": "%s", "types": [[701, 701]], "facts": {"backend": 1, "isolation": "read committed", "session": %s,
		"types": {"701": {"name": "pg_catalog.float8", "base": "float8", "builtin": true, "category": "N"}}, "relations": [{"name": %s, "kind": "r", "rows": 40, "bytes": 8192}]}}`,
		job.Job, snapshot, settings, name)
	answer := ""
	for range 20 {
		var text *string
		if err := c.QueryRow(t.Context(), "SELECT ml_private.ask($1::text::jsonb)::text", start).Scan(&text); err != nil {
			return explain(err)
		}
		answer = *text
		if !strings.Contains(answer, `"step": "wait"`) {
			break
		}
		start = fmt.Sprintf(`{"op": "wait", "job": "%s"}`, job.Job)
	}
	return answer
}
