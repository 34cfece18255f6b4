package session

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// TestTable compares with what psql 15 printed for the same values, but for blanks
// at the end of lines.
func TestTable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		table Table
		want  string
	}{
		{
			name: "Aligned",
			table: Table{
				Columns: []Column{{Name: "name"}, {Name: "n", Right: true}, {Name: "größe", Right: true}},
				Rows:    [][]string{{"ä", "1", "10.25"}, {"long name", "200", ""}},
			},
			want: "   name    |  n  | größe\n-----------+-----+-------\n ä         |   1 | 10.25\n long name | 200 |\n(2 rows)\n",
		},
		{
			name:  "OneRow",
			table: Table{Columns: []Column{{Name: "gone"}}, Rows: [][]string{{"t"}}},
			want:  " gone\n------\n t\n(1 row)\n",
		},
		{
			name:  "NoRow",
			table: Table{Columns: []Column{{Name: "a"}}},
			want:  " a\n---\n(0 rows)\n",
		},
		{
			name:  "Long",
			table: Table{Columns: []Column{{Name: "a"}}, Rows: [][]string{{"x\ny" + strings.Repeat("é", 70)}}},
			want:  strings.Repeat(" ", 31) + " a\n" + strings.Repeat("-", 66) + "\n x y" + strings.Repeat("é", 60) + "…\n(1 row)\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.table.String(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	got := Parse("-- One.\n-- And more.\n\nSELECT 1;\n\nSELECT 'a;b'\n-- inside\nFROM t;  \nSELECT 3")
	want := []Step{
		{Remark: "One.\nAnd more.", SQL: "SELECT 1;"},
		{SQL: "SELECT 'a;b'\n-- inside\nFROM t;"},
		{SQL: "SELECT 3"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRun shows a transaction with a notice, and stops at an error.
func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s, err := Open(t.Context(), pgtest.Database(t), &out)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.prompt = "db"
	script := "-- A remark.\nBEGIN;\nCREATE TABLE IF NOT EXISTS t (\n a int);\nCREATE TABLE IF NOT EXISTS t (a int);\nROLLBACK;\nSELECT 1.5 AS x,\n 'b' AS y;\nSELECT 1/0;\nSELECT 2;"
	err = s.Run(t.Context(), Parse(script))
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "22012" || !strings.Contains(err.Error(), "SELECT 1/0;") {
		t.Errorf("Run = %v, want SQLSTATE 22012 with its statement", err)
	}
	want := `-- A remark.
db=> BEGIN;
BEGIN

db=*> CREATE TABLE IF NOT EXISTS t (
db(*>  a int);
CREATE TABLE

db=*> CREATE TABLE IF NOT EXISTS t (a int);
NOTICE:  relation "t" already exists, skipping
CREATE TABLE

db=*> ROLLBACK;
ROLLBACK

db=> SELECT 1.5 AS x,
db->  'b' AS y;
  x  | y
-----+---
 1.5 | b
(1 row)

db=> SELECT 1/0;
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
