package replication

import (
	"bytes"
	"encoding/binary"
	"time"
)

// reader takes a message apart. After the first problem it gives zeros and keeps the
// error, so that callers check once.
type reader struct {
	rest []byte
	err  error
}

// take returns the next n bytes of the message without copying them.
func (r *reader) take(n int, what string) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.rest) {
		r.err = malformed("%s: %d bytes announced, %d left", what, n, len(r.rest))
		return nil
	}
	out := r.rest[:n:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) uint8(what string) byte {
	if b := r.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16(what string) uint16 {
	if b := r.take(2, what); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32(what string) uint32 {
	if b := r.take(4, what); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64(what string) uint64 {
	if b := r.take(8, what); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) lsn(what string) LSN { return LSN(r.uint64(what)) }

// length reads a count of bytes. One that is negative as PostgreSQL's int32 fails.
func (r *reader) length(what string) int {
	n := int32(r.uint32(what))
	if n < 0 && r.err == nil {
		r.err = malformed("%s: length %d", what, n)
	}
	return int(n)
}

// time reads microseconds since 2000-01-01.
func (r *reader) time(what string) time.Time {
	const epoch = 946684800 // 2000-01-01 in Unix seconds
	us := int64(r.uint64(what))
	return time.Unix(epoch+us/1e6, us%1e6*1e3).UTC()
}

// text reads a string that ends with a zero byte, and copies it.
func (r *reader) text(what string) string {
	if r.err != nil {
		return ""
	}
	i := bytes.IndexByte(r.rest, 0)
	if i < 0 {
		r.err = malformed("%s: string without end", what)
		return ""
	}
	s := string(r.rest[:i])
	r.rest = r.rest[i+1:]
	return s
}

// end checks that nothing is left.
func (r *reader) end(tag byte) error {
	if r.err == nil && len(r.rest) > 0 {
		r.err = malformed("message %q: %d bytes too many", tag, len(r.rest))
	}
	return r.err
}
