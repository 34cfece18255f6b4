package worker_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestManySessions has two roles call side by side, by both paths, each over
// rows of its own: nobody gets the other's rows.
func TestManySessions(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	type result struct {
		err  error
		text string
	}
	results := make(chan result, 6)
	for i := range 2 {
		_, url := e.Role(t, fmt.Sprintf("role%d", i))
		first := open(t, url)
		first.run(fmt.Sprintf("CREATE TABLE t AS SELECT i::float8 AS x, %d * i + 1 AS y FROM generate_series(1, 500) AS i; ANALYZE t", i+2))
		for j := range 3 {
			c := open(t, url)
			go func() {
				for k := range 6 {
					begin := []string{"BEGIN", "BEGIN; SAVEPOINT s"}[(j+k)%2]
					if err := c.try(begin + fmt.Sprintf("; SELECT ml.linear_regression('t', 'y', '{x}', 'm%d_%d')", j, k)); err != nil {
						results <- result{err: err}
						return
					}
					var slope float64
					if err := c.QueryRow(t.Context(), fmt.Sprintf("SELECT estimate FROM m%d_%d WHERE term = 'x'", j, k)).Scan(&slope); err != nil || !close9(slope, float64(i+2)) {
						results <- result{err, fmt.Sprintf("role %d got the slope %g, want %d", i, slope, i+2)}
						return
					}
					if err := c.try("COMMIT"); err != nil {
						results <- result{err: err}
						return
					}
				}
				results <- result{}
			}()
		}
	}
	for range 6 {
		if r := <-results; r.err != nil || r.text != "" {
			t.Errorf("%s %s", r.text, explain(r.err))
		}
	}
}

// TestRoleWithinTransaction changes the role within one transaction: each call
// is the effective role's, on a connection of its own.
func TestRoleWithinTransaction(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	alice, aliceURL := e.Role(t, "alice")
	bob, bobURL := e.Role(t, "bob")
	admin(t, e).run("GRANT " + bob + " TO " + alice)
	a, b := open(t, aliceURL), open(t, bobURL)
	a.run(dataSQL("t", 40) + "REVOKE ALL ON t FROM PUBLIC")
	b.run(dataSQL("t", 60))
	a.run("BEGIN")
	for range 3 {
		a.run("SET LOCAL ROLE " + bob)
		if m, err := a.call("ml.linear_regression('" + bob + ".t', 'y', '{x}', '" + bob + ".m', replace => true)"); err != nil || m.used != 60 {
			t.Fatalf("as bob: %+v, %v", m, explain(err))
		}
		a.run("SET LOCAL ROLE " + alice)
		if m, err := a.call("ml.linear_regression('" + alice + ".t', 'y', '{x}', '" + alice + ".m', replace => true)"); err != nil || m.used != 40 {
			t.Fatalf("as alice: %+v, %v", m, explain(err))
		}
	}
	a.run("SET LOCAL ROLE " + bob)
	a.refused("42501", "SELECT ml.linear_regression('"+alice+".t', 'y', '{x}', '"+bob+".m2')")
	a.run("ROLLBACK")
	idle(t, e)
}

// TestRevokedMeanwhile takes a right from the caller between two calls: the
// reader's open session must not remember it.
func TestRevokedMeanwhile(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	alice, aliceURL := e.Role(t, "alice")
	bob, bobURL := e.Role(t, "bob")
	a, b := open(t, aliceURL), open(t, bobURL)
	b.run(dataSQL("t", 60) + "GRANT USAGE ON SCHEMA " + bob + " TO " + alice + "; GRANT SELECT (x, y) ON t TO " + alice)
	m := a.fit(bob+".t", "y", "x")
	a.checkSlope(m, bob+".t", "y", "x")
	if m.read != "snapshot" {
		t.Errorf("with column grants read by %s (%s), want snapshot", m.read, m.reason)
	}
	a.refused("42501", "SELECT ml.linear_regression('"+bob+".t', 'y', '{id}', 'm')")
	b.run("REVOKE SELECT (y) ON t FROM " + alice)
	a.refused("42501", "SELECT ml.linear_regression('"+bob+".t', 'y', '{x}', 'm')")
	b.run("GRANT SELECT ON t TO " + alice + "; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON t USING (x < 10)")
	m = a.fit(bob+".t", "y", "x")
	a.checkSlope(m, bob+".t", "y", "x")
}
