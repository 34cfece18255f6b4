package worker_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// outsideSQL counts what the functions of Millrace's schemas depend on outside
// of these schemas and pg_catalog. PostgreSQL notes no dependency on its own
// objects, so that anything found is somebody else's.
const outsideSQL = `SELECT coalesce(string_agg(DISTINCT p.oid::regprocedure || ' on ' || pg_describe_object(d.refclassid, d.refobjid, 0), '; '), '')
	FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	LEFT JOIN pg_proc AS f ON d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid
	LEFT JOIN pg_operator AS o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
	LEFT JOIN pg_type AS t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
	LEFT JOIN pg_class AS c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid
	WHERE p.pronamespace::regnamespace::text IN ('ml', 'ml_private', 'madlib')
		AND coalesce(f.pronamespace, o.oprnamespace, t.typnamespace, c.relnamespace)::regnamespace::text NOT IN ('ml', 'ml_private', 'madlib', 'pg_catalog')`

// trapSQL makes functions whose parameters fit the stubs' calls better than
// those of pg_catalog. Each notes in trace who was caught.
func trapSQL(traps ...string) (sql string) {
	sql = "CREATE TABLE public.trace (who text); GRANT INSERT ON public.trace TO PUBLIC;"
	for _, trap := range traps {
		sql += "CREATE FUNCTION public." + trap + ` VOLATILE LANGUAGE plpgsql AS
			$$BEGIN INSERT INTO public.trace VALUES (current_user); RETURN NULL; END$$;`
	}
	return sql
}

// TestInstallOverTraps installs where an ordinary role has functions in the
// administrator's search_path that fit better than PostgreSQL's own.
func TestInstallOverTraps(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	mallory, malloryURL := e.Role(t, "mallory")
	_, url := e.Role(t, "caller")
	boss := admin(t, e)
	boss.run("GRANT CREATE ON SCHEMA public TO " + mallory)
	open(t, malloryURL).run(trapSQL("jsonb_build_object(text, text, text, text) RETURNS jsonb", "jsonb_build_object(text, jsonb, text, jsonb) RETURNS jsonb",
		"jsonb_build_object(text, text) RETURNS jsonb", "format(text, text) RETURNS text", "format(text, name) RETURNS text", "quote_ident(name) RETURNS text",
		"concat(text, text) RETURNS text", "array_append(text[], text) RETURNS text[]", "jsonb_build_array(jsonb) RETURNS jsonb"))
	boss.run("CREATE OR REPLACE FUNCTION ml_private.version() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$SELECT 'older'::pg_catalog.text$$")
	if _, err := worker.Install(t.Context(), e.AdminURL, worker.InstallOptions{Host: e.Address.Host, Port: e.Address.Port, Madlib: true}); err != nil {
		t.Fatal(err)
	}
	if got := boss.text(outsideSQL); got != "" {
		t.Errorf("functions of Millrace use what is not PostgreSQL's: %s", got)
	}
	c := open(t, url)
	c.run(dataSQL("t", 50) + `SELECT ml.knn('t', 'ARRAY[x]', 'id', 't', 'ARRAY[y]', 'id', 'k', label => 'y')`)
	c.checkSlope(c.fit("t", "y", "x"), "t", "y", "x")
	if got := boss.text("SELECT string_agg(who, ', ') FROM public.trace"); got != "NULL" {
		t.Errorf("%s ran mallory's functions", got)
	}
}

// TestExtensionSchema finds a place for postgres_fdw, which goes to the first
// schema of search_path by itself.
func TestExtensionSchema(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ prepare, want string }{
		{"", "public"},
		{"DROP SCHEMA public", "postgres_fdw"},
		{"CREATE SCHEMA mine; CREATE EXTENSION postgres_fdw WITH SCHEMA mine", "mine"},
	} {
		address := pgtest.Database(t)
		pgtest.Exec(t, address, tt.prepare)
		made, err := worker.Install(t.Context(), address, installOptions)
		if err != nil {
			t.Errorf("%q: %v", tt.prepare, err)
			continue
		}
		t.Cleanup(func() { pgtest.Exec(t, pgtest.AdminURL(t, "postgres"), "DROP ROLE IF EXISTS "+made.Worker) })
		c := open(t, address)
		if got := c.text("SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'postgres_fdw'"); got != tt.want {
			t.Errorf("%q: postgres_fdw is in schema %s, want %s", tt.prepare, got, tt.want)
		}
		c.run("SELECT ml.help()")
		if err := worker.Uninstall(t.Context(), address); err != nil {
			t.Errorf("%q: %v", tt.prepare, err)
		}
	}
}

// TestWorkerOverTraps has the worker's own login look things up where an ordinary
// role has functions that fit better than PostgreSQL's own.
func TestWorkerOverTraps(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, nil)
	mallory, malloryURL := e.Role(t, "mallory")
	_, url := e.Role(t, "caller")
	boss, m, c := admin(t, e), open(t, malloryURL), open(t, url)
	boss.run("GRANT CREATE ON SCHEMA public TO " + mallory)
	m.run(trapSQL("unnest(text[]) RETURNS text", "unnest(int[]) RETURNS int") + dataSQL("t", 60) + fmt.Sprintf(`
		GRANT USAGE ON SCHEMA %s TO PUBLIC; SELECT ml.linear_regression('t', 'y', '{sqrt(x)}', 'm'); GRANT SELECT ON m, m_summary TO PUBLIC`, mallory))
	c.run(dataSQL("t", 60) + `CREATE FUNCTION slow(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$BEGIN PERFORM pg_sleep(0.02); RETURN $1; END$$`)
	c.run("SELECT ml.predict('" + mallory + ".m', 't', 'p')")      // is sqrt immutable?
	if fit := c.fit("t", "y", "slow(x)"); fit.read != "snapshot" { // without progress for so long that locks are looked at
		t.Errorf("read by %s (%s), want snapshot", fit.read, fit.reason)
	}
	if got := boss.text("SELECT string_agg(DISTINCT who, ', ') FROM public.trace"); got != "NULL" {
		t.Errorf("%s ran mallory's functions", got)
	}
}
