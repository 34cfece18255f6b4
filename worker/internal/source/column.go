package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/millrace/millrace/pushdown"
)

// ErrFormat is wrapped by errors on bytes that are not in the form agreed.
var ErrFormat = errors.New("malformed binary data")

// ErrDimensions is wrapped by errors on points that are arrays of arrays.
var ErrDimensions = errors.New("array has more than one dimension")

func malformed(format string, args ...any) error {
	return fmt.Errorf("source: %w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// arrowType is the Arrow type of a cast.
func arrowType(c pushdown.Cast) arrow.DataType {
	switch c {
	case pushdown.Float:
		return arrow.PrimitiveTypes.Float64
	case pushdown.Int, pushdown.Timestamp, pushdown.Timestamptz:
		return arrow.PrimitiveTypes.Int64
	case pushdown.Floats, pushdown.Vector:
		return arrow.LargeListOf(arrow.PrimitiveTypes.Float64)
	}
	return arrow.BinaryTypes.LargeString
}

// Builder gathers rows into Arrow columns. It is used by one goroutine.
type Builder struct {
	columns []array.Builder
	casts   []pushdown.Cast
	rows    int
	budget  *Budget
}

// NewBuilder returns an empty builder of one column per cast.
func NewBuilder(casts []pushdown.Cast, budget *Budget) *Builder {
	b := &Builder{casts: casts, budget: budget}
	for _, c := range casts {
		b.columns = append(b.columns, array.NewBuilder(allocator{budget}, arrowType(c)))
	}
	return b
}

// Rows returns the number of complete rows.
func (b *Builder) Rows() int { return b.rows }

// Release frees what the builder holds.
func (b *Builder) Release() {
	for _, c := range b.columns {
		c.Release()
	}
}

// Record returns the rows gathered and empties the builder. Timestamps are
// int64 microseconds since 2000-01-01, as PostgreSQL sends them.
func (b *Builder) Record() arrow.Record {
	fields := make([]arrow.Field, len(b.columns))
	columns := make([]arrow.Array, len(b.columns))
	for i, c := range b.columns {
		columns[i] = c.NewArray()
		fields[i] = arrow.Field{Name: fmt.Sprintf("c%d", i+1), Type: columns[i].DataType(), Nullable: true}
	}
	record := array.NewRecord(arrow.NewSchema(fields, nil), columns, int64(b.rows))
	for _, c := range columns {
		c.Release()
	}
	b.rows = 0
	return record
}

// append adds one value in PostgreSQL's binary form; nil is NULL.
func (b *Builder) append(column int, value []byte) error {
	if value == nil {
		b.columns[column].AppendNull()
		return nil
	}
	switch c := b.columns[column].(type) {
	case *array.Float64Builder:
		if len(value) != 8 {
			return malformed("a float8 of %d bytes", len(value))
		}
		c.Append(math.Float64frombits(binary.BigEndian.Uint64(value)))
	case *array.Int64Builder:
		if len(value) != 8 {
			return malformed("an int8 of %d bytes", len(value))
		}
		c.Append(int64(binary.BigEndian.Uint64(value)))
	case *array.LargeStringBuilder:
		c.Append(string(value))
	case *array.LargeListBuilder:
		return appendPoint(c, value)
	}
	return nil
}

// appendPoint reads array_send's form: dimensions, null flag, element type, then
// per dimension size and lower bound, then length and bytes of each element. A
// NULL element makes the whole point NULL: the row is skipped and counted.
func appendPoint(c *array.LargeListBuilder, value []byte) error {
	if len(value) < 12 {
		return malformed("an array of %d bytes", len(value))
	}
	dimensions := binary.BigEndian.Uint32(value)
	values := c.ValueBuilder().(*array.Float64Builder)
	if dimensions == 0 {
		c.Append(true)
		return nil
	}
	if dimensions != 1 {
		return fmt.Errorf("source: %w: %d, want 1", ErrDimensions, dimensions)
	}
	if len(value) < 20 {
		return malformed("an array of %d bytes", len(value))
	}
	n := int(binary.BigEndian.Uint32(value[12:]))
	elements := value[20:]
	null, err := holdsNull(elements, n)
	if err != nil {
		return err
	}
	if null {
		c.AppendNull()
		return nil
	}
	c.Append(true)
	values.Reserve(n)
	for i := range n {
		values.UnsafeAppend(math.Float64frombits(binary.BigEndian.Uint64(elements[12*i+4:])))
	}
	return nil
}

// holdsNull checks the lengths of n elements and reports a NULL among them. The
// array's own flag says only that it has a bitmap of NULLs, which outlives them.
func holdsNull(elements []byte, n int) (bool, error) {
	null := false
	for range n {
		if len(elements) < 4 {
			return false, malformed("an array that ends early")
		}
		length := int32(binary.BigEndian.Uint32(elements))
		elements = elements[4:]
		switch {
		case length == -1:
			null = true
		case length != 8 || len(elements) < 8:
			return false, malformed("an array element of %d bytes, want a float8", length)
		default:
			elements = elements[8:]
		}
	}
	if n < 0 || len(elements) != 0 {
		return false, malformed("an array of %d elements with %d bytes behind them", n, len(elements))
	}
	return null, nil
}

// Concat joins records of equal columns into one and releases them.
func Concat(records []arrow.Record, casts []pushdown.Cast, budget *Budget) (arrow.Record, error) {
	defer func() {
		for _, r := range records {
			r.Release()
		}
	}()
	if len(records) == 1 {
		records[0].Retain()
		return records[0], nil
	}
	if len(records) == 0 {
		empty := NewBuilder(casts, budget)
		defer empty.Release()
		return empty.Record(), nil
	}
	var rows int64
	for _, r := range records {
		rows += r.NumRows()
	}
	columns := make([]arrow.Array, len(casts))
	for i := range casts {
		parts := make([]arrow.Array, len(records))
		for j, r := range records {
			parts[j] = r.Column(i)
		}
		column, err := array.Concatenate(parts, memory.Allocator(allocator{budget}))
		if err != nil {
			return nil, fmt.Errorf("source: join columns: %w", err)
		}
		defer column.Release()
		columns[i] = column
	}
	return array.NewRecord(records[0].Schema(), columns, rows), nil
}
