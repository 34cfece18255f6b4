package worker_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/worker"
)

// TestCopiedDatabase stops a copy of a database from calling the original's
// worker with the original's secrets, until it is installed and enrolled anew.
// The copy is made here by changing what a copy differs in: its identity.
func TestCopiedDatabase(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	role, url := e.Role(t, "caller")
	c, boss := open(t, url), admin(t, e)
	c.run(dataSQL("t", 50) + "SELECT ml.linear_regression('t', 'y', '{x}', 'm')")
	boss.run("UPDATE ml_private.identity SET system_identifier = system_identifier + 1")
	for _, sql := range []string{"SELECT ml.linear_regression('t', 'y', '{x}', 'm2')", "TABLE ml.jobs", "SELECT ml.cancel('x')"} {
		if f := c.refused("55000", sql); !strings.Contains(f.Message, "copy") || !strings.Contains(f.Hint, "millrace install") {
			t.Errorf("%s: %s, hint %s", sql, f.Message, f.Hint)
		}
	}
	if _, err := worker.Install(t.Context(), e.AdminURL, worker.InstallOptions{Host: e.Address.Host, Port: e.Address.Port}); err != nil {
		t.Fatal(err)
	}
	if f := c.refused("42501", "SELECT ml.linear_regression('t', 'y', '{x}', 'm2')"); !strings.Contains(f.Hint, "millrace enroll") {
		t.Errorf("hint %s", f.Hint)
	}
	if n := boss.text("SELECT count(*)::text FROM ml_private.role"); n != "0" {
		t.Errorf("%s roles of the original are still enrolled", n)
	}
	if err := worker.Enroll(t.Context(), e.AdminURL, role, false); err != nil {
		t.Fatal(err)
	}
	c.run("SELECT ml.linear_regression('t', 'y', '{x}', 'm2')")
}

// TestUnenrollDropped forgets a role that was dropped without being unenrolled,
// and no login of Millrace's own can be enrolled.
func TestUnenrollDropped(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	boss := admin(t, e)
	gone := freshName()
	boss.run("CREATE ROLE " + gone)
	if err := worker.Enroll(t.Context(), e.AdminURL, gone, false); err != nil {
		t.Fatal(err)
	}
	reader := boss.text("SELECT reader FROM ml_private.role WHERE name = $1", gone)
	boss.run("DROP OWNED BY " + gone + "; DROP ROLE " + gone)
	if err := worker.Unenroll(t.Context(), e.AdminURL, gone); err != nil {
		t.Fatal(err)
	}
	if n := boss.text("SELECT (SELECT count(*) FROM ml_private.role WHERE name = $1) + (SELECT count(*) FROM pg_roles WHERE rolname = $2) || ''", gone, reader); n != "0" {
		t.Errorf("%s traces are left", n)
	}
	for _, name := range []string{"pg_monitor", boss.text("SELECT r.rolname FROM pg_roles AS r, pg_stat_activity AS a WHERE a.usename = r.rolname AND a.application_name = 'millrace worker' AND a.datname = current_database() LIMIT 1")} {
		if err := worker.Enroll(t.Context(), e.AdminURL, name, false); err == nil || !strings.Contains(err.Error(), "predefined role") {
			t.Errorf("enroll %s: %v, want a refusal", name, err)
		}
	}
}
