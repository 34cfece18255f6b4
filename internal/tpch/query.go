package tpch

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed query/*.sql
var files embed.FS

// Query is one of the 22: what CREATE VIEW … AS takes.
type Query struct {
	Name string // q01 to q22
	SQL  string
}

// Queries returns the 22 queries with the parameters that the specification uses for
// validation. Q11 has the fraction of scale 1 at every scale.
func Queries() []Query {
	var list []Query
	for i := 1; i <= 22; i++ {
		name := fmt.Sprintf("q%02d", i)
		text, err := files.ReadFile("query/" + name + ".sql")
		if err != nil {
			panic(err) // The file is embedded.
		}
		list = append(list, Query{Name: name, SQL: strings.TrimSpace(string(text))})
	}
	return list
}
