package view

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/row"
)

var errCopyFormat = errors.New("view: copy: malformed binary rows")

// copyRows runs a query as COPY in binary format and visits its rows. The values are
// valid during the visit.
func copyRows(ctx context.Context, conn *pgx.Conn, query string, columns int, visit func([]row.Value) error) error {
	in, out := io.Pipe()
	defer in.Close() // if visit panics, what writes must not wait for ever
	done := make(chan error, 1)
	go func() {
		_, err := conn.PgConn().CopyTo(ctx, out, "COPY ("+query+") TO STDOUT (FORMAT binary)")
		out.CloseWithError(err)
		done <- err
	}()
	err := decodeRows(bufio.NewReaderSize(in, 1<<16), columns, visit)
	in.CloseWithError(err)
	if copyErr := <-done; copyErr != nil && !errors.Is(copyErr, err) {
		return copyErr
	}
	return err
}

// decodeRows reads PostgreSQL's binary copy format.
func decodeRows(in *bufio.Reader, columns int, visit func([]row.Value) error) error {
	header := make([]byte, 19)
	if _, err := io.ReadFull(in, header); err != nil {
		return err
	}
	if string(header[:11]) != "PGCOPY\n\xff\r\n\x00" {
		return errCopyFormat
	}
	if _, err := in.Discard(int(binary.BigEndian.Uint32(header[15:]))); err != nil {
		return err
	}
	values := make([]row.Value, columns)
	arena := make([]byte, 0, 1024) // not nil: an empty value is not NULL
	for {
		n, err := readInt(in, 2)
		if err != nil {
			return err
		}
		if n == 0xffff {
			_, err := io.Copy(io.Discard, in)
			return err
		}
		if n != columns {
			return fmt.Errorf("%w: %d columns, want %d", errCopyFormat, n, columns)
		}
		if arena, err = readValues(in, values, arena[:0]); err != nil {
			return err
		}
		if err := visit(values); err != nil {
			return err
		}
	}
}

// readValues reads one row; its bytes lie in the arena that it returns.
func readValues(in *bufio.Reader, values []row.Value, arena []byte) ([]byte, error) {
	for i := range values {
		length, err := readInt(in, 4)
		if err != nil {
			return arena, err
		}
		if int32(length) == -1 {
			values[i] = nil
			continue
		}
		at := len(arena)
		if cap(arena)-at < length {
			// A new arena: values of this row stay in the old one.
			arena, at = make([]byte, 0, max(2*cap(arena), length, 1024)), 0
		}
		arena = arena[:at+length]
		if _, err := io.ReadFull(in, arena[at:]); err != nil {
			return arena, err
		}
		values[i] = row.Value(arena[at : at+length : at+length])
	}
	return arena, nil
}

func readInt(in *bufio.Reader, size int) (int, error) {
	var b [4]byte
	if _, err := io.ReadFull(in, b[4-size:]); err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint32(b[:])), nil
}
