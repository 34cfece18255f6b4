package view_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/worker/internal/view"
)

const (
	auditDiffers = "differs from its query"
	auditRanged  = "audit of a range"
	auditWhole   = "is compared whole from here on"
)

// newAudited is a site whose views are audited all the time, in ranges of ten rows.
func newAudited(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.config.Audit = 20 * time.Millisecond
	return s
}

// damaged changes a view's table behind the worker, and waits until the audit has found
// it and the table is right again.
func (s *site) damaged(c, admin *milltest.Client, name, statement string) {
	s.t.Helper()
	before := s.log.count(auditDiffers)
	admin.Run("BEGIN; SET LOCAL session_replication_role = replica; " + statement + "; COMMIT")
	milltest.Until(s.t, "the audit finds: "+statement, func() bool { return s.log.count(auditDiffers) > before })
	s.settle()
	if got := c.Text("SELECT differing FROM ml.check_view('" + name + "')"); got != "0" {
		s.t.Errorf("%s rows differ after the audit has found: %s", got, statement)
	}
}

// TestAuditDamage damages rows of tables at all ends of their keys.
func TestAuditDamage(t *testing.T) {
	for _, tt := range []struct{ name, query, least, middle, greatest, beyond, ranges string }{
		{name: "Key", query: "SELECT k, count(*) AS n, sum(v) AS v FROM item GROUP BY k", least: "k = 2", middle: "k = 71", greatest: "k = 100",
			beyond: "INSERT INTO %s VALUES (-5, 1, 1); INSERT INTO %[1]s VALUES (900, 1, 1)", ranges: `"k" >= `},
		{name: "Heavy", query: "SELECT id % 3 AS a, k, count(*) AS n FROM item GROUP BY 1, 2", least: "(a, k) = (0, 3)", middle: "(a, k) = (2, 71)", greatest: "(a, k) = (1, 100)",
			beyond: "INSERT INTO %s VALUES (1, 900, 1)", ranges: `"a" = 1, "k" >= `},
		{name: "NoKey", query: "SELECT k, v FROM item", least: "k = 2", middle: "k = 71", greatest: "k = 100", beyond: "INSERT INTO %s VALUES (7000, NULL)", ranges: `"k" >= `},
		{name: "OneValue", query: "SELECT 1 AS one, v FROM item", least: "v = 0", middle: "v = 5", greatest: "v = 6", beyond: "INSERT INTO %s VALUES (2, 2)", ranges: `"one" = 1, "v" = 3`},
		{name: "Unordered", query: "SELECT json_build_object('k', k, 'v', v) AS k FROM item", least: "k->>'k' = '2'", middle: "k->>'k' = '71'", greatest: "k->>'k' = '100'",
			beyond: "INSERT INTO %s VALUES ('1')", ranges: ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newAudited(t)
			c, admin := s.open(), s.openAdmin()
			c.Run(`CREATE TABLE item (id int PRIMARY KEY, k int, v int);
				INSERT INTO item SELECT i, i, i % 7 FROM generate_series(2, 100) AS i; INSERT INTO item SELECT 1000 + i, NULL, i FROM generate_series(1, 4) AS i;
				SELECT ml.track('item'); SELECT ml.create_view('v', '` + strings.ReplaceAll(tt.query, "'", "''") + `')`)
			schema := c.Text("SELECT current_schema()")
			table := schema + ".v"
			s.run()
			s.settle()
			last := c.Text("SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = 'v'::regclass AND attnum > 0 ORDER BY attnum DESC LIMIT 1")
			other := last + " = " + last + " + 1000"
			if tt.ranges == "" {
				other = last + " = '2'"
			}
			milltest.Until(t, "the audit compares", func() bool { return s.log.count("views: audit view="+table+" rows=") > 0 })
			if tt.ranges != "" && s.log.count(tt.ranges) == 0 {
				t.Errorf("no range was compared by %s", tt.ranges)
			}
			for _, where := range []string{tt.least, tt.middle, tt.greatest} {
				s.damaged(c, admin, "v", "UPDATE "+table+" SET "+other+" WHERE "+where)
				s.damaged(c, admin, "v", "DELETE FROM "+table+" WHERE "+where)
			}
			for statement := range strings.SplitSeq(fmt.Sprintf(tt.beyond, table), "; ") {
				s.damaged(c, admin, "v", statement)
			}
			if tt.ranges != "" && tt.name != "OneValue" {
				s.damaged(c, admin, "v", "DELETE FROM "+table+" WHERE k IS NULL")
				s.damaged(c, admin, "v", "UPDATE "+table+" SET k = NULL WHERE "+tt.middle)
			}
			s.damaged(c, admin, "v", "DELETE FROM "+table)
			if n := s.log.count(auditWhole); n != 0 {
				t.Errorf("%d times the audit does without ranges", n)
			}
		})
	}
}

// quietTypes are those of the views that are audited while rows change; [view.KeyTypes]
// has more.
var quietTypes = slices.DeleteFunc(slices.Clone(view.KeyTypes), func(k view.KeyType) bool {
	return !slices.Contains([]string{"k_int", "k_numeric", "k_float", "k_text", "k_bytes", "k_jsonb", "k_array", "k_domain", "k_pair", "k_stamp"}, k.Name)
})

// newTyped makes a table with a column of each type, a view grouped by each, and rows
// that the table's can become.
func newTyped(s *site) (views []string) {
	c := s.open()
	c.Run(view.KeyTypesSQL)
	var columns, values []string
	for _, k := range quietTypes {
		columns = append(columns, k.Name+" "+k.Type)
		values = append(values, "CASE WHEN i % 13 = 0 THEN NULL ELSE "+k.Value+" END")
	}
	c.Run("CREATE TABLE item (id int PRIMARY KEY, i int, " + strings.Join(columns, ", ") + "); CREATE TABLE pool (LIKE item)")
	c.Run("INSERT INTO pool SELECT i, i, " + strings.Join(values, ", ") + " FROM generate_series(1, 52) AS i; INSERT INTO item TABLE pool; SELECT ml.track('item')")
	for _, k := range quietTypes {
		c.Run("SELECT ml.create_view('by_" + k.Name + "', 'SELECT " + k.Name + ", count(*) AS n FROM item GROUP BY 1')")
		views = append(views, "by_"+k.Name)
	}
	return views
}

// change changes rows at random until ctx ends.
func change(ctx context.Context, s *site, r *rand.Rand) {
	conn, err := pgx.Connect(ctx, s.owner)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer closeSoon(conn)
	for ctx.Err() == nil {
		a, b := 1+r.IntN(45), r.IntN(9)
		statement := fmt.Sprintf("DELETE FROM item WHERE id BETWEEN %d AND %d", a, a+b)
		if r.IntN(2) == 0 {
			statement = fmt.Sprintf("INSERT INTO item TABLE pool OFFSET %d LIMIT %d ON CONFLICT DO NOTHING", a, b)
		}
		if _, err := conn.Exec(ctx, statement); err != nil && ctx.Err() == nil {
			s.t.Error(statement, err)
			return
		}
		time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond) // each is a tick of all views
	}
}

// TestAuditQuiet audits views by keys of many types while rows come and go: no range
// ever differs, and each view comes to its end.
func TestAuditQuiet(t *testing.T) {
	t.Parallel()
	s := newAudited(t)
	views := newTyped(s)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s.run()
	s.settle()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { change(ctx, s, rand.New(rand.NewPCG(seed, 1))) })
	schema := s.open().Text("SELECT current_schema()")
	for _, v := range views {
		milltest.Until(t, v+" has been compared", func() bool { return s.log.count("views: audit view="+schema+"."+v+" ") > 1 })
	}
	cancel()
	work.Wait()
	t.Logf("%d ranges", s.log.count(auditRanged))
	if differ, whole := s.log.count(auditDiffers), s.log.count(auditWhole); differ+whole > 0 {
		t.Errorf("%d views were built anew, and %d compared whole", differ, whole)
	}
}

// TestAuditUnfit has views whose ranges need not have the rows that the view has, or
// fail where the view does not: they are compared whole.
func TestAuditUnfit(t *testing.T) {
	for _, tt := range []struct{ name, query, damage string }{
		// PostgreSQL's sums depend on the order of the rows; at a bound, theirs may be less.
		{"Floats", "SELECT s FROM (SELECT g, sum(x) AS s FROM item GROUP BY g) AS q", "UPDATE %s SET s = s + 1 WHERE s = (SELECT max(s) FROM %[1]s)"},
		// The cast is cheaper than the function that keeps it from failing.
		{"Guarded", "SELECT code::int AS k, g FROM item WHERE valid(code)", "UPDATE %s SET g = -1 WHERE k = 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newAudited(t)
			c, admin := s.open(), s.openAdmin()
			c.Run(`CREATE TABLE item (id int PRIMARY KEY, g int, x float8, code text); SELECT ml.track('item');
				INSERT INTO item SELECT i, i % 150, i * 0.1 + (i % 11) * 1e5, CASE WHEN i % 20 = 0 THEN 'none' ELSE i::text END FROM generate_series(1, 6000) AS i;
				CREATE FUNCTION valid(code text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN code <> 'none'; END $$;
				SELECT ml.create_view('v', '` + tt.query + `')`)
			s.run()
			s.settle()
			milltest.Until(t, "the audit does without ranges", func() bool { return s.log.count(auditWhole) == 1 })
			milltest.Until(t, "the view is compared whole", func() bool { return s.log.count("views: audit view") > 1 })
			if n := s.log.count(auditDiffers); n != 0 {
				t.Errorf("the view was built anew %d times", n)
			}
			s.damaged(c, admin, "v", fmt.Sprintf(tt.damage, c.Text("SELECT current_schema()")+".v"))
		})
	}
}

// TestAuditLate has one row that the query takes minutes for in the audit: the range
// around it is made smaller, then left out, and the rest of the view is compared.
func TestAuditLate(t *testing.T) {
	t.Parallel()
	s := newAudited(t)
	c, admin := s.open(), s.openAdmin()
	c.Run(`CREATE TABLE item (id int PRIMARY KEY, n int); INSERT INTO item SELECT i, i FROM generate_series(1, 150) AS i; SELECT ml.track('item');
		CREATE FUNCTION late(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
			IF id = 57 AND current_setting('statement_timeout') = '3s' THEN PERFORM pg_sleep(300); END IF; RETURN id; END $$;
		SELECT ml.create_view('v', 'SELECT id, late(id) AS l, n FROM item')`)
	s.run()
	s.settle()
	milltest.Until(t, "the range is left out", func() bool { return s.log.count(`leaves out a range, which could not be compared in time view=`) > 0 })
	if got := s.log.count("made smaller"); got < 2 {
		t.Errorf("the range was made smaller %d times before it was left out, want 2 or more", got)
	}
	if s.log.count(`in time view=`+c.Text("SELECT current_schema()")+`.v range="id" >= 5`) == 0 {
		t.Error("the log does not name the range around 57")
	}
	s.damaged(c, admin, "v", "UPDATE "+c.Text("SELECT current_schema()")+".v SET n = 0 WHERE id = 140")
}
