// Package lawtest makes random cases for the law of views: that a maintained view is
// what its query returns, whatever happened to the tables.
//
// A case is a schema, rows to begin with, queries over it, and any number of
// transactions. All follow from seeds. Everything is valid SQL that raises no error
// on any data of the case, or nearly always so, and determines its result: two right
// answers of a query are equal as multisets under =. To that end
//
//   - floats are multiples of 1/8, whose sums are exact, and never divided by others;
//   - where equal values have different forms (1.0 and 1.00, '1 mon' and '30 days',
//     -0), nothing looks at the form;
//   - functions are immutable, and none depends on the session;
//   - an aggregate that sees an order has one that leaves no choice.
package lawtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// queriesPerCase is how many queries New makes.
const queriesPerCase = 12

// Case is a random schema with queries over it.
type Case struct {
	Schema  []string // statements that create types and tables, in the first schema of the search path
	Rows    []string // statements that insert the first rows
	Queries []string // each is what CREATE VIEW … AS takes

	tables []*table
}

// table is one table of a case.
type table struct {
	name    string // quoted where needed
	columns []column
	key     []int // positions of the columns that are unique together; none: rows may repeat
}

// column is a column of a table, or of a query's FROM as an expression.
type column struct {
	sql       string
	typ       *typ
	notNull   bool
	generated string // by this expression; "" for a plain column
}

// New makes the case of a seed.
func New(seed uint64) *Case {
	rng := rand.New(rand.NewPCG(seed, 0x6c6177))
	c := &Case{Schema: []string{
		"CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad')",
		"CREATE TYPE pair AS (x int4, y text)",
		"CREATE DOMAIN small AS int4 CHECK (VALUE < 1000)",
	}}
	for i := range 2 + rng.IntN(3) {
		c.newTable(rng, i)
	}
	for _, t := range c.tables {
		for range 6 + rng.IntN(4) {
			c.Rows = append(c.Rows, t.insert(rng, 1+rng.IntN(5)))
		}
	}
	for range queriesPerCase {
		g := &generator{rng: rng, tables: c.tables}
		c.Queries = append(c.Queries, g.view())
	}
	return c
}

// tableNames: one of them needs quotes.
var tableNames = []string{"a", "b", `"C d"`, "e"}

// newTable adds a table with a column k of type int4, which joins are on, and others.
func (c *Case) newTable(rng *rand.Rand, i int) {
	t := &table{name: tableNames[i]}
	letter := string(rune('a' + i))
	t.columns = []column{{sql: "k", typ: integer}}
	for n := range 2 + rng.IntN(5) {
		name := fmt.Sprintf("%s%d", letter, n)
		if rng.IntN(12) == 0 {
			name = fmt.Sprintf(`"%s %d"`, letter, n)
		}
		t.columns = append(t.columns, column{sql: name, typ: types[rng.IntN(len(types))], notNull: rng.IntN(6) == 0})
	}
	extra := t.identity(rng)
	t.generate(rng, letter)
	definitions := make([]string, len(t.columns))
	for i, column := range t.columns {
		definitions[i] = column.sql + " " + column.typ.declared
		if column.notNull {
			definitions[i] += " NOT NULL"
		}
		if column.generated != "" {
			definitions[i] += " GENERATED ALWAYS AS (" + column.generated + ") STORED"
		}
	}
	// Generated columns stand among the others.
	rng.Shuffle(len(definitions), func(i, j int) { definitions[i], definitions[j] = definitions[j], definitions[i] })
	create := fmt.Sprintf("CREATE TABLE %s (%s", t.name, strings.Join(definitions, ", "))
	if len(t.key) > 0 {
		create += fmt.Sprintf(", CONSTRAINT key%d UNIQUE (%s)", i, strings.Join(t.names(t.key), ", "))
	}
	if extra == "PRIMARY KEY" {
		create = strings.Replace(create, "UNIQUE", "PRIMARY KEY", 1)
	}
	c.Schema = append(c.Schema, create+")")
	switch extra {
	case "FULL":
		c.Schema = append(c.Schema, fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL", t.name))
	case "INDEX":
		c.Schema = append(c.Schema, fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY USING INDEX key%d", t.name, i))
	}
	c.tables = append(c.tables, t)
}

// generate adds generated columns to every other table.
func (t *table) generate(rng *rand.Rand, letter string) {
	plain := t.plain()
	g := &generator{rng: rng}
	for i := range max(0, rng.IntN(4)-1) {
		typ := types[rng.IntN(len(types))]
		if rng.IntN(2) == 0 {
			typ = plain[rng.IntN(len(plain))].typ
		}
		t.columns = append(t.columns, column{sql: fmt.Sprintf("%sg%d", letter, i), typ: typ, generated: g.expression(typ, scope{local: plain}, 0)})
	}
}

// plain are the columns that statements write.
func (t *table) plain() []column {
	return slices.DeleteFunc(slices.Clone(t.columns), func(c column) bool { return c.generated != "" })
}

// identity chooses the key and how the log names a row: by the primary key, by
// another key, or by the whole row, with or without a key.
func (t *table) identity(rng *rand.Rand) string {
	way := []string{"PRIMARY KEY", "PRIMARY KEY", "INDEX", "FULL", "FULL"}[rng.IntN(5)]
	if way == "FULL" && rng.IntN(3) > 0 {
		return way // No key: rows may repeat, also with NULLs.
	}
	t.key = []int{0}
	if rng.IntN(2) == 0 {
		t.key = append(t.key, 1+rng.IntN(len(t.columns)-1))
	}
	for _, i := range t.key {
		t.columns[i].notNull = true
	}
	return way
}

// names are those of some columns.
func (t *table) names(positions []int) []string {
	list := make([]string, len(positions))
	for i, p := range positions {
		list[i] = t.columns[p].sql
	}
	return list
}
