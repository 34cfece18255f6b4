package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

// pathCase is one situation of a caller, and the path that its rows must take.
type pathCase struct {
	name     string
	prepare  string // committed before; run by the caller
	asAdmin  string // committed before; %s is the caller's role
	begin    string // BEGIN if empty
	inside   string // run in the transaction before the call
	source   string
	target   string // y if empty
	feature  string // x if empty
	session  bool   // want the session path
	fallback bool   // want a reader to be tried first, and one NOTICE
	reason   string // part of details->>'read_reason'
}

// sessionCases are the reasons to let the caller's own backend read. In each, a
// reader would see other rows than the caller, or none.
var sessionCases = []pathCase{
	{name: "OwnInsert", inside: "INSERT INTO t VALUES (0, 500, -1000)", source: "t", session: true, reason: "written or locked"},
	{name: "OwnUpdate", inside: "UPDATE t SET y = -y WHERE id < 50", source: "t", session: true, reason: "written or locked"},
	{name: "OwnDelete", inside: "DELETE FROM t WHERE id > 50", source: "t", session: true, reason: "written or locked"},
	{name: "OwnTruncate", inside: "TRUNCATE t; INSERT INTO t SELECT -1, i, 3*i + cos(i) FROM generate_series(1, 30) AS i", source: "t", session: true, reason: "written or locked"},
	{name: "OwnAlter", inside: "ALTER TABLE t ALTER y TYPE numeric USING (x * 7 + id)", source: "t", session: true, reason: "written or locked"},
	{name: "OwnRename", inside: "ALTER TABLE t RENAME TO renamed", source: "renamed", session: true, reason: "written or locked"},
	{name: "OwnLock", inside: "LOCK TABLE t IN ACCESS EXCLUSIVE MODE", source: "t", session: true, reason: "written or locked"},
	{name: "OwnInsertBelowPartition", prepare: "CREATE TABLE p (x float8, y float8) PARTITION BY RANGE (x); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000); INSERT INTO p SELECT x, y FROM t",
		inside: "INSERT INTO p1 VALUES (900, -7)", source: "p", session: true, reason: "written or locked"},
	{name: "OwnInsertBelowView", prepare: "CREATE VIEW v AS SELECT x, y FROM t; CREATE VIEW w AS SELECT * FROM v",
		inside: "INSERT INTO t VALUES (0, 500, -1000)", source: "w", session: true},
	{name: "OwnInsertElsewhereAndView", prepare: "CREATE VIEW v AS SELECT x, y FROM t; CREATE TABLE other (n int)",
		inside: "INSERT INTO other VALUES (1)", source: "v", session: true, reason: "has written, and a view"},
	{name: "OwnCreateTable", inside: "CREATE TABLE fresh AS SELECT * FROM t WHERE id < 90", source: "fresh", session: true, reason: "written or locked"},
	{name: "OwnCreateView", inside: "CREATE VIEW fresh AS SELECT x, y FROM t WHERE id < 90", source: "fresh", session: true},
	{name: "OwnCreateFunction", inside: "CREATE FUNCTION f(float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1 * $1'", source: "t", feature: "f(x)", session: true, reason: "an expression is evaluated"},
	{name: "OwnReplaceFunction", prepare: "CREATE FUNCTION f(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END'",
		inside: "CREATE OR REPLACE FUNCTION f(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 * $1; END'", source: "t", feature: "f(x)", session: true},
	{name: "OwnReplaceFunctionInView", prepare: "CREATE FUNCTION f(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END'; CREATE VIEW v AS SELECT f(x) AS x, y FROM t",
		inside: "CREATE OR REPLACE FUNCTION f(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 * $1; END'", source: "v", session: true},
	{name: "OwnCreateType", inside: "CREATE DOMAIN d AS float8", source: "t", feature: "(x * 2)::d", session: true},
	{name: "TemporaryTable", inside: "CREATE TEMPORARY TABLE own AS SELECT * FROM t WHERE id < 60", source: "own", session: true, reason: "temporary table"},
	{name: "TemporaryTableCommittedBefore", prepare: "CREATE TEMPORARY TABLE own AS SELECT * FROM t WHERE id < 60", source: "own", session: true, reason: "temporary table"},
	{name: "TemporaryView", prepare: "CREATE TEMPORARY VIEW own AS SELECT * FROM t WHERE id < 60", source: "own", session: true, reason: "temporary"},
	{name: "TemporaryTableBelowView", prepare: "CREATE TEMPORARY TABLE own AS SELECT * FROM t WHERE id < 60; CREATE TEMPORARY VIEW v AS SELECT x, y FROM own; CREATE TEMPORARY VIEW w AS SELECT * FROM v",
		source: "w", session: true, reason: "temporary"},
	{name: "TemporaryShadows", inside: "CREATE TEMPORARY TABLE t AS SELECT id, x, -y AS y FROM t", source: "t", session: true, reason: "temporary"},
	{name: "Savepoint", inside: "SAVEPOINT s", source: "t", session: true, reason: "subtransaction"},
	{name: "SavepointWithInsert", inside: "SAVEPOINT s; INSERT INTO t VALUES (0, 500, -1000)", source: "t", session: true, reason: "subtransaction"},
	{name: "NestedSavepoint", inside: "SAVEPOINT a; SAVEPOINT b; RELEASE b", source: "t", session: true, reason: "subtransaction"},
	{name: "InsertInReleasedSavepoint", inside: "SAVEPOINT a; INSERT INTO t VALUES (0, 500, -1000); RELEASE a", source: "t", session: true, reason: "written or locked"},
	{name: "Serializable", begin: "BEGIN ISOLATION LEVEL SERIALIZABLE", source: "t", session: true, reason: "SERIALIZABLE"},
	{name: "PolicyCurrentUser", prepare: "ALTER TABLE t ADD owner name DEFAULT 'nobody'; UPDATE t SET owner = current_user WHERE id < 70; ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; CREATE POLICY mine ON t USING (owner = current_user)",
		source: "t", session: true, reason: "row security"},
	{name: "PolicySetting", prepare: "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; CREATE POLICY tenant ON t USING (tenant = current_setting('app.tenant', true))",
		inside: "SET LOCAL app.tenant = 't1'", source: "t", session: true, reason: "row security"},
	{name: "PolicyBelowView", prepare: "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; CREATE POLICY tenant ON t USING (tenant = current_setting('app.tenant', true)); CREATE VIEW v AS SELECT x, y FROM t",
		inside: "SET LOCAL app.tenant = 't1'", source: "v", session: true, reason: "row security"},
	{name: "ViewWithSetting", prepare: "CREATE VIEW v AS SELECT x, y FROM t WHERE tenant = current_setting('app.tenant', true)",
		inside: "SET LOCAL app.tenant = 't1'", source: "v", session: true, reason: "not immutable"},
	{name: "ViewWithVolatile", prepare: "CREATE VIEW v AS SELECT x, y FROM t WHERE random() >= 0", source: "v", session: true, reason: "not immutable"},
	{name: "ViewWithNow", prepare: "CREATE VIEW v AS SELECT x + extract(epoch FROM now() - now())::float8 AS x, y FROM t", source: "v", session: true, reason: "not immutable"},
	{name: "ViewWithCurrentUser", prepare: "CREATE VIEW v AS SELECT x, y FROM t WHERE current_user <> 'nobody'", source: "v", session: true, reason: "not immutable"},
	{name: "ViewOfViewWithSessionUser", prepare: "CREATE VIEW v AS SELECT x, y, session_user AS u FROM t; CREATE VIEW w AS SELECT x, y FROM v WHERE u <> 'nobody'", source: "w", session: true, reason: "not immutable"},
	{name: "ViewWithClockByInput", prepare: "CREATE VIEW v AS SELECT x + extract(epoch FROM 'now'::text::timestamptz - timestamptz '2026-11-21 00:00+00')::float8 AS x, y FROM t", source: "v", session: true},
	{name: "ViewWithUserAggregate", prepare: "CREATE FUNCTION step(float8, float8) RETURNS float8 LANGUAGE sql STABLE AS 'SELECT $1 + $2'; CREATE AGGREGATE total(float8) (SFUNC = step, STYPE = float8, INITCOND = '0'); CREATE VIEW v AS SELECT total(x) AS x, y FROM t GROUP BY y",
		source: "v", session: true, reason: "not immutable"},
	{name: "OwnType", inside: "CREATE DOMAIN pg_temp.score AS numeric(10,0)", prepare: "CREATE DOMAIN score AS numeric(10,2)", source: "t", feature: "x::score::float8", session: true},
	{name: "OwnTypeBefore", prepare: "CREATE DOMAIN score AS numeric(10,2); CREATE DOMAIN pg_temp.score AS numeric(10,0)", source: "t", feature: "x::score::float8", session: true, reason: "temporary types"},
	{name: "ExpressionCurrentUser", source: "t", feature: "CASE WHEN current_user = 'nobody' THEN 0 ELSE x END", session: true, reason: "not immutable"},
	{name: "ExpressionSetting", inside: "SET LOCAL app.factor = '3'", source: "t", feature: "sqrt(x) * current_setting('app.factor')::float8", session: true, reason: "not immutable"},
	{name: "ExpressionInterval", inside: "SET LOCAL TimeZone = 'America/New_York'", source: "t",
		feature: "extract(epoch FROM timestamptz '2026-03-01' + x * interval '1 day')::float8 / 86400", session: true, reason: "not immutable"},
	{name: "ExpressionToChar", source: "t", feature: "to_char(date '2026-01-01' + id, 'DDD')::float8", session: true, reason: "not immutable"},
	{name: "ExpressionVolatile", source: "t", feature: "x + random() * 0", session: true, reason: "not immutable"},
	{name: "ExpressionNowLiteral", source: "t", feature: "x + extract(epoch FROM 'now'::timestamptz - 'now'::timestamptz)::float8", session: true},
}

func TestSessionPath(t *testing.T) {
	t.Parallel()
	runPathCases(t, sessionCases)
}

// fallbackCases are what no detector sees: a reader is tried, fails, and the
// caller's own backend reads after one notice.
var fallbackCases = []pathCase{
	{name: "OwnGrant", asAdmin: "CREATE TABLE public.given AS SELECT i::float8 AS x, 3 * i + cos(i) AS y FROM generate_series(1, 40) AS i; ALTER TABLE public.given OWNER TO giver; ALTER ROLE %s NOINHERIT; GRANT giver TO %s",
		begin: "BEGIN; SET LOCAL ROLE giver; GRANT SELECT ON public.given TO CALLER; SET LOCAL ROLE CALLER", source: "public.given", session: true, fallback: true, reason: "permission denied"},
	{name: "OwnSchemaRename", prepare: "CREATE SCHEMA IF NOT EXISTS here; ALTER TABLE t SET SCHEMA here", inside: "ALTER SCHEMA here RENAME TO there", source: "there.t", session: true, fallback: true},
	{name: "OwnSchemaSwap", prepare: "CREATE SCHEMA IF NOT EXISTS blue; CREATE TABLE blue.t AS SELECT * FROM t; CREATE SCHEMA IF NOT EXISTS green; CREATE TABLE green.t AS SELECT id, x, -5 * y AS y FROM t WHERE id < 50",
		inside: "ALTER SCHEMA blue RENAME TO old; ALTER SCHEMA green RENAME TO blue; ALTER SCHEMA old RENAME TO green", source: "blue.t", session: true, fallback: true},
	{name: "ReaderLacksSchema", asAdmin: "REVOKE %s FROM READER", source: "t", session: true, fallback: true},
	{name: "ReaderLockedOut", asAdmin: "ALTER ROLE READER NOLOGIN", source: "t", session: true, fallback: true, reason: "its login was refused"},
}

func TestFallback(t *testing.T) {
	t.Parallel()
	runPathCases(t, fallbackCases)
}

// snapshotCases are committed data that everybody with the caller's rights sees
// alike: the readers take them.
var snapshotCases = []pathCase{
	{name: "Table", source: "t"},
	{name: "AfterRollbackTo", inside: "SAVEPOINT s; INSERT INTO t VALUES (0, 500, -1000); ROLLBACK TO s; RELEASE s", source: "t"},
	{name: "OwnInsertElsewhere", prepare: "CREATE TABLE other (n int)", inside: "INSERT INTO other VALUES (1)", source: "t"},
	{name: "RowLocks", inside: "SELECT count(*) FROM (SELECT 1 FROM t WHERE id < 5 FOR UPDATE) AS l", source: "t"},
	{name: "RepeatableRead", begin: "BEGIN ISOLATION LEVEL REPEATABLE READ", source: "t"},
	{name: "View", prepare: "CREATE VIEW v AS SELECT x, y FROM t WHERE id < 80; CREATE VIEW w AS SELECT x + 1 AS x, y FROM v", source: "w"},
	{name: "ViewWithAggregate", prepare: "CREATE VIEW v AS SELECT floor(x) AS x, sum(y) AS y FROM t GROUP BY 1", source: "v"},
	{name: "ViewWithWindow", prepare: "CREATE VIEW v AS SELECT x, y, rank() OVER (ORDER BY id) AS r FROM t", source: "v", feature: "r"},
	{name: "MaterializedView", prepare: "CREATE MATERIALIZED VIEW mv AS SELECT x, y, now() AS at FROM t WHERE id < 80", source: "mv"},
	{name: "Partitions", prepare: "CREATE TABLE p (x float8, y float8) PARTITION BY RANGE (x); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (50); CREATE TABLE p2 PARTITION OF p DEFAULT; INSERT INTO p SELECT x, y FROM t", source: "p"},
	{name: "Inheritance", prepare: "CREATE TABLE child () INHERITS (t); INSERT INTO child VALUES (-1, 300, 2), (-2, 310, 9)", source: "t"},
	{name: "Toasted", prepare: "CREATE TABLE wide AS SELECT x, y, repeat(md5(id::text), 300) AS filler FROM t", source: "wide"},
	{name: "Expression", source: "t", feature: "ln(x + 1) * sqrt(abs(x))"},
	{name: "UserFunction", prepare: "CREATE FUNCTION square(float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1 * $1'", source: "t", feature: "square(x)"},
	{name: "QuotedNames", prepare: `CREATE SCHEMA IF NOT EXISTS "Se""ma"; CREATE TABLE "Se""ma"."ta b;le" AS SELECT x AS "The ""X""", y FROM t`, source: `"Se""ma"."ta b;le"`, feature: `"The ""X"""`},
	{name: "Policies off for the owner", prepare: "CREATE TABLE plain AS SELECT * FROM t", source: "plain"},
	{name: "SearchPath", prepare: "CREATE SCHEMA IF NOT EXISTS a; CREATE TABLE a.t2 AS SELECT x, -y AS y FROM t; CREATE FUNCTION a.g(float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 3 + 1'",
		begin: "SET search_path = a, public; BEGIN", source: "t2", feature: "g(x)"},
}

func TestSnapshotPath(t *testing.T) {
	t.Parallel()
	runPathCases(t, snapshotCases)
}

// runPathCases runs the cases one by one, each as a role of its own, with one
// worker: its counters tell which paths were tried.
func runPathCases(t *testing.T, cases []pathCase) {
	e := milltest.Start(t, nil)
	pgtest.Exec(t, e.AdminURL, "GRANT CREATE ON DATABASE "+databaseName(t, e)+" TO PUBLIC")
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) { runPathCase(t, e, tt) })
	}
}

func databaseName(t *testing.T, e *milltest.Env) string {
	return admin(t, e).text("SELECT quote_ident(current_database())")
}

func runPathCase(t *testing.T, e *milltest.Env, tt pathCase) {
	role, url := e.Role(t, "caller")
	boss := admin(t, e)
	fill := func(sql string) string {
		if strings.Contains(sql, "giver") {
			sql = strings.ReplaceAll(sql, "giver", role+"_giver")
		}
		reader := boss.text("SELECT reader FROM ml_private.role WHERE name = $1", role)
		return strings.NewReplacer("%s", role, "CALLER", role, "READER", reader).Replace(sql)
	}
	if strings.Contains(tt.asAdmin, "giver") {
		pgtest.Exec(t, e.AdminURL, "CREATE ROLE "+role+"_giver")
		t.Cleanup(func() {
			pgtest.Exec(t, e.AdminURL, "DROP OWNED BY "+role+"_giver CASCADE; DROP ROLE "+role+"_giver")
		})
	}
	c := open(t, url)
	c.run(dataSQL("t", 100))
	if tt.prepare != "" {
		c.run(fill(tt.prepare))
	}
	if tt.asAdmin != "" {
		boss.run(fill(tt.asAdmin))
	}
	begin := tt.begin
	if begin == "" {
		begin = "BEGIN"
	}
	c.run(fill(begin))
	if tt.inside != "" {
		c.run(tt.inside)
	}
	checkPath(t, e, c, tt)
	c.run("ROLLBACK")
	if n := c.jobs(); n != "0" {
		t.Errorf("%s jobs after the transaction", n)
	}
}

func checkPath(t *testing.T, e *milltest.Env, c *client, tt pathCase) {
	t.Helper()
	target, feature := tt.target, tt.feature
	if target == "" {
		target = "y"
	}
	if feature == "" {
		feature = "x"
	}
	want, wantSnapshot, wantSession, wantNotices := "snapshot", int64(1), int64(0), 0
	if tt.session {
		want, wantSnapshot, wantSession = "session", 0, 1
	}
	if tt.fallback {
		wantSnapshot, wantNotices = 1, 1
	}
	c.shown("")
	var m model
	snapshot, session := paths(e, func() { m = c.fit(tt.source, target, feature) })
	if m.read != want || !strings.Contains(m.reason, tt.reason) {
		t.Errorf("read by %s because %q, want %s because %q", m.read, m.reason, want, tt.reason)
	}
	if snapshot != wantSnapshot || session != wantSession {
		t.Errorf("paths tried: snapshot %d, session %d; want %d, %d", snapshot, session, wantSnapshot, wantSession)
	}
	if notices := c.shown(""); len(notices) != wantNotices {
		t.Errorf("notices %q, want %d", notices, wantNotices)
	}
	c.checkSlope(m, tt.source, target, feature)
}

// TestForeignTablePath reads a foreign table, also one in whose remote
// transaction the caller has written: no local transaction ID tells of that.
func TestForeignTablePath(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	role, url := e.Role(t, "caller")
	boss, c := admin(t, e), open(t, url)
	c.run(dataSQL("t", 100))
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	boss.run(fmt.Sprintf(`CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%d', dbname '%s');
		GRANT USAGE ON FOREIGN SERVER loopback TO %s;
		CREATE USER MAPPING FOR %[4]s SERVER loopback OPTIONS (user '%[4]s', password '%s')`,
		config.Host, config.Port, config.Database, role, config.Password))
	c.run(fmt.Sprintf("CREATE FOREIGN TABLE far (x float8, y float8) SERVER loopback OPTIONS (schema_name '%s', table_name 't')", role))
	for _, inside := range []string{"SELECT 1", "INSERT INTO far VALUES (500, -1000)"} {
		c.run("BEGIN; " + inside)
		m := c.fit("far", "y", "x")
		c.checkSlope(m, "far", "y", "x")
		if m.read != "session" {
			t.Errorf("after %s the foreign table was read by %s, want session", inside, m.read)
		}
		c.run("ROLLBACK")
	}
}
