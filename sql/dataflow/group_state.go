package dataflow

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// groups is what the operators have in common that give at most one row per key:
// which keys there are, what is emitted for each, and what a step has changed. Keys are
// those of [row.AppendKeys]; a step touches groups as often as it likes, and then emits
// for each of them once.
type groups struct {
	types     []*row.Type
	exact     bool // keys that are equal are the same bytes, and so are the key's columns
	numbers   *zset.Map[uint32]
	states    []groupState // by number less 1
	free      []uint32     // numbers of groups that are gone
	spellings *zset.Index  // the key's columns as they were given, if not exact
	failures  map[uint32]failure
	kept      int64 // memory of the rows in states

	changed []touched // in this step
	keys    []byte    // of changed
	values  []row.Value
	key     []byte  // reused
	columns row.Row // reused
}

// groupState is a group's number of rows, whether it is in the domain, and the row that
// was emitted for it, nil if there is none.
type groupState struct {
	weight, domain int64
	emitted        row.Row
	touched        int // place in groups.changed, from 1; 0 if the step has not changed it
}

// failure is a row error that was counted.
type failure struct {
	row     row.Row
	message string
}

// touched is a group that a step has changed; its key is part of groups.keys.
type touched struct {
	number     uint32
	start, end int
}

const groupStateBytes = 48

func newGroups(types []*row.Type) groups {
	g := groups{types: types, exact: true, numbers: zset.NewMap[uint32](), failures: map[uint32]failure{}}
	for _, t := range types {
		g.exact = g.exact && t.Exact()
	}
	if !g.exact {
		g.spellings = zset.NewIndex()
	}
	return g
}

// split makes g.values the values of r, and g.key the key of those in columns.
func (g *groups) split(r row.Row, columns []int) {
	g.values, g.key = r.Split(g.values[:0]), g.key[:0]
	for i, t := range g.types {
		g.key = t.AppendKey(g.key, g.values[columns[i]])
	}
}

// spell counts how the key of the split row is spelled, for columns to choose from.
func (g *groups) spell(columns []int, w int64) {
	if g.exact {
		return
	}
	g.columns = g.columns[:0]
	for _, c := range columns {
		g.columns = row.Append(g.columns, g.values[c])
	}
	g.spellings.Add(g.key, g.columns, w)
}

// touch returns the state of the group of g.key, valid until the next call, its number,
// and whether it is new.
func (g *groups) touch() (state *groupState, number uint32, isNew bool) {
	n := g.numbers.Put(g.key)
	if isNew = *n == 0; isNew {
		*n = g.take()
	}
	state = &g.states[*n-1]
	if state.touched == 0 {
		start := len(g.keys)
		g.keys = append(g.keys, g.key...)
		g.changed = append(g.changed, touched{*n, start, len(g.keys)})
		state.touched = len(g.changed)
	}
	return state, *n, isNew
}

func (g *groups) take() uint32 {
	if n := len(g.free); n > 0 {
		number := g.free[n-1]
		g.free = g.free[:n-1]
		return number
	}
	g.states = append(g.states, groupState{})
	return uint32(len(g.states))
}

func (g *groups) keyOf(t touched) []byte { return g.keys[t.start:t.end] }

// representative is the key's columns as the group shows them: of several spellings,
// such as 1.0 and 1.00, the one with the least bytes.
func (g *groups) representative(key []byte) row.Row {
	if g.exact {
		return key
	}
	return least(g.spellings, key)
}

// emit makes now the row of a group, nil for none, and message its row error, "" for
// none, of the row with the key's columns alone.
func (g *groups) emit(c *Context, t touched, now row.Row, message string, out *zset.Batch) {
	s := &g.states[t.number-1]
	if message != "" {
		now = nil
	}
	g.fail(c, t, message)
	if (s.emitted == nil) == (now == nil) && bytes.Equal(s.emitted, now) {
		return
	}
	g.kept -= int64(cap(s.emitted))
	if s.emitted != nil {
		out.Add(s.emitted, -1)
	}
	if now == nil {
		s.emitted = nil
		return
	}
	out.Add(now, +1)
	if s.emitted == nil {
		s.emitted = make(row.Row, 0, len(now))
	}
	s.emitted = append(s.emitted[:0], now...)
	g.kept += int64(cap(s.emitted))
}

func (g *groups) fail(c *Context, t touched, message string) {
	old, had := g.failures[t.number]
	if !had && message == "" {
		return
	}
	var r row.Row
	if message != "" {
		r = g.representative(g.keyOf(t))
	}
	if had && old.message == message && bytes.Equal(old.row, r) {
		return
	}
	if had {
		c.Fail(old.row, old.message, -1)
		delete(g.failures, t.number)
	}
	if message != "" {
		f := failure{append(row.Row{}, r...), message}
		g.failures[t.number] = f
		c.Fail(f.row, f.message, +1)
	}
}

// settle ends a group's part in the step and reports whether it is gone.
func (g *groups) settle(t touched) (gone bool) {
	s := &g.states[t.number-1]
	s.touched = 0
	if s.weight != 0 || s.domain != 0 {
		return false
	}
	g.numbers.Delete(g.keyOf(t))
	g.free = append(g.free, t.number)
	return true
}

// done ends the step.
func (g *groups) done() {
	g.changed, g.keys = g.changed[:0], g.keys[:0]
	if cap(g.keys)+cap(g.changed)*24 > keptBytes {
		g.changed, g.keys = nil, nil
	}
}

// save writes the groups; each is called for what else a group has.
func (g *groups) save(w *zset.Writer, each func(number uint32)) {
	w.Uvarint(uint64(g.numbers.Len()))
	for key, n := range g.numbers.All() {
		s, f := g.states[*n-1], g.failures[*n]
		w.Bytes(key)
		w.Varint(s.weight)
		w.Varint(s.domain)
		w.Uvarint(uint64(len(f.message)))
		switch {
		case f.message != "":
			w.Bytes([]byte(f.message))
			w.Bytes(f.row)
		case s.emitted == nil:
			w.Uvarint(0)
		default:
			w.Uvarint(1)
			w.Bytes(s.emitted)
		}
		each(*n)
	}
	if !g.exact {
		g.spellings.Save(w)
	}
}

var errTwice = errors.New("the same key twice")

// load replaces the groups by those that save wrote.
func (g *groups) load(r *zset.Reader, each func(number uint32) error) error {
	*g = newGroups(g.types)
	for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
		number := g.numbers.Put(r.Bytes())
		if *number != 0 {
			return fmt.Errorf("dataflow: load group: %w", errTwice)
		}
		*number = g.take()
		s := &g.states[*number-1]
		s.weight, s.domain = r.Varint(), r.Varint()
		if r.Uvarint() != 0 {
			f := failure{message: string(r.Bytes())}
			f.row = append(row.Row{}, r.Bytes()...)
			g.failures[*number] = f
		} else if r.Uvarint() != 0 {
			s.emitted = append(row.Row{}, r.Bytes()...)
			g.kept += int64(cap(s.emitted))
		}
		if r.Err() != nil {
			break
		}
		if err := each(*number); err != nil {
			return err
		}
	}
	if !g.exact && r.Err() == nil {
		return g.spellings.Load(r)
	}
	return r.Err()
}

// size is the number of groups, and their memory.
func (g *groups) size() (rows, bytes int64) {
	bytes = g.numbers.Bytes() + int64(cap(g.states))*groupStateBytes + g.kept + int64(cap(g.free))*4
	if !g.exact {
		bytes += g.spellings.Bytes()
	}
	return int64(g.numbers.Len()), bytes
}
