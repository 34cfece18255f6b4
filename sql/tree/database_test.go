package tree

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/sql/schema"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// tables is what the queries of the tests read.
const tables = `
CREATE TYPE mood AS ENUM ('sad', 'so so', 'hap''py');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN short AS varchar(5);
CREATE TABLE t (a int PRIMARY KEY, b text, c numeric(10,2), d date, e int[], f jsonb, g text COLLATE "C", h float8, i interval,
	j timestamptz, k bool, l varchar(10), m char(5), n mood, o pair, big int8, q bytea, r int4range, s uuid, u inet, v name, w time, pos positive, arr text[], z timestamp);
INSERT INTO t SELECT i, 'b' || i, i / 3.0, date '2024-01-30' + i, array[i, i + 1, null], jsonb_build_object('k', i, 'l', jsonb_build_array(i, 'x')),
	chr(96 + i) || 'é', i / 7.0, i * interval '1 day 03:00', timestamptz '2024-02-28 20:00:00+00' + i * interval '5 hours', i % 2 = 0, 'var' || i, 'c' || i,
	(enum_range(null::mood))[1 + i % 3], row(i, 'y' || i)::pair, i * 10000000000, ('\x0' || i)::bytea, int4range(i, i + 5),
	md5(i::text)::uuid, ('10.0.0.' || i)::inet, 'n' || i, time '03:04:05.67' + i * interval '1 hour', i, array['u' || i, 'v'], timestamp '2024-05-05 05:05:05' + i * interval '1 month'
	FROM generate_series(1, 6) i;
INSERT INTO t (a) VALUES (7);
CREATE TABLE u (a int, x text, pt point, num numeric);
INSERT INTO u SELECT i, 'x' || i, point(i, i), i / 3.0 FROM generate_series(3, 9) i;
CREATE FUNCTION twice(v int, by int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT v * by';
CREATE FUNCTION max_of(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT greatest(a, b)';
CREATE FUNCTION total(VARIADIC v int[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT sum(i) FROM unnest(v) i';
CREATE FUNCTION same(a int, b text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT a::text = b';
CREATE FUNCTION near(a mood, b int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT a >= (enum_range(a))[b]';
CREATE OPERATOR = (LEFTARG = mood, RIGHTARG = int, FUNCTION = near);
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = text, FUNCTION = same);
`

// database makes a database with the tables and returns a connection.
func database(t *testing.T) *pgx.Conn {
	t.Helper()
	url := pgtest.Database(t)
	pgtest.Exec(t, url, tables)
	conn := pgtest.Connect(t, url)
	exec(t, conn, "SET TimeZone = 'Europe/Zurich'")
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(context.Background(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

var viewNumber int

// columnNames gives a view's columns names if the query would give two the same.
func columnNames(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	d, err := conn.Prepare(context.Background(), "", query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var names []string
	seen := map[string]bool{}
	for i, f := range d.Fields {
		seen[f.Name] = true
		names = append(names, fmt.Sprintf("c%d", i))
	}
	if len(seen) == len(names) {
		return ""
	}
	return "(" + strings.Join(names, ", ") + ")"
}

// view makes a view and returns the text of its rule, and its name.
func view(t *testing.T, conn *pgx.Conn, query string) (name, action string) {
	t.Helper()
	viewNumber++
	name = fmt.Sprintf("view_%d", viewNumber)
	exec(t, conn, "CREATE VIEW "+name+columnNames(t, conn, query)+" AS "+query)
	const sql = "SELECT ev_action::text FROM pg_rewrite WHERE ev_class = $1::text::regclass"
	if err := conn.QueryRow(context.Background(), sql, name).Scan(&action); err != nil {
		t.Fatal(err)
	}
	return name, action
}

// read makes a view and reads its tree.
func read(t *testing.T, conn *pgx.Conn, query string) *Query {
	t.Helper()
	_, action := view(t, conn, query)
	q, err := Read(action)
	if err != nil {
		t.Fatalf("%s: %v\n%s", query, err, action)
	}
	return q
}

var _ schema.Catalog = (*catalog)(nil)
