package view_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

// TestRefusal gives the functions what they cannot take. Each refusal has its code, the
// facts and the next step, and leaves nothing behind.
func TestRefusal(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	for name, test := range map[string]func(*testing.T, *milltest.Env, desk){
		"places": placeRefusal, "names": nameRefusal, "queries": queryRefusal, "keys": keyRefusal, "transactions": transactionRefusal,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, e, openDesk(t, e))
		})
	}
}

// placeRefusal expects the place of a construct to be told: from PostgreSQL 17 on only
// where its words are in the query once.
func placeRefusal(t *testing.T, _ *milltest.Env, d desk) {
	d.each(keyedT)
	d.each("CREATE VIEW nest AS SELECT a FROM t LIMIT 3")
	located := d.Text("SELECT current_setting('server_version_num')::int < 170000") == "t"
	for _, tt := range []struct {
		query, want string
		located     bool // only where PostgreSQL keeps locations
	}{
		{"SELECT a FROM t LIMIT 3", "Line 1, character 17 of the query: LIMIT 3", false},
		{"SELECT a FROM t FETCH FIRST 3 ROWS ONLY", "Line 1, character 17 of the query: FETCH FIRST 3 ROWS ONLY", false},
		{"SELECT 'LIMIT', a -- LIMIT\n/* OFFSET /* 1 */ */\n  FROM t OFFSET 1 ROW; -- the end", "Line 3, character 10 of the query: OFFSET 1 ROW", false},
		{"SELECT 'äö' AS \"limit\", random() AS r FROM t", "Line 1, character 25 of the query: random() AS r FROM t", false},
		{"SELECT random() AS r, random() AS s FROM t", "Line 1, character 8 of the query: random() AS r, random() AS s FROM t", true},
		{"SELECT E'it\\'s', now() FROM t", "Line 1, character 18 of the query: now() FROM t", true},
		{"SELECT now, now() AS b FROM (SELECT a AS now FROM t) AS x", "Line 1, character 13 of the query: now() AS b FROM (SELECT a AS now FROM t)…", false},
		{"SELECT sum(a) FILTER (WHERE a > 0) OVER () FROM t", "Line 1, character 36 of the query: OVER () FROM t", false},
		{"SELECT sum(a) OVER w, a AS over FROM t WINDOW w AS ()", "Line 1, character 15 of the query: OVER w, a AS over FROM t WINDOW w AS ()", false},
		{"SELECT a FROM t TABLESAMPLE bernoulli(10)", "Line 1, character 17 of the query: TABLESAMPLE bernoulli(10)", false},
		{"SELECT a FROM t FOR NO KEY UPDATE", "Line 1, character 17 of the query: FOR NO KEY UPDATE", false},
		{"SELECT current_date FROM t", "Line 1, character 8 of the query: current_date FROM t", false},
		{"SELECT relname FROM pg_class", "Line 1, character 21 of the query: pg_class", false},
		{"SELECT ctid FROM t", "Line 1, character 8 of the query: ctid FROM t", false},
		{"SELECT a FROM nest", "", false},
		{"SELECT a, 'x' AS c FROM nest WHERE a > 17 AND a < 42", "", false},
	} {
		f := d.Refused("0A000", "SELECT ml.create_view('w', $q$"+tt.query+"$q$)")
		want := tt.want
		if tt.located && !located {
			want = ""
		}
		if f.Detail != want {
			t.Errorf("%s: %s; place %q, want %q", tt.query, f.Message, f.Detail, want)
		}
		if f.Hint == "" || f.Hint[0] < 'A' || f.Hint[0] > 'Z' || !strings.HasSuffix(f.Hint, ".") {
			t.Errorf("%s: the hint is no sentence: %q", tt.query, f.Hint)
		}
	}
	// Of an altered view the place is told too; of a plain view the text is not known.
	if f := d.Refused("0A000", "SELECT ml.alter_view('v', 'SELECT a FROM t LIMIT 3')"); f.Detail != "Line 1, character 17 of the query: LIMIT 3" {
		t.Errorf("alter_view tells the place %q", f.Detail)
	}
	if f := d.Refused("0A000", "SELECT ml.maintain_view('nest', 'w')"); f.Detail != "" {
		t.Errorf("maintain_view tells the place %q", f.Detail)
	}
	d.step("v", "SELECT 1")
}

func nameRefusal(t *testing.T, e *milltest.Env, d desk) {
	d.each(keyedT)
	d.each("CREATE VIEW plain AS SELECT a FROM t; CREATE TEMP VIEW passing AS SELECT 1 AS a; CREATE TYPE word AS ENUM ('a'); CREATE VIEW taken_definition AS SELECT 1 AS a; CREATE SCHEMA " + d.role + "_shut")
	pgtest.Exec(t, e.AdminURL, "ALTER SCHEMA "+d.role+"_shut OWNER TO postgres")
	d.Run("SELECT ml.log_view('calm_view', 'calm_log')")
	long := strings.Repeat("x", 53)
	for _, tt := range []struct{ code, call, message, hint string }{
		{"22023", "ml.create_view(NULL, 'TABLE t')", "name is missing", "people_by_city"},
		{"22023", "ml.create_view(' ', 'TABLE t')", "name is missing", "people_by_city"},
		{"22023", "ml.maintain_view('plain', NULL)", "into_table is missing", "into_table =>"},
		{"22023", "ml.log_view('v', '')", "into_table is missing", "into_table =>"},
		{"42P07", "ml.create_view('t', 'TABLE t')", ".t already exists", "another name"},
		{"42P07", "ml.create_view('v', 'TABLE t')", ".v already exists", "ml.alter_view"},
		{"42P07", "ml.create_view('taken', 'TABLE t')", ".taken_definition already exists", "another name"},
		{"42P07", "ml.maintain_view('plain', 'plain')", ".plain already exists", "another name"},
		{"42710", "ml.create_view('word', 'TABLE t')", "word", "type"},
		{"0A000", "ml.create_view('pg_temp.w', 'TABLE t')", "temporary", "another schema"},
		{"0A000", "ml.maintain_view('passing', 'w')", "temporary", "lasts"},
		{"3F000", "ml.create_view('nowhere.w', 'TABLE t')", "nowhere", ""},
		{"42501", "ml.create_view('" + d.role + "_shut.w', 'TABLE t')", "permission denied", ""},
		{"42501", "ml.create_view('pg_catalog.w', 'TABLE t')", "permission denied", ""},
		{"22023", "ml.create_view('a.b.c', 'TABLE t')", "a.b.c", ""},
		{"22023", "ml.create_view('two words', 'TABLE t')", "two words", "Quote"},
		{"42622", "ml.create_view('" + long + "', 'TABLE t')", long, "shorter"},
		{"42602", "ml.drop_view('')", "''", "Quote"},
		{"42602", "ml.alter_view('two words', 'TABLE t')", "two words", "Quote"},
		{"42P01", "ml.drop_view('v_definition')", "v_definition", "plain view of v"},
		{"42P01", "ml.pause_view('nothing')", "nothing", "ml.views"},
		{"42809", "ml.track('v', append_only => true)", "v is a maintained view", "ml.create_view"},
		{"42710", "ml.log_view('calm_view', 'again')", "calm_view are collected already", "millrace_log_insert"},
	} {
		f := d.Refused(tt.code, "SELECT "+tt.call)
		if !strings.Contains(f.Message, tt.message) || !strings.Contains(f.Hint, tt.hint) {
			t.Errorf("%s: %s; hint: %s", tt.call, f.Message, f.Hint)
		}
	}
	told(t, d.Refused("3F000", "SET LOCAL search_path = ''; SELECT ml.create_view('w', 'SELECT 1 AS a')").Hint, "name => 'schema.table'")
	// A name of 63 bytes in all, and one that another schema of the path has.
	d.step(long[:52], "SELECT ml.create_view('"+long[:52]+"', 'TABLE t')")
	d.Run("CREATE SCHEMA " + d.role + "_near; SET search_path = " + d.role + "_near, " + d.role)
	d.step("v", "SELECT ml.create_view('v', 'SELECT a FROM t'); SET search_path = "+d.role)
	d.step("v", "DROP SCHEMA "+d.role+"_near CASCADE")
}

func queryRefusal(t *testing.T, _ *milltest.Env, d desk) {
	d.each(keyedT)
	d.each("CREATE TEMP TABLE passing (id int PRIMARY KEY); CREATE TABLE apart (id int PRIMARY KEY); CREATE TABLE apart2 (id int PRIMARY KEY)")
	for _, tt := range []struct{ code, query, message, hint string }{
		{"42701", "SELECT a, a FROM t", `"a" specified more than once`, "name of its own"},
		{"42701", "SELECT a + 1, a + 2 FROM t", "?column?", "name of its own"},
		{"42P16", "SELECT row(1, 2) FROM t", "pseudo-type", "pair"},
		{"42P16", "SELECT id FROM passing", "temporary", "Temporary"},
		{"42P02", "SELECT $1 FROM t", "$1", ""},
		{"42601", "SELECT a FROM t; SELECT 1", "", ""},
		{"42601", "SELECT a FROM t; -- don''t\nDROP TABLE t", "", ""},
		{"42601", "SELECT a FROM t /* open", "unterminated", ""},
		{"42601", "SELECT a FROM t) UNION (SELECT 1); --", "", ""},
		{"42601", "EXPLAIN SELECT 1", "EXPLAIN", ""},
		{"42P01", "SELECT a FROM w", `"w"`, ""},
		{"42501", "SELECT id FROM apart", "apart is not followed", "ml.track"},
		{"42501", "SELECT apart.id FROM apart JOIN apart2 USING (id)", "is not followed", "ml.track"},
	} {
		f := d.Refused(tt.code, "SELECT ml.create_view('w', '"+tt.query+"')")
		if !strings.Contains(f.Message, tt.message) || !strings.Contains(f.Hint, tt.hint) || strings.Contains(f.Message, "follow") && f.Detail == "" {
			t.Errorf("%s: %s; hint: %s", tt.query, f.Message, f.Hint)
		}
	}
	for i, query := range []string{
		"SELECT id FROM t;", "SELECT id FROM t ; -- the end", "SELECT id FROM t; /* the end */ ; \n-- of it\n", "SELECT id, '; -- not the end' AS s FROM t", `SELECT id AS "; --" FROM t`,
		"SELECT id FROM t /* ; -- no */", "SELECT id, $x$; -- no$x$ AS s FROM t", "SELECT id FROM t -- ; one\n WHERE id > 3 -- ; two", "VALUES (1), (2)", "TABLE t", "SELECT NULL AS nothing FROM t",
		"(SELECT id FROM t) UNION ALL (SELECT a FROM t);", "WITH x AS (SELECT id FROM t) SELECT * FROM x", "SELECT a + 1 FROM t",
	} {
		name := "q" + string(rune('a'+i))
		d.Run("SELECT ml.create_view('" + name + "', $q$" + query + "$q$)")
		equal(t, d.Client, name)
	}
}

func keyRefusal(t *testing.T, _ *milltest.Env, d desk) {
	d.each(keyedT)
	for _, tt := range []struct{ code, key, message, hint string }{
		{"42703", "{nothing}", "nothing", "id, a, b, j"},
		{"42703", "{ID}", `"ID"`, "id, a, b, j"},
		{"42701", "{id,id}", "twice", "once"},
		{"22023", "{id,NULL}", "{id,NULL}", "{city}"},
		{"22023", "{{id},{a}}", "{{id},{a}}", "{city}"},
		{"23505", "{a,b}", "same key (a, b)", "GROUP BY"},
		{"42704", "{j}", "(j)", "sorted"},
	} {
		f := d.Refused(tt.code, "SELECT ml.create_view('w', 'SELECT id, a, b, ''{}''::json AS j FROM t', key => '"+tt.key+"')")
		if !strings.Contains(f.Message, tt.message) || !strings.Contains(f.Hint, tt.hint) {
			t.Errorf("%s: %s; hint: %s", tt.key, f.Message, f.Hint)
		}
	}
	d.step("w", "SELECT ml.create_view('w', 'SELECT id FROM t', key => '{}')")
}

func transactionRefusal(t *testing.T, _ *milltest.Env, d desk) {
	d.each(keyedT)
	for _, call := range []string{"ml.create_view('w', 'TABLE t')", "ml.maintain_view('calm_view_definition', 'w')", "ml.alter_view('v', 'TABLE t')", "ml.drop_view('v')",
		"ml.pause_view('v')", "ml.resume_view('v')", "ml.rebuild_view('v')", "ml.log_view('v', 'w')", "ml.untrack('t')"} {
		if call == "ml.untrack('t')" {
			d.Refused("2BP01", "BEGIN READ ONLY; SELECT "+call)
		} else {
			d.Refused("25006", "BEGIN READ ONLY; SELECT "+call)
		}
		d.Run("ROLLBACK")
	}
	d.Refused("0A000", "BEGIN; SELECT ml.create_view('w', 'TABLE t'); PREPARE TRANSACTION 'w'")
	d.Run("BEGIN; SAVEPOINT s; SELECT ml.create_view('w', 'TABLE t'); SELECT ml.alter_view('v', 'SELECT a, b FROM t GROUP BY a, b'); ROLLBACK TO s; COMMIT")
	d.step("v", "UPDATE t SET a = a + 1 WHERE id = 1")
	d.Run("DO $$ BEGIN PERFORM ml.create_view('w', 'TABLE t'); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$")
	for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		d.Run("BEGIN ISOLATION LEVEL " + level + "; SELECT ml.create_view('w', 'TABLE t'); COMMIT")
		d.step("w", "UPDATE t SET a = a + 1 WHERE id = 1")
		d.Run("SELECT ml.drop_view('w')")
	}
	// Of two sessions that make the same name, one does.
	beside := milltest.Open(t, d.url)
	d.Run("BEGIN; SELECT ml.create_view('w', 'TABLE t')")
	done := make(chan error, 1)
	go func() { done <- beside.Try("SELECT ml.create_view('w', 'SELECT id FROM t')") }()
	milltest.Until(t, "the second waits", func() bool {
		return d.Text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'") != "0"
	})
	d.Run("COMMIT")
	if err := <-done; err == nil || !strings.Contains(err.Error(), "already exists") && !strings.Contains(err.Error(), "23505") {
		t.Errorf("a second view of the name: %v", err)
	}
	d.step("w", "UPDATE t SET a = a + 1 WHERE id = 1")
}
