package tree

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
)

// Bits of a container's header and of an entry's, as PostgreSQL defines them.
const (
	jsonCount  = 0x0FFFFFFF
	jsonScalar = 0x10000000
	jsonObject = 0x20000000
	jsonArray  = 0x40000000

	entryLength    = 0x0FFFFFFF
	entryType      = 0x70000000
	entryHasOffset = 0x80000000

	entryString    = 0x00000000
	entryNumeric   = 0x10000000
	entryFalse     = 0x20000000
	entryTrue      = 0x30000000
	entryNull      = 0x40000000
	entryContainer = 0x50000000
)

// jsonbOf converts a jsonb to its version and text.
func jsonbOf(data []byte) (row.Value, error) {
	const version = 1
	out, err := appendContainer(row.Value{version}, data)
	if err != nil {
		return nil, fmt.Errorf("jsonb: %w", err)
	}
	return textOf(out)
}

// appendContainer appends an array's or object's text, as jsonb's output function
// writes it. An object's keys come before its values.
func appendContainer(dst, data []byte) ([]byte, error) {
	if len(data) < 4 {
		return nil, errBytes
	}
	h := host.Uint32(data)
	count := int(h & jsonCount)
	children := count
	if h&jsonObject != 0 {
		children = 2 * count
	}
	if children > (len(data)-4)/4 || h&jsonScalar != 0 && count != 1 {
		return nil, errBytes
	}
	items, err := splitContainer(data[4:4+4*children], data[4+4*children:])
	if err != nil {
		return nil, err
	}
	switch {
	case h&jsonScalar != 0:
		return appendItem(dst, items[0])
	case h&jsonArray != 0:
		return appendItems(dst, items)
	case h&jsonObject != 0:
		return appendPairs(dst, items[:count], items[count:])
	}
	return nil, errBytes
}

// jsonItem is an entry of a container and its bytes, which begin at the offset.
type jsonItem struct {
	kind   uint32
	data   []byte
	offset int
}

// splitContainer finds the bytes of each entry. An entry has its length or, now and
// then, the offset of its end.
func splitContainer(entries, data []byte) ([]jsonItem, error) {
	items := make([]jsonItem, 0, len(entries)/4)
	start := 0
	for ; len(entries) > 0; entries = entries[4:] {
		e := host.Uint32(entries)
		end := int(e & entryLength)
		if e&entryHasOffset == 0 {
			end += start
		}
		if end < start || end > len(data) {
			return nil, errBytes
		}
		items = append(items, jsonItem{e & entryType, data[start:end], start})
		start = end
	}
	return items, nil
}

func appendItems(dst []byte, items []jsonItem) ([]byte, error) {
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		var err error
		if dst, err = appendItem(dst, item); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendPairs(dst []byte, keys, values []jsonItem) ([]byte, error) {
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if key.kind != entryString {
			return nil, errBytes
		}
		dst = append(appendJSONString(dst, key.data), ": "...)
		var err error
		if dst, err = appendItem(dst, values[i]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendItem(dst []byte, item jsonItem) ([]byte, error) {
	switch item.kind {
	case entryString:
		return appendJSONString(dst, item.data), nil
	case entryFalse:
		return append(dst, "false"...), nil
	case entryTrue:
		return append(dst, "true"...), nil
	case entryNull:
		return append(dst, "null"...), nil
	}
	// The others begin at a multiple of four, with padding before.
	pad := -item.offset & 3
	if pad > len(item.data) {
		return nil, errBytes
	}
	data := item.data[pad:]
	switch item.kind {
	case entryContainer:
		return appendContainer(dst, data)
	case entryNumeric:
		data, err := payload(data)
		if err != nil {
			return nil, err
		}
		v, err := numericOf(data)
		if err != nil {
			return nil, err
		}
		text, err := numericText(v)
		return append(dst, text...), err
	}
	return nil, errBytes
}

// appendJSONString quotes a string as PostgreSQL does.
func appendJSONString(dst, s []byte) []byte {
	short := map[byte]string{'\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '"': `\"`, '\\': `\\`}
	dst = append(dst, '"')
	for _, b := range s {
		switch {
		case short[b] != "":
			dst = append(dst, short[b]...)
		case b < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, b)
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, '"')
}
