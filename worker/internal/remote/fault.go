package remote

import "github.com/jackc/pgx/v5/pgconn"

// ofRow reports whether an error is what the values or the expressions raise, and
// not the connection, the machine, or a conflict that goes away by itself.
func ofRow(e *pgconn.PgError) bool {
	if e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC" || len(e.Code) != 5 {
		return false
	}
	switch e.Code {
	case "25P02", "25P03", // the transaction is over
		"26000", // the prepared statement was deallocated by somebody else
		"55P03": // a lock could not be had
		return false
	}
	switch e.Code[:2] {
	case "08", // connection
		"40", // deadlock, serialization
		"53", // memory, disk, connections
		"57", // cancelled, shut down
		"58": // files
		return false
	}
	return true
}

// message is the text of a row's error, which is never empty.
func message(e *pgconn.PgError) string {
	if e.Message == "" {
		return "error " + e.Code
	}
	return e.Message
}
