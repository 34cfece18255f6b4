package view

import (
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/replication"
)

var (
	// errShape is a table whose columns in the log no longer fit what is kept of it.
	errShape = errors.New("the table's columns have changed")
	// errDrift is a change to a row that is not kept: the table has changed in a
	// way that the log does not tell.
	errDrift = errors.New("the log changes a row that was never seen")
)

// keptColumn is a column of a table that some view uses, or that identifies a row.
type keptColumn struct {
	Number int16
	Name   string
	Type   *row.Type
	Stamp  string // changes when the column is another than it was; see ml_private.column_stamp
}

// store holds the rows of one physical table at one position of the log: the columns
// that views use, once for all of them. Old rows of updates and deletes come from
// here, so the table's replica identity may be its key alone.
type store struct {
	relation uint32
	columns  []keptColumn
	attached []keptColumn // all columns of the table in the log
	since    string       // tells spans of following the table apart; see ml_private.followed_since
	key      []int        // places in columns; nil if the log gives whole old rows
	keyed    *zset.Index  // key → row
	plain    *zset.Set    // rows, if key is nil

	bound *replication.Relation
	from  []int // places in bound.Columns of columns
	cells []row.Value
}

func newStore(relation uint32, columns, attached []keptColumn, key []int) *store {
	s := &store{relation: relation, columns: columns, attached: attached, key: key}
	s.clear()
	return s
}

func (s *store) clear() { s.keyed, s.plain = zset.NewIndex(), zset.NewSet() }

// covers reports whether the store keeps all that is needed of the table, as it is
// now: neither the columns nor how the log is followed have changed since it began.
func (s *store) covers(t base) bool {
	if s.since != t.since || !slices.Equal(s.keyNumbers(), t.key) {
		return false
	}
	for _, n := range slices.Concat(t.numbers, t.key) {
		i := slices.IndexFunc(t.attached, func(c keptColumn) bool { return c.Number == n })
		if p := s.place(n); p < 0 || i < 0 || s.columns[p].Stamp != t.attached[i].Stamp {
			return false
		}
	}
	return true
}

// place is where a column is kept, or -1.
func (s *store) place(number int16) int {
	return slices.IndexFunc(s.columns, func(c keptColumn) bool { return c.Number == number })
}

// bind finds the kept columns, by name, in a table as the log describes it. That the
// names still mean the same columns is the caller's to see: [store.described].
func (s *store) bind(r *replication.Relation) error {
	if s.bound == r {
		return nil
	}
	if (s.key != nil) == (r.ReplicaIdentity == 'f') {
		return fmt.Errorf("view: table %s.%s: replica identity: %w", r.Namespace, r.Name, errShape)
	}
	from := make([]int, len(s.columns))
	for i, c := range s.columns {
		from[i] = slices.IndexFunc(r.Columns, func(o replication.Column) bool { return o.Name == c.Name })
		if from[i] < 0 || r.Columns[from[i]].TypeOID != c.Type.OID {
			return fmt.Errorf("view: table %s.%s: column %s: %w", r.Namespace, r.Name, c.Name, errShape)
		}
	}
	keys := 0
	for _, c := range r.Columns {
		if c.Key {
			keys++
		}
	}
	for _, k := range s.key {
		if keys != len(s.key) || !r.Columns[from[k]].Key {
			return fmt.Errorf("view: table %s.%s: replica identity: %w", r.Namespace, r.Name, errShape)
		}
	}
	s.bound, s.from = r, from
	return nil
}

// described reports whether the log describes the table with the columns that it had
// when it was copied. Otherwise some may have been dropped, added and renamed so that
// a name is that of another column.
func (s *store) described(r *replication.Relation) bool {
	return slices.EqualFunc(r.Columns, s.attached, func(c replication.Column, a keptColumn) bool {
		return c.Name == a.Name && c.TypeOID == a.Type.OID
	})
}

// change applies one change of the log and appends the rows that go and come to out.
func (s *store) change(c *replication.Change, out *zset.Batch) error {
	if c.Kind == replication.Truncate {
		s.truncate(out)
		return nil
	}
	if err := s.bind(c.Relation); err != nil {
		return err
	}
	var old row.Row
	if c.Kind != replication.Insert {
		var err error
		if old, err = s.oldRow(c); err != nil {
			return err
		}
		s.remove(old)
		out.Add(old, -1)
	}
	if c.Kind == replication.Delete {
		return nil
	}
	new, err := s.newRow(c.New, old)
	if err != nil {
		return err
	}
	s.insert(new)
	out.Add(new, +1)
	return nil
}

// oldRow is the kept row that an update or delete ends.
func (s *store) oldRow(c *replication.Change) (row.Row, error) {
	cells := c.New
	if c.OldKind != 0 {
		cells = c.Old
	}
	if s.key == nil {
		if c.OldKind != 'O' {
			return nil, fmt.Errorf("view: table %s.%s: %w", c.Relation.Namespace, c.Relation.Name, errShape)
		}
		old, err := s.newRow(cells, nil)
		if err == nil && s.plain.Weight(old) <= 0 {
			err = fmt.Errorf("view: table %s.%s: %w", c.Relation.Namespace, c.Relation.Name, errDrift)
		}
		return old, err
	}
	var key row.Row
	for _, k := range s.key {
		v, err := value(cells[s.from[k]])
		if err != nil {
			return nil, fmt.Errorf("view: table %s.%s: identity column %s: %w", c.Relation.Namespace, c.Relation.Name, s.columns[k].Name, err)
		}
		key = row.Append(key, v)
	}
	for r := range s.keyed.Rows(key) {
		return slices.Clone(r), nil
	}
	return nil, fmt.Errorf("view: table %s.%s: %w", c.Relation.Namespace, c.Relation.Name, errDrift)
}

var errCell = errors.New("the value was not sent in binary form")

func value(c replication.Cell) (row.Value, error) {
	switch c.Kind {
	case replication.Null:
		return nil, nil
	case replication.Binary:
		if c.Data == nil {
			return row.Value{}, nil
		}
		return row.Value(c.Data), nil
	}
	return nil, errCell
}

// newRow is a row of the log in the kept columns; what was not sent is taken from old.
func (s *store) newRow(cells []replication.Cell, old row.Row) (row.Row, error) {
	s.cells = old.Split(s.cells[:0])
	r := make(row.Row, 0, len(old)+32)
	for i, from := range s.from {
		cell := cells[from]
		if cell.Kind == replication.Unchanged && old != nil {
			r = row.Append(r, s.cells[i])
			continue
		}
		v, err := value(cell)
		if err != nil {
			return nil, fmt.Errorf("view: column %s: %w", s.columns[i].Name, err)
		}
		r = row.Append(r, v)
	}
	return r, nil
}

// keyOf is the identity of a kept row.
func (s *store) keyOf(r row.Row) row.Row {
	s.cells = r.Split(s.cells[:0])
	var key row.Row
	for _, k := range s.key {
		key = row.Append(key, s.cells[k])
	}
	return key
}

func (s *store) insert(r row.Row) {
	if s.key == nil {
		s.plain.Add(r, +1)
		return
	}
	s.keyed.Add(s.keyOf(r), r, +1)
}

func (s *store) remove(r row.Row) {
	if s.key == nil {
		s.plain.Add(r, -1)
		return
	}
	s.keyed.Add(s.keyOf(r), r, -1)
}

func (s *store) truncate(out *zset.Batch) {
	s.all(func(r row.Row, w int64) { out.Add(r, -w) })
	s.clear()
}

// all visits the rows with their multiplicities.
func (s *store) all(visit func(row.Row, int64)) {
	for r, w := range s.plain.All() {
		visit(r, w)
	}
	for r, w := range s.keyed.All() {
		visit(r, w)
	}
}

func (s *store) size() (rows, bytes int64) {
	return int64(s.plain.Len() + s.keyed.Len()), s.plain.Bytes() + s.keyed.Bytes()
}
