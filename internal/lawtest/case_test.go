package lawtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
)

// cases is how many cases the longer tests make.
const cases = 40

func TestMain(m *testing.M) { pgtest.Run(m) }

// stage puts a case into a schema of its own.
func stage(t *testing.T, conn *pgx.Conn, seed uint64) *Case {
	t.Helper()
	c := New(seed)
	run(t, conn, "DROP SCHEMA IF EXISTS s CASCADE; CREATE SCHEMA s; SET search_path = s, pg_catalog; SET TimeZone = 'UTC'; SET jit = off; SET statement_timeout = '5s'")
	for _, sql := range slices.Concat(c.Schema, c.Rows) {
		run(t, conn, sql)
	}
	return c
}

func run(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// TestQueries: nearly all queries are valid, make views, raise no errors, and have
// rows; and they meet every construct that is promised.
func TestQueries(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.Database(t))
	var all, invalid, empty, large int
	var everything strings.Builder
	messages := map[string]string{}
	for seed := range uint64(cases) {
		c := stage(t, conn, seed)
		everything.WriteString(strings.Join(c.Schema, "\n"))
		for _, q := range c.Queries {
			all++
			everything.WriteString(q + "\n")
			var rows int
			_, err := conn.Exec(t.Context(), "CREATE OR REPLACE VIEW v AS "+q)
			if err == nil {
				err = conn.QueryRow(t.Context(), "SELECT count(*) FROM (SELECT * FROM v OFFSET 0) AS r").Scan(&rows)
				run(t, conn, "DROP VIEW v")
			}
			switch {
			case err != nil:
				invalid++
				messages[err.Error()] = fmt.Sprintf("seed %d: %s", seed, q)
			case rows == 0:
				empty++
			case rows > 20_000:
				large++
			}
		}
	}
	t.Logf("%d queries, %d invalid, %d without rows, %d with many", all, invalid, empty, large)
	if invalid*100 > all || empty*100 > 20*all || large*100 > all {
		t.Errorf("of %d queries %d are invalid, %d without rows and %d large", all, invalid, empty, large)
		for message, q := range messages {
			t.Logf("%s\n%s", message, q)
		}
	}
	for _, word := range []string{" JOIN ", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "NATURAL", "USING", "LATERAL", "WITH ", "VALUES", "UNION ALL", "INTERSECT ALL",
		"EXCEPT ALL", "UNION (", "INTERSECT (", "EXCEPT (", "DISTINCT ON", "SELECT DISTINCT ", "ROLLUP", "CUBE", "GROUPING SETS", "GROUPING(", "HAVING", "FILTER", "NOT IN (SELECT", "EXISTS", "ALL (SELECT",
		"CASE", "coalesce", "count(DISTINCT", "string_agg", "array_agg", "(SELECT (min", "MATERIALIZED", "IS NOT DISTINCT", "LIKE", "WITHIN GROUP", "GENERATED ALWAYS"} {
		if n := strings.Count(everything.String(), word); n < 5 {
			t.Errorf("%d queries have %s", n, word)
		}
	}
}

// TestImmutable: the result of a query depends on the tables alone, not on settings.
func TestImmutable(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.Database(t))
	for seed := range uint64(20) {
		c := stage(t, conn, seed)
		for i, q := range c.Queries {
			if _, err := conn.Exec(t.Context(), fmt.Sprintf("CREATE VIEW v%d AS %s", i, q)); err != nil {
				continue // TestQueries counts these.
			}
			var names []string
			// Functions and operators, by their OIDs in the analysed tree.
			const sql = `SELECT array_agg(DISTINCT p.oid::regprocedure::text) FROM pg_rewrite AS w,
				regexp_matches(w.ev_action::text, ':(?:opfuncid|funcid|aggfnoid) (\d+)', 'g') AS m, pg_proc AS p
				WHERE w.ev_class = $1::text::regclass AND p.oid = m[1]::oid AND p.provolatile <> 'i'`
			if err := conn.QueryRow(t.Context(), sql, fmt.Sprint("v", i)).Scan(&names); err != nil {
				t.Fatal(err)
			}
			if len(names) > 0 {
				t.Errorf("seed %d: %s\nuses %s", seed, q, names)
			}
		}
	}
}

// TestTransactions: no statement fails, tables stay small, most transactions change
// something, and afterwards nearly all queries still run.
func TestTransactions(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.Database(t))
	words := map[string]int{}
	all, failed := 0, 0
	for seed := range uint64(20) {
		c := stage(t, conn, seed)
		rng := rand.New(rand.NewPCG(seed, 9))
		before, idle := "", 0
		for n := range 40 {
			statements := c.Transaction(rng)
			for i, sql := range statements {
				if _, err := conn.Exec(t.Context(), sql); err != nil {
					t.Fatalf("seed %d, transaction %d: %s\n%v", seed, n, strings.Join(statements[:i+1], ";\n"), err)
				}
				words[strings.Fields(sql)[0]]++
			}
			after := ""
			for _, table := range c.tables {
				var rows int
				var text string
				if err := conn.QueryRow(t.Context(), fmt.Sprintf("SELECT count(*), coalesce(string_agg(t::text, ' ' ORDER BY t::text), '') FROM %s AS t", table.name)).Scan(&rows, &text); err != nil {
					t.Fatal(err)
				}
				after += text
				if rows > 2*crowd {
					t.Errorf("seed %d, transaction %d: table %s has %d rows", seed, n, table.name, rows)
				}
			}
			if after == before {
				idle++
			}
			before = after
		}
		for _, q := range c.Queries {
			all++
			if _, err := conn.Exec(t.Context(), q); err != nil {
				failed++
				t.Logf("seed %d: %v\n%s", seed, err, q)
			}
		}
		if idle > 20 {
			t.Errorf("seed %d: %d of 40 transactions change nothing", seed, idle)
		}
	}
	if failed*100 > all {
		t.Errorf("%d of %d queries fail after transactions", failed, all)
	}
	for _, word := range []string{"INSERT", "UPDATE", "DELETE", "TRUNCATE", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT"} {
		if words[word] < 8 {
			t.Errorf("%d statements are %s", words[word], word)
		}
	}
}

// TestSame: a seed gives the same case and transactions each time.
func TestSame(t *testing.T) {
	t.Parallel()
	text := func(seed uint64) string {
		c := New(seed)
		list := slices.Concat(c.Schema, c.Rows, c.Queries, c.Transaction(rand.New(rand.NewPCG(seed, 0))))
		return strings.Join(list, "\n")
	}
	if first, second := text(5), text(5); first != second {
		t.Error("the same seed gives two cases")
	}
	if text(5) == text(6) {
		t.Error("two seeds give the same case")
	}
}

// TestShrink: of many transactions only what the failure needs is left.
func TestShrink(t *testing.T) {
	t.Parallel()
	var list [][]string
	for i := range 50 {
		list = append(list, []string{"BEGIN", fmt.Sprint("a", i), fmt.Sprint("b", i), "COMMIT"})
	}
	calls := 0
	got := Shrink(list, func(trial [][]string) bool {
		calls++
		all := slices.Concat(trial...)
		return slices.Index(all, "a7") >= 0 && slices.Index(all, "b30") > slices.Index(all, "a7")
	})
	want := [][]string{{"BEGIN", "a7", "COMMIT"}, {"BEGIN", "b30", "COMMIT"}}
	if fmt.Sprint(got) != fmt.Sprint(want) || calls > 200 {
		t.Errorf("Shrink = %v after %d calls, want %v", got, calls, want)
	}
	if len(list) != 50 || len(list[7]) != 4 {
		t.Error("Shrink changed its argument")
	}
}
