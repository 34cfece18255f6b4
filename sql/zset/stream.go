package zset

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Writer writes the state of operators. Its first error stays, and what is written
// after it is dropped.
type Writer struct {
	out     *bufio.Writer
	err     error
	scratch [binary.MaxVarintLen64]byte
}

// NewWriter returns a buffered writer; Flush ends it.
func NewWriter(out io.Writer) *Writer { return &Writer{out: bufio.NewWriterSize(out, 1<<16)} }

// Uvarint writes a number that is mostly small.
func (w *Writer) Uvarint(v uint64) { w.write(binary.AppendUvarint(w.scratch[:0], v)) }

// Varint writes a signed number that is mostly near 0.
func (w *Writer) Varint(v int64) { w.write(binary.AppendVarint(w.scratch[:0], v)) }

// Uint64 writes a number in 8 bytes.
func (w *Writer) Uint64(v uint64) { w.write(binary.LittleEndian.AppendUint64(w.scratch[:0], v)) }

// Bytes writes b and its length.
func (w *Writer) Bytes(b []byte) {
	w.Uvarint(uint64(len(b)))
	w.write(b)
}

// Flush writes what is buffered and returns the first error.
func (w *Writer) Flush() error {
	if w.err == nil {
		w.Fail(w.out.Flush())
	}
	return w.err
}

// Err is the first error.
func (w *Writer) Err() error { return w.err }

// Fail makes err the writer's error, if it has none.
func (w *Writer) Fail(err error) {
	if w.err == nil && err != nil {
		w.err = fmt.Errorf("zset: write: %w", err)
	}
}

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, err := w.out.Write(b)
		w.Fail(err)
	}
}

// Reader reads what a Writer wrote. Its first error stays, and all that is read
// after it is zero.
type Reader struct {
	in     *bufio.Reader
	err    error
	buffer []byte
}

// NewReader returns a buffered reader.
func NewReader(in io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(in, 1<<16)} }

// Uvarint reads what Writer.Uvarint wrote.
func (r *Reader) Uvarint() uint64 { return read(r, binary.ReadUvarint) }

// Varint reads what Writer.Varint wrote.
func (r *Reader) Varint() int64 { return read(r, binary.ReadVarint) }

// Uint64 reads what Writer.Uint64 wrote.
func (r *Reader) Uint64() uint64 {
	b := r.read(8)
	if r.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// Bytes reads what Writer.Bytes wrote; never nil unless there is an error. It is
// valid until the next call.
func (r *Reader) Bytes() []byte { return r.read(r.Uvarint()) }

// Err is the first error; a stream that ends too early is [io.ErrUnexpectedEOF].
func (r *Reader) Err() error { return r.err }

// Fail makes err the reader's error, if it has none: for a Load that reads what
// cannot be.
func (r *Reader) Fail(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("zset: read: %w", err)
	}
}

// maxRead is the most that is allocated before it has been seen that the stream is
// that long.
const maxRead = 1 << 20

func (r *Reader) read(n uint64) []byte {
	r.buffer = r.buffer[:0]
	for n > 0 && r.err == nil {
		part := int(min(n, maxRead))
		have := len(r.buffer)
		r.buffer = append(r.buffer, make([]byte, part)...)
		_, err := io.ReadFull(r.in, r.buffer[have:])
		r.Fail(err)
		n -= uint64(part)
	}
	if r.err != nil {
		return nil
	}
	if r.buffer == nil {
		r.buffer = []byte{}
	}
	return r.buffer
}

func read[T any](r *Reader, f func(io.ByteReader) (T, error)) T {
	var zero T
	if r.err != nil {
		return zero
	}
	v, err := f(r.in)
	if err != nil {
		r.Fail(err)
		return zero
	}
	return v
}
