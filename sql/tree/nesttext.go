package tree

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/millrace/millrace/sql/row"
)

// quoteItem quotes an item of an array, or a bound of a range.
func quoteItem(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) + `"`
}

// parts reads a container in binary format.
type parts struct {
	rest row.Value
	bad  bool
}

func (p *parts) take(n int) row.Value {
	if p.bad || n < 0 || n > len(p.rest) {
		p.bad = true
		return nil
	}
	v := p.rest[:n:n]
	p.rest = p.rest[n:]
	return v
}

func (p *parts) int32() int {
	b := p.take(4)
	if p.bad {
		return 0
	}
	return int(int32(binary.BigEndian.Uint32(b)))
}

// sized reads a value behind its length; nil is NULL, or an error.
func (p *parts) sized() row.Value {
	n := p.int32()
	if n == -1 || p.bad {
		return nil
	}
	return p.take(n)
}

// arrayText writes an array with its lower bounds where they are not 1.
func arrayText(t *row.Type, v row.Value) (string, error) {
	p := &parts{rest: v}
	dims := p.int32()
	p.take(8) // whether there are NULLs, and the type of the elements
	const maxDimensions = 6
	if p.bad || dims < 0 || dims > maxDimensions || t.Elem == nil {
		return "", errBytes
	}
	if dims == 0 {
		return "{}", nil
	}
	sizes := make([]int, dims)
	var bounds strings.Builder
	plain := true
	for i := range sizes {
		sizes[i] = p.int32()
		low := p.int32()
		plain = plain && low == 1
		fmt.Fprintf(&bounds, "[%d:%d]", low, low+sizes[i]-1)
	}
	var b strings.Builder
	if !plain {
		b.WriteString(bounds.String() + "=")
	}
	err := writeItems(&b, t.Elem, p, sizes)
	if err == nil && (p.bad || len(p.rest) > 0) {
		err = errBytes
	}
	return b.String(), err
}

// writeItems writes one dimension of an array, and those inside.
func writeItems(b *strings.Builder, elem *row.Type, p *parts, sizes []int) error {
	separator := ","
	if elem.OID == oidBox {
		separator = ";"
	}
	b.WriteByte('{')
	for i := 0; i < sizes[0] && !p.bad; i++ {
		if i > 0 {
			b.WriteString(separator)
		}
		if len(sizes) > 1 {
			if err := writeItems(b, elem, p, sizes[1:]); err != nil {
				return err
			}
			continue
		}
		item := p.sized()
		if item == nil {
			b.WriteString("NULL")
			continue
		}
		text, err := textForm(elem, item)
		if err != nil {
			return err
		}
		b.WriteString(quoteItem(text))
	}
	b.WriteByte('}')
	return nil
}

// rangeText writes a range.
func rangeText(t *row.Type, v row.Value) (string, error) {
	if len(v) == 0 || t.Elem == nil {
		return "", errBytes
	}
	flags := v[0]
	if flags&rangeEmpty != 0 {
		return "empty", nil
	}
	p := &parts{rest: v[1:]}
	text := "("
	if flags&rangeLowerIncluded != 0 {
		text = "["
	}
	lower, err := boundText(t.Elem, p, flags&rangeLowerInfinite != 0)
	if err != nil {
		return "", err
	}
	upper, err := boundText(t.Elem, p, flags&rangeUpperInfinite != 0)
	if err != nil {
		return "", err
	}
	text += lower + "," + upper
	if flags&rangeUpperIncluded != 0 {
		return text + "]", nil
	}
	return text + ")", nil
}

func boundText(t *row.Type, p *parts, infinite bool) (string, error) {
	if infinite {
		return "", nil
	}
	v := p.sized()
	if v == nil {
		return "", errBytes
	}
	text, err := textForm(t, v)
	return quoteItem(text), err
}

// multirangeText writes a multirange.
func multirangeText(t *row.Type, v row.Value) (string, error) {
	p := &parts{rest: v}
	n := p.int32()
	if t.Elem == nil {
		return "", errBytes
	}
	var items []string
	for i := 0; i < n && !p.bad; i++ {
		text, err := rangeText(t.Elem, p.sized())
		if err != nil {
			return "", err
		}
		items = append(items, text)
	}
	if p.bad {
		return "", errBytes
	}
	return "{" + strings.Join(items, ",") + "}", nil
}
