package worker_test

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/algorithms/algtest"
	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

// bothPaths makes output a by the readers and output b by the session itself,
// and requires that all tables with the suffixes are equal, bit for bit.
func bothPaths(t *testing.T, conn *pgx.Conn, call func(output string) string, suffixes ...string) {
	t.Helper()
	read := func(sql string) string {
		var path string
		if err := conn.QueryRow(t.Context(), "SELECT details ->> 'read' FROM "+sql).Scan(&path); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return path
	}
	if got := read(call("a")); got != "snapshot" {
		t.Fatalf("read by %s, want snapshot", got)
	}
	mustExec(t, conn, "BEGIN; SAVEPOINT s")
	if got := read(call("b")); got != "session" {
		t.Fatalf("read by %s, want session", got)
	}
	mustExec(t, conn, "COMMIT")
	for _, suffix := range append(suffixes, "") {
		var differ int
		sql := fmt.Sprintf("SELECT count(*) FROM ((SELECT a::text FROM a%[1]s a EXCEPT ALL SELECT b::text FROM b%[1]s b) UNION ALL (SELECT b::text FROM b%[1]s b EXCEPT ALL SELECT a::text FROM a%[1]s a)) d", suffix)
		if err := conn.QueryRow(t.Context(), sql).Scan(&differ); err != nil {
			t.Fatal(err)
		}
		if differ != 0 {
			t.Errorf("%d rows of table %q differ between the paths", differ, suffix)
		}
	}
}

func mustExec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// sqlExpression turns an expression of the reference files into SQL's.
func sqlExpression(text string) string {
	text = strings.ReplaceAll(text, "==", "=")
	text = strings.ReplaceAll(text, "log(", "ln(")
	return regexp.MustCompile(`"([^"]*)"`).ReplaceAllString(text, "'$1'")
}

func sqlExpressions(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = sqlExpression(text)
	}
	return out
}

type referenceTerm struct {
	Term     string   `json:"term"`
	Estimate *float64 `json:"estimate"`
	StdError *float64 `json:"std_error"`
	PValue   *float64 `json:"p_value"`
}

type referenceCase struct {
	Name       string              `json:"name"`
	Dataset    string              `json:"dataset"`
	Filter     string              `json:"filter"`
	Levels     map[string][]string `json:"levels"`
	Separation string              `json:"separation"`
	Target     string              `json:"target"`
	Features   []string            `json:"features"`
	Weights    string              `json:"weights"`
	Intercept  *bool               `json:"intercept"`
	GroupBy    strings_            `json:"group_by"`
	Covariance string              `json:"covariance"`
	Cluster    string              `json:"cluster"`
	Confidence *float64            `json:"confidence"`
	Ridge      float64             `json:"ridge"`
	L1         float64             `json:"l1"`
	L2         float64             `json:"l2"`
	Groups     []struct {
		Group map[string]any  `json:"group"`
		N     int64           `json:"n"`
		Terms []referenceTerm `json:"terms"`
		R2    *float64        `json:"r_squared"`
		AIC   *float64        `json:"aic"`
		DW    *float64        `json:"durbin_watson"`
		Cond  *float64        `json:"condition_number"`
	} `json:"groups"`
}

// strings_ reads one string or a list.
type strings_ []string

func (s *strings_) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), "[]\n ")
	for _, part := range strings.Split(text, ",") {
		if part = strings.Trim(part, "\" "); part != "" && part != "null" {
			*s = append(*s, part)
		}
	}
	return nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func textArray(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = quote(item)
	}
	return "ARRAY[" + strings.Join(quoted, ", ") + "]::text[]"
}

// call renders the case as a call of function with output.
func (c referenceCase) call(function, output string, more ...string) string {
	args := []string{quote(c.Dataset), quote(sqlExpression(c.Target)), textArray(sqlExpressions(c.Features)), quote(output)}
	optional := func(name, value string, have bool) {
		if have {
			args = append(args, name+" => "+value)
		}
	}
	optional("weights", quote(c.Weights), c.Weights != "")
	optional("group_by", textArray(sqlExpressions(c.GroupBy)), len(c.GroupBy) > 0)
	optional("covariance", quote(c.Covariance), c.Covariance != "")
	optional("cluster", quote(c.Cluster), c.Cluster != "")
	optional("ridge", fmt.Sprint(c.Ridge), c.Ridge > 0)
	optional("l1", fmt.Sprint(c.L1), c.L1 > 0)
	optional("l2", fmt.Sprint(c.L2), c.L2 > 0)
	if c.Intercept != nil {
		optional("intercept", fmt.Sprint(*c.Intercept), true)
	}
	if c.Confidence != nil {
		optional("confidence", fmt.Sprint(*c.Confidence), true)
	}
	args = append(args, more...)
	return fmt.Sprintf("ml.%s(%s, replace => true)", function, strings.Join(args, ", "))
}

// source makes a view where the case looks at part of a data set or orders the
// levels of a factor itself.
func (c *referenceCase) source(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	if c.Filter == "" && c.Levels == nil {
		return
	}
	columns, where := "*", "true"
	if c.Filter != "" {
		where = sqlExpression(c.Filter)
	}
	for column, levels := range c.Levels {
		mustExec(t, conn, "CREATE TYPE level_"+c.Name+" AS ENUM ("+strings.TrimSuffix(strings.TrimPrefix(textArray(levels), "ARRAY["), "]::text[]")+")")
		columns += ", " + column + "::level_" + c.Name + " AS " + column + "_ordered"
		for i, f := range c.Features {
			if f == column {
				c.Features[i] = column + "_ordered"
			}
		}
	}
	mustExec(t, conn, "CREATE TABLE "+c.Name+" AS SELECT "+columns+" FROM "+c.Dataset+" WHERE "+where)
	c.Dataset = c.Name
}

// checkTerms compares the terms of table a with the reference.
func (c referenceCase) checkTerms(t *testing.T, conn *pgx.Conn, digits float64) {
	t.Helper()
	for _, g := range c.Groups {
		where := "true"
		for name, value := range g.Group {
			where += fmt.Sprintf(" AND (%s)::text = %s", pgx.Identifier{sqlExpression(name)}.Sanitize(), quote(fmt.Sprint(value)))
		}
		seen := map[string]int{}
		for _, want := range g.Terms {
			var estimate, stdError, p *float64
			term := strings.ReplaceAll(sqlExpression(want.Term), "'", "''")
			if i := strings.LastIndex(want.Term, "="); i > 0 && !strings.HasSuffix(want.Term[:i], "=") {
				term = strings.ReplaceAll(sqlExpression(want.Term[:i]), "'", "''") + want.Term[i:]
			}
			for column := range c.Levels {
				term = strings.Replace(term, column+"=", column+"_ordered=", 1)
			}
			sql := fmt.Sprintf("SELECT estimate, std_error, p_value FROM a WHERE term = '%s' AND %s ORDER BY ctid OFFSET %d", term, where, seen[term])
			seen[term]++
			if err := conn.QueryRow(t.Context(), sql).Scan(&estimate, &stdError, &p); err != nil {
				t.Errorf("%s: %v", sql, err)
				continue
			}
			near(t, want.Term+" estimate", estimate, want.Estimate, digits)
			near(t, want.Term+" std_error", stdError, want.StdError, digits)
			near(t, want.Term+" p_value", p, want.PValue, digits-2)
		}
	}
}

func near(t *testing.T, what string, got, want *float64, digits float64) {
	t.Helper()
	if got == nil || want == nil {
		if (got == nil) != (want == nil) {
			t.Errorf("%s = %v, want %v (NULL against a value)", what, got, want)
		}
		return
	}
	if algtest.Digits(*got, *want) < digits && math.Abs(*got-*want) > 1e-300 {
		t.Errorf("%s = %.17g, want %.17g", what, *got, *want)
	}
}

// referenceDatabase has every bundled data set as a table of an ordinary role.
func referenceDatabase(t *testing.T) *pgx.Conn {
	t.Helper()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "analyst")
	conn := pgtest.Connect(t, url)
	for _, name := range []string{"iris", "wine", "breast_cancer", "diabetes", "digits", "mtcars", "longley", "airquality", "faithful",
		"quakes", "warpbreaks", "insect_sprays", "chick_weight", "ucb_admissions"} {
		mustExec(t, conn, "SELECT ml.load_dataset($1)", name)
	}
	return conn
}

func TestLinearReference(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	var file struct {
		Cases []referenceCase `json:"cases"`
		Ridge []referenceCase `json:"ridge"`
	}
	algtest.Load(t, "linear.json", &file)
	if len(file.Cases) < 50 || len(file.Ridge) < 9 {
		t.Fatalf("%d cases and %d of ridge, want 50 and 9", len(file.Cases), len(file.Ridge))
	}
	for _, c := range append(file.Cases, file.Ridge...) {
		t.Run(c.Name, func(t *testing.T) {
			c.source(t, conn)
			call := func(output string) string { return c.call("linear_regression", output, "order_by => 'id'") }
			bothPaths(t, conn, call, "_summary")
			c.checkTerms(t, conn, 8)
			if len(c.Groups) != 1 || c.Ridge > 0 {
				return
			}
			var n int64
			var r2, aic, dw, cond *float64
			if err := conn.QueryRow(t.Context(), "SELECT n, r_squared, aic, durbin_watson, condition_number FROM a_summary").Scan(&n, &r2, &aic, &dw, &cond); err != nil {
				t.Fatal(err)
			}
			g := c.Groups[0]
			if n != g.N {
				t.Errorf("n = %d, want %d", n, g.N)
			}
			near(t, "r_squared", r2, g.R2, 8)
			near(t, "aic", aic, g.AIC, 8)
			near(t, "durbin_watson", dw, g.DW, 8)
			near(t, "condition_number", cond, g.Cond, 4)
		})
	}
}

func TestLogisticReference(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	var file struct {
		Cases []referenceCase `json:"cases"`
	}
	algtest.Load(t, "logistic.json", &file)
	if len(file.Cases) < 23 {
		t.Fatalf("%d cases, want 23", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			c.source(t, conn)
			bothPaths(t, conn, func(output string) string { return c.call("logistic_regression", output) }, "_summary")
			c.checkTerms(t, conn, 7)
		})
	}
}

// TestSeparation requires a clear error, and no table, where no finite estimate
// exists.
func TestSeparation(t *testing.T) {
	t.Parallel()
	conn := referenceDatabase(t)
	var file struct {
		Separable []referenceCase `json:"separable"`
	}
	algtest.Load(t, "logistic.json", &file)
	if len(file.Separable) != 6 {
		t.Fatalf("%d sets, want 6", len(file.Separable))
	}
	for _, c := range file.Separable {
		t.Run(c.Name, func(t *testing.T) {
			c.source(t, conn)
			_, err := conn.Exec(t.Context(), "SELECT "+c.call("logistic_regression", "separated"))
			f, ok := errors.AsType[*pgconn.PgError](err)
			want := "separated"
			if c.Separation == "one class" {
				want = "same value in all"
			}
			if !ok || f.Code != "22000" || !strings.Contains(f.Message, want) || f.Hint == "" {
				t.Errorf("error = %+v, want 22000 with %q and a hint", err, want)
			}
			var table *string
			if err := conn.QueryRow(t.Context(), "SELECT to_regclass('separated')::text").Scan(&table); err != nil || table != nil {
				t.Errorf("table %v, error %v; want none", table, err)
			}
		})
	}
}
