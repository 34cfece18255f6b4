package view_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/lawtest"
	"github.com/millrace/millrace/internal/milltest"
)

// lawCases is how many random cases TestLaw runs; MILLRACE_LAW_CASES overrides it,
// and MILLRACE_LAW_SEED is the first seed.
const lawCases = 14

// lawTransactions is how many random transactions each case has.
const lawTransactions = 8

func environment(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestLaw holds random views over random tables equal to their queries through random
// transactions: by the log, the worker and a real server.
func TestLaw(t *testing.T) {
	e := milltest.Start(t, nil)
	role, url := e.Role(t, "law")
	milltest.Open(t, e.AdminURL).Run("DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO %I', current_database(), '" + role + "'); END $$")
	c := milltest.Open(t, url)
	first := environment(t, "MILLRACE_LAW_SEED", 1)
	made, refused := 0, map[string]int{}
	for i := range environment(t, "MILLRACE_LAW_CASES", lawCases) {
		seed := uint64(first + i)
		l := &law{Client: c, t: t, seed: seed, refused: refused}
		l.run(lawtest.New(seed), nil)
		made += len(l.views)
		if t.Failed() {
			l.shrink()
			return
		}
	}
	total := 0
	for _, n := range refused {
		total += n
	}
	t.Logf("%d views were held; %d queries were refused: %v", made, total, refused)
	if made < 5*total {
		t.Errorf("%d of %d queries were refused: %v", total, made+total, refused)
	}
}

// law runs one case.
type law struct {
	*milltest.Client
	t            *testing.T
	seed         uint64
	views        []string
	transactions [][]string
	refused      map[string]int
	quiet        bool
	failure      string
}

func (l *law) fail(format string, args ...any) {
	if l.failure == "" {
		l.failure = fmt.Sprintf(format, args...)
		if !l.quiet {
			l.t.Errorf("seed %d: %s", l.seed, l.failure)
		}
	}
}

// run makes the case's views in a schema of their own and compares them after each
// transaction: the given ones, or new ones.
func (l *law) run(c *lawtest.Case, transactions [][]string) {
	l.Run("DROP SCHEMA IF EXISTS law CASCADE; CREATE SCHEMA law; SET search_path = law; SET jit = off")
	for _, statement := range append(c.Schema, c.Rows...) {
		l.Run(statement)
	}
	l.Run("SELECT ml.track(oid::regclass) FROM pg_class WHERE relnamespace = 'law'::regnamespace AND relkind = 'r'")
	for i, q := range c.Queries {
		name := fmt.Sprintf("v%d", i)
		err := l.Try("SELECT ml.create_view('" + name + "', $law$" + q + "$law$)")
		var e *pgconn.PgError
		switch {
		case err == nil:
			l.views = append(l.views, name)
		case errors.As(err, &e) && e.Code == "0A000":
			l.refused[e.Message]++
		case errors.As(err, &e) && !strings.HasPrefix(e.Code, "XX"):
			// The query itself fails: the generator's valid queries are nearly all.
		default:
			l.fail("create_view: %v\n%s", err, q)
			return
		}
	}
	l.compare(c, "at the beginning")
	rng := rand.New(rand.NewPCG(l.seed, 7))
	for i := 0; l.failure == "" && (transactions == nil && i < lawTransactions || i < len(transactions)); i++ {
		var statements []string
		if transactions != nil {
			statements = transactions[i]
		} else {
			statements = c.Transaction(rng)
		}
		l.transactions = append(l.transactions, statements)
		for _, s := range statements {
			_ = l.Try(s) // a violated constraint is a part of the case
		}
		l.compare(c, fmt.Sprintf("after transaction %d", i))
	}
	if l.failure == "" {
		for _, v := range l.views {
			_ = l.Try("SELECT ml.drop_view('" + v + "')")
		}
	}
}

// compare waits and compares all views with their queries.
func (l *law) compare(c *lawtest.Case, when string) {
	for _, v := range l.views {
		if err := l.Try("SELECT ml.wait('" + v + "')"); err != nil {
			// A query that fails on some row: the view says so, as long as it does.
			if l.Try("SELECT count(*) FROM (SELECT * FROM "+v+"_definition OFFSET 0) AS q WHERE q IS NULL") == nil {
				l.fail("%s: %s: %v, and its query gives rows\n%s", when, v, err, l.query(c, v))
			}
			continue
		}
		sql := fmt.Sprintf("(SELECT '+' AS d, x.* FROM (TABLE %[1]s EXCEPT ALL TABLE %[1]s_definition) AS x) UNION ALL (SELECT '-', y.* FROM (TABLE %[1]s_definition EXCEPT ALL TABLE %[1]s) AS y)", v)
		results, err := l.PgConn().Exec(l.t.Context(), "SELECT string_agg(z::text, ' ') FROM ("+sql+") AS z").ReadAll()
		if err != nil {
			l.fail("%s: %s: compare: %v\n%s", when, v, err, l.query(c, v))
			continue
		}
		if diff := results[0].Rows[0][0]; diff != nil {
			l.fail("%s: %s differs (+ too much, - missing): %.600s\n%s", when, v, diff, l.query(c, v))
		}
	}
}

func (l *law) query(c *lawtest.Case, view string) string {
	i, err := strconv.Atoi(strings.TrimPrefix(view, "v"))
	if err != nil {
		return err.Error()
	}
	return c.Queries[i]
}

// shrink prints a smaller run of the case that fails too.
func (l *law) shrink() {
	deadline := time.Now().Add(time.Minute)
	smaller := lawtest.Shrink(l.transactions, func(trial [][]string) bool {
		if time.Now().After(deadline) {
			return false
		}
		again := &law{Client: l.Client, t: l.t, seed: l.seed, refused: map[string]int{}, quiet: true}
		again.run(lawtest.New(l.seed), trial)
		return again.failure != ""
	})
	for _, transaction := range smaller {
		l.t.Logf("%s;", strings.Join(transaction, ";\n"))
	}
}
