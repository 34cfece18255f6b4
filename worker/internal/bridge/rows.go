package bridge

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// RowWriter writes one row's fields in text format, in the order of the query's
// columns. It encodes into the connection's buffer, without an object per row.
type RowWriter struct {
	out     []byte
	start   int
	columns int
	written int
}

func (w *RowWriter) begin() {
	w.out = append(w.out, 'D', 0, 0, 0, 0)
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(w.columns))
}

// finish closes the message. It panics if the handler wrote another number of
// fields than was asked for: the client would take it for a broken connection.
func (w *RowWriter) finish() []byte {
	if w.written != w.columns {
		panic(fmt.Sprintf("bridge: %d fields written for %d columns", w.written, w.columns))
	}
	binary.BigEndian.PutUint32(w.out[w.start+1:], uint32(len(w.out)-w.start-1))
	return w.out
}

// Null writes a NULL.
func (w *RowWriter) Null() {
	w.out = binary.BigEndian.AppendUint32(w.out, math.MaxUint32)
	w.written++
}

// Text writes s.
func (w *RowWriter) Text(s string) {
	w.out = binary.BigEndian.AppendUint32(w.out, uint32(len(s)))
	w.out = append(w.out, s...)
	w.written++
}

// Append writes what f appends to the buffer that it gets.
func (w *RowWriter) Append(f func([]byte) []byte) {
	at := len(w.out)
	w.out = append(w.out, 0, 0, 0, 0)
	w.out = f(w.out)
	binary.BigEndian.PutUint32(w.out[at:], uint32(len(w.out)-at-4))
	w.written++
}

// Int writes v.
func (w *RowWriter) Int(v int64) {
	w.Append(func(b []byte) []byte { return strconv.AppendInt(b, v, 10) })
}

// Float writes v so that it reads back as the same float64.
func (w *RowWriter) Float(v float64) {
	w.Append(func(b []byte) []byte { return AppendFloat(b, v) })
}

// AppendFloat appends v as PostgreSQL spells it, shortest and exact.
func AppendFloat(b []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(b, "Infinity"...)
	case math.IsInf(v, -1):
		return append(b, "-Infinity"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}
