package view_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestCheckStacked compares a view that reads another one while rows change: what the
// view below shows in the snapshot of the query may be older than its tables there.
func TestCheckStacked(t *testing.T) {
	t.Parallel()
	s := newAudited(t)
	c := s.open()
	c.Run(`CREATE TABLE item (id int PRIMARY KEY, g int, n int); INSERT INTO item SELECT i, i % 5, i FROM generate_series(1, 50) AS i; SELECT ml.track('item');
		CREATE TABLE label (g int PRIMARY KEY, name text, n int NOT NULL); INSERT INTO label SELECT i, 'g' || i, 0 FROM generate_series(0, 4) AS i; SELECT ml.track('label')`)
	s.run()
	c.Run("SELECT ml.create_view('sums', 'SELECT g, sum(n) AS n FROM item GROUP BY g')")
	c.Run("SELECT ml.wait('sums')")
	c.Run("SELECT ml.create_view('labelled', 'SELECT l.name, l.n AS m, s.n FROM label AS l JOIN sums AS s USING (g)')")
	c.Run("SELECT ml.create_view('above', 'SELECT count(*), sum(n) AS n FROM sums')")
	s.settle()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	work.Go(func() {
		conn, err := pgx.Connect(ctx, s.owner)
		if err != nil {
			t.Error(err)
			return
		}
		defer closeSoon(conn)
		for i := 0; ctx.Err() == nil; i++ {
			statement := fmt.Sprintf("UPDATE item SET n = n + 1 WHERE id %% 7 = %d", i%7)
			if i%3 == 0 {
				statement += fmt.Sprintf("; UPDATE label SET n = n + 1 WHERE g = %d", i%5)
			}
			_, err := conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol)
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	compared := 0
	for began := time.Now(); time.Since(began) < 5*time.Second; {
		for _, v := range []string{"labelled", "above"} {
			var differing int64
			var example *string
			if err := c.QueryRow(ctx, "SELECT differing, example FROM ml.check_view($1)", v).Scan(&differing, &example); err != nil {
				t.Log(err) // so busy are the tables that no position was found
				continue
			}
			if differing != 0 {
				t.Errorf("check_view of %s: %d rows differ: %s", v, differing, *example)
			}
			compared++
		}
	}
	if n := s.log.count(auditDiffers); n > 0 {
		t.Errorf("the audit had %d views built anew", n)
	}
	if compared == 0 {
		t.Error("no comparison has come to its end")
	}
	t.Logf("%d comparisons, and %d of the audit", compared, s.log.count(auditRanged))
}
