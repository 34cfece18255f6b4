package view_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestTypesOfUsers writes values of types whose casts and checks are a user's
// functions: they run as their owner, and a cast to text changes nothing.
func TestTypesOfUsers(t *testing.T) {
	e := milltest.Start(t, nil)
	role, url := e.Role(t, "owner")
	c := milltest.Open(t, url)
	c.Run(`
		CREATE TABLE seen (session_name text, role_name text);
		GRANT INSERT ON seen TO PUBLIC;
		CREATE FUNCTION look(anyelement) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN
			INSERT INTO ` + role + `.seen VALUES (session_user, current_user); RETURN true; EXCEPTION WHEN OTHERS THEN RETURN true; END$$;
		CREATE TYPE mood AS ENUM ('sad', 'ok');
		CREATE FUNCTION lie(mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN PERFORM ` + role + `.look(1); RETURN 'ok'; END$$;
		CREATE CAST (mood AS text) WITH FUNCTION lie(mood);
		CREATE DOMAIN spied AS int CHECK (` + role + `.look(VALUE));
		CREATE TYPE pair AS (x spied, y text);
		CREATE TABLE item (id int PRIMARY KEY, m mood, ms mood[], s spied, ss spied[], p pair, ps pair[]);
		SELECT ml.track('item')`)
	c.Run("SELECT ml.create_view('items', 'SELECT id, m, ms, s, ss, p, ps FROM item')")
	for _, statement := range []string{
		"INSERT INTO item VALUES (1, 'sad', '{sad,NULL}', 1, '{1,2}', '(1,a)', ARRAY['(2,b)'::pair, NULL]), (2, NULL, NULL, NULL, NULL, NULL, NULL)",
		"UPDATE item SET m = 'ok', ms = '{}', s = 5, ss = '{NULL}', p = '(7,\"q \"\"\")', ps = '{}' WHERE id = 1",
		"DELETE FROM item WHERE id = 2",
	} {
		c.Run(statement)
		c.Run("SELECT ml.wait('items')")
		equal(t, c, "items")
	}
	// The session is the worker's within the owner's function; the role must not be.
	for name := range strings.FieldsSeq(c.Text("SELECT string_agg(DISTINCT role_name, ' ') FROM seen")) {
		if name != role {
			t.Errorf("a function of the owner's type ran as %s", name)
		}
	}
	if c.Text("SELECT count(*) FROM seen") == "0" {
		t.Error("no function of the types ran at all: the test sees nothing")
	}
}
