package view_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
)

// TestManyArrays writes rows of so many arrays that their values are more than a
// statement's parameters may be.
func TestManyArrays(t *testing.T) {
	t.Parallel()
	d := openDesk(t, milltest.Start(t, nil))
	var columns, values []string
	for i := range 70 {
		columns = append(columns, fmt.Sprintf("a%d int[]", i))
		values = append(values, fmt.Sprintf("ARRAY[i, %d]", i))
	}
	d.each("CREATE TABLE t (id int PRIMARY KEY, " + strings.Join(columns, ", ") + "); SELECT ml.track('t')")
	d.Run("SELECT ml.create_view('v', 'SELECT * FROM t')")
	for _, statement := range []string{
		"INSERT INTO t SELECT i, " + strings.Join(values, ", ") + " FROM generate_series(1, 1000) AS i", "UPDATE t SET a0 = a1, a69 = NULL", "DELETE FROM t WHERE id % 3 = 0",
	} {
		d.Run(statement)
		d.Run("SELECT ml.wait('v', '2 min')") // so much takes a slow machine a while
		d.same("v", statement[:6])
	}
}

// TestLongRows writes rows that together are too long for one statement: triggers on
// the views' tables see how much each statement brings.
func TestLongRows(t *testing.T) {
	t.Parallel()
	d := openDesk(t, milltest.Start(t, nil))
	d.each("CREATE TABLE t (id int PRIMARY KEY, body text); SELECT ml.track('t')")
	d.Run("SELECT ml.create_view('plain', 'SELECT id, body FROM t'); SELECT ml.create_view('keyed', 'SELECT id, max(body) AS body FROM t GROUP BY id')")
	d.Run(`CREATE TABLE seen (place text, bytes bigint);
		CREATE FUNCTION weigh() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ` + d.role + `.seen SELECT TG_TABLE_NAME || ' ' || TG_OP, sum(length(body)) FROM new_rows; RETURN NULL; END $$`)
	for _, name := range []string{"plain", "keyed"} {
		for _, event := range []string{"INSERT", "UPDATE"} {
			d.Run(fmt.Sprintf("CREATE TRIGGER on_%s AFTER %[1]s ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION weigh()", event, name))
		}
	}
	for _, statement := range []string{"INSERT INTO t SELECT i, repeat(chr(64 + i), 1000000) FROM generate_series(1, 20) AS i", "UPDATE t SET body = body || 'x'", "DELETE FROM t WHERE id < 5"} {
		d.Run(statement)
		d.Run("SELECT ml.wait(timeout => '2 min')") // so much takes a slow machine a while
		d.same("plain", statement)
		d.same("keyed", statement)
	}
	// Twenty million characters come three times: added twice, and changed.
	const want = "keyed INSERT 20000000, keyed UPDATE 20000020, plain INSERT 40000020"
	if got := d.Text("SELECT string_agg(format('%s %s', place, sum), ', ' ORDER BY place) FROM (SELECT place, sum(bytes) FROM seen WHERE bytes > 0 GROUP BY place) AS s"); got != want {
		t.Errorf("statements brought %s, want %s", got, want)
	}
	if got := d.Text("SELECT max(bytes) > 1 << 24 FROM seen"); got != "f" {
		t.Errorf("a statement brought %s characters, want at most %d", d.Text("SELECT max(bytes) FROM seen"), 1<<24)
	}
}
