package replication

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
)

var (
	_ sql.Scanner   = (*LSN)(nil)
	_ driver.Valuer = LSN(0)
)

// LSN is a position in the write-ahead log of one server: a byte offset since its
// initdb. Zero is no position.
type LSN uint64

// ParseLSN reads PostgreSQL's text form, two hexadecimal numbers of at most 32 bits
// with a slash between them.
//
// Errors: [ErrProtocol] for anything else.
func ParseLSN(s string) (LSN, error) {
	high, low, _ := strings.Cut(s, "/")
	h, errHigh := strconv.ParseUint(high, 16, 32)
	l, errLow := strconv.ParseUint(low, 16, 32)
	if errHigh != nil || errLow != nil {
		return 0, fmt.Errorf("replication: %w: %q is no position in the log", ErrProtocol, s)
	}
	return LSN(h<<32 | l), nil
}

// String is PostgreSQL's text form.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// Scan implements [sql.Scanner] for the text form; NULL is zero.
func (l *LSN) Scan(src any) error {
	var err error
	switch v := src.(type) {
	case nil:
		*l = 0
	case string:
		*l, err = ParseLSN(v)
	case []byte:
		*l, err = ParseLSN(string(v))
	default:
		err = fmt.Errorf("replication: %w: a position in the log as %T", ErrProtocol, src)
	}
	return err
}

// Value implements [driver.Valuer] by the text form.
func (l LSN) Value() (driver.Value, error) { return l.String(), nil }
