package worker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestRangesEqualSession reads a table of several page ranges by parallel
// readers and by the caller's session: the models must agree in every bit,
// although the values are such that sums in another order would not.
func TestRangesEqualSession(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(`CREATE TABLE big AS SELECT exp(sin(i) * 20) AS x, cos(i) * exp(cos(i) * 18) AS y, repeat('f', 120) AS filler FROM generate_series(1, 260000) AS i;
		DELETE FROM big WHERE random() < 0.01; ANALYZE big`)
	if size := c.text("SELECT (pg_relation_size('big') > 34 << 20)::text"); size != "true" {
		t.Fatal("the table is too small for several ranges")
	}
	byReaders := c.fit("big", "y", "x")
	c.run("BEGIN; SAVEPOINT s")
	bySession := c.fit("big", "y", "x")
	c.run("COMMIT")
	if byReaders.read != "snapshot" || bySession.read != "session" {
		t.Fatalf("read by %s and %s, want snapshot and session", byReaders.read, bySession.read)
	}
	if byReaders.coefficients != bySession.coefficients || byReaders.used != bySession.used {
		t.Errorf("by readers %d rows: %s\nby session %d rows: %s", byReaders.used, byReaders.coefficients, bySession.used, bySession.coefficients)
	}
}

// TestPathsAgree fits the same data by both paths, with every kind of column
// that travels: numbers of each type, text, boolean, enum, domain, NULLs.
func TestPathsAgree(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(`CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE DOMAIN share AS numeric(8,4) CHECK (VALUE >= 0);
		CREATE TABLE kinds AS SELECT i AS i4, i::int8 * 3000000019 AS i8, (i % 30)::int2 AS i2, sqrt(i)::float4 AS f4, cbrt(i) AS f8,
			(i * 1.0 / 7)::numeric AS num, (i / 9.0)::share AS dom, CASE i % 3 WHEN 0 THEN 'Ä' WHEN 1 THEN 'b''"\' ELSE '' END AS txt,
			i % 2 = 0 AS flag, (ARRAY['sad', 'ok', 'happy'])[i % 3 + 1]::mood AS feel, 3 * sqrt(i) + sin(i) AS y
		FROM generate_series(1, 300) AS i; UPDATE kinds SET y = NULL WHERE i4 % 50 = 0; UPDATE kinds SET num = NULL WHERE i4 = 77`)
	for _, feature := range []string{"i4", "i8", "i2", "f4", "f8", "num", "dom", "txt", "flag", "feel", "num * 2 + f4", "length(txt)", "feel = 'ok'", "upper(txt)"} {
		t.Run(feature, func(t *testing.T) {
			c.t = t
			a := c.fit("kinds", "y", feature)
			c.run("BEGIN; SAVEPOINT s")
			b := c.fit("kinds", "y", feature)
			c.run("COMMIT")
			if a.read != "snapshot" || b.read != "session" {
				t.Fatalf("read by %s (%s) and %s, want snapshot and session", a.read, a.reason, b.read)
			}
			if a.coefficients != b.coefficients || a.used != b.used {
				t.Errorf("by readers: %s\nby session: %s", a.coefficients, b.coefficients)
			}
		})
	}
}

// TestIsolation checks which rows of others a call sees: those that the caller's
// own SELECT would see.
func TestIsolation(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c, other := open(t, url), open(t, url)
	c.run(dataSQL("t", 100))
	c.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t")
	other.run("INSERT INTO t VALUES (0, 500, -1000); DELETE FROM t WHERE id <= 10")
	m := c.fit("t", "y", "x")
	c.checkSlope(m, "t", "y", "x")
	if m.used != 100 || m.read != "snapshot" {
		t.Errorf("REPEATABLE READ: %d rows by %s, want the 100 of its snapshot by snapshot", m.used, m.read)
	}
	c.run("COMMIT; BEGIN")
	m = c.fit("t", "y", "x")
	c.checkSlope(m, "t", "y", "x")
	other.run("INSERT INTO t VALUES (0, 600, -2000)")
	if again := c.fit("t", "y", "x"); again.used != m.used+1 {
		t.Errorf("READ COMMITTED: %d rows after another's insert, want %d", again.used, m.used+1)
	}
	c.run("COMMIT")
	other.run("BEGIN; DELETE FROM t")
	if m := c.fit("t", "y", "x"); m.used != 91 {
		t.Errorf("%d rows beside another's uncommitted DELETE, want 91", m.used)
	}
	other.run("ROLLBACK")
}

// TestConcurrentWriter calls while another session commits: every call sees one
// moment, the one that the caller's own SELECT in the same snapshot sees.
func TestConcurrentWriter(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c, writer := open(t, url), open(t, url)
	c.run("CREATE TABLE big AS SELECT i / 90000.0::float8 AS x, i / 45000.0 + sin(i) AS y, repeat('f', 400) AS filler FROM generate_series(1, 90000) AS i; ANALYZE big")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; ctx.Err() == nil && err == nil; i++ {
			_, err = writer.Exec(context.Background(), fmt.Sprintf(
				"INSERT INTO big SELECT n, %d, 'f' FROM generate_series(1, 40) AS n; DELETE FROM big WHERE x < %g", i%7, float64(i)/90000))
		}
		done <- err
	}()
	for range 4 {
		c.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
		m := c.fit("big", "y", "x")
		c.checkSlope(m, "big", "y", "x")
		if m.read != "snapshot" {
			t.Errorf("read by %s (%s), want snapshot", m.read, m.reason)
		}
		c.run("COMMIT")
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestReadOnly refuses a table in a read-only transaction before any work.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(dataSQL("t", 100))
	snapshot, session := paths(e, func() {
		c.run("BEGIN READ ONLY")
		c.refused("25006", "SELECT ml.linear_regression('t', 'y', '{x}', 'out')")
		c.run("ROLLBACK")
	})
	if snapshot+session != 0 {
		t.Errorf("rows were read %d times, want 0", snapshot+session)
	}
}

// TestContexts calls from everywhere that SQL can call a function from, more
// often than PL/pgSQL needs to switch to generic plans.
func TestContexts(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(dataSQL("t", 100))
	c.run(`CREATE FUNCTION by_plpgsql() RETURNS text LANGUAGE plpgsql AS $$DECLARE r ml.result; BEGIN
			r := ml.linear_regression('t', 'y', '{x}', 'm', replace => true); RETURN r.details ->> 'read'; END$$;
		CREATE FUNCTION by_sql() RETURNS text LANGUAGE sql AS $$SELECT (ml.linear_regression('t', 'y', '{x}', 'm', replace => true)).details ->> 'read'$$;
		CREATE FUNCTION caught() RETURNS text LANGUAGE plpgsql AS $$BEGIN
			RETURN (ml.linear_regression('t', 'y', '{x}', 'm', replace => true)).details ->> 'read'; EXCEPTION WHEN division_by_zero THEN RETURN 'never'; END$$;
		CREATE FUNCTION on_insert() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
			NEW.x := (SELECT rows_used FROM ml.linear_regression('t', 'y', '{x}', 'm', replace => true)); RETURN NEW; END$$;
		CREATE TABLE logged (x float8); CREATE TRIGGER call BEFORE INSERT ON logged FOR EACH ROW EXECUTE FUNCTION on_insert();
		CREATE FUNCTION after_t() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
			INSERT INTO seen SELECT details ->> 'read', rows_used FROM ml.linear_regression('t', 'y', '{x}', 'm', replace => true); RETURN NULL; END$$;
		CREATE TABLE seen (read text, n int);
		PREPARE p(text) AS SELECT (ml.linear_regression($1::regclass, 'y', '{x}', 'm', replace => true)).details ->> 'read';
		SELECT ml.linear_regression('t', 'y', '{x}', 'm')`)
	want := c.text("SELECT string_agg(estimate::text, ' ' ORDER BY term) FROM m")
	for _, tt := range []struct{ name, sql, read string }{
		{"PLpgSQL", "SELECT by_plpgsql()", "snapshot"},
		{"SQL", "SELECT by_sql()", "snapshot"},
		{"ExceptionBlock", "SELECT caught()", "session"},
		{"Prepared", "EXECUTE p('t')", "snapshot"},
		{"Subquery", "SELECT read FROM (SELECT (ml.linear_regression('t', 'y', '{x}', 'm', replace => true)).details ->> 'read' OFFSET 0) AS s(read)", "snapshot"},
		{"Lateral", "SELECT string_agg(DISTINCT r.details ->> 'read', ' ') FROM generate_series(1, 3) AS i, LATERAL ml.linear_regression('t', 'y || repeat('''', 0 * ' || i || ')'::text, '{x}', 'm' || i * 0, replace => true) AS r", "type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.read == "type" {
				c.refused("42804", tt.sql) // The target is text: the caller's own mistake, through every layer.
				return
			}
			for i := range 9 {
				if got := c.text(tt.sql); got != tt.read {
					t.Fatalf("call %d was read by %s, want %s", i+1, got, tt.read)
				}
				if got := c.text("SELECT string_agg(estimate::text, ' ' ORDER BY term) FROM m"); got != want {
					t.Fatalf("call %d gave %s, want %s", i+1, got, want)
				}
			}
		})
	}
	c.run("DO $$BEGIN FOR i IN 1..9 LOOP PERFORM ml.linear_regression('t', 'y', '{x}', 'm', replace => true); END LOOP; END$$")
	c.run("INSERT INTO logged VALUES (1), (2)")
	if got := c.text("SELECT string_agg(x::text, ' ') FROM logged"); got != "100 100" {
		t.Errorf("the trigger counted %q, want 100 100", got)
	}
	c.run("CREATE TRIGGER call AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION after_t(); INSERT INTO t VALUES (0, 1, 2), (0, 2, 4)")
	if got := c.text("SELECT read || n FROM seen"); got != "session102" {
		t.Errorf("the trigger on the table itself saw %s, want session102", got)
	}
	if n := c.jobs(); n != "0" {
		t.Errorf("%s jobs at the end", n)
	}
}

// TestChangingData makes 20 calls in one session over data that change between
// them, alternating the paths.
func TestChangingData(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	_, url := e.Role(t, "caller")
	c := open(t, url)
	c.run(dataSQL("t", 50))
	for i := range 20 {
		if i%2 == 1 {
			c.run("BEGIN")
		}
		c.run(fmt.Sprintf("INSERT INTO t SELECT %d, %d, %d + n FROM generate_series(1, 3) AS n", -i, 3*i, i*i))
		m := c.fit("t", "y", "x")
		c.checkSlope(m, "t", "y", "x")
		if want := []string{"snapshot", "session"}[i%2]; m.read != want {
			t.Errorf("call %d read by %s, want %s", i, m.read, want)
		}
		if i%2 == 1 {
			c.run("COMMIT")
		}
	}
	if notices := c.shown(""); len(notices) != 0 {
		t.Errorf("notices %q, want none", strings.Join(notices, "; "))
	}
}

// TestOneSnapshotForTwoInputs stops a call while it reads its first input, has
// another session change the second, and lets it go on: both inputs are of the
// moment of the call, by either path.
func TestOneSnapshotForTwoInputs(t *testing.T) {
	t.Parallel()
	for begin, path := range map[string]string{"BEGIN": "snapshot", "BEGIN; SAVEPOINT s": "session"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			e := milltest.Start(t, nil)
			_, url := e.Role(t, "caller")
			boss, watcher, c, other := admin(t, e), admin(t, e), open(t, url), open(t, url)
			c.run(dataSQL("t", 20) + "CREATE TABLE queries AS SELECT id, x FROM t WHERE id <= 5; ANALYZE queries")
			end := block(t, boss, c, "t")
			c.run(begin)
			done := make(chan error, 1)
			go func() {
				done <- c.try("SELECT ml.knn('t', 'ARRAY[y]', 'id', 'queries', 'ARRAY[x]', 'id', 'm', k => 1)")
			}()
			until(t, "the first input is being read", func() bool {
				return watcher.text("SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") != "0"
			})
			other.run("DELETE FROM queries WHERE id = 1; INSERT INTO queries VALUES (100, 1), (101, 2)")
			end()
			if err := <-done; err != nil {
				t.Fatal(explain(err))
			}
			if got := c.text("SELECT string_agg(query_id::text, ' ' ORDER BY query_id) FROM m"); got != "1 2 3 4 5" {
				t.Errorf("queries %s, want those of the call's moment, 1 2 3 4 5", got)
			}
			c.run("COMMIT")
		})
	}
}
