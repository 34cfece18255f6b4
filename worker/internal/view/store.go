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
}

// store holds the rows of one physical table at one position of the log: the columns
// that views use, once for all of them. Old rows of updates and deletes come from
// here, so the table's replica identity may be its key alone.
type store struct {
	relation uint32
	columns  []keptColumn
	attached []keptColumn // all columns of the table, for a binding by place
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

// covers reports whether the store keeps all of the columns.
func (s *store) covers(numbers []int16) bool {
	return !slices.ContainsFunc(numbers, func(n int16) bool { return s.place(n) < 0 })
}

// place is where a column is kept, or -1.
func (s *store) place(number int16) int {
	return slices.IndexFunc(s.columns, func(c keptColumn) bool { return c.Number == number })
}

// bind finds the kept columns in a table as the log describes it: by name, and after
// a rename by place.
func (s *store) bind(r *replication.Relation) error {
	if s.bound == r {
		return nil
	}
	names := func(name string) int {
		return slices.IndexFunc(r.Columns, func(c replication.Column) bool { return c.Name == name })
	}
	from := make([]int, len(s.columns))
	for i, c := range s.columns {
		from[i] = names(c.Name)
		if from[i] < 0 {
			from[i] = s.byPlace(r, c)
		}
		if from[i] < 0 || r.Columns[from[i]].TypeOID != c.Type.OID {
			return fmt.Errorf("view: table %s.%s: column %s: %w", r.Namespace, r.Name, c.Name, errShape)
		}
	}
	for i := range s.columns {
		s.columns[i].Name = r.Columns[from[i]].Name
	}
	s.bound, s.from = r, from
	return nil
}

// byPlace finds a column that has another name in the log: where as many columns of
// the same types stand in the same order, it is the one at the same place.
func (s *store) byPlace(r *replication.Relation, c keptColumn) int {
	if s.bound != nil && len(s.bound.Columns) == len(r.Columns) {
		return s.from[s.place(c.Number)]
	}
	if len(s.attached) != len(r.Columns) {
		return -1
	}
	for i, a := range s.attached {
		if a.Type.OID != r.Columns[i].TypeOID {
			return -1
		}
	}
	return slices.IndexFunc(s.attached, func(a keptColumn) bool { return a.Number == c.Number })
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
