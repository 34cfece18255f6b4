package source

import (
	"encoding/binary"
	"encoding/hex"
)

// AppendShipped decodes one chunk of shipped rows into b: array_send of bytea[],
// in hex, of record_send of each row. It returns the number of rows.
//
// A record is its number of columns, and per column the type's OID, the length
// (-1 for NULL) and the bytes; the values are those of a binary copy.
func AppendShipped(b *Builder, text string) (int, error) {
	data, err := hex.DecodeString(text)
	if err != nil {
		return 0, malformed("%v", err)
	}
	if len(data) < 12 {
		return 0, malformed("a chunk of %d bytes", len(data))
	}
	switch dimensions := binary.BigEndian.Uint32(data); {
	case dimensions == 0:
		return 0, nil
	case dimensions != 1 || len(data) < 20:
		return 0, malformed("a chunk of %d dimensions in %d bytes", dimensions, len(data))
	}
	n := int(binary.BigEndian.Uint32(data[12:]))
	data = data[20:]
	for range n {
		if len(data) < 4 {
			return 0, malformed("a chunk that ends early")
		}
		length := int(int32(binary.BigEndian.Uint32(data)))
		if length < 0 || len(data)-4 < length {
			return 0, malformed("a row of %d bytes in a chunk of %d", length, len(data))
		}
		if err := b.record(data[4 : 4+length]); err != nil {
			return 0, err
		}
		data = data[4+length:]
	}
	if len(data) != 0 {
		return 0, malformed("%d bytes behind the last row", len(data))
	}
	return n, nil
}

func (b *Builder) record(data []byte) error {
	if len(data) < 4 || int(binary.BigEndian.Uint32(data)) != len(b.columns) {
		return malformed("a row of other columns than agreed")
	}
	data = data[4:]
	for column := range b.columns {
		if len(data) < 8 {
			return malformed("a row that ends early")
		}
		length := int(int32(binary.BigEndian.Uint32(data[4:])))
		if length < -1 || length > len(data)-8 {
			return malformed("a value of %d bytes", length)
		}
		var value []byte
		value, data = field(data[4:])
		if err := b.append(column, value); err != nil {
			return err
		}
	}
	if len(data) != 0 {
		return malformed("%d bytes behind the last column", len(data))
	}
	b.rows++
	return nil
}
