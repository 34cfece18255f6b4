package source

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Explain tells the caller why a reader failed. PostgreSQL's own words are
// shown; how the reader logs in, and where, is the administrator's business and
// stands in the worker's log.
func Explain(err error) string {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "its login was refused, or the database cannot be reached from the worker"
	}
	if f, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("%s (SQLSTATE %s)", f.Message, f.Code)
	}
	return strings.TrimPrefix(err.Error(), "source: ")
}
