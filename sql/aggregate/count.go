package aggregate

import (
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// count is count(*) and count(x).
type count struct{ n int64 }

func newCount() Accumulator { return &count{} }

func (c *count) Add(args []row.Value, w int64) {
	if !hasNull(args) {
		c.n += w
	}
}

func (c *count) Result() (row.Value, error) { return row.Int8Value(c.n), nil }
func (c *count) Save(w *zset.Writer)        { w.Varint(c.n) }
func (c *count) Load(r *zset.Reader) error  { c.n = r.Varint(); return r.Err() }
func (c *count) Bytes() int64               { return 8 }

// truth is bool_and (every) and bool_or.
type truth struct {
	yes, no int64
	all     bool // bool_and
}

func (b *truth) Add(args []row.Value, w int64) {
	switch {
	case hasNull(args):
	case args[0].Bool():
		b.yes += w
	default:
		b.no += w
	}
}

func (b *truth) Result() (row.Value, error) {
	switch {
	case b.yes == 0 && b.no == 0:
		return nil, nil
	case b.all:
		return row.BoolValue(b.no == 0), nil
	}
	return row.BoolValue(b.yes > 0), nil
}

func (b *truth) Save(w *zset.Writer) {
	w.Varint(b.yes)
	w.Varint(b.no)
}

func (b *truth) Load(r *zset.Reader) error {
	b.yes, b.no = r.Varint(), r.Varint()
	return r.Err()
}

func (b *truth) Bytes() int64 { return 24 }
