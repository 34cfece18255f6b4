package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/algorithms/algtest"
)

type neighbourCase struct {
	Name        string   `json:"name"`
	Dataset     string   `json:"dataset"`
	Features    []string `json:"features"`
	Metric      string   `json:"metric"`
	K           int      `json:"k"`
	Weights     string   `json:"weights"`
	Label       string   `json:"label"`
	Task        string   `json:"task"`
	ExcludeSelf bool     `json:"exclude_self"`
	Queries     []struct {
		ID          int64              `json:"query_id"`
		Point       []float64          `json:"point"`
		Neighbours  []int64            `json:"neighbor_ids"`
		Distances   []float64          `json:"distances"`
		Prediction  any                `json:"prediction"`
		Probability map[string]float64 `json:"probability"`
		RoundingTie bool               `json:"rounding_tie"`
	} `json:"queries"`
}

// TestNeighbourReference runs the reference cases through SQL, by both paths.
func TestNeighbourReference(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	var file struct {
		Cases []neighbourCase `json:"cases"`
	}
	algtest.Load(t, "knn.json", &file)
	if len(file.Cases) < 43 {
		t.Fatalf("%d cases, want 43", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) { c.run(t, conn) })
	}
}

func (c neighbourCase) run(t *testing.T, conn *pgx.Conn) {
	train, point := c.train(t, conn)
	mustExec(t, conn, "DROP TABLE IF EXISTS q; CREATE TABLE q (id int, x float8[])")
	for _, q := range c.Queries {
		if c.ExcludeSelf {
			mustExec(t, conn, fmt.Sprintf("INSERT INTO q SELECT id, %s FROM %s WHERE id = $1", point, train), q.ID)
			continue
		}
		mustExec(t, conn, "INSERT INTO q VALUES ($1, $2)", q.ID, q.Point)
	}
	label := "NULL"
	if c.Label != "" {
		label = quote(c.Label)
	}
	bothPaths(t, conn, func(output string) string {
		call := fmt.Sprintf("ml.knn('%s', '%s', 'id', 'q', 'x', 'id', '%s', k => %d, metric => '%s', weights => '%s', label => %s, exclude_self => %v, replace => true",
			train, point, output, c.K, c.Metric, orUniform(c.Weights), label, c.ExcludeSelf)
		if c.Task != "" {
			call += ", task => " + quote(c.Task)
		}
		return call + ")"
	})
	for _, q := range c.Queries {
		var ids []int64
		var distances []float64
		if err := conn.QueryRow(t.Context(), "SELECT neighbor_ids, distances FROM a WHERE query_id = $1", q.ID).Scan(&ids, &distances); err != nil {
			t.Fatal(err)
		}
		if q.RoundingTie { // equal on paper: any order of them is right
			slices.Sort(ids)
			slices.Sort(q.Neighbours)
		}
		if !slices.Equal(ids, q.Neighbours) {
			t.Errorf("query %d: neighbours %v, want %v", q.ID, ids, q.Neighbours)
		}
		for i, want := range q.Distances {
			if algtest.Digits(distances[i], want) < 12 && abs(distances[i]-want) > 1e-12 {
				t.Errorf("query %d: distance %.17g, want %.17g", q.ID, distances[i], want)
			}
		}
		c.checkPrediction(t, conn, q.ID, q.Prediction, q.Probability)
	}
}

func orUniform(weights string) string {
	if weights == "" {
		return "uniform"
	}
	return weights
}

func abs(x float64) float64 { return max(x, -x) }

func (c neighbourCase) checkPrediction(t *testing.T, conn *pgx.Conn, id int64, want any, probability map[string]float64) {
	t.Helper()
	if c.Label == "" {
		return
	}
	var text string
	var p *float64
	sql := "SELECT prediction::text, to_jsonb(a) ->> 'probability' FROM a WHERE query_id = $1"
	sql = strings.Replace(sql, "to_jsonb(a) ->> 'probability'", "(to_jsonb(a) ->> 'probability')::float8", 1)
	if err := conn.QueryRow(t.Context(), sql, id).Scan(&text, &p); err != nil {
		t.Fatal(err)
	}
	if number, ok := want.(float64); ok && c.Task == "regression" {
		var got float64
		if _, err := fmt.Sscan(text, &got); err != nil || algtest.Digits(got, number) < 12 {
			t.Errorf("query %d: prediction %s, want %.17g", id, text, number)
		}
		return
	}
	if text != fmt.Sprint(want) {
		t.Errorf("query %d: prediction %s, want %v", id, text, want)
	}
	if p == nil || algtest.Digits(*p, probability[text]) < 12 {
		t.Errorf("query %d: probability %v, want %v", id, p, probability[text])
	}
}

// train makes the training relation of a case and returns its name and the
// point's expression. The names of two families of cases change the data.
func (c neighbourCase) train(t *testing.T, conn *pgx.Conn) (relation, point string) {
	t.Helper()
	columns := make([]string, len(c.Features))
	for i, f := range c.Features {
		columns[i] = f
		if strings.HasPrefix(c.Name, "digits_bool") {
			columns[i] = fmt.Sprintf("(%s > 7)::int", f)
		}
	}
	return c.Dataset, "ARRAY[" + strings.Join(columns, ", ") + "]"
}

// TestPointTypes finds the same neighbours whatever numeric array holds the
// point. Type vector stands in for pgvector's: a type of that name outside of
// pg_catalog with a cast to real[], which is all that is used of it.
func TestPointTypes(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	mustExec(t, conn, `
		CREATE TYPE vector AS (elements real[]);
		CREATE FUNCTION elements(vector) RETURNS real[] LANGUAGE sql IMMUTABLE AS 'SELECT $1.elements';
		CREATE CAST (vector AS real[]) WITH FUNCTION elements(vector);
		CREATE TABLE points AS SELECT id,
			ARRAY[cyl, gear]::int[] AS ints, ARRAY[cyl, gear]::float4[] AS reals, ARRAY[cyl, gear]::float8[] AS floats,
			ARRAY[cyl, gear]::numeric[] AS numerics, ARRAY[cyl, gear]::bigint[] AS bigints, ARRAY[cyl, gear]::smallint[] AS smallints,
			ROW(ARRAY[cyl, gear]::real[])::vector AS vectors
		FROM mtcars`)
	for i, column := range []string{"floats", "ints", "reals", "numerics", "bigints", "smallints", "vectors", "ARRAY[ints[1], ints[2]]"} {
		bothPaths(t, conn, func(output string) string {
			return fmt.Sprintf("ml.knn('points', '%[1]s', 'id', 'points', '%[1]s', 'id', '%[2]s', replace => true)", column, output)
		})
		if i == 0 {
			mustExec(t, conn, "CREATE TABLE want AS TABLE a")
		}
		var differ int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM (TABLE a EXCEPT ALL TABLE want) d").Scan(&differ); err != nil || differ > 0 {
			t.Errorf("%s: %d rows differ from those of float8[] (%v)", column, differ, err)
		}
	}
}

// TestIDTypes gives ids and labels back in their own types, ties by id.
func TestIDTypes(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	mustExec(t, conn, `
		CREATE TYPE size AS ENUM ('small', 'large', 'huge');
		CREATE TABLE typed AS SELECT id, id::bigint AS big, ('00000000-0000-0000-0000-' || lpad(id::text, 12, '0'))::uuid AS u, 'k"\{' || lpad(id::text, 3, '0') AS name,
			DATE '2020-01-01' + id AS day, TIMESTAMPTZ '2020-01-01 00:00+00' + id * INTERVAL '1 hour' AS at, id::numeric / 100 AS part,
			(ARRAY['small', 'large', 'huge'])[1 + id % 3]::size AS s, id % 2 = 0 AS even, 1.0::float8 AS x
		FROM generate_series(1, 12) AS id`)
	for _, id := range []string{"id", "big", "u", "name", "day", "at", "part"} {
		bothPaths(t, conn, func(output string) string {
			return fmt.Sprintf("ml.knn('typed', 'ARRAY[x]', '%[1]s', 'typed', 'ARRAY[x]', '%[1]s', '%[2]s', k => 3, label => 's', replace => true)", id, output)
		})
		var ok bool
		sql := fmt.Sprintf(`SELECT bool_and(neighbor_ids = (SELECT array_agg(%[1]s ORDER BY id) FROM typed WHERE id <= 3) AND prediction = 'small' AND abs(probability - 1/3.0) < 1e-15)
			AND pg_typeof(min(query_id)::text) IS NOT NULL AND (SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 'a'::regclass AND attname = 'query_id')
				= (SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attname = '%[1]s') FROM a`, id)
		if id == "u" {
			sql = strings.Replace(sql, "min(query_id)::text", "min(query_id::text)", 1)
		}
		if err := conn.QueryRow(t.Context(), sql).Scan(&ok); err != nil || !ok {
			t.Errorf("id %s: neighbours, prediction or type are wrong (%v)", id, err)
		}
	}
}
