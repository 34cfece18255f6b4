package dictionary

import (
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/pgtest"
)

// TestKey: the replica identity as PostgreSQL itself takes it.
func TestKey(t *testing.T) {
	t.Parallel()
	conn := open(t, `CREATE SCHEMA s;
		CREATE TABLE s.pk (a int, b int, c int, PRIMARY KEY (c, a) INCLUDE (b));
		CREATE TABLE s.none (a int UNIQUE NOT NULL);
		CREATE TABLE s.deferred (a int PRIMARY KEY DEFERRABLE);
		CREATE TABLE s.chosen (a int PRIMARY KEY, b int NOT NULL); CREATE UNIQUE INDEX u ON s.chosen (b);
		ALTER TABLE s.chosen REPLICA IDENTITY USING INDEX u;
		CREATE TABLE s.whole (a int PRIMARY KEY); ALTER TABLE s.whole REPLICA IDENTITY FULL;
		CREATE TABLE s.nothing (a int PRIMARY KEY); ALTER TABLE s.nothing REPLICA IDENTITY NOTHING;
		CREATE TABLE s.parted (a int, b int, PRIMARY KEY (b)) PARTITION BY LIST (b);`)
	d := New(t.Context(), conn)
	for name, want := range map[string][]int16{
		"pk": {3, 1}, "none": nil, "deferred": nil, "chosen": {2}, "whole": nil, "nothing": nil, "parted": {2},
	} {
		r, err := d.Relation(oid(t, conn, "'s."+name+"'::regclass"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.Key, want) {
			t.Errorf("%s: key %v, want %v", name, r.Key, want)
		}
	}
}

// TestRelation checks what is not about types.
func TestRelation(t *testing.T) {
	t.Parallel()
	conn := open(t, `CREATE SCHEMA s;
		CREATE TABLE s.t (a int NOT NULL DEFAULT 1 + 1, b int GENERATED ALWAYS AS (a + 1) STORED);
		CREATE UNLOGGED TABLE s.u (a int); CREATE TABLE s.p (a int) PARTITION BY LIST (a);
		CREATE VIEW s.v AS SELECT a FROM s.t; CREATE MATERIALIZED VIEW s.m AS SELECT a FROM s.t; CREATE TABLE s.empty ();`)
	d := New(t.Context(), conn)
	for _, tt := range []struct {
		name              string
		kind, persistence byte
		columns           int
		action            bool
	}{
		{"t", 'r', 'p', 2, false}, {"u", 'r', 'u', 1, false}, {"p", 'p', 'p', 1, false},
		{"v", 'v', 'p', 1, true}, {"m", 'm', 'p', 1, false}, {"empty", 'r', 'p', 0, false},
	} {
		id := oid(t, conn, "'s."+tt.name+"'::regclass")
		r, err := d.Relation(id)
		if err != nil {
			t.Fatal(err)
		}
		if r.OID != id || r.Kind != tt.kind || r.Persistence != tt.persistence || len(r.Columns) != tt.columns ||
			strings.HasPrefix(r.Action, "({QUERY") != tt.action || r.RowSecurity {
			t.Errorf("%s: %+v, want %+v", tt.name, r, tt)
		}
		if again, _ := d.Relation(id); again != r {
			t.Errorf("%s: the second lookup gives another relation: nothing was remembered", tt.name)
		}
	}
	r, err := d.Relation(oid(t, conn, "'s.t'::regclass"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := r.Columns[0], r.Columns[1]
	if !a.NotNull || a.Generated != 0 || a.Generation != "" || b.NotNull || b.Generated != 's' || !strings.HasPrefix(b.Generation, "{OPEXPR ") {
		t.Errorf("columns of t: %+v, want a NOT NULL with a default, b generated from it", r.Columns)
	}
}

// TestNotValid: a constraint NOT NULL that was not validated, as PostgreSQL 18 can have,
// says nothing of the rows that were there before.
func TestNotValid(t *testing.T) {
	t.Parallel()
	conn := open(t, "CREATE SCHEMA s; CREATE TABLE s.t (a int, b int NOT NULL); INSERT INTO s.t VALUES (NULL, 1)")
	d := New(t.Context(), conn)
	if d.Version() < 18 {
		return // it has none
	}
	if _, err := conn.Exec(t.Context(), "ALTER TABLE s.t ADD CONSTRAINT later NOT NULL a NOT VALID"); err != nil {
		t.Fatal(err)
	}
	r, err := d.Relation(oid(t, conn, "'s.t'::regclass"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Columns[0].NotNull || !r.Columns[1].NotNull {
		t.Errorf("columns of t: %+v, want b alone NOT NULL", r.Columns)
	}
}

// TestRowSecurity: policies apply to whoever asks, not to the table's owner.
func TestRowSecurity(t *testing.T) {
	t.Parallel()
	role, _ := pgtest.Role(t, "reader", "NOLOGIN")
	conn := open(t, `CREATE SCHEMA s; CREATE TABLE s.t (a int); ALTER TABLE s.t ENABLE ROW LEVEL SECURITY; GRANT USAGE ON SCHEMA s TO `+role)
	id := oid(t, conn, "'s.t'::regclass")
	for _, want := range []bool{false, true} {
		if r, err := New(t.Context(), conn).Relation(id); err != nil || r.RowSecurity != want {
			t.Errorf("row security is %+v, %v, want %v", r, err, want)
		}
		if _, err := conn.Exec(t.Context(), "SET ROLE "+role); err != nil {
			t.Fatal(err)
		}
	}
}
