package source

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/millrace/millrace/pushdown"
)

var testCasts = []pushdown.Cast{pushdown.Float, pushdown.Int, pushdown.Text, pushdown.Floats, pushdown.Timestamp}

// point encodes array_send of a float8[].
func point(values ...float64) []byte {
	b := binary.BigEndian.AppendUint32(nil, 1)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, 701)
	b = binary.BigEndian.AppendUint32(b, uint32(len(values)))
	b = binary.BigEndian.AppendUint32(b, 1)
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, 8)
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func number(bits uint64) []byte { return binary.BigEndian.AppendUint64(nil, bits) }

// randomRows returns rows of testCasts; nil is NULL.
func randomRows(r *rand.Rand, n int) [][][]byte {
	rows := make([][][]byte, n)
	for i := range rows {
		values := make([]float64, 1+r.IntN(5))
		for j := range values {
			values[j] = r.NormFloat64()
		}
		rows[i] = [][]byte{number(r.Uint64()), number(r.Uint64()), []byte(strings.Repeat("é", r.IntN(40))), point(values...), number(r.Uint64())}
		for j := range rows[i] {
			if r.IntN(6) == 0 {
				rows[i][j] = nil
			}
		}
	}
	return rows
}

func appendValue(b, value []byte) []byte {
	if value == nil {
		return binary.BigEndian.AppendUint32(b, math.MaxUint32)
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
}

// encodeCopy writes the stream of a binary COPY.
func encodeCopy(rows [][][]byte) []byte {
	b := append([]byte(nil), copySignature...)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, row := range rows {
		b = binary.BigEndian.AppendUint16(b, uint16(len(row)))
		for _, v := range row {
			b = appendValue(b, v)
		}
	}
	return append(b, 0xff, 0xff)
}

// encodeShipped writes array_send of the record_sends, in hex.
func encodeShipped(rows [][][]byte) string {
	b := binary.BigEndian.AppendUint32(nil, 1)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 17)
	b = binary.BigEndian.AppendUint32(b, uint32(len(rows)))
	b = append(b, 0, 0, 0, 1)
	for _, row := range rows {
		record := binary.BigEndian.AppendUint32(nil, uint32(len(row)))
		for _, v := range row {
			record = appendValue(append(record, 0, 0, 2, 189), v)
		}
		b = appendValue(b, record)
	}
	return hex.EncodeToString(b)
}

// decodeCopy feeds the stream in pieces that end at the cuts.
func decodeCopy(t *testing.T, data []byte, cuts []int, budget *Budget) (arrow.Record, error) {
	t.Helper()
	builder := NewBuilder(testCasts, budget)
	defer builder.Release()
	d := &copyDecoder{builder: builder}
	last := 0
	for _, cut := range append(cuts, len(data)) {
		// The decoder must not keep what it was given.
		piece := bytes.Clone(data[last:cut])
		_, err := d.Write(piece)
		for i := range piece {
			piece[i] = 0xaa
		}
		if err != nil {
			return nil, err
		}
		last = cut
	}
	if !d.ended {
		return nil, malformed("no end")
	}
	return builder.Record(), nil
}

// TestCopySplits cuts one stream at every single place, and at random places:
// the rows are the same each time, and the same as by the other path.
func TestCopySplits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rows := randomRows(r, 12)
	data := encodeCopy(rows)
	budget := &Budget{}
	want, err := decodeCopy(t, data, nil, budget)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Release()
	checkCells(t, want, rows)
	for cut := range data {
		got, err := decodeCopy(t, data, []int{cut}, budget)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if !array.RecordEqual(got, want) {
			t.Fatalf("cut at %d gives other rows", cut)
		}
		got.Release()
	}
	every := make([]int, 0, len(data))
	for i := range data {
		every = append(every, i)
	}
	got, err := decodeCopy(t, data, every, budget)
	if err != nil || !array.RecordEqual(got, want) {
		t.Fatalf("byte by byte: other rows, %v", err)
	}
	got.Release()
	builder := NewBuilder(testCasts, budget)
	if n, err := AppendShipped(builder, encodeShipped(rows)); err != nil || n != len(rows) {
		t.Fatalf("shipped: %d rows, %v", n, err)
	}
	shipped := builder.Record()
	builder.Release()
	if !array.RecordEqual(shipped, want) {
		t.Error("shipped rows differ from copied ones")
	}
	shipped.Release()
}

// checkCells compares a record with the values that were encoded, bit for bit.
func checkCells(t *testing.T, record arrow.Record, rows [][][]byte) {
	t.Helper()
	if int(record.NumRows()) != len(rows) {
		t.Fatalf("%d rows, want %d", record.NumRows(), len(rows))
	}
	for i, row := range rows {
		for j, value := range row {
			column := record.Column(j)
			if column.IsNull(i) != (value == nil) {
				t.Errorf("row %d, column %d: NULL is %v", i, j, column.IsNull(i))
				continue
			}
			if value == nil {
				continue
			}
			var got []byte
			switch c := column.(type) {
			case *array.Float64:
				got = number(math.Float64bits(c.Value(i)))
			case *array.Int64:
				got = number(uint64(c.Value(i)))
			case *array.LargeString:
				got = []byte(c.Value(i))
			case *array.LargeList:
				begin, end := c.ValueOffsets(i)
				got = point(c.ListValues().(*array.Float64).Float64Values()[begin:end]...)
			}
			if !bytes.Equal(got, value) {
				t.Errorf("row %d, column %d: %x, want %x", i, j, got, value)
			}
		}
	}
}

// TestBudgetReturns counts every byte back when rows are released, at whatever
// point decoding has ended.
func TestBudgetReturns(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	parent := &Budget{Name: "memory_total"}
	budget := &Budget{Name: "memory_per_call", Parent: parent}
	data := encodeCopy(randomRows(r, 3000))
	for _, size := range []int{0, 5, 19, len(data) / 3, len(data) - 1, len(data)} {
		builder := NewBuilder(testCasts, budget)
		d := &copyDecoder{builder: builder}
		if _, err := d.Write(data[:size]); err != nil {
			t.Fatal(err)
		}
		if size == len(data) {
			if budget.Used() < 3000*8 || parent.Used() != budget.Used() {
				t.Errorf("%d and %d bytes counted for 3000 rows", budget.Used(), parent.Used())
			}
			a, b := builder.Record(), builder.Record()
			joined, err := Concat([]arrow.Record{a, b}, testCasts, budget)
			if err != nil {
				t.Fatal(err)
			}
			joined.Release()
		}
		builder.Release()
		if budget.Used() != 0 || parent.Used() != 0 {
			t.Fatalf("after %d bytes: %d bytes are still counted", size, budget.Used())
		}
	}
}

// TestTasks cuts relations into page ranges that cover each page once, the last
// of them open.
func TestTasks(t *testing.T) {
	for _, tt := range []struct {
		bytes      int64
		splittable bool
		want       int
	}{
		{0, true, 1}, {16 << 20, true, 1}, {16<<20 + pageSize, true, 2}, {48 << 20, true, 3}, {48<<20 + 1, true, 3}, {1 << 30, true, 64}, {1 << 30, false, 1},
	} {
		q := Read{Inputs: []Input{{Relation: pushdown.Relation{Bytes: tt.bytes, Splittable: tt.splittable}}}}
		tasks := q.tasks()
		if len(tasks) != tt.want {
			t.Errorf("%d bytes: %d tasks, want %d", tt.bytes, len(tasks), tt.want)
		}
		next := int64(0)
		for i, task := range tasks {
			if task.pages == nil {
				continue
			}
			if task.pages.Begin != next || (task.pages.End == 0) != (i == len(tasks)-1) {
				t.Errorf("%d bytes: task %d is %+v, want it to begin at %d", tt.bytes, i, *task.pages, next)
			}
			next = task.pages.End
		}
	}
}

// FuzzCopy decodes any bytes, in one piece and cut in two: the same rows or an
// error both times, no panic, and no memory beyond what came in.
func FuzzCopy(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	data := encodeCopy(randomRows(r, 3))
	f.Add(data, 7)
	f.Add(data[:len(data)-5], 30)
	f.Add(append(append([]byte(nil), data[:19]...), 0, 5, 0x7f, 0xff, 0xff, 0xff), 21)
	f.Add([]byte("PGCOPY"), 3)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		budget := &Budget{}
		whole, errWhole := decodeCopy(t, data, nil, budget)
		cut = max(0, min(cut, len(data)))
		parts, errParts := decodeCopy(t, data, []int{cut}, budget)
		if (errWhole == nil) != (errParts == nil) {
			t.Fatalf("in one piece %v, cut at %d %v", errWhole, cut, errParts)
		}
		if errWhole != nil {
			for _, err := range []error{errWhole, errParts} {
				if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrDimensions) {
					t.Fatalf("error %v wraps no sentinel", err)
				}
			}
		} else {
			if !array.RecordEqual(whole, parts) && !hasNaN(whole) {
				t.Fatalf("cut at %d gives other rows", cut)
			}
			if budget.Used() > int64(64*len(data)+64<<10) {
				t.Fatalf("%d bytes counted for %d", budget.Used(), len(data))
			}
			whole.Release()
			parts.Release()
		}
		if budget.Used() != 0 {
			t.Fatalf("%d bytes are still counted", budget.Used())
		}
	})
}

// hasNaN reports a NaN, which makes records unequal to themselves.
func hasNaN(r arrow.Record) bool { return !array.RecordEqual(r, r) }

// FuzzShipped decodes any chunk of shipped rows.
func FuzzShipped(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	f.Add(encodeShipped(randomRows(r, 3)))
	f.Add(encodeShipped(nil))
	f.Add("000000010000000000000011ffffffff00000001")
	f.Add("00000000000000000000001100000000")
	f.Add("zz")
	f.Fuzz(func(t *testing.T, text string) {
		budget := &Budget{}
		b := NewBuilder(testCasts, budget)
		n, err := AppendShipped(b, text)
		if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrDimensions) {
			t.Fatalf("error %v wraps no sentinel", err)
		}
		if err == nil && n != b.Rows() {
			t.Fatalf("%d rows said, %d built", n, b.Rows())
		}
		if budget.Used() > int64(64*len(text)+64<<10) {
			t.Fatalf("%d bytes counted for %d", budget.Used(), len(text))
		}
		b.Release()
		if budget.Used() != 0 {
			t.Fatalf("%d bytes are still counted", budget.Used())
		}
	})
}

// FuzzPoint decodes any array value.
func FuzzPoint(f *testing.F) {
	f.Add(point(1, 2, 3))
	f.Add(point())
	f.Add([]byte{0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 2, 189})
	f.Add(append(point(1)[:16], 0xff, 0xff, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, value []byte) {
		b := NewBuilder([]pushdown.Cast{pushdown.Floats}, &Budget{})
		defer b.Release()
		if err := b.append(0, value); err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrDimensions) {
				t.Fatalf("error %v wraps no sentinel", err)
			}
			return
		}
		b.rows++
		record := b.Record()
		defer record.Release()
		list := record.Column(0).(*array.LargeList)
		if value == nil || list.IsNull(0) {
			return
		}
		begin, end := list.ValueOffsets(0)
		if got := point(list.ListValues().(*array.Float64).Float64Values()[begin:end]...); end > begin && !bytes.Equal(got[20:], value[20:]) {
			t.Fatalf("%x reads as %x", value, got)
		}
	})
}
