package plan_test

import (
	"fmt"
	"slices"
	"testing"
)

// TestOracle maintains many views over random changes and compares each with
// PostgreSQL's answer after every change.
func TestOracle(t *testing.T) {
	for name, queries := range map[string][]string{
		"simple": simple, "joins": joins, "grouping": grouping, "sets": sets, "subqueries": subqueries, "nested": nested,
	} {
		t.Run(name, func(t *testing.T) {
			r := random(t, 17711)
			w := newWorld(t, ddl+pickers, "t", "u", "w")
			w.exec("SELECT setseed(0.28395)")
			w.maintain(queries)
			w.step("empty tables")
			next := 1
			grow := func(n int) {
				for _, sql := range []string{insertT, insertU, insertW} {
					w.insert(sql, next, next+n-1)
				}
				next += n
			}
			grow(12)
			w.step("filled")
			changes := []string{
				"UPDATE t SET a = pick(ARRAY[NULL,1,2,3,4]), b = pick(ARRAY[NULL,0,1,2]) WHERE random() < 0.4",
				"DELETE FROM u WHERE random() < 0.4",
				"UPDATE u SET a = pick(ARRAY[NULL,1,2,3,4]), k = pick(ARRAY[1,2,3,4]) WHERE random() < 0.5",
				"DELETE FROM t WHERE random() < 0.4; DELETE FROM w WHERE random() < 0.5",
				"UPDATE t SET s = pick(ARRAY['a','b',NULL]), n = pick(ARRAY[1.5,2.25,NULL]) WHERE random() < 0.5",
				"DELETE FROM u",
				"DELETE FROM t",
			}
			for i, c := range slices.Insert(changes, 3, "grow") {
				if c == "grow" {
					grow(5 + r.IntN(5))
				} else {
					w.exec(c)
				}
				if i == 6 {
					grow(3)
				}
				w.step(fmt.Sprintf("change %d: %s", i, c))
				t.Logf("%d rows in %d views, %d calls of PostgreSQL", w.rows(), len(w.views), w.remote.calls)
			}
		})
	}
}

// insert runs an INSERT for a range of numbers.
func (w *world) insert(sql string, from, to int) {
	w.t.Helper()
	if _, err := w.conn.Exec(w.t.Context(), sql, from, to); err != nil {
		w.t.Fatal(err)
	}
}
