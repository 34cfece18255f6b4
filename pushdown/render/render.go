// Package render prints the SQL that the worker's readers run.
package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/sql/token"
)

// Column is one expression and the form its values travel in.
type Column struct {
	Expression string // accepted by [pushdown.ParseExpression]
	Cast       pushdown.Cast
}

// Pages is a range of heap pages; End 0 means to the end of the table, also of
// pages that are added while it is read.
type Pages struct{ Begin, End int64 }

// Copy returns the COPY statement that reads columns of relation (a quoted
// name), of the given pages only if there are any.
func Copy(relation string, columns []Column, pages *Pages) string {
	var b strings.Builder
	b.WriteString("COPY (")
	writeSelect(&b, relation, columns)
	if pages != nil {
		fmt.Fprintf(&b, " WHERE ctid OPERATOR(pg_catalog.>=) '(%d,0)'::pg_catalog.tid", pages.Begin)
		if pages.End > 0 {
			fmt.Fprintf(&b, " AND ctid OPERATOR(pg_catalog.<) '(%d,0)'::pg_catalog.tid", pages.End)
		}
	}
	b.WriteString(") TO STDOUT (FORMAT binary)")
	return b.String()
}

// ViewName is the name of the view that [View] makes.
const ViewName = "pg_temp.millrace_expressions"

// View returns a statement that makes a temporary view of the columns, whose
// analysed tree tells what functions they use.
func View(relation string, columns []Column) string {
	var b strings.Builder
	b.WriteString("CREATE TEMPORARY VIEW " + ViewName + " AS ")
	writeSelect(&b, relation, columns)
	return b.String()
}

func writeSelect(b *strings.Builder, relation string, columns []Column) {
	b.WriteString("SELECT ")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "%s AS c%d", cast(c), i+1)
	}
	fmt.Fprintf(b, " FROM %s", relation)
}

// cast must agree with ml_private.cast_of: the same values by both paths.
func cast(c Column) string {
	switch c.Cast {
	case pushdown.Vector:
		return "(" + c.Expression + ")::pg_catalog.float4[]::pg_catalog.float8[]"
	case pushdown.Numeric:
		return "pg_catalog.trim_scale((" + c.Expression + ")::pg_catalog.numeric)::pg_catalog.text"
	}
	return "(" + c.Expression + ")::pg_catalog." + string(c.Cast)
}

// Begin returns the statements that put a reader's session into the caller's
// snapshot, role and settings.
func Begin(snapshot, role string, settings map[string]string, lockTimeoutMS int64) string {
	var b strings.Builder
	b.WriteString("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " + token.QuoteLiteral(snapshot) + "; ")
	b.WriteString(Become(role, settings, lockTimeoutMS))
	return b.String()
}

// Become returns the statements that give a transaction the caller's role and
// settings. The caller's own statement_timeout, if any, stops the readers too;
// one of the database or of the login must not.
func Become(role string, settings map[string]string, lockTimeoutMS int64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SET LOCAL ROLE %s; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = %d; SELECT ", token.QuoteName(role), lockTimeoutMS)
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	slices.Sort(names)
	b.WriteString("1")
	for _, name := range names {
		fmt.Fprintf(&b, ", pg_catalog.set_config(%s, %s, true)", token.QuoteLiteral(name), token.QuoteLiteral(settings[name]))
	}
	return b.String()
}
