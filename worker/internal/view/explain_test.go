package view_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestExplainCost reads what a change of a view's tables costs: what is expected when
// the view has been made, what was counted when something has changed, and that nothing
// is kept of it when the view is built anew or the worker starts again.
func TestExplainCost(t *testing.T) {
	t.Parallel()
	e := milltest.Install(t)
	e.Config.StateDir = t.TempDir()
	stop := e.Run(t)
	d := openDesk(t, e)
	d.each(`CREATE TABLE person (id int PRIMARY KEY, active boolean); CREATE TABLE purchase (id int PRIMARY KEY, person int, item int);
		INSERT INTO person SELECT i, i % 2 = 0 FROM generate_series(1, 8) AS i;
		INSERT INTO purchase SELECT row_number() OVER (), i, k FROM generate_series(1, 8) AS i, generate_series(1, 3) AS k;
		SELECT ml.track('person'); SELECT ml.track('purchase')`)
	d.step("v", `SELECT ml.create_view('v', 'SELECT item, count(*) FROM person JOIN purchase ON person.id = purchase.person WHERE active GROUP BY item')`)
	explain := func(want, without []string) {
		t.Helper()
		text := d.Text("SELECT ml.explain_view('v')")
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%q is missing in\n%s", w, text)
			}
		}
		for _, w := range without {
			if strings.Contains(text, w) {
				t.Errorf("%q is in\n%s", w, text)
			}
		}
	}
	// 4 of 8 persons are active and have 3 purchases each; a count goes and one comes.
	expected := []string{"person: 3.0 result rows, ", "purchase: 1.0 result rows, ", "expected per row in: 3.0 | 0.5 out", "expected per row in: 0.5 out", "expected per row in: 2.0 out"}
	explain(append(expected, "filled: 3 result rows from 32 rows in "), []string{"since:", "per change:"})
	d.step("v", "INSERT INTO purchase VALUES (100, 2, 1), (101, 4, 1), (102, 3, 2)")
	explain([]string{"since: 3 changes in 1 tick, ", " and 0.7 result rows per change", "(28 rows, ", "per change: 1.0 rows in, 0.7 out, ", "person: 3.0 result rows, "}, []string{"purchase: 1.0 result rows"})
	d.step("v", "UPDATE person SET active = false WHERE id = 2")
	explain([]string{"since: 5 changes in 2 ticks, ", " and 1.6 result rows per change"}, []string{"expected per change"})
	d.step("v", "SELECT ml.rebuild_view('v')")
	explain([]string{"filled: 3 result rows from 35 rows in "}, []string{"since:"})
	stop()
	_ = e.Run(t)
	d.step("v", "SELECT 1")
	explain([]string{"expected per change of "}, []string{"since:"}) // from the state on disk, or built anew if there was no time to write it
}
