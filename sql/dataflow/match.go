package dataflow

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*Match)(nil)

// MatchMode says what becomes of a row with and without matches.
type MatchMode uint8

// The modes.
const (
	MatchSemi       MatchMode = iota // rows with a match: EXISTS, IN
	MatchAnti                        // rows without: NOT EXISTS
	MatchMark                        // all rows, and a boolean: whether there is a match
	MatchMark3                       // all rows, and a boolean or NULL: IN, = ANY and their negations
	MatchNullExtend                  // rows without a match, and NULLs: the outer part of an outer join
)

var matchNames = [...]string{"semijoin", "antijoin", "mark", "mark with unknown"}

// Match outputs rows of its input L depending on whether they have matches. The
// matches M of L are rows equal to rows of L, as a join of L with something and its
// projection to the columns of L gives: one for each pair, so that a row of L has
// matches exactly if its weight in M is positive.
//
// The inputs are L and M. MatchMark3 has a third, U: M are the pairs whose condition
// is true, U those whose condition is unknown, and the result is true if there is a
// row of M, else NULL if there is one of U, else false.
//
// State: three int64 per distinct row of L.
// Cost: O(len(delta)) expected per step, and at most one row and one retraction each.
type Match struct {
	mode   MatchMode
	suffix [3]row.Row // appended to the row: without match, with, unknown
	states *zset.Map[matchState]
	buf    row.Row // reused
}

// matchState is what is known of a row of L: its weight in each input.
type matchState [3]int64

// NewMatch returns the operator of a mode. width is the number of NULLs that
// MatchNullExtend appends; it is 0 for the others.
func NewMatch(mode MatchMode, width int) *Match {
	m := &Match{mode: mode, states: zset.NewMap[matchState]()}
	switch mode {
	case MatchNullExtend:
		m.suffix[unmatched] = make(row.Row, width) // a NULL is a zero byte
	case MatchMark, MatchMark3:
		m.suffix = [...]row.Row{row.Make(row.Value{0}), row.Make(row.Value{1}), row.Make(nil)}
	}
	return m
}

// Step implements [Operator]. New matches go before the rows of L and lost ones after
// them, so that a row that comes or goes together with its matches does not pass
// through the state without.
func (m *Match) Step(_ *Context, in []*zset.Batch, out *zset.Batch) error {
	for i := 1; i < len(in); i++ {
		m.apply(in[i], i, +1, out)
	}
	m.apply(in[0], 0, 0, out)
	for i := 1; i < len(in); i++ {
		m.apply(in[i], i, -1, out)
	}
	return nil
}

// apply adds the entries of an input whose weight has the sign, or all for 0.
func (m *Match) apply(b *zset.Batch, input int, sign int64, out *zset.Batch) {
	for r, w := range b.All() {
		if w*sign < 0 {
			continue
		}
		s := m.states.Put(r)
		before := *s
		s[input] += w
		after := *s
		if after == (matchState{}) {
			m.states.Delete(r)
		}
		m.change(r, before, after, out)
	}
}

// change emits the difference that a new state of a row makes.
func (m *Match) change(r row.Row, before, after matchState, out *zset.Batch) {
	oldClass, oldWeight := m.output(before)
	newClass, newWeight := m.output(after)
	if oldClass == newClass {
		newWeight, oldWeight = newWeight-oldWeight, 0
	}
	m.emit(r, oldClass, -oldWeight, out)
	m.emit(r, newClass, newWeight, out)
}

func (m *Match) emit(r row.Row, class int, w int64, out *zset.Batch) {
	if w != 0 {
		m.buf = append(append(m.buf[:0], r...), m.suffix[class]...)
		out.Add(m.buf, w)
	}
}

// The classes of a row of L; they number Match.suffix.
const (
	unmatched = iota
	matched
	unknown
)

// output is the class of a row in a state, and the weight of its output.
func (m *Match) output(s matchState) (class int, w int64) {
	switch {
	case s[1] > 0:
		class = matched
	case s[2] > 0:
		class = unknown
	}
	switch m.mode {
	case MatchSemi:
		if class != matched {
			return class, 0
		}
	case MatchAnti, MatchNullExtend:
		if class != unmatched {
			return class, 0
		}
	}
	return class, s[0]
}

// Save implements [Operator].
func (m *Match) Save(w *zset.Writer) {
	w.Uvarint(uint64(m.states.Len()))
	for key, s := range m.states.All() {
		w.Bytes(key)
		for _, n := range s {
			w.Varint(n)
		}
	}
}

// Load implements [Operator].
func (m *Match) Load(r *zset.Reader) error {
	m.states = zset.NewMap[matchState]()
	for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
		s := m.states.Put(r.Bytes())
		for i := range s {
			s[i] = r.Varint()
		}
	}
	return r.Err()
}

// Size implements [Operator].
func (m *Match) Size() (rows, bytes int64) {
	return int64(m.states.Len()), m.states.Bytes()
}

// Describe implements [Operator].
func (m *Match) Describe() string {
	if m.mode == MatchNullExtend {
		return fmt.Sprintf("null extension: %d columns", len(m.suffix[unmatched]))
	}
	return matchNames[m.mode]
}

func (m *Match) arity() int {
	if m.mode == MatchMark3 {
		return 3
	}
	return 2
}
