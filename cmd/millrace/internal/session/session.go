// Package session runs a script of statements and shows it as psql would: prompt and
// statement as a person types it, notices, the result as an aligned table.
package session

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Session is one connection whose statements are shown. It is for one goroutine.
type Session struct {
	conn   *pgx.Conn
	out    io.Writer
	prompt string
}

// Open connects. What happens is written to out.
func Open(ctx context.Context, url string, out io.Writer) (*Session, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	config.RuntimeParams["application_name"] = "millrace demo"
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		fmt.Fprintf(out, "%s:  %s\n", n.Severity, n.Message)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return &Session{conn: conn, out: out, prompt: config.Database}, nil
}

// Close ends the session.
func (s *Session) Close() error { return s.conn.Close(context.Background()) }

// Run runs the steps in order and stops at the first error, which has the statement.
func (s *Session) Run(ctx context.Context, steps []Step) error {
	for _, step := range steps {
		if step.Remark != "" {
			fmt.Fprintf(s.out, "-- %s\n", strings.ReplaceAll(step.Remark, "\n", "\n-- "))
		}
		prompt := s.prompt
		if s.conn.PgConn().TxStatus() == 'T' {
			prompt += inTransaction
		}
		fmt.Fprintln(s.out, typed(prompt, step.SQL))
		if err := s.execute(ctx, step.SQL); err != nil {
			return fmt.Errorf("session: %s: %w", cell(step.SQL), err)
		}
		fmt.Fprintln(s.out)
	}
	return nil
}

// execute shows the result of one statement.
func (s *Session) execute(ctx context.Context, sql string) error {
	results, err := s.conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return err
	}
	for _, r := range results {
		if len(r.FieldDescriptions) == 0 {
			fmt.Fprintln(s.out, r.CommandTag)
			continue
		}
		var t Table
		for _, f := range r.FieldDescriptions {
			t.Columns = append(t.Columns, Column{Name: f.Name, Right: isNumber(f.DataTypeOID)})
		}
		for _, row := range r.Rows {
			cells := make([]string, len(row))
			for j, value := range row {
				cells[j] = string(value)
			}
			t.Rows = append(t.Rows, cells)
		}
		fmt.Fprint(s.out, t)
	}
	return nil
}

// inTransaction is psql's mark of an open transaction.
const inTransaction = "*"

// typed shows a statement behind psql's prompts: => for its first line, -> for the
// others, (> for those within parentheses.
func typed(prompt, sql string) string {
	database, star := strings.CutSuffix(prompt, inTransaction)
	mark := ">"
	if star {
		mark = inTransaction + ">"
	}
	var b strings.Builder
	sign, depth := "=", 0
	for line := range strings.Lines(sql) {
		b.WriteString(database + sign + mark + " " + line)
		depth += strings.Count(line, "(") - strings.Count(line, ")")
		if sign = "-"; depth > 0 {
			sign = "("
		}
	}
	return b.String()
}
