package view_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/tpch"
)

// TestTPCH holds all 22 queries through changes of all eight tables.
func TestTPCH(t *testing.T) {
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "tpch")
	c := milltest.Open(t, url)
	for _, statement := range tpch.Tables() {
		c.Run(statement)
	}
	if err := tpch.Load(t.Context(), c.Conn, 0.0005, 1); err != nil {
		t.Fatal(err)
	}
	c.Run("SELECT ml.track(oid::regclass) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'")
	for _, q := range tpch.Queries() {
		c.Run(fmt.Sprintf("SELECT ml.create_view('%s', $q$%s$q$)", q.Name, q.SQL))
	}
	c.Run("SELECT ml.wait(timeout => '60 s')")
	rng := rand.New(rand.NewPCG(1, 2))
	before := map[string]string{}
	for cycle := range 4 {
		if cycle > 0 {
			if err := tpch.Change(t.Context(), c.Conn, rng, 3); err != nil {
				t.Fatal(err)
			}
			c.Run("SELECT ml.wait(timeout => '60 s')")
		}
		for _, q := range tpch.Queries() {
			equal(t, c, q.Name)
			now := c.Text("SELECT md5(string_agg(x::text, ' ' ORDER BY x::text)) FROM " + q.Name + " AS x")
			if now == "NULL" {
				t.Errorf("cycle %d: %s is empty, which tests nothing", cycle, q.Name)
			}
			if before[q.Name] == now {
				t.Logf("cycle %d did not change %s", cycle, q.Name)
			}
			before[q.Name] = now
		}
	}
}
