package source

import (
	"bytes"
	"encoding/binary"
)

// copyDecoder reads the stream of COPY … TO STDOUT (FORMAT binary) into a
// builder. Bytes may be cut anywhere.
//
// Source: PostgreSQL documentation, COPY, section "Binary Format".
type copyDecoder struct {
	builder *Builder
	pending []byte // the head of an incomplete tuple
	started bool
	ended   bool
	onRows  func(n int) error // after each write that completed rows
}

var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

// Write implements io.Writer.
func (d *copyDecoder) Write(p []byte) (int, error) {
	data := p
	if len(d.pending) > 0 {
		d.pending = append(d.pending, p...)
		data = d.pending
	}
	before := d.builder.rows
	used, err := d.decode(data)
	if err != nil {
		return 0, err
	}
	d.pending = append(d.pending[:0], data[used:]...)
	if n := d.builder.rows - before; n > 0 && d.onRows != nil {
		if err := d.onRows(n); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// decode returns how many bytes it has used: whole tuples only.
func (d *copyDecoder) decode(data []byte) (int, error) {
	used := 0
	if !d.started {
		n, err := header(data)
		if n == 0 || err != nil {
			return 0, err
		}
		d.started, used = true, n
	}
	for len(data)-used >= 2 {
		if d.ended {
			return 0, malformed("bytes behind the end of the copy")
		}
		fields := int16(binary.BigEndian.Uint16(data[used:]))
		if fields == -1 {
			d.ended = true
			used += 2
			continue
		}
		if int(fields) != len(d.builder.columns) {
			return 0, malformed("a tuple of %d fields, want %d", fields, len(d.builder.columns))
		}
		size, err := tupleSize(data[used+2:], int(fields))
		if size < 0 || err != nil {
			return used, err
		}
		if err := d.tuple(data[used+2 : used+2+size]); err != nil {
			return 0, err
		}
		used += 2 + size
	}
	return used, nil
}

// header returns the length of the stream's header, or 0 if it is incomplete.
func header(data []byte) (int, error) {
	fixed := len(copySignature) + 8
	if n := min(len(data), len(copySignature)); !bytes.Equal(data[:n], copySignature[:n]) {
		return 0, malformed("not a binary copy")
	}
	if len(data) < fixed {
		return 0, nil
	}
	extension := binary.BigEndian.Uint32(data[fixed-4:])
	if extension > 1<<20 {
		return 0, malformed("a header extension of %d bytes", extension)
	}
	if len(data) < fixed+int(extension) {
		return 0, nil
	}
	return fixed + int(extension), nil
}

// tupleSize returns the bytes of the fields, or -1 if they are incomplete.
func tupleSize(data []byte, fields int) (int, error) {
	at := 0
	for range fields {
		if len(data)-at < 4 {
			return -1, nil
		}
		length := int32(binary.BigEndian.Uint32(data[at:]))
		at += 4
		if length < -1 {
			return 0, malformed("a field of %d bytes", length)
		}
		if length > 0 {
			at += int(length)
		}
		if at > len(data) {
			return -1, nil
		}
	}
	return at, nil
}

func (d *copyDecoder) tuple(data []byte) error {
	for column := range d.builder.columns {
		var value []byte
		value, data = field(data)
		if err := d.builder.append(column, value); err != nil {
			return err
		}
	}
	d.builder.rows++
	return nil
}

// field cuts one length-prefixed value off data; nil for NULL. The caller knows
// that data is complete.
func field(data []byte) (value, rest []byte) {
	length := int32(binary.BigEndian.Uint32(data))
	if length < 0 {
		return nil, data[4:]
	}
	return data[4 : 4+length : 4+length], data[4+length:]
}
