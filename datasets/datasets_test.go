package datasets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// letters are short for the types in the table of TestGet.
var letters = map[string]string{"boolean": "b", "integer": "i", "double precision": "d", "date": "D", "text": "t"}

// sets was made from the files by another program; the number of rows is also that
// in README.md.
var sets = []struct {
	name    string
	rows    int
	types   string // one letter a column
	nulls   int
	columns string // all for a small set, the first and the last for a large one
}{
	{"air_passengers", 144, "iDi", 0, "id date value"},
	{"airquality", 153, "iiidiii", 44, "id ozone solar_r wind temp month day"}, // R: 37 and 7 NAs.
	{"breast_cancer", 569, "i" + strings.Repeat("d", 30) + "t", 0, "id … diagnosis"},
	{"chick_weight", 578, "iiiii", 0, "id chick diet day weight"},
	{"co2", 468, "iDd", 0, "id date value"},
	{"diabetes", 442, "iiiddiddddii", 0, "id age sex bmi bp s1 s2 s3 s4 s5 s6 progression"},
	{"digits", 500, strings.Repeat("i", 66), 0, "id … digit"},
	{"faithful", 272, "idi", 0, "id eruptions waiting"},
	{"insect_sprays", 72, "iit", 0, "id count spray"},
	{"iris", 150, "iddddt", 0, "id sepal_length sepal_width petal_length petal_width species"},
	{"lake_huron", 98, "iid", 0, "id year value"},
	{"longley", 16, "idddddid", 0, "id gnp_deflator gnp unemployed armed_forces population year employed"},
	{"lynx", 114, "iii", 0, "id year value"},
	{"mtcars", 32, "itdididddiiii", 0, "id model mpg cyl disp hp drat wt qsec vs am gear carb"},
	{"nile", 100, "iii", 0, "id year value"},
	{"nottem", 240, "iDd", 0, "id date value"},
	{"quakes", 1000, "iddidi", 0, "id lat lon depth mag stations"},
	{"sunspots", 309, "iid", 0, "id year value"},
	{"ucb_admissions", 24, "ibtti", 0, "id admitted gender department applicants"},
	{"uk_gas", 108, "iDd", 0, "id date value"},
	{"us_acc_deaths", 72, "iDi", 0, "id date value"},
	{"warpbreaks", 54, "iitt", 0, "id breaks wool tension"},
	{"wine", 178, "iddddidddddddii", 0, "id … cultivar"},
	{"www_usage", 100, "iii", 0, "id minute value"},
}

// TestGet compares each data set with the table.
func TestGet(t *testing.T) {
	if got := Names(); len(got) != len(sets) {
		t.Errorf("Names gives %d names, want the %d of the table", len(got), len(sets))
	}
	for i, tt := range sets {
		t.Run(tt.name, func(t *testing.T) {
			if got := Names()[i]; got != tt.name {
				t.Errorf("Names()[%d] = %s, want %s", i, got, tt.name)
			}
			d, err := load(tt.name)
			if err != nil {
				t.Fatal(err)
			}
			rows, nulls := count(t, d)
			if rows != tt.rows || d.Rows != tt.rows || nulls != tt.nulls {
				t.Errorf("%d rows (All gives %d) with %d NULLs, want %d with %d", d.Rows, rows, nulls, tt.rows, tt.nulls)
			}
			if got := typeLetters(d); got != tt.types {
				t.Errorf("types are %s, want %s", got, tt.types)
			}
			if got := brief(d.ColumnNames()); got != tt.columns {
				t.Errorf("columns are %s, want %s", got, tt.columns)
			}
		})
	}
}

// count returns the numbers of rows and of NULLs, and checks that id counts the rows.
func count(t *testing.T, d Dataset) (rows, nulls int) {
	t.Helper()
	for row := range d.All() {
		rows++
		if row[0] == nil || *row[0] != strconv.Itoa(rows) {
			t.Errorf("id of row %d is %s", rows, text(row[0]))
		}
		for _, v := range row {
			if v == nil {
				nulls++
			}
		}
	}
	return rows, nulls
}

func typeLetters(d Dataset) string {
	var out strings.Builder
	for _, c := range d.Columns {
		out.WriteString(letters[c.SQLType])
	}
	return out.String()
}

// brief joins column names, leaving out the middle of more than 13.
func brief(columns []string) string {
	if len(columns) > 13 {
		return columns[0] + " … " + columns[len(columns)-1]
	}
	return strings.Join(columns, " ")
}

// text writes a value for a message.
func text(v *string) string {
	if v == nil {
		return "NULL"
	}
	return *v
}

// TestPostgreSQL loads each file into the table of CreateTable by PostgreSQL's own
// CSV reader and compares every value with those of All.
func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.Database(t))
	for _, name := range Names() {
		d, err := Get(name)
		if err != nil {
			t.Fatal(err)
		}
		table := pgx.Identifier{"public", `a "quoted" ` + name}
		if _, err := conn.Exec(t.Context(), d.CreateTable(table)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := os.Open(name + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.PgConn().CopyFrom(t.Context(), f, "COPY "+table.Sanitize()+" FROM STDIN (FORMAT csv, HEADER)")
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		compareTable(t, conn, d, table)
	}
}

// compareTable compares a table, read in the order of id, with a data set.
func compareTable(t *testing.T, conn *pgx.Conn, d Dataset, table pgx.Identifier) {
	t.Helper()
	result := conn.PgConn().ExecParams(context.Background(), "SELECT * FROM "+table.Sanitize()+" ORDER BY id", nil, nil, nil, nil).Read()
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	i := 0
	for row := range d.All() {
		for j, v := range row {
			got := result.Rows[i][j]
			if (got == nil) != (v == nil) || (v != nil && !equal(d.Columns[j].SQLType, string(got), *v)) {
				t.Errorf("%s: row %d, column %s: PostgreSQL has %s, All has %s", d.Name, i+1, d.Columns[j].Name, got, text(v))
			}
		}
		i++
	}
	if i != len(result.Rows) {
		t.Errorf("%s: PostgreSQL has %d rows, All has %d", d.Name, len(result.Rows), i)
	}
}

// equal compares two texts of one value. PostgreSQL writes a boolean as t or f, and
// a number in its shortest form.
func equal(sqlType, got, want string) bool {
	switch sqlType {
	case "boolean":
		return got == want[:1]
	case "double precision":
		x, err := strconv.ParseFloat(got, 64)
		y, errWant := strconv.ParseFloat(want, 64)
		return err == nil && errWant == nil && x == y
	default:
		return got == want
	}
}

// TestTerms checks that the table in README.md and the files are about the same sets,
// and three lines of it in full.
func TestTerms(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(readme)) {
		if strings.HasPrefix(line, "| ") {
			lines++
		}
	}
	if want := len(Names()) + 1; lines != want {
		t.Errorf("the table in README.md has %d lines, want %d with its header", lines, want)
	}
	for _, tt := range []Dataset{
		{Name: "wine", Description: "13 chemical values, cultivar 1–3", Source: "Aeberhard and Forina, UCI; scikit-learn load_wine", Licence: "UCI: CC BY 4.0"},
		{Name: "longley", Description: "Longley 1967, in R's units (strd.json has NIST's units)", Source: "R datasets; also public domain in statsmodels", Licence: "public domain"},
		{Name: "lynx", Description: "yearly 1821–1934, Campbell and Walker 1977", Source: "R datasets", Licence: "facts"},
	} {
		d, err := Get(tt.Name)
		if err != nil {
			t.Fatal(err)
		}
		if d.Description != tt.Description || d.Source != tt.Source || d.Licence != tt.Licence {
			t.Errorf("%s: %q, %q, %q, want %q, %q, %q", d.Name, d.Description, d.Source, d.Licence, tt.Description, tt.Source, tt.Licence)
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"irsi", `"irsi", nearest are iris,`},
		{"AirPassengers", "nearest are air_passengers,"},
		{"", "nearest are co2,"},
		{"README", "unknown data set"},
		{"../datasets/iris", "unknown data set"},
	} {
		_, err := Get(tt.name)
		if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Get(%q) error = %v, want %v with %q", tt.name, err, ErrUnknown, tt.want)
		}
	}
}

// TestAllIsACopy changes a row that All gave.
func TestAllIsACopy(t *testing.T) {
	d, err := Get("iris")
	if err != nil {
		t.Fatal(err)
	}
	for row := range d.All() {
		row[0] = nil
	}
	for row := range d.All() {
		if text(row[0]) != "1" {
			t.Errorf("first id after a change of the rows is %s, want 1", text(row[0]))
		}
		break
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"same", "same", 0},
		{"kitten", "sitting", 3},  // The example of the literature.
		{"saturday", "sunday", 3}, // Likewise.
		{"é", "e", 1},             // One letter, two bytes.
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestSQLType(t *testing.T) {
	for _, tt := range []struct{ values, want string }{
		{"true false", "boolean"}, {"true 1", "text"}, {"True", "text"},
		{"1 -2 NULL", "integer"}, {"1 2.5", "double precision"}, {"2147483648", "double precision"},
		{"007 008", "text"}, {"+1 2", "text"}, {"1. .5", "text"}, {"1e3 -0.5", "double precision"},
		{"0x10", "text"}, {"1_000", "text"}, {"NaN", "text"}, {"inf", "text"}, {"1e999", "text"},
		{"1949-01-01 NULL", "date"}, {"1949-02-30", "text"}, {"1949-1-1", "text"}, {"1949-01-01 1", "text"},
		{"NULL", ""},
	} {
		var values [][]*string
		for v := range strings.FieldsSeq(tt.values) {
			if v == "NULL" {
				values = append(values, []*string{nil})
			} else {
				values = append(values, []*string{&v})
			}
		}
		if got, err := sqlType(values, 0); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("sqlType(%s) = %q, %v, want %q", tt.values, got, err, tt.want)
		}
	}
}

func ExampleGet() {
	d, err := Get("faithful")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Rows, "rows:", d.Description)
	fmt.Println(d.CreateTable(pgx.Identifier{"faithful"}))
	// Output:
	// 272 rows: Old Faithful, Azzalini and Bowman 1990
	// CREATE TABLE "faithful" (
	// 	"id" integer PRIMARY KEY,
	// 	"eruptions" double precision,
	// 	"waiting" integer
	// )
}
