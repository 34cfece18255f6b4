// Package bench measures calls as a user sees them, beside the limit or the
// workflow that they replace. Absolute times mean little on a shared machine:
// read the ratios, and the medians of one run.
package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// connect returns a session of an ordinary enrolled role.
func connect(b *testing.B) *pgx.Conn {
	b.Helper()
	e := milltest.Start(b, nil)
	_, url := e.Role(b, "analyst")
	return pgtest.Connect(b, url)
}

func exec(b *testing.B, conn *pgx.Conn, sql string) {
	b.Helper()
	if _, err := conn.Exec(b.Context(), sql); err != nil {
		b.Fatalf("%s: %v", sql, err)
	}
}

// report runs each statement in turn, b.N times, and reports medians in ms.
func report(b *testing.B, conn *pgx.Conn, statements map[string]string) {
	b.Helper()
	times := map[string][]float64{}
	for _, sql := range statements {
		exec(b, conn, sql) // connections and plans are warm
	}
	for b.Loop() {
		for name, sql := range statements {
			start := time.Now()
			exec(b, conn, sql)
			times[name] = append(times[name], float64(time.Since(start).Microseconds())/1000)
		}
	}
	for name, list := range times {
		slices.Sort(list)
		b.ReportMetric(list[len(list)/2], name+"-p50-ms")
		b.ReportMetric(list[len(list)*9/10], name+"-p90-ms")
	}
}

// BenchmarkOverhead is a call on 150 rows, beside the two tables that it makes.
func BenchmarkOverhead(b *testing.B) {
	conn := connect(b)
	exec(b, conn, "SELECT ml.load_dataset('iris')")
	exec(b, conn, "SELECT ml.linear_regression('iris', 'sepal_length', '{petal_length}', 'm')")
	report(b, conn, map[string]string{
		"linear":  "SELECT ml.linear_regression('iris', 'sepal_length', '{petal_length}', 'm', replace => true)",
		"knn":     "SELECT ml.knn('iris', 'ARRAY[sepal_length, petal_length]', 'id', 'iris', 'ARRAY[sepal_length, petal_length]', 'id', 'k', replace => true)",
		"nearest": "SELECT ml.nearest('iris', 'ARRAY[sepal_length, petal_length]', 'id', '{5, 1}')",
		"tables":  "DROP TABLE IF EXISTS c, d; CREATE TABLE c AS TABLE m; CREATE TABLE d AS TABLE m_summary",
	})
}

// BenchmarkLinear is 1,000,000 rows of ten numbers.
func BenchmarkLinear(b *testing.B) {
	conn := connect(b)
	columns, names := "", ""
	for i := range 10 {
		columns += fmt.Sprintf(", random() AS x%d", i)
		names += fmt.Sprintf(",x%d", i)
	}
	exec(b, conn, "CREATE TABLE t AS SELECT i AS id, random() AS y"+columns+" FROM generate_series(1, 1000000) i")
	exec(b, conn, "ANALYZE t")
	report(b, conn, map[string]string{
		"snapshot": "SELECT ml.linear_regression('t', 'y', '{" + names[1:] + "}', 'm', replace => true)",
		"session":  "BEGIN; SAVEPOINT s; SELECT ml.linear_regression('t', 'y', '{" + names[1:] + "}', 'm2', replace => true); COMMIT",
		"scan":     "SELECT sum(x9) FROM t",
	})
}

// BenchmarkNeighbours is 1,000 queries on 100,000 points of 64 dimensions.
func BenchmarkNeighbours(b *testing.B) {
	conn := connect(b)
	exec(b, conn, `CREATE TABLE t AS SELECT i AS id, ARRAY(SELECT random() FROM generate_series(1, 64) j WHERE j > 0 AND i > 0) AS x FROM generate_series(1, 100000) i`)
	exec(b, conn, "CREATE TABLE q AS SELECT * FROM t WHERE id <= 1000")
	exec(b, conn, "ANALYZE t")
	report(b, conn, map[string]string{
		"knn": "SELECT ml.knn('t', 'x', 'id', 'q', 'x', 'id', 'k', replace => true)",
	})
}
