package remote

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/row"
)

// statement is the SQL for some units and what it is built from.
type statement struct {
	*work
	at, end  int  // units
	empty    bool // the only unit is a group without rows
	weighted bool // a row stands for several

	distinct [][]row.Value // per column, if it holds arrays: the different values
}

// statement describes the statement for the units from at to end. All have rows, or
// there is only one.
func (w *work) statement(at, end int) *statement {
	s := &statement{work: w, at: at, end: end, empty: w.starts[at] == w.starts[end]}
	for _, n := range w.weights[w.starts[at]:w.starts[end]] {
		s.weighted = s.weighted || n > 1
	}
	return s
}

// prepare has PostgreSQL parse the statement. It remains prepared on the connection
// unless its text depends on the number of arrays. An error here is never a row's:
// the expressions do not fit the catalog.
func (s *statement) prepare(ctx context.Context, conn *pgx.Conn) (name string, err error) {
	sql := s.sql()
	if s.arrays {
		d, err := conn.PgConn().Prepare(ctx, "", sql, nil)
		if err != nil {
			return "", fmt.Errorf("prepare %s: %w", strings.Join(s.expressions, ", "), err)
		}
		return d.Name, nil
	}
	d, err := conn.Prepare(ctx, sql, sql)
	if err != nil {
		return "", fmt.Errorf("prepare %s: %w", strings.Join(s.expressions, ", "), err)
	}
	return d.Name, nil
}

// sql is the statement's text. Its parts are
//
//	s   a row per argument row: arrays of parameters are unnested in step in the
//	    select list, where a composite value stays whole and NULL stays NULL
//	a3  the values of column 3 that are arrays, a parameter each
//	u   the rows with their columns in their own types and collations; OFFSET keeps
//	    the planner from putting a column's expression, or a parameter, in the place
//	    of each use of it
func (s *statement) sql() string {
	var b strings.Builder
	switch {
	case s.empty:
		b.WriteString("SELECT 1")
	case s.grouped:
		b.WriteString("SELECT u.g")
	default:
		b.WriteString("SELECT u.n")
	}
	for _, e := range s.expressions {
		fmt.Fprintf(&b, ", (%s)", e)
	}
	b.WriteString(" FROM (SELECT s.n")
	if s.grouped {
		b.WriteString(", s.g")
	}
	for i := range s.columns {
		fmt.Fprintf(&b, ", %s AS c%d", s.column(i), i)
	}
	b.WriteString(" FROM (SELECT pg_catalog.generate_series(1, $1::pg_catalog.int4) AS n")
	last := 1
	if s.grouped {
		b.WriteString(", pg_catalog.unnest($2::pg_catalog.int4[]) AS g, pg_catalog.unnest($3::pg_catalog.int8[]) AS w")
		last = 3
	}
	for i, t := range s.columns {
		last++
		name := t.ArrayName
		if t.Kind == row.Array {
			name = "pg_catalog.int4[]"
		}
		fmt.Fprintf(&b, ", pg_catalog.unnest($%d::%s) AS c%d", last, name, i)
	}
	b.WriteString(") AS s")
	if s.weighted {
		b.WriteString(" CROSS JOIN LATERAL pg_catalog.generate_series(1, s.w) AS repeated")
	}
	s.arrayValues(&b, last)
	b.WriteString(" OFFSET 0) AS u")
	if s.grouped && !s.empty {
		b.WriteString(" GROUP BY u.g")
	}
	return b.String()
}

// column is the expression in u for column i. A NULL of a domain that is NOT NULL,
// as outer joins make them, must not meet the domain's check: a subquery without a
// row is such a NULL.
func (s *statement) column(i int) string {
	t, value := s.columns[i], fmt.Sprintf("s.c%d", i)
	if t.Kind == row.Array {
		value = fmt.Sprintf("a%d.v", i)
	}
	if t.Name != t.BaseName {
		value = fmt.Sprintf("(SELECT %s::%s WHERE %s IS DISTINCT FROM NULL)", value, t.Name, value)
	}
	if s.collations[i] != "" {
		value += " COLLATE " + s.collations[i]
	}
	return value
}

// arrayValues writes the joins to the values of array columns; last is the number of
// the last parameter so far.
func (s *statement) arrayValues(b *strings.Builder, last int) {
	for i, t := range s.columns {
		if t.Kind != row.Array {
			continue
		}
		fmt.Fprintf(b, " LEFT JOIN (VALUES (0, NULL::%s)", t.BaseName)
		for k := range s.distinct[i] {
			last++
			fmt.Fprintf(b, ", (%d, $%d::%s)", k+1, last, t.BaseName)
		}
		fmt.Fprintf(b, ") AS a%d(k, v) ON a%d.k OPERATOR(pg_catalog.=) s.c%d", i, i, i)
	}
}
