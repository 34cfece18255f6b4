package worker_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// TestRowOrder requires the same bits for any order of the rows, any number of
// goroutines and any number of readers. The rows mix magnitudes, so that sums
// in another order would differ.
func TestRowOrder(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var want []string
	for _, workers := range []int{1, 3} {
		e := milltest.Start(t, func(c *worker.Config) { c.Workers, c.ReadersPerCall = workers, workers })
		_, url := e.Role(t, "shuffler")
		conn := pgtest.Connect(t, url)
		random := rand.New(rand.NewPCG(seed, 1))
		makeRows(t, conn, random)
		for shuffle := range 3 {
			mustExec(t, conn, fmt.Sprintf("DROP TABLE IF EXISTS shuffled; CREATE TABLE shuffled AS SELECT * FROM made ORDER BY md5(id || 'salt %d')", shuffle))
			got := callAll(t, conn)
			if want == nil {
				want = got
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("seed %d, %d workers, shuffle %d: result %d differs", seed, workers, shuffle, i)
				}
			}
		}
	}
}

// makeRows fills table made with values from 1e-8 to 1e8.
func makeRows(t *testing.T, conn *pgx.Conn, random *rand.Rand) {
	t.Helper()
	mustExec(t, conn, "CREATE TABLE made (id int, a float8, b float8, y float8, e boolean, f text, w float8)")
	var rows [][]any
	for id := range 5000 {
		a, b := random.NormFloat64()*1e8, random.ExpFloat64()*1e-8
		y := a*1e-3 + b*1e9 + random.NormFloat64()
		rows = append(rows, []any{id, a, b, y, random.Float64() < 0.5, string(rune('a' + random.IntN(4))), random.Float64()})
	}
	columns := []string{"id", "a", "b", "y", "e", "f", "w"}
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"made"}, columns, pgx.CopyFromRows(rows)); err != nil {
		t.Fatal(err)
	}
}

// callAll returns the text of each result table, sorted.
func callAll(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	var texts []string
	for _, c := range []struct {
		sql    string
		tables []string
	}{
		{"ml.linear_regression('shuffled', 'y', '{a,b,f}', 'm', covariance => 'HC3', weights => 'w', order_by => 'id', replace => true)", []string{"m", "m_summary"}},
		{"ml.linear_regression('shuffled', 'y', '{a,b}', 'm', group_by => '{f}', replace => true)", []string{"m", "m_summary"}},
		{"ml.logistic_regression('shuffled', 'e', '{a,b,f}', 'm', weights => 'w', replace => true)", []string{"m", "m_summary"}},
		{"ml.logistic_regression('shuffled', 'e', '{a,b}', 'm', l1 => 1, replace => true)", []string{"m"}},
		{"ml.knn('shuffled', 'ARRAY[a, b]', 'id', 'shuffled', 'ARRAY[a, b]', 'id', 'm', label => 'f', weights => 'distance', exclude_self => true, replace => true)", []string{"m"}},
		{"ml.knn('shuffled', 'ARRAY[(id % 7)::float8, id % 5]', 'id', 'shuffled', 'ARRAY[a - a, b - b]', 'id', 'm', k => 9, label => 'y', replace => true)", []string{"m"}},
	} {
		mustExec(t, conn, "SELECT "+c.sql)
		for _, table := range c.tables {
			var text string
			if err := conn.QueryRow(t.Context(), fmt.Sprintf("SELECT md5(string_agg(m::text, E'\\n' ORDER BY m::text COLLATE \"C\")) FROM %s m", table)).Scan(&text); err != nil {
				t.Fatal(err)
			}
			texts = append(texts, text)
		}
	}
	return texts
}
