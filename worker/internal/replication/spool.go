package replication

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// spillBlock is the bytes of a spool that has a file already before they go there.
const spillBlock = 1 << 20

// spool keeps the messages of one transaction: the first in a temporary file, once
// there is one, the last in memory. It is read from the beginning any number of times,
// also by several goroutines at once, while nothing is written.
//
// A record is a uvarint, 0 for a logical message and else the number of the relation
// plus one, a uvarint with the length of the message, and the message.
type spool struct {
	dir    string
	file   *os.File // nil while all is in memory; it has no name any more
	stored int64    // bytes in the file
	tail   []byte
}

// size is the bytes of all records, where the next one will be.
func (s *spool) size() int64 { return s.stored + int64(len(s.tail)) }

// memory is the bytes of memory held.
func (s *spool) memory() int64 { return int64(cap(s.tail)) }

// add appends a record whose message is made of two parts.
func (s *spool) add(relation int, tag byte, body []byte) error {
	s.tail = binary.AppendUvarint(s.tail, uint64(relation+1))
	s.tail = binary.AppendUvarint(s.tail, uint64(len(body)+1))
	s.tail = append(append(s.tail, tag), body...)
	if s.file != nil && len(s.tail) >= spillBlock {
		return s.write()
	}
	return nil
}

// spill moves what is in memory to the file and gives the memory back.
func (s *spool) spill() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "millrace-transaction-*")
		if err != nil {
			return fmt.Errorf("replication: spool: %w", err)
		}
		s.file = f
		// Without a name the file goes with the process, whatever ends it.
		if err := os.Remove(f.Name()); err != nil {
			return fmt.Errorf("replication: spool: %w", err)
		}
	}
	if err := s.write(); err != nil {
		return err
	}
	s.tail = nil
	return nil
}

// write appends the memory to the file and empties it. A failed write changes nothing:
// what it may have left in the file is overwritten by the next.
func (s *spool) write() error {
	if _, err := s.file.WriteAt(s.tail, s.stored); err != nil {
		return fmt.Errorf("replication: spool: %d bytes after %d: %w", len(s.tail), s.stored, err)
	}
	s.stored += int64(len(s.tail))
	s.tail = s.tail[:0]
	if cap(s.tail) > 4*spillBlock {
		s.tail = nil
	}
	return nil
}

// truncate forgets the records from a position that size had.
func (s *spool) truncate(size int64) {
	if size >= s.stored {
		s.tail = s.tail[:size-s.stored]
		return
	}
	// The file's bytes behind it are overwritten or never read.
	s.stored, s.tail = size, s.tail[:0]
}

// close gives file and memory back. A second call does nothing.
func (s *spool) close() error {
	s.tail = nil
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file, s.stored = nil, 0
	if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("replication: spool: %w", err)
	}
	return nil
}

// spoolReader reads the records of a spool in order.
type spoolReader struct {
	file *bufio.Reader // the part on disk, nil when it is read
	tail []byte        // the part in memory, what is left of it
	buf  []byte
}

// read starts at the first record.
func (s *spool) read() *spoolReader {
	r := &spoolReader{tail: s.tail}
	if s.file != nil {
		r.file = bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.stored), 1<<18)
	}
	return r
}

// next returns the next record, or io.EOF. The message is valid until the next call.
func (r *spoolReader) next() (relation int, message []byte, err error) {
	if r.file == nil {
		return r.nextInMemory()
	}
	head, err := binary.ReadUvarint(r.file)
	if err == io.EOF {
		r.file = nil
		return r.nextInMemory()
	}
	var n uint64
	if err == nil {
		n, err = binary.ReadUvarint(r.file)
	}
	if err == nil {
		if uint64(cap(r.buf)) < n {
			r.buf = make([]byte, n)
		}
		r.buf = r.buf[:n]
		_, err = io.ReadFull(r.file, r.buf)
	}
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // in the middle of a record
		}
		return 0, nil, fmt.Errorf("replication: spool: %w", err)
	}
	return int(head) - 1, r.buf, nil
}

// nextInMemory is next for the part in memory.
func (r *spoolReader) nextInMemory() (int, []byte, error) {
	if len(r.tail) == 0 {
		return 0, nil, io.EOF
	}
	head, w := binary.Uvarint(r.tail)
	r.tail = r.tail[w:]
	n, w := binary.Uvarint(r.tail)
	message := r.tail[w : w+int(n) : w+int(n)]
	r.tail = r.tail[w+int(n):]
	return int(head) - 1, message, nil
}
