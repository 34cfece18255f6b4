package view_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

// arsenal makes, in an attacker's schema, a function that notes as whom it runs and
// tries to become somebody else, or to change what is not the attacker's. It can be
// called from where only IMMUTABLE functions may stand.
const arsenal = `
CREATE TABLE record (place text, says text, session name DEFAULT session_user, role name DEFAULT current_user);
GRANT INSERT ON record TO PUBLIC; GRANT USAGE ON SCHEMA @a TO PUBLIC;
CREATE FUNCTION note(place text, says text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO @a.record VALUES ($1, $2);
EXCEPTION WHEN OTHERS THEN
	RAISE LOG 'attack at %: % as % of %: %', $1, $2, current_user, session_user, SQLERRM;
END $$;
CREATE FUNCTION try(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	s text;
	n bigint;
BEGIN
	PERFORM @a.note(place, 'runs');
	FOREACH s IN ARRAY ARRAY['SET ROLE @b', 'SET SESSION AUTHORIZATION @b', 'SET ROLE @w', 'SET SESSION AUTHORIZATION DEFAULT', 'SET LOCAL ROLE @w',
		'SELECT set_config(''role'', ''@b'', false)', 'SELECT set_config(''session_authorization'', ''@b'', false)', 'RESET ROLE', 'RESET SESSION AUTHORIZATION',
		'UPDATE ml_private.position SET lsn = ''0/0''', 'DELETE FROM ml_private.position', 'UPDATE ml_private.view_state SET reason = ''x''',
		'UPDATE ml_private.view SET paused = true WHERE owner = ''@b''::regrole', 'DELETE FROM ml_private.view WHERE owner = ''@b''::regrole',
		'SELECT reader_password FROM ml_private.role', 'INSERT INTO @b.v SELECT * FROM @b.v', 'DELETE FROM @b.v', 'TRUNCATE @b.v',
		'SELECT ml_apply.apply_@o(''@b.v''::regclass, 0, ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'')',
		'CREATE OR REPLACE FUNCTION ml_apply.apply_@o() RETURNS void LANGUAGE sql AS ''SELECT''', 'ALTER FUNCTION ml_apply.apply_@p SECURITY INVOKER',
		'ALTER ROLE @a SUPERUSER', 'GRANT @b TO @a', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots'] LOOP
		BEGIN
			EXECUTE s;
			GET DIAGNOSTICS n = ROW_COUNT;
			IF current_user <> '@a' AND NOT current_user LIKE 'ml\_r\_%' OR n > 0 AND s NOT LIKE '%SET%' THEN
				PERFORM @a.note(place, 'done: ' || s);
			END IF;
			PERFORM @a.note(place, 'now');
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	PERFORM set_config('search_path', '@a, public', false), set_config('DateStyle', 'German', false), set_config('TimeZone', 'Asia/Tokyo', false),
		set_config('extra_float_digits', '-15', false), set_config('IntervalStyle', 'sql_standard', false), set_config('bytea_output', 'escape', false);
END $$;
CREATE FUNCTION sly(place text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM @a.try(place); RETURN true; END $$;
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM @a.try(TG_ARGV[0]); RETURN NULL; END $$;
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT @a.sly(''hold'')'; RETURN NULL; END $$;
CREATE TABLE later (n int);
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fire('deferred elsewhere');
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO @a.later VALUES (1); EXECUTE 'SET CONSTRAINTS ALL DEFERRED'; INSERT INTO @a.later VALUES (2); RETURN NULL; END $$;
CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('transaction_read_only', 'on', true); RETURN NULL; END $$;
CREATE DOMAIN odd AS int CHECK (@a.sly('domain') AND VALUE IS NOT NULL);
CREATE FUNCTION agg(state int, n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM @a.try('aggregate'); RETURN coalesce(state, 0) + n; END $$;
CREATE AGGREGATE total(int) (SFUNC = agg, STYPE = int);
CREATE FUNCTION plain(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM @a.try('query'); RETURN n; END $$`

// traps are the views of the attacker, and what he puts on their tables.
var traps = []struct{ name, query, trap string }{
	{"on_trigger", "SELECT id, n FROM t", "CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON on_trigger FOR EACH ROW EXECUTE FUNCTION fire('trigger')"},
	{"on_statement", "SELECT id, n FROM t", "CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON on_statement FOR EACH STATEMENT EXECUTE FUNCTION fire('statement')"},
	{"on_deferred", "SELECT id, n FROM t", "CREATE CONSTRAINT TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON on_deferred DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fire('deferred')"},
	{"on_again", "SELECT id, n FROM t", "CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON on_again FOR EACH ROW EXECUTE FUNCTION again()"},
	{"on_hold", "SELECT id, n FROM t", "CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON on_hold FOR EACH STATEMENT EXECUTE FUNCTION hold()"},
	{"on_quiet", "SELECT id, n FROM t", "CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON on_quiet FOR EACH STATEMENT EXECUTE FUNCTION quiet()"},
	{"on_index", "SELECT id, n FROM t", "CREATE INDEX ON on_index (sly(id::text))"},
	{"on_check", "SELECT id, n FROM t", "ALTER TABLE on_check ADD CHECK (sly('check'))"},
	{"on_domain", "SELECT id, n::odd AS n FROM t", "SELECT"},
	{"on_query", "SELECT id, plain(n) AS n FROM t", "SELECT"},
	{"on_aggregate", "SELECT id % 2 AS id, total(n) AS n FROM t GROUP BY 1", "SELECT"},
}

// TestAttack lets code of one view's owner run wherever PostgreSQL can be made to run
// it, beside a view of another owner that is written in the same transactions.
func TestAttack(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	b := openDesk(t, e)
	a := openDesk(t, e)
	admin := milltest.Open(t, e.AdminURL)
	worker := admin.Text("SELECT worker::regrole FROM ml_private.identity")
	words := strings.NewReplacer("@a", a.role, "@b", b.role, "@w", worker,
		"@o", admin.Text("SELECT '"+b.role+"'::regrole::oid"), "@p", admin.Text("SELECT '"+a.role+"'::regrole::oid"))
	b.step("v", `CREATE TABLE t (id int PRIMARY KEY, at timestamptz, f float8, i interval, b bytea, d date); INSERT INTO t VALUES (0, now(), 0.1, '1 day 2 hours', '\x00ff', now());
		SELECT ml.track('t'); SELECT ml.create_view('v', 'SELECT id, at, f / 3 AS f, i, b, d FROM t'); GRANT ALL ON v TO `+a.role+`; GRANT USAGE ON SCHEMA `+b.role+` TO `+a.role)
	a.Run(words.Replace(arsenal))
	a.each("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1); SELECT ml.track('t')")
	for _, trap := range traps {
		a.Run("SELECT ml.create_view('" + trap.name + "', '" + trap.query + "')")
		a.Run(trap.trap)
	}
	plant(t, e, words)
	const both = "INSERT INTO @a.t SELECT i, i FROM generate_series(@i0, @i9) AS i; INSERT INTO @b.t SELECT i, now(), i / 7.0, '3 days', '\\x01', '2020-02-03' FROM generate_series(@i0, @i9) AS i; UPDATE @b.t SET f = f + 1"
	for _, i := range []string{"1", "2", "3", "4"} {
		admin.Run(strings.ReplaceAll(words.Replace(both), "@i", i)) // one transaction: one tick
		b.same("v", "attack "+i)
		milltest.Until(t, "the attacker's views were tried", func() bool {
			return a.Text("SELECT count(*) FROM ml.views WHERE state NOT IN ('live', 'lagging', 'errored')") == "0"
		})
	}
	for _, name := range []string{"on_trigger", "on_statement", "on_hold", "on_index", "on_check", "on_domain"} {
		a.same(name, "attacks")
	}
	a.until("on_quiet", "lagging", "read-only")
	if a.Text("SELECT current_setting('server_version_num')::int < 180000") == "t" {
		a.until("on_deferred", "lagging", "deferrable")
		a.until("on_again", "lagging", "deferrable")
	}
	if got := a.Text("SELECT string_agg(DISTINCT format('%s %s as %s of %s', place, says, role, session), '; ') FROM record WHERE says LIKE 'done%' OR role IN ('" + worker + "', '" + b.role + "', 'postgres')"); got != "NULL" {
		t.Errorf("attacks succeeded: %s", got)
	}
	for _, place := range []string{"trigger", "statement", "hold", "check", "domain", "1"} {
		if a.Text("SELECT count(*) > 0 FROM record WHERE place = '"+place+"'") != "t" {
			t.Errorf("the attack at %s did not even run", place)
		}
	}
	if got := admin.Text("SELECT count(*) FROM ml_private.view AS v WHERE paused"); got != "0" {
		t.Errorf("%s views were paused", got)
	}
}

// plant puts functions and operators into schema public that fit calls of the worker
// better than PostgreSQL's own.
func plant(t *testing.T, e *milltest.Env, words *strings.Replacer) {
	t.Helper()
	pgtest.Exec(t, e.AdminURL, words.Replace(`GRANT CREATE, USAGE ON SCHEMA public TO @a; SET ROLE @a;
		CREATE FUNCTION public.pg_relation_filenode(oid) RETURNS oid LANGUAGE plpgsql AS 'BEGIN PERFORM @a.try(''planted''); RETURN 0; END';
		CREATE FUNCTION public.pg_has_role(name, oid, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM @a.try(''planted''); RETURN true; END';
		CREATE FUNCTION public.same(oid, int4) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM @a.try(''planted''); RETURN true; END';
		CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = int4, FUNCTION = public.same);
		CREATE FUNCTION public.same(int2, int4) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM @a.try(''planted''); RETURN true; END';
		CREATE OPERATOR public.> (LEFTARG = int2, RIGHTARG = int4, FUNCTION = public.same);
		CREATE FUNCTION public.same(name, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM @a.try(''planted''); RETURN true; END';
		CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.same)`))
}
