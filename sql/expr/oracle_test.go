package expr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
)

// oracle evaluates expressions over the columns of one table here and in a server.
type oracle struct {
	conn    *pgx.Conn
	catalog *catalog
	rows    [][]row.Value
	columns []string
	shown   []string
	views   int
	used    map[uint32]bool // functions of the expressions
}

// newOracle connects to a database of its own with the types that the tests use.
func newOracle(t testing.TB) *oracle {
	t.Helper()
	conn := pgtest.Connect(t, pgtest.Database(t))
	o := &oracle{conn: conn, catalog: newCatalog(t, conn), used: map[uint32]bool{}}
	o.exec(t, `SET TimeZone = 'America/New_York'; SET client_min_messages = error;
		CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); ALTER TYPE mood ADD VALUE 'angry' BEFORE 'sad';
		CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		CREATE DOMAIN small AS int4 CHECK (VALUE < 1000000000000)`)
	return o
}

func (o *oracle) exec(t testing.TB, sql string) {
	t.Helper()
	if _, err := o.conn.PgConn().Exec(context.Background(), sql).ReadAll(); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
}

// fill makes the table t of columns c0, c1, … whose rows a query gives.
func (o *oracle) fill(t testing.TB, types []string, query string) {
	t.Helper()
	defs := make([]string, len(types))
	o.columns = make([]string, len(types))
	for i, typ := range types {
		o.columns[i] = fmt.Sprintf("c%d", i)
		defs[i] = o.columns[i] + " " + typ
	}
	list := strings.Join(o.columns, ", ")
	o.exec(t, "DROP TABLE IF EXISTS t CASCADE; CREATE TABLE t (id serial PRIMARY KEY, "+strings.Join(defs, ", ")+")")
	o.exec(t, "SET TimeZone = 'UTC'; INSERT INTO t ("+list+") "+query+"; SET TimeZone = 'America/New_York'")
	o.rows = o.query(t, "SELECT "+list+" FROM t ORDER BY id")
	text, err := o.conn.PgConn().Exec(context.Background(), "SELECT ("+list+")::text FROM (SELECT * FROM t ORDER BY id) t").ReadAll()
	if len(types) == 1 {
		text, err = o.conn.PgConn().Exec(context.Background(), "SELECT "+list+" FROM t ORDER BY id").ReadAll()
	}
	if err != nil {
		t.Fatal(err)
	}
	o.shown = nil
	for _, r := range text[0].Rows {
		o.shown = append(o.shown, string(r[0]))
	}
}

// query returns rows in binary format.
func (o *oracle) query(t testing.TB, sql string) [][]row.Value {
	t.Helper()
	r := o.conn.PgConn().ExecParams(context.Background(), sql, nil, nil, nil, []int16{1}).Read()
	if r.Err != nil {
		t.Fatalf("%v\n%s", r.Err, sql)
	}
	rows := make([][]row.Value, len(r.Rows))
	for i, values := range r.Rows {
		for _, v := range values {
			rows[i] = append(rows[i], row.Value(v))
		}
	}
	return rows
}

// expression has PostgreSQL parse an expression over the table.
func (o *oracle) expression(t testing.TB, sql string) tree.Expr {
	t.Helper()
	o.views++
	o.exec(t, fmt.Sprintf("CREATE VIEW v%d AS SELECT id, %s AS x FROM t", o.views, sql))
	var action string
	const read = "SELECT ev_action::text FROM pg_rewrite WHERE ev_class = $1::text::regclass"
	if err := o.conn.QueryRow(context.Background(), read, fmt.Sprintf("v%d", o.views)).Scan(&action); err != nil {
		t.Fatal(err)
	}
	q, err := tree.Read(action)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if err := tree.DecodeConstants(q, o.catalog); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	e, err := tree.Rewrite(q.Targets[1].Expr, func(e tree.Expr) (tree.Expr, error) {
		switch e := e.(type) {
		case *tree.Var:
			return &tree.Column{Index: int(e.Number) - 2, Type: e.Type}, nil
		case *tree.Call:
			o.used[e.Function] = true
		case *tree.Op:
			o.used[e.Function] = true
		}
		return e, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// check compares an expression's results, or messages, on all rows.
func (o *oracle) check(t *testing.T, sql string) {
	t.Helper()
	p, err := Compile(o.expression(t, sql), o.catalog)
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return
	}
	want := o.evaluate(t)
	wrong := 0
	for i, values := range o.rows {
		before := row.Make(values...)
		got, err := p.Eval(values)
		message := ""
		var failed *RowError
		switch {
		case errors.As(err, &failed):
			message = failed.Message
		case err != nil:
			t.Fatalf("%s of %s: %v", sql, o.shown[i], err)
		}
		if !bytes.Equal(before, row.Make(values...)) {
			t.Fatalf("%s of %s: input overwritten", sql, o.shown[i])
		}
		if message != string(want[i][1]) || (got == nil) != (want[i][0] == nil) || !bytes.Equal(got, want[i][0]) {
			if wrong++; wrong <= 3 {
				t.Errorf("%s of %s = %x %q, want %x %q", sql, o.shown[i], got, message, want[i][0], want[i][1])
			}
		}
	}
}

// evaluate returns the value and the message of the last view's expression for each
// row.
func (o *oracle) evaluate(t testing.TB) [][]row.Value {
	t.Helper()
	name := fmt.Sprintf("v%d", o.views)
	var result string
	const typeOf = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = 'x'"
	if err := o.conn.QueryRow(context.Background(), typeOf, name).Scan(&result); err != nil {
		t.Fatal(err)
	}
	o.exec(t, fmt.Sprintf(`CREATE FUNCTION f%[1]s() RETURNS TABLE (value %[2]s, message text) LANGUAGE plpgsql AS $$
		DECLARE i int; BEGIN
			FOR i IN SELECT id FROM t ORDER BY id LOOP
				BEGIN value := (SELECT x FROM %[1]s WHERE id = i); message := '';
				EXCEPTION WHEN others THEN value := NULL; message := SQLERRM; END;
				RETURN NEXT;
			END LOOP;
		END $$`, name, result))
	return o.query(t, fmt.Sprintf("SELECT value, message FROM f%s()", name))
}
