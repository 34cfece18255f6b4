package dataflow

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/sql/zset"
)

// stateVersion is the format of a saved circuit. It has to change with that of any
// operator.
const stateVersion = 1

// ErrOtherState says that a saved state is not one of this circuit: it is of another
// version of the program, or of another definition. The view has to be filled anew.
var ErrOtherState = errors.New("state of another circuit")

// Save writes the state of all operators and the row errors, with what is needed to
// refuse it elsewhere. The error is the writer's, or [ErrBroken].
func (c *Circuit) Save(w *zset.Writer) error {
	if c.broken {
		w.Fail(ErrBroken)
		return fmt.Errorf("dataflow: save: %w", ErrBroken)
	}
	w.Uvarint(stateVersion)
	w.Bytes([]byte(c.fingerprint()))
	stepped := uint64(0)
	if c.stepped {
		stepped = 1
	}
	w.Uvarint(stepped)
	c.errors.save(w)
	for id, n := range c.nodes {
		if n.op != nil {
			w.Uvarint(uint64(id))
			n.op.Save(w)
		}
	}
	w.Uvarint(uint64(len(c.nodes)))
	if err := w.Err(); err != nil {
		return fmt.Errorf("dataflow: save: %w", err)
	}
	return nil
}

// Load replaces the state by one that Save wrote, and counts costs anew. After an error the circuit is of no
// use until another Load: [ErrOtherState], or what could not be read.
func (c *Circuit) Load(r *zset.Reader) error {
	c.broken = true
	c.forgetCost()
	if v := r.Uvarint(); r.Err() == nil && v != stateVersion {
		return fmt.Errorf("dataflow: load: %w: format %d, this is %d", ErrOtherState, v, stateVersion)
	}
	if err := c.checkFingerprint(r); err != nil {
		return err
	}
	stepped := r.Uvarint() != 0
	if err := c.errors.load(r); err != nil {
		return fmt.Errorf("dataflow: load: errors: %w", err)
	}
	for id, n := range c.nodes {
		if n.op == nil {
			continue
		}
		if err := c.loadOperator(r, id, n.op); err != nil {
			return fmt.Errorf("dataflow: load: node %d (%s): %w", id, n.op.Describe(), err)
		}
	}
	if err := checkNumber(r, uint64(len(c.nodes))); err != nil {
		return fmt.Errorf("dataflow: load: end: %w", err)
	}
	c.stepped, c.broken = stepped, false
	return nil
}

func (c *Circuit) loadOperator(r *zset.Reader, id int, op Operator) error {
	if err := checkNumber(r, uint64(id)); err != nil {
		return err
	}
	if err := op.Load(r); err != nil {
		return err
	}
	return r.Err()
}

// checkNumber reads a number that is known: a sign that the reader is where it should be.
func checkNumber(r *zset.Reader, want uint64) error {
	if n := r.Uvarint(); r.Err() == nil && n != want {
		return fmt.Errorf("read %d, want %d", n, want)
	}
	return r.Err()
}

func (c *Circuit) checkFingerprint(r *zset.Reader) error {
	is := strings.Split(string(r.Bytes()), "\n")
	if err := r.Err(); err != nil {
		return fmt.Errorf("dataflow: load: %w", err)
	}
	want := strings.Split(c.fingerprint(), "\n")
	for i := range max(len(is), len(want)) {
		switch {
		case i >= len(is):
			return fmt.Errorf("dataflow: load: %w: it has no %q", ErrOtherState, want[i])
		case i >= len(want):
			return fmt.Errorf("dataflow: load: %w: it has %q", ErrOtherState, is[i])
		case is[i] != want[i]:
			return fmt.Errorf("dataflow: load: %w: it has %q, this is %q", ErrOtherState, is[i], want[i])
		}
	}
	return nil
}

// fingerprint is a line per node with all that tells circuits apart.
func (c *Circuit) fingerprint() string {
	var s strings.Builder
	for id, n := range c.nodes {
		fmt.Fprintf(&s, "%d %v %q", id, n.inputs, n.describe())
		if n.rows != nil {
			fmt.Fprintf(&s, " %x", digest(n.rows))
		}
		s.WriteByte('\n')
	}
	fmt.Fprintf(&s, "output %d", c.output)
	return s.String()
}

func digest(b *zset.Batch) []byte {
	var text bytes.Buffer
	w := zset.NewWriter(&text)
	for r, n := range b.All() {
		w.Bytes(r)
		w.Varint(n)
	}
	if err := w.Flush(); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	sum := sha256.Sum256(text.Bytes())
	return sum[:]
}

func (n *node) describe() string {
	var text string
	switch {
	case n.op != nil:
		text = n.op.Describe()
	case n.rows != nil:
		text = fmt.Sprintf("constant: %d rows", n.rows.Len())
	default:
		text = fmt.Sprintf("table: %v", n.table)
	}
	if n.label != "" {
		text += ": " + n.label
	}
	return text
}
