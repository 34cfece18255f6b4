package worker_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/algorithms/algtest"
)

// predictionCase is a reference case with predictions of its own rows.
type predictionCase struct {
	referenceCase
	Groups []struct {
		Predictions []map[string]float64 `json:"predictions"`
	} `json:"groups"`
}

// UnmarshalJSON reads both views of one case.
func (c *predictionCase) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &c.referenceCase); err != nil {
		return err
	}
	var only struct {
		Groups []struct {
			Predictions []map[string]float64 `json:"predictions"`
		} `json:"groups"`
	}
	err := json.Unmarshal(text, &only)
	c.Groups = only.Groups
	return err
}

func loadPredictions(t *testing.T, file string) []predictionCase {
	t.Helper()
	var all struct {
		Cases []predictionCase `json:"cases"`
	}
	algtest.Load(t, file, &all)
	var with []predictionCase
	for _, c := range all.Cases {
		if len(c.Groups) == 1 && len(c.Groups[0].Predictions) > 0 {
			with = append(with, c)
		}
	}
	if len(with) < 4 {
		t.Fatalf("%d cases with predictions in %s, want 4 or more", len(with), file)
	}
	return with
}

func TestLinearPredictions(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	for _, c := range loadPredictions(t, "linear.json") {
		t.Run(c.Name, func(t *testing.T) {
			c.source(t, conn)
			mustExec(t, conn, "SELECT "+c.call("linear_regression", "m"))
			for _, intervals := range []string{"confidence", "prediction"} {
				bothPaths(t, conn, func(output string) string {
					return fmt.Sprintf("ml.predict('m', '%s', '%s', keep => '{id}', intervals => '%s', replace => true)", c.Dataset, output, intervals)
				})
				for _, want := range c.Groups[0].Predictions {
					low, high := want["conf_low"], want["conf_high"]
					if intervals == "prediction" {
						low, high = want["pred_low"], want["pred_high"]
					}
					c.checkRow(t, conn, want, [4]float64{want["fit"], want["se_fit"], low, high}, 8)
				}
			}
		})
	}
}

func (c predictionCase) checkRow(t *testing.T, conn *pgx.Conn, row map[string]float64, want [4]float64, digits float64) {
	t.Helper()
	var got [4]float64
	err := conn.QueryRow(t.Context(), "SELECT prediction, std_error, conf_low, conf_high FROM a WHERE id = $1", int(row["id"])).
		Scan(&got[0], &got[1], &got[2], &got[3])
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if algtest.Digits(got[i], want[i]) < digits {
			t.Errorf("row %g: value %d is %.17g, want %.17g", row["id"], i, got[i], want[i])
		}
	}
}

func TestLogisticPredictions(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	for _, c := range loadPredictions(t, "logistic.json") {
		t.Run(c.Name, func(t *testing.T) {
			c.source(t, conn)
			mustExec(t, conn, "SELECT "+c.call("logistic_regression", "m"))
			for kind, column := range map[string]string{"response": "probability", "link": "log_odds"} {
				bothPaths(t, conn, func(output string) string {
					return fmt.Sprintf("ml.predict('m', '%s', '%s', keep => '{id}', type => '%s', replace => true)", c.Dataset, output, kind)
				})
				for _, want := range c.Groups[0].Predictions {
					var got float64
					if err := conn.QueryRow(t.Context(), "SELECT prediction FROM a WHERE id = $1", int(want["id"])).Scan(&got); err != nil {
						t.Fatal(err)
					}
					if algtest.Digits(got, want[column]) < 7 {
						t.Errorf("%s of row %g = %.17g, want %.17g", kind, want["id"], got, want[column])
					}
				}
			}
		})
	}
}

// TestModelIsATable predicts from a model that was copied, renamed, moved to
// another schema, or is known by its summary alone.
func TestModelIsATable(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	mustExec(t, conn, "SELECT ml.linear_regression('iris', 'sepal_length', '{petal_length,species}', 'm', group_by => '{sepal_width > 3}')")
	mustExec(t, conn, "SELECT ml.predict('m', 'iris', 'want', keep => '{id}')")
	same := func(model string) {
		t.Helper()
		mustExec(t, conn, fmt.Sprintf("SELECT ml.predict('%s', 'iris', 'got', keep => '{id}', replace => true)", model))
		var differ, rows int
		if err := conn.QueryRow(t.Context(), "SELECT count(*), (SELECT count(*) FROM got) FROM ((TABLE want EXCEPT ALL TABLE got) UNION ALL (TABLE got EXCEPT ALL TABLE want)) d").Scan(&differ, &rows); err != nil || differ > 0 || rows != 150 {
			t.Errorf("model %s: %d of %d rows differ (%v)", model, differ, rows, err)
		}
	}
	same("m_summary")
	mustExec(t, conn, "CREATE TABLE kept AS TABLE m_summary")
	same("kept")
	mustExec(t, conn, "ALTER TABLE m_summary RENAME TO other")
	same("other")
	mustExec(t, conn, "CREATE VIEW model_view AS TABLE other")
	same("model_view")
	mustExec(t, conn, "CREATE TEMPORARY TABLE other AS TABLE kept")
	same("pg_temp.other")
}

// TestPredictionGaps gives NULL, and counts it, where the model cannot say.
func TestPredictionGaps(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	mustExec(t, conn, `CREATE TABLE train AS SELECT id, x, x * 2 + (id % 3) AS y, (ARRAY['a', 'b', 'c'])[1 + id % 3] AS f, id % 2 AS g
			FROM (SELECT i AS id, sin(i) AS x FROM generate_series(1, 40) i) s;
		CREATE TABLE fresh (id int, x float8, f text, g int);
		INSERT INTO fresh VALUES (1, 0.5, 'a', 0), (2, NULL, 'a', 0), (3, 0.5, 'd', 0), (4, 0.5, 'b', 7), (5, 0.5, NULL, 1)`)
	mustExec(t, conn, "SELECT ml.linear_regression('train', 'y', '{x,f}', 'm', group_by => '{g}')")
	var used, skipped int64
	var counts string
	if err := conn.QueryRow(t.Context(), "SELECT rows_used, rows_skipped, details ->> 'null_predictions' FROM ml.predict('m', 'fresh', 'p', keep => '{id}')").Scan(&used, &skipped, &counts); err != nil {
		t.Fatal(err)
	}
	if used != 1 || skipped != 4 || counts != `{"null_feature": 2, "unseen_level": 1, "unknown_group": 1}` {
		t.Errorf("used %d, skipped %d, %s", used, skipped, counts)
	}
	var missing string
	if err := conn.QueryRow(t.Context(), "SELECT string_agg(id::text, ',' ORDER BY id) FROM p WHERE prediction IS NULL").Scan(&missing); err != nil || missing != "2,3,4,5" {
		t.Errorf("NULL predictions for %s (%v), want 2,3,4,5", missing, err)
	}
	for _, tt := range []struct{ sql, code, message string }{
		{"ml.predict('m', 'fresh', 'q', type => 'class')", "22023", "needs a logistic model"},
		{"ml.predict('m', 'fresh', 'q', type => 'klass')", "22023", `type "klass" is unknown`},
		{"ml.predict('m', 'fresh', 'q', intervals => 'both')", "22023", `intervals "both" is unknown`},
		{"ml.predict('m', NULL, 'q')", "22023", "source is NULL"},
		{"ml.predict('m', 'train', 'q', keep => '{prediction}')", "22023", `two columns called "prediction"`},
		{"ml.predict('m', 'iris', 'q')", "42703", `column "x" does not exist`},
		{"ml.predict('m', 'fresh', 'q', keep => '{g}')", "22023", `two columns called "g"`},
	} {
		_, err := conn.Exec(t.Context(), "SELECT "+tt.sql)
		f, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || f.Code != tt.code || !strings.Contains(f.Message, tt.message) {
			t.Errorf("%s: %v, want %s %q", tt.sql, err, tt.code, tt.message)
		}
	}
}
